"""One customer whole: the row, every value with its origin, orders, checkouts, who shares what, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.records import Address, Person
from klientela.rules import precedence
from klientela.rules.names import compatible
from klientela.rules.precedence import Member, Summary, merge, summary
from klientela.rules.publish import ADDRESS, EMAIL, NUMBER, PHONE, RULE_OF
from klientela.rules.rates import Rates
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids, rows
from klientela.store.changes import history
from klientela.store.database import Db
from klientela.store.enclosures import enclosures
from klientela.store.facts import Loaded, SourceRow
from klientela.store.identity import unpack_keys
from klientela.store.locate import locate
from klientela.store.purchases import Settled, averages, checkouts_of, orders_of, purchases
from klientela.store.tables import ENTITIES

_SUMMARY = msgspec.msgpack.Decoder(Summary)
SHARED_WITH = 50
"""How many others a profile names for a shared value."""


def resolve_id(db: Db, key: bytes, text: str) -> int:
    """The customer that any public id ever shown, or a record's key, means (R23). UnknownThing otherwise."""
    return locate(db, key, text).customer


def profile(db: Db, customer: int, view: rows.View, *, key: bytes, rates: Rates | None = None) -> dict[str, Any]:
    """The contract's Profile of a customer (`resolve_id`); `key` is the instance's. UnknownThing without a row."""
    by = rows.lens(db, view, rates)
    found = rows.rows(db, [customer], by, records=True, key=key)
    if not found:
        raise UnknownThing("no customer has this id any more", hint="`klientela customers --search NAME` finds people")
    row = found[0]
    members = _Members.read(db, customer, by.sources)
    made = members.summary
    orders = orders_of(db, members.ids, by.sources, _ruleset(db))
    bought, carts = purchases(orders, checkouts_of(db, members.ids), by.sources, by.currency, key)
    held = {item.source for item in members.facts.values()}
    changes = history(db, members.ids, by.sources)
    row.update(
        addresses=_addresses(made),
        emails=_values(made.emails, changes, "email"),
        phones=_values(made.phones, changes, "phone"),
        order_list=bought if bought or by.knows(held, "orders") else None,
        totals=_totals(row, orders),
        checkouts=carts if carts or by.knows(held, "checkouts") else None,
        shares=_shares(db, customer, members.ids),
        consent_events=_consents(members, by.sources),
        notes=_notes(members, by.sources),
        history=changes,
        provenance=_provenance(made, members, by.sources, row),
        **enclosures(db, members.ids, by.sources, key),
    )
    return row


def _totals(row: Mapping[str, Any], orders: Sequence[Settled]) -> dict[str, Any]:
    """Both figures by name, with what they are about where the row tells it."""
    gross = {name: value for name, value in row["gross"].items() if name != "last_order"}
    about = {"ltv_approx": row["ltv_approx"]} if "ltv_approx" in row else {}
    return {"ltv": row["ltv"], **about, "gross": {**gross, "average": averages(orders)}}


class _Members(NamedTuple):
    """The records of a customer and what they say together."""

    ids: list[int]
    facts: dict[int, Loaded]
    summary: Summary

    @classmethod
    def read(cls, db: Db, customer: int, sources: Mapping[int, SourceRow]) -> _Members:
        """Lone records are summed up here; a node of equal records brings its summary along."""
        held = rows.members_of(db, [customer], "p.id, p.node")[customer]
        numbers = sorted(number for number, _ in held)
        loaded = {n: item for n, item in facts.load(db, numbers).items() if item.fact is not None}
        ruleset = _ruleset(db)
        made: Summary | None = None
        parts = [
            _SUMMARY.decode(bytes(blob))
            for (blob,) in db.rows("SELECT summary FROM node WHERE customer = ? ORDER BY id", (customer,))
        ]
        for number in sorted(number for number, node in held if node is None):
            if number in loaded:
                parts.append(summary(_member(loaded[number], sources), ruleset))
        for part in parts:
            made = part if made is None else merge(made, part)
        if made is None:
            raise UnknownThing("no source says anything of this customer", hint="Sync its source again")
        return cls(numbers, loaded, made)


def _member(item: Loaded, sources: Mapping[int, SourceRow]) -> Member:
    canon = facts.canon_of(item.fact, sources[item.source].uid, item.entity, item.ext)
    return Member(canon, item.version, item.fact)


def _ruleset(db: Db) -> Ruleset:
    row = db.one(rows.RULES_IN_FORCE)
    return Ruleset.parse(row[0]) if row else Ruleset()


# -- values -----------------------------------------------------------------------------------------------------------


