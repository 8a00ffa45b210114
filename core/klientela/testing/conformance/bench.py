"""Where a check works: a subject, real stores, the real sync, and what ought to be known after it."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from msgspec import UNSET

from klientela.errors import Interrupted
from klientela.flow.sync import Report, sync
from klientela.http import budget
from klientela.model.instants import HOUR, Instant, instant
from klientela.source import Source, Stream
from klientela.store import Store, facts, open_store
from klientela.store import tables as t
from klientela.testing.conformance.subject import FIELDS, Failure, Subject

Fields = dict[str, str | None]

START = instant("2026-03-01T08:00:00Z")
"""When the first record of a check was changed."""

OPERATION = frozenset({"run", "slot", "lease", "cursor"})
"""Tables in which a run may leave traces although there was nothing to do."""

_MEMORY = "/dev/shm"  # noqa: S108 - a store of a check need not outlive a power cut, and syncing disks takes most of the time
_LIMIT = 60.0  # seconds a run may take
_PROMPT = 5.0  # seconds a run may take to end after it was asked to stop
_GRACE = 10.0  # seconds until a run that failed its check is left alone
_ASKED = 500  # requests a run may make; an honest one makes a few dozen
_PEOPLE = ("Anna", "Bruno", "Clara", "David", "Elif", "Fritz", "Greta", "Hanna", "Ivo", "Jana", "Kurt", "Lena")


def demand(holds: bool, sentence: str) -> None:
    """Failure with the sentence unless it holds."""
    if not holds:
        raise Failure(sentence)


class _Ours(BaseException):
    """An error of the check itself, on its way through the run, which takes errors for those of the plugin."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Bench:
    """One check at work. `truth` is what the shop holds: external id -> fields; `times`: when each was changed."""

    def __init__(self, subject: Subject, new_store: Callable[[], Store] | None = None) -> None:
        self.subject = subject
        self.truth: dict[str, Fields] = {}
        self.times: dict[str, Instant] = {}
        self.ids: dict[str, str] = {}
        self.patience = Patience()
        self._ever: dict[tuple[str, str], set[str | None]] = {}  # what was true of a field at some time
        self._stack = ExitStack()
        self._new_store = new_store or self._temporary
        self._folder: Path | None = None
        self._stores = 0
        self._store: Store | None = None

    def __enter__(self) -> Self:
        self._stack.enter_context(_turned(self.patience))
        self._stack.callback(self.subject.close)
        return self

    def __exit__(self, *_: object) -> None:
        self.patience.release.set()
        self._stack.close()

    # -- stores and sources ----------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The store of the check."""
        if self._store is None:
            self._store = self.new_store()
        return self._store

    def new_store(self) -> Store:
        """Another, empty store."""
        return self._stack.enter_context(self._new_store())

    def _temporary(self) -> Store:
        if self._folder is None:
            made = tempfile.TemporaryDirectory(
                prefix="klientela-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None
            )
            self._folder = Path(self._stack.enter_context(made))
        self._stores += 1
        return open_store(f"sqlite:///{self._folder / f'{self._stores}.db'}")

    def source(self) -> Source:
        """A new source, as after a restart."""
        made = self.subject.source(threading.Event())
        self._stack.callback(made.close)
        return made

    def writer(self) -> Source:
        """The same, allowed to write orders."""
        made = self.subject.writer(threading.Event())
        self._stack.callback(made.close)
        return made

    # -- the shop --------------------------------------------------------------------------

    def put(self, key: str, when: Instant, **fields: str | None) -> None:
        """Make or change a person in the shop."""
        ext = self.ids[key] = self.subject.put(key, when, **fields)
        self.truth.setdefault(ext, {}).update(fields)
        self.times[ext] = when
        for name, value in fields.items():
            self._ever.setdefault((ext, name), set()).add(value)

    def person(self, key: str, when: Instant) -> None:
        """A new person with all fields; nobody shares anything with anybody."""
        number = len(self.truth)
        first = _PEOPLE[number % len(_PEOPLE)]
        last = f"{_PEOPLE[number // len(_PEOPLE) % len(_PEOPLE)]}sen"
        mail, phone = f"{first}.{last}.{number}@example.com".lower(), f"+49301234{number:04}"
        self.put(key, when, first_name=first, last_name=last, email=mail, phone=phone)

    def people(self, count: int, *, apart: Instant = HOUR, start: Instant = START, name: str = "p") -> Instant:
        """Persons p0, p1 …, each changed so long after the one before; when the last was changed."""
        for number in range(count):
            self.person(f"{name}{number}", start + number * apart)
        return start + (count - 1) * apart

    def delete(self, key: str) -> str:
        """Delete a person; its external id. What was true of it stays in `truth`."""
        self.subject.delete(key)
        return self.ids[key]

    # -- running ---------------------------------------------------------------------------

    def sync(
        self,
        source: Source | None = None,
        *,
        store: Store | None = None,
        full: bool = False,
        between: Callable[[int], None] | None = None,
        stop_when: Callable[[], bool] | None = None,
    ) -> Report:
        """One run; Failure when it does not come to an end.

        `between` is called after each page, with how many came so far, before the next is asked for. `stop_when` is
        asked all the time; once it is true the run is asked to stop, and must end promptly.
        """
        source = source or self.source()
        where = store or self.store
        outcome: list[Report | BaseException] = []

        def work() -> None:
            try:
                with _interleaved(between):
                    told = self.subject.push(where)
                    outcome.append(told or sync(where, source, full=full, stop=source.stop))
            except BaseException as error:  # noqa: BLE001 - handed on to the check, whatever it is
                outcome.append(error)

        thread = threading.Thread(target=work, name="conformance", daemon=True)
        thread.start()
        self._watch(thread, source, stop_when)
        made = outcome[0]
        if isinstance(made, _Ours):
            raise made.error
        if isinstance(made, BaseException):
            raise made
        return made

    def _watch(self, thread: threading.Thread, source: Source, stop_when: Callable[[], bool] | None) -> None:
        asked, until, end = self.subject.requests, time.monotonic() + _LIMIT, "does not come to an end by itself"
        while thread.is_alive():
            thread.join(0.02)
            if stop_when is not None and not source.stop.is_set() and stop_when():
                source.stop.set()
                until, end = time.monotonic() + _PROMPT, f"goes on {_PROMPT:.0f} seconds after it was asked to stop"
            if thread.is_alive() and (self.subject.requests - asked > _ASKED or time.monotonic() > until):
                source.stop.set()
                self.patience.release.set()
                self.subject.calm()
                thread.join(_GRACE)
                raise Failure(f"the run {end}")

    def good(self, report: Report, what: str) -> None:
        """The run must have ended well."""
        demand(report.status == "ok", f"{what} ended {report.status}: {report.error}")

    def refused(self, report: Report, what: str, *kinds: str) -> None:
        """The run must have ended otherwise, with a sentence that says what happened and one that says what to do."""
        demand(report.status in ("failed", "partial"), f"{what} ended {report.status}, as if nothing had been wrong")
        error: Mapping[str, Any] = report.error or {}
        nothing_to_do = error.get("kind") == Interrupted.kind and error.get("hint") is None
        self.sentence(what, error.get("message"), "nothing to do" if nothing_to_do else error.get("hint"))
        demand(not kinds or error.get("kind") in kinds, f"{what} ended as {error.get('kind')!r}: {error}")

    def sentence(self, what: str, message: Any, hint: Any) -> None:
        """Both must be a line for people; a run that was merely stopped needs no hint."""
        demand(_is_line(message), f"{what} says no sentence: {message!r}")
        demand(_is_line(hint), f"{what} does not say what to do (hint) beside {message!r}: {hint!r}")

    # -- what the store knows --------------------------------------------------------------

    def known(self, store: Store | None = None) -> dict[str, Fields]:
        """The persons in a store: external id -> the fields that some payload carried."""
        return {ext: fields for ext, (fields, _, _) in self._persons(store or self.store).items()}

    def gone(self) -> set[str]:
        """The external ids of persons flagged as gone."""
        return {ext for ext, (_, gone, _) in self._persons(self.store).items() if gone}

    def versions(self) -> dict[str, Instant | None]:
        """The stored time of change of each person."""
        return {ext: version for ext, (_, _, version) in self._persons(self.store).items()}

    def _persons(self, store: Store) -> dict[str, tuple[Fields, bool, Instant | None]]:
        with store.reading() as db:
            numbers = [number for (number,) in db.rows("SELECT id FROM record WHERE channel IS NOT NULL")]
            found = [one for one in facts.load(db, numbers).values() if one.entity in facts.PERSONS and one.fact]
        return {one.ext: (_fields(one.fact), bool(one.gone), one.version) for one in found}

    def true(
        self, what: str, *, store: Store | None = None, but: frozenset[str] = frozenset(), absent: str = ""
    ) -> None:
        """The store must know exactly what is true, without some records; `absent`: a field that may say nothing."""
        truth = {ext: fields for ext, fields in self.truth.items() if ext not in but}
        self._compare(what, self.known(store), truth, but, absent)

    def nothing_false(self, what: str) -> None:
        """What the store knows is or was true, though it need not be all."""
        for ext, fields in self.known().items():
            for name, value in fields.items():
                true = self._ever.get((ext, name), {None})
                demand(value in true, f"{what}, {ext} says {name} = {value!r}, which it never was")
        demand(not self.gone(), f"{what}, {len(self.gone())} records are flagged as gone at the source")

    def _compare(
        self, what: str, known: Mapping[str, Fields], truth: Mapping[str, Fields], but: frozenset[str], absent: str
    ) -> None:
        wrong = [f"{ext} is missing" for ext in truth if ext not in known]
        wrong += [f"{ext} should not be there" for ext in known if ext not in truth and ext not in but]
        for ext in truth.keys() & known.keys():
            wrong += [
                f"{ext} says {name} = {known[ext].get(name)!r} instead of {value!r}"
                for name, value in truth[ext].items()
                if known[ext].get(name) != value and not (name == absent and name not in known[ext])
            ]
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        demand(not wrong, f"{what}, of {len(truth)} records {'; '.join(sorted(wrong)[:5])}{more}")

    def tables(self, but: frozenset[str] = OPERATION) -> dict[str, list[str]]:
        """The rows of every table, to be compared later."""
        with self.store.reading() as db:
            return {
                name: sorted(repr([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in rows)
                for name in t.METADATA.tables
                if name not in but
                for rows in [db.rows(f"SELECT * FROM {name}")]
            }

    def unchanged(self, what: str, before: Mapping[str, list[str]]) -> None:
        """No table but those of operation may have changed since."""
        after = self.tables()
        changed = sorted(name for name in before if before[name] != after[name])
        demand(not changed, f"{what} the tables {', '.join(changed)} changed although nothing did at the source")

    def stream(self, source: Source) -> Stream:
        """The stream that brings persons."""
        for stream in source.streams():
            if facts.NUMBER_OF[stream.entity] in facts.PERSONS:
                return stream
        raise Failure("none of the streams is about persons: say so in its entity")

    def high(self, stream: Stream) -> Instant | None:
        """The newest version a stream's finished windows saw."""
        with self.store.reading() as db:
            row = db.one("SELECT high FROM cursor WHERE stream = ?", (stream.name,))
        return row[0] if row else None


def _fields(fact: Any) -> Fields:
    return {name: getattr(fact, name) or None for name in FIELDS if getattr(fact, name) is not UNSET}


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and "\n" not in text and len(text.split()) > 2 and "Traceback" not in text


@contextmanager
def _interleaved(between: Callable[[int], None] | None) -> Iterator[None]:
    """Call `between` after each page, when the next one is asked for: beside the plugin's code, not inside of it.

    What is raised inside a plugin is taken for its fault; a crash, which is what `between` may play, is nobody's.
    """
    if between is None:
        yield
        return
    flow: Any = sys.modules[sync.__module__]
    plain, came = flow.fetch, 0

    def tell(*asked: Any) -> Iterator[Any]:
        nonlocal came
        for page in plain(*asked):
            yield page
            came += 1
            try:
                between(came)
            except Exception as error:
                raise _Ours(error) from error

    flow.fetch = tell
    try:
        yield
    finally:
        flow.fetch = plain


class Patience(budget.Patience):
    """The clock of all patient clients during a check: waits take no time, unless `hold` is set.

    With `hold` a wait is real, and ends when its own stop event says so, or when the check gives up (`release`).
    """

    def __init__(self) -> None:
        self.hold = False
        self.release = threading.Event()
        self._skipped = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return super().now() + self._skipped

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        if self.hold and not self.release.is_set():
            until = time.monotonic() + seconds
            while time.monotonic() < until and not self.release.is_set():
                if stop.wait(0.02):
                    return True
        with self._lock:
            self._skipped += seconds
        return stop.is_set()


@contextmanager
def _turned(patience: Patience) -> Iterator[None]:
    before = budget.patience
    budget.forget()
    budget.patience = patience
    try:
        yield
    finally:
        budget.patience = before
        budget.forget()
