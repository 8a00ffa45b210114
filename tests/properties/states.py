"""Two ways to say what state a store is in, in words that no surrogate id, commit time or arrival order can change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from klientela.model.instants import day
from klientela.rules import precedence, products
from klientela.rules.objections import objected
from klientela.rules.publish import LINK, Key
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import search_text, sort_key
from klientela.rules.whole import Customer, RecordKey, World
from klientela.store import Store, facts, ids, search
from klientela.store import tables as t
from klientela.store.database import Db
from klientela.store.identity import Realm, unpack_keys

State = dict[str, Any]
"""Table -> what it says: rows by the name of their record or customer, or a set of facts."""

OUR_TIME = {"seen", "since"}
"""Columns of our own commit time (R0)."""


def public_of(store: Store, *key: str) -> bytes:
    """The public id of a record in this instance."""
    return ids.public_id(*key, store.key)  # type: ignore[call-arg]


# -- what the store says ---------------------------------------------------------------------------------------------


class _Names:
    """Surrogate ids as names."""

    def __init__(self, db: Db) -> None:
        self.sources: dict[int, str] = dict(db.rows("SELECT id, uid FROM source"))
        self.records: dict[int, RecordKey] = {
            number: (self.sources[source], t.ENTITIES[entity], ext)
            for number, source, entity, ext in db.rows("SELECT id, source, entity, ext FROM record")
        }
        self.customers = {row[0]: bytes(row[1]).hex() for row in db.rows("SELECT id, pub FROM customer")}
        self.members: dict[int, list[RecordKey]] = {}
        for number, node in db.rows("SELECT id, node FROM person"):
            self.members.setdefault(number if node is None else node, []).append(self.records[number])

    def record(self, number: int | None) -> RecordKey | None:
        return None if number is None else self.records[number]

    def facet(self, bits: int) -> tuple[int, frozenset[str]]:
        """The country and status bits, and whose sources' bits are set."""
        of = {uid for number, uid in self.sources.items() if bits & search.source_bit(number)}
        mask = 0
        for number in self.sources:
            mask |= search.source_bit(number)
        return bits & ~mask, frozenset(of)


def stored(store: Store) -> State:
    """The derived tables of a store."""
    with store.reading() as db:
        names = _Names(db)
        state: State = {
            "work": db.rows("SELECT kind, subject FROM work"),
            "person": _rows(db, t.person, _person(names), names.record),
            "orders": _rows(db, t.orders, {"buyer": names.record, "owner": names.record}, names.record),
            "checkout": _rows(db, t.checkout, {"owner": names.record}, names.record),
            "thing": _rows(db, t.thing, {"owner": names.record, "part_of": names.record}, names.record),
            "customer": _rows(db, t.customer, _customer(names), names.customers.get),
            "tally": _rows(db, t.tally, {"facet": names.facet, "other": _parsed}, names.customers.get),
            "posting": {
                (names.sources[s], names.customers[c]) for s, c in db.rows("SELECT source, customer FROM posting")
            },
            "figure": {
                (name, _part(names, part), number): value
                for name, part, number, value in db.rows("SELECT name, part, day, value FROM figure")
                if value
            },
            "clusters": _clusters(db, names),
            "mark": {
                (key, name, record)
                for key, name, handle in db.rows("SELECT key, name, handle FROM mark")
                for record in names.members[handle]
            },
            "heads": {
                (names.records[record], names.records[head])
                for record, head in db.rows("SELECT record, head FROM carrier WHERE record <> head")
            },
            "crowded": {row[0] for row in db.rows("SELECT key FROM crowded")},
            "comp": _comps(db, names),
            "apart": {
                (_only(names, a), _only(names, b), reason) for a, b, reason in db.rows("SELECT a, b, reason FROM apart")
            },
            "objection": {(key, names.records[record]) for key, record in db.rows("SELECT key, record FROM objection")},
            "link": {
                (names.records[a], names.records[b], reason)
                for a, b, reason in db.rows("SELECT a, b, reason FROM link")
            },
        }
    return state


