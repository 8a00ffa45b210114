"""Which source when: APScheduler pulls the trigger, our own tables remember what was done.

Jobs live in memory and are made anew from the configuration at each start. What lasts (slots, leases, runs) is in the
store. A source's run is a thread of its own: one that waits, fails or hangs never holds up another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from klientela.errors import KlientelaError
from klientela.model.instants import Instant, from_datetime, to_datetime
from klientela.settings import Schedule, late
from klientela.store import operation
from klientela.store.database import Store
from klientela.store.operation import SourceState
from klientela_daemon import logs
from klientela_daemon.failures import sentence
from klientela_daemon.house import Plan

log = logs.logger("klientela.jobs")


_NOW = "now "
"""What the job of a run that somebody asked for is called, before the source's name."""


class Jobs:
    """The plan of all sources. `sync` runs one source by name; whatever it raises is told and goes no further."""

    def __init__(
        self, store: Store, sync: Callable[[str], object], *, clock: Callable[[], Instant] = operation.now
    ) -> None:
        self._store = store
        self._sync = sync
        self._clock = clock
        self._began = clock()
        self._plans: dict[str, Plan] = {}
        self._threads = _Threads()
        # what it has to say at INFO and WARNING (every wake-up, every run that outlasts its interval) we say better
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": self._threads},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
            daemon=True,
        )
        self._scheduler.add_listener(
            lambda event: log.debug("still running, slot passed over", source=event.job_id), EVENT_JOB_MAX_INSTANCES
        )

    @property
    def plans(self) -> Mapping[str, Plan]:
        """The plan in force, by source."""
        return self._plans

    @property
    def alive(self) -> bool:
        """Whether the scheduler's thread is there."""
        thread = getattr(self._scheduler, "_thread", None)
        return bool(self._scheduler.running and thread is not None and thread.is_alive())

    @property
    def running(self) -> list[str]:
        """The sources being synced right now."""
        return self._threads.busy()

    def start(self, plans: Mapping[str, Plan]) -> None:
        """Begin; sources that are overdue run at once, each once, however many slots they missed."""
        known = {state.name: state for state in operation.states(self._store)}
        for name, plan in plans.items():
            self._add(plan, self.first(plan, known.get(name)))
        self._plans = dict(plans)
        self._scheduler.start()

    def first(self, plan: Plan, state: SourceState | None) -> Instant:
        """When a source runs first: its last slot if that was missed or cut short, else its next one."""
        now = self._clock()
        latest = plan.schedule.latest(now)
        if state is None or state.attempt is None or state.attempt < latest:
            return latest
        if state.last is not None and (state.last.interrupted or state.last.finished is None):
            return latest
        return plan.schedule.after(now)

    def change(self, plans: Mapping[str, Plan]) -> None:
        """Another plan, while running; runs in progress go on, new sources run at once."""
        for name in self._plans.keys() - plans.keys():
            self._scheduler.remove_job(name)
        for name, plan in plans.items():
            if self._plans.get(name) != plan:
                new = name not in self._plans
                now = self._clock()
                self._add(plan, plan.schedule.latest(now) if new else plan.schedule.after(now))
        self._plans = dict(plans)

    def ask(self, name: str, sync: Callable[[], object]) -> bool:
        """Run a source now, beside its plan; False when it is at it already or nothing runs any more."""
        asked = f"{_NOW}{name}"
        if not self.alive or name in self.running or asked in self.running:
            return False
        self._scheduler.add_job(
            self._at_once, args=[name, sync], id=asked, replace_existing=True, misfire_grace_time=None
        )
        return True

    def nudge(self) -> None:
        """Look at the clock again. The scheduler sleeps by a clock that stands still while a machine is suspended and
        knows nothing of a clock that was set; this lets it notice both within seconds."""
        if self._scheduler.running:
            self._scheduler.wakeup()

    def _at_once(self, name: str, sync: Callable[[], object], slot: Instant = 0) -> None:
        """A run that somebody asked for. Nothing gets out of here."""
        try:
            sync()
        except KlientelaError as error:
            log.error("sync failed", source=name, kind=error.kind, reason=sentence(error))  # noqa: TRY400
        except (Exception, SystemExit):  # a stranger's plugin must not take the daemon down
            log.exception("sync failed unexpectedly", source=name)

    def stop(self, timeout: float) -> list[str]:
        """No more runs; wait for those in progress. The sources that did not end in time."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        return self._threads.wait(timeout)

    def _add(self, plan: Plan, first: Instant) -> None:
        self._scheduler.add_job(
            self._fire,
            _Slots(plan.schedule),
            id=plan.name,
            args=[plan],
            next_run_time=to_datetime(first),
            replace_existing=True,
        )

    def _fire(self, plan: Plan, slot: Instant = 0) -> None:
        """One slot of one source: claim it, sync, tell. Nothing gets out of here.

        `_Threads` gives the slot; the default is only for APScheduler, which compares arguments with signatures.
        """
        try:
            # this is the only daemon of the store: a slot from before its start that was claimed, but whose run did
            # not end, was a dead one's
            retake = slot <= self._began
            if operation.claim(self._store, plan.name, plan.type, slot, retake=retake):
                self._sync(plan.name)
            else:
                log.debug("slot is taken", source=plan.name)
        except KlientelaError as error:
            log.error("sync failed", source=plan.name, kind=error.kind, reason=sentence(error))  # noqa: TRY400
        except (Exception, SystemExit):  # a stranger's plugin must not take the daemon down
            log.exception("sync failed unexpectedly", source=plan.name)


class _Slots(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """A schedule as APScheduler wants it; after a long sleep only the latest slot is left of those missed."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The slot after the previous one, or the latest if several have passed."""
        present = from_datetime(now)
        following = self.schedule.after(from_datetime(previous) if previous else present)
        if following <= present:
            following = max(following, self.schedule.latest(present))
        return to_datetime(following)


class _Threads(BaseExecutor):  # type: ignore[misc]  # APScheduler is untyped
    """A thread for each run: at most one for each source, because max_instances is 1.

    The job's function gets the slot it runs for beside its own arguments; APScheduler's own executors keep it back.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[str, threading.Thread] = {}
        self._guard = threading.Lock()

    def busy(self) -> list[str]:
        """The ids of jobs in progress."""
        with self._guard:
            return sorted(self._running)

    def wait(self, timeout: float) -> list[str]:
        """Wait for all jobs together at most so many seconds; the ids of those still in progress."""
        end = time.monotonic() + timeout
        while (busy := self.busy()) and time.monotonic() < end:
            time.sleep(0.02)
        return busy

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        thread = threading.Thread(target=self._work, args=(job, run_times[-1]), name=f"sync {job.id}", daemon=True)
        with self._guard:
            self._running[job.id] = thread
        thread.start()

    def _work(self, job: Any, planned: datetime) -> None:
        try:
            job.func(*job.args, from_datetime(planned))
        finally:
            with self._guard:
                self._running.pop(job.id, None)
            self._run_job_success(job.id, [])


def stale(
    plans: Mapping[str, Plan], states: Mapping[str, SourceState], now: Instant, began: Instant
) -> dict[str, Instant | None]:
    """Sources without a good run for twice their interval, and when the last one was.

    One that never had any is given the same time from `began`, the daemon's start.
    """
    good = {name: state.success for name, state in states.items()}
    return late({name: plan.schedule for name, plan in plans.items()}, good, now, began)
