"""Take an import back, the whole batch: as if its file had never come, also after later syncs (R50b)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from klientela.errors import Conflict, UnknownThing
from klientela.failpoints import failpoint
from klientela.flow import hands, work
from klientela.flow.derive import Deriver
from klientela.flow.placing import unless_away
from klientela.model.words import agree
from klientela.store import claims, facts, ids
from klientela.store.database import Db, Step, Store
from klientela.store.ledger import Line, write
from klientela.store.locate import customers_of, record_keys
from klientela.store.rows import members_of, records_of

AT_ONCE = 1_000
"""Batches of so many records are followed up in the transaction that takes them back."""
_SOME = 500


@dataclass(slots=True)
class Withdrawn:
    """What taking a batch back did, or would do (`seq` None: a dry run).

    `customers`: those that are others now; `vanished`: ids of those that are no more; `dormant`: what operators decided
    of records that only the batch had, which holds again as soon as somebody speaks of them.
    """

    batch: int
    source: str
    records: int = 0
    seq: int | None = None
    customers: list[dict[str, Any]] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    dormant: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that write (contract.md)."""
        return {
            **({} if self.seq is None else {"seq": self.seq}),
            "batch": self.batch,
            "source": self.source,
            "records": self.records,
            "customers": self.customers,
            "vanished": self.vanished,
            "dormant": self.dormant,
        }


class Batch(NamedTuple):
    """One import, as `klientela import list` tells it."""

    number: int
    source: int
    channel: int
    name: str
    since: int
    withdrawn: int | None


class _DryRun(Exception):
    """Ends a dry run: everything it wrote is rolled back."""


def undo(store: Store, number: int, *, actor: str = "operator", dry_run: bool = False) -> Withdrawn:
    """Withdraw everything that a batch said; what another channel says too stays.

    Its claims are closed in one transaction, in which a small batch is followed up as well; what a large one meant is
    finished on the worklist. UnknownThing for a batch that never was, Conflict for one that was taken back before.
    """
    try:
        with store.step("import undo", actor=actor) as step:
            made, before = _withdraw(step, number, dry_run)
            if dry_run:
                _tell(store, step.db, made, before, step.seq)
            _unless(dry_run)
            made.seq = step.seq
    except _DryRun:
        return made
    failpoint("undo.committed")
    work.drain(store)
    with store.reading() as db:
        _tell(store, db, made, before, made.seq or 0)
    return made


def _unless(dry_run: bool) -> None:
    if dry_run:
        raise _DryRun


def begin(step: Step, number: int) -> tuple[Batch, list[int]]:
    """Close a batch's claims, take its edits back, and put their records on the worklist; the batch, and the records."""
    batch = _batch(step.db, number)
    unless_away(step.db, _spoken_of(step.db, batch))
    records = sorted({*claims.withdraw(step, batch.source, batch.channel), *_take_edits_back(step, batch)})
    for some in _chunks(records):
        step.db.run(
            f"INSERT INTO work (kind, subject, reason) SELECT {work.KIND_OF}, id, 'withdrawn' FROM record "
            f"WHERE id {step.db.among} ON CONFLICT DO NOTHING",
            (step.db.pack(some),),
        )
    step.db.run("UPDATE batch SET withdrawn_seq = ? WHERE id = ?", (step.seq, number))
    return batch, records


def _take_edits_back(step: Step, batch: Batch) -> list[int]:
    """Let the edits that came with a batch (R51) hold no more; the records they were about."""
    rows = step.db.rows("SELECT id, a FROM decision WHERE from_seq = ? AND to_seq IS NULL", (batch.since,))
    hands.withdraw(step, [row[0] for row in rows])
    return hands.renew(step, [row[1] for row in rows])


def _withdraw(step: Step, number: int, dry_run: bool) -> tuple[Withdrawn, _Before]:
    db = step.db
    waiting = work.left(db)
    if waiting and dry_run:
        raise Conflict(
            agree(waiting, "{} [record waits|records wait] on the worklist, so the list is not what it will be"),
            hint="`klientela sync` finishes them first",
        )
    batch = _batch(db, number)
    uid = facts.sources(db)[batch.source].uid
    before = _Before(db, _spoken_of(db, batch))
    _, records = begin(step, number)
    detail = {"batch": number, "source": uid, "file": batch.name, "read": len(records)}
    write(step, [Line("withdrawn", None, None, None, {"records": [], "detail": detail})])
    if dry_run or (not waiting and len(records) <= AT_ONCE):
        deriver = Deriver(db, step.store.ruleset(db))
        while work.some(step, deriver):
            pass
    failpoint("undo.derived")
    return Withdrawn(number, facts.sources(db)[batch.source].label, len(records)), before


