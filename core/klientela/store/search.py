"""The search index (its author is at work)."""

from __future__ import annotations

from collections.abc import Sequence

from klientela.store.database import Db


def index(db: Db, rows: Sequence[tuple[int, str]]) -> None:
    """Add texts."""


def remove(db: Db, rows: Sequence[tuple[int, str]]) -> None:
    """Take texts out."""
