"""One customer whole: the row, every value with its origin, orders, checkouts, who shares what, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.instants import Instant, iso
from klientela.model.records import Address, Person
from klientela.rules import precedence
from klientela.rules.names import compatible
from klientela.rules.precedence import Summary
from klientela.rules.publish import ADDRESS, EMAIL, NUMBER, PHONE, RULE_OF
from klientela.rules.rates import Rates
from klientela.store import habits, ids, notes, rows
from klientela.store.batches import answers
from klientela.store.changes import history
from klientela.store.database import Db
from klientela.store.enclosures import enclosures
from klientela.store.facts import SourceRow
from klientela.store.identity import unpack_keys
from klientela.store.locate import locate
from klientela.store.provenance import Members, provenance
from klientela.store.purchases import Settled, averages, checkouts_of, orders_of, purchases
from klientela.store.spoken import spoken
from klientela.store.tables import ENTITIES

SHARED_WITH = 50
"""How many others a profile names for a shared value."""


def resolve_id(db: Db, key: bytes, text: str) -> int:
    """The customer that any public id ever shown, or a record's key, means (R23). UnknownThing otherwise."""
    return locate(db, key, text).customer


def profile(
    db: Db, customer: int, view: rows.View, *, key: bytes, rates: Rates | None = None, now: Instant | None = None
) -> dict[str, Any]:
    """The contract's Profile of a customer (`resolve_id`); `key` is the instance's. UnknownThing without a row.

    `now`: the moment from which it tells how many days ago things were; without one it does not.
    """
    by = rows.lens(db, view, rates)
    found = rows.rows(db, [customer], by, records=True, key=key)
    if not found:
        raise UnknownThing("no customer has this id any more", hint="`klientela customers --search NAME` finds people")
    row = found[0]
    members = Members.read(db, customer, by.sources)
    made = members.summary
    orders = orders_of(db, members.ids, by.sources, members.ruleset)
    bought, carts = purchases(orders, checkouts_of(db, members.ids), by.sources, by.currency, key)
    held = {item.source for item in members.facts.values()}
    said = spoken(db, members.ids)
    past = history(db, members.ids, by.sources, said)
    keys = {f"{one['source']}/{one['entity']}/{one['external_id']}" for one in row["records"]}
    changes = [one for one in past.lines if one["decision"] is None and one["record"] in keys]
    noted = notes.notes(db, said, past.changes)
    around = enclosures(db, members.ids, by.sources, key)
    scale = habits.Scale(by.currency, members.ruleset.zone, by.gross, now)
    counted = habits.bought(orders, bought, by.gross)
    ordered = bought or by.knows(held, "orders")
    row.update(
        addresses=_addresses(made),
        emails=_values(made.emails, changes, "email"),
        phones=_values(made.phones, changes, "phone"),
        order_list=bought if ordered else None,
        statistics=habits.tiles(counted, scale) if ordered else None,
        top_products=habits.top_products(counted, scale) if ordered else None,
        last_letter=habits.tell_effects(around["letters"], counted, scale),
        totals=_totals(row, orders),
        checkouts=carts if carts or by.knows(held, "checkouts") else None,
        shares=_shares(db, customer, members.ids),
        consent_events=_consents(db, members, by.sources),
        remark=notes.remark(said, past.changes),
        notes=[*noted, *_notes(members, by.sources)],
        history=past.lines,
        version=past.version,
        provenance=provenance(db, members, said, past.changes),
        **{**around, "files": [*around["files"], *notes.files(noted)]},
    )
    return row


def _totals(row: Mapping[str, Any], orders: Sequence[Settled]) -> dict[str, Any]:
    """Both figures by name, with what they are about where the row tells it."""
    gross = {name: value for name, value in row["gross"].items() if name != "last_order"}
    about = {"ltv_approx": row["ltv_approx"]} if "ltv_approx" in row else {}
    return {"ltv": row["ltv"], **about, "gross": {**gross, "average": averages(orders)}}


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


# -- what hangs on the records ------------------------------------------------------------------------------------


def _persons(members: Members, sources: Mapping[int, SourceRow]) -> list[tuple[Person, str, str]]:
    """The member records with their source and key, by key."""
    made = [
        (item.fact, sources[item.source].label, f"{sources[item.source].label}/{ENTITIES[item.entity]}/{item.ext}")
        for item in members.facts.values()
        if isinstance(item.fact, Person)
    ]
    return sorted(made, key=lambda entry: entry[2])


def _consents(db: Db, members: Members, sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
    """Every explicit answer, newest first; those without a time last (R45). `import`: the one that brought it (R44)."""
    made = []
    brought = answers(db, members.facts)
    for number, item in members.facts.items():
        source = sources[item.source].label
        record = f"{source}/{ENTITIES[item.entity]}/{item.ext}"
        person: Person = item.fact
        for event in person.consents if person.consents is not UNSET and person.consents else ():
            came = brought.get((number, event))
            entry = {
                "channel": event.channel,
                "purpose": event.purpose,
                "state": event.state,
                "at": None if event.at is None else iso(event.at),
                "address": event.address,
                "basis": event.basis,
                "evidence": event.evidence,
                "import": None if came is None else came.as_dict(),
                "source": source,
                "record": record,
            }
            made.append(((event.at is None, -(event.at or 0), record, event.channel, event.purpose), entry))
    return [entry for _, entry in sorted(made, key=lambda pair: pair[0])]


def _notes(members: Members, sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
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
