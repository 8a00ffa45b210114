"""How far an erasure reaches: a customer's records, what hangs on them, and who else carries the person's identifiers (R56)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from klientela.flow.traces import Traces
from klientela.model.records import Checkout, Message, Order, Person
from klientela.rules.guests import guest_person
from klientela.rules.names import compatible, folded
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.rules.values import values
from klientela.store import facts, ids
from klientela.store import tables as t
from klientela.store.database import Db
from klientela.store.facts import SourceRow
from klientela.store.locate import customers_of
from klientela.store.rows import members_of

_BATCH = 1000


@dataclass(slots=True)
class Reach:
    """Record numbers: of persons, orders and checkouts, and of letters, scans, messages and bookings."""

    persons: set[int] = field(default_factory=set)
    bought: set[int] = field(default_factory=set)
    things: set[int] = field(default_factory=set)
    named: set[int] = field(default_factory=set)  # orders of others that one channel once called theirs

    @property
    def gone(self) -> set[int]:
        """What is emptied as a whole."""
        return self.persons | self.things

    def everything(self) -> set[int]:
        """All of it."""
        return self.persons | self.bought | self.things


class Bearer(NamedTuple):
    """A record of somebody else that carries one of the identifiers: by which rules, and whether the names fit."""

    record: int
    customer: int
    rules: tuple[str, ...]
    fits: bool


def of_customers(db: Db, customers: Iterable[int], beside: Iterable[int] = (), bought: Iterable[int] = ()) -> Reach:
    """Everything that belongs to some customers: all their records, the guest rows of their buyers' orders, carriers.
    `beside`, `bought`: person records that are in no customer, and orders that are nobody's, to be reached as well."""
    reach = Reach(set(beside), set(bought))
    ahead = set(customers)
    reach.bought |= _orders(db, reach.persons)
    ahead |= _rows_of(db, reach.bought, reach.persons)
    known: set[int] = set()
    while ahead:
        known |= ahead
        members = {row[0] for rows in members_of(db, ahead, "p.id").values() for row in rows}
        reach.persons |= members
        orders = _orders(db, members)
        reach.bought |= orders
        ahead = _rows_of(db, orders, reach.persons) - known
    reach.persons |= _hidden_buyers(db, reach)
    reach.persons |= _rows_once(db, reach.bought)
    reach.bought |= _carts(db, reach.persons)
    reach.things |= _things(db, reach.persons)
    return reach


def of_records(db: Db, source: int, records: Iterable[int], orders: Iterable[int]) -> Reach:
    """Some person records of one source alone, and orders of it, with the guest rows these make and what hangs on them:
    what other sources say of the same person stays (R57)."""
    persons = set(records)
    bought = _of_source(db, source, _orders(db, persons) | set(orders))
    persons |= _rows_once(db, bought)
    things = _things(db, persons)  # whoever tells of them: they hang on the record that goes
    return Reach(persons, bought | _of_source(db, source, _carts(db, persons)), things)


def _of_source(db: Db, source: int, records: set[int]) -> set[int]:
    rows = db.rows(f"SELECT id FROM record WHERE source = ? AND id {db.among}", (source, db.pack(records)))
    return {row[0] for row in rows}


def _orders(db: Db, persons: set[int]) -> set[int]:
    """Orders that some person records own or placed, as all their carriers tell them."""
    packed = db.pack(persons)
    differs = "owner IS NOT buyer" if db.sqlite else "owner IS DISTINCT FROM buyer"
    found = {row[0] for row in db.rows(f"SELECT id FROM orders WHERE owner {db.among}", (packed,))}
    found |= {row[0] for row in db.rows(f"SELECT id FROM orders WHERE buyer {db.among} AND {differs}", (packed,))}
    return _carriers(db, found)


def _carriers(db: Db, orders: set[int]) -> set[int]:
    packed = db.pack(orders)
    heads = orders | {row[0] for row in db.rows(f"SELECT head FROM carrier WHERE record {db.among}", (packed,))}
    return heads | {row[0] for row in db.rows(f"SELECT record FROM carrier WHERE head {db.among}", (db.pack(heads),))}


