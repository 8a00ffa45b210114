"""What other rules would do, computed without writing anything: who would be joined, who would fall apart (D4).

The facts of this moment are derived once more under the other rules in a scratch store, by the functions of every sync,
and the two memberships are held against each other. So `rules apply` does exactly what is said here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from klientela.errors import Conflict
from klientela.flow import rules, work
from klientela.flow.rebuild import derive
from klientela.flow.tally import FIGURES, Tally
from klientela.model.money import decimal
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store.database import Db, Store
from klientela.store.locate import customers_of
from klientela.store.rows import records_of
from klientela.store.scratch import scratch

_SOME = 1000
_MEMBERS = (  # a person whose orders are all rows of their own makes none (R13): he is nobody here
    "SELECT p.id, c.id FROM person p LEFT JOIN node n ON n.id = p.node "
    "LEFT JOIN customer c ON c.id = COALESCE(n.customer, p.customer, p.id) ORDER BY p.id"
)
Progress = Callable[[int], None]


def diff(store: Store, wanted: Ruleset, *, progress: Progress | None = None) -> dict[str, Any]:
    """The contract's Rules diff, those that touch most revenue first.

    `{"joined": [{"customers", "into", "revenue"}], "split": [{"customer", "into", "revenue"}], "ruleset"}`, and
    `appeared` and `vanished`: ids of rows that come or go with their records (R13). `revenue` is what the customers of
    today spent, each currency by itself. Conflict while the worklist still brings the list up to date.
    """
    with _beside(store, wanted, progress) as (made, found):
        if found is None:
            return {"joined": [], "split": [], "appeared": [], "vanished": [], "ruleset": made}
        return {**found.result(), "ruleset": made}


def preview(store: Store, wanted: Ruleset, *, progress: Progress | None = None) -> dict[str, Any]:
    """What `rules apply` would tell, without `seq`: `{"customers": [{"id", "records"}], "ruleset"}`. Conflict as above."""
    with _beside(store, wanted, progress) as (made, found):
        return {"customers": [] if found is None else found.others(store.key), "ruleset": made}


@contextmanager
def _beside(
    store: Store, wanted: Ruleset, progress: Progress | None
) -> Iterator[tuple[dict[str, str], _Compared | None]]:
    """The rules that are and that would be, and the customers of both held against each other; None for equal rules."""
    with store.reading() as db:
        left = work.left(db)
        if left:
            raise Conflict(
                f"{left} records wait on the worklist, so the list is not what the rules in force say yet",
                hint="`klientela sync` finishes them first",
            )
        standing = store.ruleset(db)
        aim = rules.aim(db, wanted)
        made = {"from": standing.digest, "to": aim.digest}
        if aim.canonical() == standing.canonical():
            yield made, None
            return
        with scratch(store, db) as other:
            with other.step("other rules") as step:
                rules.put(step, aim)
            derive(other, progress)
            with other.reading() as anew:
                yield made, _Compared(db, anew, standing.currency)


class _Compared:
    """Two memberships of the same records. A customer's number is the smallest of its records in both."""

    def __init__(self, before: Db, after: Db, currency: str) -> None:
        self.before, self.after, self.currency = before, after, currency
        self.olds: dict[int, set[int]] = defaultdict(set)  # customer afterwards -> customers of today in it
        self.news: dict[int, set[int]] = defaultdict(set)  # customer of today -> customers its records are in then
        self.part: set[int] = set()  # customers afterwards with records that make no row today, or the other way round
        self._pair()

    def _pair(self) -> None:
        touched: set[int] = set()
        for record, old, new in _side_by_side(self.before, self.after):
            if old != new:
                touched.update(number for number in (record, old, new) if number is not None)
        bare: set[int] = set()  # customers of today with records that make no row then
        for old, new in self._again(touched):
            if new is None and old is not None:
                bare.add(old)
            if old is None and new is not None:
                self.part.add(new)
            if old is not None and new is not None:
                self.olds[new].add(old)
                self.news[old].add(new)
            elif old is not None:
                self.news[old]
            elif new is not None:
                self.olds[new]
        self._guests()
        self.part |= {new for old in bare for new in self.news[old]}

    def _guests(self) -> None:
        """Guest rows that become several-to-one or one-to-several by way of their orders (T07); a row that merely gives
        way to another one comes and goes."""
        pairs = {
            *_passed_on(self.before, self.after),
            *((old, new) for new, old in _passed_on(self.after, self.before)),
        }
        olds: dict[int, set[int]] = defaultdict(set)
        news: dict[int, set[int]] = defaultdict(set)
        for old, new in pairs:
            olds[new] |= {old, *self.olds.get(new, ())}
            news[old] |= {new, *self.news.get(old, ())}
        today = _publics(self.before, set().union(*olds.values()))
        then = _publics(self.after, set().union(*news.values()))
        for old, new in pairs:
            if len(olds[new] & today.keys()) > 1 or len(news[old] & then.keys()) > 1:
                self.olds[new].add(old)
                self.news[old].add(new)

    def _again(self, touched: set[int]) -> Iterator[tuple[int | None, int | None]]:
        """Where all records of the customers that any change touches are, on both sides."""
        for _, old, new in _side_by_side(self.before, self.after):
            if old in touched or new in touched:
                yield old, new

    def others(self, key: bytes) -> list[dict[str, Any]]:
        """The customers afterwards that have other records than the one of their id has today, with them."""
        then = _publics(self.after, set(self.olds))
        today = _publics(self.before, set(self.news))
        same = {
            new
            for new, olds in self.olds.items()
            if len(olds) == 1
            and new not in self.part
            and all(self.news[old] == {new} and today.get(old) == then.get(new) for old in olds)
        }
        records = records_of(self.after, then.keys() - same, facts.sources(self.after), key)
        made = [{"id": then[number], "records": records[number]} for number in then.keys() - same]
        return sorted(made, key=lambda one: str(one["id"]))

    def result(self) -> dict[str, Any]:
        """The lists of the diff; customers that make no row are not told."""
        today = _publics(self.before, {*self.news, *(c for several in self.olds.values() for c in several)})
        then = _publics(self.after, {*self.olds, *(c for several in self.news.values() for c in several)})
        spent = self._spent(today)
        joined, split = [], []
        for new, olds in self.olds.items():
            seen = sorted(old for old in olds if old in today)
            if len(seen) > 1 and new in then:
                joined.append((seen, {"customers": sorted(today[old] for old in seen), "into": then[new]}))
        for old, news in self.news.items():
            parts = sorted(then[new] for new in news if new in then)
            if len(parts) > 1 and old in today:
                split.append(([old], {"customer": today[old], "into": parts}))
        return {
            "joined": self._sorted(joined, spent),
            "split": self._sorted(split, spent),
            "appeared": sorted(then[new] for new, olds in self.olds.items() if new in then and not olds & today.keys()),
            "vanished": sorted(
                today[old] for old, news in self.news.items() if old in today and not news & then.keys()
            ),
        }

    def _sorted(
        self, found: list[tuple[list[int], dict[str, Any]]], spent: dict[int, dict[str, int]]
    ) -> list[dict[str, Any]]:
        made = []
        for customers, entry in found:
            sums: dict[str, int] = defaultdict(int, {self.currency: 0})
            for customer in customers:
                for currency, amount in spent.get(customer, {}).items():
                    sums[currency] += amount
            revenue = [
                {"amount": decimal(amount, currency), "currency": currency} for currency, amount in sorted(sums.items())
            ]
            made.append((-sums[self.currency], str(entry), {**entry, "revenue": revenue}))
        return [entry for *_, entry in sorted(made, key=lambda item: item[:2])]

    def _spent(self, customers: dict[int, str]) -> dict[int, dict[str, int]]:
        db = self.before
        found = {}
        for number, *figures in db.rows(
            f"SELECT id, {', '.join(FIGURES)} FROM tally WHERE id {db.among}", (db.pack(sorted(customers)),)
        ):
            tally = Tally.of(tuple(figures))
            others = {currency: sums[0] for currency, sums in (tally.other or {}).items()}
            found[number] = {self.currency: tally.ltv, **others}
        return found