def _rows(
    db: Db, table: Any, says: Mapping[str, Callable[[Any], Any]], name: Callable[[Any], Any]
) -> dict[Any, dict[str, Any]]:
    columns = [c.name for c in table.columns]
    found = {}
    for row in db.rows(f"SELECT {', '.join(columns)} FROM {table.name}"):
        values = dict(zip(columns, row, strict=True))
        number = values.pop("id")
        found[name(number)] = {
            column: says[column](value) if column in says and value is not None else value
            for column, value in values.items()
            if column not in OUR_TIME and says.get(column, _parsed) is not _left_out
        }
    return found


def _left_out(_value: Any) -> None: ...


def _parsed(value: str) -> Any:
    return json.loads(value)


def _person(names: _Names) -> dict[str, Callable[[Any], Any]]:
    return {"keys": lambda blob: unpack_keys(bytes(blob)), "node": _left_out, "customer": _left_out}


def _customer(names: _Names) -> dict[str, Callable[[Any], Any]]:
    return {
        "pub": lambda blob: bytes(blob).hex(),
        "anchor": names.record,
        "sources": lambda text: sorted(names.sources[number] for number in json.loads(text)),
        "tags": _parsed,
        "modules": _parsed,
        "consents": _parsed,
        "facet": names.facet,
    }


def _part(names: _Names, part: str) -> str:
    head, colon, number = part.rpartition(":")
    return f"{head}:{names.sources[int(number)]}" if head in ("source", "sources") and colon else part


def _only(names: _Names, handle: int) -> RecordKey:
    assert handle > 0, "accounts and records named by a decision are nodes of their own"
    return names.records[handle]


def _clusters(db: Db, names: _Names) -> set[frozenset[RecordKey]]:
    of: dict[int, set[RecordKey]] = {}
    for number, mine, nodes in db.rows(
        "SELECT p.id, p.customer, n.customer FROM person p LEFT JOIN node n ON n.id = p.node"
    ):
        of.setdefault(nodes if nodes is not None else mine if mine is not None else number, set()).add(
            names.records[number]
        )
    return {frozenset(members) for members in of.values()}


def _comps(db: Db, names: _Names) -> set[frozenset[RecordKey]]:
    of: dict[int, set[RecordKey]] = {}
    for handle, comp in db.rows("SELECT handle, comp FROM comp"):
        of.setdefault(comp, set()).update(names.members[handle])
    return {frozenset(members) for members in of.values()}


def broken(store: Store) -> list[str]:
    """What does not hold inside the tables of identity, as sentences."""
    found: list[str] = []
    with store.reading() as db:
        ruleset = store.ruleset(db)
        realm = Realm.begin(db, ruleset, facts.sources(db))
        persons = {row[0]: row[1:] for row in db.rows("SELECT id, name, keys, flags, node, customer FROM person")}
        nodes = {row[0]: row[1:] for row in db.rows("SELECT id, name, keys, n, first, customer, summary FROM node")}
        marks: dict[int, set[Key]] = {}
        kinds = {}
        for _name, blob, *_ in (*persons.values(), *nodes.values()):
            kinds.update({key.hash: key.kind for key in unpack_keys(bytes(blob))})
        for key, _name, handle in db.rows("SELECT key, name, handle FROM mark"):
            marks.setdefault(handle, set()).add(Key(kinds[key], key))
        of: dict[int, list[int]] = {}
        for number, (name, blob, _flags, node, customer) in persons.items():
            if node is None:
                if marks.get(number, set()) != set(unpack_keys(bytes(blob))):
                    found.append(f"the marks of record {number} are not its keys")
                continue
            of.setdefault(node, []).append(number)
            if customer is not None:
                found.append(f"record {number} is in a node and has a customer of its own")
            if number in marks:
                found.append(f"record {number} is in a node and has marks of its own")
            if nodes[node][:2] != (name, blob):
                found.append(f"record {number} differs from its node")
        for number, (_name, blob, n, first, _customer, summary) in nodes.items():
            mine = sorted(of.get(number, ()))
            if not mine or (n, first) != (len(mine), mine[0]):
                found.append(f"node {number} says {n} records from {first}, it has {mine}")
                continue
            if marks.get(number, set()) != set(unpack_keys(bytes(blob))):
                found.append(f"the marks of node {number} are not its keys")
            realm.load_held([number])
            fresh, _ = realm.summarise(mine)
            if realm.held[number].summary != fresh:
                found.append(f"the summary of node {number} is not that of its records: {summary!r}")
        found += _alike_and_apart(db, persons)
        heads: dict[int, int] = {}
        for number, (*_, node, customer) in persons.items():
            head = nodes[node][4] if node is not None else customer if customer is not None else number
            heads[head] = min(heads.get(head, number), number)
        found += [
            f"customer {head} has {first} as its smallest record" for head, first in heads.items() if head != first
        ]
        listed = {row[0] for row in db.rows("SELECT id FROM customer")}
        if listed - heads.keys():
            found.append(f"rows of nobody: {sorted(listed - heads.keys())}")
    with store.step("check") as step:
        found += search.check(step.db)
    return found


