"""Why records are one customer: every edge with its rule and value, recomputed from marks and claims by the same rules;
and why two customers are not one (why_not.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from klientela.flow.history import publics_of, read
from klientela.model.instants import iso
from klientela.model.records import Person
from klientela.rules.identity import Handle, Link, cluster, joins
from klientela.rules.publish import RULE_OF, STRENGTH, Canon, Key, value_of
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import mask
from klientela.store import facts, ids
from klientela.store.database import Db, Store
from klientela.store.facts import Loaded, SourceRow
from klientela.store.identity import Held, Realm
from klientela.store.locate import record_keys
from klientela.store.rows import members_of, records_of

MOST_NODES = 100
"""Up to so many nodes every edge between them is told, beyond only those that hold the customer together."""


class Record(NamedTuple):
    """A member record: its number, how people write it, its place by age, the source it is of, its node."""

    id: int
    key: str
    canon: Canon
    uid: str
    node: Handle


@dataclass(slots=True)
class Members:
    """A customer laid open: its records oldest first, its nodes, and what ties them."""

    customer: int
    public: str
    records: list[Record]
    nodes: dict[Handle, Held]
    links: list[Link]
    cannots: list[tuple[Handle, Handle]]
    crowded: set[int]
    decisions: list[dict[str, Any]]

    def eldest(self) -> dict[Handle, Record]:
        """The oldest record of each node."""
        found: dict[Handle, Record] = {}
        for record in self.records:
            found.setdefault(record.node, record)
        return found


class Opener:
    """Lays customers open in one reading."""

    def __init__(self, db: Db, store: Store) -> None:
        self.db = db
        self.store = store
        self.ruleset: Ruleset = store.ruleset(db)
        self.sources: dict[int, SourceRow] = facts.sources(db)

    def open(self, customer: int) -> Members:
        """Everything identity knows of a customer."""
        db = self.db
        realm = Realm.begin(db, self.ruleset, self.sources)
        realm.load_held(realm.handles_of_customers([customer])[customer])
        records = self._records(customer)
        decisions = self._decisions(records)
        links, cannots = self._given(records)
        crowded = realm.crowded({key.hash for held in realm.held.values() for key in held.keys})
        public = min(records, key=lambda record: record.canon).canon
        return Members(
            customer,
            ids.text(ids.public_id(public.source, public.entity, public.external_id, self.store.key)),
            records,
            dict(realm.held),
            links,
            cannots,
            crowded,
            decisions,
        )

    def _records(self, customer: int) -> list[Record]:
        rows = members_of(self.db, [customer], "p.id, p.created, p.node, r.source, r.entity, r.ext").get(customer, [])
        keys = record_keys(self.db, [row[0] for row in rows])
        made = []
        for number, created, node, source, entity, ext in rows:
            uid = self.sources[source].uid
            canon = Canon(2**62 if created is None else created, uid, facts.entity_name(entity), ext)
            made.append(Record(number, keys[number], canon, uid, number if node is None else node))
        return sorted(made, key=lambda record: record.canon)

    def _decisions(self, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Active decisions on pairs that name one of the records; what is said of a record alone joins and parts nobody."""
        db = self.db
        packed = db.pack([record.id for record in records])
        rows = db.rows(
            "SELECT d.from_seq, x.at, x.actor, d.kind, d.a, d.b, d.detail FROM decision d "
            "LEFT JOIN txn x ON x.seq = d.from_seq WHERE d.to_seq IS NULL AND d.b IS NOT NULL "
            f"AND (d.a {db.among} OR d.b {db.among}) ORDER BY d.id",
            (packed, packed),
        )
        keys = record_keys(db, {number for row in rows for number in row[4:6] if number is not None})
        return [
            {
                "seq": seq,
                "at": iso(at) if at is not None else None,
                "actor": actor,
                "kind": kind,
                "a": keys.get(a),
                "b": keys.get(b) if b is not None else None,
                "detail": detail,
            }
            for seq, at, actor, kind, a, b, detail in rows
        ]

    def _given(self, records: Sequence[Record]) -> tuple[list[Link], list[tuple[Handle, Handle]]]:
        """Asserted edges and decisions among the records, on their nodes."""
        db = self.db
        node = {record.id: record.node for record in records}
        packed = db.pack(node)
        pairs = db.rows(f"SELECT a, b, reason FROM link WHERE a {db.among}", (packed,))
        decided = db.rows(
            "SELECT a, b, kind FROM decision WHERE to_seq IS NULL AND b IS NOT NULL AND kind IN ('must', 'cannot') "
            f"AND a {db.among} ORDER BY id",
            (packed,),
        )
        newest = {frozenset(row[:2]): row for row in decided}  # the newest on a pair wins (R21)
        links, cannots = [], []
        for a, b, reason in (*pairs, *newest.values()):
            if a not in node or b not in node or node[a] == node[b]:
                continue
            if reason == "cannot":
                cannots.append((node[a], node[b]))
            else:
                links.append(Link(node[a], node[b], "operator" if reason == "must" else reason))
        return links, cannots


