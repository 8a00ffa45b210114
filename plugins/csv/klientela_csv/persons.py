"""Turns the cells of a row into a person, by a plan that is made once for each file.

A mapped column whose cell is empty *clears* the field; a field without column stays absent (R0b).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from klientela.kit import Address, Consent, Instant, Number, Person, RecordRejected
from klientela_csv import cells as read
from klientela_csv.fields import (
    ADDRESS,
    CONSENTS,
    FURTHER_ADDRESSES,
    FURTHER_EMAILS,
    FURTHER_PHONES,
    NAMED_ADDRESS,
    OUR_ID,
    TEXTS,
)
from klientela_csv.header import Header
from klientela_csv.layouts import fold

Cells = Sequence[str]
Entity = Literal["customer", "contact", "manual"]

LONGEST_ID = 255  # an index entry of PostgreSQL ends at 2.7 KB; no shop's id comes near


@dataclass(frozen=True, slots=True)
class Terms:
    """What besides the header decides how rows are read.

    zone       of times that carry none
    numbers    namespace of customer numbers (R16); None: the source
    entity     what the records are
    subscribe  R44: auto-subscribe is ticked; everybody with an e-mail is granted, with file and row as evidence
    edits      R51: rows with a klientela_id are edits of customers we have; without it they are rejected
    """

    file: str
    zone: ZoneInfo
    currency: str = "EUR"
    numbers: str | None = None
    entity: Entity = "customer"
    subscribe: bool = False
    edits: bool = False


def filled(cell: str) -> str | None:
    """The cell as it is written, or None when nothing is in it."""
    return cell if cell and not cell.isspace() else None


class Tidy:
    """Takes back apostrophes: those that neutralise formulas anywhere, Shopify's where it writes them."""

    def __init__(self, header: Header) -> None:
        self._bare = [header.fields[name] for name in header.layout.bare if name in header.fields]

    def __call__(self, cells: list[str], text: str) -> list[str]:
        if "'" not in text:  # nearly every row
            return cells
        tidy = [read.unquote(cell) if cell[:1] == "'" else cell for cell in cells]
        for i in self._bare:
            tidy[i] = read.bare(cells[i])
        return tidy


