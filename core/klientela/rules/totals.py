"""Which orders count, under which policy, and why not (R30-R36)."""

from __future__ import annotations

from msgspec import UNSET, Struct

from klientela.model.instants import Instant
from klientela.model.records import Order

NEVER_COUNTS = {"offer": "offer", "deleted": "deleted", "void": "void", "cancelled": "cancelled"}

OTHER_CARRIER = "other carrier"
"""Why an order does not count whose place another source's record of it takes (R29, R31)."""


NEVER_AN_ORDER = ("offer", "deleted")


class Settled(Struct, frozen=True, gc=False):
    """One order under both policies. Money in minor units of `currency`."""

    currency: str
    placed: Instant | None
    state: str
    test: bool
    gross: int | None  # None: does not count under gross
    ltv: int | None  # None: does not count under ltv
    why_not: str | None  # the one reason it does not count under ltv (R31)


def settle(order: Order, currency: str) -> Settled:
    """The figures of an order. `currency` is the shop's, for orders that name none."""
    state = order.state if order.state is not UNSET else "open"
    total = order.total if order.total is not UNSET else 0
    net = total
    if order.refunded is not UNSET:
        net -= order.refunded
    current = order.current_total
    if current is not UNSET and current is not None and current < net:
        net = current
    if net < 0:
        net = 0
    test = order.test is True
    credit_note = bool(order.credits)
    why_not: str | None = None
    if credit_note:
        why_not = "credit note"
    elif order.cancels:
        why_not = "cancelled"  # the paper that cancels another order is no order itself (R29b)
    elif test:
        why_not = "test"
    elif state in NEVER_COUNTS:
        why_not = NEVER_COUNTS[state]
    elif not (net > 0 or total == 0):
        why_not = "refunded"
    gross = None if state in NEVER_AN_ORDER or credit_note or order.cancels else total
    return Settled(
        order.currency if order.currency is not UNSET else currency,
        order.placed_at if order.placed_at is not UNSET else None,
        state,
        test,
        gross,
        net if why_not is None else None,
        why_not,
    )


def reason(why_not: str | None, state: str, gross: int | None) -> str | None:
    """The one reason that is true of every figure an order is missing from: an offer that is a test too is no order at
    all, while a test counts under gross."""
    return state if gross is None and why_not == "test" and state in NEVER_AN_ORDER else why_not