def _side_by_side(one: Db, two: Db) -> Iterator[tuple[int, int | None, int | None]]:
    """(record, its customer here, its customer there), by record; None where it is nobody. In constant memory."""
    left, right = one.stream(_MEMBERS), two.stream(_MEMBERS)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            assert a is not None  # noqa: S101 - one of them is there
            yield a[0], a[1], None
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield b[0], None, b[1]
            b = next(right, None)
        else:
            yield a[0], a[1], b[1]
            a, b = next(left, None), next(right, None)


def _passed_on(one: Db, two: Db) -> Iterator[tuple[int, int]]:
    """Customers here that have guest rows which are nobody there, and the customers there that their orders belong to:
    so two guest rows that another policy makes one customer are told as joined (T07)."""
    rows = one.stream(
        "SELECT o.id, o.owner FROM orders o JOIN record g ON g.id = o.owner AND g.entity = ? ORDER BY o.id",
        (facts.GUEST_ORDER,),
    )
    while True:
        some: dict[int, int] = dict(islice(rows, _SOME))
        if not some:
            return
        stay = {row[0] for row in two.rows(f"SELECT id FROM person WHERE id {two.among}", (two.pack(some.values()),))}
        gone = {order: owner for order, owner in some.items() if owner not in stay}
        owners: dict[int, int] = dict(
            two.rows(f"SELECT id, owner FROM orders WHERE owner IS NOT NULL AND id {two.among}", (two.pack(gone),))
        )
        here, there = customers_of(one, gone.values()), customers_of(two, owners.values())
        for order, owner in owners.items():
            if gone[order] in here and owner in there:
                yield here[gone[order]], there[owner]


def _publics(db: Db, customers: set[int]) -> dict[int, str]:
    rows = db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(sorted(customers)),))
    return {number: ids.text(bytes(pub)) for number, pub in rows}


__all__ = ["diff", "preview"]
