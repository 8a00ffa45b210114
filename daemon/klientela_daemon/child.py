"""The process of one run: it reads the source, syncs, tells how it went; whatever a plugin does to it ends with it.

It is forked from a server that has everything loaded (`apart.py`). Of the daemon it has three pipes: one for what it has
to say, one for what the plugin prints, and one for the word to stop, whose end means that the daemon is dead.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

from klientela.errors import KlientelaError, SourceBroken
from klientela.flow import inbox, work
from klientela.flow.answers import OF_THE_PLUGIN
from klientela.flow.fetch import asking
from klientela.flow.inbox import Applied
from klientela.flow.sync import Report, sync
from klientela.runtime import tune
from klientela.source import Source
from klientela.store import facts
from klientela.store.database import Store, open_store
from klientela.store.housekeeping import settle
from klientela_daemon import logs

_LONGEST_WAIT = 3600.0  # seconds of waiting that one announcement is good for
_SPARE = 256 * 2**20  # bytes above the limit at which memory is refused, if it grows too fast to be seen in time
_OFTEN = 0.2  # seconds between two words about progress

_encode = json.JSONEncoder(default=str).encode  # taken now: a plugin may exchange what it finds in modules


@dataclass(frozen=True, slots=True)
class Task:
    """What a run needs to know.

    `plugin` is the pickled class of the source, its settings and the shop: unpacking them imports the plugin, so that
    happens here. `packages` are the names its code is known by; `beat` is how often to show life, in seconds;
    `messages`: apply the webhooks that wait, instead of a sync.
    """

    name: str
    type: str
    plugin: bytes
    packages: frozenset[str]
    store: str
    key_file: Path
    tombstones: Path
    level: int = logging.INFO
    full: bool = False
    messages: bool = False
    checked_at: float | None = None
    memory_mb: int | None = None
    beat: float = 1.0


class Signs(threading.Event):
    """The stop event of a run. Whoever looks at it or waits on it shows life; a wait is announced by its length."""

    def __init__(self) -> None:
        super().__init__()
        self._until = monotonic()

    @property
    def quiet(self) -> float:
        """Seconds since the last sign of life, or since the end of the last announced wait."""
        return max(0.0, monotonic() - self._until)

    def show(self, ahead: float = 0.0) -> None:
        """A sign of life that is good for so many seconds."""
        self._until = monotonic() + min(max(ahead, 0.0), _LONGEST_WAIT)

    def busy(self) -> None:
        """A sign of life from our own code, which does not cut short what was announced."""
        self._until = max(self._until, monotonic())

    def is_set(self) -> bool:
        """Whether the run is to stop."""
        self.show()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait to be stopped, at most so many seconds."""
        self.show(timeout or 0.0)
        stopped = super().wait(timeout)
        self.show()
        return stopped