def _rows_of(db: Db, orders: set[int], persons: set[int]) -> set[int]:
    """The customers of the guest rows that some orders make, beside these persons."""
    rows = db.rows(
        f"SELECT DISTINCT o.owner FROM orders o JOIN record r ON r.id = o.owner AND r.entity = {facts.GUEST_ORDER} "
        f"WHERE o.id {db.among}",
        (db.pack(orders),),
    )
    return set(customers_of(db, {row[0] for row in rows} - persons).values())


def _rows_once(db: Db, orders: set[int]) -> set[int]:
    """The guest rows of some orders, also those that another policy made nobody: what operators said of them is there."""
    rows = db.rows(
        f"SELECT g.id FROM record o JOIN record g ON g.source = o.source AND g.entity = {facts.GUEST_ORDER} "
        f"AND g.ext = o.ext WHERE o.id {db.among}",
        (db.pack(orders),),
    )
    return {row[0] for row in rows}


def _hidden_buyers(db: Db, reach: Reach) -> set[int]:
    """Buyers who make no row of their own, because all their orders are rows of guests, and all those go."""
    rows = db.rows(
        f"SELECT DISTINCT o.buyer FROM orders o JOIN person p ON p.id = o.buyer AND p.flags & {t.SHOWN} = 0 "
        f"WHERE o.id {db.among}",
        (db.pack(reach.bought),),
    )
    found = {row[0] for row in rows} - reach.persons
    return {number for number in found if _orders(db, {number}) <= reach.bought}


def _carts(db: Db, persons: set[int]) -> set[int]:
    return {row[0] for row in db.rows(f"SELECT id FROM checkout WHERE owner {db.among}", (db.pack(persons),))}


def _things(db: Db, persons: set[int]) -> set[int]:
    """Letters, messages and bookings of some persons, with the scans of these letters."""
    found = {row[0] for row in db.rows(f"SELECT id FROM thing WHERE owner {db.among}", (db.pack(persons),))}
    parts = f"SELECT x.id FROM thing x JOIN record r ON r.id = x.part_of AND r.entity = {facts.LETTER} WHERE x.part_of "
    return found | {row[0] for row in db.rows(parts + db.among, (db.pack(found),))}


# -- what was ever said -----------------------------------------------------------------------------------------------


def traces_of(db: Db, reach: Reach, country: str, key: bytes) -> Traces:
    """What all claims ever said of the people reached, also what they say no more. `key` is the instance's."""
    found = Traces(country)
    sources = facts.sources(db)
    every = db.pack(reach.everything())
    entities = {}
    for number, source, entity, ext, body in db.rows(
        f"SELECT id, source, entity, ext, body FROM record WHERE id {db.among}", (every,)
    ):
        entities[number] = entity
        if number in reach.gone:
            name = facts.entity_name(entity)
            found.keys |= {(sources[source].uid, name, ext), (sources[source].label, name, ext)}
            found.publics.add(ids.text(ids.public_id(sources[source].uid, name, ext, key)))
        if body is not None:
            found.add(facts.decode(entity, body))
    for number, body in db.rows(
        f"SELECT record, body FROM claim WHERE body IS NOT NULL AND record {db.among}", (every,)
    ):
        found.add(facts.decode(entities[number], body))
    return found


# -- who else ---------------------------------------------------------------------------------------------------------


class Others(NamedTuple):
    """Who else carries what the people reached carry: records, and the e-mails and phones that are not theirs alone."""

    bearers: list[Bearer]
    shared: set[tuple[str, str]]
    loose: set[int]  # checkouts and messages that belong to nobody and carry an e-mail or phone of theirs
    dormant: set[int]  # records of which nobody speaks any more, whose history tells of them


