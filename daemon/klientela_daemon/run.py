"""The daemon: wires store, scheduler and HTTP, listens to signals, stops cleanly; the one place that wires."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from starlette.routing import BaseRoute, Mount

from klientela.errors import KlientelaError
from klientela.flow import work
from klientela.flow.sync import Report
from klientela.model.instants import SECOND, Instant, iso
from klientela.source import SourceSettings
from klientela.store import operation
from klientela.store.database import Store
from klientela.store.operation import SourceState
from klientela_daemon import apart, logs, systemd
from klientela_daemon.failures import sentence
from klientela_daemon.house import House
from klientela_daemon.http import Health, Listener, application
from klientela_daemon.jobs import Jobs, stale
from klientela_daemon.metrics import Metrics
from klientela_daemon.opening import opened, settle
from klientela_daemon.page import door, first_steps, page
from klientela_daemon.street import Street
from klientela_daemon.webhooks import Webhooks

log = logs.logger("klientela.daemon")

_PATIENCE = 8.0  # seconds for runs to finish or roll back their page; the promise is ten for the whole exit
_ROUND = 5.0  # seconds between two looks at stale sources and the watchdog


class Daemon:
    """A running klientela. `read` reads the configuration again, for SIGHUP."""

    def __init__(
        self,
        house: House,
        read: Callable[[], House],
        *,
        welcome: Callable[[str], None] | None = None,
        ready: Callable[[str], None] | None = None,
    ) -> None:
        """`welcome` is given an address of the page that signs in once; no log ever shows it. `ready` is given the address
        at which it listens, once."""
        self._house = house
        self._ready = ready
        self._welcome = welcome
        self._read = read
        self._stop = threading.Event()
        self._asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._metrics = Metrics()
        self._began = operation.now()
        self._stale: set[str] = set()
        self._progress: dict[str, dict[str, Any]] = {}  # of the runs under way, by source
        self._checked: dict[str, tuple[SourceSettings, float]] = {}  # when shops were last asked who they are
        self._worklist = threading.Thread(target=self._drain, name="worklist", daemon=True)
        self._store: Store
        self._jobs: Jobs
        self._webhooks: Webhooks
        self._street: Street
        self._listener: Listener

    def run(self) -> int:
        """Until SIGTERM or SIGINT. 0 when everything ended cleanly; errors at the start are raised."""
        before = {number: signal.signal(number, self._signal) for number in _signals()}
        try:
            return self._open()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _open(self) -> int:
        self._house.config.rates()  # a wrong file is told at the start, as whatever is wrong in the configuration
        store = opened(self._house, create=True)
        try:
            store.lock_daemon()
            self._store = store
            buried = operation.bury(store)
            if buried:
                log.warning("closed runs of a process that died", runs=buried)
            for said in settle(store, self._house):
                log.warning(said)
            self._jobs = Jobs(store, self.sync)
            self._webhooks = Webhooks(store, lambda: self._house, self._stop, self._metrics)
            self._street = Street(store, lambda: self._house, self._stop)
            web = self._house.config.settings.web
            served = application(self.health, self.metrics, self._routes())
            self._listener = Listener(served, web.host, web.port)
            return self._live()
        finally:
            if not self._hung():
                store.close()

    def _live(self) -> int:
        try:
            self._listener.start()
            apart.warm()
            self._jobs.start(self._house.plans())
            self._worklist.start()
            self._webhooks.start()
            self._street.start()
            self._announce()
            while not self._stop.is_set():
                self._turn()
            return self._end()
        finally:
            self._stop.set()
            self._street.stop()
            self._jobs.stop(0)
            self._listener.stop()

    def _announce(self) -> None:
        plans = self._house.plans()
        log.info(
            "klientela is running",
            pid=os.getpid(),
            listens=self._listener.url,
            store=self._store.dialect,
            sources=sorted(self._house.config.settings.sources),
            planned=sorted(plans),
        )
        systemd.notify("READY=1", f"STATUS=listening on {self._listener.url}")
        if self._ready is not None:
            self._ready(self._listener.url)
        if self._welcome is not None:
            self._welcome(door(self._store, self._listener.url))
        elif (said := first_steps(self._store, self._listener.url)) is not None:
            log.warning(said)
        if not plans:
            log.warning("no source has every or cron, so nothing will run by itself")

    def _turn(self) -> None:
        """Wait for a signal, but not for ever: the watchdog and stale sources want a look."""
        try:
            asked = self._asked.get(timeout=_ROUND)
        except queue.Empty:
            asked = ""
        if asked == "reload":
            self._reload()
        elif asked:
            log.info("stopping", signal=asked)
            self._stop.set()
            return
        self._jobs.nudge()
        if self._jobs.alive:
            systemd.notify("WATCHDOG=1")
        self._warn_of_stale()

    def _signal(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if name == "SIGHUP":
            self._asked.put("reload")
        elif self._stop.is_set() and name == "SIGINT":
            os._exit(130)  # asked twice: whoever sits at the terminal does not want to wait
        else:
            self._stop.set()  # sources see it at once, wherever the main loop is
            self._asked.put(name)

    # Stopping -----------------------------------------------------------------------------------------------------

    def _end(self) -> int:
        systemd.notify("STOPPING=1")
        late = self._jobs.stop(_PATIENCE)
        if late:
            # their open transaction dies with the process and is rolled back by the database
            log.warning("left behind runs that did not stop in time", sources=late)
        self._worklist.join(1.0)
        self._listener.stop()
        self._street.stop()
        if not self._webhooks.stop(2.0):
            log.warning("left behind webhooks that were being applied; the next start goes on with them")
        log.info("klientela has stopped")
        return 0

    def _hung(self) -> bool:
        """Whether somebody is still inside the store, which then is left to the end of the process."""
        webhooks: Webhooks | None = getattr(self, "_webhooks", None)
        if webhooks is not None and not webhooks.asleep:
            return True
        street: Street | None = getattr(self, "_street", None)
        if street is not None and not street.asleep:
            return True
        return self._worklist.is_alive() or bool(getattr(self, "_jobs", None) and self._jobs.running)

    # Reloading ----------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Take over a right configuration; keep the old one when the new is wrong, and say so."""
        systemd.notify("RELOADING=1")
        try:
            fresh = self._read()
            fresh.config.rates()
        except KlientelaError as error:
            log.error("the new configuration is wrong; going on with the old one", reason=sentence(error))  # noqa: TRY400
            systemd.notify("READY=1")
            return
        old, new = self._house.config, fresh.config
        if new.store_url() != old.store_url() or new.settings.web != old.settings.web:
            log.warning("a change of [store] or [web] needs a restart; the rest of the configuration is taken over")
        self._house = fresh
        for said in (*new.warnings, *new.unused, *settle(self._store, fresh)):
            log.warning(said)
        self._jobs.change(fresh.plans())
        self._street.change()
        log.info(
            "the configuration was read again", sources=sorted(new.settings.sources), planned=sorted(fresh.plans())
        )
        systemd.notify("READY=1")

    # Running ------------------------------------------------------------------------------------------------------

    def sync(self, name: str, full: bool = False) -> None:
        """Run one source in a process of its own; the thread of its job watches over it."""
        house = self._house
        one = house.config.settings.sources.get(name)
        if one is None or self._stop.is_set():
            return  # the configuration lost it a moment ago
        log.info("sync begins", source=name)
        known = self._checked.pop(name, None)
        asked = known[1] if known is not None and known[0] == one else None
        try:
            task = apart.job(house, name, full=full, checked_at=asked)
            done = apart.run(self._store, task, stop=self._stop, progress=self._note)
        finally:
            self._progress.pop(name, None)
            self._webhooks.nudge(name)
        if done.report.error is None and done.checked_at is not None:
            self._checked[name] = (one, done.checked_at)  # after a failure the shop is asked afresh
        self._metrics.count(done.report.as_dict())
        self._tell(done.report)

    def _note(self, report: Report) -> None:
        self._progress[report.source] = {**report.as_dict(), "stream": report.stream}

    def _ask(self, name: str, full: bool) -> bool:
        return self._jobs.ask(name, lambda: self.sync(name, full))

    def _tell(self, report: Report) -> None:
        said = report.as_dict()
        for key in ("cursor", "error", "started", "finished", "remarks"):
            del said[key]
        for remark in report.remarks:
            log.info("remark of the source", source=report.source, remark=remark)
        if report.status == "skipped":
            log.info("sync skipped", source=report.source, reason=(report.error or {}).get("message"))
        elif report.error is not None:
            log.warning("sync ended early", reason=report.error["message"], hint=report.error["hint"], **said)
        else:
            log.info("sync ended", **said)

    def _drain(self) -> None:
        """Finish what a change of rules or a killed process left on the worklist, beside everything else."""
        try:
            done = work.drain(self._store, stop=self._stop)
        except KlientelaError as error:
            log.error("the worklist waits for the next run", reason=sentence(error))  # noqa: TRY400
        else:
            if done:
                log.info("worked off the worklist", records=done)

    # HTTP ---------------------------------------------------------------------------------------------------------

    def _routes(self) -> list[BaseRoute]:
        """What is served beside health and metrics."""
        shown = page(self._store, lambda: self._house, self._ask, lambda: dict(self._progress))
        return [*self._webhooks.routes, *self._street.routes(), Mount("/", shown)]

    # Health -------------------------------------------------------------------------------------------------------

    def health(self) -> Health:
        """What /readyz says."""
        problems = [] if self._jobs.alive else ["the scheduler has stopped"]
        if self._stop.is_set():
            problems.append("the daemon is stopping")
        try:
            states = self._states()
        except KlientelaError as error:
            return Health([*problems, sentence(error)], [], [])
        late = self._late(states)
        return Health(problems, [_shown(state, name in late) for name, state in states.items()], sorted(late))

    def metrics(self) -> str:
        """What /metrics says."""
        states = self._states()
        return self._metrics.text(states, self._late(states), self._jobs.running, operation.now())

    def _states(self) -> dict[str, SourceState]:
        return {state.name: state for state in operation.states(self._store)}

    def _late(self, states: dict[str, SourceState]) -> dict[str, Instant | None]:
        return stale(self._jobs.plans, states, operation.now(), self._began)

    def _warn_of_stale(self) -> None:
        """Once when a source becomes stale, once when it is well again."""
        try:
            late = self._late(self._states())
        except KlientelaError as error:
            log.error("the store cannot be read", reason=sentence(error))  # noqa: TRY400
            return
        for name in late.keys() - self._stale:
            success = late[name]
            age = round((operation.now() - success) / SECOND) if success is not None else None
            log.warning("source is stale: no good run for twice its interval", source=name, last_success_s=age)
        for name in self._stale - late.keys():
            log.info("source is up to date again", source=name)
        self._stale = set(late)


def _shown(state: SourceState, late: bool) -> dict[str, Any]:
    return {
        "source": state.name,
        "connected": state.connected,
        "busy": state.busy,
        "stale": late,
        "status": state.last.status if state.last else None,
        "last_success": iso(state.success) if state.success is not None else None,
    }


def _signals() -> list[signal.Signals]:
    names = ("SIGTERM", "SIGINT", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
