"""Letting the patient client be impatient: tests that provoke waits and do not wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from klientela.http import budget


class _Hurried(budget.Patience):
    """Every wait moves this clock instead of taking time."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._skipped = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return super().now() + self._skipped

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        with self._lock:
            self.waits.append(seconds)
            self._skipped += seconds
        return stop.is_set()


@contextmanager
def hurry() -> Iterator[list[float]]:
    """All HTTP clients wait no time at all; yields the list of the seconds they would have waited, as it grows."""
    before, hurried = budget.patience, _Hurried()
    budget.forget()
    budget.patience = hurried
    try:
        yield hurried.waits
    finally:
        budget.patience = before
        budget.forget()  # pauses set on the moved clock would last for real
