"""The identity tables: persons, nodes, marks, components; read for what a page reaches, written back by difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct as Packer
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from klientela.model.records import Person as Said
from klientela.rules.identity import Handle, Node
from klientela.rules.precedence import Member, Summary, merge, summary
from klientela.rules.publish import Canon, Key
from klientela.rules.ruleset import Ruleset
from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step
from klientela.store.facts import Loaded, SourceRow

_PAIR, _TWO = Packer("<bq"), Packer("<bqbq")
_SUMMARY = msgspec.msgpack.Decoder(Summary)
_ENCODE = msgspec.msgpack.Encoder().encode


def pack_keys(keys: Sequence[Key]) -> bytes:
    """Keys as 9 bytes each, in their order."""
    if len(keys) == 2:
        return _TWO.pack(*keys[0], *keys[1])
    return b"".join([_PAIR.pack(*key) for key in keys])


def unpack_keys(blob: bytes) -> tuple[Key, ...]:
    """The inverse of `pack_keys`."""
    return tuple(Key(*pair) for pair in _PAIR.iter_unpack(blob))


def unpack_summary(blob: bytes) -> Summary:
    """What a shared node keeps of its records."""
    return _SUMMARY.decode(blob)


class Person(Struct, gc=False):
    """A row of `person`."""

    id: int
    created: int | None
    name: str
    keys: bytes
    flags: int
    node: int | None
    customer: int | None
    seen: int


class Held(Struct, gc=False):
    """A node of identity in hand: a lone record (handle > 0) or a shared node (handle < 0)."""

    handle: Handle
    name: str
    keys: tuple[Key, ...]
    account: str | None
    canon: Canon
    first: int  # smallest record id in it
    customer: int | None  # the customer it stands in now; None: in none yet
    seen: int
    shown: bool
    n: int = 1
    summary: Summary | None = None  # of a shared node
    loaded: Loaded | None = None  # of a lone record
    new_customer: int | None = None
    dirty: bool = False  # its row must be written (shared nodes)
    gone: bool = False  # dissolved in this step

    def as_node(self) -> Node:
        """What the rules need to know of it."""
        return Node(self.handle, self.canon, self.name, self.keys, self.account)


@dataclass(slots=True)
class Realm:
    """The working set of one page."""

    db: Db
    ruleset: Ruleset
    sources: dict[int, SourceRow]
    held: dict[Handle, Held] = field(default_factory=dict)
    persons: dict[int, Person] = field(default_factory=dict)
    shared: set[int] = field(default_factory=set)  # of the persons read, those that stood together with others
    carriers: dict[int, dict[Handle, str]] = field(default_factory=dict)  # key hash -> handle -> name
    members_read: int = 0
    has_links: bool = False
    has_comps: bool = False
    has_crowds: bool = False

    @classmethod
    def begin(cls, db: Db, ruleset: Ruleset, sources: dict[int, SourceRow]) -> Realm:
        """A realm that knows which of the rare tables hold anything at all."""
        row = db.one(
            "SELECT EXISTS (SELECT 1 FROM link) OR EXISTS (SELECT 1 FROM decision), "
            "EXISTS (SELECT 1 FROM comp), EXISTS (SELECT 1 FROM crowded)"
        )
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        return cls(db, ruleset, sources, has_links=bool(row[0]), has_comps=bool(row[1]), has_crowds=bool(row[2]))

    # -- reading ---------------------------------------------------------------

    def load_persons(self, ids: Iterable[int]) -> None:
        """Rows of `person` that are not in hand yet."""
        wanted = [i for i in ids if i not in self.persons]
        if wanted:
            for row in self.db.rows(
                f"SELECT id, created, name, keys, flags, node, customer, seen FROM person WHERE id {self.db.among}",
                (self.db.pack(wanted),),
            ):
                self.persons[row[0]] = Person(*row)
                if row[5] is not None or row[6] is not None:
                    self.shared.add(row[0])

    def tied(self, records: list[int]) -> set[int]:
        """Those of some records that an asserted edge or a decision names."""
        if not self.has_links or not records:
            return set()
        packed, among = self.db.pack(records), self.db.among
        rows = self.db.rows(
            f"SELECT a FROM link WHERE a {among} UNION SELECT b FROM link WHERE b {among} UNION "
            f"SELECT a FROM decision WHERE to_seq IS NULL AND b IS NOT NULL AND a {among} UNION "
            f"SELECT b FROM decision WHERE to_seq IS NULL AND b {among}",
            (packed, packed, packed, packed),
        )
        return {row[0] for row in rows}

    def load_carriers(self, keys: Iterable[int]) -> None:
        """Who carries these keys."""
        wanted = [k for k in keys if k not in self.carriers]
        if not wanted:
            return
        for key in wanted:
            self.carriers[key] = {}
        for key, name, handle in self.db.rows(
            f"SELECT key, name, handle FROM mark WHERE key {self.db.among}", (self.db.pack(wanted),)
        ):
            self.carriers[key][handle] = name

    def load_held(self, handles: Iterable[Handle]) -> None:
        """Nodes that are not in hand yet, with what their profile needs."""
        wanted = {h for h in handles if h not in self.held}
        lone = [h for h in wanted if h > 0]
        shared = [h for h in wanted if h < 0]
        if lone:
            self.load_persons(lone)
            facts_of = facts.load(self.db, lone)
            self.members_read += len(lone)
            for number in lone:
                if number in self.persons and number in facts_of:
                    person = self.persons[number]
                    self.hold_person(person, _somebody(facts_of[number], person.created))
        if shared:
            self.members_read += len(shared)
            for row in self.db.rows(
                f"SELECT id, name, keys, n, first, customer, seen, summary FROM node WHERE id {self.db.among}",
                (self.db.pack(shared),),
            ):
                number, name, keys, n, first, customer, seen, blob = row
                made = _SUMMARY.decode(blob)
                self.held[number] = Held(
                    number, name, unpack_keys(keys), None, made.canon, first, customer, seen, True, n, made
                )

    def hold_person(self, person: Person, loaded: Loaded) -> Held:
        """A lone record's node from its stored row."""
        uid = self.sources[loaded.source].uid
        canon = facts.canon_of(loaded.fact, uid, loaded.entity, loaded.ext)
        held = Held(
            person.id,
            person.name,
            unpack_keys(person.keys),
            uid if person.flags & t.ACCOUNT else None,
            canon,
            person.id,
            person.customer if person.customer is not None else person.id,
            person.seen,
            bool(person.flags & t.SHOWN),
            loaded=loaded,
        )
        self.held[person.id] = held
        return held

    def handles_of_customers(self, customers: Iterable[int]) -> dict[int, list[Handle]]:
        """The nodes of some customers: customer -> handles."""
        wanted = list(customers)
        found: dict[int, list[Handle]] = {c: [] for c in wanted}
        if not wanted:
            return found
        packed = self.db.pack(wanted)
        for table, extra in (("person", "customer"), ("node", "customer")):
            for handle, customer in self.db.rows(
                f"SELECT id, {extra} FROM {table} WHERE customer {self.db.among}", (packed,)
            ):
                found[customer].append(handle)
        for row in self.db.rows(
            f"SELECT id FROM person WHERE customer IS NULL AND node IS NULL AND id {self.db.among}", (packed,)
        ):
            found[row[0]].append(row[0])
        return found

    def comp_mates(self, handles: Iterable[Handle]) -> list[Handle]:
        """All nodes of the divided components that these nodes belong to."""
        if not self.has_comps:
            return []
        return [
            row[0]
            for row in self.db.rows(
                f"SELECT handle FROM comp WHERE comp IN (SELECT comp FROM comp WHERE handle {self.db.among})",
                (self.db.pack(handles),),
            )
        ]

    def crowded(self, keys: Iterable[int]) -> set[int]:
        """Which of these keys are above their limit."""
        if not self.has_crowds:
            return set()
        return {
            row[0] for row in self.db.rows(f"SELECT key FROM crowded WHERE key {self.db.among}", (self.db.pack(keys),))
        }

    def records_in(self, handle: Handle) -> list[int]:
        """The records of a shared node, smallest id first."""
        return [row[0] for row in self.db.rows("SELECT id FROM person WHERE node = ? ORDER BY id", (handle,))]

    # -- summaries ---------------------------------------------------------------

    def summary_of(self, held: Held) -> Summary:
        """The profile summary of a node."""
        if held.summary is None:
            assert held.loaded is not None  # noqa: S101 - a lone node always has its record
            held.summary = summary(member(held.loaded, held.canon), self.ruleset)
        return held.summary

    def summarise(self, records: Iterable[int]) -> tuple[Summary, int]:
        """The summary of many records and their earliest commit time, read in batches."""
        ids = list(records)
        self.members_read += len(ids)
        made: Summary | None = None
        for start in range(0, len(ids), 500):
            for found in facts.load(self.db, ids[start : start + 500]).values():
                item = found if found.fact is not None else _somebody(found, self._created(found.id))
                canon = facts.canon_of(item.fact, self.sources[item.source].uid, item.entity, item.ext)
                one = summary(member(item, canon), self.ruleset)
                made = one if made is None else merge(made, one)
        assert made is not None  # noqa: S101 - a node has at least one record
        row = self.db.one(f"SELECT min(seen) FROM person WHERE id {self.db.among}", (self.db.pack(ids),))
        return made, (row[0] if row else 0)

    def _created(self, record: int) -> int | None:
        self.load_persons([record])
        return self.persons[record].created


