"""What orders add up to for one customer, and on which calendar day: the narrow half of the list."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
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
from klientela.store.tables import UNDATED

FIGURES = ("ltv", "orders", "last", "last_day", "gross", "gross_orders", "gross_last", "gross_day", "tests", "other",
           "scanned", "first", "second", "gross_first", "gross_second")  # fmt: skip
KEYS = ("pub8", "s_last", "facet", "inactive", "guest")
COLUMNS = (*KEYS, *FIGURES)
"""The columns of `tally` after its id, as rows are read and written here: what it repeats of the row, then figures."""

FACET, MARKED, GUEST, FIRST = KEYS.index("facet"), KEYS.index("inactive"), KEYS.index("guest"), len(KEYS)
LTV, ORDERS = FIRST + FIGURES.index("ltv"), FIRST + FIGURES.index("orders")
"""Places in such a row; `FIRST` is where the figures begin."""
_TESTS, _SCANNED = FIRST + FIGURES.index("tests"), FIRST + FIGURES.index("scanned")

QUARTER = HOUR // 4

_MANY_DAYS = 20_000

Counts = dict[tuple[str, str, int], int]
"""Figures by name, part and day, or what they gain."""


class Days:
    """Calendar days in the shop's zone; offsets change on quarters of an hour, so one look-up serves a quarter."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.zone = ruleset.zone
        self.quarters: dict[int, int] = {}

    def day(self, moment: int | None) -> int | None:
        """The ordinal of the day."""
        if moment is None:
            return None
        quarter = moment // QUARTER
        known = self.quarters.get(quarter)
        if known is None:
            if len(self.quarters) >= _MANY_DAYS:
                self.quarters.clear()
            known = self.quarters[quarter] = day(moment, self.zone)
        return known

    def counted(self, moments: Iterable[int]) -> dict[int, int]:
        """How many of these moments each day has, by its number in figures; `told` for many at once."""
        found: dict[int, int] = {}
        quarters = self.quarters
        for moment in moments:
            ordinal = quarters.get(moment // QUARTER)
            if ordinal is None:
                ordinal = self.told(moment)
            found[ordinal] = found.get(ordinal, 0) + 1
        return found

    def told(self, moment: int | None) -> int:
        """The ordinal of the day that a figure is kept under: 0 for what has none."""
        return 0 if moment is None or moment == UNDATED else self.day(moment) or 0


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
    first: int | None = None  # when the first order that counts was placed, and the second
    second: int | None = None
    gross_first: int | None = None  # the same under gross, which counts more orders
    gross_second: int | None = None
    recount: bool = False  # the orders must be read anew

    def add(self, order: Settled, currency: str) -> None:
        """Count an order."""
        placed = order.placed
        when = UNDATED if placed is None else placed
        if order.ltv is not None:
            self.orders += 1
            self.first, self.second = _two(self.first, self.second, when)
            if placed is not None and (self.last is None or placed > self.last):
                self.last = placed
        if order.gross is not None:
            self.gross_orders += 1
            self.gross_first, self.gross_second = _two(self.gross_first, self.gross_second, when)
            if placed is not None and (self.gross_last is None or placed > self.gross_last):
                self.gross_last = placed
        self.tests += order.test
        if order.currency == currency:
            self.ltv += order.ltv or 0
            self.gross += order.gross or 0
        else:
            self._foreign(order, 1)

    def take(self, order: Settled, currency: str) -> None:
        """Take an order out again; where it was the last one or of the first two, the rest must be read anew."""
        when = UNDATED if order.placed is None else order.placed
        if order.ltv is not None:
            self.orders -= 1
            self.recount |= order.placed == self.last or self.second is None or when <= self.second
        if order.gross is not None:
            self.gross_orders -= 1
            self.recount |= order.placed == self.gross_last or self.gross_second is None or when <= self.gross_second
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
        for when in (other.first, other.second):
            if when is not None:
                self.first, self.second = _two(self.first, self.second, when)
        for when in (other.gross_first, other.gross_second):
            if when is not None:
                self.gross_first, self.gross_second = _two(self.gross_first, self.gross_second, when)
        self.see(other.scanned)

    def see(self, scanned: int | None) -> None:
        """A scan of a letter."""
        self.scanned = _later(self.scanned, scanned)

    def row(self, days: Days) -> tuple[Any, ...]:
        """The columns of FIGURES."""
        other = json.dumps({c: self.other[c] for c in sorted(self.other)}) if self.other else None
        return (
            self.ltv, self.orders, self.last, days.day(self.last), self.gross, self.gross_orders, self.gross_last,
            days.day(self.gross_last), self.tests, other, self.scanned, *self.firsts(),
        )  # fmt: skip

    def firsts(self) -> tuple[int | None, ...]:
        """The last four of these columns: those under gross are null where they are no others."""
        other = self.firsts_under_gross()
        return (self.first, self.second, *(other or (None, None)))

    def firsts_under_gross(self) -> tuple[int | None, int | None] | None:
        """The first two under gross, where they are not those under ltv."""
        under = (self.gross_first, self.gross_second)
        return None if under == (self.first, self.second) else under

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Tally:
        """From the columns of FIGURES as stored."""
        ltv, orders, last, _, gross, gross_orders, gross_last, _, tests, other, scanned, *firsts = row
        first, second, gross_first, gross_second = firsts
        if gross_first is None:
            gross_first, gross_second = first, second
        more = json.loads(other) if other else None
        return cls(
            ltv, orders, last, gross, gross_orders, gross_last, tests, more, scanned, first, second, gross_first,
            gross_second,
        )  # fmt: skip


def _two(first: int | None, second: int | None, when: int) -> tuple[int | None, int | None]:
    """The two earliest of three times."""
    if first is None:
        return when, None
    if when < first:
        return when, first
    return first, when if second is None or when < second else second


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
    figures: Counts
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
        new = item.new
        if (
            owner is None
            or owner in touched
            or new is None
            or new.test
            or new.currency != currency
            or (item.old is not None and not _only_another_amount(item.old, new, item, currency))
        ):
            left.append(item)
        elif owner in plain:
            plain[owner].append(item)
        else:
            plain[owner] = [item]
    rows, money, apart = [], [], []
    all_ltv = all_over = once = again = 0
    customers = []
    stirred = set()
    segments: dict[str, int] = {}
    gained: Counts = {}
    quarters = days.quarters
    begun: list[int] = []  # times that are a customer's first or second order now, and those that were
    begun_again: list[int] = []
    ended: list[int] = []
    ended_again: list[int] = []
    for (
        number, facet, had, last, gross_last, inactive, tests, scanned, first, second, gross_first, gross_second,
    ) in _standing(db, sorted(plain)):  # fmt: skip
        customers.append(number)
        ltv = orders = gross = gross_orders = 0
        items = plain.pop(number)
        if inactive:
            count_aside(gained, items, days)
            if any(item.old is None for item in items):
                stirred.add(number)
        old_first, old_second, one, two = first, second, gross_first, gross_second
        for item in items:
            order, old = item.new, item.old
            assert order is not None  # noqa: S101 - looked at above
            if old is not None:
                ltv += (order.ltv or 0) - (old.ltv or 0)
                gross += (order.gross or 0) - (old.gross or 0)
                continue
            placed = order.placed
            when = UNDATED if placed is None else placed
            if order.gross is not None:
                gross += order.gross
                gross_orders += 1
                if placed is not None and (gross_last is None or placed > gross_last):
                    gross_last = placed
                if one is not None or order.ltv is None:  # under gross others came first
                    one, two = _two(first, second, when) if one is None else _two(one, two, when)
            if order.ltv is not None:
                ltv += order.ltv
                orders += 1
                if placed is not None and (last is None or placed > last):
                    last = placed
                if first is None:
                    first = when
                elif second is None or when < second:
                    first, second = (when, first) if when < first else (first, when)
        if one == first and two == second:
            one = two = None
        if not inactive:
            all_ltv += ltv
            all_over += gross - ltv
        if not orders and not gross_orders:
            if ltv or gross:
                money.append((ltv, gross, number))  # of the orders of the list only that by sum is touched
            continue
        if not inactive:
            if orders:
                once += not had
                again += had < 2 <= had + orders
                if first != old_first:
                    begun.append(first)
                    if old_first is not None:
                        ended.append(old_first)
                if second != old_second:
                    begun_again.append(second)
                    if old_second is not None:
                        ended_again.append(old_second)
            over = one is not None or gross_first is not None
            if over and (first, second, one, two) != (old_first, old_second, gross_first, gross_second):
                count_over(gained, -1, False, old_first, old_second, (gross_first, gross_second), days)
                count_over(gained, 1, False, first, second, (one, two), days)
        if had < 2 <= had + orders or (gross_orders and not facet & search.LISTED):  # else it stands where it stood
            before = segments_of(facet, inactive, had, tests, scanned)
            after = segments_of(
                facet | search.LISTED if gross_orders else facet, inactive, had + orders, tests, scanned
            )
            for parts, sign in ((before, -1), (after, 1)):
                for part in parts:
                    segments[part] = segments.get(part, 0) + sign
        last_day = None if last is None else quarters.get(last // QUARTER) or days.day(last)
        gross_day = last_day if gross_last == last else days.day(gross_last)
        if gross_orders:
            facet |= search.LISTED
        if one != gross_first or two != gross_second:
            apart.append((one, two, number))
        rows.append(
            (ltv, orders, gross, gross_orders, facet, last, last_day, gross_last, gross_day, first, second, number)
        )
    columns = (
        "ltv", "orders", "gross", "gross_orders", "facet", "last", "last_day", "gross_last", "gross_day", "first",
        "second",
    )  # fmt: skip
    db.update(t.tally, columns, rows, add=("ltv", "orders", "gross", "gross_orders"))
    db.update(t.tally, ("ltv", "gross"), money, add=("ltv", "gross"))
    db.update(t.tally, ("gross_first", "gross_second"), apart)
    for items in plain.values():  # owners that are no customer by themselves
        left += items
    for name, part, value in (
        ("ltv", "", all_ltv), ("ltv_over", "", all_over), ("buyers", "1", once), ("buyers", "2", again),
    ):  # fmt: skip
        add_to(gained, (name, part, 0), value)
    for name, times, sign in (
        ("first", begun, 1), ("first", ended, -1), ("second", begun_again, 1), ("second", ended_again, -1),
    ):  # fmt: skip
        for ordinal, count in days.counted(times).items():
            add_to(gained, (name, "", ordinal), sign * count)
    return Added(left, gained, customers, stirred, segments)


def _only_another_amount(old: Settled, new: Settled, item: Moved, currency: str) -> bool:
    """Whether the order is what it was to the same owner, but for how much it brought."""
    return (
        item.old_owner == item.owner
        and old.currency == currency
        and not old.test
        and old.placed == new.placed
        and (old.ltv is None) == (new.ltv is None)
        and (old.gross is None) == (new.gross is None)
    )


def _standing(db: Db, owners: list[int]) -> list[tuple[Any, ...]]:
    """Rows of customers by id; not those of guests, whose own order is all they ever have: left to the general way."""
    if not owners:
        return []
    return db.rows(
        "SELECT id, facet, orders, last, gross_last, inactive, tests, scanned, first, second, gross_first, gross_second "
        f"FROM tally WHERE guest = 0 AND id {db.among}",
        (db.pack(owners),),
    )


# -- figures of all ---------------------------------------------------------------------------------------------------
# Those whose name ends in `_over` hold what gross counts beyond ltv: next to nothing, so that nearly every order is
# counted once for both policies.


def add_to(counts: Counts, key: tuple[str, str, int], value: int) -> None:
    """A figure gains something."""
    counts[key] = counts.get(key, 0) + value


def count_firsts(
    counts: Counts,
    sign: int,
    guest: bool,
    first: int | None,
    second: int | None,
    gross: tuple[int | None, int | None] | None,
    days: Days,
) -> None:
    """The days of a customer's first and second order that counts: `first` and `second`, or `guests` of a guest's row,
    which never has a second (R36). `gross`: the two under gross, where they are others."""
    name = "guests" if guest else "first"
    if first is not None:
        add_to(counts, (name, "", days.told(first)), sign)
    if second is not None and not guest:
        add_to(counts, ("second", "", days.told(second)), sign)
    if gross is not None:
        count_over(counts, sign, guest, first, second, gross, days)


def count_over(
    counts: Counts,
    sign: int,
    guest: bool,
    first: int | None,
    second: int | None,
    gross: tuple[int | None, int | None],
    days: Days,
) -> None:
    """The same days under gross, instead of those under ltv; nothing where `gross` is empty."""
    if gross[0] is None:
        return
    name = "guests" if guest else "first"
    for what, times, way in ((name, gross, sign), (name, (first, second), -sign)):
        for figure, when in ((what, times[0]), ("second", None if guest else times[1])):
            if when is not None:
                add_to(counts, (f"{figure}_over", "", days.told(when)), way)


def count_tally(counts: Counts, made: Tally, guest: int, sign: int, days: Days) -> None:
    """What a customer brought, and when it began to buy."""
    if not made.gross_orders:
        return  # what counts under ltv counts under gross too
    add_to(counts, ("ltv", "", 0), sign * made.ltv)
    add_to(counts, ("ltv_over", "", 0), sign * (made.gross - made.ltv))
    for currency, (ltv, gross, _) in (made.other or {}).items():
        add_to(counts, ("ltv", currency, 0), sign * ltv)
        add_to(counts, ("ltv_over", currency, 0), sign * (gross - ltv))
    count_firsts(counts, sign, bool(guest), made.first, made.second, made.firsts_under_gross(), days)


def count_order(counts: Counts, name: str, order: Settled, sign: int, days: Days) -> None:
    """What an order brings on its day, under both policies."""
    ltv, over = order.ltv or 0, (order.gross or 0) - (order.ltv or 0)
    if ltv or over:
        day_ = days.told(order.placed)
        add_to(counts, (name, order.currency, day_), sign * ltv)
        if over:
            add_to(counts, (f"{name}_over", order.currency, day_), sign * over)


def count_aside(counts: Counts, items: list[Moved], days: Days) -> None:
    """Orders of customers who count in no figure (R41)."""
    for item in items:
        for order, sign in ((item.old, -1), (item.new, 1)):
            if order is not None:
                count_order(counts, "aside", order, sign, days)
