"""What webhooks brought goes the way of every page: translated, staged and derived, in the step that ticks it off.

A message is applied exactly once, wherever the process dies: its facts and its state are one transaction. It never
runs beside a sync of the same source: the step looks whether somebody holds the source's lease, and taking a lease is
a step too, so a sync finds all of it or nothing.

A message may bring down the process that reads it. So it is noted before that messages are begun; those that several
processes died of are tried one by one, and one that nobody survives goes to the quarantine, out of the others' way.

A request to erase is carried out when nothing else waits: an erasure empties every message that names the person, and
what such a message says of an order must be taken before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from operator import attrgetter

from klientela.errors import Interrupted, KlientelaError, RecordRejected, SourceBroken, SourceBusy, StoreError
from klientela.failpoints import failpoint
from klientela.flow import answers, erase
from klientela.flow.derive import Deriver
from klientela.flow.fetch import asking
from klientela.flow.stage import News, Stage, clear_quarantine, quarantine
from klientela.model.instants import Instant
from klientela.model.records import Record, Redact, Rejected
from klientela.notices import Notice
from klientela.source import Page, Source
from klientela.store import cleaning, facts, inbox, operation
from klientela.store.database import Db, Step, Store
from klientela.store.facts import Loaded, SourceRow

PREFIX = "webhook:"
"""Before a topic: the channel of what its messages say, and the name of its stream in the quarantine."""

_TOGETHER = 50  # messages of a step
_READING = 0  # messages without version replace each other in the order they came
_PATIENCE = 3  # messages in a row that a source cannot apply, before it is left alone for a while
_ALONE = 3  # deaths after which messages that were read together are tried one by one
_DEATHS = 5  # deaths after which a message is given up
_LOOKS = 20  # times that messages which came meanwhile go before a request to erase; not for ever, in a flood

DEADLY = f"the plugin did not survive it {_DEATHS} times"
"""Why such a message is in the quarantine."""

Guard = Callable[[Db], None]

_KINDS: tuple[Callable[[News], list[Loaded]], ...] = (
    attrgetter("persons"),
    attrgetter("orders"),
    attrgetter("checkouts"),
    attrgetter("things"),
)


@dataclass(slots=True)
class Applied:
    """What became of the messages that waited. `later`: when to come again for those that could not be applied yet."""

    done: int = 0
    held: int = 0
    failed: int = 0
    postponed: int = 0
    changed: int = 0  # records that are new or said something new
    suppressed: int = 0  # of erased people (R56)
    erased: int = 0  # records of people whom the shop was asked to erase (R57)
    later: Instant | None = None
    error: dict[str, str | None] | None = None  # why the latest was postponed
    remarks: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """What an operator should know of it."""
        told = []
        if self.held:
            told.append(
                f"{self.held} webhooks ask for data to be erased or shown; `klientela person requests` lists them."
            )
        if self.erased:
            told.append(f"{self.erased} records were erased, as the shop was asked to (R57).")
        if self.failed:
            told.append(f"{self.failed} webhooks could not be taken; `klientela quarantine` lists them.")
        if self.postponed:
            told.append(f"{self.postponed} webhooks wait for another attempt: {(self.error or {}).get('message')}.")
        return told


def apply(
    store: Store,
    source: Source,
    row: SourceRow,
    *,
    guard: Guard | None = None,
    stop: threading.Event | None = None,
) -> Applied:
    """Apply all messages of a source that wait. SourceBusy when a sync of it runs: the sync applies them itself.

    `guard` is called in each step and may refuse it; a run's own lease, for example.
    """
    return _Desk(store, source, row, guard or _alone(row, source.name), stop or source.stop).work()


def look_up(store: Store, source: SourceRow, entity: str, exts: Sequence[str]) -> Mapping[str, Record]:
    """What is stored of some objects of a source: external id -> record, without those no claim spoke of."""
    with store.reading() as db:
        register = facts.known(db, source.id, facts.NUMBER_OF[entity], exts)
        loaded = facts.load(db, [row.id for row in register.values()])
    return {one.ext: one.fact for one in loaded.values() if one.fact is not None}


def ranks_of(source: Source) -> dict[str, int]:
    """The ranks of the source's own streams, by name."""
    with asking(source, "its streams"):
        return {stream.name: stream.rank for stream in answers.streams(source)}


