"""What a profile tells of a customer's habits: tiles, top products, what came of each letter (H6, B15-B17)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import UNSET

from klientela.model.instants import Instant, instant, iso
from klientela.model.money import average, decimal
from klientela.rules import habits
from klientela.rules.habits import Bought, Product, Sent
from klientela.store.purchases import Settled

_TENTH = Decimal("0.1")
_YEAR = Decimal("365.25")


class Scale(NamedTuple):
    """By what a profile counts: the shop's currency and zone, the view's policy, and the moment it is looked at."""

    currency: str
    zone: ZoneInfo
    gross: bool
    now: Instant | None


def bought(orders: Sequence[Settled], listed: Sequence[Mapping[str, Any]], gross: bool) -> list[Bought]:
    """The orders that count under the view's policy, by their public ids; `listed` are the same in the profile."""
    made = []
    for order, shown in zip(orders, listed, strict=True):
        amount = order.gross if gross else order.ltv
        if amount is not None:
            lines = order.loaded.fact.lines
            made.append(
                Bought(shown["id"], order.placed, order.currency, amount, lines if lines is not UNSET and lines else ())
            )
    return made


def tiles(orders: Sequence[Bought], by: Scale) -> dict[str, Any]:
    """`{"totals", "orders", "sum", "average", "first_order", "last_order", "days_since", "every_days", "per_year"}`.

    Money is a list, each currency by itself (R34), the average each currency's own, null without orders (R30b).
    `days_since` is null without orders, and where nobody said which day it is; `every_days` (days from one order to the
    next, one decimal) and `per_year` (orders) are null below two orders, `per_year` also where all are of one day.
    """
    sums: dict[str, list[int]] = {}
    for order in orders:
        slot = sums.setdefault(order.currency, [0, 0])
        slot[0] += order.amount
        slot[1] += 1
    codes = sorted(sums, key=lambda code: (code != by.currency, code))
    rhythm = habits.rhythm(orders, by.zone)
    return {
        "totals": "gross" if by.gross else "ltv",
        "orders": len(orders),
        "sum": [_money(sums[code][0], code) for code in codes] or [_money(0, by.currency)],
        "average": [_money(average(*sums[code]), code) for code in codes] or None,
        "first_order": None if rhythm.first is None else iso(rhythm.first),
        "last_order": None if rhythm.last is None else iso(rhythm.last),
        "days_since": None if rhythm.last is None else _since(rhythm.last, by),
        "every_days": None if rhythm.every is None else _tenths(rhythm.every),
        "per_year": _tenths(_YEAR / rhythm.every) if rhythm.every else None,
    }


def top_products(orders: Sequence[Bought], by: Scale) -> dict[str, list[dict[str, Any]]]:
    """`by_quantity` and `by_sum`: at most five products each, `{"title", "sku", "quantity", "sum", "orders"}`."""
    found = habits.products(orders)
    return {
        "by_quantity": [_product(one, by.currency) for one in habits.most_bought(found, by.currency)],
        "by_sum": [_product(one, by.currency) for one in habits.most_spent(found, by.currency)],
    }


def tell_effects(letters: Iterable[dict[str, Any]], orders: Sequence[Bought], by: Scale) -> dict[str, Any] | None:
    """Give each letter of a profile its `effect`, `{"order", "days", "scanned"}` or null, and tell the last one sent:
    `{"letter", "sent_at", "days"}`, null where none was; `days` is null where nobody said which day it is."""
    sent = []
    shown = list(letters)
    for letter in shown:
        if letter["sent_at"] is not None and letter["status"] in ("sent", None):
            scans = [instant(scan) for scan in letter["scans"]]
            sent.append(Sent(letter["id"], instant(letter["sent_at"]), scans))
    found = habits.effects(sent, orders, by.zone)
    for letter in shown:
        effect = found.get(letter["id"])
        letter["effect"] = None if effect is None else effect._asdict()
    last = habits.latest(sent)
    return None if last is None else {"letter": last.key, "sent_at": iso(last.at), "days": _since(last.at, by)}


def _product(one: Product, currency: str) -> dict[str, Any]:
    codes = sorted(one.sums, key=lambda code: (code != currency, code))
    whole = one.quantity == one.quantity.to_integral_value()
    return {
        "title": one.title,
        "sku": one.sku,
        "quantity": int(one.quantity) if whole else float(one.quantity),
        "sum": [_money(one.sums[code], code) for code in codes],
        "orders": len(one.orders),
    }


def _since(then: Instant, by: Scale) -> int | None:
    return None if by.now is None else habits.since(then, by.now, by.zone)


def _tenths(value: Decimal) -> str:
    return str(value.quantize(_TENTH, ROUND_HALF_UP))


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"amount": decimal(amount, currency), "currency": currency}
