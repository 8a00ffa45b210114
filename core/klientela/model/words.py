"""Sentences about a number of things, for one thing as for several."""

from __future__ import annotations

import re

_FORMS = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


def agree(count: int, text: str) -> str:
    """The text for so many: `[one|several]` is chosen by the count, `{}` is the count itself.

    >>> agree(1, "{} [record waits|records wait]")
    '1 record waits'
    """
    chosen = _FORMS.sub(lambda found: found[1 if count == 1 else 2], text)
    return chosen.replace("{}", str(count))


__all__ = ["agree"]