def stage_for(row: SourceRow, topic: str, ranks: Mapping[str, int]) -> Stage:
    """Staging for the messages of a topic: after the source's own streams on equal versions (R0b), and unable to bring
    back what is gone: a message may be older than the deletion."""
    return Stage(row, PREFIX + topic, facts.WEBHOOK_RANK, ranks=ranks, revives=False)


def _alone(row: SourceRow, name: str) -> Guard:
    def guard(db: Db) -> None:
        if operation.is_held(db, row.id):
            raise SourceBusy(f"a sync of {name} is in progress", hint="It applies the messages that wait by itself")

    return guard


@dataclass(slots=True)
class _Read:
    """A message, translated: what it says, or why it cannot be taken, ever (`refused`) or now (`error`)."""

    entry: inbox.Entry
    records: list[Record] = field(default_factory=list)
    asks: bool = False  # it asks for something that an operator must decide
    redacts: list[Redact] = field(default_factory=list)  # it asks to erase somebody, which is done at once (R57)
    refused: RecordRejected | None = None
    error: KlientelaError | None = None


class _Desk:
    """One round over what waits."""

    def __init__(self, store: Store, source: Source, row: SourceRow, guard: Guard, stop: threading.Event) -> None:
        self.store = store
        self.source = source
        self.row = row
        self.guard = guard
        self.stop = stop
        self.applied = Applied()
        self.pending: list[_Read] = []
        self.open: set[int] = set()  # begun, and not stored yet
        self.stages: dict[str, Stage] = {}
        self.deriver: Deriver | None = None
        self.strikes = 0
        self.ranks: Mapping[str, int] = {}
        self.last = 0  # the newest message that was looked at
        self.asked: list[inbox.Entry] = []  # requests to erase, for the end
        self.carrying = False  # they are what is read now
        self.looks = 0

    def work(self) -> Applied:
        self._look_again()
        with self.store.reading() as db:
            idle = not inbox.waiting(db, self.row.id, 0, 1)
        if idle:
            return self.applied
        self.ranks = ranks_of(self.source)  # asked here: a step must not wait for a plugin
        with self._recalling():
            while not self._enough():
                with self.store.reading() as db:
                    entries = inbox.waiting(db, self.row.id, self.last, _TOGETHER)
                    deaths = inbox.begun(db, self.row.id)
                self.carrying = not entries
                if entries:
                    self.last = entries[-1].id
                    self._batch(self._due(entries), deaths)
                elif self.asked:
                    asked, self.asked = self.asked, []
                    self._batch(asked, deaths)
                else:
                    break
        self._tidy()
        self.applied.remarks += answers.sentences(self.source.remarks)
        self.source.remarks = []
        if self.deriver is not None:
            self.applied.remarks += self.deriver.again()
        return self.applied

    def _look_again(self) -> None:
        """Requests to erase that were kept before there was any erasure: once, they are looked at anew."""
        with self.store.reading() as db:
            due = self.store.tombstones is not None and inbox.never_again(db, self.row.id)
        if due:
            with self.store.step("inbox") as step:
                self.guard(step.db)
                inbox.again(step.db, self.row.id)

    def _enough(self) -> bool:
        return self.stop.is_set() or self.strikes >= _PATIENCE

    def _due(self, entries: Sequence[inbox.Entry]) -> list[inbox.Entry]:
        now = operation.now()
        for entry in entries:
            if entry.again > now:
                self._come_again(entry.again)
        return [entry for entry in entries if entry.again <= now]

    def _batch(self, entries: Sequence[inbox.Entry], deaths: Mapping[int, int]) -> None:
        """Apply them in their order: together, or one by one where some have been in the way of several deaths."""
        if all(deaths.get(entry.id, 0) < _ALONE for entry in entries):
            self._together(entries)
            return
        for entry in entries:
            if self._enough():
                break
            if deaths.get(entry.id, 0) >= _DEATHS:
                self.pending = [_Read(entry, refused=RecordRejected(DEADLY))]
                self._flush()
            else:
                self._together([entry])

    def _together(self, entries: Sequence[inbox.Entry]) -> None:
        with self._begun(entries):
            for entry in entries:
                if self._enough():
                    break
                read = self._read(entry)  # may flush what is pending
                if read.redacts and not self.carrying:
                    self.asked.append(entry)
                else:
                    self.pending.append(read)
            self._flush()

    @contextmanager
    def _begun(self, entries: Sequence[inbox.Entry]) -> Iterator[None]:
        """Count in the store, before anything is read, that these are tried; what ends in order counts no more."""
        if not entries:
            yield
            return
        with self.store.step("inbox") as step:
            self.guard(step.db)
            inbox.begin(step.db, self.row.id, [entry.id for entry in entries])
        self.open = {entry.id for entry in entries}
        try:
            yield
        finally:
            if self.open:  # left as they are, and nobody died
                with suppress(StoreError), self.store.step("inbox") as step:
                    inbox.ended(step.db, self.row.id, self.open)
                self.open = set()

    @contextmanager
    def _recalling(self) -> Iterator[None]:
        """Let the plugin ask what is known; it is told everything that messages before its own have said."""

        def recall(entity: str, exts: Sequence[str]) -> Mapping[str, Record]:
            asked = set(exts)
            if any(getattr(one, "external_id", None) in asked for read in self.pending for one in read.records):
                self._flush()  # only then: storing each by itself would cost as much as all of them together
            return look_up(self.store, self.row, entity, exts)

        before, self.source.recall = self.source.recall, recall
        try:
            yield
        finally:
            self.source.recall = before

    def _read(self, entry: inbox.Entry) -> _Read:
        """Translate one message, without any lock: the plugin may ask its shop."""
        read = _Read(entry)
        try:
            with asking(self.source, f"reading a message about {entry.topic}"):
                made = list(self.source.apply(Notice(entry.key, entry.topic, entry.body)))
        except RecordRejected as error:
            read.refused = error
        except (Interrupted, SourceBusy):
            raise
        except KlientelaError as error:
            read.error = error
            self.strikes += 1
            return read
        else:
            asked = [one for one in made if isinstance(one, Redact)]
            read.redacts = [one for one in asked if self._at_once(one)]
            read.asks = len(read.redacts) < len(asked)
            read.records = [one for one in made if not isinstance(one, Redact)]
        self.strikes = 0
        return read

    def _at_once(self, asked: Redact) -> bool:
        """Whether a request is carried out as it comes: to erase one person. Everything of a shop, or a copy for somebody,
        is an operator's to give."""
        return asked.wants == "erasure" and asked.customer is not None and self.store.tombstones is not None

    # -- one step ----------------------------------------------------------------------

    def _flush(self) -> None:
        """Store what was translated so far. A message that the store cannot take must not hold up the others."""
        reads, self.pending = self.pending, []
        if not reads:
            return
        try:
            self._commit(reads)
        except KlientelaError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad message must not hold up all that come after it
            self.deriver, self.stages = None, {}
            if len(reads) > 1:
                for one in reads:
                    self.pending = [one]
                    self._flush()
                return
            broken = SourceBroken(
                f"a message of {self.source.name} about {reads[0].entry.topic} could not be stored "
                f"({type(error).__name__})",
                hint="This is a fault of klientela or of the plugin; it is tried again later",
            )
            self._commit([_Read(reads[0].entry, error=broken)])

    def _commit(self, reads: Sequence[_Read]) -> None:
        told = Applied()
        with self.store.step(f"webhooks {self.source.name}") as step:
            self.guard(step.db)
            standing = inbox.still_new(step.db, [one.entry.id for one in reads])
            standing -= self._too_early(step.db, [one for one in reads if one.redacts])
            self._write(step, [one for one in reads if one.entry.id in standing], told)
            inbox.ended(step.db, self.row.id, [one.entry.id for one in reads])
        self.open -= {one.entry.id for one in reads}
        if any(one.redacts for one in reads):
            cleaning.clean_up(self.store)
        for name in ("done", "held", "failed", "postponed", "changed", "suppressed", "erased"):
            setattr(self.applied, name, getattr(self.applied, name) + getattr(told, name))
        self.applied.error = told.error or self.applied.error
        if told.later is not None:
            self._come_again(told.later)

    def _too_early(self, db: Db, requests: Sequence[_Read]) -> set[int]:
        """Requests to erase that wait once more, for something came since it was looked; their ids."""
        if not requests or self.looks >= _LOOKS or not inbox.waiting(db, self.row.id, self.last, 1):
            return set()
        self.looks += 1
        self.asked += [one.entry for one in requests]
        return {one.entry.id for one in requests}

    def _write(self, step: Step, reads: Sequence[_Read], told: Applied) -> None:
        all_news: list[News] = []
        done: list[int] = []
        held: list[int] = []
        for one in reads:
            if one.error is not None:
                told.postponed += 1
                told.error = one.error.as_dict()
                told.later = inbox.postpone(step.db, one.entry, told.error, step.at)
                continue
            if one.refused is not None:
                self._refuse(step, one, one.refused)
                told.failed += 1
                continue
            news = self._stage(step, one)
            all_news.append(news)
            told.changed += news.new + news.changed
            told.suppressed += len(news.suppressed)
            if news.rejected:
                told.failed += 1
            else:
                (held if one.asks else done).append(one.entry.id)
        failpoint("step.staged")
        self._derive(step, all_news)
        asked = [redact for one in reads for redact in one.redacts]
        if asked:
            told.erased = erase.redact(step, self.row, asked)
        inbox.close(step.db, "done", done)
        if held:
            inbox.close(step.db, "held", held)
            inbox.looked(step.db, self.row.id)
        told.done, told.held = len(done), len(held)

    def _refuse(self, step: Step, read: _Read, error: RecordRejected) -> None:
        entry = read.entry
        rejected = Rejected(reason=error.message, key=entry.key, payload=entry.body)
        quarantine(step, self.row.id, PREFIX + entry.topic, [rejected])
        inbox.fail(step.db, entry.id, error.as_dict())

    def _stage(self, step: Step, read: _Read) -> News:
        """Keep what a message says; what of it cannot be taken goes to the quarantine."""
        stage = self._stage_of(read.entry.topic)
        raws = [read.entry.body.encode(), *[b""] * (len(read.records) - 1)]
        news = stage.page(step, Page(read.records, raws=raws), _READING)
        if news:
            clear_quarantine(step, self.row.id, stage.stream, [item.ext for item in news.all()], stage.refused)
        if news.rejected:
            error = RecordRejected("what it says could not be taken; the quarantine says why")
            inbox.fail(step.db, read.entry.id, error.as_dict())
        return news

    def _stage_of(self, topic: str) -> Stage:
        if topic not in self.stages:
            self.stages[topic] = stage_for(self.row, topic, self.ranks)
        return self.stages[topic]

    def _derive(self, step: Step, all_news: Sequence[News]) -> None:
        """Derive what all messages of the step said together: of each record its last state."""
        ruleset = self.store.ruleset(step.db)
        if self.deriver is None or self.deriver.ruleset is not ruleset:
            self.deriver = Deriver(step.db, ruleset)
        fresh: set[int] = set().union(*[news.fresh for news in all_news])
        persons, orders, checkouts, things = (
            list({item.id: item for news in all_news for item in kind(news)}.values()) for kind in _KINDS
        )
        if persons or orders or checkouts or things:
            self.deriver.page(step, persons, orders, checkouts, fresh, things)

    def _come_again(self, moment: Instant) -> None:
        later = self.applied.later
        self.applied.later = moment if later is None else min(later, moment)

    def _tidy(self) -> None:
        now = operation.now()
        with self.store.reading() as db:
            stale = inbox.stale(db, self.row.id, now)
        if stale:
            with self.store.step("inbox") as step:
                inbox.forget(step.db, self.row.id, now)
