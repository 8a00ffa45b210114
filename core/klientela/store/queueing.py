"""Processes that write one SQLite file take turns in the order they came.

SQLite lets a writer that finds the file locked sleep and try again, up to 100 ms each time, while one that has just
written finds it free: a long load in one process would starve the small syncs of others. Here whoever waits stands at a
gate that the writer, too, has to pass before its next step. It is a courtesy only: SQLite's own lock decides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_GATE, _DOOR = 0, 1  # bytes of the file that are locked
_LOOK = 0.002  # seconds between two tries
_PATIENCE = 30.0  # seconds; then SQLite says what is wrong


class Queue:
    """The queue at one SQLite file; None, as for a server or a database in memory: there is none."""

    def __init__(self, database: Path | None) -> None:
        self._path = (
            database.with_name(f"{database.name}.turn") if database is not None and os.name == "posix" else None
        )
        self._file: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the one process that writes, as far as the others queue too. One thread of a process at a time."""
        if self._path is None or not self._open(self._path):
            yield
            return
        import fcntl

        file = self._file
        assert file is not None  # noqa: S101 - it was opened above

        def taken(place: int) -> bool:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except OSError:
                return False
            return True

        def let_go(place: int) -> None:
            with suppress(OSError):
                fcntl.lockf(file, fcntl.LOCK_UN, 1, place)

        until = time.monotonic() + _PATIENCE
        _wait(lambda: taken(_GATE), until)
        _wait(lambda: taken(_DOOR), until)
        let_go(_GATE)
        try:
            yield
        finally:
            let_go(_DOOR)

    def close(self) -> None:
        """Let go of the file; the file itself stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, path: Path) -> bool:
        if self._file is None:
            with suppress(OSError):  # a folder nobody may write to: SQLite is going to say so
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file is not None


def _wait(done: Callable[[], bool], until: float) -> None:
    while not done() and time.monotonic() < until:
        time.sleep(_LOOK)
