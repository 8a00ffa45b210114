"""A customer as somebody changes it by hand: what is shown, whose it is, and what changed meanwhile (R37-R40b)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from klientela.errors import Conflict, UnknownThing
from klientela.flow import history
from klientela.flow.hands import Word
from klientela.model.records import Address
from klientela.rules import geo, hand, keys, rights
from klientela.rules.entered import OF_KINDS, PLACE
from klientela.rules.rights import CALLED, Holder, Refused
from klientela.store import changes, facts
from klientela.store.database import Db
from klientela.store.locate import record_keys
from klientela.store.provenance import Members, Origin, of_kinds, origins
from klientela.store.spoken import REMARK, Spoken, spoken

NAME = ("first_name", "last_name")
_OF_ADDRESSES = frozenset(("address", *hand.KINDS_OF_ADDRESSES))
_MOVES = ("joined", "merged", "split", "left")


def unit_of(field: str) -> str:
    """The unit a field is chosen with (R25); a claim's lists belong to their single values."""
    if field in PLACE or field == "addresses":
        return "address"
    if field in OF_KINDS:
        return OF_KINDS[field][0]
    if field == "phones":
        return "phone"
    return hand.UNIT_OF.get(field, field)


class Card:
    """One customer, read once inside the step that changes it."""

    def __init__(self, db: Db, key: bytes, customer: int, named: str = "") -> None:
        """`named`: how people call it."""
        self.db = db
        self.named = named
        self.key = key
        self.customer = customer
        self.sources = facts.sources(db)
        self.members = Members.read(db, customer, self.sources)
        self.shown = {
            **origins(self.members.summary, self.members.facts.values(), self.sources),
            **of_kinds(self.members),
        }
        self.oldest = self.members.oldest()
        entities = {number: item.entity for number, item in self.members.facts.items()}
        # a guest row goes its own way under another policy: what is said of the customer stays with who is told of
        self.spoken_of = next((one for one in self.oldest if entities[one] != facts.GUEST_ORDER), self.oldest[0])
        self.said: list[Spoken] = spoken(db, self.members.ids)
        self.titles: Mapping[str, str] = {}

    # -- what is shown -----------------------------------------------------------------------------------------------

    def value(self, field: str) -> Any:
        """What is shown of a field; None where it is empty."""
        if field in PLACE:
            return getattr(self.place(), field)
        if field in OF_KINDS:
            kind, part = OF_KINDS[field]
            return getattr(self.place(kind), part)
        return self.shown[field].value if field in self.shown else None

    def place(self, unit: str = "address") -> Address:
        """The address that is shown, the main one or that of a kind; an empty one where there is none."""
        found = self.shown.get(unit)
        return found.value if found is not None else Address()

    def holder(self, field: str) -> Holder | None:
        """The record whose value is shown; of a part of the name or the address, that of the whole unit."""
        unit = unit_of(field)
        fields = NAME if unit == "name" else (unit,)
        for one in (self.shown[name] for name in fields if name in self.shown):
            if one.item is not None:
                return self._holder(one.item.id, one)
        return None

    def spare(self) -> Holder | None:
        """The oldest record that may be edited."""
        found = (self._holder(number) for number in self.oldest)
        return next((holder for holder in found if holder.editable), None)

    def _holder(self, number: int, one: Origin | None = None) -> Holder:
        source = self.sources[self.members.facts[number].source]
        return Holder(number, source.label, source.type, one is not None and one.pinned)

    # -- what becomes of it ------------------------------------------------------------------------------------------

    def edits(self, wanted: Mapping[str, str | None]) -> tuple[list[Word], list[Refused]]:
        """What is said of which record where these fields are to have these values, and why not, field by field.

        A value that is shown already changes nothing. The parts of an address make one new address (R25).
        """
        words: list[Word] = []
        refused: list[Refused] = []
        parts: dict[str, dict[str, str | None]] = {}
        for field, value in wanted.items():
            shown = self.value(field)
            if value == shown or (field.endswith("country") and value is not None and value == geo.country(shown)):
                continue
            found = rights.edit(field, self.holder(field), self.spare(), self.titles)
            if isinstance(found, Refused):
                refused.append(found)
            elif field in PLACE:
                parts.setdefault("address", {})[field] = value
            elif field in OF_KINDS:
                kind, part = OF_KINDS[field]
                parts.setdefault(kind, {})[part] = value
            else:
                words.append(Word(hand.EDIT, found.record, {"field": field, "value": value}))
        for unit, changed in parts.items():
            holder = self.holder(unit) or self.spare()
            assert holder is not None  # noqa: S101 - its right to be changed was found above
            words.append(Word(hand.EDIT, holder.record, {"field": unit, "value": self._moved(unit, changed)}))
        return words, refused

    def pins(self, field: str, value: str) -> list[Word]:
        """What is said of the oldest record where a value is laid over a field: its whole unit, as it is then shown."""
        record, unit = self.spoken_of, unit_of(field)
        if unit in ("address", *hand.KINDS_OF_ADDRESSES):
            part = OF_KINDS[field][1] if field in OF_KINDS else field
            return [Word(hand.PIN, record, {"field": unit, "value": self._moved(unit, {part: value})})]
        fields = NAME if unit == "name" else (field,)
        return [
            Word(hand.PIN, record, {"field": one, "value": value if one == field else self.value(one)})
            for one in fields
        ]

    def pinned(self, field: str) -> list[Spoken]:
        """The pins that hold on the unit of a field, on any of the records."""
        unit = unit_of(field)
        return [
            word
            for word in self.said
            if word.kind == hand.PIN and word.holds and hand.UNIT_OF[word.detail["field"]] == unit
        ]

    def _moved(self, unit: str, parts: Mapping[str, str | None]) -> dict[str, Any] | None:
        """The address that is shown, with some parts changed; None where nothing of it is left."""
        new = dict(parts)
        shown = self.place(unit)
        if shown.house_number and new.get("street") and "house_number" not in new:
            new["street"], new["house_number"] = keys.split_house(new["street"] or "")
        made = replace(shown, **new)
        return to_builtins(made) if any(getattr(made, part) for part in PLACE) else None

    # -- what changed meanwhile --------------------------------------------------------------------------------------

    def unless_changed(self, since: int | None, fields: Collection[str]) -> None:
        """Conflict, saying what changed and through whom, where any of these fields was changed after `since`, the
        `version` of a profile (R40b). UnknownThing for a version that is still to come. None: nobody asks."""
        if since is None:
            return
        newest = self.db.one("SELECT max(seq) FROM txn")
        if since < 0 or newest is None or since > (newest[0] or 0):
            raise UnknownThing(f"there is no version {since} yet", hint="The profile's `version` is the number meant.")
        units = {unit_of(field) for field in fields}
        mine = set(record_keys(self.db, self.members.ids).values())
        mine |= {key.replace("/guest_order/", "/order/", 1) for key in mine}  # a guest's row is what its order says
        for line in reversed(changes.history(self.db, self.members.ids, self.sources, self.said).lines):
            same = unit_of(line["field"]) in units or (line["field"] == "addresses" and units & _OF_ADDRESSES)
            if line["seq"] > since and same and line["record"] in mine:
                name = CALLED.get(line["field"], line["field"])
                raise _meanwhile(f"the {name} was changed meanwhile by {line['actor']}", line["seq"])
        holders = {holder.record for field in fields if (holder := self.holder(field)) is not None}
        shown = set(record_keys(self.db, holders).values())
        publics = history.publics_of(self.db, self.key, self.customer)
        for line in history.read(self.db, publics, after=since):
            if line["kind"] in _MOVES and (line["kind"] in ("split", "left") or shown & set(line["records"] or ())):
                raise _meanwhile("records joined or left this customer meanwhile", line["seq"])

    def tag_sources(self, name: str) -> list[str]:
        """The sources of this customer's records that say this tag themselves, by their labels."""
        told = facts.load(self.db, self.members.ids, hands=False).values()
        items = [item for item in told if item.fact is not None and name in (item.fact.tags or ())]
        return sorted({self.sources[item.source].label for item in items})

    def remarks(self) -> list[Spoken]:
        """The remarks that hold, the newest last."""
        return [word for word in self.said if word.kind == REMARK and word.holds]


def _meanwhile(sentence: str, seq: int) -> Conflict:
    return Conflict(
        f"{sentence} (change {seq}), so nothing was written",
        hint="`klientela customer ID` shows it as it is now; save again with the `version` it has there.",
    )


__all__ = ["Card", "unit_of"]
