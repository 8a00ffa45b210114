"""Closing claims: what a channel says no more goes into the history, and another one takes its place (R0b, R50b)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from klientela.store import tables as t
from klientela.store.database import Step

_AT_ONCE = 5_000
_ROW = ("channel", "version", "reading", "hash", "body", "seq", "more", "gone")


def close(step: Step, records: Sequence[int]) -> None:
    """Copy what some records' first channels said until now into the history; nothing of what this step has stored, for
    that lived for no moment."""
    db, seq = step.db, step.seq
    db.run(
        "INSERT INTO claim (record, channel, from_seq, to_seq, version, reading, hash, gone, body) "
        "SELECT id, channel, seq, ?, version, reading, hash, gone, body FROM record "
        f"WHERE id {db.among} AND channel IS NOT NULL AND seq <> ?",
        (seq, db.pack(records), seq),
    )


def withdraw(step: Step, source: int, channel: int) -> list[int]:
    """Close every live claim of a channel, as if it had never spoken; the records it spoke of.

    Where it was a record's first channel the oldest of the others stands in the record's row from now on. A record of
    which nobody else speaks stays registered and says nothing, like one that was only ever named (R0d).
    """
    db = step.db
    first = [
        row[0]
        for row in db.rows("SELECT id FROM record WHERE source = ? AND channel = ? ORDER BY id", (source, channel))
    ]
    further = [
        row[0]
        for row in db.rows("SELECT record FROM claim WHERE channel = ? AND to_seq IS NULL ORDER BY record", (channel,))
    ]
    db.run("UPDATE claim SET to_seq = ? WHERE channel = ? AND to_seq IS NULL", (step.seq, channel))
    for start in range(0, len(first), _AT_ONCE):
        _replace(step, first[start : start + _AT_ONCE])
    for start in range(0, len(further), _AT_ONCE):
        _count_others(step, further[start : start + _AT_ONCE])
    return sorted({*first, *further})


def _replace(step: Step, records: Sequence[int]) -> None:
    """Let others speak where the first channel of these records does no more."""
    db = step.db
    close(step, records)
    others: dict[int, list[tuple[Any, ...]]] = {}
    for record, *rest in db.rows(
        "SELECT c.record, c.from_seq, c.channel, c.version, c.reading, c.hash, c.body, r.seq, r.gone FROM claim c "
        "JOIN record r ON r.id = c.record JOIN channel h ON h.id = c.channel "
        # what operators say stands beside what sources say, never in its place
        f"WHERE c.to_seq IS NULL AND h.name <> 'operator' AND c.record {db.among} ORDER BY 1, 2, 3",
        (db.pack(records),),
    ):
        others.setdefault(record, []).append(tuple(rest))
    rows = []
    for number in records:
        if number not in others:
            rows.append((None, None, None, None, None, step.seq, 0, 0, number))
            continue
        since, channel, version, reading, digest, body, marked, gone = others[number][0]
        key = (number, channel, since)
        if marked > since:  # since then the record is gone, or is back: that stays where it is in the history
            db.run(
                "UPDATE claim SET to_seq = ?, gone = ? WHERE record = ? AND channel = ? AND from_seq = ?",
                (marked, 1 - gone, *key),
            )
        else:
            db.delete(t.claim, [key], key=("record", "channel", "from_seq"))
        rows.append((channel, version, reading, digest, body, max(since, marked), 0, gone, number))
    db.update(t.record, _ROW, rows)
    _count_others(step, records)


def _count_others(step: Step, records: Sequence[int]) -> None:
    """Keep it in each record's row whether further channels speak of it."""
    db = step.db
    db.run(
        "UPDATE record SET more = CASE WHEN EXISTS (SELECT 1 FROM claim c WHERE c.record = record.id "
        f"AND c.to_seq IS NULL) THEN 1 ELSE 0 END WHERE id {db.among}",
        (db.pack(records),),
    )


__all__ = ["close", "withdraw"]
