"""Folding: how text is compared, sorted and searched; pure, and the same on both databases because it is Python."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_GERMAN_LONG = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "æ": "ae",
        "ø": "oe",
        "å": "aa",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
    }
)
_GERMAN_SHORT = str.maketrans(
    {"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SHAPELESS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")  # fillers, which count as letters or signs
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def strip_marks(text: str) -> str:
    """Drop combining marks: `é` becomes `e`."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _letters(low: str, table: dict[int, str]) -> str:
    """Special letters and marks as plain letters; `ǿ` is a special one only when its mark is gone."""
    return strip_marks(low.translate(table)).translate(table)


def clean(text: str) -> str:
    """NFKC, trimmed, without zero-width characters."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFKC", text).translate(_ZERO_WIDTH).strip()


def visible(text: str) -> bool:
    """Whether anything of a text can be seen: what is asked for is not given by blanks and characters without a shape."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in _SHAPELESS for one in text)


@lru_cache(maxsize=8192)
def fold_words(text: str) -> str:
    """Identity fold: ä=ae, ß=ss, no accents, words of a-z0-9 (or other scripts' letters) with single blanks.

    Müller, Mueller and MÜLLER are one; Muller is another (the edit distance may still bring it near).
    """
    low = clean(text).casefold()
    if not low.isascii():
        low = _letters(unicodedata.normalize("NFC", low), _GERMAN_LONG).casefold()
    if low.isascii():
        return _NOT_WORD.sub(" ", low).strip()
    return " ".join("".join(c if c.isalnum() else " " for c in low).split())


def sort_key_once(text: str) -> str:
    """DIN 5007-1: ä=a, ß=ss, case and accents ignored (R52). For texts that hardly come twice."""
    low = clean(text).casefold()
    if low.isascii():
        return " ".join(low.split())
    return " ".join(_letters(low, _GERMAN_SHORT).split())


sort_key = lru_cache(maxsize=8192)(sort_key_once)
"""`sort_key_once` for names, companies and cities, which come again and again."""


def search_text(*parts: str | None) -> str:
    """The searchable text of a row: every word in both foldings, each word after one blank.

    A term of one or two letters matches the start of a word (a blank before it), a longer one anywhere (R54).
    """
    words: dict[str, None] = {}
    for part in parts:
        if part:
            words.update(_words_once(part) if "@" in part else _words(part))
    return " " + " ".join(words) if words else ""


def _words_once(text: str) -> dict[str, None]:
    words = dict.fromkeys(sort_key_once(text).split())
    if not text.isascii():
        low = unicodedata.normalize("NFC", clean(text).casefold())
        words.update(dict.fromkeys(_letters(low, _GERMAN_LONG).split()))
    return words


_words = lru_cache(maxsize=8192)(_words_once)
