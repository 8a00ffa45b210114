"""One run of one source: the journey from its pages to the list.

for page in fetch(stream):        ask what changed, patiently; hold no lock meanwhile
    news = stage(page)            keep what came; only news passes
    decisions = resolve(news)     whose record is it
    project(decisions)            carry it out on the list and its figures
    audit(decisions)              write down what was decided and why
... and the cursor, all in one transaction per step of one or several pages.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from klientela.errors import KlientelaError, SourceBusy, SourceChanged
from klientela.failpoints import failpoint
from klientela.flow import answers, inbox, work
from klientela.flow.derive import Derived, Deriver
from klientela.flow.fetch import asking, fetch
from klientela.flow.loading import Loading
from klientela.flow.stage import Stage, clear_quarantine, clear_quarantine_but, mark_gone
from klientela.model.instants import DAY, Instant, iso
from klientela.source import Page, Source, Stream, Window
from klientela.store import facts, operation
from klientela.store.database import Db, Step, Store
from klientela.store.facts import SourceRow
from klientela.store.housekeeping import settle

FAST, SLOW, MOST = 0.400, 1.000, 48  # seconds and pages: how a step grows and shrinks (decision 6)
SWEEP_EVERY = 7 * DAY
RECHECK_EVERY = 3600.0

Progress = Callable[["Report"], None]


@dataclass(slots=True)
class Report:
    """How a run went; one entry of the Sync JSON of the contract."""

    source: str
    status: str = "ok"
    started: Instant = 0
    finished: Instant | None = None
    stream: str = ""
    cursors: dict[str, str | None] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    remarks: list[str] = field(default_factory=list)
    pages: int = 0
    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    suppressed: int = 0
    merged: int = 0
    split: int = 0
    members_read: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape; `remarks` are sentences for the operator, such as who is inactive and ordered again (R42)."""
        finished = self.finished if self.finished is not None else self.started
        return {
            "source": self.source,
            "status": self.status,
            "started": iso(self.started),
            "finished": iso(finished),
            "duration_s": round((finished - self.started) / 1e6, 3),
            **{name: getattr(self, name) for name in operation.COUNTS},
            "cursor": self.cursors or None,
            "error": self.error,
            "remarks": list(self.remarks),
        }


def sync(
    store: Store,
    source: Source,
    *,
    full: bool = False,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    type_: str | None = None,
) -> Report:
    """Run a source once, now. Never raises for what the source does: the report says how it went.

    `full` reads everything again and sweeps for deletions. Interrupted ends the run as partial or failed.
    """
    report = Report(source.name, started=operation.now())
    with store.step("source") as step:
        row = facts.ensure_source(step, source.name, type_ or source.type)
    try:
        with operation.lease(store, row.id, source.name) as lease:
            run = _Run(store, source, row, report, full, stop or source.stop, progress, lease)
            run.go()
    except SourceBusy as error:
        report.status, report.error = "skipped", error.as_dict()
        report.finished = operation.now()
    return report


def another_shop(name: str, standing: str | None, found: str | None) -> SourceChanged | None:
    """Why a source is not read: the shop that answers is not the one this source always had (R60)."""
    if found is None or standing is None or found == standing:
        return None
    return SourceChanged(
        f"another shop answers under the name {name}: it was {standing}, now {found}",
        hint="Give the other shop a source name of its own; nothing was written",
    )


@dataclass(slots=True)
class _Cursor:
    since: Instant | None = None
    until: Instant | None = None
    open: int = 0
    position: str | None = None
    high: Instant | None = None
    seen: Instant | None = None
    fingerprint: str | None = None
    reading: int = 0


_COLUMNS = ("since", "until", "open", "position", "high", "seen", "fingerprint", "reading")


