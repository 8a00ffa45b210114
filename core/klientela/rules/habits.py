"""What somebody buys, how often, and after which letter: pure functions over one customer's orders (H6, B15-B17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from klientela.model.instants import Instant, day
from klientela.model.records import Line

MOST = 5
"""So many products are the top ones (H6)."""


class Bought(NamedTuple):
    """An order that counts under the view's policy. `key` names it; money in minor units."""

    key: str
    placed: Instant | None
    currency: str
    amount: int
    lines: Sequence[Line] = ()


class Sent(NamedTuple):
    """A letter that was sent, and when the code on it was scanned. `key` names it."""

    key: str
    at: Instant
    scans: Sequence[Instant] = ()


# -- products -----------------------------------------------------------------------------------------------------------


@dataclass
class Product:
    """What was bought of one product: as the newest order calls it; sums by currency, each in minor units."""

    sku: str | None
    title: str | None
    quantity: Decimal = Decimal(0)
    sums: dict[str, int] = field(default_factory=dict)
    orders: set[str] = field(default_factory=set)


def products(orders: Iterable[Bought]) -> list[Product]:
    """Every product of some orders, in no order that means anything.

    Lines are of one product by their SKU, those without one by their title; lines that name neither are none. A line
    without total counts its unit price by its quantity; money is what was ordered, whatever was refunded later.
    """
    found: dict[tuple[str, str], Product] = {}
    for order in sorted(orders, key=_newest):
        for line in order.lines:
            key = _product(line)
            if key is None:
                continue
            product = found.get(key)
            if product is None:
                product = found[key] = Product((line.sku or "").strip() or None, (line.title or "").strip() or None)
            elif product.title is None:
                product.title = (line.title or "").strip() or None
            quantity = Decimal(str(line.quantity))
            product.quantity += quantity
            product.orders.add(order.key)
            worth = _worth(line, quantity)
            if worth is not None:
                product.sums[order.currency] = product.sums.get(order.currency, 0) + worth
    return list(found.values())


def most_bought(found: Iterable[Product], currency: str) -> list[Product]:
    """The top products by quantity; of equal ones those that cost more."""
    return sorted(found, key=lambda p: (-p.quantity, *_by_sum(p, currency), *_name(p)))[:MOST]


def most_spent(found: Iterable[Product], currency: str) -> list[Product]:
    """The top products by what was spent in the shop's `currency` (R34), then by quantity."""
    return sorted(found, key=lambda p: (*_by_sum(p, currency), -p.quantity, *_name(p)))[:MOST]


def _newest(order: Bought) -> tuple[bool, int, str]:
    return (order.placed is None, -(order.placed or 0), order.key)


def _product(line: Line) -> tuple[str, str] | None:
    for kind, text in (("sku", line.sku), ("title", line.title)):
        folded = " ".join((text or "").split()).casefold()
        if folded:
            return kind, folded
    return None


def _worth(line: Line, quantity: Decimal) -> int | None:
    if line.total is not None:
        return line.total
    return None if line.unit_price is None else int((line.unit_price * quantity).to_integral_value("ROUND_HALF_UP"))


def _by_sum(product: Product, currency: str) -> tuple[int, int]:
    """What was spent in the shop's currency; where that is nothing, in all others there is."""
    return -product.sums.get(currency, 0), -sum(product.sums.values())


def _name(product: Product) -> tuple[str, str]:
    return product.title or "", product.sku or ""


# -- how often ------------------------------------------------------------------------------------------------------------


class Rhythm(NamedTuple):
    """When somebody bought first and last, days between, and how many days lie between two orders on average."""

    first: Instant | None
    last: Instant | None
    span: int | None
    every: Decimal | None  # null for fewer than two orders whose time is known


def rhythm(orders: Iterable[Bought], zone: ZoneInfo) -> Rhythm:
    """How often somebody buys (B16), by calendar days in the shop's zone."""
    times = sorted(order.placed for order in orders if order.placed is not None)
    if not times:
        return Rhythm(None, None, None, None)
    span = day(times[-1], zone) - day(times[0], zone)
    return Rhythm(times[0], times[-1], span, Decimal(span) / (len(times) - 1) if len(times) > 1 else None)


def since(then: Instant, now: Instant, zone: ZoneInfo) -> int:
    """How many calendar days ago it was; never less than none."""
    return max(0, day(now, zone) - day(then, zone))


# -- letters --------------------------------------------------------------------------------------------------------------


class Effect(NamedTuple):
    """The first order after a letter: which, how many days later, and whether the code was scanned before it."""

    order: str
    days: int
    scanned: bool


def effects(letters: Iterable[Sent], orders: Iterable[Bought], zone: ZoneInfo) -> Mapping[str, Effect]:
    """For each letter that an order followed, the first one (B15): letter -> effect.

    An order follows one letter only, the latest that was sent before it (of two sent at once, that with the smaller
    key): five letters and one order are not five successes.
    """
    sent = sorted(letters, key=lambda one: (-one.at, one.key))
    found: dict[str, Effect] = {}
    for order in sorted((one for one in orders if one.placed is not None), key=lambda one: (one.placed or 0, one.key)):
        placed = order.placed or 0
        letter = next((one for one in sent if one.at < placed), None)
        if letter is not None and letter.key not in found:
            days = day(placed, zone) - day(letter.at, zone)
            found[letter.key] = Effect(order.key, days, any(scan <= placed for scan in letter.scans))
    return found


def latest(letters: Iterable[Sent]) -> Sent | None:
    """The letter that was sent last (B17)."""
    return min(letters, key=lambda one: (-one.at, one.key), default=None)
