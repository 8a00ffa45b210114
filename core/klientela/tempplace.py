"""Folders of ours in the temporary place, which hold personal data for a moment: gone with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ALIVE = ".alive"
_PREFIX = "klientela-"
_YOUNG = 60.0
"""Seconds that a folder may have no lock yet: its maker may be between two lines."""


class Folder:
    """A folder for its owner alone (0700). Its process holds a lock on a file in it for as long as it lives, so that the
    next process of the same `kind` knows what a killed one left behind, and removes it."""

    def __init__(self, kind: str) -> None:
        sweep(kind)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-"))
        lock = os.open(self.path / f"{_ALIVE}.new", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (self.path / f"{_ALIVE}.new").rename(self.path / _ALIVE)  # nobody ever sees it unlocked
        self._end = weakref.finalize(self, _remove, self.path, lock, os.getpid())  # also when the process ends

    def close(self) -> None:
        """Remove it with all that is in it; once is enough, more does no harm."""
        self._end()


def _remove(path: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # a child that ends leaves it to its parent
        shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


@contextmanager
def folder(kind: str) -> Iterator[Path]:
    """A folder that is gone at the end."""
    made = Folder(kind)
    try:
        yield made.path
    finally:
        made.close()


def sweep(kind: str) -> int:
    """Remove what dead processes left of a kind, of this user alone; how many folders that were. What another process
    holds, or a folder so new that its lock may be on its way, stays."""
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{kind}-*"):
        with suppress(OSError):  # somebody else's, or gone in between
            found = path.lstat()
            if found.st_uid == os.getuid() and path.is_dir() and not path.is_symlink() and _dead(path, found.st_mtime):
                shutil.rmtree(path, ignore_errors=True)
                removed += 1
    return removed


def _dead(path: Path, made: float) -> bool:
    try:
        lock = os.open(path / _ALIVE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return time.time() - made > _YOUNG
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


__all__ = ["Folder", "folder", "sweep"]