def others(db: Db, reach: Reach, traces: Traces, ruleset: Ruleset) -> Others:
    """Look through all other records: exact, and as long as there are many."""
    sources = facts.sources(db)
    idents, names = _identifiers(db, reach, sources, ruleset)
    bearers: list[tuple[int, tuple[str, ...], bool]] = []
    shared: set[tuple[str, str]] = set()
    among = ", ".join(map(str, sorted(facts.PERSONS)))
    for item in _loaded(db, f"entity IN ({among}) AND (body IS NOT NULL OR more = 1)", reach.persons):
        person = item.fact
        if not isinstance(person, Person):
            continue
        said = Traces(traces.country)
        said.add(person)  # a phone may stand in an address alone
        shared |= said.values & traces.values
        hits = {v.rule for v in values(person, sources[item.source].uid, ruleset) if (v.rule, v.folded) in idents}
        if hits:
            name = folded(person.first_name or None, person.last_name or None)
            fits = not name or not names or any(compatible(name, mine) for mine in names)
            bearers.append((item.id, tuple(sorted(hits)), fits))
    customers = customers_of(db, [record for record, _, _ in bearers])
    found = [Bearer(r, customers[r], rules, fits) for r, rules, fits in bearers if r in customers]
    dormant = _dormant(db, reach, sources, ruleset, idents, names)
    return Others(found, shared, _loose(db, reach, traces, shared), dormant)


def _dormant(
    db: Db,
    reach: Reach,
    sources: dict[int, SourceRow],
    ruleset: Ruleset,
    idents: set[tuple[str, str]],
    names: set[str],
) -> set[int]:
    """Persons and orders of which an import told that was taken back: it leaves closed claims, and they hang on no
    customer. What operators said of such a record may still stand."""
    found: set[int] = set()
    among = ", ".join(map(str, sorted({*facts.PERSONS, facts.ORDER})))
    for number, source, entity, body in db.stream(
        "SELECT r.id, r.source, r.entity, c.body FROM claim c JOIN record r ON r.id = c.record "
        f"WHERE r.channel IS NULL AND r.body IS NULL AND c.body IS NOT NULL AND r.entity IN ({among}) "
        f"AND NOT (r.entity = {facts.GUEST_ORDER} AND EXISTS (SELECT 1 FROM record o WHERE o.source = r.source "
        f"AND o.ext = r.ext AND o.entity = {facts.ORDER} AND o.body IS NOT NULL))"  # a guest row goes with its order
    ):
        if number in reach.persons or number in reach.bought or number in found:
            continue
        fact = facts.decode(entity, body)
        person = guest_person(fact, SourceRules()) if isinstance(fact, Order) else fact
        if person is not None and any(
            (v.rule, v.folded) in idents for v in values(person, sources[source].uid, ruleset)
        ):
            name = folded(person.first_name or None, person.last_name or None)
            if not name or not names or any(compatible(name, mine) for mine in names):
                found.add(number)
    spoken_of = {number for number, item in facts.load(db, found).items() if item.fact is not None}
    return found - spoken_of


def _identifiers(
    db: Db, reach: Reach, sources: dict[int, SourceRow], ruleset: Ruleset
) -> tuple[set[tuple[str, str]], set[str]]:
    """E-mails, numbers, phones and addresses of the people reached, and their folded names."""
    idents: set[tuple[str, str]] = set()
    names: set[str] = set()
    for item in facts.load(db, reach.persons).values():
        if isinstance(item.fact, Person):
            found = values(item.fact, sources[item.source].uid, ruleset)
            idents.update((value.rule, value.folded) for value in found if value.blocked is None)
            names.add(folded(item.fact.first_name or None, item.fact.last_name or None))
    return idents, names - {""}


def _loose(db: Db, reach: Reach, traces: Traces, shared: set[tuple[str, str]]) -> set[int]:
    own = traces.values - shared
    if not own:
        return set()
    found = set()
    where = (
        f"(entity = {facts.CHECKOUT} AND id IN (SELECT id FROM checkout WHERE owner IS NULL)) OR "
        f"(entity = {facts.MESSAGE} AND id IN (SELECT id FROM thing WHERE owner IS NULL))"
    )
    for item in _loaded(db, where, reach.everything()):
        said = Traces(traces.country)
        if isinstance(item.fact, Checkout | Message):
            said.add(item.fact)
        if said.values & own:
            found.add(item.id)
    return found


def _loaded(db: Db, where: str, without: set[int]) -> Iterator[facts.Loaded]:
    rows = (row[0] for row in db.rows(f"SELECT id FROM record WHERE {where} ORDER BY id"))
    while batch := list(islice(rows, _BATCH)):
        yield from facts.load(db, [number for number in batch if number not in without]).values()


__all__ = ["Bearer", "Others", "Reach", "of_customers", "of_records", "others", "traces_of"]
