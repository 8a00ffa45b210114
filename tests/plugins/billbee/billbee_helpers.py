"""Reading a pretend account as the core would, and its truth in the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandboxes import records, standing

from klientela.kit import UNSET, Order, Person, Window
from klientela.store import Store, facts
from klientela_billbee.sandbox import API_KEY, PASSWORD, USER, Sandbox
from klientela_billbee.sandbox.things import CANCELLED, DELETED, OFFERED
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.source import BillbeeSource

Connect = Callable[..., BillbeeSource]
Told = dict[tuple[str, str], tuple[Any, ...]]


class SmallPages(BillbeeSource):
    """The source with a few rows on a page, so that a list has many."""

    size = 7


def settings_of(url: str, **settings: Any) -> BillbeeSettings:
    """What connects to a sandbox; without spacing, for it has no limit."""
    way_in = {"user": USER, "password": PASSWORD, "api_key": API_KEY, "spacing": 0}
    return BillbeeSettings(**{"type": "billbee", "base_url": url, **way_in, **settings})


def orders(source: BillbeeSource, window: Window | None = None) -> dict[str, Order]:
    """The orders of a window by external id."""
    return {one.external_id: one for one in records(source, "orders", window) if isinstance(one, Order)}


def truth(box: Sandbox) -> Told:
    """The true state of an account, read from its objects."""
    told: Told = {}
    for one in box.customers.values():
        homes = sum(home.archived_at is None for home in one.addresses)
        told["customer", str(one.id)] = (one.name, one.email, one.phone, homes, str(one.number))
    for order in box.orders.values():
        state = {DELETED: "deleted", CANCELLED: "cancelled", OFFERED: "offer"}.get(order.state)
        told["order", str(order.id)] = (
            None if order.customer not in box.customers else str(order.customer),
            order.total,
            state,
            order.is_test,
            len(order.items),
            order.number,
        )
    return told


def known(store: Store, name: str = "bb") -> Told:
    """What the store says of an account's objects that are not gone, in the words of `truth`."""
    loaded = standing(store, name)
    here = {one.ext for one in loaded if one.entity == facts.CUSTOMER}
    return {(facts.entity_name(one.entity), one.ext): told(one.fact, here) for one in loaded}


def told(record: Person | Order, here: set[str]) -> tuple[Any, ...]:
    """A record in the words of `truth`; a buyer who is gone is nobody."""
    if isinstance(record, Person):
        name = " ".join(part for part in (record.first_name, record.last_name) if part)
        homes = record.addresses if record.addresses is not UNSET else []
        numbers = record.numbers if record.numbers is not UNSET else []
        own = next((one.value for one in numbers if one.space is None), None)
        company = record.company if record.company is not UNSET else None
        return (
            company if company and "Handels" in company else name or None,
            record.email,
            record.phone,
            len(homes),
            own,
        )
    state = record.state if record.state in ("deleted", "cancelled", "offer") else None
    buyer = record.customer if record.customer in here else None
    lines = record.lines if record.lines is not UNSET else []
    return (buyer, record.total, state, record.test, len(lines), record.number)
