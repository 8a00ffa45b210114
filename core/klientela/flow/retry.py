"""Take records out of the quarantine: what their plugin can translate again goes the way of every record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from klientela.errors import KlientelaError, RecordRejected
from klientela.flow import inbox
from klientela.flow.derive import Deriver
from klientela.flow.fetch import asking
from klientela.flow.stage import Stage
from klientela.model.records import Record, Redact, Rejected
from klientela.notices import Notice
from klientela.source import Page, Source
from klientela.store import facts
from klientela.store.database import Db, Step, Store
from klientela.store.facts import SourceRow

_CANNOT = "it cannot be read again from what was kept; the next full sync brings it"
_BATCH = 100


class _Entry(NamedTuple):
    """One line of the quarantine."""

    id: int
    source: int
    stream: str
    key: str | None
    payload: str
    reason: str


def retry(store: Store, sources: Mapping[str, Source], *, actor: str = "operator") -> dict[str, Any]:
    """Try every entry once more; `sources` are the configured ones, by name.

    `{"seq", "taken", "left", "entries": [{"source", "stream", "key", "taken", "reason"}]}`. What is taken leaves the
    quarantine; what is not stays with one attempt more, and `reason` says why.
    """
    told: list[dict[str, Any]] = []
    seq: int | None = None
    for deadly in (False, True):
        last = 0
        while True:
            with store.step("quarantine retry", actor=actor) as step:
                entries = _entries(step.db, last, deadly)
                if not entries:
                    break
                last = entries[-1].id
                told += _Desk(step, sources).work(entries)
                seq = step.seq if step.changed else seq
    taken = sum(one["taken"] for one in told)
    return {"seq": seq, "taken": taken, "left": len(told) - taken, "entries": told}


def _entries(db: Db, after: int, deadly: bool) -> list[_Entry]:
    """The next of a step. What once ended its process comes last and alone, so that what was taken before stays."""
    return [
        _Entry(*row)
        for row in db.rows(
            f"SELECT id, source, stream, key, payload, reason FROM quarantine WHERE id > ? AND reason "
            f"{'=' if deadly else '<>'} ? ORDER BY id LIMIT ?",
            (after, inbox.DEADLY, 1 if deadly else _BATCH),
        )
    ]


class _Desk:
    """A batch of entries in one step."""

    def __init__(self, step: Step, sources: Mapping[str, Source]) -> None:
        self.step = step
        self.db: Db = step.db
        self.sources = sources
        self.rows: dict[int, SourceRow] = facts.sources(step.db)
        self.deriver = Deriver(step.db, step.store.ruleset(step.db))

    def work(self, entries: list[_Entry]) -> list[dict[str, Any]]:
        """What became of each."""
        return [self._told(entry, self._try(entry)) for entry in entries]

    def _told(self, entry: _Entry, reason: str | None) -> dict[str, Any]:
        if reason is None:
            self.db.run("DELETE FROM quarantine WHERE id = ?", (entry.id,))
        else:
            self.db.run(
                "UPDATE quarantine SET attempts = attempts + 1, last_at = ? WHERE id = ?", (self.step.at, entry.id)
            )
        label = self.rows[entry.source].label
        return {"source": label, "stream": entry.stream, "key": entry.key, "taken": reason is None, "reason": reason}

    def _try(self, entry: _Entry) -> str | None:
        """None when it was taken, else why not."""
        row = self.rows[entry.source]
        source = self.sources.get(row.label)
        if source is None:
            return f"the source {row.label} is not in the configuration any more"
        try:
            records = self._translate(source, entry)
        except RecordRejected as error:
            return error.message
        except KlientelaError as error:
            return error.message
        if records is None:
            return _CANNOT
        refused = next((record.reason for record in records if isinstance(record, Rejected)), None)
        return refused if refused is not None or not records else self._take(source, row, entry, records)

    def _translate(self, source: Source, entry: _Entry) -> list[Record] | None:
        topic = _topic(entry)
        with asking(source, f"reading an item of {entry.stream} again"):
            if topic is not None:
                notice = Notice(entry.key or "", topic, entry.payload)
                return [one for one in source.apply(notice) if not isinstance(one, Redact)] if source.webhooks else None
            made = source.retranslate(entry.stream, entry.payload)
            return None if made is None else list(made)

    def _take(self, source: Source, row: SourceRow, entry: _Entry, records: list[Record]) -> str | None:
        """Stage and derive, as a page of the reading the stream is in: whatever was read later still wins (R0a)."""
        topic = _topic(entry)
        if topic is not None:
            stage = inbox.stage_for(row, topic, inbox.ranks_of(source))
        else:
            with asking(source, "its streams"):
                ranks = {one.name: one.rank for one in source.streams()}
            stage = Stage(row, entry.stream, ranks.get(entry.stream, 0), ranks=ranks)
        reading = self.db.one("SELECT reading FROM cursor WHERE source = ? AND stream = ?", (row.id, entry.stream))
        raws = [entry.payload.encode(), *[b""] * (len(records) - 1)]
        before = self._newest()
        news = stage.page(self.step, Page(records, raws=raws), reading[0] if reading else 0)
        if news.rejected:
            again = self.db.one("SELECT reason FROM quarantine WHERE id > ? ORDER BY id LIMIT 1", (before,))
            self.db.run("DELETE FROM quarantine WHERE id > ?", (before,))
            return str(again[0]) if again else entry.reason
        self.deriver.page(self.step, news.persons, news.orders, news.checkouts, news.fresh, news.things)
        return None

    def _newest(self) -> int:
        row = self.db.one("SELECT max(id) FROM quarantine")
        return int(row[0] or 0) if row else 0


def _topic(entry: _Entry) -> str | None:
    """What a message was about, where the entry is one of a webhook."""
    return entry.stream.removeprefix(inbox.PREFIX) if entry.stream.startswith(inbox.PREFIX) else None
