"""Words that many pushed things share, into ours: times, money, addresses, lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from klientela.kit import UNSET, Address, Instant, Line, RecordRejected, Shop, instant, minor
from klientela_api.shapes import AddressIn, LineIn, Minor, Money


def plain(text: str) -> str:
    """Text that every database and every answer can hold: JSON may spell halves of characters."""
    return text.encode("utf-8", "replace").decode()


def carried(item: BaseModel, names: Sequence[str]) -> dict[str, Any]:
    """The fields that were sent, as they are: null clears, what is absent says nothing (R0b)."""
    return {name: getattr(item, name) if name in item.model_fields_set else UNSET for name in names}


def address(one: AddressIn) -> Address:
    return Address(**one.model_dump())


def line(one: LineIn, currency: str) -> Line:
    return Line(
        title=one.title,
        sku=one.sku,
        quantity=one.quantity,
        unit_price=_maybe("lines.unit_price", one.unit_price, currency),
        total=_maybe("lines.total", one.total, currency),
    )


def _maybe(name: str, amount: Money | None, currency: str) -> int | None:
    return None if amount is None else money(name, amount, currency)


def money(name: str, amount: Money, currency: str) -> int:
    if isinstance(amount, Minor):
        return amount.minor
    try:
        return minor(amount, currency)
    except ValueError as error:
        raise RecordRejected(f"{name}: {error}") from None


def time(name: str, text: str | None, shop: Shop) -> Instant | None:
    if text is None:
        return None
    try:
        return instant(text, shop.timezone)
    except (ValueError, OverflowError):
        raise RecordRejected(f"{name}: this is no time; write ISO 8601, like 2026-05-14T11:23:45+02:00") from None


__all__ = ["address", "carried", "line", "money", "plain", "time"]
