"""Runs each sync in a process of its own and watches over it: what a plugin does there harms its own run alone.

The processes are forked from a server (`multiprocessing`'s forkserver) that has loaded everything once, so a quiet run
costs a few hundredths of a second. The daemon reads what a process says and prints, asks it to stop, ends it when it
gives no sign of life or takes too much memory, and closes the run of one that died. The store is whole after each kill.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import selectors
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from klientela.errors import Interrupted, KlientelaError, SourceBroken, SourceBusy
from klientela.flow.answers import OF_THE_PLUGIN
from klientela.flow.inbox import Applied
from klientela.flow.sync import Report
from klientela.model.instants import SECOND
from klientela.settings.model import Runs
from klientela.settings.schedule import duration
from klientela.source import Shop, Source, SourceSettings
from klientela.store import operation
from klientela.store.database import Store
from klientela_daemon import logs
from klientela_daemon.child import Task, main
from klientela_daemon.house import House
from klientela_daemon.words import Words

log = logs.logger("klientela.runs")

_LOOK = 0.2  # seconds between two looks at a run that says nothing
_GRACE = 5.0  # seconds to finish or roll back a page when asked to stop
_LAST_WORDS = 2.0  # seconds for one that hangs to answer before it is killed
_CLOSING = 10.0  # seconds to let go of the shop after the report
_LONGEST_LINE = 4 * 2**20
_GO_ON = "The next run goes on from the last stored page"
_OURS = ("klientela", "sqlalchemy", "psycopg", "psycopg_binary", "alembic", "httpx", "httpcore", "pydantic")

_guard = threading.Lock()  # multiprocessing looks after all its processes whenever one is started, from any thread

Progress = Callable[[Report], None]
_Told = TypeVar("_Told", Report, Applied)


@dataclass(frozen=True, slots=True)
class Job:
    """One run to do: the source's class, its settings, and what it may know."""

    name: str
    kind: type[Source]
    settings: SourceSettings
    shop: Shop
    key_file: Path
    tombstones: Path
    limits: Runs
    full: bool = False
    messages: bool = False
    checked_at: float | None = None


def job(house: House, name: str, *, full: bool = False, messages: bool = False, checked_at: float | None = None) -> Job:
    """The run of a source as the configuration has it."""
    config = house.config
    settings = config.settings.sources[name]
    return Job(
        name=name,
        kind=house.plugins.types[settings.type],
        settings=settings,
        shop=config.shop(),
        key_file=config.file(config.settings.privacy.key_file),
        tombstones=config.file(config.settings.privacy.tombstones),
        limits=config.settings.runs,
        full=full,
        messages=messages,
        checked_at=checked_at,
    )


@dataclass(frozen=True, slots=True)
class Done:
    """How a run went. `checked_at` is when the shop was last asked who it is, by the clock of this boot."""

    report: Report
    checked_at: float | None = None


def warm() -> None:
    """Start the server that runs are forked from; what this process has loaded is loaded there too."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(_loaded())
    with _guard:
        forkserver.ensure_running()


def _loaded() -> list[str]:
    """Our own modules and the drivers; no stranger's plugin, which could bring the server down for all."""
    there = list(sys.modules)  # a copy: other threads import meanwhile
    ours = {"klientela_daemon", *_OURS, *(name for name in there if _is_plugin_of_ours(name))}
    names = [name for name in there if name.partition(".")[0] in ours and not name.endswith("__main__")]
    return sorted({*names, "klientela_daemon.child", "klientela_daemon.cli"})


def _is_plugin_of_ours(name: str) -> bool:
    from klientela.plugins import ours

    return name in ours()


def apply(store: Store, job: Job, *, stop: threading.Event) -> Applied:
    """Apply the webhooks of a source that wait, likewise; `job` is one for messages. What ended it early is raised."""
    made = _Run(store, job, stop, None)
    made.go()
    if made.applied is None:
        raise made.error()
    return made.applied


def run(store: Store, job: Job, *, stop: threading.Event, progress: Progress | None = None) -> Done:
    """Do a run in a process of its own. Never raises for what the plugin does; StoreError when the store is at fault."""
    return _Run(store, job, stop, progress).go()


