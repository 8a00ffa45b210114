"""An order or checkout without the person: amounts, dates and lines stay, so that the shop's totals do (R56)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from klientela.model.records import Checkout, Order
from klientela.rules import orderhand

_PERSONAL = (
    "customer", "first_name", "last_name", "company", "email", "phone", "addresses", "tags", "billing", "shipping",
)  # fmt: skip


def without_person(fact: Order | Checkout) -> Order | Checkout:
    """The same order or checkout, with nothing that says whose it was: it belongs to nobody and makes no row (R13b).

    Doing it twice changes nothing. Numbers and ids are the shop's words for the order, not for a person; one that names
    the person all the same is hidden (`hidden`).
    """
    said: dict[str, Any] = {name: UNSET for name in _PERSONAL if getattr(fact, name, UNSET) is not UNSET}
    if isinstance(fact, Order) and fact.pinned is not UNSET:  # what operators say of it: the amounts' part stays
        units = {orderhand.UNIT_OF[name] for name in orderhand.PERSONAL}
        said["pinned"] = [one for one in fact.pinned if one not in units] or UNSET
    return replace(fact, **said) if said else fact


def nobodys(fact: Order | Checkout) -> Order | Checkout:
    """The same of somebody who was erased: an order that says so, for another source may pass it on in words of its own."""
    left = without_person(fact)
    return replace(left, erased=True) if isinstance(left, Order) else left


def hidden(fact: Order | Checkout, mask: Callable[[str], str]) -> Order | Checkout:
    """The same order by other words, for its own name the person: its id and its number as `mask` has them; of a checkout
    the order that it became."""
    if isinstance(fact, Checkout):
        return replace(fact, order=mask(fact.order)) if fact.order else fact
    number = {"number": mask(fact.number)} if fact.number else {}
    return replace(fact, external_id=mask(fact.external_id), **number)


def is_without_person(fact: Order | Checkout) -> bool:
    """Whether nothing of it says whose it was."""
    return all(not getattr(fact, name, UNSET) for name in _PERSONAL)


__all__ = ["hidden", "is_without_person", "nobodys", "without_person"]
