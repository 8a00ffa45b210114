"""One import while it is read: a batch with a channel of its own, its edits, and the customers that change by it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from klientela.flow import hands
from klientela.flow.derive import Deriver
from klientela.flow.edits import edit_of
from klientela.flow.hands import Word
from klientela.flow.stage import News, Stage
from klientela.model.records import Person, Record, Rejected
from klientela.rules import hand
from klientela.source import Page
from klientela.store import facts, ids
from klientela.store.database import Db, Step
from klientela.store.facts import SourceRow
from klientela.store.ledger import Line, write
from klientela.store.locate import customers_of
from klientela.store.rows import records_of

NEW, JOINED, CHANGED = "new", "joined", "changed"
"""What an import does to a customer: nobody of the kind was there, records of two came together, values changed."""
_COUNTS = ("read", "new", "changed", "unchanged", "suppressed")


class Into(NamedTuple):
    """The source an import goes into. `manual` is always there."""

    name: str
    type: str


@dataclass(slots=True)
class Imported:
    """What an import did, or would do. `customers`: `{"id", "effect", "records"}` of those that are others now, by id;
    the effect is `new`, `joined` or `changed`."""

    source: str
    dry_run: bool
    batch: int | None = None
    seq: int | None = None
    customers: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    fix_file: str | None = None

    @property
    def in_vain(self) -> bool:
        """Whether something was refused and nothing at all taken: what was asked for did not happen."""
        return bool(self.rejected) and not any(self.counts[name] for name in _COUNTS[1:])

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that write; a dry run has no `seq`."""
        made: dict[str, Any] = {} if self.dry_run else {"seq": self.seq}
        return {
            **made,
            "batch": self.batch,
            "source": self.source,
            "customers": self.customers,
            "rejected": [
                {"line": one.line, "column": one.column, "key": one.key, "reason": one.reason} for one in self.rejected
            ],
            "ignored": self.ignored,
            "fix_file": self.fix_file,
            **self.counts,
        }


