"""Which source when: slots are stable, claimed once, caught up once; one source's trouble is its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import SourceBroken
from klientela.model.instants import DAY, HOUR, MINUTE, SECOND, Instant, instant, to_datetime
from klientela.settings import Every, schedule
from klientela.store import operation
from klientela.store.database import Store, open_store
from klientela_daemon.house import Plan
from klientela_daemon.jobs import Jobs, _Slots, stale
from tests.store.runs import ran, state

NOON = instant("2026-05-14T12:00:00Z")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/k.db") as made:
        yield made


def plan(name: str, every: str | None = None, cron: str | None = None, zone: str | None = None) -> Plan:
    made = schedule(every, cron, zone)
    assert made is not None
    return Plan(name, "csv", made)


def first(store: Store, what: Plan, now: Instant) -> Instant:
    return Jobs(store, lambda name: None, clock=lambda: now).first(what, state(store, what.name))


# When -------------------------------------------------------------------------------------------------------------


def test_a_source_that_never_ran_runs_at_once(store: Store) -> None:
    assert first(store, plan("a", "5m"), NOON + 17 * SECOND) == NOON


def test_a_source_that_ran_in_its_slot_waits_for_the_next(store: Store) -> None:
    ran(store, "a", NOON + SECOND)
    assert first(store, plan("a", "5m"), NOON + 2 * MINUTE) == NOON + 5 * MINUTE


def test_missed_slots_are_caught_up_by_one_run(store: Store) -> None:
    ran(store, "a", NOON - 3 * DAY)
    ran(store, "night", NOON - 3 * DAY)
    assert first(store, plan("a", "5m"), NOON + MINUTE) == NOON
    assert first(store, plan("night", cron="0 3 * * *"), NOON) == NOON - 9 * HOUR


def test_a_cron_run_done_in_time_is_not_caught_up(store: Store) -> None:
    ran(store, "night", NOON - 9 * HOUR + 2 * SECOND)
    assert first(store, plan("night", cron="0 3 * * *"), NOON) == NOON + 15 * HOUR


def test_a_failed_run_waits_for_its_next_slot_but_one_cut_short_goes_on_at_once(store: Store) -> None:
    ran(store, "failed", NOON + SECOND, "failed", "broken")
    ran(store, "stopped", NOON + SECOND, "partial", "interrupted")
    ran(store, "died", NOON + SECOND, "running", ended=False)
    now = NOON + MINUTE
    assert first(store, plan("failed", "5m"), now) == NOON + 5 * MINUTE
    assert first(store, plan("stopped", "5m"), now) == NOON
    assert first(store, plan("died", "5m"), now) == NOON


def test_a_refused_second_start_is_no_attempt(store: Store) -> None:
    ran(store, "a", NOON - HOUR)
    ran(store, "a", NOON + SECOND, "skipped")
    assert first(store, plan("a", "5m"), NOON + MINUTE) == NOON


def test_after_a_long_sleep_only_the_latest_slot_is_left() -> None:
    trigger = _Slots(Every(MINUTE))
    asleep, awake = to_datetime(NOON), to_datetime(NOON + 30 * DAY + 5 * SECOND)
    following = trigger.get_next_fire_time(asleep, awake)
    assert following == to_datetime(NOON + 30 * DAY)
    assert trigger.get_next_fire_time(following, awake) == to_datetime(NOON + 30 * DAY + MINUTE)
    assert trigger.get_next_fire_time(None, asleep) == to_datetime(NOON + MINUTE)


def test_the_days_of_a_year_with_both_changes_of_the_clocks_have_one_slot_each() -> None:
    made = schedule(None, "30 2 * * *", "Europe/Berlin")
    assert made is not None
    trigger = _Slots(made)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    slots = []
    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        moment = trigger.get_next_fire_time(moment, moment)
        slots.append(moment)
    days = Counter(slot.astimezone(made.zone).date() for slot in slots)  # type: ignore[union-attr]
    assert set(days.values()) == {1}
    assert len(days) == 366  # 365 and the first of the next year
    assert all(timedelta(hours=22) < b - a < timedelta(hours=26) for a, b in pairwise(slots))


# Running ----------------------------------------------------------------------------------------------------------


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def jobs(store: Store) -> Iterator[Any]:
    made: list[Jobs] = []

    def start(sync: Callable[[str], object], *plans: Plan) -> Jobs:
        one = Jobs(store, sync)
        made.append(one)
        one.start({what.name: what for what in plans})
        return one

    yield start
    for one in made:
        one.stop(5)


def test_sources_run_in_their_slots_each_slot_once(jobs: Any, store: Store) -> None:
    seen: list[str] = []
    running = jobs(seen.append, plan("a", "1s"), plan("idle", "1d"))
    until(lambda: seen.count("a") >= 3)
    running.stop(5)
    with store.reading() as db:
        slots = db.rows("SELECT slot FROM slot JOIN source ON source.id = slot.source WHERE label = 'a'")
    assert seen.count("a") == len(slots)
    assert seen.count("idle") == 1  # it was never synced, so it ran once at the start


def test_one_sources_trouble_is_its_own(jobs: Any) -> None:
    seen: Counter[str] = Counter()
    gate = threading.Event()

    def sync(name: str) -> None:
        seen[name] += 1
        if name == "waits":
            gate.wait(30)
        elif name == "fails":
            raise SourceBroken("the shop is gone")
        elif name == "explodes":
            raise ZeroDivisionError
        elif name == "leaves":
            raise SystemExit(3)

    running = jobs(sync, *(plan(name, "1s") for name in ("waits", "fails", "explodes", "leaves", "well")))
    until(lambda: all(seen[name] >= 2 for name in ("fails", "explodes", "leaves", "well")))
    assert seen["waits"] == 1  # never twice at once
    assert running.alive
    until(lambda: running.running == ["waits"])
    assert "waits" in running.stop(0)
    gate.set()
    assert running.stop(5) == []


def test_a_changed_plan_starts_new_sources_and_drops_old_ones(jobs: Any) -> None:
    seen: Counter[str] = Counter()
    running = jobs(lambda name: seen.update([name]), plan("old", "1s"), plan("stays", "1s"))
    until(lambda: seen["old"] >= 1)
    running.change({"stays": plan("stays", "1s"), "new": plan("new", "1d")})
    until(lambda: seen["new"] == 1)
    count = seen["old"]
    stays = seen["stays"]
    until(lambda: seen["stays"] >= stays + 2)
    assert seen["old"] <= count + 1  # one may have been under way
    assert set(running.plans) == {"stays", "new"}


def test_a_machine_that_slept_catches_up_once(jobs: Any, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = [timedelta()]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + slept[0]

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Clock)
    seen: list[str] = []
    ran(store, "a", operation.now())
    running = jobs(seen.append, plan("a", "1h"))
    time.sleep(0.2)
    assert seen == []
    slept[0] = timedelta(hours=30)  # the lid was closed; the scheduler still sleeps towards its old moment
    running.nudge()
    until(lambda: seen == ["a"])
    time.sleep(0.2)
    assert seen == ["a"]  # thirty slots, one run


# Stale ------------------------------------------------------------------------------------------------------------


def test_stale_is_twice_the_interval_without_a_good_run(store: Store) -> None:
    ran(store, "a", NOON - SECOND)
    ran(store, "a", NOON + 8 * MINUTE, "failed", "broken")
    plans = {"a": plan("a", "5m"), "never": plan("never", "5m")}

    def late(now: Instant) -> dict[str, Instant | None]:
        return stale(plans, {found.name: found for found in operation.states(store)}, now, NOON + MINUTE)

    assert late(NOON + 10 * MINUTE) == {}
    assert late(NOON + 10 * MINUTE + SECOND) == {"a": NOON}
    assert late(NOON + 12 * MINUTE) == {"a": NOON, "never": None}
