"""The customer row of the contract: one function makes it, for the list, the profile and every export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.money import decimal
from klientela.rules.rates import Rates
from klientela.store import capabilities, facts, ids
from klientela.store.capabilities import Can
from klientela.store.database import Db
from klientela.store.facts import SourceRow
from klientela.store.tables import ACCOUNT, ENTITIES

PURPOSES = ("promotion", "system")
NEVER = 2**62
RULES_IN_FORCE = (
    "SELECT canonical FROM ruleset WHERE id = (SELECT CAST(value AS integer) FROM meta WHERE name = 'ruleset')"
)


class View(Protocol):
    """What the store needs to know of a view; `settings.View` is one."""

    @property
    def sort(self) -> str: ...
    @property
    def totals(self) -> str: ...
    @property
    def include(self) -> str: ...
    @property
    def crm_source(self) -> str | None: ...


class Lens(NamedTuple):
    """How rows are read: the shop's currency, the view's totals, the names of the sources, what they can know, and the
    rates by which sums of several currencies are told in the shop's too."""

    currency: str
    gross: bool
    sources: Mapping[int, SourceRow]
    crm_source: int | None = None
    can: Can = MappingProxyType({})
    rates: Rates | None = None

    def knows(self, sources: Iterable[int], what: str) -> bool:
        """Whether any of these sources can know it; what none can is null in a row (R33)."""
        return capabilities.knows(self.can, (self.sources[source] for source in sources), what)


def lens(db: Db, view: View, rates: Rates | None = None) -> Lens:
    """The lens of a view. A CRM source that was never synced has no ids yet."""
    row = db.one(RULES_IN_FORCE)
    known = facts.sources(db)
    crm = next((row.id for row in known.values() if row.label == view.crm_source), None)
    return Lens(
        str(json.loads(row[0])["currency"]) if row else "EUR",
        view.totals == "gross",
        known,
        crm,
        capabilities.read(db),
        rates,
    )


def source_named(sources: Mapping[int, SourceRow], name: str) -> SourceRow:
    """The source of that label, or of that first name."""
    for row in sources.values():
        if row.label == name:
            return row
    for row in sources.values():
        if row.uid == name:
            return row
    raise UnknownThing(
        f"there is no source {name!r} in the store",
        hint=f"Known are {', '.join(sorted(r.label for r in sources.values())) or 'none yet; run `klientela sync`'}",
    )


_CUSTOMER = (
    "id", "pub", "first_name", "last_name", "email", "phone", "company", "city", "country", "status", "sources",
    "joined", "number", "crm_id", "tags", "modules", "inactive", "consents", "fallback", "seen",
)  # fmt: skip
_TALLY = ("ltv", "orders", "last", "gross", "gross_orders", "gross_last", "tests", "other", "scanned")
_SELECT = (
    f"SELECT {', '.join('c.' + c for c in _CUSTOMER)}, {', '.join('t.' + c for c in _TALLY)} "
    "FROM customer c JOIN tally t ON t.id = c.id WHERE c.id "
)


def rows(db: Db, wanted: Sequence[int], by: Lens, *, records: bool = False, key: bytes = b"") -> list[dict[str, Any]]:
    """The customer rows of some ids, in their order; ids that make no row are left out.

    `records` adds each member record, sorted by canonical key; `key` is the instance key their public ids hang on.
    """
    if not wanted:
        return []
    found = {row[0]: row for row in db.rows(_SELECT + db.among, (db.pack(wanted),))}
    crm = _crm_ids(db, found, by.crm_source) if by.crm_source is not None else {}
    members = records_of(db, found, by.sources, key) if records else {}
    made = []
    for number in wanted:
        if number in found:
            row = _row(found[number], by)
            if row["crm_id"] is None and number in crm:
                row["crm_id"] = crm[number]
            if records:
                row["records"] = members.get(number, [])
            made.append(row)
    return made


