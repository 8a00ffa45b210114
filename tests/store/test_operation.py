"""Slots, leases and runs: nothing runs twice, a dead process blocks nobody, a frozen one cannot write."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from klientela.errors import Conflict, Misconfigured, SourceBusy, StoreError, UnknownThing
from klientela.model.instants import DAY, HOUR, MINUTE, SECOND, Instant, instant
from klientela.store import facts, open_store, operation
from klientela.store.database import Store
from klientela.store.naming import rename
from tests.store.runs import ran, state

NOON = instant("2026-05-14T12:00:00Z")


# Slots ------------------------------------------------------------------------------------------------------------


def test_a_slot_is_claimed_once(store: Store) -> None:
    assert operation.claim(store, "a", "csv", NOON)
    assert not operation.claim(store, "a", "csv", NOON)
    assert operation.claim(store, "a", "csv", NOON + MINUTE)
    assert operation.claim(store, "b", "csv", NOON)


def test_many_triggers_at_once_claim_a_slot_once(store: Store) -> None:
    got = []
    threads = [threading.Thread(target=lambda: got.append(operation.claim(store, "a", "csv", NOON))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_a_slot_of_a_dead_daemon_is_taken_over_unless_its_run_ended(store: Store) -> None:
    operation.claim(store, "died", "csv", NOON)
    assert operation.claim(store, "died", "csv", NOON, retake=True)
    for name, status, error, again in (
        ("good", "ok", None, False),
        ("bad", "failed", "broken", False),
        ("cut", "partial", "interrupted", True),
    ):
        operation.claim(store, name, "csv", NOON)
        ran(store, name, operation.now(), status, error)
        assert operation.claim(store, name, "csv", NOON, retake=True) is again


def test_old_slots_are_forgotten(store: Store) -> None:
    operation.claim(store, "a", "csv", NOON - 31 * DAY)
    operation.claim(store, "a", "csv", NOON)
    with store.reading() as db:
        assert db.rows("SELECT slot FROM slot") == [("2026-05-14T12:00:00Z",)]


# Leases -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def source(store: Store) -> int:
    with store.step("test") as step:
        return facts.ensure_source(step, "a", "csv").id


def test_a_source_is_leased_once_and_free_afterwards(store: Store, source: int) -> None:
    with operation.lease(store, source, "a") as held:
        with store.reading() as db:
            held.check(db)
            assert operation.is_held(db, source)
        with pytest.raises(SourceBusy, match="in progress"), operation.lease(store, source, "a"):
            pass
    with operation.lease(store, source, "a"):
        pass


def test_a_heartbeat_keeps_the_lease(store: Store, source: int) -> None:
    with operation.lease(store, source, "a", ttl=SECOND // 5) as held:
        time.sleep(0.5)
        with store.reading() as db:
            assert operation.is_held(db, source)
            held.check(db)


def _somebody(store: Store, source: int, holder: str, until: Instant) -> None:
    with store.step("test") as step:
        step.db.run("DELETE FROM lease")
        step.db.run("INSERT INTO lease (source, holder, until) VALUES (?, ?, ?)", (source, holder, until))


def test_the_lease_of_a_dead_process_is_taken_over_at_once(store: Store, source: int) -> None:
    later = operation.now() + HOUR
    _somebody(store, source, f"{operation._place()}|4000000|1|x", later)
    with operation.lease(store, source, "a"):
        pass
    # the same number, but another process meanwhile
    mine = operation._holder().split("|")
    _somebody(store, source, "|".join([mine[0], mine[1], "1", "x"]), later)
    with operation.lease(store, source, "a"):
        pass


def test_the_lease_of_another_machine_is_taken_over_when_it_expired(store: Store, source: int) -> None:
    _somebody(store, source, "elsewhere|1|1|x", operation.now() + HOUR)
    with pytest.raises(SourceBusy), operation.lease(store, source, "a"):
        pass
    _somebody(store, source, "elsewhere|1|1|x", operation.now() - SECOND)
    with operation.lease(store, source, "a"):
        pass


def test_who_lost_the_lease_is_told_before_he_writes(store: Store, source: int) -> None:
    with operation.lease(store, source, "a", ttl=SECOND // 5) as held:
        _somebody(store, source, "elsewhere|1|1|x", operation.now() + HOUR)
        assert held.lost.wait(5)
        with store.reading() as db, pytest.raises(SourceBusy, match="took over"):
            held.check(db)
    with store.reading() as db:
        assert operation.is_held(db, source)  # the other one's lease is untouched


def test_runs_of_dead_processes_are_closed(store: Store) -> None:
    ran(store, "died", NOON, "running", ended=False)
    ran(store, "lives", NOON, "running", ended=False)
    lives = state(store, "lives")
    assert lives is not None
    with operation.lease(store, lives.id, "lives"):
        assert operation.bury(store) == 1
        assert operation.bury(store) == 0
    died = state(store, "died")
    assert died is not None
    assert died.last is not None
    assert (died.last.status, died.last.interrupted) == ("failed", True)


# Sources and daemons ----------------------------------------------------------------------------------------------


def test_sources_that_left_the_configuration_are_disconnected_and_come_back(store: Store) -> None:
    for name in ("a", "b"):
        operation.claim(store, name, "csv", NOON)
    assert operation.connect(store, ["a"]) == ["b"]
    assert operation.connect(store, ["a"]) == []
    assert [(found.name, found.connected) for found in operation.states(store)] == [("a", True), ("b", False)]
    operation.claim(store, "b", "csv", NOON + MINUTE)
    assert [found.connected for found in operation.states(store)] == [True, True]


def test_a_renamed_source_keeps_its_uid_and_no_other_may_take_its_names(store: Store) -> None:
    operation.claim(store, "a", "csv", NOON)
    operation.claim(store, "b", "csv", NOON)
    rename(store, "a", "shop")
    with store.reading() as db:
        assert db.rows("SELECT uid, label FROM source ORDER BY id") == [("a", "shop"), ("b", "b")]
    with pytest.raises(Conflict, match="'a' belonged to another"):
        rename(store, "b", "a")
    with pytest.raises(Conflict, match="'shop' belonged to another"):
        rename(store, "b", "shop")
    with pytest.raises(Misconfigured, match="belonged to another"):
        operation.claim(store, "a", "csv", NOON)  # a configuration that still says a
    with pytest.raises(UnknownThing, match="no source 'c'"):
        rename(store, "c", "d")
    rename(store, "shop", "a")  # back again
    assert operation.claim(store, "a", "csv", NOON + MINUTE)


def test_one_daemon_for_each_store(store: Store, store_url: str) -> None:
    store.lock_daemon()
    with open_store(store_url) as other:
        with pytest.raises(StoreError, match="another klientela daemon"):
            other.lock_daemon()
        assert operation.claim(other, "a", "csv", NOON)  # it may still write
        store.close()
        other.lock_daemon()


def test_the_run_of_a_dead_process_is_closed_with_the_reason(store: Store) -> None:
    began = operation.now()
    error = {"kind": "broken", "message": "it was ended", "hint": None}
    ran(store, "a", began, "running", ended=False)
    with store.step("test") as step:
        step.db.run("UPDATE run SET pages = 3 WHERE finished IS NULL")
        step.db.run("INSERT INTO lease (source, holder, until) SELECT id, 'elsewhere|1|1|x', 1 FROM source")
    late = operation.fail(store, "a", "csv", began, error)
    assert late is not None
    assert (late.status, late.error, late.counts["pages"]) == ("partial", error, 3)
    assert late.finished is not None
    never = operation.fail(store, "b", "csv", began, error)  # it did not get as far as to be written
    assert never is not None
    assert (never.status, never.counts["pages"]) == ("failed", 0)
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM lease") == (0,)
        assert db.one("SELECT count(*) FROM run WHERE finished IS NOT NULL") == (2,)


def test_a_run_that_somebody_else_goes_on_with_is_left_alone(store: Store) -> None:
    began = operation.now()
    ran(store, "a", began, "running", ended=False)
    with store.step("test") as step:
        step.db.run(
            "INSERT INTO lease (source, holder, until) SELECT id, 'elsewhere|1|1|x', 9000000000000000000 FROM source"
        )
    assert operation.fail(store, "a", "csv", began, {"kind": "broken"}) is None
    with store.reading() as db:
        assert db.one("SELECT finished FROM run") == (None,)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells")
def test_a_process_that_nobody_reaps_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and is not reaped
    assert not operation.lives(child)
    os.waitpid(child, 0)
    assert operation.lives(os.getpid())