class Line:
    """What the process has to say: one JSON document a line."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._guard = threading.Lock()

    def say(self, **what: Any) -> None:
        """Say it whole, whichever thread says it."""
        left = _encode(what).encode("ascii", "backslashreplace") + b"\n"
        with self._guard:
            while left:
                left = left[os.write(self._pipe.fileno(), left) :]

    def write(self, text: str) -> None:
        """A line of the log."""
        with suppress(ValueError):
            self.say(log=json.loads(text))

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """It is none."""
        return False


def main(task: Task, says: Connection, prints: Connection, stop: Connection) -> NoReturn:
    """One run from beginning to end. Threads, atexit functions and children of the plugin are not waited for."""
    signs, line = Signs(), Line(says)
    try:
        _settle(prints, signs)
        _confine(task)
        tune(collect=False)
        logs.set_up(level=logging.getLevelName(task.level), as_json=True, stream=line)  # type: ignore[arg-type]
        _in_background(lambda: _listen(stop, signs), "stop")
        _in_background(lambda: _beat(task, line, signs, threading.main_thread().ident or 0), "pulse")
        _run(task, line, signs)
    except BaseException as error:  # noqa: BLE001 - this process is there to catch everything
        trace = "".join(traceback.format_exception(error)) if not isinstance(error, KlientelaError) else None
        with suppress(BaseException):
            line.say(failed=_told(task, error), trace=trace)
    with suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


def _run(task: Task, line: Line, signs: Signs) -> None:
    source = _made(task, signs)
    source._checked_at = task.checked_at  # type: ignore[attr-defined]
    with open_store(task.store, key_file=task.key_file, create=False, tombstones=task.tombstones) as store:
        if task.messages:
            line.say(applied=asdict(_apply(store, source, signs)))
            return
        report = sync(store, source, full=task.full, stop=signs, progress=_Progress(line))
    line.say(report=asdict(report), checked_at=source._checked_at)  # type: ignore[attr-defined]
    try:
        with asking(source, "its close"):
            source.close()
    except KlientelaError as error:
        logs.logger("klientela.source").info("could not be closed", source=task.name, reason=error.message)


def _apply(store: Store, source: Source, signs: Signs) -> Applied:
    with store.reading() as db:
        row = next((one for one in facts.sources(db).values() if one.label == source.name), None)
    if row is None:
        return Applied()
    told = inbox.apply(store, source, row, stop=signs)
    if told.changed:
        work.drain(store, stop=signs)
        settle(store, told.changed)
    return told


def _made(task: Task, signs: Signs) -> Source:
    try:
        kind, settings, shop = pickle.loads(task.plugin)  # noqa: S301 - the daemon pickled it a moment ago
        made: Source = kind(task.name, settings, shop=shop, stop=signs)
        made.stop = signs  # whatever its own __init__ made of it
    except KlientelaError:
        raise
    except BaseException as error:
        raise SourceBroken(
            f"the source {task.name} could not be made ({type(error).__name__})", hint=OF_THE_PLUGIN
        ) from error
    return made


def _told(task: Task, error: BaseException) -> dict[str, str | None]:
    if isinstance(error, KlientelaError):
        return error.as_dict()
    return {
        "kind": "unexpected",
        "message": f"the run of {task.name} ended unexpectedly ({type(error).__name__})",
        "hint": "The next run goes on from the last stored page; --log-level debug shows where it happened",
    }


class _Progress:
    """Tells how far a run is, not too often."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._next = 0.0

    def __call__(self, report: Report) -> None:
        now = monotonic()
        if now >= self._next:
            self._next = now + _OFTEN
            self._line.say(progress=asdict(report))


# The house of a run ---------------------------------------------------------------------------------------------------


def _settle(prints: Connection, signs: Signs) -> None:
    """A session of its own, so that it can be ended with all its children and no terminal speaks to it."""
    with suppress(OSError):
        os.setsid()
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(prints.fileno(), number)
        made = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, made)  # the inherited one may believe that it writes to a file
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signs.set())  # systemd tells every process of a service


def _confine(task: Task) -> None:
    """Be the first to go when memory runs out, and take no more of it than allowed."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", "ascii")
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold tokens and people
    if task.memory_mb is not None:
        most = task.memory_mb * 2**20 + _SPARE
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _in_background(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()


def _listen(stop: Connection, signs: Signs) -> None:
    """A byte asks to stop. The end of the pipe is the end of the daemon: an orphan dies at once, as a thread would."""
    while os.read(stop.fileno(), 1):
        signs.set()
    os.kill(os.getpid(), signal.SIGKILL)


def _beat(task: Task, line: Line, signs: Signs, main: int) -> None:
    """Say again and again for how long the plugin has given no sign of life; our own work is no silence of its."""
    wait = threading.Event().wait
    while True:
        if not _within(main, task.packages):
            signs.busy()
        line.say(quiet=signs.quiet)
        wait(task.beat)


def _within(thread: int, packages: frozenset[str]) -> bool:
    """Whether a thread is inside code of the plugin, or of what that called."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages:
            return True
        frame = frame.f_back
    return False