def names(db: Db, publics: Iterable[str]) -> dict[str, str]:
    """How customers are called in the list, by their public id; an id that no row has now is left out."""
    wanted = set(publics)
    halves = [ids.pub8(UUID(text).bytes) for text in wanted]
    found = db.rows(
        f"SELECT pub, first_name, last_name, email, phone, fallback FROM customer WHERE pub8 {db.among}",
        (db.pack(halves),),
    )
    told = {ids.text(bytes(pub)): _name(bytes(pub), *parts) for pub, *parts in found}
    return {public: told[public] for public in wanted & told.keys()}


def _name(public: bytes, first: str | None, last: str | None, *others: str | None) -> str:
    """First and last name, else the e-mail, the phone, what else there is, our number (A09)."""
    return " ".join(x for x in (first, last) if x) or next((x for x in others if x), None) or ids.short_number(public)


def first_seen(db: Db, wanted: Sequence[int]) -> dict[str, str]:
    """When those of some customers were first seen here of whom no source says since when they are customers (R55b), by
    their public id: what a list shows in the place of `joined`; it stands in no row and no export."""
    found = db.rows(f"SELECT pub, seen FROM customer WHERE joined IS NULL AND id {db.among}", (db.pack(wanted),))
    return {ids.text(bytes(pub)): iso(seen) for pub, seen in found}


def _row(columns: tuple[Any, ...], by: Lens) -> dict[str, Any]:
    (
        _, pub, first, last, email, phone, company, city, country, status, sources, joined, number, crm_id, tags,
        modules, inactive, consents, fallback, _seen, ltv, orders, newest, gross, gross_orders, gross_newest, tests,
        other, scanned,
    ) = columns  # fmt: skip
    public = bytes(pub)
    more: dict[str, list[int]] = json.loads(other) if other else {}
    last_order = gross_newest if by.gross else newest
    held = json.loads(sources)
    ordered = gross_orders > 0 or tests > 0 or by.knows(held, "orders")  # what is there counts more than what is said
    tested = tests > 0 or by.knows(held, "test_orders")
    made = {
        "id": ids.text(public),
        "name": _name(public, first, last, email, phone, fallback),
        "first_name": first,
        "last_name": last,
        "email": email,
        "phone": phone,
        "company": company,
        "city": city,
        "country": country,
        "status": "registered" if status else "guest",
        "sources": sorted(by.sources[s].label for s in held),
        "orders": (gross_orders if by.gross else orders) if ordered else None,
        "ltv": amounts(by.currency, ltv, {c: v[0] for c, v in more.items()}) if ordered else None,
        "gross": {
            "sum": amounts(by.currency, gross, {c: v[1] for c, v in more.items()}) if ordered else None,
            "count": gross_orders if ordered else None,
            "last_order": None if gross_newest is None else iso(gross_newest),
        },
        "last_order": None if last_order is None else iso(last_order),
        "joined": None if joined is None else iso(joined),
        "customer_number": number or ids.short_number(public),
        "crm_id": crm_id,
        "tags": json.loads(tags) if tags else [],
        "modules": json.loads(modules) if modules else [],
        "test_order": tests > 0 if tested else None,
        "qr_scanned": None if scanned is None else iso(scanned),
        "inactive": bool(inactive),
        "consents": consent_table(json.loads(consents) if consents else {}),
    }
    if by.rates is not None and more and ordered:
        _add_about(made, by.rates, by.currency, (ltv, gross), more)
    return made


def _add_about(
    row: dict[str, Any], rates: Rates, currency: str, own: tuple[int, int], others: Mapping[str, Sequence[int]]
) -> None:
    """Beside a sum that another currency has a part in, about what it comes to in the shop's (R34).

    `ltv_approx` and `gross.sum_approx`: `{"amount", "currency", "rates": ISO date}`. Where a rate is missing the sum
    stands alone, and `rates_missing` names the currencies.
    """
    missing: set[str] = set()
    for at, (place, name) in enumerate(((row, "ltv_approx"), (row["gross"], "sum_approx"))):
        amounts = {code: sums[at] for code, sums in others.items() if sums[at]}
        if amounts:
            about = rates.about({**amounts, currency: own[at]}, currency)
            missing.update(about.missing)
            if about.amount is not None:
                place[name] = {"amount": decimal(about.amount, currency), "currency": currency, "rates": rates.day}
    if missing:
        row["rates_missing"] = sorted(missing)


