"""What orders add up to for one customer, and on which calendar day: the narrow half of the list."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any, NamedTuple

from msgspec import Struct

from klientela.flow.values import Moved
from klientela.model.instants import HOUR, day
from klientela.rules.ruleset import Ruleset
from klientela.rules.totals import Settled
from klientela.store import search
from klientela.store import tables as t
from klientela.store.database import Db
from klientela.store.filters import segments_of

FIGURES = ("ltv", "orders", "last", "last_day", "gross", "gross_orders", "gross_last", "gross_day", "tests", "other",
           "scanned")  # fmt: skip
KEYS = ("pub8", "s_last", "facet", "inactive")
COLUMNS = (*KEYS, *FIGURES)
"""The columns of `tally` after its id, as rows are read and written here: what it repeats of the row, then figures."""

FACET, MARKED, FIRST = KEYS.index("facet"), KEYS.index("inactive"), len(KEYS)
LTV, ORDERS = FIRST + FIGURES.index("ltv"), FIRST + FIGURES.index("orders")
"""Places in such a row; `FIRST` is where the figures begin."""
_TESTS, _SCANNED = FIRST + FIGURES.index("tests"), FIRST + FIGURES.index("scanned")

_MANY_DAYS = 20_000


class Days:
    """Calendar days in the shop's zone; offsets change on quarters of an hour, so one look-up serves a quarter."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.zone = ruleset.zone
        self.quarters: dict[int, int] = {}

    def day(self, moment: int | None) -> int | None:
        """The ordinal of the day."""
        if moment is None:
            return None
        quarter = moment // (HOUR // 4)
        known = self.quarters.get(quarter)
        if known is None:
            if len(self.quarters) >= _MANY_DAYS:
                self.quarters.clear()
            known = self.quarters[quarter] = day(moment, self.zone)
        return known


class Tally(Struct, gc=False):
    """The figures of one customer. `other` holds [ltv, gross, orders] of further currencies, where there are any."""

    ltv: int = 0
    orders: int = 0
    last: int | None = None
    gross: int = 0
    gross_orders: int = 0
    gross_last: int | None = None
    tests: int = 0
    other: dict[str, list[int]] | None = None
    scanned: int | None = None  # when a letter to the customer was last scanned
    recount: bool = False  # the orders must be read anew

    def add(self, order: Settled, currency: str) -> None:
        """Count an order."""
        placed = order.placed
        if order.ltv is not None:
            self.orders += 1
            if placed is not None and (self.last is None or placed > self.last):
                self.last = placed
        if order.gross is not None:
            self.gross_orders += 1
            if placed is not None and (self.gross_last is None or placed > self.gross_last):
                self.gross_last = placed
        self.tests += order.test
        if order.currency == currency:
            self.ltv += order.ltv or 0
            self.gross += order.gross or 0
        else:
            self._foreign(order, 1)

    def take(self, order: Settled, currency: str) -> None:
        """Take an order out again; where it was the last one, the rest must be read anew."""
        if order.ltv is not None:
            self.orders -= 1
            self.recount |= order.placed is not None and order.placed == self.last
        if order.gross is not None:
            self.gross_orders -= 1
            self.recount |= order.placed is not None and order.placed == self.gross_last
        self.tests -= order.test
        if order.currency == currency:
            self.ltv -= order.ltv or 0
            self.gross -= order.gross or 0
        else:
            self._foreign(order, -1)

    def _foreign(self, order: Settled, sign: int) -> None:
        if self.other is None:
            self.other = {}
        slot = self.other.setdefault(order.currency, [0, 0, 0])
        slot[0] += sign * (order.ltv or 0)
        slot[1] += sign * (order.gross or 0)
        slot[2] += sign
        if not slot[2]:
            del self.other[order.currency]

    def join(self, other: Tally) -> None:
        """Add the figures of a customer that joined."""
        self.ltv += other.ltv
        self.orders += other.orders
        self.last = _later(self.last, other.last)
        self.gross += other.gross
        self.gross_orders += other.gross_orders
        self.gross_last = _later(self.gross_last, other.gross_last)
        self.tests += other.tests
        if other.other:
            mine = self.other or {}
            for currency, amounts in other.other.items():
                slot = mine.get(currency, [0, 0, 0])
                mine[currency] = [a + b for a, b in zip(slot, amounts, strict=True)]
            self.other = mine
        self.see(other.scanned)

    def see(self, scanned: int | None) -> None:
        """A scan of a letter."""
        self.scanned = _later(self.scanned, scanned)

    def row(self, days: Days) -> tuple[Any, ...]:
        """The columns of FIGURES."""
        other = json.dumps({c: self.other[c] for c in sorted(self.other)}) if self.other else None
        return (
            self.ltv, self.orders, self.last, days.day(self.last), self.gross, self.gross_orders, self.gross_last,
            days.day(self.gross_last), self.tests, other, self.scanned,
        )  # fmt: skip

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Tally:
        """From the columns of FIGURES as stored."""
        ltv, orders, last, _, gross, gross_orders, gross_last, _, tests, other, scanned = row
        more = json.loads(other) if other else None
        return cls(ltv, orders, last, gross, gross_orders, gross_last, tests, more, scanned)