def why(db: Db, store: Store, customer: int, *, reveal: bool = False) -> dict[str, Any]:
    """The contract's Why: `{"id", "records", "edges", "decisions"}`; values are masked unless `reveal`.

    `customer` is a customer's number (`store.locate`). Each edge says in `holds` whether it is one of those that hold
    the customer together in the order of R22; `run`, `rule_version` and `at` are of the audit line that joined the two,
    None where no line says so.
    """
    opener = Opener(db, store)
    members = opener.open(customer)
    return {
        "id": members.public,
        "records": records_of(db, [customer], opener.sources, store.key)[customer],
        "edges": _Edges(opener, members, reveal).made(),
        "decisions": members.decisions,
    }


class _Tie(NamedTuple):
    """An edge between two records, the older first. `key` is the hash of what they share, 0 where it was asserted."""

    strength: int
    a: Record
    b: Record
    rule: str
    key: int
    holds: bool


class _Edges:
    """The edges of one customer."""

    def __init__(self, opener: Opener, members: Members, reveal: bool) -> None:
        self.opener = opener
        self.members = members
        self.reveal = reveal
        self.eldest = members.eldest()
        self.written = _Written(opener, members)
        self.facts: dict[int, Loaded] = {}

    def made(self) -> list[dict[str, Any]]:
        """All of them: first those that hold the customer together, each kind strongest first, then by age."""
        ties = [*self._within(), *self._between()]
        self.facts = facts.load(self.opener.db, {record.id for tie in ties if tie.key for record in (tie.a, tie.b)})
        ties.sort(key=lambda tie: (not tie.holds, tie.strength, tie.a.canon, tie.b.canon, tie.key))
        return [self._edge(tie) for tie in ties]

    def _within(self) -> list[_Tie]:
        """Records of one node have equal names and keys: each hangs on the oldest, by the strongest key."""
        found = []
        for record in self.members.records:
            head = self.eldest[record.node]
            if record.id != head.id:
                keys = self.members.nodes[record.node].keys
                key = min(keys, key=lambda k: (STRENGTH[k.kind], k.kind, k.hash))
                found.append(_Tie(STRENGTH[key.kind], head, record, RULE_OF[key.kind], key.hash, holds=True))
        return found

    def _between(self) -> list[_Tie]:
        """The edges between nodes: those of R22's order that hold, and up to a bound all others."""
        members = self.members
        nodes = [members.nodes[handle].as_node() for handle in self.eldest]
        same_source = self.opener.ruleset.same_source
        result = cluster(nodes, members.links, members.cannots, members.crowded, same_source=same_source)
        found: dict[tuple[int, int, int], _Tie] = {}
        for edge in result.edges:
            self._add(found, edge.strength, edge.a, edge.b, edge.rule, edge.key, holds=True)
        for link in members.links:
            self._add(found, -2 if link.reason == "operator" else -1, link.a, link.b, link.reason, 0, holds=False)
        if len(nodes) <= MOST_NODES:
            for one, two, key in self._shared():
                self._add(found, STRENGTH[key.kind], one, two, RULE_OF[key.kind], key.hash, holds=False)
        return list(found.values())

    def _add(
        self,
        found: dict[tuple[int, int, int], _Tie],
        strength: int,
        one: Handle,
        two: Handle,
        rule: str,
        key: int,
        *,
        holds: bool,
    ) -> None:
        low, high = sorted((self.eldest[one], self.eldest[two]), key=lambda record: record.canon)
        found.setdefault((low.id, high.id, key), _Tie(strength, low, high, rule, key, holds))

    def _shared(self) -> Iterable[tuple[Handle, Handle, Key]]:
        """Every pair of nodes and key that joins them."""
        nodes = {handle: self.members.nodes[handle].as_node() for handle in self.eldest}
        carriers: dict[Key, list[Handle]] = defaultdict(list)
        for handle, node in nodes.items():
            for key in node.keys:
                carriers[key].append(handle)
        for key, handles in carriers.items():
            crowded = key.hash in self.members.crowded
            for one, two in combinations(handles, 2):
                if joins(nodes[one], nodes[two], key, crowded):
                    yield one, two, key

    def _edge(self, tie: _Tie) -> dict[str, Any]:
        value = self._value(tie.a, tie.key) or self._value(tie.b, tie.key) if tie.key else None
        written = self.written.of(tie.a, tie.b)
        return {
            "a": tie.a.key,
            "b": tie.b.key,
            "rule": tie.rule,
            "value": value if value is None or self.reveal else mask(tie.rule, value),
            "run": written.run,
            "rule_version": written.rule_version,
            "at": written.at,
            "holds": tie.holds,
        }

    def _value(self, record: Record, key: int) -> str | None:
        loaded = self.facts.get(record.id)
        if loaded is None or not isinstance(loaded.fact, Person):
            return None
        return value_of(loaded.fact, record.uid, self.opener.ruleset, key)


