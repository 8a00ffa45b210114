"""What operators say of an order: one partial Order, folded from their decisions and laid over what its source says (R38)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from klientela.model.records import Address, Order, OrderState
from klientela.rules import hand
from klientela.rules.hand import EDIT, KINDS_OF_ADDRESSES, PIN, Say

UNIT_OF = {
    "first_name": "name",
    "last_name": "name",
    "company": "company",
    "phone": "phone",
    "state": "state",
    "address": "address",
    "billing": "billing",
    "shipping": "shipping",
}
"""The fields of an order that an operator may set, and the unit each is pinned with. Never the e-mail (R37), and nothing
by which orders are counted or known again: amounts, lines, dates, numbers."""

STATES: tuple[str, ...] = get_args(OrderState)

PERSONAL = frozenset(UNIT_OF) - {"state"}
"""The fields of these that say who somebody is: they go with the person (R56)."""

_SINGLE = tuple(name for name in UNIT_OF if name not in ("address", *KINDS_OF_ADDRESSES))


def fold(external_id: str, says: Iterable[Say]) -> Order | None:
    """What decisions together say of an order, the newest last; None where they say nothing."""
    values: dict[str, Any] = {}
    pinned: dict[str, bool] = {}
    for kind, said in says:
        if kind in (EDIT, PIN):
            values[said["field"]] = said["value"]
            pinned[said["field"]] = kind == PIN
    if not values:
        return None
    hand.read_places(values)
    units = sorted({UNIT_OF[field] for field, holds in pinned.items() if holds})
    if units:
        values["pinned"] = units
    return msgspec.convert({"external_id": external_id, **values}, Order, from_attributes=True)


def lay_over(order: Order, said: Order) -> Order:
    """An order as its source and the operators together tell it: a scalar of theirs replaces the source's, their address
    the first one whole, one of a kind the first of that kind."""
    values: dict[str, Any] = {}
    for name in (*_SINGLE, "pinned"):
        word = getattr(said, name)
        if word is not UNSET:
            values[name] = word
    places = places_of(order)
    if said.addresses is not UNSET:
        values["addresses"] = places = [*(said.addresses or ()), *places[1:]]
    for kind in KINDS_OF_ADDRESSES:
        word = getattr(said, kind)
        if word is not UNSET:
            values["addresses"] = places = hand.of_kind(kind, word, places)
    return replace(order, **values)


def places_of(order: Order) -> list[Address]:
    """The addresses of an order; none where it says nothing of them."""
    return list(order.addresses) if order.addresses is not UNSET and order.addresses else []


def place(unit: str, places: Sequence[Address]) -> Address | None:
    """The address of some that a unit means: the first one, or the first of its kind."""
    return next((one for one in places if unit == "address" or one.kind == unit), None)


def pins(order: Order, unit: str) -> bool:
    """Whether an operator pinned that unit on this carrier of an order."""
    return order.pinned is not UNSET and unit in order.pinned


def with_pinned_places(places: Sequence[Address], pinned: Iterable[tuple[str, Address]]) -> list[Address]:
    """Addresses with those that are pinned in the place of the first, or of the first of their kind."""
    made = list(places)
    for unit, one in pinned:
        made = [one, *made[1:]] if unit == "address" else hand.of_kind(unit, one, made)
    return made


__all__ = [
    "PERSONAL", "STATES", "UNIT_OF", "fold", "lay_over", "pins", "place", "places_of", "with_pinned_places",
]  # fmt: skip
