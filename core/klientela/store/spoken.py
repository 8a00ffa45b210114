"""What operators said of some records, also what they took back: the decisions behind edits, pins, tags, remarks and
notes, with who said it and when (docs/decisions/0015)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from klientela.store.database import Db

REMARK, NOTE = "remark", "note"
"""Kinds of decisions that only the profile shows: they make no claim and change no row (R40)."""

MUST, CANNOT, LEFT = "must", "cannot", "left"
_PLAIN = frozenset((MUST, CANNOT, LEFT))  # their detail is a text, not JSON


class Spoken(NamedTuple):
    """One decision. `detail` by kind: rules/hand.py; of a remark `{"text"}`, of a note `{"text", "files"}`, of a pair
    `{"reason"}`. `until`: the change that took it back, None while it holds."""

    id: int
    kind: str
    record: int
    other: int | None
    detail: Mapping[str, Any]
    since: int
    until: int | None

    @property
    def holds(self) -> bool:
        """Whether nobody has taken it back."""
        return self.until is None

    def held_at(self, seq: int) -> bool:
        """Whether it held right after the change of that number."""
        return self.since <= seq and (self.until is None or self.until > seq)


class Change(NamedTuple):
    """A change by its number: when it was made (microseconds UTC), by whom, in which run."""

    at: int | None
    run: int | None
    actor: str | None


def spoken(db: Db, records: Iterable[int]) -> list[Spoken]:
    """Every decision that names one of these records, oldest first."""
    packed = db.pack(sorted(set(records)))
    rows = db.rows(
        f"SELECT id, kind, a, b, detail, from_seq, to_seq FROM decision WHERE a {db.among} OR b {db.among} ORDER BY id",
        (packed, packed),
    )
    return [
        Spoken(number, kind, a, b, {"reason": detail} if kind in _PLAIN else json.loads(detail or "{}"), since, until)
        for number, kind, a, b, detail, since, until in rows
    ]


def changes(db: Db, numbers: Iterable[int]) -> dict[int, Change]:
    """When and by whom some changes were made."""
    return {
        seq: Change(*rest)
        for seq, *rest in db.rows(
            f"SELECT seq, at, run, actor FROM txn WHERE seq {db.among}", (db.pack(sorted(set(numbers))),)
        )
    }


__all__ = ["CANNOT", "LEFT", "MUST", "NOTE", "REMARK", "Change", "Spoken", "changes", "spoken"]
