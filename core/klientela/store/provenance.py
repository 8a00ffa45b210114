"""Where each value of a profile comes from: the record that won, since when, who changed it by hand, and what lies beneath
(R27, R38)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.records import Address, Person
from klientela.rules import hand, precedence
from klientela.rules.precedence import Member, Summary, merge, summary
from klientela.rules.publish import NEVER, is_account, is_guest
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, rows
from klientela.store.database import Db
from klientela.store.facts import Loaded, SourceRow
from klientela.store.spoken import Change, Spoken
from klientela.store.tables import ENTITIES

_SUMMARY = msgspec.msgpack.Decoder(Summary)
_DECIDES = {"city": "address", "country": "address"}
"""Fields of the row that an operator sets with another one."""


class Origin(NamedTuple):
    """A value and the record it comes from. `first`: it is the record's first value of its kind, not a further one."""

    value: Any
    item: Loaded | None
    pinned: bool
    first: bool


class Members(NamedTuple):
    """The records of a customer and what they say together."""

    ids: list[int]
    facts: dict[int, Loaded]
    summary: Summary
    ruleset: Ruleset
    sources: Mapping[int, SourceRow]

    @classmethod
    def read(cls, db: Db, customer: int, sources: Mapping[int, SourceRow]) -> Members:
        """Lone records are summed up here; a node of equal records brings its summary along. UnknownThing where no
        source says anything."""
        held = rows.members_of(db, [customer], "p.id, p.node").get(customer, [])
        numbers = sorted(number for number, _ in held)
        loaded = {n: item for n, item in facts.load(db, numbers).items() if item.fact is not None}
        ruleset = rules_in_force(db)
        parts = [
            _SUMMARY.decode(bytes(blob))
            for (blob,) in db.rows("SELECT summary FROM node WHERE customer = ? ORDER BY id", (customer,))
        ]
        lone = [loaded[number] for number in sorted(n for n, node in held if node is None) if number in loaded]
        parts += [_summary(item, sources, ruleset) for item in lone]
        made = _together(parts)
        if made is None:
            raise UnknownThing("no source says anything of this customer", hint="Sync its source again")
        return cls(numbers, loaded, made, ruleset, sources)

    def oldest(self) -> list[int]:
        """The records that say anything, oldest first by canonical key (R22)."""
        return sorted(self.facts, key=lambda number: _canon(self.facts[number], self.sources))


def rules_in_force(db: Db) -> Ruleset:
    """The ruleset of the store."""
    row = db.one(rows.RULES_IN_FORCE)
    return Ruleset.parse(row[0]) if row else Ruleset()


def origins(made: Summary, items: Iterable[Loaded], sources: Mapping[int, SourceRow]) -> dict[str, Origin]:
    """The record behind each value that is shown; a field that nobody fills is left out."""
    uids = {source.uid: source for source in sources.values()}
    at = {(item.source, ENTITIES[item.entity], item.ext): item for item in items}

    def origin(value: Any, rank: Sequence[Any], tail: int = 0) -> Origin:
        _, uid, entity, ext = rank[len(rank) - 4 - tail : len(rank) - tail]
        return Origin(value, at.get((uids[uid].id, entity, ext)), rank[0] == 0, not tail or rank[-1] == 0)

    found: dict[str, Origin] = {}
    if made.name is not None:
        for field, value in zip(("first_name", "last_name"), made.name[1], strict=True):
            if value:
                found[field] = origin(value, made.name[0])
    for field in ("company", "birthday", "crm_id"):
        slot = getattr(made, field)
        if slot is not None:
            found[field] = origin(slot[1], slot[0])
    for field, slots in (("email", made.emails), ("phone", made.phones), ("customer_number", made.numbers)):
        if slots:
            rank, value = min(slots.values(), key=lambda slot: slot[0])
            found[field] = origin(value, rank, 0 if field == "customer_number" else 1)
    if made.address is not None:
        found["address"] = origin(made.address[1], made.address[0], 1)
    for field, value in zip(("city", "country"), precedence.home(made), strict=True):
        own = made.address if made.address is not None and getattr(made.address[1], field) else getattr(made, field)
        if own is not None and value is not None:
            found[field] = origin(value, own[0], 1)
    return found


