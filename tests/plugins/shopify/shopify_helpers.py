"""Reading a pretend shop as the core would: pages, records, a mirror with cursors, and the truth to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandboxes import standing

from klientela.kit import UNSET, Checkout, Instant, Order, Person, Rejected, Window
from klientela.store import Store, facts
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.source import ShopifySource

Connect = Callable[..., ShopifySource]


class Mirror:
    """Keeps what a source says, newest version first, with a cursor per stream: the core in twenty lines."""

    def __init__(self, source: ShopifySource) -> None:
        self.source = source
        self.known: dict[tuple[str, str], Any] = {}
        self.newest: dict[str, Instant] = {}
        self.rejected: list[Rejected] = []
        self.read = 0

    def sync(self) -> None:
        """One run: all streams, each within a frozen window."""
        for stream in self.source.streams():
            newest = self.newest.get(stream.name)
            window = Window(None if newest is None else newest - stream.overlap, self.source.now())
            for page in stream.read(window, None):
                for record in page.records:
                    self._take(record)
                    if not isinstance(record, Rejected) and record.version is not None:
                        newest = max(newest or 0, record.version)
            if newest is not None:
                self.newest[stream.name] = newest if window.until is None else min(newest, window.until)
        swept = {one for ids in self.source.streams()[0].sweep() for one in ids}  # type: ignore[misc]
        for name in [key for key in self.known if key[0] == "customer" and key[1] not in swept]:
            del self.known[name]

    def _take(self, record: Any) -> None:
        self.read += 1
        if isinstance(record, Rejected):
            self.rejected.append(record)
            return
        name = (record.entity_default, record.external_id)
        if name not in self.known or self.known[name].version <= record.version:
            self.known[name] = record

    def summary(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """What it knows, in the words of `truth`. A buyer who is gone is nobody: when it was read decides no more."""
        here = {name for kind, name in self.known if kind == "customer"}
        return {name: _told(record, here) for name, record in self.known.items()}


def known(store: Store, name: str) -> dict[tuple[str, str], Any]:
    """What the store says of a shop's objects that are not gone, in the words of `truth`."""
    loaded = standing(store, name)
    here = {one.ext for one in loaded if one.entity == facts.CUSTOMER}
    return {(facts.entity_name(one.entity), one.ext): _told(one.fact, here) for one in loaded}


def _told(record: Person | Order | Checkout, here: set[str]) -> tuple[Any, ...]:
    if isinstance(record, Person):
        homes = record.addresses if record.addresses is not UNSET else []
        return (
            record.version,
            record.first_name,
            record.last_name,
            record.email,
            record.phone,
            len(homes),
            record.tags,
        )
    buyer = record.customer if record.customer in here else None
    if isinstance(record, Order):
        lines = record.lines if record.lines is not UNSET else []
        return (
            record.version,
            buyer,
            record.total,
            record.refunded,
            record.current_total,
            record.test,
            len(lines),
        )
    return (record.version, buyer, record.value, record.completed_at, record.token)


def truth(box: Sandbox) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The true state of a shop, read from its objects."""
    told: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in box.customers.values():
        told["customer", str(one.id)] = (
            one.updated_at,
            one.first_name,
            one.last_name,
            one.email,
            one.phone,
            len(one.addresses),
            one.tags,
        )
    for order in box.orders.values():
        told["order", str(order.id)] = (
            order.updated_at,
            str(order.customer) if order.customer in box.customers else None,
            order.total,
            order.refunded,
            order.current_total,
            order.test,
            len(order.lines),
        )
    for cart in box.checkouts.values():
        buyer = str(cart.customer) if cart.customer in box.customers else None
        told["checkout", str(cart.id)] = (cart.updated_at, buyer, cart.total, cart.completed_at, cart.token)
    return told
