"""Two stores of the same facts side by side: do they say the same? Nodes are named by their smallest record, so that no
surrogate id is compared, and our own commit times are left out (R0).

The rows of each table are counted into buckets by order-free digests: constant memory, and no sort of a large table.
Only where a bucket differs its rows are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from klientela.rules.precedence import Summary
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store import tables as t
from klientela.store.database import Db, Store
from klientela.store.identity import Realm

Values = tuple[Any, ...]
_BUCKETS = 512
_LOOKED_AT = 8  # buckets whose rows are compared one by one: enough to name the first differences
_SUMMARY = msgspec.msgpack.Decoder(Summary)
_PACK = msgspec.msgpack.Encoder().encode


class _Said(NamedTuple):
    """What a table says: a query, how many of its first columns name a row, what all of them are called, how a name
    reads in a sentence."""

    table: str
    sql: str
    names: int
    columns: tuple[str, ...]
    called: Callable[[_Namer, Values], str]


class _Namer:
    """Records by their public ids: what may stand in a sentence."""

    def __init__(self, db: Db, key: bytes) -> None:
        self.db = db
        self.key = key

    def record(self, number: Any) -> str:
        """The public id of a record."""
        row = self.db.one(
            "SELECT s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id = ?", (number,)
        )
        return ids.text(ids.public_id(row[0], t.ENTITIES[row[1]], row[2], self.key)) if row else f"number {number}"


def _first(handle: str) -> str:
    """A node by its smallest record."""
    return (
        f"CASE WHEN {handle} > 0 THEN {handle} ELSE COALESCE((SELECT n.first FROM node n WHERE n.id = {handle}), 0) END"
    )


_STRAY = "CASE WHEN p.node IS NOT NULL AND (n.id IS NULL OR p.customer IS NOT NULL) THEN 1 ELSE 0 END"
# one record in a node of its own is the same as a lone one, unless its customer has others
_IN_COMPANY = (
    " WHERE NOT EXISTS (SELECT 1 FROM person p JOIN node n ON n.id = p.node AND n.n = 1 WHERE p.id = alias.record "
    "AND NOT EXISTS (SELECT 1 FROM person q WHERE q.customer = n.customer) "
    "AND NOT EXISTS (SELECT 1 FROM node m WHERE m.customer = n.customer AND m.id <> n.id))"
)
_GUEST = t.ENTITIES.index("guest_order")


def _plain(table: Any, called: Callable[[_Namer, Values], str], *, without: str = "", where: str = "") -> _Said:
    keys = [column.name for column in table.primary_key.columns]
    rest = [c.name for c in table.columns if c.name not in keys and c.name != without and c.computed is None]
    sql = f"SELECT {', '.join([*keys, *rest])} FROM {table.name}{where}"
    return _Said(table.name, sql, len(keys), (*keys, *rest), called)


_ALL = (
    _Said(
        "person",
        # one record in a node of its own is the same as a lone one
        "SELECT p.id, p.created, p.name, p.keys, p.flags, COALESCE(n.customer, p.customer, p.id), "
        f"CASE WHEN n.n > 1 THEN n.first ELSE p.id END, {_STRAY}, CASE WHEN r.entity = {_GUEST} THEN r.body END "
        "FROM person p LEFT JOIN node n ON n.id = p.node LEFT JOIN record r ON r.id = p.id",
        1,
        ("id", "created", "name", "keys", "flags", "customer", "node", "place", "body"),
        lambda namer, key: f"the person of record {namer.record(key[0])}",
    ),
    _Said(
        "node",
        "SELECT first, name, keys, n, customer, summary FROM node WHERE n > 1",
        1,
        ("first", "name", "keys", "n", "customer", "summary"),
        lambda namer, key: f"the node of record {namer.record(key[0])}",
    ),
    _Said(
        "mark",
        f"SELECT key, name, {_first('handle')} FROM mark",
        3,
        ("key", "name", "handle"),
        lambda namer, key: f"a mark of record {namer.record(key[2])}",
    ),
    _plain(t.crowded, lambda _namer, key: f"the crowded value {key[0]:x}"),
    _Said(
        "comp",
        f"SELECT {_first('handle')}, comp FROM comp",
        1,
        ("handle", "comp"),
        lambda namer, key: f"the divided component of record {namer.record(key[0])}",
    ),
    _Said(
        "apart",
        f"SELECT {_first('a')}, {_first('b')}, reason FROM apart",
        2,
        ("a", "b", "reason"),
        lambda namer, key: f"the pair kept apart {namer.record(key[0])} and {namer.record(key[1])}",
    ),
    _plain(t.link, lambda namer, key: f"the link of {namer.record(key[0])} and {namer.record(key[1])}"),
    _plain(t.order_key, lambda namer, key: f"a key of the order {namer.record(key[1])}"),
    _plain(t.carrier, lambda namer, key: f"the carrier {namer.record(key[0])}"),
    _plain(t.paper, lambda namer, key: f"the paper {namer.record(key[0])}"),
    _plain(t.orders, lambda namer, key: f"the order {namer.record(key[0])}"),
    _plain(t.checkout, lambda namer, key: f"the checkout {namer.record(key[0])}"),
    _plain(t.thing, lambda namer, key: f"the place of record {namer.record(key[0])}"),
    _plain(t.customer, lambda namer, key: f"the row of customer {namer.record(key[0])}", without="seen"),
    _plain(t.tally, lambda namer, key: f"the figures of customer {namer.record(key[0])}"),
    _plain(t.alias, lambda namer, key: f"an id of record {namer.record(key[1])}", where=_IN_COMPANY),
    _plain(t.posting, lambda namer, key: f"the badge of customer {namer.record(key[1])}"),
    _plain(t.objection, lambda namer, key: f"an objection of record {namer.record(key[1])}"),
    _plain(t.figure, lambda _namer, key: f"the figure {' '.join(map(str, key))}", where=" WHERE value <> 0"),
)


def differences(store: Store, stored: Db, anew: Db) -> Iterator[str]:
    """A sentence for each thing that `stored` says otherwise than `anew`, which was derived from the same facts."""
    namer = _Namer(stored, store.key)
    for said in _ALL:
        yield from _table(said, stored, anew, namer)
    yield from _single_nodes(stored, store.ruleset(stored), namer)


def _table(said: _Said, stored: Db, anew: Db, namer: _Namer) -> Iterator[str]:
    one, two = _digests(said, stored), _digests(said, anew)
    odd = frozenset(islice((n for n in range(_BUCKETS) if one[n] != two[n]), _LOOKED_AT))
    if not odd:
        return
    before, after = _rows(said, stored, odd), _rows(said, anew, odd)
    for name in sorted({*before, *after}, key=repr):
        there, due = before.get(name), after.get(name)
        what = said.called(namer, name)
        if there is None:
            yield f"{said.table}: {what} is missing"
        elif due is None:
            yield f"{said.table}: {what} should not be there"
        elif there != due:
            wrong = [column for column, x, y in zip(said.columns[said.names :], there, due, strict=True) if x != y]
            yield f"{said.table}: {what} is wrong in {', '.join(wrong)}"


def _digests(said: _Said, db: Db) -> list[int]:
    sums = [0] * _BUCKETS
    for row in db.stream(said.sql):
        name, values = _canonical(said, row)
        sums[_bucket(name)] += int.from_bytes(blake2b(_PACK((name, values)), digest_size=16).digest(), "big")
    return sums


def _rows(said: _Said, db: Db, wanted: frozenset[int]) -> Mapping[Values, Values]:
    found = {}
    for row in db.stream(said.sql):
        name, values = _canonical(said, row)
        if _bucket(name) in wanted:
            found[name] = values
    return found


def _canonical(said: _Said, row: Values) -> tuple[Values, Values]:
    if said.table == "node":
        row = (*row[:-1], _summary(row[-1]))
    return row[: said.names], row[said.names :]


def _summary(blob: bytes) -> Any:
    """A summary without the order in which its values came."""
    try:
        made = _SUMMARY.decode(blob)
    except msgspec.MsgspecError:
        return None
    for unit in ("emails", "phones", "addresses", "numbers", "consents"):
        slots = getattr(made, unit)
        setattr(made, unit, {key: slots[key] for key in sorted(slots)})
    return made


def _bucket(name: Values) -> int:
    return crc32(_PACK(name)) % _BUCKETS


def _single_nodes(db: Db, ruleset: Ruleset, namer: _Namer) -> Iterator[str]:
    """Nodes that are left with one record: derived anew there would be none, so they are held against the record."""
    realm = Realm(db, ruleset, facts.sources(db))
    for first, name, keys, blob, number, other_name, other_keys, here in db.rows(
        "SELECT n.first, n.name, n.keys, n.summary, p.id, p.name, p.keys, "
        "(SELECT count(*) FROM person x WHERE x.node = n.id) "
        "FROM node n LEFT JOIN person p ON p.id = n.first AND p.node = n.id WHERE n.n <= 1"
    ):
        fits = number is not None and here == 1 and name == other_name and bytes(keys) == bytes(other_keys)
        if not fits or _PACK(_summary(bytes(blob))) != _PACK(_summary(_PACK(realm.summarise([number])[0]))):
            yield f"node: the node of record {namer.record(first)} does not fit its record"


__all__ = ["differences"]
