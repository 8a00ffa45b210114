"""Which checkout became which order (R32): grey "abandoned", or green "recovered" beside the order that came of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import NamedTuple

from klientela.model.instants import MINUTE, Instant

NEAR = 10 * MINUTE
"""How long after (or before, clocks differ) the end of its checkout an order may have been placed."""


class Bought(NamedTuple):
    """An order, as badges see it. `key` names it; `source` is the shop it was read from, whose ids break ties."""

    key: int
    source: str
    external_id: str
    token: str | None
    buyer: Hashable
    total: int | None
    currency: str
    placed: Instant | None


class Cart(NamedTuple):
    """A checkout, as badges see it. `order` is the external id of the order, where the source says it."""

    key: int
    source: str
    external_id: str
    token: str | None
    order: str | None
    buyer: Hashable
    value: int | None
    currency: str
    completed: Instant | None


def match(carts: Iterable[Cart], orders: Iterable[Bought]) -> dict[int, int]:
    """Checkout key -> order key. Each checkout becomes at most one order, each order comes of at most one checkout.

    The source's word counts most, then an equal token; else a completed checkout is the order of the same buyer with
    the same total in the same currency that was placed within minutes of its completion. Never a matter of arrival:
    of several the nearest in time wins, then the smaller external ids.
    """
    sold = list(orders)
    candidates = []
    for cart in carts:
        for order in sold:
            rank = _rank(cart, order)
            if rank is not None:
                candidates.append((*rank, cart.external_id, order.external_id, cart.source, cart.key, order.key))
    candidates.sort(key=lambda c: c[:5])
    found: dict[int, int] = {}
    taken: set[int] = set()
    for *_, cart_key, order_key in candidates:
        if cart_key not in found and order_key not in taken:
            found[cart_key] = order_key
            taken.add(order_key)
    return found


def _rank(cart: Cart, order: Bought) -> tuple[int, int] | None:
    """How sure it is that a checkout became an order, and how far apart they are; None for not at all."""
    if cart.source != order.source:
        return None
    if cart.order is not None:
        return (0, 0) if cart.order == order.external_id else None
    if cart.token is not None and order.token is not None:
        return (1, 0) if cart.token == order.token else None
    if cart.completed is None or order.placed is None or cart.value is None:
        return None
    gap = abs(order.placed - cart.completed)
    same = (cart.buyer, cart.value, cart.currency) == (order.buyer, order.total, order.currency)
    return (2, gap) if same and gap <= NEAR else None


def badge(cart: Cart, order: object) -> str:
    """`recovered` once it was completed, with or without an order found; else `abandoned`."""
    return "recovered" if order is not None or cart.completed is not None else "abandoned"