def _somebody(item: Loaded, created: int | None) -> Loaded:
    """A record as it is kept in hand: one of which nobody speaks any more, and whose turn on the worklist has not come,
    keeps its place and says nothing."""
    if item.fact is not None:
        return item
    kind: Any = facts.entity_name(item.entity)
    born = UNSET if created is None else created
    return msgspec.structs.replace(item, fact=Said(external_id=item.ext, entity=kind, created_at=born))


def member(loaded: Loaded, canon: Canon) -> Member:
    """A record as precedence sees it."""
    return Member(canon, loaded.version, loaded.fact)


def write_nodes(step: Step, nodes: Sequence[Held], new: set[Handle]) -> None:
    """Store shared nodes: insert the new, update the dirty, delete the dissolved."""
    db = step.db
    db.delete(t.node, [(h.handle,) for h in nodes if h.gone and h.handle not in new])
    live = [h for h in nodes if not h.gone]

    def row(held: Held) -> tuple[Any, ...]:
        customer = held.customer if held.new_customer is None else held.new_customer
        return (
            held.name, pack_keys(held.keys), held.n, held.first, customer, held.seen, _ENCODE(held.summary),
            held.handle,
        )  # fmt: skip

    columns = ("name", "keys", "n", "first", "customer", "seen", "summary")
    db.insert(t.node, (*columns, "id"), [row(h) for h in live if h.handle in new])
    db.update(t.node, columns, [row(h) for h in live if h.handle not in new])
