"""Values as Billbee writes them: text that may be a number, times with and without zone, exact amounts."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import UnsetType

from klientela.kit import Address, Instant, instant, minor
from klientela_billbee.nodes import Amount, Text, Word

SANE = 15
"""Digits before the point, at most: more is damage, and costs as much to compute with as somebody likes."""


def text_of(word: Word) -> Text:
    """Trimmed text; None for nothing but blanks."""
    if isinstance(word, (str, int)):
        return str(word).strip() or None
    return word


def word_of(word: Word) -> str | None:
    """The same for fields that are chosen whole with others: absent is nothing."""
    return text_of(word) or None


def moment_of(text: Text, zone: ZoneInfo) -> Instant | UnsetType | None:
    """An instant. Their "no time" is null, empty or the first day of the year 1."""
    if not isinstance(text, str):
        return text
    return None if not text.strip() or text.startswith("0001-") else instant(text, zone)


def first_moment(zone: ZoneInfo, *texts: Text) -> Instant | None:
    """The first of some times that is told; None where none is. ValueError when unreadable."""
    return next((found for text in texts if isinstance(found := moment_of(text, zone), int)), None)


def money(amount: Amount, currency: str) -> int | None:
    """Minor units; None where there is no amount."""
    if not isinstance(amount, Decimal):
        return None
    if amount and amount.adjusted() >= SANE:
        raise ValueError("an amount of money is out of range")
    return minor(amount, currency)


def somewhere(one: Address) -> bool:
    """Whether an address names a place."""
    return bool(one.street or one.line2 or one.zip or one.city or one.company or one.country)
