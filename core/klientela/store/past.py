"""What was known at an earlier moment: the claims and decisions of then, copied beside the store to be derived again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from klientela.store import facts
from klientela.store import tables as t
from klientela.store.database import Db, Step, Store
from klientela.store.scratch import copy

_BATCH = 2000
_WHOLE = (t.ruleset, t.source, t.source_name, t.channel, t.outbox)  # names, and what shops answered, are those of today
_RECORD = ("id", "source", "entity", "ext", "channel", "version", "reading", "hash", "gone", "seq", "more", "body")
_CLAIM = ("record", "channel", "from_seq", "to_seq", "version", "reading", "hash", "gone", "body")


class Moment(NamedTuple):
    """A change, and when it was made: microseconds UTC."""

    seq: int
    at: int


class _Claim(NamedTuple):
    """What a channel said of a record, from one change on until another (None: it says so at that moment)."""

    channel: int
    from_seq: int
    to_seq: int | None
    version: int | None
    reading: int | None
    hash: bytes
    gone: int
    body: bytes | None


class _Row(NamedTuple):
    """A record's row of today."""

    id: int
    source: int
    entity: int
    ext: str
    channel: int | None
    version: int | None
    reading: int | None
    hash: bytes | None
    gone: int
    seq: int
    body: bytes | None


def newest(db: Db, at: int) -> Moment | None:
    """The newest change at or before a time (microseconds UTC); None before the first one. Of several in one
    microsecond the last."""
    row = db.one("SELECT seq, at FROM txn WHERE seq = (SELECT max(seq) FROM txn WHERE at <= ?)", (at,))
    return None if row is None else Moment(*row)


def copy_facts(db: Db, made: Store, upto: int, *, history: bool = True) -> None:
    """Fill an empty store with what `db` held when the change `upto` was made: claims and decisions with
    `from_seq <= upto < to_seq`, closed ones as closed, and the ruleset of that moment. A batch at a time.

    `history`: with the values of closed claims, which only histories show. Names of sources are those of today. Before
    the first change (`upto` 0) there are none.
    """
    for table in _WHOLE:
        copy(db, made, table)
    copy(db, made, t.txn, f"seq <= {upto:d}")
    copy(db, made, t.meta)
    copy(db, made, t.batch, f"from_seq <= {upto:d}", {"withdrawn_seq": _unless_later("withdrawn_seq", upto)})
    copy(db, made, t.decision, f"from_seq <= {upto:d}", {"to_seq": _unless_later("to_seq", upto)})
    with made.step("past") as step:
        step.db.run(
            "UPDATE meta SET value = COALESCE((SELECT CAST(ruleset AS TEXT) FROM txn WHERE seq = ?), value) "
            "WHERE name = 'ruleset'",
            (upto,),
        )
    then = _Then(db, upto, history=history)
    records: list[tuple[Any, ...]] = []
    claims: list[tuple[Any, ...]] = []

    def put() -> None:
        with made.step("past") as step:
            step.db.insert(t.record, _RECORD, records)
            step.db.insert(t.claim, _CLAIM, claims)
        records.clear()
        claims.clear()

    for row, came in _side_by_side(db, upto):
        record, said = then.rows(row, came)
        records.append(record)
        claims += said
        if len(records) + len(claims) >= _BATCH:
            put()
    put()


def _unless_later(column: str, upto: int) -> str:
    return f"CASE WHEN {column} <= {upto:d} THEN {column} END"


def copy_files(db: Db, step: Step, records: Sequence[int], upto: int) -> None:
    """The files that had come with some records when the change `upto` was made, into the store of `step`: those that a
    claim or a decision of that time names."""
    packed = db.pack(records)
    found = db.rows(
        "SELECT a.record, a.sha256, a.name FROM attachment a JOIN file f ON f.sha256 = a.sha256 "
        f"WHERE f.seq <= ? AND a.record {db.among}",
        (upto, packed),
    )
    named = [(record, bytes(digest), name) for record, digest, name in found if _names(db, record, bytes(digest), upto)]
    step.db.insert(t.attachment, ("record", "sha256", "name"), named)
    for digest in sorted({row[1] for row in named}):
        (file,) = db.blobs("SELECT sha256, type, bytes, seq FROM file WHERE sha256 = ?", (digest,))
        step.db.insert(t.file, ("sha256", "type", "bytes", "seq"), [file])


def _names(db: Db, record: int, digest: bytes, upto: int) -> bool:
    """Whether anything said of a record by then names the file."""
    said = [
        *db.blobs("SELECT body FROM record WHERE id = ? AND seq <= ?", (record, upto)),
        *db.blobs("SELECT body FROM claim WHERE record = ? AND from_seq <= ?", (record, upto)),
        *db.rows("SELECT detail FROM decision WHERE a = ? AND from_seq <= ?", (record, upto)),
    ]
    text = digest.hex()
    return any(
        text in (body if isinstance(body, str) else bytes(body).decode("utf-8", "replace")) for (body,) in said if body
    )


# -- records ----------------------------------------------------------------------------------------------------------


def _side_by_side(db: Db, upto: int) -> Iterator[tuple[_Row, list[_Claim]]]:
    """Each record of the register with the claims of `claim` that had come by then, in constant memory."""
    rows = db.stream(
        "SELECT id, source, entity, ext, channel, version, reading, hash, gone, seq, body FROM record ORDER BY id"
    )
    claims = db.stream(
        f"SELECT record, {', '.join(_Claim._fields)} FROM claim WHERE from_seq <= ? ORDER BY record, channel, from_seq",
        (upto,),
    )
    ahead = next(claims, None)
    for columns in rows:
        row = _Row(*columns)
        mine = []
        while ahead is not None and ahead[0] <= row.id:
            if ahead[0] == row.id:
                mine.append(_Claim(*ahead[1:]))
            ahead = next(claims, None)
        yield row, mine


