"""Receipts: answers to requests with an Idempotency-Key, kept in the transaction of what they speak of, to be given again."""

from __future__ import annotations

import hmac

from klientela.errors import Conflict
from klientela.model.instants import DAY, Instant
from klientela.store import tables as t
from klientela.store.database import Db, Step

KEPT = 7 * DAY
"""How long an answer can be asked for again."""


def find(db: Db, token: int, key: str, digest: bytes, now: Instant) -> str | None:
    """The answer a request got before. Conflict when the key was used for another request."""
    row = db.one("SELECT digest, answer FROM receipt WHERE token = ? AND key = ? AND at >= ?", (token, key, now - KEPT))
    if row is None:
        return None
    if not hmac.compare_digest(bytes(row[0]), digest):
        raise Conflict(
            "this Idempotency-Key was used for another request before",
            hint="Send each request with a key of its own, and the same key only with the very same request.",
        )
    return str(row[1])


def keep(step: Step, token: int, key: str, digest: bytes, answer: str) -> None:
    """Keep an answer, and let go of those whose time is over."""
    expire(step)
    columns = ("token", "key", "digest", "status", "answer", "at")
    step.db.insert(t.receipt, columns, [(token, key, digest, 200, answer, step.at)])


def expire(step: Step) -> int:
    """Forget answers whose time is over; how many."""
    return step.db.run("DELETE FROM receipt WHERE at < ?", (step.at - KEPT,))


__all__ = ["KEPT", "expire", "find", "keep"]