def _values(slots: Mapping[str, Any], changes: Sequence[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """All values, the primary one first; then what a source said before and says no more (R28)."""
    known = precedence.ordered(dict(slots))
    made = [{"value": value, "primary": place == 0, "former": False} for place, value in enumerate(known)]
    said = {value.casefold() for value in known}
    for change in changes:
        olds = [change["old"]] if change["field"] == field else change["old"] if change["field"] == field + "s" else []
        for old in olds or ():
            if old and old.strip() and old.strip().casefold() not in said:
                said.add(old.strip().casefold())
                made.append({"value": old.strip(), "primary": False, "former": True})
    return made


def _addresses(made: Summary) -> list[dict[str, Any]]:
    places: list[Address] = precedence.ordered(made.addresses)
    return [
        {**{name: getattr(place, name) for name in Address.__struct_fields__}, "primary": number == 0}
        for number, place in enumerate(places)
    ]


def _provenance(
    made: Summary, members: _Members, sources: Mapping[int, SourceRow], row: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Where each value of the row comes from (R27): the record that won, and since which version of it."""
    uids = {source.uid: source for source in sources.values()}
    at = {(item.source, ENTITIES[item.entity], item.ext): item for item in members.facts.values()}

    def origin(value: Any, rank: Sequence[Any], tail: int = 0) -> dict[str, Any]:
        _, uid, entity, ext = rank[len(rank) - 4 - tail : len(rank) - tail]
        item = at.get((uids[uid].id, entity, ext))
        return {
            "value": value,
            "source": uids[uid].label,
            "record": f"{uids[uid].label}/{entity}/{ext}",
            "since": None if item is None or item.version is None else iso(item.version),
            "pinned": rank[0] == 0,
        }

    found: dict[str, dict[str, Any]] = {}
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
        found["address"] = origin(_line(made.address[1]), made.address[0], 1)
    for field in ("city", "country"):
        own = made.address if made.address is not None and getattr(made.address[1], field) else getattr(made, field)
        if own is not None and row[field] is not None:
            found[field] = origin(row[field], own[0], 1)
    return found


def _line(place: Address) -> str:
    street = " ".join(x for x in (place.street, place.house_number) if x)
    town = " ".join(x for x in (place.zip, place.city) if x)
    return ", ".join(x for x in (street, place.line2, town, place.country) if x)


# -- what hangs on the records ------------------------------------------------------------------------------------


def _persons(members: _Members, sources: Mapping[int, SourceRow]) -> list[tuple[Person, str, str]]:
    """The member records with their source and key, by key."""
    made = [
        (item.fact, sources[item.source].label, f"{sources[item.source].label}/{ENTITIES[item.entity]}/{item.ext}")
        for item in members.facts.values()
        if isinstance(item.fact, Person)
    ]
    return sorted(made, key=lambda entry: entry[2])


def _consents(members: _Members, sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
    """Every explicit answer, newest first; those without a time last (R45)."""
    made = []
    for person, source, record in _persons(members, sources):
        for event in person.consents if person.consents is not UNSET and person.consents else ():
            entry = {
                "channel": event.channel,
                "purpose": event.purpose,
                "state": event.state,
                "at": None if event.at is None else iso(event.at),
                "address": event.address,
                "basis": event.basis,
                "evidence": event.evidence,
                "source": source,
                "record": record,
            }
            made.append(((event.at is None, -(event.at or 0), record, event.channel, event.purpose), entry))
    return [entry for _, entry in sorted(made, key=lambda pair: pair[0])]


def _notes(members: _Members, sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
    """What the sources noted."""
    return [
        {"text": person.note.strip(), "source": source, "record": record}
        for person, source, record in _persons(members, sources)
        if person.note is not UNSET and person.note and person.note.strip()
    ]


# -- who shares a value -----------------------------------------------------------------------------------------------


def _shares(db: Db, customer: int, members: Sequence[int]) -> list[dict[str, str]]:
    """Other customers that carry the same e-mail, number, phone or address under another name (R17b)."""
    own: dict[int, tuple[int, set[str]]] = {}
    for blob, name in [
        *db.rows("SELECT keys, name FROM node WHERE customer = ?", (customer,)),
        *db.rows(f"SELECT keys, name FROM person WHERE node IS NULL AND id {db.among}", (db.pack(members),)),
    ]:
        for key in unpack_keys(bytes(blob)):
            if key.kind in (EMAIL, NUMBER, PHONE, ADDRESS):
                own.setdefault(key.hash, (key.kind, set()))[1].add(name)
    if not own:
        return []
    crowded = {row[0] for row in db.rows(f"SELECT key FROM crowded WHERE key {db.among}", (db.pack(own),))}
    packed = db.pack(key for key in own if key not in crowded)
    found: set[tuple[int, str]] = set()
    for sign, owner in (
        (">", "JOIN person p ON p.id = m.handle"),
        ("<", "JOIN node p ON p.id = m.handle"),
    ):
        column = "COALESCE(p.customer, p.id)" if sign == ">" else "p.customer"
        for key, name, other in db.rows(
            f"SELECT m.key, m.name, {column} FROM mark m {owner} WHERE m.handle {sign} 0 AND m.key {db.among}",
            (packed,),
        ):
            kind, names = own[key]
            known = [mine for mine in names if mine]
            if other == customer or not name or not known:
                continue  # of those without a name nobody knows whether they are others
            if not any(compatible(name, mine) for mine in known):
                found.add((other, RULE_OF[kind]))
    public: dict[int, Any] = dict(
        db.rows(
            f"SELECT id, pub FROM customer WHERE inactive IN (0, 1) AND id {db.among}",
            (db.pack({c for c, _ in found}),),
        )
    )
    made = sorted((rule, ids.text(bytes(public[other]))) for other, rule in found if other in public)
    return [{"rule": rule, "with": other} for rule, other in made[:SHARED_WITH]]
