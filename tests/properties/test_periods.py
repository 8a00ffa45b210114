"""The calendar of statistics: R55 on every day there is, and buckets that are a clean cut of their period."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klientela.errors import Misconfigured
from klientela.model.instants import day as day_of
from klientela.rules import periods
from klientela.rules.periods import BUCKETS, By, Period

ONE = timedelta(days=1)
DAYS = st.dates(date(1990, 1, 1), date(2090, 12, 31))


@st.composite
def some_periods(draw: st.DrawFn) -> Period:
    """Any range of days up to years, now and then of whole months."""
    start = draw(DAYS)
    if draw(st.booleans()):
        start = start.replace(day=1)
        months = draw(st.integers(1, 30))
        end = start
        for _ in range(months):
            end = (end + timedelta(days=32)).replace(day=1)
        return Period(start, end - ONE)
    return Period(start, start + timedelta(days=draw(st.integers(0, 1200))))


def every_day(period: Period) -> list[date]:
    return [period.start + timedelta(days=n) for n in range(period.days)]


@given(DAYS)
def test_R55_presets(day: date) -> None:
    assert every_day(periods.preset("last_7_days", day)) == [day - timedelta(days=n) for n in range(6, -1, -1)]
    assert every_day(periods.preset("last_30_days", day)) == [day - timedelta(days=n) for n in range(29, -1, -1)]
    week = every_day(periods.preset("previous_week", day))
    assert [one.isoweekday() for one in week] == [1, 2, 3, 4, 5, 6, 7]
    this_monday = next(day - timedelta(days=n) for n in range(7) if (day - timedelta(days=n)).isoweekday() == 1)
    assert week[-1] == this_monday - ONE
    month = every_day(periods.preset("last_month", day))
    assert month[0].day == 1
    assert month[-1] + ONE == day.replace(day=1)
    assert len({(one.year, one.month) for one in month}) == 1


def test_R55_on_days_that_are_easily_got_wrong() -> None:
    """A Monday, a Sunday, the first of January, the first of March of a leap year."""
    cases = {
        date(2026, 11, 23): ((2026, 11, 16), (2026, 11, 22), (2026, 10, 1), (2026, 10, 31)),
        date(2026, 11, 22): ((2026, 11, 9), (2026, 11, 15), (2026, 10, 1), (2026, 10, 31)),
        date(2027, 1, 1): ((2026, 12, 21), (2026, 12, 27), (2026, 12, 1), (2026, 12, 31)),
        date(2024, 3, 1): ((2024, 2, 19), (2024, 2, 25), (2024, 2, 1), (2024, 2, 29)),
    }
    for day, (monday, sunday, first, last) in cases.items():
        assert periods.preset("previous_week", day) == Period(date(*monday), date(*sunday))
        assert periods.preset("last_month", day) == Period(date(*first), date(*last))


@given(some_periods(), st.sampled_from(BUCKETS))
def test_buckets_are_a_clean_cut(period: Period, by: By) -> None:
    """Every day is in exactly one bucket, and a bucket ends where the calendar says or where the period does."""
    made = periods.buckets(period, by)
    assert [day for bucket in made for day in every_day(bucket)] == every_day(period)
    of = [{_named(day, by) for day in every_day(bucket)} for bucket in made]
    assert all(len(names) == 1 for names in of)
    assert len({next(iter(names)) for names in of}) == len(made)


def _named(day: date, by: By) -> tuple[int, ...]:
    if by == "day":
        return (day.toordinal(),)
    return day.isocalendar()[:2] if by == "week" else (day.year, day.month)


@given(some_periods())
def test_the_period_before_ends_where_this_one_begins(period: Period) -> None:
    past = periods.before(period)
    assert past.end + ONE == period.start
    whole = period.start.day == 1 and (period.end + ONE).day == 1
    if not whole:
        assert past.days == period.days
        return
    months = {(day.year, day.month) for day in every_day(period)}
    assert past.start.day == 1
    assert len({(day.year, day.month) for day in every_day(past)}) == len(months)


@given(some_periods(), st.sampled_from(BUCKETS))
def test_what_stands_beside_a_bucket_lies_in_the_period_before(period: Period, by: By) -> None:
    past = periods.before(period)
    made = periods.beside(period, by)
    assert [bucket.now for bucket in made] == periods.buckets(period, by)
    days = [day for bucket in made if bucket.before for day in every_day(bucket.before)]
    assert days == sorted(set(days))
    assert set(days) <= set(every_day(past))
    if past.days == period.days:
        assert days == every_day(past)
        whole = by == "month" and period.start.day == 1 and (period.end + ONE).day == 1
        assert whole or all(bucket.before and bucket.before.days == bucket.now.days for bucket in made)


def test_a_month_of_days_beside_a_shorter_and_a_longer_one() -> None:
    march = periods.beside(Period(date(2026, 3, 1), date(2026, 3, 31)), "day")
    assert march[27].before == Period(date(2026, 2, 28), date(2026, 2, 28))
    assert [bucket.before for bucket in march[28:]] == [None, None, None]
    year = periods.beside(Period(date(2026, 1, 1), date(2026, 12, 31)), "month")
    assert year[1].before == Period(date(2025, 2, 1), date(2025, 2, 28))


@given(st.integers(0, 4_000_000_000), st.sampled_from(["Europe/Berlin", "Pacific/Kiritimati", "America/Sao_Paulo"]))
def test_today_is_the_day_the_figures_are_kept_by(second: int, name: str) -> None:
    zone = ZoneInfo(name)
    assert periods.today(second * 1_000_000, zone).toordinal() == day_of(second * 1_000_000, zone)


def test_the_ends_of_the_calendar_are_no_fault() -> None:
    assert periods.preset("previous_week", date(1, 1, 3)).start == date.min
    assert periods.before(Period(date(1, 1, 5), date(1, 2, 5))).start == date.min
    assert periods.buckets(Period(date(9999, 12, 30), date.max), "week")[-1].end == date.max
    assert periods.buckets(Period(date(9999, 12, 30), date.max), "month")[-1].end == date.max


def test_what_cannot_be_asked_is_told_in_a_sentence() -> None:
    with pytest.raises(Misconfigured, match="no period 'yesterday'"):
        periods.preset("yesterday", date(2026, 1, 1))
    with pytest.raises(Misconfigured, match="cannot end"):
        periods.custom(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(Misconfigured, match="by 'hour'"):
        periods.bucket_named("hour")
    for by, start in (("day", 2000), ("week", 1900), ("month", 1600)):
        with pytest.raises(Misconfigured, match="days cannot be drawn"):
            periods.buckets(Period(date(start, 1, 1), date(2026, 1, 1)), by)
    assert len(periods.buckets(Period(date(2000, 1, 1), date(2025, 12, 31)), "month")) == 26 * 12