def _alike_and_apart(db: Db, persons: dict[int, Any]) -> list[str]:
    """Records of equal name and keys that are not in one node, though no decision names them."""
    where = "to_seq IS NULL AND b IS NOT NULL"
    named = {row[0] for end in "ab" for row in db.rows(f"SELECT {end} FROM decision WHERE {where}")}
    nodes: dict[tuple[str, bytes], set[int]] = {}
    for number, (name, blob, flags, node, _) in persons.items():
        keys = unpack_keys(bytes(blob))
        if name and not flags & t.ACCOUNT and number not in named and any(key.kind != LINK for key in keys):
            nodes.setdefault((name, bytes(blob)), set()).add(number if node is None else node)
    return [f"records of {name} are alike and in the nodes {of}" for (name, _), of in nodes.items() if len(of) > 1]


# -- what the function says ------------------------------------------------------------------------------------------


def expected(world: World, ruleset: Ruleset, store: Store) -> State:
    """What the derived tables must say for this world; columns that are not named here are not compared."""
    public = {one.public: one.public.hex() for one in world.customers}
    return {
        "work": [],
        "person": {key: _says_person(state) for key, state in world.persons.items()},
        "orders": {
            **{key: _says_order(one) for key, one in world.orders.items()},
            **{key: _says_carrier(one) for one in world.orders.values() for key in one.carriers[1:]},
        },
        "heads": {(key, one.key) for one in world.orders.values() for key in one.carriers[1:]},
        "checkout": {
            key: {
                "owner": (key[0], "customer", cart.customer) if cart.customer else None,
                "at": cart.at or None,
                "completed": cart.completed_at or None,
            }
            for key, cart in world.checkouts.items()
        },
        "thing": {key: place._asdict() for key, place in world.things.items()},
        "customer": {public[one.public]: _says_customer(one) for one in world.customers},
        "tally": {public[one.public]: _says_tally(one, ruleset) for one in world.customers},
        "posting": {(uid, public[one.public]) for one in world.customers for uid in one.sources},
        "figure": _figures(world, ruleset),
        "clusters": {frozenset(members) for members in world.clusters},
        "mark": {
            (key.hash, state.published.name, record)
            for record, state in world.persons.items()
            for key in state.published.keys
        },
        "crowded": world.crowded,
        "objection": {
            (address, key)
            for key, fact in [*((key, one.fact) for key, one in world.persons.items()), *world.asleep.items()]
            for address in objected(fact, ruleset.country)
        },
        "comp": {frozenset(members) for members in world.divided},
        "apart": world.apart,
    }


def _says_person(state: Any) -> dict[str, Any]:
    made = state.published
    return {
        "created": state.canon.created if state.canon.created != 2**62 else None,
        "name": made.name,
        "keys": made.keys,
        "flags": (t.ACCOUNT if made.account else 0) | (t.SHOWN if made.shown else 0),
    }


def _says_order(one: Any) -> dict[str, Any]:
    settled = one.settled
    return {
        "buyer": one.buyer,
        "owner": one.owner,
        "placed": settled.placed,
        "currency": settled.currency,
        "gross": settled.gross,
        "ltv": settled.ltv,
        "state": settled.state,
        "why": settled.why_not,
        "test": int(settled.test),
        "number": one.order.number or None,
        "products": _bought(one.order.lines or ()),
    }