def _live_of(row: _Row, upto: int) -> _Claim | None:
    """What the record's row says, where it was said by then. Rows that orders make say nothing: they are derived."""
    if row.channel is None or row.hash is None or row.seq > upto:
        return None
    return _Claim(row.channel, row.seq, None, row.version, row.reading, row.hash, row.gone, row.body)


class _Then:
    """How records stood when a change was made."""

    def __init__(self, db: Db, upto: int, *, history: bool = True) -> None:
        self.upto = upto
        self.history = history
        # what operators say stands beside what sources say, never in its place
        self.operators = {row[0] for row in db.rows("SELECT id FROM channel WHERE name = ?", (facts.OPERATOR,))}

    def rows(self, row: _Row, claims: list[_Claim]) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
        """The row of `record` and those of `claim`, out of a record's row of today and the claims that had come."""
        live = _live_of(row, self.upto)
        came = claims if live is None else [*claims, live]
        standing = [one._replace(to_seq=None) for one in came if one.to_seq is None or one.to_seq > self.upto]
        closed = [one for one in came if one.to_seq is not None and one.to_seq <= self.upto]
        standing = [one for one in standing if one.body is not None]  # what was erased is gone in the past too
        first = self._first(row, standing, came)
        others = [one for one in standing if one is not first]
        made: list[tuple[Any, ...]] = []
        for one in (*closed, *others):
            body = one.body if self.history or one.to_seq is None else None
            made.append((row.id, *one[:-1], body))
        if first is None:
            return (*row[:4], None, None, None, None, 0, row.seq, int(bool(others)), None), made
        said = (first.channel, first.version, first.reading, first.hash, first.gone, first.from_seq)
        return (*row[:4], *said, int(bool(others)), first.body), made

    def _first(self, row: _Row, standing: list[_Claim], came: list[_Claim]) -> _Claim | None:
        """What the record's first channel said: that which had spoken of it longest. Only it knows what was gone, and
        it is another one today where an import was taken back."""
        since: dict[int, int] = {}
        for one in came:
            since[one.channel] = min(one.from_seq, since.get(one.channel, one.from_seq))
        told = [one for one in standing if one.channel not in self.operators]
        return min(told, key=lambda one: (since[one.channel], one.channel != row.channel), default=None)


# -- the store itself, turned back inside a transaction -----------------------------------------------------------------


def changed_since(db: Db, upto: int, most: int) -> list[int] | None:
    """The records of which something else was said after a change, or decided; None when they are more than `most`."""
    found: set[int] = set()
    for sql, times in (
        ("SELECT id FROM record WHERE seq > ? AND channel IS NOT NULL", 1),
        ("SELECT DISTINCT record FROM claim WHERE from_seq > ? OR to_seq > ?", 2),
        ("SELECT a FROM decision WHERE from_seq > ? OR to_seq > ?", 2),
        ("SELECT b FROM decision WHERE b IS NOT NULL AND (from_seq > ? OR to_seq > ?)", 2),
    ):
        found.update(row[0] for row in db.rows(f"{sql} LIMIT ?", (*[upto] * times, most + 1)))
        if len(found) > most:
            return None
    return sorted(found)


def turn_back(step: Step, upto: int, records: Sequence[int]) -> None:
    """Let the facts be those of when a change was made; `records`: all that were spoken of since. Nothing derived
    follows by itself, and the step must not be committed."""
    db = step.db
    then = _Then(db, upto)
    for start in range(0, len(records), _BATCH):
        _put_back(step, then, records[start : start + _BATCH])
    for table, column in (("decision", "to_seq"), ("batch", "withdrawn_seq")):
        db.run(f"DELETE FROM {table} WHERE from_seq > ?", (upto,))
        db.run(f"UPDATE {table} SET {column} = NULL WHERE {column} > ?", (upto,))


def _put_back(step: Step, then: _Then, records: Sequence[int]) -> None:
    db = step.db
    packed = db.pack(records)
    claims: dict[int, list[_Claim]] = {}
    for number, *columns in db.rows(
        f"SELECT record, {', '.join(_Claim._fields)} FROM claim WHERE record {db.among} AND from_seq <= ? "
        "ORDER BY record, channel, from_seq",
        (packed, then.upto),
    ):
        claims.setdefault(number, []).append(_Claim(*columns))
    rows = [
        _Row(*columns)
        for columns in db.rows(f"SELECT {', '.join(_Row._fields)} FROM record WHERE id {db.among}", (packed,))
    ]
    _leave_files(step, [row.id for row in rows], then.upto)
    db.run(f"DELETE FROM claim WHERE record {db.among}", (packed,))
    guests, others, said = [], [], []
    for row in rows:
        made, rest = then.rows(row, claims.get(row.id, []))
        said += rest
        if row.entity == facts.GUEST_ORDER:
            guests.append((made[10], row.id))  # what it says is derived: its order follows
        else:
            others.append((*made[4:], row.id))
    db.insert(t.claim, _CLAIM, said)
    db.update(t.record, ("more",), guests)
    db.update(t.record, _RECORD[4:], others)


def _leave_files(step: Step, records: Sequence[int], upto: int) -> None:
    db = step.db
    tied = db.rows(f"SELECT record, sha256 FROM attachment WHERE record {db.among}", (db.pack(records),))
    later = [(record, digest) for record, digest in tied if not _names(db, record, bytes(digest), upto)]
    db.delete(t.attachment, later, key=("record", "sha256"))


__all__ = ["Moment", "changed_since", "copy_facts", "copy_files", "newest", "turn_back"]