class Batch:
    """One import while it is read."""

    def __init__(
        self,
        step: Step,
        into: Into,
        result: Imported,
        name: str,
        digest: str,
        subscribe: bool,
        titles: Mapping[str, str],
        tags: Sequence[str],
    ) -> None:
        self.step = step
        self.db: Db = step.db
        self.result = result
        self.name = name
        self.digest = digest
        self.subscribe = subscribe
        self.titles = titles
        self.tags = tags
        self.said: dict[int, list[Word]] = {}  # edits by customer that are not written yet
        self.source: SourceRow = facts.ensure_source(step, into.name, into.type)
        self.deriver = Deriver(step.db, step.store.ruleset(step.db))
        self.stage: Stage | None = None
        self.touched: set[int] = set()  # one record of each customer that changed

    def page(self, page: Page) -> None:
        """Take one page: rejects and edits aside, the others staged and derived."""
        result = self.result
        records: list[Record] = []
        raws: list[bytes] = []
        lines: list[int | None] = []
        for place, record in enumerate(page.records):
            raw = page.raws[place] if page.raws is not None and place < len(page.raws) else b""
            line = page.lines[place] if page.lines is not None and place < len(page.lines) else None
            if isinstance(record, Rejected):
                result.rejected.append(record)
            elif isinstance(record, Person) and record.channel == "edit":
                self._edit(record, raw, line)
            else:
                records.append(record if self.subscribe else without_grants(record))
                raws.append(raw)
                lines.append(line)
        result.counts["read"] += len(page.records)
        self._say_edits()
        if records:
            self._take(Page(records, raws=raws), lines)

    def _take(self, page: Page, lines: Sequence[int | None]) -> None:
        stage = self.stage or self._open()
        before = self._standing(page)
        news = stage.page(self.step, page, 1)
        for name in ("new", "changed", "unchanged"):
            self.result.counts[name] += getattr(news, name)
        self.result.counts["suppressed"] += len(news.suppressed)
        told = {
            str(getattr(record, "external_id", None)): line
            for record, line in zip(page.records, lines, strict=True)
            if line is not None
        }
        self.result.rejected += self._refused(stage.stream, told)
        self.deriver.page(self.step, news.persons, news.orders, news.checkouts, news.fresh, news.things)
        self._note(news, before)
        if self.tags:
            self._say([Word(hand.TAG, item.id, {"tag": tag}) for item in news.persons for tag in self.tags])

    def _open(self) -> Stage:
        """The batch and its channel, registered with the first record that comes."""
        step = self.step
        number = step.new_ids("batch", 1)[0]
        word = f"import:{number}"
        channel = facts.channel_id(step, self.source.id, word, facts.rank_of(word, 0))
        self.db.run(
            "INSERT INTO batch (id, source, channel, name, digest, subscribe, from_seq) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, self.source.id, channel, self.name, self._digest(), int(self.subscribe), step.seq),
        )
        self.result.batch = number
        self.stage = Stage(self.source, word, 0, import_channel=channel)
        return self.stage

    def _digest(self) -> str:
        """Which input it was, under the instance's key: a bare hash of one address would give it away (R56)."""
        return hmac.digest(self.step.store.key, f"batch\0{self.digest}".encode(), "sha256").hex()

    def _refused(self, stream: str, lines: Mapping[str, int]) -> list[Rejected]:
        """What staging would not take: an import tells it at once and keeps nothing in the quarantine."""
        db = self.db
        found = db.rows(
            "SELECT reason, key, payload, line, col FROM quarantine WHERE source = ? AND stream = ? ORDER BY id",
            (self.source.id, stream),
        )
        if found:
            db.run("DELETE FROM quarantine WHERE source = ? AND stream = ?", (self.source.id, stream))
        return [Rejected(reason=r, key=k, payload=p, line=line or lines.get(k), column=c) for r, k, p, line, c in found]

    # -- edits (R51) -------------------------------------------------------------------------------------------------

    def _edit(self, person: Person, raw: bytes, line: int | None) -> None:
        """A row with a klientela_id: equal values change nothing, others are edits or refused with a reason each."""
        made = edit_of(self.db, self.step.store.key, person, self.titles)
        if made.customer in self.said:  # an earlier row of this page was about the same customer
            self._say_edits()
            made = edit_of(self.db, self.step.store.key, person, self.titles)
        payload = raw.decode("utf-8", "replace")
        for column, reason in made.refused:
            self.result.rejected.append(
                Rejected(reason=reason, key=person.external_id, payload=payload, line=line, column=column)
            )
        if made.words and made.customer is not None:
            self.said[made.customer] = made.words
            self.result.counts["changed"] += 1
        elif not made.refused:
            self.result.counts["unchanged"] += 1

    def _say_edits(self) -> None:
        words = [word for said in self.said.values() for word in said]
        self.said = {}
        if words:
            self._say(words)

    def _say(self, words: Sequence[Word]) -> None:
        """Write what is said of records as decisions of the batch, which are taken back with it."""
        if self.stage is None:
            self._open()
        records = sorted({word.record for word in words})
        before = self._rows(self._customers(set(records)).values())
        hands.write(self.step, words)
        hands.renew(self.step, records)
        loaded = [item for _, item in sorted(facts.load(self.db, records).items()) if item.fact is not None]
        self.deriver.page(self.step, loaded, [], [], set(), force=True)
        self._note(News(persons=loaded), before)

    # -- what changed ------------------------------------------------------------------------------------------------

    def _standing(self, page: Page) -> Mapping[int, tuple[Any, ...]]:
        """The rows of customers that the page's records are in already."""
        known: set[int] = set()
        by_entity: dict[int, list[str]] = {}
        for record in page.records:
            if isinstance(record, Rejected):
                continue
            entity = record.entity if hasattr(record, "entity") else record.entity_default
            by_entity.setdefault(facts.NUMBER_OF.get(entity, -1), []).append(str(record.external_id))
        for entity, exts in by_entity.items():
            known.update(
                row[0]
                for row in self.db.rows(
                    f"SELECT id FROM record WHERE source = ? AND entity = ? AND ext {self.db.among_text}",
                    (self.source.id, entity, self.db.pack(exts)),
                )
            )
        return self._rows(self._customers(known).values())

    def _note(self, news: News, before: Mapping[int, tuple[Any, ...]]) -> None:
        now = self._customers({item.id for item in (*news.persons, *news.orders)})
        rows = self._rows(now.values())
        self.touched.update(record for record, customer in now.items() if rows.get(customer) != before.get(customer))

    def _customers(self, records: set[int]) -> dict[int, int]:
        """The customers of persons, and of the owners of orders: person record -> customer."""
        db = self.db
        owners = {
            row[0]
            for row in db.rows(
                f"SELECT owner FROM orders WHERE owner IS NOT NULL AND id {db.among}", (db.pack(records),)
            )
        }
        return customers_of(db, records | owners)

    def _rows(self, customers: Iterable[int]) -> dict[int, tuple[Any, ...]]:
        db = self.db
        return {
            row[0]: row
            for row in db.rows(
                f"SELECT c.*, y.* FROM customer c JOIN tally y ON y.id = c.id WHERE c.id {db.among}",
                (db.pack(set(customers)),),
            )
        }

    def close(self) -> None:
        """The line in the audit log, and the customers that changed."""
        result = self.result
        if result.batch is not None:
            detail = {"batch": result.batch, "source": self.source.uid, "file": self.name, **result.counts}
            write(self.step, [Line("imported", None, None, None, {"records": [], "detail": detail})])
            result.seq = self.step.seq
        result.ignored += self.deriver.remarks()
        result.customers = self._changed()

    def _changed(self) -> list[dict[str, Any]]:
        db = self.db
        sources = facts.sources(db)
        found: list[dict[str, Any]] = []
        effects = _effects(db, self.step.seq) if self.touched else {}
        wanted = sorted(set(customers_of(db, self.touched).values()))
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            public: dict[int, Any] = dict(
                db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(some),))
            )
            records = records_of(db, public, sources, self.step.store.key)
            found += [
                {"id": ids.text(bytes(pub)), "effect": effects.get(bytes(pub), CHANGED), "records": records[number]}
                for number, pub in public.items()
            ]
        return sorted(found, key=lambda one: str(one["id"]))