def _batch(db: Db, number: int) -> Batch:
    columns = "id, source, channel, name, from_seq, withdrawn_seq"
    # no batch has a number that the databases cannot count to
    row = db.one(f"SELECT {columns} FROM batch WHERE id = ?", (number,)) if number < 2**31 else None
    if row is None:
        raise UnknownThing(f"there is no batch {number}", hint="`klientela import list` shows the imports")
    found = Batch(*row)
    if found.withdrawn is not None:
        raise Conflict(
            f"batch {number} was taken back already, by {found.withdrawn}",
            hint="Importing its file once more brings it back, as a new batch",
        )
    return found


def _spoken_of(db: Db, batch: Batch) -> list[int]:
    rows = db.rows(
        "SELECT id FROM record WHERE source = ? AND channel = ? UNION "
        "SELECT record FROM claim WHERE channel = ? AND to_seq IS NULL UNION "
        "SELECT a FROM decision WHERE from_seq = ? AND to_seq IS NULL",
        (batch.source, batch.channel, batch.channel, batch.since),
    )
    return [row[0] for row in rows]


# -- what it meant -----------------------------------------------------------------------------------------------------


class _Before:
    """The customers that a batch's records and orders are in, before it is taken back."""

    def __init__(self, db: Db, records: Sequence[int]) -> None:
        self.rows: dict[int, int] = {}  # customer -> digest of its row
        self.publics: dict[int, bytes] = {}
        self.members: set[int] = set()  # their records
        owners = {
            row[0]
            for some in _chunks(records)
            for row in db.rows(f"SELECT owner FROM orders WHERE owner IS NOT NULL AND id {db.among}", (db.pack(some),))
        }
        customers = {c for some in _chunks({*records, *owners}) for c in customers_of(db, some).values()}
        for some in _chunks(customers):
            self.rows.update(digests(db, some))
            self.publics.update(publics(db, some))
            for found in members_of(db, some, "p.id").values():
                self.members.update(number for (number,) in found)


def _tell(store: Store, db: Db, made: Withdrawn, before: _Before, seq: int) -> None:
    """The customers that are others now, those that are no more, and the decisions that sleep."""
    there = {m: c for some in _chunks(before.members) for m, c in customers_of(db, some).items()}
    now = {*there.values(), *_named(db, seq)}
    changed: dict[int, bytes] = {}
    standing: set[bytes] = set()
    for some in _chunks(now):
        digest = digests(db, some)
        public = publics(db, some)
        standing.update(public.values())
        changed.update({number: public[number] for number in digest if digest[number] != before.rows.get(number)})
    sources = facts.sources(db)
    for some in _chunks(changed):
        of = records_of(db, {number: changed[number] for number in some}, sources, store.key)
        made.customers += [{"id": ids.text(changed[number]), "records": of[number]} for number in some]
    made.customers.sort(key=lambda one: str(one["id"]))
    made.vanished = sorted(ids.text(public) for public in set(before.publics.values()) - standing)
    made.dormant = _dormant(db, before.members - there.keys())


def _named(db: Db, seq: int) -> set[int]:
    """Customers that the log names since, by this change or by the worklist."""
    named = {
        ids.pub8(bytes(public))
        for row in db.rows(
            "SELECT a.customer, a.other FROM audit a LEFT JOIN txn x ON x.seq = a.seq WHERE a.seq = ? "
            "OR (a.seq > ? AND x.cause = 'worklist')",
            (seq, seq),
        )
        for public in row
        if public is not None
    }
    return {
        row[0]
        for some in _chunks(named)
        for row in db.rows(f"SELECT id FROM customer WHERE inactive IN (0, 1) AND pub8 {db.among}", (db.pack(some),))
    }


def _dormant(db: Db, left: set[int]) -> list[dict[str, Any]]:
    found: dict[int, tuple[str, int, set[int]]] = {}
    for some in _chunks(left):
        packed = db.pack(some)
        for number, kind, a, b, seq in db.rows(
            f"SELECT id, kind, a, b, from_seq FROM decision WHERE to_seq IS NULL AND (a {db.among} OR b {db.among})",
            (packed, packed),
        ):
            found[number] = (kind, seq, {one for one in (a, b) if one in left})
    keys = record_keys(db, {record for _, _, records in found.values() for record in records})
    return [
        {"seq": seq, "kind": kind, "records": sorted(keys[record] for record in records)}
        for _, (kind, seq, records) in sorted(found.items())
    ]


def digests(db: Db, customers: Sequence[int]) -> dict[int, int]:
    """What the list says of some customers, as a number for each that is equal where it says the same."""
    return {
        row[0]: hash(tuple(bytes(value) if isinstance(value, memoryview) else value for value in row))
        for row in db.rows(
            f"SELECT c.*, y.* FROM customer c JOIN tally y ON y.id = c.id WHERE c.id {db.among}",
            (db.pack(customers),),
        )
    }


def publics(db: Db, customers: Sequence[int]) -> dict[int, bytes]:
    """The public ids of some customers."""
    return {
        number: bytes(public)
        for number, public in db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(customers),))
    }


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(sorted(numbers))
    while some := list(islice(rest, _SOME)):
        yield some


__all__ = ["AT_ONCE", "Withdrawn", "begin", "undo"]
