"""The calendar of statistics: presets (R55), days, ISO weeks and months, and the period before one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from klientela.errors import Misconfigured
from klientela.model.instants import Instant, to_datetime

By = Literal["day", "week", "month"]

BUCKETS: tuple[By, ...] = ("day", "week", "month")
PRESETS = ("last_7_days", "previous_week", "last_30_days", "last_month")
"""The ranges one click away (X12-X15)."""

MOST_BUCKETS = 4000
"""So many points of a line are drawn; ten years of days."""
_SHORTEST: Mapping[By, int] = {"day": 1, "week": 7, "month": 28}
"""Days of the shortest bucket that is whole."""

_DAY = timedelta(days=1)


class Period(NamedTuple):
    """Calendar days in the shop's zone, both ends among them."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.end - self.start).days + 1


class Bucket(NamedTuple):
    """Some days of a period, and the days of the period before that stand beside them, where it has any."""

    now: Period
    before: Period | None


def today(now: Instant, zone: ZoneInfo) -> date:
    """The calendar date in the shop's zone (R53)."""
    return to_datetime(now).astimezone(zone).date()


def last_days(count: int, day: date) -> Period:
    """So many days up to `day`, itself among them: last 7 days = today-6 to today (R55)."""
    return Period(_back(day, count - 1), day)


def preset(name: str, day: date) -> Period:
    """One of `PRESETS` as seen on a day. Misconfigured for another name."""
    if name == "last_7_days":
        return last_days(7, day)
    if name == "last_30_days":
        return last_days(30, day)
    if name == "previous_week":
        monday = _back(day, day.weekday() + 7)
        return Period(monday, monday + timedelta(days=6))
    if name == "last_month":
        end = _back(day.replace(day=1), 1)
        return Period(end.replace(day=1), end)
    raise Misconfigured(f"there is no period {name!r}", hint=f"The periods are {', '.join(PRESETS)}")


def custom(start: date, end: date) -> Period:
    """Any range of days. Misconfigured where it ends before it starts."""
    if end < start:
        raise Misconfigured(f"a period cannot end ({end}) before it starts ({start})", hint="Swap the two dates")
    return Period(start, end)


def bucket_named(name: str) -> By:
    """One of `BUCKETS`. Misconfigured for another name."""
    for one in BUCKETS:
        if one == name:
            return one
    raise Misconfigured(f"statistics are not told by {name!r}", hint=f"They are by {', '.join(BUCKETS)}")


def finest(period: Period) -> By:
    """The bucket that draws a period in a number of points that people can read."""
    return "day" if period.days <= 62 else "week" if period.days <= 366 else "month"


def buckets(period: Period, by: By) -> list[Period]:
    """The days, ISO weeks (from Monday) or months of a period in their order; the first and the last are cut at its
    ends. Misconfigured for more than `MOST_BUCKETS`."""
    if period.days > MOST_BUCKETS * _SHORTEST[by]:
        raise Misconfigured(
            f"a line of {period.days} days cannot be drawn", hint="Ask for weeks or months, or for a shorter period"
        )
    return list(_cut(period, by))


def before(period: Period) -> Period:
    """The period that `period` is compared with: whole months with as many months before, else the same number of days
    directly before. It begins no earlier than the calendar does."""
    end = _back(period.start, 1)
    if _whole_months(period):
        months = _month(period.end) - _month(period.start) + 1
        return Period(_first_of(max(_month(period.start) - months, 12)), end)
    return Period(_back(period.start, period.days), end)


def beside(period: Period, by: By) -> list[Bucket]:
    """The buckets of a period with the days before that each is compared with: of whole months the month in its place,
    else as many days as far into the period before. None where that one has ended already."""
    now, past = buckets(period, by), before(period)
    if by == "month" and _whole_months(period):
        earlier = buckets(past, by)
        missing = len(now) - len(earlier)  # of a calendar that had not begun
        return [Bucket(one, earlier[n - missing] if n >= missing else None) for n, one in enumerate(now)]
    return [Bucket(one, _shifted(one, period, past)) for one in now]


def _shifted(one: Period, period: Period, past: Period) -> Period | None:
    start = past.start + (one.start - period.start)
    if start > past.end:
        return None
    return Period(start, min(start + (one.end - one.start), past.end))


def _cut(period: Period, by: By) -> Iterator[Period]:
    start = period.start
    while True:
        end = min(_end_of(start, by), period.end)
        yield Period(start, end)
        if end == period.end:
            return
        start = end + _DAY


def _end_of(day: date, by: By) -> date:
    if by == "day":
        return day
    if by == "week":
        return date.fromordinal(min(day.toordinal() + 6 - day.weekday(), date.max.toordinal()))
    following = _month(day) + 1
    return date.max if following > _month(date.max) else _first_of(following) - _DAY


def _whole_months(period: Period) -> bool:
    return period.start.day == 1 and _end_of(period.end, "month") == period.end


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _back(day: date, count: int) -> date:
    return date.fromordinal(max(day.toordinal() - count, 1))


__all__ = [
    "BUCKETS", "MOST_BUCKETS", "PRESETS", "Bucket", "By", "Period", "before", "beside", "bucket_named", "buckets", "custom",
    "finest", "last_days", "preset", "today",
]  # fmt: skip