class PersonPlan:
    """Makes persons from the rows under one header."""

    def __init__(self, header: Header, terms: Terms) -> None:
        fields = header.fields
        self._header = header
        self._terms = terms
        self._zone = ZoneInfo(header.layout.zone) if header.layout.zone else terms.zone
        self._texts = tuple((name, fields[name]) for name in TEXTS if name in fields)
        self._email = fields.get("email")
        self._name = fields.get("name")
        self._our_id = header.ours.get(OUR_ID)
        self._parts = tuple(step for step in self._steps() if step is not None)
        self._identify = Identifier(header)
        self._granted = any(terms.file.casefold().startswith(start) for start in header.layout.subscribed)

    def identify(self, cells: Cells) -> str | None:
        """The external id of a row (R50)."""
        return self._identify(cells)

    def identify_ragged(self, cells: Cells) -> str | None:
        """The id of a row of the wrong width, if it stands where ids stand."""
        return self._identify.strong(cells)

    def person(self, cells: Cells, line: int) -> Person:
        """The person of a row. RecordRejected names the column that cannot be read."""
        known: dict[str, Any] = {}
        for name, i in self._texts:
            cell = cells[i]
            known[name] = cell if cell and not cell.isspace() else None
        if self._email is not None and (mail := known["email"]) is not None and not read.is_mailbox(mail):
            raise self._no("email", "the e-mail address is none: it needs one @ with something on both sides")
        if self._name is not None:
            _fill_name(known, cells[self._name])
        for step in self._parts:
            step(cells, known)
        if self._terms.subscribe and known.get("email"):
            self._subscribe(known, line)
        external_id = self._identify(cells)
        if self._our_id is not None and cells[self._our_id].strip():
            external_id = self._edit(cells[self._our_id].strip())
            known["channel"] = "edit"
        if external_id is None:
            raise RecordRejected("the row says nothing about anybody")
        known.setdefault("kind", "contact")
        return Person(external_id=external_id, entity=self._terms.entity, **known)

    def _no(self, field: str, reason: str) -> RecordRejected:
        return RecordRejected(reason, column=self._header.name(field))

    def _edit(self, klientela_id: str) -> str:
        """R51: a known id is an edit, which only an import can make; as a new record it would double the customer."""
        if not self._terms.edits:
            raise RecordRejected(
                "the row carries a klientela_id, so it is an edit of a customer and no new record",
                column=self._header.columns[self._our_id or 0],
            )
        return klientela_id

    # --- steps: each reads some cells into the fields of a person; None where the file has no such column ---------

    def _steps(self) -> list[Callable[[Cells, dict[str, Any]], None] | None]:
        return [
            self._value("kind", "kind", read.kind),
            self._value("updated_at", "version", lambda cell: read.moment(cell, self._zone)),
            self._value("created_at", "created_at", lambda cell: read.moment(cell, self._zone)),
            self._value("tags", "tags", read.tags),
            self._value("number", "numbers", self._numbers),
            self._further("emails", FURTHER_EMAILS),
            self._further("phones", FURTHER_PHONES),
            self._addresses(),
            self._consents(),
        ]

    def _value(
        self, field: str, target: str, parse: Callable[[str], Any]
    ) -> Callable[[Cells, dict[str, Any]], None] | None:
        i = self._header.fields.get(field)
        if i is None:
            return None

        def step(cells: Cells, known: dict[str, Any]) -> None:
            try:
                known[target] = parse(cells[i])
            except ValueError as error:
                raise self._no(field, str(error)) from None

        return step

    def _numbers(self, cell: str) -> list[Number]:
        return [Number(read.whole_id(cell), self._terms.numbers)] if filled(cell) else []

    def _further(self, target: str, names: Sequence[str]) -> Callable[[Cells, dict[str, Any]], None] | None:
        at = [self._header.fields[name] for name in names if name in self._header.fields]
        if not at:
            return None

        def step(cells: Cells, known: dict[str, Any]) -> None:
            known[target] = list(dict.fromkeys(cell for i in at if (cell := filled(cells[i])) is not None))

        return step

    def _addresses(self) -> Callable[[Cells, dict[str, Any]], None] | None:
        plans = address_plans(self._header)
        if not plans:
            return None
        combined = self._header.layout.whole_address

        def step(cells: Cells, known: dict[str, Any]) -> None:
            found = [plan(cells) for plan in plans]
            addresses = [address for address in found if address is not None and is_place(address)]
            known["addresses"] = [_whole(address) for address in addresses] if combined else addresses

        return step

    def _consents(self) -> Callable[[Cells, dict[str, Any]], None] | None:
        fields = self._header.fields
        asked = [(name, fields[name]) for name in CONSENTS if name in fields]
        if not asked and "unsubscribed_at" not in fields and not self._header.layout.subscribed:
            return None
        said_at, withdrawn_at = fields.get("consent_at"), fields.get("unsubscribed_at")

        def step(cells: Cells, known: dict[str, Any]) -> None:
            events = [event for name, i in asked if (event := self._answer(name, cells[i], known)) is not None]
            at = self._moment("consent_at", cells, said_at)
            if self._granted and known.get("email"):
                events.append(self._consent("consent_email", True, known, at))
            withdrawn = self._moment("unsubscribed_at", cells, withdrawn_at)
            if withdrawn is not None:
                events.append(self._consent("consent_email", False, known, withdrawn))
            known["consents"] = events

        return step

    def _moment(self, field: str, cells: Cells, i: int | None) -> Instant | None:
        try:
            return None if i is None else read.moment(cells[i], self._zone)
        except ValueError as error:
            raise self._no(field, str(error)) from None

    def _answer(self, name: str, cell: str, known: dict[str, Any]) -> Consent | None:
        try:
            said = read.consent(cell)
        except ValueError as error:
            raise self._no(name, str(error)) from None
        if said is None or (not said and not self._header.layout.no_is_denied and not _withdrawn(cell)):
            return None
        return self._consent(name, said, known, None)

    def _consent(self, name: str, granted: bool, known: dict[str, Any], at: Instant | None) -> Consent:
        channel: Any = CONSENTS[name]
        about = {"email": "email", "sms": "phone", "phone": "phone", "whatsapp": "phone"}.get(channel)
        return Consent(
            channel=channel,
            purpose="promotion",
            state="granted" if granted else "denied",
            at=at,
            address=known.get(about) if about else None,
            basis="import",  # R44: whether that grants anything is the core's business
            evidence=f"{self._terms.file}: {self._header.name(name) if name in self._header.fields else 'the list'}",
        )

    def _subscribe(self, known: dict[str, Any], line: int) -> None:
        """R44 with auto-subscribe: granted, unless the row itself says no to e-mail."""
        events = [event for event in known.get("consents", ()) if event.channel != "email" or event.state == "denied"]
        if not any(event.channel == "email" for event in events):
            evidence = f"{self._terms.file}, line {line}"
            events.append(
                Consent(
                    channel="email",
                    purpose="promotion",
                    state="granted",
                    address=known["email"],
                    basis="import",
                    evidence=evidence,
                )
            )
        known["consents"] = events


def _withdrawn(cell: str) -> bool:
    return cell.strip().casefold() == "unsubscribed"


def _fill_name(known: dict[str, Any], cell: str) -> None:
    """The parts of a full name, where the file has no columns of their own for them or nothing in those."""
    first, last, company = read.split_name(cell)
    if not known.get("first_name") and not known.get("last_name"):
        known["first_name"], known["last_name"] = first, last
    if company and not known.get("company"):
        known["company"] = company