def of_kinds(members: Members) -> dict[str, Origin]:
    """The billing and the delivery address, each from the record whose word counts most among those that have one (C21):
    a pin first, then the source by priority, the newest, the oldest record (R27)."""
    found: dict[str, tuple[Any, Origin]] = {}
    for item in members.facts.values():
        person: Person = item.fact
        rules = members.ruleset.of(members.sources[item.source].uid)
        pinned = person.pinned if person.pinned is not UNSET else []
        age = -item.version if item.version is not None else NEVER
        for place in person.addresses if person.addresses is not UNSET and person.addresses else ():
            kind = place.kind
            if kind not in hand.KINDS_OF_ADDRESSES:
                continue
            rank = (kind not in pinned, rules.priority, age, *_canon(item, members.sources))
            if kind not in found or rank < found[kind][0]:  # of one record the first of its kind
                found[kind] = (rank, Origin(place, item, kind in pinned, True))
    return {kind: one for kind, (_, one) in found.items()}


def provenance(
    db: Db, members: Members, said: Sequence[Spoken], changes: Mapping[int, Change]
) -> dict[str, dict[str, Any]]:
    """`{field: {"value", "source", "record", "since", "pinned"}}`; of what an operator set `since` is when, `by` is who,
    and `beneath` is what would be shown without, as `{"value", "source", "record", "since"}`, null where nothing is."""
    shown = origins(members.summary, members.facts.values(), members.sources)
    by_hand = {field: word for field, one in shown.items() if (word := _set_by(field, one, said)) is not None}
    beneath = _Beneath(db, members, said) if by_hand else None
    made = {}
    for field, one in shown.items():
        made[field] = {**_entry(one, members.sources), "pinned": one.pinned}
        word = by_hand.get(field)
        if word is not None and beneath is not None:
            change = changes.get(word.since)
            made[field]["since"] = None if change is None or change.at is None else iso(change.at)
            made[field]["by"] = None if change is None else change.actor
            under = beneath.of(field, one)
            made[field]["beneath"] = None if under is None else _entry(under, members.sources)
    for field, one in _decided(members).items():
        made[field] = {**_entry(one, members.sources), "pinned": False}
    if members.summary.tags:
        made["tags"] = _tags(db, members, said, changes)
    return made


def _decided(members: Members) -> dict[str, Origin]:
    """The records that decide the status (R4) and since when somebody is a customer (R55b)."""
    status = precedence.status(members.summary)
    items = [members.facts[number] for number in members.oldest()]

    def says(item: Loaded) -> bool:
        rules = members.ruleset.of(members.sources[item.source].uid)
        if members.summary.registered:
            return item.fact.entity == "manual" or is_account(item.fact, rules)
        return is_guest(item.fact, rules) or not members.summary.guest

    found = {"status": Origin(status, next((item for item in items if says(item)), items[0]), False, True)}
    joined = members.summary.created
    if joined is not None:  # the oldest record is the one that was made first
        found["joined"] = Origin(iso(joined), items[0], False, True)
    return found


