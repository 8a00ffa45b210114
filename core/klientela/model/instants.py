"""Instants: integer microseconds since 1970-01-01T00:00:00Z, the only form of time inside klientela.

Integers compare as instants whatever offset they were written with; text never does (R0a).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

Instant = int
"""Microseconds since the epoch, UTC."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1
"""The first and the last instant that a calendar has: those of the years 1 and 9999."""
_OFFSET_BLANK = re.compile(r"\s+([+-]\d{2}):?(\d{2})$")
_UNIX = re.compile(r"^\d{9,11}$")


def from_datetime(moment: datetime) -> Instant:
    """The instant of an aware datetime. ValueError for a naive one: its zone is not ours to guess."""
    if moment.tzinfo is None:
        raise ValueError("a time without zone")
    return _since_epoch(moment)


def instant(text: str | int | float, zone: ZoneInfo | None = None) -> Instant:
    """Read ISO 8601 (`2026-05-14T11:23:45+01:00`, `2026-05-14 11:23:45 +0100`) or Unix seconds.

    `zone` is the zone of times that carry none; without it they are refused. ValueError when unreadable.
    """
    if type(text) is str and len(text) > 18:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # other spellings below
        else:
            if moment.tzinfo is not None:
                since = moment - _EPOCH  # as `_since_epoch`, without a call: every record has several times
                return (since.days * 86400 + since.seconds) * SECOND + since.microseconds
    if isinstance(text, bool):
        raise ValueError("true and false are no times")  # noqa: TRY004 - one error kind for callers
    if isinstance(text, (int, float)):
        return round(text * SECOND)
    value = text.strip()
    if _UNIX.match(value):
        return int(value) * SECOND
    moment = datetime.fromisoformat(_OFFSET_BLANK.sub(r"\1:\2", value))
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(f"{value!r} has no time zone")
        moment = moment.replace(tzinfo=zone)
    return _since_epoch(moment)


def _since_epoch(moment: datetime) -> Instant:
    delta = moment - _EPOCH
    return (delta.days * 86400 + delta.seconds) * SECOND + delta.microseconds


def iso(moment: Instant) -> str:
    """`2026-05-14T10:23:45Z`; fractions only where there are any."""
    when = _EPOCH + timedelta(microseconds=min(max(moment, _FIRST), _LAST))
    return when.replace(tzinfo=None).isoformat(timespec="auto") + "Z"


def to_datetime(moment: Instant) -> datetime:
    """The aware UTC datetime of an instant; one of the first or last day there is, where a zone could lead out of the
    calendar, is that of a day later or earlier. Sources write such times for "none"."""
    return _EPOCH + timedelta(microseconds=min(max(moment, _FIRST + DAY), _LAST - DAY))


def day(moment: Instant, zone: ZoneInfo) -> int:
    """The proleptic ordinal of the calendar date in `zone` (R53)."""
    return to_datetime(moment).astimezone(zone).toordinal()


def day_iso(ordinal: int) -> str:
    """The ISO date of an ordinal."""
    return date.fromordinal(ordinal).isoformat()
