"""Why two customers are not one: for each value they share the rule that says no, as a word and as a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from klientela.flow import work
from klientela.flow.why import Members, Opener, Record, why
from klientela.model.records import Person
from klientela.rules.identity import Node, joins
from klientela.rules.keys import key64
from klientela.rules.publish import ADDRESS, EMAIL, GUEST_MAIL, LINK, NUMBER, PHONE, Key, held_back, policy_for
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import CALLED, REASONS, Value, mask, values
from klientela.store import facts
from klientela.store.database import Db, Store
from klientela.store.locate import locate
from klientela.store.rows import records_of

_MOST_RECORDS = 1000
"""So many records of each customer, oldest first, are held against each other."""
_MOST_PAIRS = 20
"""With so many carriers of a value on the other side each record is compared."""

_KINDS = {"email": EMAIL, "number": NUMBER, "phone": PHONE, "address": ADDRESS}
_BOTH = {
    "names": "but the names on them are not one person's (R17b)",
    "nameless": "but one of them has no name, and such a value alone joins nobody (R17b)",
    "bridge": "but a record without a name belongs to one customer and joins no two (R17b)",
    "limit": "but so many names do that it joins only equal names (R20)",
    "rule_off": "but the rule for it is switched off",
    "same_source": "but they hold different accounts of one shop (R20b)",
    "per_order": "but each order of a guest there is a customer of its own (R6, R7)",
    "per_source": "but guests there are joined among themselves only (R11)",
    "guests": "but only an account and a guest are joined by it (R10)",
    "hidden": "but all orders of one of them are rows of their own (R13)",
    "pending": "and nothing speaks against it: `klientela sync` finishes what is left to do",
}
_ELSE = {
    "decision": "an operator decided that they are not the same person (R21)",
    "number_space": "both have the customer number {value}, but in different number spaces (R16)",
    "nothing_shared": "they share no e-mail, customer number, phone or address",
}


class _Side(NamedTuple):
    """One record of one of the two: what it says, what of it is published."""

    record: Record
    fact: Person
    node: Node


class _Shared(NamedTuple):
    """A value that a record of each side carries."""

    value: Value
    a: _Side
    b: _Side


def explain(store: Store, named: str, other: str | None = None, *, reveal: bool = False) -> dict[str, Any]:
    """`klientela why ID [ID2]`: the Why of a customer, or why two are not one. By ids or record keys; UnknownThing."""
    with store.reading() as db:
        one = locate(db, store.key, named).customer
        if other is None:
            return why(db, store, one, reveal=reveal)
        return why_not(db, store, one, locate(db, store.key, other).customer, reveal=reveal)


def why_not(db: Db, store: Store, one: int, two: int, *, reveal: bool = False) -> dict[str, Any]:
    """`{"id", "records", "other": {"id", "records"}, "joined", "reasons", "edges", "decisions"}` for two customers.

    Each reason is `{"reason", "rule", "value", "a", "b", "sentence"}`, one for each value that they share; values are
    masked unless `reveal`. Two ids of one customer: `joined` is true, and the rest is the Why of it.
    """
    if one == two:
        made = why(db, store, one, reveal=reveal)
        return {**made, "other": {"id": made["id"], "records": made["records"]}, "joined": True, "reasons": []}
    opener = Opener(db, store)
    a, b = opener.open(one), opener.open(two)
    listed = records_of(db, [one, two], opener.sources, store.key)
    keys = {record.key for record in b.records}
    return {
        "id": a.public,
        "records": listed[one],
        "other": {"id": b.public, "records": listed[two]},
        "joined": False,
        "reasons": list(_Reasons(opener, a, b, reveal).made()),
        "edges": [],
        "decisions": [said for said in a.decisions if keys & {said["a"], said["b"]}],
    }


class _Reasons:
    """What keeps two customers apart."""

    def __init__(self, opener: Opener, a: Members, b: Members, reveal: bool) -> None:
        self.db = opener.db
        self.ruleset: Ruleset = opener.ruleset
        self.reveal = reveal
        self.a, self.b = a, b
        self.crowded = a.crowded | b.crowded
        self.sides = self._sides(a), self._sides(b)

    def made(self) -> Iterator[dict[str, Any]]:
        """One for each shared value and reason; the first pair of records by age stands for the others."""
        told: set[tuple[str, str, str]] = set()
        for a, b in self._parted():
            told.add(("decision", "", ""))
            yield self._say("decision", None, a, b)
        for shared in self._shared():
            reason = self._reason(shared)
            place = (reason, shared.value.rule, shared.value.folded)
            decided = reason == "pending" and ("decision", "", "") in told
            if place not in told and not decided:
                told.add(place)
                yield self._say(reason, shared.value, shared.a.record.key, shared.b.record.key)
        if not told:
            yield from self._nothing()

    def _nothing(self) -> Iterator[dict[str, Any]]:
        yield self._say("nothing_shared", None, None, None)
        numbers = defaultdict(list)
        for side in self.sides[1]:
            for value in self._values(side):
                if value.rule == "number":
                    numbers[value.plain].append(side)
        told = set()
        for side in self.sides[0]:
            for value in self._values(side):
                if value.rule == "number" and value.plain in numbers and value.plain not in told:
                    told.add(value.plain)
                    yield self._say("number_space", value, side.record.key, numbers[value.plain][0].record.key)

    def _say(self, reason: str, value: Value | None, a: str | None, b: str | None) -> dict[str, Any]:
        rule = value.rule if value is not None else None
        shown = None if value is None else value.plain if self.reveal else mask(value.rule, value.plain)
        if reason in _ELSE or value is None:
            sentence = _ELSE[reason].format(value=shown)
        else:
            but = f"which never matches: {REASONS[value.blocked]} (R19)" if value.blocked else _BOTH[reason]
            sentence = f"both carry the {CALLED[value.rule]} {shown}, {but}"
        return {"reason": reason, "rule": rule, "value": shown, "a": a, "b": b, "sentence": sentence}

    # -- what they share -------------------------------------------------------------------------------------------

    def _sides(self, members: Members) -> list[_Side]:
        records = members.records[:_MOST_RECORDS]
        loaded = facts.load(self.db, [record.id for record in records])
        return [
            _Side(record, loaded[record.id].fact, members.nodes[record.node].as_node())
            for record in records
            if isinstance(loaded[record.id].fact, Person)
        ]

    def _values(self, side: _Side) -> Iterator[Value]:
        yield from values(side.fact, side.record.uid, self.ruleset)

    def _shared(self) -> list[_Shared]:
        carriers: dict[tuple[str, str], list[_Side]] = defaultdict(list)
        for side in self.sides[1]:
            for value in self._values(side):
                carriers[value.rule, value.folded].append(side)
        found = [
            _Shared(value, side, other)
            for side in self.sides[0]
            for value in self._values(side)
            for other in carriers.get((value.rule, value.folded), ())[:_MOST_PAIRS]
        ]
        order = list(_KINDS)
        return sorted(
            found, key=lambda s: (order.index(s.value.rule), s.value.folded, s.a.record.canon, s.b.record.canon)
        )

    # -- what speaks against it ------------------------------------------------------------------------------------

    def _reason(self, shared: _Shared) -> str:
        value, a, b = shared
        if value.blocked is not None:
            return "blocked"
        if value.rule not in self.ruleset.rules:
            return "rule_off"
        key = self._key(shared)
        if key is None:
            waiting = "pending" if work.left(self.db) else "hidden"
            return self._unpublished(a) or self._unpublished(b) or waiting
        if not joins(a.node, b.node, key, key.hash in self.crowded):
            return self._guarded(a, b, key)
        if not (a.node.name and b.node.name):
            return "bridge"
        accounts = {node.account for node in self._nodes(self.a)} & {node.account for node in self._nodes(self.b)}
        if self.ruleset.same_source == "review" and accounts - {None}:
            return "same_source"
        return "pending"

    def _guarded(self, a: _Side, b: _Side, key: Key) -> str:
        if key.hash in self.crowded:
            return "limit"
        if key.kind == LINK and (a.node.account is None) == (b.node.account is None):
            return "guests"
        return "names" if a.node.name and b.node.name else "nameless"

    def _nodes(self, members: Members) -> list[Node]:
        return [members.nodes[record.node].as_node() for record in members.records]

    def _key(self, shared: _Shared) -> Key | None:
        """The match key that both records publish for the value, if they do."""
        value, a, b = shared
        common = set(a.node.keys) & set(b.node.keys)
        uid = a.record.uid
        hashes: Mapping[int, int] = {
            _KINDS[value.rule]: value.hash,
            GUEST_MAIL: key64("guest", f"{uid}\0{value.folded}"),
            LINK: key64("link", f"{uid}\0{value.folded}"),
        }
        found = [key for key in common if hashes.get(key.kind) == key.hash]
        return min(found, default=None)

    def _unpublished(self, side: _Side) -> str | None:
        rules = self.ruleset.of(side.record.uid)
        policy = policy_for(side.fact, rules)
        return policy if policy != "merge" and held_back(side.fact, rules) else None

    def _parted(self) -> Iterator[tuple[str, str]]:
        """Decisions that one of these is not one of those."""
        mine = {record.key for record in self.a.records}
        theirs = {record.key for record in self.b.records}
        for said in self.a.decisions:
            pair = (said["a"], said["b"])
            if said["kind"] != "cannot":
                continue
            if pair[0] in mine and pair[1] in theirs:
                yield pair[0], pair[1]
            elif pair[1] in mine and pair[0] in theirs:
                yield pair[1], pair[0]