def _bought(lines: Any) -> bytes | None:
    keys = set()
    for line in lines:
        if line.title or line.sku:
            keys.add(products.title_key(line.title or line.sku))
        if line.sku:
            keys.add(products.sku_key(line.sku))
    return b"".join(sorted(keys)) or None


def _says_carrier(one: Any) -> dict[str, Any]:
    return {"owner": one.owner, "gross": None, "ltv": None, "why": "other carrier", "test": 0, "products": None}


def _says_customer(one: Any) -> dict[str, Any]:
    name = " ".join(part for part in (one.last_name, one.first_name) if part)
    return {
        "pub": one.public.hex(),
        "pub8": ids.pub8(one.public),
        "anchor": one.anchor,
        "n": len(one.members),
        "first_name": one.first_name,
        "last_name": one.last_name,
        "email": one.email,
        "phone": one.phone,
        "company": one.company,
        "city": one.city,
        "country": one.country,
        "status": int(one.status == "registered"),
        "manual": int(one.manual),
        "inactive": int(one.inactive),
        "number": one.number or ids.short_number(one.public),
        "crm_id": one.crm_id,
        "joined": one.joined,
        "sources": list(one.sources),
        "tags": list(one.tags) or None,
        "modules": list(one.modules) or None,
        "consents": one.consents or None,
        "fallback": one.anchor[2] if not (name or one.email or one.phone) else None,
        "hay": search_text(one.first_name, one.last_name, *one.emails, one.company, one.city),
        "facet": (_facet(one), frozenset(one.sources)),
        "s_name": sort_key(one.display),
        "s_email": sort_key(one.email) if one.email else None,
        "s_company": sort_key(one.company) if one.company else None,
        "s_city": sort_key(one.city) if one.city else None,
    }


def _facet(one: Any) -> int:
    return search.facet(one.country, one.status == "registered", one.manual, ())


def _says_tally(one: Any, ruleset: Ruleset) -> dict[str, Any]:
    made, home, zone = one.totals, ruleset.currency, ruleset.zone
    other = {
        code: [made.ltv.get(code, 0), made.gross.get(code, 0), count] for code, count in made.of.items() if code != home
    }
    return {
        "pub8": ids.pub8(one.public),
        "s_last": (sort_key(one.last_name) if one.last_name else "") or "\uffff",
        "facet": (search.tally_facet(_facet(one), made.gross_orders), frozenset(one.sources)),
        "inactive": int(one.inactive),
        "ltv": made.ltv.get(home, 0),
        "orders": made.orders,
        "last": made.last,
        "last_day": day(made.last, zone) if made.last is not None else None,
        "gross": made.gross.get(home, 0),
        "gross_orders": made.gross_orders,
        "gross_last": made.gross_last,
        "gross_day": day(made.gross_last, zone) if made.gross_last is not None else None,
        "tests": made.tests,
        "other": other or None,
        "scanned": one.scanned,
        "guest": int(one.guest),
        **_says_firsts(made.times[:2], made.gross_times[:2]),
    }


def _says_firsts(ltv: list[int | None], gross: list[int | None]) -> dict[str, int | None]:
    def told(times: list[int | None]) -> list[int | None]:
        return [t.UNDATED if at is None else at for at in times] + [None] * (2 - len(times))

    under = [None, None] if told(gross) == told(ltv) else told(gross)
    return dict(zip(("first", "second", "gross_first", "gross_second"), told(ltv) + under, strict=True))


