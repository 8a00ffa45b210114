"""Durations, slots on the clock and cron expressions, on quiet days and on the nights the clocks change."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klientela.model.instants import DAY, HOUR, MINUTE, SECOND, instant, iso
from klientela.settings.schedule import Every, cron, duration, schedule, spell

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "span"),
    [("90s", 90 * SECOND), ("5m", 5 * MINUTE), ("2h", 2 * HOUR), ("1d", DAY), ("1w", 7 * DAY), ("1h30m", 90 * MINUTE)],
)
def test_durations(text: str, span: int) -> None:
    assert duration(text) == span
    assert duration(spell(span)) == span


@pytest.mark.parametrize("text", ["", "5", "5x", "m", "0s", "-5m", "400d", "5 minutes", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|between"):
        duration(text)


@given(st.integers(1, 10**6), st.integers(0, 2**51))
def test_slots_of_an_interval_do_not_depend_on_when_one_asks(seconds: int, moment: int) -> None:
    plan = Every(seconds * SECOND)
    slot = plan.latest(moment)
    assert slot <= moment < plan.after(moment)
    assert plan.after(moment) - slot == seconds * SECOND
    assert plan.latest(slot) == slot
    assert plan.after(slot - 1) == slot


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("0 3 * * *", "2026-05-01T00:00:00Z", ["2026-05-01T03:00:00Z", "2026-05-02T03:00:00Z"]),
        (
            "*/15 9 * * *",
            "2026-05-01T09:20:00Z",
            ["2026-05-01T09:30:00Z", "2026-05-01T09:45:00Z", "2026-05-02T09:00:00Z"],
        ),
        ("30 6 * * mon-fri", "2026-05-01T07:00:00Z", ["2026-05-04T06:30:00Z"]),  # a Friday
        ("0 0 * * 0", "2026-05-01T00:00:00Z", ["2026-05-03T00:00:00Z"]),  # 0 and 7 are Sunday, as in crontab(5)
        ("0 0 * * 7", "2026-05-01T00:00:00Z", ["2026-05-03T00:00:00Z"]),
        ("0 0 1 * *", "2026-05-01T00:00:00Z", ["2026-06-01T00:00:00Z"]),
        ("0 0 13 * fri", "2026-05-02T00:00:00Z", ["2026-05-08T00:00:00Z", "2026-05-13T00:00:00Z"]),  # either day
        ("0 0 29 feb *", "2026-05-01T00:00:00Z", ["2028-02-29T00:00:00Z"]),
        ("5,35 1-2 * * *", "2026-05-01T01:10:00Z", ["2026-05-01T01:35:00Z", "2026-05-01T02:05:00Z"]),
        ("@daily", "2026-05-01T00:00:00Z", ["2026-05-02T00:00:00Z"]),
    ],
)
def test_cron(line: str, start: str, expected: list[str]) -> None:
    plan = cron(line)
    moment = instant(start)
    for slot in expected:
        moment = plan.after(moment)
        assert iso(moment) == slot
        assert plan.latest(moment) == moment
        assert plan.latest(moment + 30 * SECOND) == moment


def _all(line: str, start: str, end: str) -> list[str]:
    plan = cron(line, BERLIN)
    found, moment = [], instant(start)
    while (moment := plan.after(moment)) < instant(end):
        found.append(iso(moment))
    return found


def test_a_fixed_hour_runs_once_in_the_night_that_has_it_twice() -> None:
    # 2026-10-25: 02:00-03:00 comes in summer time and again in winter time
    assert _all("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z") == [
        "2026-10-25T00:30:00Z",
        "2026-10-26T01:30:00Z",
    ]


def test_a_fixed_hour_runs_after_the_gap_in_the_night_that_lacks_it() -> None:
    # 2026-03-29: 02:00-03:00 does not come
    assert _all("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z") == [
        "2026-03-29T01:00:00Z",
        "2026-03-30T00:30:00Z",
    ]


def test_every_quarter_goes_on_through_both_nights() -> None:
    for night in ("2026-10-25", "2026-03-29"):
        found = _all("*/15 * * * *", f"{night}T00:00:00Z", f"{night}T04:00:00Z")
        assert len(found) == 15
        assert len(set(found)) == 15


def test_zones_off_the_full_hour_are_met() -> None:
    plan = cron("0 0 * * *", ZoneInfo("Asia/Kathmandu"))  # UTC+05:45
    assert iso(plan.after(instant("2026-05-01T00:00:00Z"))) == "2026-05-01T18:15:00Z"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 3 * *", "five fields"),
        ("61 3 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 3 0 * *", "day of month"),
        ("0 3 * 13 *", "month"),
        ("0 3 * * 8", "day of week"),
        ("0 3 * * funday", "day of week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("0 0 30 feb *", "never"),
    ],
)
def test_what_is_no_cron_expression_is_refused(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cron(line)


def test_every_and_cron_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude"):
        schedule("5m", "0 3 * * *")
    assert schedule(None, None) is None
