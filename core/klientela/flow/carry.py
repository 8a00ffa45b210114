"""Which records speak of one order (R29), and the papers that cancel or refund another one (R29b).

A shop that nobody passes on pays nothing for this: keys are kept only of orders that name their origin, of those that
were placed here, and of those of a source that another one is mapped to.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from msgspec.structs import replace

from klientela.flow.values import Carried
from klientela.model.records import Order
from klientela.rules import carriers as rules
from klientela.rules.carriers import Carrier, Group
from klientela.rules.guests import policy_of, strictest
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, outbox
from klientela.store import tables as t
from klientela.store.database import Step
from klientela.store.facts import Loaded, SourceRow


def carry(step: Step, ruleset: Ruleset, sources: dict[int, SourceRow], orders: list[Loaded]) -> Carried:
    """Put the changed orders together with the records that speak of the same ones."""
    told = [item for item in orders if item.fact is not None]
    left = [item for item in orders if item.fact is None]
    if not orders:
        return Carried(orders)
    work = _Carry(step, ruleset, sources)
    if not work.concerned(told, left):
        return Carried(told, left)
    return work.run(told, left)


class _Carry:
    def __init__(self, step: Step, ruleset: Ruleset, sources: dict[int, SourceRow]) -> None:
        self.step = step
        self.db = step.db
        self.ruleset = ruleset
        self.sources = sources
        self.uids = {number: row.uid for number, row in sources.items()}
        self.targets = {uid for one in ruleset.sources.values() for uid in one.same_as.values()}
        self.answered: dict[tuple[int, str], str] = {}  # orders that shops made of those placed here: their keys here

    def concerned(self, orders: list[Loaded], left: list[Loaded]) -> bool:
        """Whether any of this has to do with another record at all. `left`: of these nobody speaks any more."""
        self.answered.update(outbox.answered(self.db, orders))
        if self.answered or any(_ties(item.fact) for item in orders):
            return True
        if any(self.uids[source] in self.targets for source in {item.source for item in orders}):
            return True
        row = self.db.one("SELECT EXISTS (SELECT 1 FROM order_key) OR EXISTS (SELECT 1 FROM paper)")
        if row is None or not row[0]:
            return False
        packed, among = self.db.pack([item.id for item in (*orders, *left)]), self.db.among
        found = self.db.one(
            f"SELECT EXISTS (SELECT 1 FROM order_key WHERE record {among}) OR EXISTS (SELECT 1 FROM paper WHERE "
            f"target {among}) OR EXISTS (SELECT 1 FROM paper WHERE record {among})",
            (packed, packed, packed),
        )
        return found is not None and bool(found[0])

    def run(self, orders: list[Loaded], left: list[Loaded]) -> Carried:
        """The orders as their carriers together tell them."""
        changed = {item.id: item for item in (*orders, *left)}
        reached = {*changed, *self._papers(orders, changed)}
        self._keys(orders, changed)
        reached = self._closure(reached)
        loaded = {**facts.load(self.db, reached - changed.keys()), **changed}
        self.answered.update(outbox.answered(self.db, loaded.values()))
        known = {number: item for number, item in loaded.items() if item.fact is not None}
        corrected, papers = self._corrected(known)
        groups = [Group((carrier,)) for number, carrier in corrected.items() if number in papers]
        for component in self._components([n for n in corrected if n not in papers]):
            groups += rules.group([corrected[number] for number in component], self.ruleset)
        made = self._carried(groups, known)
        made.left = [item for item in loaded.values() if item.fact is None]
        rows = {
            row[0]
            for row in self.db.rows(
                f"SELECT record FROM carrier WHERE record {self.db.among}",
                (self.db.pack([item.id for item in made.left]),),
            )
        }
        self.db.delete(t.carrier, [(number,) for number in sorted(rows)], key=("record",))
        return made

    # -- papers ----------------------------------------------------------------------

    def _papers(self, orders: list[Loaded], changed: Iterable[int]) -> set[int]:
        """Keep which of these cancel or refund what; the orders that those changed speak of, now and before."""
        db = self.db
        packed = db.pack(changed)
        standing = set(db.rows(f"SELECT record, target FROM paper WHERE record {db.among}", (packed,)))
        named: dict[int, set[tuple[int, str]]] = {}
        for item in orders:
            for target in (item.fact.cancels, item.fact.credits):
                if target:
                    named.setdefault(item.source, set()).add((item.id, target))
        wanted: set[tuple[int, int]] = set()
        for source, pairs in named.items():
            found = facts.ensure(self.step, source, facts.ORDER, sorted({ext for _, ext in pairs}))
            wanted |= {(number, found[ext]) for number, ext in pairs}
        db.delete(t.paper, sorted(standing - wanted), key=("record", "target"))
        db.insert(t.paper, ("record", "target"), sorted(wanted - standing))
        return {target for _, target in standing | wanted}

    def _corrected(self, known: dict[int, Loaded]) -> tuple[dict[int, Carrier], set[int]]:
        """These orders as the papers about them leave them, and which of them are papers themselves."""
        db = self.db
        about = db.rows(f"SELECT record FROM paper WHERE target {db.among}", (db.pack(known),))
        more = facts.load(db, {row[0] for row in about} - known.keys())
        every = {**known, **{n: item for n, item in more.items() if item.fact is not None}}
        found = rules.correct([self._carrier(item) for item in every.values()])
        made = dict(zip(every, found.carriers, strict=True))
        papers = {n for n, one in made.items() if (one.source, one.external_id) in found.papers}
        return {n: made[n] for n in known}, papers

    def _carrier(self, item: Loaded) -> Carrier:
        """What the shop answered of an order that was placed here counts as what its own order says (S19)."""
        key = self.answered.get((item.source, item.ext))
        fact = item.fact if key is None else replace(item.fact, placed_as=key)
        return Carrier(self.uids[item.source], item.ext, fact)

    # -- keys ------------------------------------------------------------------------

    def _keys(self, orders: list[Loaded], changed: Iterable[int]) -> None:
        """Keep the order keys of the changed records, by difference."""
        db = self.db
        standing = set(db.rows(f"SELECT key, record FROM order_key WHERE record {db.among}", (db.pack(changed),)))
        wanted = {(key, item.id) for item in orders for key in self._published(item)}
        db.delete(t.order_key, sorted(standing - wanted), key=("key", "record"))
        db.insert(t.order_key, ("key", "record"), sorted(wanted - standing))

    def _published(self, item: Loaded) -> Iterable[int]:
        order: Order = item.fact
        if order.cancels or order.credits:
            return
        here = order.placed_as or (item.source, item.ext) in self.answered
        if not (here or order.origin or self.uids[item.source] in self.targets):
            return
        keys = rules.order_keys(self._carrier(item), self.ruleset)
        for kind, values in (("id", keys.ids), ("name", keys.names)):
            for place, value in values:
                digest = blake2b(f"{kind}\0{place}\0{value}".encode(), digest_size=8).digest()
                yield int.from_bytes(digest, "big", signed=True)

    def _closure(self, reached: set[int]) -> set[int]:
        """All records that a chain of keys ties to these, and those they stood together with."""
        db = self.db
        found: set[int] = set()
        frontier = set(reached)
        while frontier:
            found |= frontier
            packed = db.pack(frontier)
            rows = db.rows(
                "SELECT o.record FROM order_key k JOIN order_key o ON o.key = k.key "
                f"WHERE k.record {db.among} UNION "
                "SELECT o.record FROM carrier c JOIN carrier o ON o.head = c.head "
                f"WHERE c.record {db.among}",
                (packed, packed),
            )
            frontier = {row[0] for row in rows} - found
        return found

    def _components(self, records: list[int]) -> list[list[int]]:
        """The records apart by shared keys, so that not each is compared with each."""
        db = self.db
        parent = {number: number for number in records}

        def find(one: int) -> int:
            while parent[one] != one:
                parent[one] = one = parent[parent[one]]
            return one

        first: dict[int, int] = {}
        for key, record in db.rows(f"SELECT key, record FROM order_key WHERE record {db.among}", (db.pack(records),)):
            parent[find(record)] = find(first.setdefault(key, record))
        made: dict[int, list[int]] = {}
        for number in records:
            made.setdefault(find(number), []).append(number)
        return list(made.values())

    # -- orders ----------------------------------------------------------------------

    def _carried(self, groups: list[Group], known: dict[int, Loaded]) -> Carried:
        number_of = {(self.uids[item.source], item.ext): number for number, item in known.items()}
        out = Carried([])
        rows: set[tuple[int, int, int]] = set()
        for group in groups:
            numbers = [number_of[c.source, c.external_id] for c in group.carriers]
            head, order = numbers[0], group.head.order
            whole = rules.told(group)
            policy = strictest(policy_of(c.order, self.ruleset.of(c.source)) for c in group.carriers)
            out.orders.append(_with(known[head], whole))
            if len(numbers) == 1 and not order.origin:
                continue
            flags = (t.STRICT if policy == "per_order" else 0) | (t.UNMATCHED if order.origin else 0)
            rows |= {(number, head, flags) for number in numbers}
            out.policies[head], out.heads[head] = policy, order
            for number in numbers[1:]:
                out.orders.append(known[number])
                out.under[number] = head
        self._write(known, rows)
        return out

    def _write(self, known: dict[int, Loaded], wanted: set[tuple[int, int, int]]) -> None:
        db = self.db
        packed = db.pack(known)
        standing = set(db.rows(f"SELECT record, head, flags FROM carrier WHERE record {db.among}", (packed,)))
        gone = sorted({row[0] for row in standing - wanted})
        db.delete(t.carrier, [(number,) for number in gone], key=("record",))
        db.insert(t.carrier, ("record", "head", "flags"), sorted(wanted - standing))


def _ties(order: Order) -> bool:
    """Whether an order says by itself that it has to do with another record."""
    return bool(order.origin or order.cancels or order.credits or order.placed_as)


def _with(item: Loaded, fact: Order) -> Loaded:
    return Loaded(item.id, item.source, item.entity, item.ext, item.version, item.gone, fact)