@dataclass(slots=True)
class _Run:
    store: Store
    job: Job
    stop: threading.Event
    progress: Progress | None
    began: int = field(default_factory=operation.now)
    process: Any = None
    pid: int = 0
    alive: float = 0.0  # the last sign of life, by the monotonic clock
    reason: KlientelaError | None = None  # why we ended it
    failed: dict[str, str | None] | None = None  # what it said about its own failure
    done: Done | None = None
    applied: Applied | None = None
    deadline: float | None = None  # when it is killed
    words: Words = field(default_factory=Words)
    heard: bytes = b""

    def go(self) -> Done:
        try:
            says, prints, stopper = self._start()
        except (OSError, EOFError) as error:
            raise SourceBroken(
                f"no process could be started for {self.job.name} ({type(error).__name__})",
                hint="The system may be out of memory or processes; the next run tries again",
            ) from error
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            self.reason = SourceBroken(
                f"the source {self.job.name} cannot be given to a process of its own ({type(error).__name__})",
                hint="Its class and its settings must be importable by name, not made inside a function",
            )
            return self._over()
        try:
            self._watch(says, prints, stopper)
        finally:
            code = self._end()
            self._drain(says, prints)
            for pipe in (says, prints, stopper):
                pipe.close()
            self.words.tell(self.job.name)
        if self.done is not None and self.reason is None:
            return self.done
        if self.reason is None and self.failed is None:
            self.reason = self._why(code)
        return self._over()

    def _over(self) -> Done:
        """The end of a run that did not tell its own."""
        if self.job.messages:
            return Done(Report(self.job.name))  # messages are no run; what was not applied waits
        return Done(self._closed())

    def error(self) -> KlientelaError:
        """Why it ended early."""
        if self.reason is not None:
            return self.reason
        said = self.failed or {}
        kind = SourceBusy if said.get("kind") == SourceBusy.kind else SourceBroken
        return kind(said.get("message") or f"{self.job.name} failed", hint=said.get("hint"))

    # Starting ---------------------------------------------------------------------------------------------------------

    def _start(self) -> tuple[Connection, Connection, Connection]:
        job = self.job
        packages = {kind.__module__.partition(".")[0] for kind in job.kind.__mro__} - {"klientela", "builtins"}
        hang = duration(job.limits.hang_timeout) / SECOND
        task = Task(
            name=job.name,
            type=job.settings.type,
            plugin=pickle.dumps((job.kind, job.settings, job.shop)),
            packages=frozenset(packages),
            store=self.store.url,
            key_file=job.key_file,
            tombstones=job.tombstones,
            level=logging.getLogger().level,
            full=job.full,
            messages=job.messages,
            checked_at=job.checked_at,
            memory_mb=job.limits.memory_mb,
            beat=min(1.0, hang / 5),
        )
        context = multiprocessing.get_context("forkserver")
        says, his_says = context.Pipe(duplex=False)
        prints, his_prints = context.Pipe(duplex=False)
        his_stop, stopper = context.Pipe(duplex=False)
        self.process = context.Process(
            target=main, args=(task, his_says, his_prints, his_stop), name=f"sync {job.name}"
        )
        try:
            warm()
            with _guard:
                self.process.start()
        finally:
            for pipe in (his_says, his_prints, his_stop):
                pipe.close()
        self.pid = self.process.pid or 0
        self.alive = monotonic()
        for pipe in (says, prints):
            os.set_blocking(pipe.fileno(), False)
        return says, prints, stopper

    # Watching ---------------------------------------------------------------------------------------------------------

    def _watch(self, says: Connection, prints: Connection, stopper: Connection) -> None:
        with selectors.DefaultSelector() as selector:
            end = self._end_of_process()
            if end is None:
                return
            selector.register(says, selectors.EVENT_READ, self._hear)
            selector.register(prints, selectors.EVENT_READ, self.words.take)
            selector.register(end, selectors.EVENT_READ, None)
            try:
                while True:
                    for key, _ in selector.select(_LOOK):
                        if key.data is None:
                            return
                        if not _read(key.fd, key.data):
                            selector.unregister(key.fileobj)
                    if not self._goes_on(stopper):
                        return
            finally:
                if end != self.process.sentinel:
                    os.close(end)

    def _end_of_process(self) -> int | None:
        """What becomes readable when the process ends; None when it has ended already."""
        if hasattr(os, "pidfd_open"):  # tells also when the server was killed, who else would
            try:
                return os.pidfd_open(self.pid)
            except ProcessLookupError:
                return None
            except OSError:
                pass
        return int(self.process.sentinel)

    def _goes_on(self, stopper: Connection) -> bool:
        """Whether the process may go on; asks it to stop where there is reason to, and says when that was in vain."""
        now = monotonic()
        if self.deadline is not None:
            return now < self.deadline
        if self.done is not None:
            self.deadline = now + _CLOSING
        elif self.stop.is_set():
            self._ask(stopper, now + _GRACE)
        elif self._hangs(now) or self._grows():
            self._ask(stopper, now + _LAST_WORDS)
        return True

    def _ask(self, stopper: Connection, deadline: float) -> None:
        self.deadline = deadline
        with suppress(OSError):
            os.write(stopper.fileno(), b"s")

    def _hangs(self, now: float) -> bool:
        limit = duration(self.job.limits.hang_timeout) / SECOND
        if now - self.alive <= limit:
            return False
        self.reason = SourceBroken(
            f"the plugin of {self.job.name} gave no sign of life for {self.job.limits.hang_timeout}; its run was ended",
            hint=f"{_GO_ON}; runs.hang_timeout says how long to wait",
        )
        return True

    def _grows(self) -> bool:
        limit = self.job.limits.memory_mb
        if limit is None or _memory(self.pid) <= limit * 2**20:
            return False
        self.reason = SourceBroken(
            f"the run of {self.job.name} took more than {limit} MB of memory and was ended",
            hint=f"{_GO_ON}; runs.memory_mb is the limit",
        )
        return True

    def _hear(self, data: bytes) -> None:
        self.heard += data
        *lines, self.heard = self.heard.split(b"\n")
        if len(self.heard) > _LONGEST_LINE:
            self.heard = b""  # nothing of ours: the plugin found the pipe
        for line in lines:
            # a plugin that writes garbage into the pipe gets no answer, and does no harm
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self._understand(json.loads(line))

    def _understand(self, said: dict[str, Any]) -> None:
        if "quiet" in said:
            self.alive = monotonic() - float(said["quiet"])
        elif "log" in said:
            self.words.relay(self.job.name, said["log"])
        elif "progress" in said:
            if self.progress is not None:
                self.progress(_report(self.job.name, said["progress"]))
        elif "report" in said:
            checked = said.get("checked_at")
            self.done = Done(_report(self.job.name, said["report"]), float(checked) if checked is not None else None)
        elif "applied" in said:
            self.applied = _filled(Applied(), said["applied"])
            self.done = Done(Report(self.job.name))
        elif "failed" in said:
            self.failed = {key: _text(said["failed"][key]) for key in ("kind", "message", "hint")}
            if said.get("trace"):
                log.debug("where it happened", source=self.job.name, trace=str(said["trace"]))

    # Ending -----------------------------------------------------------------------------------------------------------

    def _end(self) -> int | None:
        """End the process with all its children, if it has not ended; its exit code, None when nobody knows."""
        late = self.deadline is not None and monotonic() >= self.deadline
        if not self._exited(0.0 if late else 1.0):
            self._kill()
            self._exited(5.0)
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)  # what it started outlives nobody
        with _guard:
            code = self.process.exitcode
            if code is not None:
                self.process.close()
        return None if code == 255 else code  # 255 is also what the server's own death looks like

    def _exited(self, seconds: float) -> bool:
        end = monotonic() + seconds
        while True:
            with _guard:
                self.process.join(0.01)
                known = self.process.exitcode is not None
            if known and not operation.lives(self.pid):
                return True
            if monotonic() >= end:
                return False

    def _kill(self) -> None:
        for kill in (os.killpg, os.kill):
            with suppress(OSError):
                kill(self.pid, signal.SIGKILL)
        if self.done is not None or self.reason is not None:
            return
        if self.stop.is_set():
            self.reason = Interrupted(f"{self.job.name} was asked to stop and was ended", hint=_GO_ON)

    def _drain(self, says: Connection, prints: Connection) -> None:
        """What it said last."""
        for pipe, take in ((says, self._hear), (prints, self.words.take)):
            while _read(pipe.fileno(), take, at_end=False):
                pass

    def _why(self, code: int | None) -> SourceBroken:
        name = self.job.name
        if code is not None and code < 0:
            sign = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = f"{_GO_ON}; the system may be short of memory" if sign == "SIGKILL" else OF_THE_PLUGIN
            return SourceBroken(f"the process of {name} was ended by {sign}", hint=hint)
        said = f" with exit code {code}" if code is not None else ""
        return SourceBroken(f"the plugin of {name} ended the process of its run{said}", hint=OF_THE_PLUGIN)

    def _closed(self) -> Report:
        """The report of a run that could not write its own."""
        job = self.job
        error: dict[str, Any] = dict(self.reason.as_dict() if self.reason is not None else self.failed or {})
        report = Report(job.name, "failed", started=self.began, finished=operation.now(), error=error)
        run = operation.fail(self.store, job.name, job.settings.type, self.began, error)
        if run is None:
            report.status = "skipped"
            return report
        report.status, report.started = run.status, run.started
        for name, count in run.counts.items():
            setattr(report, name, count)
        return report


def _read(pipe: int, take: Callable[[bytes], None], *, at_end: bool = True) -> bool:
    """Hand over what is there. False at the end of the pipe; with `at_end` False also when nothing is left in it."""
    try:
        data = os.read(pipe, 65536)
    except BlockingIOError:
        return at_end
    except OSError:
        return False
    if data:
        take(data)
    return bool(data)


def _memory(pid: int) -> int:
    """Bytes of memory a process has, 0 where that cannot be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _text(value: Any) -> str | None:
    return value if value is None else str(value)


def _report(name: str, said: dict[str, Any]) -> Report:
    report = _filled(Report(name), said)
    report.source = name
    return report


def _filled(made: _Told, said: dict[str, Any]) -> _Told:
    """What the process told, in its dataclass. TypeError or KeyError when it is not of that kind."""
    for one in fields(made):
        standing, value = getattr(made, one.name), said[one.name]
        if standing is not None and type(value) is not type(standing):
            raise TypeError(one.name)
        setattr(made, one.name, value)
    return made
