"""The files behind a path or pattern: where they are, whether they changed, what their bytes tell.

One look at an unchanged file is one `stat`. Only a file that is new, changed or too young for its time to be trusted
is read through once, for its hash and for what the encoding is told from.
"""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from klientela.kit import Interrupted, Misconfigured, SourceBroken

_CHUNK = 1 << 20

# A file written twice within the clock tick of its file system keeps its time: only older ones are believed.
_TOO_YOUNG = 2_000_000_000

Stamp = tuple[int, int, int, int]
"""Size, time of last change, time of last change of the inode (which nobody can set back), inode."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one reading of all bytes told.

    bom           "utf-8", "utf-16-le", "utf-16-be" or "": the mark at the beginning
    wide          without a mark: the UTF-16 that its zero bytes betray, or ""
    good, bad     letters beyond ASCII that are UTF-8, and bytes that are not
    nul           whether it holds zero bytes (in UTF-16: zero characters)
    """

    sha256: str
    bom: str
    wide: str
    good: int
    bad: int
    nul: bool


@dataclass(frozen=True, slots=True)
class Look:
    """A file at one moment."""

    path: Path
    stamp: Stamp
    survey: Survey


# Per process, not per source object: a source may be made anew for every run, an unchanged file stays one stat.
_known: dict[Path, tuple[Look, bool]] = {}


def find(path: str, folder: str) -> list[Path]:
    """The files of a path or pattern, in the order of their names (R0a). SourceBroken when there is none."""
    whole = Path(folder, os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises without a home
    if whole.is_dir():
        raise Misconfigured(f"{path} is a folder, not a file", hint=f"Write a pattern, for example {path}/*.csv.")
    if whole.exists() or not glob.has_magic(path):
        found = [whole]
    else:
        found = sorted(Path(name) for name in glob.glob(str(whole), recursive=True) if Path(name).is_file())  # noqa: PTH207
    if not found:
        raise SourceBroken(f"no file matches {path}", hint=f"It is looked for in {Path(folder).resolve()}.")
    return found


def stamp(file: BinaryIO | Path) -> Stamp:
    """The stamp of a file, by one system call. SourceBroken when it is not there or is no file."""
    try:
        found = file.stat() if isinstance(file, Path) else os.fstat(file.fileno())
    except OSError as error:
        raise unreadable(Path(getattr(file, "name", str(file))), error) from error
    if not S_ISREG(found.st_mode):
        raise SourceBroken(f"{getattr(file, 'name', file)} is not a file", hint="Name a CSV file.")
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def unreadable(path: Path, error: OSError) -> SourceBroken:
    """The sentence for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return SourceBroken(f"{path} does not exist", hint="Check the path; it starts at the configuration's folder.")
    if isinstance(error, PermissionError):
        return SourceBroken(f"{path} may not be read", hint="Give the user that runs klientela the right to read it.")
    return SourceBroken(f"{path} cannot be read: {error.strerror or error}", hint="Try again later.")


def look(path: Path, stop: threading.Event | None = None) -> Look:
    """The file as it is now: from memory if its stamp is the known one, else read through."""
    now = stamp(path)
    known = _known.get(path)
    if known is not None and known[1] and known[0].stamp == now:
        return known[0]
    started = time.time_ns()
    try:
        with path.open("rb") as file:
            before = stamp(file)
            seen = Look(path, before, survey(file, stop))
            if stamp(file) != before:
                raise changed(path)
    except OSError as error:
        raise unreadable(path, error) from error
    _known[path] = (seen, max(before[1], before[2]) < started - _TOO_YOUNG)
    return seen


def changed(path: Path) -> SourceBroken:
    """The sentence for a file that somebody writes while we read."""
    return SourceBroken(f"{path.name} changed while it was read", hint="The next run reads it from the beginning.")


def survey(file: BinaryIO, stop: threading.Event | None = None) -> Survey:
    """Read all bytes once, in constant memory."""
    digest = hashlib.sha256()
    first = file.read(_CHUNK)
    bom = _mark(first)
    wide = "" if bom else _without_mark(first)
    counter = _Wide(bom or wide) if (bom or wide).startswith("utf-16") else _Narrow(bom)
    chunk = first
    while chunk:
        if stop is not None and stop.is_set():
            raise Interrupted("the reading of a file was asked to stop")
        digest.update(chunk)
        counter.count(chunk)
        chunk = file.read(_CHUNK)
    counter.count(b"", final=True)
    return Survey(digest.hexdigest(), bom, wide, counter.good, counter.bad, counter.nul)


_ESCAPED = re.compile("[\udc80-\udcff]")
_BEYOND = re.compile("[^\x00-\x7f\udc80-\udcff]")


class _Narrow:
    """Counts letters of UTF-8 and bytes that are none."""

    def __init__(self, bom: str) -> None:
        self.good = -1 if bom else 0  # the mark itself is no letter
        self.bad = 0
        self.nul = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def count(self, chunk: bytes, final: bool = False) -> None:
        self.nul = self.nul or b"\0" in chunk
        text = self._decoder.decode(chunk, final)
        if text.isascii():
            return
        bad = len(_ESCAPED.findall(text))
        self.bad += bad
        self.good += len(_BEYOND.findall(text)) if bad else len(text) - len(text.encode("ascii", "ignore"))


class _Wide:
    """Counts what UTF-16 cannot be."""

    def __init__(self, encoding: str) -> None:
        self.good = 0
        self.bad = 0
        self.nul = False
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def count(self, chunk: bytes, final: bool = False) -> None:
        text = self._decoder.decode(chunk, final)
        self.nul = self.nul or "\0" in text
        self.bad += text.count("\ufffd")


def _mark(start: bytes) -> str:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if start.startswith(codecs.BOM_UTF16_BE) else ""


def _without_mark(start: bytes) -> str:
    """UTF-16 without its mark: Latin text has a zero in every other byte."""
    head = start[:4096]
    if len(head) < 4 or head.count(0) * 3 < len(head):
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 4 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 4 * odd else ""