def _effects(db: Db, seq: int) -> dict[bytes, str]:
    """What a change did to customers by the lines it wrote: public id -> `new` or `joined`; the others only changed."""
    born: set[bytes] = set()
    joined: set[bytes] = set()
    for kind, customer, other in db.rows(
        "SELECT kind, customer, other FROM audit WHERE seq = ? AND customer IS NOT NULL ORDER BY n", (seq,)
    ):
        mine, old = bytes(customer), None if other is None else bytes(other)
        if kind == "founded":
            born.add(mine)
        elif kind == "merged" and (old not in born or old in joined):
            joined.add(mine)
        elif kind == "renamed" and old not in born | joined:
            continue
        elif kind in ("joined", "renamed") and old is not None:  # it goes by another id from now on
            (born if old in born and old not in joined else joined).add(mine)
        elif kind == "joined" and mine not in born:
            joined.add(mine)
    return {**dict.fromkeys(born, NEW), **dict.fromkeys(joined, JOINED)}


def without_grants(record: Record) -> Record:
    """A record as an import without auto-subscribe takes it: it may deny a consent and never grant one (R44)."""
    if not isinstance(record, Person) or record.consents is UNSET or not record.consents:
        return record
    kept = [event for event in record.consents if event.state != "granted"]
    return record if len(kept) == len(record.consents) else msgspec.structs.replace(record, consents=kept)


__all__ = ["CHANGED", "JOINED", "NEW", "Batch", "Imported", "Into", "without_grants"]