class _Line(NamedTuple):
    """Which run joined something, under which rules, when."""

    run: int | None = None
    rule_version: str | None = None
    at: str | None = None


class _Written:
    """What the audit says of how a customer's records came together."""

    def __init__(self, opener: Opener, members: Members) -> None:
        self.pairs: dict[frozenset[str], _Line] = {}
        self.arrived: dict[str, _Line] = {}
        if len(members.records) < 2:
            return
        db = opener.db
        lines = [
            line
            for line in read(db, publics_of(db, opener.store.key, members.customer))
            if line["kind"] in ("joined", "merged") and line["records"]
        ]
        versions: dict[int, str] = dict(
            db.rows(
                f"SELECT x.seq, r.digest FROM txn x JOIN ruleset r ON r.id = x.ruleset WHERE x.seq {db.among}",
                (db.pack({line["seq"] for line in lines}),),
            )
        )
        for line in lines:
            said = _Line(line["run"], versions.get(line["seq"]), line["at"])
            other = (line["detail"] or {}).get("with")
            if line["kind"] == "merged":
                self.pairs[frozenset(line["records"])] = said
            else:
                self.arrived[line["records"][0]] = said
                if other:
                    self.pairs[frozenset((line["records"][0], other))] = said

    def of(self, a: Record, b: Record) -> _Line:
        """The line that names the two; else the later arrival of one of them."""
        exact = self.pairs.get(frozenset((a.key, b.key)))
        if exact is not None:
            return exact
        arrivals = [line for record in (a, b) if (line := self.arrived.get(record.key)) is not None]
        return max(arrivals, key=lambda line: line.at or "") if arrivals else _Line()
