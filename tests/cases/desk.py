"""How the cases look at a store: the list by view, what was logged, what is kept apart."""

from __future__ import annotations

from typing import Any

from klientela.settings import Settings
from klientela.store import Store
from klientela.store.overview import listing

VIEWS = Settings().views
DAY = 86_400_000_000
MARCH = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z."""


def rows(store: Store, view: str = "default", **wanted: Any) -> list[dict[str, Any]]:
    """All rows of a view, in its order."""
    with store.reading() as db:
        return listing(db, VIEWS[view], size=100, **wanted).rows


def names(store: Store, view: str = "default", **wanted: Any) -> list[str]:
    """The names of a view's rows."""
    return [row["name"] for row in rows(store, view, **wanted)]


def one(store: Store, view: str = "default", **wanted: Any) -> dict[str, Any]:
    """The only row."""
    (row,) = rows(store, view, **wanted)
    return row


def audit(store: Store) -> list[tuple[Any, ...]]:
    """Kind and rule of every line of the log."""
    with store.reading() as db:
        return db.rows("SELECT kind, rule FROM audit ORDER BY seq, n")


def apart(store: Store) -> list[tuple[Any, ...]]:
    """What a constraint keeps apart."""
    with store.reading() as db:
        return db.rows("SELECT reason FROM apart")


def crowded(store: Store) -> int:
    """How many values are above their limit."""
    with store.reading() as db:
        return len(db.rows("SELECT key FROM crowded"))


def euros(*amounts: str) -> list[dict[str, str]]:
    """Money as rows show it."""
    return [{"amount": amount, "currency": "EUR"} for amount in amounts]