def _later(one: int | None, two: int | None) -> int | None:
    if one is None or two is None:
        return two if one is None else one
    return max(one, two)


def kind(row: tuple[Any, ...]) -> tuple[int, int, int, int, int | None]:
    """What decides in which tabs of the list a customer stands, out of such a row (store/filters.py)."""
    return row[FACET], row[MARKED], row[ORDERS], row[_TESTS], row[_SCANNED]


class Added(NamedTuple):
    """What `add_up` did: the moved orders it left to the general way, and what the figures of all gained."""

    left: list[Moved]
    ltv: int
    once: int  # customers who have orders now and had none
    again: int  # customers who have several now and had one or none
    customers: list[int]  # whose figures it changed
    stirred: set[int]  # those marked inactive who ordered anew
    segments: dict[str, int]  # how many customers each tab of the list gained


def add_up(db: Db, moved: list[Moved], touched: Container[int], currency: str, days: Days) -> Added:
    """Add orders to the tallies of their owners without reading more than must be known: the road of a first load, and
    of nearly every later change.

    It takes what only adds: new orders, and those of which nothing but the amount changed, in the shop's `currency`, no
    tests, whose owner is the customer itself (a customer's id is the smallest record id of its members, so a tally
    under an owner's own id is that owner's) and is not among the `touched` records and customers of this page.
    """
    plain: dict[int, list[Moved]] = {}
    left: list[Moved] = []
    for item in moved:
        owner = item.owner
        if owner is None or owner in touched or not _only_adds(item, currency):
            left.append(item)
        elif owner in plain:
            plain[owner].append(item)
        else:
            plain[owner] = [item]
    rows, money = [], []
    all_ltv = once = again = 0
    customers = []
    stirred = set()
    segments: dict[str, int] = {}
    for number, facet, had, last, gross_last, inactive, tests, scanned in _standing(db, sorted(plain)):
        customers.append(number)
        ltv = orders = gross = gross_orders = 0
        items = plain.pop(number)
        if inactive and any(item.old is None for item in items):
            stirred.add(number)
        for item in items:
            order, old = item.new, item.old
            assert order is not None  # noqa: S101 - looked at above
            if old is not None:
                ltv += (order.ltv or 0) - (old.ltv or 0)
                gross += (order.gross or 0) - (old.gross or 0)
                continue
            placed = order.placed
            if order.ltv is not None:
                ltv += order.ltv
                orders += 1
                if placed is not None and (last is None or placed > last):
                    last = placed
            if order.gross is not None:
                gross += order.gross
                gross_orders += 1
                if placed is not None and (gross_last is None or placed > gross_last):
                    gross_last = placed
        all_ltv += 0 if inactive else ltv
        if not orders and not gross_orders:
            if ltv or gross:
                money.append((ltv, gross, number))  # of the orders of the list only that by sum is touched
            continue
        if orders and not inactive:
            once += not had
            again += had < 2 <= had + orders
        before = segments_of(facet, inactive, had, tests, scanned)
        after = segments_of(facet | search.LISTED if gross_orders else facet, inactive, had + orders, tests, scanned)
        if before is not after:  # the same words are the same tuple
            for parts, sign in ((before, -1), (after, 1)):
                for part in parts:
                    segments[part] = segments.get(part, 0) + sign
        last_day = days.day(last)
        gross_day = last_day if gross_last == last else days.day(gross_last)
        if gross_orders:
            facet |= search.LISTED
        rows.append((ltv, orders, gross, gross_orders, facet, last, last_day, gross_last, gross_day, number))
    columns = ("ltv", "orders", "gross", "gross_orders", "facet", "last", "last_day", "gross_last", "gross_day")
    db.update(t.tally, columns, rows, add=("ltv", "orders", "gross", "gross_orders"))
    db.update(t.tally, ("ltv", "gross"), money, add=("ltv", "gross"))
    for items in plain.values():  # owners that are no customer by themselves
        left += items
    return Added(left, all_ltv, once, again, customers, stirred, segments)


def _only_adds(item: Moved, currency: str) -> bool:
    new, old = item.new, item.old
    if new is None or new.test or new.currency != currency:
        return False
    return old is None or (
        item.old_owner == item.owner
        and old.currency == currency
        and not old.test
        and old.placed == new.placed
        and (old.ltv is None) == (new.ltv is None)
        and (old.gross is None) == (new.gross is None)
    )


def _standing(db: Db, owners: list[int]) -> list[tuple[Any, ...]]:
    if not owners:
        return []
    return db.rows(
        f"SELECT id, facet, orders, last, gross_last, inactive, tests, scanned FROM tally WHERE id {db.among}",
        (db.pack(owners),),
    )