def amounts(currency: str, own: int, others: Mapping[str, int]) -> list[dict[str, str]]:
    """Each currency's sum by itself (R34): the shop's first, and where nothing counts 0.00 in it."""
    made = [{"amount": decimal(others[c], c), "currency": c} for c in sorted(others) if others[c]]
    if own or not made:
        made.insert(0, {"amount": decimal(own, currency), "currency": currency})
    return made


def consent_table(states: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Both purposes of every channel that has an answer, and of e-mail; what was never answered is unknown (R43)."""
    return {
        channel: {purpose: states.get(channel, {}).get(purpose, "unknown") for purpose in PURPOSES}
        for channel in sorted({"email", *states})
    }


def answer_parts(text: str | None) -> list[str]:
    """The parts of the figure `consents` that a row counts in, by its `consents`: each answer as channel, purpose and
    state, and each purpose that any channel granted."""
    if text is None:
        return []
    answers = [
        (channel, purpose, state) for channel, said in json.loads(text).items() for purpose, state in said.items()
    ]
    granted = {purpose for _, purpose, state in answers if state == "granted"}
    return [*map(":".join, answers), *(f"any:{purpose}:granted" for purpose in sorted(granted))]


# -- member records ---------------------------------------------------------------------------------------------------

_MEMBER = "p.id, p.created, p.flags, r.source, r.entity, r.ext, r.gone"


def members_of(db: Db, customers: Iterable[int], columns: str = _MEMBER) -> dict[int, list[tuple[Any, ...]]]:
    """The member records of some customers: columns of `person p` and `record r`, in no particular order."""
    packed = db.pack(customers)
    found: dict[int, list[tuple[Any, ...]]] = {}
    for customer, join, where in (
        ("p.id", "", "p.customer IS NULL AND p.node IS NULL AND p.id"),
        ("p.customer", "", "p.customer"),
        ("n.customer", "JOIN person p ON p.node = n.id ", "n.customer"),
    ):
        start = f"FROM node n {join}" if join else "FROM person p "
        for row in db.rows(
            f"SELECT {customer}, {columns} {start}JOIN record r ON r.id = p.id WHERE {where} {db.among}", (packed,)
        ):
            found.setdefault(row[0], []).append(row[1:])
    return found


def records_of(
    db: Db, customers: Iterable[int], sources: Mapping[int, SourceRow], key: bytes
) -> dict[int, list[dict[str, Any]]]:
    """The `records` of the contract, oldest first by canonical key (R22)."""
    made = {}
    for customer, members in members_of(db, customers).items():
        listed = []
        for _, created, flags, source, entity, ext, gone in members:
            uid, name = sources[source].uid, ENTITIES[entity]
            public = ids.public_id(uid, name, ext, key)
            entry = {
                "id": ids.text(public),
                "source": sources[source].label,
                "entity": name,
                "external_id": ext,
                "registered": bool(flags & ACCOUNT) or name == "manual",
                "gone": bool(gone),
            }
            listed.append(((NEVER if created is None else created, uid, name, ext), entry))
        listed.sort(key=lambda pair: pair[0])
        made[customer] = [entry for _, entry in listed]
    return made


def _crm_ids(db: Db, customers: Iterable[int], source: int) -> dict[int, str]:
    """The external id in the CRM's source (R55b): that of the oldest record there."""
    found: dict[int, tuple[tuple[int, int, str], str]] = {}
    for customer, members in members_of(db, customers).items():
        for _, created, _flags, of, entity, ext, _gone in members:
            rank = (NEVER if created is None else created, entity, ext)
            if of == source and (customer not in found or rank < found[customer][0]):
                found[customer] = (rank, ext)
    return {customer: ext for customer, (_, ext) in found.items()}
