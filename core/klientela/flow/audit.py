"""Write down what was decided about identity, and why: one line for each thing that happened to a customer."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from klientela.flow.values import Case, Change, Written
from klientela.rules.identity import Edge, Handle
from klientela.rules.publish import RULE_OF, STRENGTH, Canon, Key, value_of
from klientela.store import ledger
from klientela.store.database import Db, Step
from klientela.store.identity import Held
from klientela.store.ledger import Line
from klientela.store.tables import ENTITIES


def audit(step: Step, page: Written, cases: dict[int, Case], *, hushed: Set[int] = frozenset()) -> tuple[int, int]:
    """Write the lines of one page; how many customers were merged and how many were split.

    `hushed`: records of whom it is not said that they left, nor by which id a customer went, for an erasure tells that
    somebody did, not who (R56).
    """
    lines = _Lines(page, cases, hushed)
    lines.write()
    ledger.write(step, lines.made)
    return lines.merged, lines.split


class _Lines:
    def __init__(self, page: Written, cases: dict[int, Case], hushed: Set[int]) -> None:
        self.page = page
        self.hushed = hushed
        self.out = page.out
        self.realm = page.out.realm
        self.cases = cases
        self.made: list[Line] = []
        self.merged = 0
        self.split = 0
        self.founded: dict[Handle, list[int]] = page.founded

    def write(self) -> None:
        """All lines, in an order that only the facts decide."""
        changes = [c for c in self.out.changes if c.moved]
        held = self.realm.held
        changes.sort(
            key=lambda c: held[c.members[0]].canon if len(c.members) == 1 else min(held[h].canon for h in c.members)
        )
        for change in changes:
            self._one(change)
        self._left()
        self._apart()

    def _left(self) -> None:
        """Records that are nobody any more."""
        for record in sorted(set(self.out.left) - self.hushed, key=lambda r: self.cases[r].canon):
            old = self.page.old_public.get(self.out.before[record])
            self._line("left", None, old, None, [self.cases[record].canon])

    def _line(
        self,
        kind: str,
        rule: str | None,
        customer: bytes | None,
        other: bytes | None,
        records: Sequence[Canon],
        value: str | None = None,
        **detail: Any,
    ) -> None:
        self._say(kind, rule, customer, other, ["\0".join(c[1:]) for c in records], value, **detail)

    def _say(
        self,
        kind: str,
        rule: str | None,
        customer: bytes | None,
        other: bytes | None,
        records: list[str],
        value: str | None = None,
        **detail: Any,
    ) -> None:
        body: dict[str, Any] = {"records": records}
        if value is not None:
            body["value"] = value
        if detail:
            body["detail"] = detail
        self.made.append(Line(kind, rule, customer, other, body))

    def _one(self, change: Change) -> None:
        public = self.page.public_of(change)
        if not change.olds and change.members == [change.customer] and change.customer in self.out.new_persons:
            self._line("founded", None, public, None, [self.realm.held[change.customer].canon])
            return  # one new record by itself
        newcomers = sorted(
            (record for handle in change.members for record in self.founded.get(handle, ())), key=self._canon
        )
        olds = sorted({p for c in change.olds if (p := self.page.old_public.get(c)) is not None})
        if not olds and newcomers:
            self._line("founded", None, public, None, [self._canon(newcomers[0])])
            newcomers = newcomers[1:]
        renamed = told = self._renamed_of(change, public)
        for record in newcomers:
            edge, key = self._reason(change, record)
            value = self._value(record, key)
            rule = edge.rule if edge is not None else RULE_OF[key.kind] if key is not None else None
            self._line("joined", rule, public, told, [self._canon(record)], value, with_=self._with(record, edge))
            told = None
        if told is not None and not self.hushed:
            self._line("renamed", None, public, told, [])  # nobody came: another record is its oldest now
        self._parts(change, public)
        self._unseen(change, public)
        for old in olds:
            if old not in (public, renamed):
                self._merge(change, public, old, [c for c in change.olds if self.page.old_public.get(c) == old])

    def _merge(self, change: Change, public: bytes, old: bytes, customers: list[int]) -> None:
        if any(customer in self.out.splits for customer in customers):
            return  # told as a split
        edge = next((e for e in change.edges if self._between(e, customers)), None)
        records = [edge.low, edge.high] if edge is not None else []
        value = self._edge_value(edge)
        self._line("merged", edge.rule if edge else None, public, old, records, value)
        self.merged += 1

    def _renamed_of(self, change: Change, public: bytes) -> bytes | None:
        """By which id the customer went that goes by another one now: its oldest record is another (R23)."""
        olds = {c: p for c in change.olds if (p := self.page.old_public.get(c)) is not None}
        if public in olds.values():
            return None
        return min((p for c, p in olds.items() if c not in self.out.splits), default=None)

    def _between(self, edge: Edge, customers: list[int]) -> bool:
        one, two = self.realm.held[edge.a].customer, self.realm.held[edge.b].customer
        return (one in customers) != (two in customers)

    def _parts(self, change: Change, public: bytes) -> None:
        """This customer holds a part of an old one."""
        for customer in change.olds:
            old = self.page.old_public.get(customer)
            if customer not in self.out.splits or old is None or old == public:
                continue
            self._say("split", None, old, public, self._of(change, customer))
            self.split += 1

    def _unseen(self, change: Change, public: bytes) -> None:
        """Records of customers that made no row: nobody could see them, so they come like newcomers."""
        for customer in change.olds:
            alone = len(change.olds) == 1 and change.members == [customer]
            if customer not in self.page.old_public and not alone and (records := self._of(change, customer)):
                self._say("joined", None, public, None, records)

    def _of(self, change: Change, customer: int) -> list[str]:
        """The records of a customer that were in another one before, by key."""
        realm, before = self.realm, self.out.before
        newcomers = {record for handle in change.members for record in self.founded.get(handle, ())}
        found = []
        for handle in change.members:
            for record in [handle] if handle > 0 else realm.records_in(handle):
                lone = realm.held.get(record)
                stood = before[record] if record in before else (lone or realm.held[handle]).customer
                if stood == customer and record not in newcomers:
                    found.append(record)
        return sorted(_keys(realm.db, found))

    def _apart(self) -> None:
        for pair in self.out.apart:
            one, two = self.realm.held[pair.a], self.realm.held[pair.b]
            low, high = sorted((one, two), key=lambda h: h.canon)
            self._line("kept_apart", pair.reason, self._public(low), self._public(high), [low.canon, high.canon])

    def _public(self, held: Held) -> bytes | None:
        number = held.new_customer if held.new_customer is not None else held.customer
        return self.page.public.get(number) if number is not None else None

    # -- reasons --------------------------------------------------------------------

    def _canon(self, record: int) -> Canon:
        return self.cases[record].canon if record in self.cases else self.realm.held[record].canon

    def _reason(self, change: Change, record: int) -> tuple[Edge | None, Key | None]:
        """The edge or the shared key by which a record came in."""
        handle = self.realm.persons[record].node
        if handle is not None:
            keys = sorted(self.realm.held[handle].keys, key=lambda k: (STRENGTH[k.kind], k.kind, k.hash))
            return None, keys[0]
        mine = [e for e in change.edges if record in (e.a, e.b)]
        if not mine:
            return None, None
        kinds = {k.hash: k for k in self.realm.held[record].keys}
        return mine[0], kinds.get(mine[0].key)

    def _with(self, record: int, edge: Edge | None) -> str | None:
        if edge is None:
            return None
        other = edge.high if edge.a == record else edge.low
        return "\0".join(other[1:])

    def _value(self, record: int, key: Key | None) -> str | None:
        if key is None or record not in self.cases:
            return None
        case = self.cases[record]
        uid = self.realm.sources[case.loaded.source].uid
        return value_of(case.loaded.fact, uid, self.realm.ruleset, key.hash) if case.loaded.fact is not None else None

    def _edge_value(self, edge: Edge | None) -> str | None:
        if edge is None or not edge.key:
            return None
        for handle in (edge.a, edge.b):
            held = self.realm.held[handle]
            if held.loaded is not None and held.loaded.fact is not None:
                uid = self.realm.sources[held.loaded.source].uid
                value = value_of(held.loaded.fact, uid, self.realm.ruleset, edge.key)
                if value is not None:
                    return value
        return None


def _keys(db: Db, records: Sequence[int]) -> list[str]:
    """Records by their key for ever, as the log writes them."""
    return [
        f"{uid}\0{ENTITIES[entity]}\0{ext}"
        for uid, entity, ext in db.rows(
            f"SELECT s.uid, r.entity, r.ext FROM record r JOIN source s ON s.id = r.source WHERE r.id {db.among}",
            (db.pack(records),),
        )
    ]
