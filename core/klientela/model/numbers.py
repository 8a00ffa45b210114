"""Whole numbers as people type them: one reading for commands, the page, the push API and the environment."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)


def whole(text: str, *, longest: int = 18) -> int | None:
    """The number that a text is: ASCII digits, perhaps with a minus before them, and nothing else; None for what is none.

    What only a program would take for a number is none: `1.0`, `1_0`, `1e1`, `+1`, `١`, a blank at either end. More digits
    than `longest` (as many as both databases hold for sure) are none either.

    >>> whole("42"), whole("-1"), whole("1_0"), whole(" 1")
    (42, -1, None, None)
    """
    return int(text) if _DIGITS.fullmatch(text) and len(text.removeprefix("-")) <= longest else None


__all__ = ["whole"]