class _Run:
    def __init__(
        self,
        store: Store,
        source: Source,
        row: SourceRow,
        report: Report,
        full: bool,
        stop: threading.Event,
        progress: Progress | None,
        lease: operation.Lease,
    ) -> None:
        self.store = store
        self.source = source
        self.row = row
        self.report = report
        self.full = full
        self.stop = stop
        self.progress = progress
        self.lease = lease
        self.number = 0
        self.deriver: Deriver | None = None
        self.size = 1  # pages of a step
        self.loading = Loading(store, row.id)
        self.ranks: dict[str, int] = {}  # of the streams, by name

    # -- the run -------------------------------------------------------------------

    def go(self) -> None:
        report = self.report
        with self.store.step("run") as step:
            self.number = step.new_ids("run", 1)[0]
            step.db.run(
                "INSERT INTO run (id, source, status, started, pages, read, new, changed, unchanged, rejected, "
                "suppressed, merged, split) VALUES (?, ?, 'running', ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                (self.number, self.row.id, report.started),
            )
        failpoint("run.started")
        try:
            self._check()
            self._prepare()
            self.source.recall = self._recall
            with asking(self.source, "its streams"):
                streams = answers.streams(self.source)
            self.ranks = {stream.name: stream.rank for stream in streams}
            for stream in streams:
                self._messages()
                self._stream(stream)
            self._messages()
            self._not_suddenly_empty()
            work.drain(self.store, stop=self.stop)
            self.loading.end()
            settle(self.store, report.new + report.changed)
        except KlientelaError as error:
            report.status = "partial" if report.pages else "failed"
            report.error = error.as_dict()
            if isinstance(error, SourceBusy):
                raise
        except BaseException as error:  # a fault of ours: it is told by whoever called, but the run was no good one
            report.status = "failed"
            report.error = {"kind": "unexpected", "message": f"something unexpected happened ({type(error).__name__})",
                            "hint": "The next run goes on from the last stored page"}  # fmt: skip
            raise
        finally:
            self._finish()
        failpoint("run.finished")

    def _finish(self) -> None:
        report = self.report
        report.finished = operation.now()
        if self.deriver is not None:
            report.remarks += self.deriver.remarks()
        if report.status == "ok" and self.stop.is_set() and report.error is None:
            report.status = "partial"
        with self.store.step("run") as step:
            self._write_run(step, report.status, report.finished)
        if self.progress:
            self.progress(report)

    def _write_run(self, step: Step, status: str, finished: Instant | None) -> None:
        report = self.report
        counts = [getattr(report, name) for name in operation.COUNTS]
        sets = ", ".join(f"{name} = ?" for name in operation.COUNTS)
        step.db.run(
            f"UPDATE run SET status = ?, finished = ?, cursor = ?, error = ?, {sets} WHERE id = ?",
            (
                status,
                finished,
                json.dumps(report.cursors) if report.cursors else None,
                json.dumps(report.error) if report.error else None,
                *counts,
                self.number,
            ),
        )

    def _check(self) -> None:
        """The shop's own identity must be the one this source always had (R60)."""
        last = getattr(self.source, "_checked_at", None)
        if last is not None and time.monotonic() - last < RECHECK_EVERY:
            return
        with asking(self.source, "its check"):
            found = answers.checked(self.source.check())
        self.report.remarks += answers.sentences(found.notes)
        with self.store.reading() as db:
            row = db.one("SELECT identity FROM source WHERE id = ?", (self.row.id,))
        standing = row[0] if row else None
        refused = another_shop(self.source.name, standing, found.identity)
        if refused is not None:
            raise refused
        if found.identity is not None and standing is None:
            with self.store.step("identity") as step:
                step.db.run("UPDATE source SET identity = ? WHERE id = ?", (found.identity, self.row.id))
        self.source._checked_at = time.monotonic()  # type: ignore[attr-defined]

    def _recall(self, entity: str, exts: Sequence[str]) -> Mapping[str, Any]:
        """What is stored of some objects of this source: external id -> record, without those no claim spoke of."""
        return inbox.look_up(self.store, self.row, entity, exts)

    def _messages(self) -> None:
        """Apply the webhooks that wait, between two streams: never beside one, whose list is older than they are."""
        if self.source.webhooks:
            told = inbox.apply(self.store, self.source, self.row, guard=self.lease.check, stop=self.stop)
            self.report.remarks += [*told.remarks, *told.sentences()]
            self.report.suppressed += told.suppressed

    def _prepare(self) -> None:
        with self.store.reading() as db:
            rules = self.store.ruleset(db)
        self.loading.begin(orders=rules.of(self.row.uid).guests != "merge")
        work.drain(self.store, stop=self.stop)

    # -- one stream --------------------------------------------------------------------

    def _stream(self, stream: Stream) -> None:
        self.report.stream = stream.name
        cursor = self._load(stream)
        with asking(self.source, f"the fingerprint of {stream.name}"):
            mark = answers.of(str, stream.fingerprint()) if stream.fingerprint is not None else None
        if mark is not None and not self.full and not cursor.open and mark == cursor.fingerprint:
            self._note(stream, cursor)
            return
        position = self._open(stream, cursor, mark)
        stage = Stage(self.row, stream.name, stream.rank, ranks=self.ranks)
        seen: set[int] | None = set() if stream.complete and (stream.snapshot or self.full) else None
        buffer: list[Page] = []
        came = 0
        for page in fetch(self.source, stream, Window(cursor.since, cursor.until), position, self.stop):
            if isinstance(page, KlientelaError):
                if buffer:  # these pages arrived whole: they are kept, the run ends all the same
                    self._commit(stage, stream, cursor, buffer)
                raise page
            buffer.append(page)
            came += len(page.records)
            if seen is not None:
                seen.update(hash(r.external_id) for r in page.records if hasattr(r, "external_id"))
            waiting = not page.records and page.position is not None  # a place to remember before the source waits
            if len(buffer) >= self.size or waiting:
                self._commit(stage, stream, cursor, buffer)
                self.loading.watch(self.report.new)
                buffer = []
        gone = self._absent(stream, seen) if seen is not None else []
        if stream.snapshot and not came and position is None:
            known = self._known(stream)
            self._believable(stream.name, known, known)
        self._close(stage, stream, cursor, buffer, mark, gone, whole=stream.snapshot and position is None)
        self.report.remarks += answers.sentences(self.source.remarks)
        self.source.remarks = []
        self._sweep(stream)
        failpoint("stream.finished")

    def _load(self, stream: Stream) -> _Cursor:
        with self.store.reading() as db:
            row = db.one(
                f"SELECT {', '.join(_COLUMNS)} FROM cursor WHERE source = ? AND stream = ?", (self.row.id, stream.name)
            )
        return _Cursor(*row) if row else _Cursor()

    def _open(self, stream: Stream, cursor: _Cursor, mark: str | None) -> Any:
        """Go on in the frozen window of a run that was cut short, or freeze a new one."""
        resumable = cursor.open and not self.full and mark == cursor.fingerprint and not stream.complete
        if resumable:
            return json.loads(cursor.position) if cursor.position else None
        everything = self.full or stream.snapshot or cursor.high is None
        cursor.since = None if everything or cursor.high is None else cursor.high - stream.overlap
        with asking(self.source, "telling its time"):
            cursor.until = answers.of(int, self.source.now()) if not stream.snapshot else None
        cursor.open, cursor.position, cursor.seen, cursor.fingerprint = 1, None, None, mark
        if stream.snapshot or not cursor.reading:
            cursor.reading += 1
        return None

    def _commit(self, stage: Stage, stream: Stream, cursor: _Cursor, buffer: list[Page]) -> None:
        """Store some pages with everything that follows from them and the cursor; learn how large a step may be."""
        began = time.perf_counter()
        with self.store.step(f"sync {self.source.name} {stream.name}", run=self.number) as step:
            self.lease.check(step.db)
            self._pages(step, stage, stream, cursor, buffer)
            self._save(step, stream, cursor)
            self._write_run(step, "running", None)
        took = time.perf_counter() - began
        if self.progress:
            self.progress(self.report)
        if took > SLOW:
            self.size = max(1, self.size // 2)
        elif took < FAST:
            self.size = min(MOST, self.size * 2)

    def _pages(self, step: Step, stage: Stage, stream: Stream, cursor: _Cursor, buffer: list[Page]) -> None:
        deriver = self._deriver(step)
        buffer.reverse()
        while buffer:  # each is let go of when it is staged
            self._page(step, stage, stream, cursor, buffer.pop(), deriver)
        self._count(deriver.finish(step))

    def _page(self, step: Step, stage: Stage, stream: Stream, cursor: _Cursor, page: Page, deriver: Deriver) -> None:
        if not stream.snapshot:
            cursor.reading += 1
        news = stage.page(step, page, cursor.reading)
        failpoint("step.staged")
        self._count(deriver.page(step, news.persons, news.orders, news.checkouts, news.fresh, news.things, wait=True))
        if news.newest is not None:
            cursor.seen = news.newest if cursor.seen is None else max(cursor.seen, news.newest)
        cursor.position = json.dumps(page.position) if page.position is not None else None
        report = self.report
        report.pages += 1
        for name in ("read", "new", "changed", "unchanged", "rejected"):
            setattr(report, name, getattr(report, name) + getattr(news, name))
        report.suppressed += len(news.suppressed)
        if news:
            arrived = [item.ext for item in news.all()]
            clear_quarantine(step, self.row.id, stream.name, arrived, stage.refused)

    def _count(self, derived: Derived) -> None:
        self.report.merged += derived.merged
        self.report.split += derived.split
        self.report.members_read += derived.members_read

    def _deriver(self, step: Step) -> Deriver:
        ruleset = self.store.ruleset(step.db)
        if self.deriver is None or self.deriver.ruleset is not ruleset:
            self.deriver = Deriver(step.db, ruleset)
        return self.deriver

    def _save(self, step: Step, stream: Stream, cursor: _Cursor) -> None:
        values = tuple(getattr(cursor, name) for name in _COLUMNS)
        names = ", ".join(("source", "stream", *_COLUMNS))
        sets = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)
        step.db.run(
            f"INSERT INTO cursor ({names}) VALUES ({', '.join('?' * (len(_COLUMNS) + 2))}) "
            f"ON CONFLICT (source, stream) DO UPDATE SET {sets}",
            (self.row.id, stream.name, *values),
        )

    def _close(
        self,
        stage: Stage,
        stream: Stream,
        cursor: _Cursor,
        buffer: list[Page],
        mark: str | None,
        gone: list[int],
        *,
        whole: bool,
    ) -> None:
        """Store what is left and close the window: the next one begins where the newest version stood."""
        with self.store.step(f"sync {self.source.name} {stream.name}", run=self.number) as step:
            self.lease.check(step.db)
            self._pages(step, stage, stream, cursor, buffer)
            if whole:
                clear_quarantine_but(step, self.row.id, stream.name, stage.refused)
            if gone:
                mark_gone(step, gone)
                self.report.changed += len(gone)
            if cursor.seen is not None:
                top = cursor.seen if cursor.until is None else min(cursor.seen, cursor.until)
                cursor.high = top if cursor.high is None else max(cursor.high, top)
            cursor.open, cursor.position, cursor.seen, cursor.fingerprint = 0, None, None, mark
            self._save(step, stream, cursor)
            self._note(stream, cursor)
            self._write_run(step, "running", None)

    def _note(self, stream: Stream, cursor: _Cursor) -> None:
        self.report.cursors[stream.name] = iso(cursor.high) if cursor.high is not None else None

    # -- what is gone at the source -------------------------------------------------------

    def _absent(self, stream: Stream, seen: set[int]) -> list[int]:
        """Records of a complete list that did not come (R50c); SourceChanged when that is most of them (R61)."""
        entity = facts.NUMBER_OF[stream.entity]
        with self.store.reading() as db:
            known = 0
            gone = []
            for number, ext in db.stream(
                "SELECT id, ext FROM record WHERE source = ? AND entity = ? AND gone = 0 AND channel IS NOT NULL",
                (self.row.id, entity),
            ):
                known += 1
                if hash(ext) not in seen:
                    gone.append(number)
        self._believable(stream.name, known, len(gone))
        return gone

    def _not_suddenly_empty(self) -> None:
        """A full reading that brings nothing at all where there was something is no news of a shop (R61). What others push
        has no lists to read."""
        if self.full and self.ranks and not self.report.read:
            known = self._known()
            self._believable("all its lists", known, known)

    def _known(self, stream: Stream | None = None) -> int:
        """How many records of this source are there, by their own account or by one stream's."""
        with self.store.reading() as db:
            row = db.one(
                "SELECT count(*) FROM record r JOIN channel h ON h.id = r.channel "
                f"WHERE r.source = ? AND r.gone = 0{'' if stream is None else ' AND h.name = ?'}",
                (self.row.id,) if stream is None else (self.row.id, stream.name),
            )
        return int(row[0]) if row else 0

    def _believable(self, where: str, known: int, missing: int) -> None:
        if known and (missing == known or (missing * 2 > known and known >= 10)):
            raise SourceChanged(
                f"{self.source.name} suddenly lacks {missing} of {known} records in {where}; nothing was marked gone",
                hint="Look whether it is the right shop or file; `klientela sync --full` tries again",
            )

    def _sweep(self, stream: Stream) -> None:
        """List all ids and flag what is no longer there (R57): on a full run, and once a week."""
        if stream.sweep is None:
            return
        name = f"sweep {self.row.id} {stream.name}"
        with self.store.reading() as db:
            row = db.one("SELECT value FROM meta WHERE name = ?", (name,))
        now = operation.now()
        due = self.full or (row is not None and now - int(row[0]) > SWEEP_EVERY)
        if due:
            seen: set[int] = set()
            with asking(self.source, f"the sweep of {stream.name}"):
                for exts in stream.sweep():
                    seen.update(map(hash, exts))
            gone = self._absent(stream, seen)
            self._ask_after(stream, gone)
            for start in range(0, len(gone), 500):
                with self.store.step(f"sweep {self.source.name} {stream.name}", run=self.number) as step:
                    mark_gone(step, gone[start : start + 500])
            self.report.changed += len(gone)
        if due or row is None:
            with self.store.step("sweep") as step:
                step.db.run(
                    "INSERT INTO meta (name, value) VALUES (?, ?) "
                    "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, str(now)),
                )

    def _ask_after(self, stream: Stream, gone: Sequence[int]) -> None:
        """Let a source say what became of the records that its sweep did not find, before they are flagged."""
        if stream.missing is None:
            return
        cursor, stage = self._load(stream), Stage(self.row, stream.name, stream.rank, ranks=self.ranks)
        for start in range(0, len(gone), 100):
            with self.store.reading() as db:
                few = db.pack(gone[start : start + 100])
                exts = [ext for (ext,) in db.rows(f"SELECT ext FROM record WHERE id {db.among} ORDER BY id", (few,))]
            with asking(self.source, f"what became of missing {stream.name}"):
                found = list(stream.missing(exts))
            if found:
                self._commit(stage, stream, cursor, [Page(found)])


__all__ = ["Db", "Iterator", "Report", "another_shop", "sync"]
