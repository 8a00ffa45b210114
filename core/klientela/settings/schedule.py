"""When a source is due: durations ("5m") aligned to the clock, and cron expressions; all arithmetic in UTC.

A *slot* is one planned moment of a source. Slots lie on the clock, not on the start of the daemon, so every daemon and
every restart gives the same moment the same name, and a `(source, slot)` row can be claimed once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from klientela.model.instants import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(?:\s*\d+\s*[smhdw])+\s*")
_PIECE = re.compile(r"(\d+)\s*([smhdw])")
_LONGEST = 366 * DAY


def duration(text: str) -> Instant:
    """Microseconds of `90s`, `5m`, `2h`, `1d`, `1w` or a sum of them (`1h30m`). ValueError with a sentence."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write 90s, 5m, 2h or 1d")
    total = sum(int(count) * _UNITS[unit] for count, unit in _PIECE.findall(text))
    if not SECOND <= total <= _LONGEST:
        raise ValueError(f"{text!r} must lie between one second and one year")
    return total


def spell(span: Instant) -> str:
    """`spell(5400 * SECOND) == "1h30m"`: the shortest form that `duration` reads back."""
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, span = divmod(span, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, slots=True)
class Every:
    """A slot at each multiple of the interval since the epoch."""

    interval: Instant

    def after(self, moment: Instant) -> Instant:
        """The first slot later than the moment."""
        return (moment // self.interval + 1) * self.interval

    def latest(self, moment: Instant) -> Instant:
        """The last slot at or before the moment."""
        return moment // self.interval * self.interval

    def span(self, moment: Instant) -> Instant:
        """How far slots lie apart around the moment; a source is stale after twice this."""
        return self.interval


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line of five fields, in the meaning of crontab(5): 0 and 7 are Sunday, and where day of month and
    day of week are both narrowed either of them is enough.

    On the nights the clocks change (the text of cron(8)): a run at a fixed hour happens once when an hour comes twice,
    and right after the gap when its hour is left out; with `*` as hour it follows the real time.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    any_hour: bool
    zone: ZoneInfo | timezone

    def after(self, moment: Instant) -> Instant:
        """The first slot later than the moment. ValueError if there is none within five years (30 February)."""
        minute = (moment // MINUTE + 1) * MINUTE
        end = minute + 5 * _LONGEST
        while minute < end:
            step = self._wait(minute)
            if step == 0:
                return minute
            minute += step
        raise ValueError("this cron expression never comes true")

    def latest(self, moment: Instant) -> Instant:
        """The last slot at or before the moment."""
        for back in (HOUR, DAY, 8 * DAY, 32 * DAY, _LONGEST, 5 * _LONGEST):
            found = self.after(moment - back - MINUTE)
            if found <= moment:
                while (then := self.after(found)) <= moment:
                    found = then
                return found
        raise ValueError("this cron expression was never true")

    def span(self, moment: Instant) -> Instant:
        """The distance of the two slots that follow the moment."""
        first = self.after(moment)
        return self.after(first) - first

    def _wait(self, minute: Instant) -> Instant:
        """0 when the minute is a slot, else how far it is safe to jump."""
        local = to_datetime(minute).astimezone(self.zone)
        gap = self._gap(minute)
        if gap and not self.any_hour and any(self._matches(*wall) for wall in gap):
            return 0
        if not (local.month in self.months and self._day(local.day, local.month, local.isoweekday() % 7)):
            return self._tomorrow(minute, local)
        if local.minute not in self.minutes or local.hour not in self.hours:
            return MINUTE
        if not self.any_hour and local.fold and local.replace(fold=0).utcoffset() != local.utcoffset():
            return MINUTE  # the second time this hour comes tonight
        return 0

    @staticmethod
    def _tomorrow(minute: Instant, local: datetime) -> Instant:
        """Towards the next local day: most of the way at once, then by quarters, for clocks may change at night."""
        left = DAY - (local.hour * HOUR + local.minute * MINUTE) - 3 * HOUR
        quarter = 15 * MINUTE
        return max(left // quarter * quarter, quarter) - minute % quarter

    def _gap(self, minute: Instant) -> list[tuple[int, int, int, int, int]]:
        """The wall minutes that the clocks leave out just before this minute."""
        now = to_datetime(minute).astimezone(self.zone)
        before = to_datetime(minute - MINUTE).astimezone(self.zone)
        jump = (now.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        if jump <= timedelta():
            return []
        wall = before.replace(tzinfo=None)
        missed = [wall + timedelta(minutes=n) for n in range(1, int(jump.total_seconds()) // 60 + 1)]
        return [(m.minute, m.hour, m.day, m.month, m.isoweekday() % 7) for m in missed]

    def _matches(self, minute: int, hour: int, day: int, month: int, weekday: int) -> bool:
        return minute in self.minutes and hour in self.hours and month in self.months and self._day(day, month, weekday)

    def _day(self, day: int, month: int, weekday: int) -> bool:
        if self.either_day:
            return day in self.days or weekday in self.weekdays
        return day in self.days and weekday in self.weekdays


def cron(text: str, zone: ZoneInfo | timezone = timezone.utc) -> Cron:  # noqa: UP017 - the type needs the class
    """Read `minute hour day month weekday` or @hourly, @daily, @weekly, @monthly. ValueError with a sentence."""
    fields = _NICKNAMES.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError(f"{text!r} is no cron expression; write five fields: minute hour day month weekday")
    minutes = _field("minute", fields[0], 0, 59)
    hours = _field("hour", fields[1], 0, 23)
    days = _field("day of month", fields[2], 1, 31)
    months = _field("month", fields[3], 1, 12, _MONTHS, 1)
    weekdays = frozenset(day % 7 for day in _field("day of week", fields[4], 0, 7, _DAYS, 0))
    made = Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
        any_hour=fields[1].startswith("*"),
        zone=zone,
    )
    made.after(0)  # refuses what never comes
    return made


def _field(what: str, text: str, low: int, high: int, names: list[str] | None = None, base: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            one, dash, two = span.partition("-")
            first = _number(what, one, names, base)
            last = _number(what, two, names, base) if dash else (high if step else first)
        every = _number(what, step, None, 0) if step else 1
        if not (low <= first <= last <= high) or every < 1:
            raise ValueError(f"{part!r} is no {what}; it goes from {low} to {high}")
        found.update(range(first, last + 1, every))
    return frozenset(found)


def _number(what: str, text: str, names: list[str] | None, base: int) -> int:
    if names and text.lower() in names:
        return names.index(text.lower()) + base
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is no {what} of a cron expression")
    return int(text)


Schedule = Every | Cron
"""How a source is planned."""


def schedule(every: str | None, cron_text: str | None, zone: str | None = None) -> Schedule | None:
    """The schedule of a source's `every`, `cron` and `timezone`; None where it only runs by hand.

    A cron expression is UTC unless a zone is given. ValueError with a sentence.
    """
    if every is not None and cron_text is not None:
        raise ValueError("every and cron exclude each other")
    if every is not None:
        return Every(duration(every))
    if cron_text is not None:
        return cron(cron_text, ZoneInfo(zone) if zone else timezone.utc)  # noqa: UP017
    return None


def late(
    schedules: Mapping[str, Schedule], good: Mapping[str, Instant | None], now: Instant, began: Instant
) -> dict[str, Instant | None]:
    """Sources without a good run for twice their interval, and when the last one was. `good`: the end of each one's newest
    good run; one that never had any is given the same time from `began`."""
    found = {}
    for name, plan in schedules.items():
        success = good.get(name)
        since = success if success is not None else began
        if now - since > 2 * plan.span(since):
            found[name] = success
    return found