# --- addresses ---------------------------------------------------------------------------------------------------


def address_plans(header: Header) -> list[Callable[[Cells], Address | None]]:
    """One function for each address a row can hold, the main one first; None where the cells say nothing."""
    plans = [_address_plan(header, "", ADDRESS, None)]
    for prefix, kind in FURTHER_ADDRESSES.items():
        plans.append(_address_plan(header, prefix, NAMED_ADDRESS, kind))
    return [plan for plan in plans if plan is not None]


def _address_plan(
    header: Header, prefix: str, parts: Sequence[str], kind: Any
) -> Callable[[Cells], Address | None] | None:
    at = tuple((part, header.fields[prefix + part]) for part in parts if prefix + part in header.fields)
    if not at:
        return None
    named = any(part == "name" for part, _ in at)
    street = header.fields.get(prefix + "street")
    both = street is not None and fold(header.columns[street]) in header.layout.instead

    def plan(cells: Cells) -> Address | None:
        known: Any = {part: cell for part, i in at if (cell := cells[i]) and not cell.isspace()}
        if not known:
            return None
        if named:
            _fill_name(known, known.pop("name", ""))
        if both and "street" in known:
            _part_lines(known)
        return Address(kind=kind, **known)

    return plan


_FIRST_LINE = re.compile(r"(?P<street>(?=[^,]*[^\W\d])[^,]*\d[^,]*),\s*(?P<line2>\S.*)", re.DOTALL)


def _part_lines(known: dict[str, Any]) -> None:
    """`Musterweg 5, Hinterhaus` taken apart: behind the house number it is the second line, if it is one."""
    street, second = known["street"].strip(), known.get("line2", "").strip()
    if second and street.endswith(second) and street[: -len(second)].rstrip(" ,"):
        known["street"] = street[: -len(second)].rstrip(" ,")
    elif not second and (found := _FIRST_LINE.fullmatch(street)):
        known |= found.groupdict()


def is_place(address: Address) -> bool:
    """Whether it says where, not only who."""
    return any((address.street, address.line2, address.zip, address.city, address.region, address.country))


_COMBINED = re.compile(
    r"(?P<street>.+?) {2,}(?P<city>[^ ].*?) {2,}(?P<zip>[\w-]*\d[\w-]*)(?: +(?P<country>[A-Za-z]{2}))?$"
)


def _whole(address: Address) -> Address:
    """Mailchimp's `Musterweg 5  Dresden  01067 DE` taken apart; what has another form stays in one piece."""
    found = _COMBINED.match((address.street or "").strip())
    parts: Any = found.groupdict() if found else None
    return Address(**parts) if parts else address


# --- the id of a row ---------------------------------------------------------------------------------------------


class Identifier:
    """R50: the mapped id, else the order id, else the customer number, else the mailbox, the phone, the row itself.

    Where the file has a better column and only this row lacks its value, the weaker id says what it is
    (`number:77`): the number 77 of one row must not be the id 77 of another.
    """

    _STRONG = ("external_id", "order_id", "order_number", "number")

    def __init__(self, header: Header) -> None:
        fields = header.fields
        self._strong = [
            (fields[name], "" if rank == 0 else f"{name.removesuffix('_id').removesuffix('_number')}:")
            for rank, name in enumerate(name for name in self._STRONG if name in fields)
        ]
        self._mails = [fields[name] for name in ("email", *FURTHER_EMAILS) if name in fields]
        self._phones = [fields[name] for name in ("phone", *FURTHER_PHONES) if name in fields]
        self._all = sorted((name, i) for name, i in fields.items() if name != "updated_at")

    def strong(self, cells: Cells) -> str | None:
        """The id that the source gave, if it did."""
        for i, prefix in self._strong:
            if i < len(cells) and (value := cells[i].strip()):
                return prefix + value
        return None

    def __call__(self, cells: Cells) -> str | None:
        if given := self.strong(cells):
            if len(given) > LONGEST_ID:
                raise RecordRejected(f"the id is longer than {LONGEST_ID} characters")
            try:
                read.whole_id(given.rpartition(":")[2])
            except ValueError as error:
                raise RecordRejected(f"the id cannot be used: {error}") from None
            return given
        for i in self._mails:
            if key := read.mail_key(cells[i]):
                return "mail:" + key
        for i in self._phones:
            if key := read.phone_key(cells[i]):
                return "phone:" + key
        return self._row(cells)

    def _row(self, cells: Cells) -> str | None:
        """A hash of what the row says: the same for another case, another spacing, another order of the columns."""
        said = [f"{name}={value}" for name, i in self._all if (value := _normal(cells[i]))]
        if not said:
            return None
        return "row:" + hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]


def _normal(cell: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().split())