def _tags(db: Db, members: Members, said: Sequence[Spoken], changes: Mapping[int, Change]) -> dict[str, Any]:
    """All tags, and in `parts` whose each is: a source's, or an operator's (`by`). `record` where one says them all."""
    put_on = [word for word in said if word.kind == hand.TAG and word.holds and word.record in members.facts]
    told = facts.load(db, {word.record for word in put_on}, hands=False)
    parts: list[dict[str, Any]] = []
    for number in members.oldest():
        item = told.get(number, members.facts[number])
        for tag in sorted(set(item.fact.tags or ())):
            parts.append({**_entry(Origin(tag, item, False, True), members.sources), "by": None})
        for word in put_on:
            if word.record == number:
                change = changes.get(word.since)
                parts.append({
                    **_entry(Origin(word.detail["tag"], item, False, True), members.sources),
                    "since": None if change is None or change.at is None else iso(change.at),
                    "by": None if change is None else change.actor,
                })  # fmt: skip
    first = parts[0] if len({part["record"] for part in parts}) == 1 else dict.fromkeys(parts[0])
    whole = {name: first[name] for name in ("source", "record", "since")}
    return {"value": members.summary.tags, **whole, "pinned": False, "parts": parts}


def _entry(one: Origin, sources: Mapping[int, SourceRow]) -> dict[str, Any]:
    item = one.item
    label = None if item is None else sources[item.source].label
    return {
        "value": line(one.value) if isinstance(one.value, Address) else one.value,
        "source": label,
        "record": None if item is None else f"{label}/{ENTITIES[item.entity]}/{item.ext}",
        "since": None if item is None or item.version is None else iso(item.version),
    }


def line(place: Address) -> str:
    """An address in one line."""
    street = " ".join(x for x in (place.street, place.house_number) if x)
    town = " ".join(x for x in (place.zip, place.city) if x)
    return ", ".join(x for x in (street, place.line2, town, place.country) if x)


def _set_by(field: str, one: Origin, said: Sequence[Spoken]) -> Spoken | None:
    """The edit or pin that the shown value is, the newest that holds on its record."""
    if one.item is None or not one.first:
        return None
    number, wanted = one.item.id, _DECIDES.get(field, field)
    set_here = (w for w in reversed(said) if w.record == number and w.holds and w.kind in (hand.EDIT, hand.PIN))
    return next((word for word in set_here if word.detail["field"] == wanted), None)


class _Beneath:
    """What would be shown without the pins, and what the sources of a record say without its edits."""

    def __init__(self, db: Db, members: Members, said: Sequence[Spoken]) -> None:
        self.members = members
        touched = sorted({word.record for word in said if word.holds and word.record in members.facts})
        self.told = facts.load(db, touched, hands=False)
        laid = {number: self._edited(item, said) for number, item in self.told.items()}
        items = [laid.get(number, item) for number, item in members.facts.items()]
        parts = [_summary(item, members.sources, members.ruleset) for item in items]
        made = _together(parts)
        self.without_pins = {} if made is None else origins(made, items, members.sources)

    def _edited(self, item: Loaded, said: Sequence[Spoken]) -> Loaded:
        words = [
            hand.Say(word.kind, word.detail)
            for word in said
            if word.holds and word.record == item.id and word.kind == hand.EDIT
        ]
        edits = hand.fold(item.ext, facts.entity_name(item.entity), words)
        return item if edits is None else replace(item, fact=hand.lay_over(item.fact, edits))

    def of(self, field: str, one: Origin) -> Origin | None:
        """What lies beneath a shown value that an operator set."""
        if one.pinned or one.item is None:
            return self.without_pins.get(field)
        item = self.told[one.item.id]
        own = _summary(item, self.members.sources, self.members.ruleset)
        return origins(own, [item], self.members.sources).get(field)


# -- summing up ----------------------------------------------------------------------------------------------------------


def _summary(item: Loaded, sources: Mapping[int, SourceRow], ruleset: Ruleset) -> Summary:
    fact: Person = item.fact
    return summary(Member(_canon(item, sources), item.version, fact), ruleset)


def _canon(item: Loaded, sources: Mapping[int, SourceRow]) -> Any:
    return facts.canon_of(item.fact, sources[item.source].uid, item.entity, item.ext)


def _together(parts: Iterable[Summary]) -> Summary | None:
    made: Summary | None = None
    for part in parts:
        made = part if made is None else merge(made, part)
    return made


__all__ = ["Members", "Origin", "line", "of_kinds", "origins", "provenance", "rules_in_force"]
