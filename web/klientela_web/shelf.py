"""Files between two steps of a form: on the server, for the session that brought them, for an hour at most."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from klientela import tempplace
from klientela.errors import NotAllowed, UnknownThing

HOUR = 3600.0
"""Seconds that a file is kept."""
MOST = 5
"""Files of one session that are kept; the oldest goes for a newer one."""
_STRANGE = re.compile(r"[^\w .()+,-]")


@dataclass
class Kept:
    """A file that is kept: its number, what its owner calls it, what it is called here, and what was said of it since."""

    token: str
    session: bytes
    since: float
    folder: Path
    name: str
    said: Mapping[str, Any] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held by who does something with it: a form that was sent twice finds what the first has done."""

    @property
    def path(self) -> Path:
        """Where it lies; the name is its own, the folder is not."""
        return self.folder / self.name


class Shelf:
    """The files of one process. Nobody finds one by a name: the number is drawn, and the session must be the one that
    brought it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._root: tempplace.Folder | None = None

    def put(self, session: str, name: str, content: IO[bytes], largest: int) -> Kept:
        """Keep what can be read from `content`. NotAllowed for more than `largest` bytes; then nothing is kept."""
        token = secrets.token_hex(16)
        with self._lock:
            if self._root is None:  # 0700, and gone with the process
                self._root = tempplace.Folder("uploads")
            folder = self._root.path / token
        folder.mkdir(mode=0o700)
        kept = Kept(token, _whose(session), self._clock(), folder, _plain(name))
        try:
            _copy(content, kept.path, largest)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.sweep()
        with self._lock:
            self._kept[token] = kept
            mine = [one for one in self._kept.values() if one.session == kept.session]
        for one in mine[:-MOST]:
            self.drop(one)
        timer = threading.Timer(HOUR + 1, self.sweep)  # also where nobody comes again
        timer.daemon = True
        timer.start()
        return kept

    def get(self, session: str, token: str) -> Kept:
        """UnknownThing for what is not kept, was kept too long, or came from another session."""
        self.sweep()
        kept = self._kept.get(token)
        if kept is None or kept.session != _whose(session):
            raise UnknownThing("this file is not here any more", hint="Choose it once more.")
        return kept

    def drop(self, kept: Kept) -> None:
        """Let go of a file."""
        with self._lock:
            self._kept.pop(kept.token, None)
        shutil.rmtree(kept.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Let go of all that was kept for an hour."""
        now = self._clock()
        for one in [one for one in list(self._kept.values()) if now - one.since >= HOUR]:
            self.drop(one)


def _copy(content: IO[bytes], path: Path, largest: int) -> None:
    size = 0
    with path.open("xb") as file:
        while chunk := content.read(2**20):
            size += len(chunk)
            if size > largest:
                raise NotAllowed("that is too much to import at once", hint=f"At most {largest >> 20} MB.")
            file.write(chunk)


def _whose(session: str) -> bytes:
    return sha256(session.encode()).digest()


def _plain(name: str) -> str:
    """The last part of a name without anything that means something to a file system."""
    last = re.split(r"[/\\]", name)[-1]
    stem, dot, ending = _STRANGE.sub("_", last).strip(" .").rpartition(".")
    return f"{_short(stem if dot else ending, 80)}{dot}{_short(ending, 10) if dot else ''}" or "upload"


def _short(text: str, most: int) -> str:
    """So many characters of a text, and no more bytes than twice as many: names have room for 255."""
    return text[:most].encode(errors="ignore")[: 2 * most].decode(errors="ignore")


__all__ = ["HOUR", "MOST", "Kept", "Shelf"]
