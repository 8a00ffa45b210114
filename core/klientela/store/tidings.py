"""Decisions for others: the lines of the audit log that say what became of customers, ids only, and who has them all."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from klientela.model.instants import iso
from klientela.store import ids
from klientela.store.database import Db, Step

KINDS = ("founded", "joined", "merged", "renamed", "split", "left", "erased")
"""What is told: no line of these holds more than ids, and the name of a rule."""

Place = tuple[int, int]
"""Where a reader of the log stands: the transaction and the line in it that he has."""

START: Place = (0, 0)


class Tidings(NamedTuple):
    """Lines to tell, and the place after them; `more`: there are others behind."""

    lines: list[dict[str, Any]]
    place: Place
    more: bool


def after(db: Db, place: Place, most: int) -> Tidings:
    """The next lines behind a place, in the order of the log; at most so many are looked at.

    A line: `{"seq", "line", "at", "kind", "customer", "other", "rule"}`; ids are public ids or null, times ISO 8601.
    """
    rows = db.rows(
        "SELECT a.seq, a.n, x.at, a.kind, a.customer, a.other, a.rule FROM audit a JOIN txn x ON x.seq = a.seq "
        "WHERE (a.seq, a.n) > (?, ?) ORDER BY a.seq, a.n LIMIT ?",
        (*place, most),
    )
    lines = [
        {
            "seq": seq,
            "line": n,
            "at": iso(at),
            "kind": kind,
            "customer": _text(customer),
            "other": _text(other),
            "rule": rule,
        }
        for seq, n, at, kind, customer, other, rule in rows
        if kind in KINDS
    ]
    return Tidings(lines, (rows[-1][0], rows[-1][1]) if rows else place, len(rows) == most)


def place_of(db: Db, feed: str) -> Place:
    """How far a feed has got."""
    row = db.one("SELECT value FROM meta WHERE name = ?", (_name(feed),))
    if row is None:
        return START
    seq, n = json.loads(row[0])
    return int(seq), int(n)


def remember(step: Step, feed: str, place: Place) -> None:
    """Note how far a feed has got."""
    step.db.run(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_name(feed), json.dumps(place)),
    )


def _name(feed: str) -> str:
    return f"feed {feed}"


def _text(public: Any) -> str | None:
    return ids.text(bytes(public)) if public is not None else None


__all__ = ["KINDS", "START", "Place", "Tidings", "after", "place_of", "remember"]
