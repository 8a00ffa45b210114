"""How many questions wait for somebody's decision: counted after an answer has gone out, never while a page waits for it."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from klientela.errors import KlientelaError
from klientela.flow.review import review
from klientela.store.database import Db
from klientela_web.house import House

_REST = 50
"""A count may take one part in so many of the time: the queue of a large store is read for seconds (R24c)."""
_LEAST = 2.0
"""Seconds between two counts."""


class Questions:
    """The number beside the review queue. It follows the store with a little delay, whoever changed it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._counting = threading.Lock()
        self._known: tuple[int, int] | None = None  # at which change, how many
        self._next = 0.0

    @property
    def known(self) -> int | None:
        """How many there were when they were counted last; None before."""
        return None if self._known is None else self._known[1]

    def due(self) -> bool:
        """Whether to count: something was written since, and the last count has rested."""
        if self._counting.locked() or time.monotonic() < self._next:
            return False
        with self._house.store.reading() as db:
            return self._known is None or clock(db) != self._known[0]

    def count(self) -> None:
        """Count them, unless somebody is at it. A queue that cannot be read keeps the number it had."""
        if not self._counting.acquire(blocking=False):
            return
        began = time.monotonic()
        try:
            with suppress(KlientelaError):
                with self._house.store.reading() as db:
                    at = clock(db)
                self.told(at, len(review(self._house.store, proposers=self._house.proposers())["items"]))
        finally:
            ended = time.monotonic()
            self._next = ended + max(_LEAST, _REST * (ended - began))
            self._counting.release()

    def told(self, at: int, number: int) -> None:
        """What somebody who read the queue found, and at which change of the store."""
        if self._known is None or at >= self._known[0]:
            self._known = (at, number)


def clock(db: Db) -> int:
    """The number of the store's newest change; 0 before the first."""
    row = db.one("SELECT max(seq) FROM txn")
    return int(row[0]) if row and row[0] is not None else 0


__all__ = ["Questions", "clock"]
