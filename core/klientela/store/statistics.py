"""The numbers above the list: the four cards, the lines over time and the consents, all from figures kept by delta.

Nothing is counted here: `flow/project.py` moves the table `figure` with each page, and what is asked is a sum over its
days. Figures whose name ends in `_over` hold what the policy gross counts beyond ltv (R30b, R31).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal, NamedTuple, TypeVar

from klientela.errors import Misconfigured
from klientela.model.money import average, decimal
from klientela.rules import periods
from klientela.rules.periods import Bucket, Period
from klientela.rules.rates import Rates
from klientela.store.database import Db
from klientela.store.rows import PURPOSES, RULES_IN_FORCE

What = Literal["customers", "revenue", "transactions"]

LINES: tuple[What, ...] = ("customers", "revenue", "transactions")
DAYS = 30
"""How far back a card looks."""

_GRANTED, _DENIED = "granted", "denied"
_Number = TypeVar("_Number", int, Decimal)


# -- the cards --------------------------------------------------------------------------------------------------------


def kpis(db: Db, today: date, totals: str, rates: Rates | None = None) -> list[dict[str, Any]]:
    """The four cards of H1, in their order: `customers`, `new`, `repeat`, `ltv`, as they stand on a day of the shop.

    `totals` is the view's policy, `ltv` or `gross`: which orders count. Each card is `{"name", "unit", "value", "trend",
    "sparkline", "formula"}`. `unit` is `count`, `percent` (text with two decimals) or `money` (a list, each currency by
    itself, the shop's first, R34). `trend` is `{"before", "delta", "percent", "direction": up | down | flat}` against 30
    days ago (for `new`: against the 30 days before), or null where nobody can know; `percent` is the change of what was
    there before, for a rate null: its `delta` is in percentage points. `sparkline` holds a value a day, the last one
    today's, null where nobody can know. `formula` holds the terms of the value, so that it can be worded.

    Inactive customers count nowhere (R41). docs/decisions/0022 says how "30 days ago" is a function of the state.
    """
    kept = _Kept.read(db, today, totals)
    return [_customers(kept), _new(kept), _repeat(kept), _worth(kept, rates)]


def _customers(kept: _Kept) -> dict[str, Any]:
    total = kept.total("customers")
    levels = kept.levels("joined", total)
    known = kept.total("joined") > 0 or not total
    formula = {"customers": total, "undated": total - kept.total("joined"), "days": DAYS, "inactive": kept.inactive}
    return _card(
        "customers", "count", total, _trend(levels[0], total) if known else None, levels if known else None, formula
    )


def _new(kept: _Kept) -> dict[str, Any]:
    joined = kept.by_day("joined")
    now = periods.last_days(DAYS, kept.today)
    past = periods.last_days(DAYS, now.start - timedelta(days=1))
    value, earlier = kept.within("joined", now), kept.within("joined", past)
    undated = kept.total("customers") - kept.total("joined")
    known = kept.total("joined") > 0 or not undated
    formula = {
        "from": now.start.isoformat(),
        "to": now.end.isoformat(),
        "before": {"from": past.start.isoformat(), "to": past.end.isoformat()},
        "undated": undated,
        "days": DAYS,
    }
    line = [joined.get(day, 0) for day in range(now.start.toordinal(), now.end.toordinal() + 1)]
    return _card(
        "new", "count", value if known else None, _trend(earlier, value) if known else None,
        line if known else None, formula,
    )  # fmt: skip


def _repeat(kept: _Kept) -> dict[str, Any]:
    once, again = kept.total("first"), kept.total("second")
    firsts, seconds = kept.levels("first", once), kept.levels("second", again)
    rates = [_percent(two, one) for one, two in zip(firsts, seconds, strict=True)]
    trend = None
    if rates[0] is not None and rates[-1] is not None and kept.dated("first", "second"):
        trend = _moved(Decimal(rates[0]), Decimal(rates[-1]), str, None)
    guests = kept.total("guests")
    formula = {
        "repeat_buyers": again,
        "buyers": once,
        "without_guest_orders": guests,
        "days": DAYS,
        "policy": kept.policy,
    }
    return _card("repeat", "percent", rates[-1], trend, rates if kept.dated("first", "second") else None, formula)


def _worth(kept: _Kept, rates: Rates | None) -> dict[str, Any]:
    buyers = kept.total("first") + kept.total("guests")
    levels = [
        one + two
        for one, two in zip(
            kept.levels("first", kept.total("first")), kept.levels("guests", kept.total("guests")), strict=True
        )
    ]
    sums = {currency: kept.total("ltv", part) for currency, part in kept.currencies()}
    shown = [currency for currency, amount in sums.items() if amount] or [kept.currency]
    line = _averages(kept, shown[0], sums[shown[0]], levels)
    value = [_money(average(sums[currency], buyers), currency) for currency in shown] if buyers else None
    trend = None
    known = kept.dated("first", "second", "guests")
    if line[0] is not None and line[-1] is not None and known:
        trend = {
            **_moved(line[0], line[-1], lambda value: decimal(value, shown[0]), _change(line[0], line[-1])),
            "currency": shown[0],
        }
    formula: dict[str, Any] = {
        "sum": [_money(sums[currency], currency) for currency in shown],
        "buyers": buyers,
        "days": DAYS,
        "policy": kept.policy,
    }
    drawn = [None if one is None else decimal(one, shown[0]) for one in line] if known else None
    card = _card("ltv", "money", value, trend, drawn, formula)
    if rates is not None and value is not None and set(shown) != {kept.currency}:
        about = rates.about({currency: sums[currency] for currency in shown}, kept.currency)
        if about.amount is not None:
            card["approx"] = {**_money(average(about.amount, buyers), kept.currency), "rates": rates.day}
        else:
            card["rates_missing"] = list(about.missing)
    return card


def _averages(kept: _Kept, currency: str, total: int, buyers: Sequence[int]) -> list[int | None]:
    """What buyers had brought on average by the end of each day."""
    sums = kept.levels(("revenue", currency), total, less=("aside", currency))
    return [average(amount, count) if count else None for amount, count in zip(sums, buyers, strict=True)]


def _card(
    name: str, unit: str, value: Any, trend: dict[str, Any] | None, line: Sequence[Any] | None, formula: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name,
        "unit": unit,
        "value": value,
        "trend": trend,
        "sparkline": list(line) if line is not None else None,
        "formula": formula,
    }


def _trend(before: int, now: int) -> dict[str, Any]:
    return _moved(before, now, lambda value: value, _change(before, now))


def _moved(before: _Number, now: _Number, told: Callable[[_Number], Any], percent: str | None) -> dict[str, Any]:
    direction = "up" if now > before else "down" if now < before else "flat"
    return {"before": told(before), "delta": told(now - before), "percent": percent, "direction": direction}


def _change(before: int, now: int) -> str | None:
    return _percent(now - before, before) if before > 0 else None


# -- the lines ----------------------------------------------------------------------------------------------------------


def series(db: Db, what: str, period: Period, by: str, totals: str) -> dict[str, Any]:
    """A line over time (X08-X11), with the period before beside it; Misconfigured for what cannot be asked.

    `what` is `customers` (who joined; `standing` is how many there were at the end), `revenue` or `transactions`, `by`
    `day`, `week` or `month`, `totals` the view's policy. `{"what", "by", "totals", "from", "to", "unit", "before":
    {"from", "to"}, "lines"}`, where each line (of revenue one per currency, the shop's first) is `{"currency", "total",
    "before", "undated", "points": [{"from", "to", "value", "before"}]}`: exact sums, 0 where nothing was, `before` of a
    point null where the period before has no such days. Money is text as everywhere; `undated` says what has no day.
    """
    cuts = periods.beside(period, periods.bucket_named(by))
    past = periods.before(period)
    if what not in _ON_LINES:
        raise Misconfigured(f"there are no statistics of {what!r}", hint=f"There are some of {', '.join(LINES)}")
    in_all = ("customers", "joined") if what == "customers" else ()
    kept = _Kept.over(db, Period(past.start, period.end), totals, in_all, _ON_LINES[what])
    lines = list(_lines(kept, what, period, past, cuts))
    return {
        "what": what,
        "by": by,
        "totals": kept.policy,
        "unit": "money" if what == "revenue" else "count",
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "before": {"from": past.start.isoformat(), "to": past.end.isoformat()},
        "lines": lines,
    }


def _lines(kept: _Kept, what: str, period: Period, past: Period, cuts: Sequence[Bucket]) -> Iterator[dict[str, Any]]:
    if what == "customers":
        total = kept.total("customers")
        line = _line(kept, ("joined", ""), period, past, cuts, total - kept.total("joined"), None)
        standing = _standing(kept, total, cuts)
        for point, level in zip(line["points"], standing, strict=True):
            point["standing"] = level
        yield line
    elif what == "transactions":
        yield _line(kept, ("orders", ""), period, past, cuts, kept.undated("orders"), None)
    else:
        traded = {part for (name, part) in kept.days if name == "revenue"}
        home = kept.currency
        others = sorted(c for c in traded - {home} if any(kept.by_day("revenue", c).values()))
        for currency in (home, *others):
            yield _line(kept, ("revenue", currency), period, past, cuts, kept.undated("revenue", currency), currency)


def _line(
    kept: _Kept,
    figure: tuple[str, str],
    period: Period,
    past: Period,
    cuts: Sequence[Bucket],
    undated: int,
    currency: str | None,
) -> dict[str, Any]:
    def told(value: int) -> Any:
        return value if currency is None else decimal(value, currency)

    def within(days: Period) -> Any:
        return told(kept.within(figure, days))

    return {
        "currency": currency,
        "total": within(period),
        "before": within(past),
        "undated": told(undated),
        "points": [
            {
                "from": cut.now.start.isoformat(),
                "to": cut.now.end.isoformat(),
                "value": within(cut.now),
                "before": None if cut.before is None else within(cut.before),
            }
            for cut in cuts
        ],
    }


def _standing(kept: _Kept, total: int, cuts: Sequence[Bucket]) -> list[int]:
    """How many customers there were at the end of each bucket; those of whom nobody knows since when were there."""
    later = kept.later("joined")
    for cut in cuts:
        later += kept.within("joined", cut.now)
    levels = []
    for cut in cuts:
        later -= kept.within("joined", cut.now)
        levels.append(total - later)
    return levels


# -- consents -----------------------------------------------------------------------------------------------------------


def consents(db: Db) -> dict[str, Any]:
    """Who granted what (X16, X17): `{"customers", "purposes": {purpose: {"granted": {"count", "percent"}, "channels":
    {channel: {"granted", "denied", "unknown"}}}}}`, each answer as count and percent of all customers.

    `granted` of a purpose counts customers who granted it on any channel. Each channel that anybody answered on is
    there, and e-mail; what was never answered is unknown (R43). Of no customers nothing is a percentage: null.
    """
    found: dict[str, int] = dict(
        db.rows("SELECT part, value FROM figure WHERE name = 'consents' AND day = 0 AND value <> 0")
    )
    row = db.one("SELECT value FROM figure WHERE name = 'customers' AND part = '' AND day = 0")
    customers = int(row[0]) if row else 0

    def share(count: int) -> dict[str, Any]:
        return {"count": count, "percent": _percent(count, customers)}

    channels = sorted({"email", *(part.split(":")[0] for part in found)} - {"any"})
    purposes = {}
    for purpose in PURPOSES:
        answers = {}
        for channel in channels:
            granted, denied = (found.get(f"{channel}:{purpose}:{state}", 0) for state in (_GRANTED, _DENIED))
            answers[channel] = {
                _GRANTED: share(granted),
                _DENIED: share(denied),
                "unknown": share(customers - granted - denied),
            }
        purposes[purpose] = {_GRANTED: share(found.get(f"any:{purpose}:{_GRANTED}", 0)), "channels": answers}
    return {"customers": customers, "purposes": purposes}


# -- figures ------------------------------------------------------------------------------------------------------------

_IN_ALL = ("customers", "joined", "first", "second", "guests", "ltv")
_ON_CARDS = ("joined", "first", "second", "guests", "revenue", "aside")
_ON_LINES: dict[str, tuple[str, ...]] = {"customers": ("joined",), "revenue": ("revenue",), "transactions": ("orders",)}
_Name = str | tuple[str, str]


class _Kept(NamedTuple):
    """Figures as one policy sees them: all that there is of each, and day by day as far back as was asked for."""

    today: date
    policy: str
    currency: str
    totals: Mapping[tuple[str, str], int]
    undates: Mapping[tuple[str, str], int]
    days: Mapping[tuple[str, str], Mapping[int, int]]
    inactive: int

    @classmethod
    def read(cls, db: Db, today: date, totals: str) -> _Kept:
        """What the cards of a day need."""
        period = Period(date.fromordinal(max(today.toordinal() - 2 * DAYS, 1)), today)
        return cls.over(db, period, totals, _IN_ALL, _ON_CARDS)

    @classmethod
    def over(cls, db: Db, period: Period, totals: str, in_all: Sequence[str], by_day: Sequence[str]) -> _Kept:
        """Some figures in all, and some day by day from the first day of a period on; what is of later days is there
        too."""
        if totals not in ("ltv", "gross"):
            raise Misconfigured(f"there is no policy {totals!r}", hint="Orders count by ltv or by gross")

        def among(names: Sequence[str]) -> str:
            whole = [*names, *(f"{name}_over" for name in names)] if totals == "gross" else names
            return f"name IN ({', '.join(map(repr, whole))})"

        sums: dict[tuple[str, str], int] = {}
        summed = f"SELECT name, part, sum(value) FROM figure WHERE {among(in_all)} GROUP BY name, part"
        for name, part, value in db.rows(summed) if in_all else ():
            key = (name.removesuffix("_over"), part)
            sums[key] = sums.get(key, 0) + int(value)
        undates: dict[tuple[str, str], int] = {}
        days: dict[tuple[str, str], dict[int, int]] = {}
        for name, part, day, value in db.rows(
            f"SELECT name, part, day, value FROM figure WHERE {among(by_day)} AND (day >= ? OR day = 0)",
            (max(period.start.toordinal(), 1),),
        ):
            key = (name.removesuffix("_over"), part)
            if day == 0:
                undates[key] = undates.get(key, 0) + value
            else:
                of = days.setdefault(key, {})
                of[day] = of.get(day, 0) + value
        rules = db.one(RULES_IN_FORCE)
        currency = str(json.loads(rules[0])["currency"]) if rules else "EUR"
        return cls(period.end, totals, currency, sums, undates, days, sums.get(("customers", "inactive"), 0))

    def total(self, name: str, part: str = "") -> int:
        """All of a figure."""
        return self.totals.get((name, part), 0)

    def undated(self, name: str, part: str = "") -> int:
        """What of it has no day."""
        return self.undates.get((name, part), 0)

    def dated(self, *names: str) -> bool:
        """Whether what some figures count together has days, so that one knows how it was before."""
        return any(self.total(name) > self.undated(name) for name in names)

    def by_day(self, name: str, part: str = "") -> Mapping[int, int]:
        """A figure by the ordinals of days."""
        return self.days.get((name, part), {})

    def within(self, name: _Name, period: Period) -> int:
        """The sum over some days."""
        found, start, end = self._of(name), period.start.toordinal(), period.end.toordinal()
        if end - start < len(found):
            return sum(found.get(day, 0) for day in range(start, end + 1))
        return sum(value for day, value in found.items() if start <= day <= end)

    def later(self, name: _Name) -> int:
        """What is of days after the last one asked for."""
        last = self.today.toordinal()
        return sum(value for day, value in self._of(name).items() if day > last)

    def levels(self, name: _Name, total: int, less: _Name | None = None) -> list[int]:
        """How much of `total` was there at the end of each day from 30 days ago to today, by the days of a figure (of
        which those of `less` are none). Today all of it is there, also what claims to be of tomorrow."""
        found, minus = self._of(name), self._of(less) if less else {}
        today = self.today.toordinal()
        moved = {day: found.get(day, 0) - minus.get(day, 0) for day in found.keys() | minus.keys()}
        level = total
        levels = [level]
        for day in range(today, today - DAYS, -1):
            gone = moved.get(day, 0) if day != today else sum(v for d, v in moved.items() if d >= today)
            level -= gone
            levels.append(level)
        return levels[::-1]

    def currencies(self) -> list[tuple[str, str]]:
        """The currencies of what customers brought, the shop's first, each with its part of the figure `ltv`."""
        others = sorted(part for name, part in self.totals if name == "ltv" and part not in ("", self.currency))
        return [(self.currency, ""), *((part, part) for part in others)]

    def _of(self, name: _Name) -> Mapping[int, int]:
        return self.by_day(*name) if isinstance(name, tuple) else self.by_day(name)


# -- numbers ------------------------------------------------------------------------------------------------------------

_CENT = Decimal("0.01")


def _percent(part: int, of: int) -> str | None:
    """`12.50`: two decimals, half up; None of nothing."""
    if not of:
        return None
    return str((Decimal(100 * part) / of).quantize(_CENT, ROUND_HALF_UP))


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"amount": decimal(amount, currency), "currency": currency}


__all__ = ["DAYS", "LINES", "What", "consents", "kpis", "series"]
