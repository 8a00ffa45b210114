"""Tells rows of UTF-8 from rows of an older encoding where one file holds both, and text that was encoded twice.

Such files come from gluing exports together. Read in one encoding, `Jürgen` becomes `JÃ¼rgen` without anybody being
told, and joins nobody. Letters decide: what is UTF-8 from the first byte to the last, and Latin letters at that, is no
chance; a capital Ä before a French quotation mark alone would be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Script = Literal["own", "utf-8", "both"]

_LATIN = re.compile(
    rb"\xc2[\xa0-\xbf]|[\xc3-\xc8][\x80-\xbf]|\xc9[\x80-\x8f]|\xe1[\xb8-\xbb][\x80-\xbf]|\xe2[\x80-\x83][\x80-\xbf]"
)
"""A Latin letter or a sign beside it as UTF-8 has them."""
_BEYOND = re.compile(rb"[\x80-\xff]+")
_ENOUGH = 4
"""So many letters of any script are no chance either; two are: RÓŻA in capitals, as cp1250, is a letter of Tajik."""


def script(raw: bytes) -> Script:
    """How a row is written in a file of UTF-8 and an older encoding: all in one of them, or in both."""
    if raw.isascii():
        return "own"
    latin = bool(_LATIN.search(raw))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return "both" if latin else "own"
    letters = len(text) - len(text.encode("ascii", "ignore"))
    only_latin = not _BEYOND.search(_LATIN.sub(b"", raw))
    return "utf-8" if only_latin or letters >= _ENOUGH else "own"


def healed(cells: Sequence[str], encoding: str) -> list[str]:
    """Cells that were read as another encoding, read as the UTF-8 they are."""
    return [
        cell if cell.isascii() else cell.encode(encoding, "surrogateescape").decode("utf-8", "surrogateescape")
        for cell in cells
    ]


_FOLLOWS = "".join(
    sorted({bytes([byte]).decode(name, "ignore") for byte in range(0x80, 0xC0) for name in ("cp1252", "latin-1")})
)
_TWICE = re.compile(f"[ÂÃÄÅ][{re.escape(_FOLLOWS)}]")


def twice(text: str) -> bool:
    """Whether it looks as if UTF-8 had been taken for cp1252 and encoded once more: `JÃ¼rgen`."""
    return _TWICE.search(text) is not None


__all__ = ["Script", "healed", "script", "twice"]