def _figures(world: World, ruleset: Ruleset) -> dict[tuple[str, str, int], int]:
    zone, home = ruleset.zone, ruleset.currency
    found: dict[tuple[str, str, int], int] = {}

    def add(name: str, part: str, value: int, number: int = 0) -> None:
        found[name, part, number] = found.get((name, part, number), 0) + value

    for one in world.customers:
        for part in _tabs(one):
            add("segment", part, 1)
        for part in _values(one):
            add("facet:inactive" if one.inactive else "facet", part, 1)
        if one.inactive:
            add("customers", "inactive", 1)
            continue
        add("customers", "", 1)
        states = [(channel, *answer) for channel, said in one.consents.items() for answer in said.items()]
        for state in states:
            add("consents", ":".join(state), 1)
        for purpose in {purpose for _, purpose, state in states if state == "granted"}:
            add("consents", f"any:{purpose}:granted", 1)
        add("customers", f"status:{one.status}", 1)
        for uid in one.sources:
            add("customers", f"source:{uid}", 1)
        if one.joined is not None:
            add("joined", "", 1, day(one.joined, zone))
        if one.totals.orders:
            add("buyers", "1", 1)
        if one.totals.orders > 1:
            add("buyers", "2", 1)
        for code in {*one.totals.ltv, *one.totals.gross}:
            ltv, gross = one.totals.ltv.get(code, 0), one.totals.gross.get(code, 0)
            part = "" if code == home else code
            add("ltv", part, ltv)
            add("ltv_over", part, gross - ltv)
        for times, sign in ((one.totals.times, -1), (one.totals.gross_times, 1)):
            for name, place in (("guests" if one.guest else "first", 0), ("second", 1)):
                if len(times) > place and not (one.guest and place):
                    at = times[place]
                    number = day(at, zone) if at is not None else 0
                    add(f"{name}_over", "", sign, number)
                    if times is one.totals.times:
                        add(name, "", 1, number)
    counted = {key for one in world.customers if not one.inactive for key in one.orders}
    for order in world.orders.values():
        made = order.settled
        number = day(made.placed, zone) if made.placed is not None else 0
        for name in ("revenue",) if order.key in counted else ("revenue", "aside"):
            add(name, made.currency, made.ltv or 0, number)
            add(f"{name}_over", made.currency, (made.gross or 0) - (made.ltv or 0), number)
        if made.ltv is not None:
            add("orders", "", 1, number)
        elif made.gross is not None:
            add("orders_over", "", 1, number)
    return {key: value for key, value in found.items() if value}


def _tabs(one: Customer) -> list[str]:
    """The tabs of the list that a customer stands in; of a view of orderers again."""
    tabs = ["all", one.status]
    tabs += ["repeat"] if one.totals.orders > 1 else []
    tabs += ["scanned"] if one.scanned is not None else []
    tabs += ["test"] if one.totals.tests else []
    tabs = [f"inactive:{tab}" if one.inactive else tab for tab in tabs]
    return [*tabs, *(f"listed:{tab}" for tab in tabs if one.manual or one.totals.gross_orders)]


def _values(one: Customer) -> list[str]:
    """What a customer may be filtered by."""
    return [
        f"status:{one.status}",
        *(f"sources:{uid}" for uid in one.sources),
        *([f"country:{one.country}"] if one.country else []),
        *(f"tag:{tag}" for tag in one.tags),
        *(f"module:{module}" for module in one.modules),
        *(f"consent:{by}:{purpose}:{state}" for by, said in one.consents.items() for purpose, state in said.items()),
    ]


def differences(says: State, must: State) -> list[str]:
    """Where a state is not what it must be, as sentences. Columns and tables that `must` does not name count nothing."""
    found = []
    for table, wanted in must.items():
        have = says[table]
        if isinstance(wanted, dict) and all(isinstance(row, dict) for row in wanted.values()):
            found += [f"{table}: {key} is missing" for key in wanted.keys() - have.keys()]
            found += [f"{table}: {key} is too much" for key in have.keys() - wanted.keys()]
            for key in wanted.keys() & have.keys():
                found += [
                    f"{table} {key}: {column} is {have[key].get(column)!r}, must be {value!r}"
                    for column, value in wanted[key].items()
                    if have[key].get(column) != value
                ]
        elif isinstance(wanted, dict):
            for key in wanted.keys() | have.keys():
                if wanted.get(key, 0) != have.get(key, 0):
                    found.append(f"{table} {key} is {have.get(key, 0)!r}, must be {wanted.get(key, 0)!r}")
        elif isinstance(wanted, set):
            found += [f"{table}: {item} is missing" for item in wanted - have]
            found += [f"{table}: {item} is too much" for item in have - wanted]
        elif wanted != have:
            found.append(f"{table} is {have!r}, must be {wanted!r}")
    return sorted(found)


def unlike(one: State, two: State) -> list[str]:
    """Where two states differ, in every column."""
    return differences(one, two) + [f"the other way: {line}" for line in differences(two, one)]


__all__ = ["broken", "differences", "expected", "precedence", "public_of", "stored", "unlike"]
