"""The state of a pretend account: its clock, its objects, and the hands that change them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from klientela.kit import Instant, iso
from klientela.testing.backstage import START, Backstage, Money, When, money, numbered, plain
from klientela_billbee.sandbox.things import (
    CANCELLED,
    CUSTOMERS_JOINED,
    DELETED,
    ORDER_CANCELED,
    ORDER_DELETED,
    PAID,
    TEST_PAYMENT,
    Address,
    Customer,
    Event,
    Item,
    Order,
    Store,
)

FIRST_ORDER = 2**53 + 1
"""Ids of orders lie beyond what floating point can tell apart."""


class Shop(Backstage):
    """One pretend account. All methods may be called while it is being served.

    `customer` and `order` make an object or, given the id of an existing one, change only the fields named. Times are
    instants or ISO 8601; money is minor units or a decimal string; `customer=` is a Customer or its id. Every change
    moves the clock of an account that stands still by one second, so that a later window finds it.
    """

    def __init__(self, *, start: When = START, running: bool = False, number: int = 1) -> None:
        """`number`: which account it is, for two with the same shops are the same account (R60)."""
        super().__init__(start=start, running=running)
        self.zone = ZoneInfo("Europe/Berlin")  # of the times it writes and reads without one
        self.currency = "EUR"
        self.stores: dict[int, Store] = {}
        self.customers: dict[int, Customer] = {}
        self.orders: dict[int, Order] = {}
        self.events: dict[int, Event] = {}
        self._ids = {
            "store": numbered(100_000_000_091_372 + 1000 * number),
            "customer": numbered(100_000_150_176_895),
            "number": numbered(1),
            "address": numbered(100_000_176_934_711),
            "order": numbered(FIRST_ORDER),
            "item": numbered(100_000_317_105_650),
            "event": numbered(100_002_922_949_129),
            "ident": numbered(5_000_001),
        }
        self.home = self.store("Eigener Shop", "woocommerce")
        self.market = self.store("Marktplatz", "amazon")

    # -- hands ---------------------------------------------------------------------------------------------------

    def store(self, name: str, platform: str) -> Store:
        """Connect another shop with the account."""
        with self.lock:
            one = Store(id=next(self._ids["store"]), name=name, platform=platform)
            self.stores[one.id] = one
            return one

    def customer(
        self,
        id: int | None = None,  # noqa: A002 - the word of the account
        *,
        addresses: Iterable[Address | Mapping[str, Any]] | None = None,
        **fields: Any,
    ) -> Customer:
        """Make or change a customer; a changed name is also that of its first address."""
        with self.lock:
            one = self.customers.get(id) if id is not None else None
            if one is None:
                number = id or next(self._ids["customer"])
                one = Customer(id=number, number=next(self._ids["number"]))
                self.customers[one.id] = one
            if addresses is not None:
                one.addresses = [self._address(address) for address in addresses]
            self._set(one, fields)
            if one.addresses and fields.keys() & {"first_name", "last_name"}:
                one.addresses[0].first_name, one.addresses[0].last_name = one.first_name, one.last_name
            self._changed()
            return one

    def order(
        self,
        id: int | None = None,  # noqa: A002 - the word of the account
        *,
        customer: Customer | int | None = None,
        total: Money | None = None,
        items: Iterable[Item | Mapping[str, Any]] | None = None,
        store: Store | None = None,
        billing: Address | Mapping[str, Any] | None = None,
        shipping: Address | Mapping[str, Any] | None = None,
        created_at: When | None = None,
        modified_at: When | None = None,
        test: bool | None = None,
        **fields: Any,
    ) -> Order:
        """Make or change an order. Without items it gets one over the whole total."""
        with self.lock:
            now = self.clock.now()
            one = self.orders.get(id) if id is not None else None
            if one is None:
                born = self._when(created_at, now)
                place = store or self.home
                ident = str(fields.pop("ident", None) or next(self._ids["ident"]))
                one = Order(
                    id=id or next(self._ids["order"]),
                    ident=ident,
                    number=str(fields.pop("number", None) or ident),
                    store=place.id,
                    created_at=born,
                    modified_at=born,
                    currency=str(fields.pop("currency", self.currency)),
                )
                self.orders[one.id] = one
                items = items if items is not None else [Item(price=money(total or "10.00", one.currency))]
            if customer is not None:
                one.customer = customer.id if isinstance(customer, Customer) else customer
            if items is not None:
                one.items = [self._item(item, one.currency) for item in items]
            if billing is not None:
                one.billing = self._address(billing)
            if shipping is not None:
                one.shipping = self._address(shipping)
            if test is not None:
                one.payment = TEST_PAYMENT if test else 3
            self._set(one, fields)
            if one.state == PAID and one.paid_at is None:
                one.paid_at = now
            self._modified(one, self._when(modified_at, now))
            return one

    def cancel(self, order: Order | int) -> Order:
        """Cancel an order by its state."""
        one = self._order(order)
        self._happened(ORDER_CANCELED, one)
        return self.order(one.id, state=CANCELLED)

    def cancel_by_paper(self, order: Order | int) -> Order:
        """Cancel an order by another one that speaks of it (`IsCancelationFor`), as Shopify's do."""
        one = self._order(order)
        items = [
            replace(item, id=0, quantity=item.quantity, price=-item.price, rebate=-item.rebate) for item in one.items
        ]
        return self.order(
            store=self.stores.get(one.store or 0),
            customer=one.customer,
            number=f"{one.number}-ST",
            items=items,
            cancels=one.ident,
            currency=one.currency,
        )

    def credit(self, order: Order | int, amount: Money) -> Order:
        """A credit note: an order of its own, with the number of the other one and a negative amount."""
        one = self._order(order)
        return self.order(
            store=self.stores.get(one.store or 0),
            customer=one.customer,
            number=f"{one.number}-GS",
            items=[Item(title="Gutschrift", price=-money(amount, one.currency))],
            currency=one.currency,
            billing=one.billing and replace(one.billing),
        )

    def delete(self, thing: Order | Customer, *, vanish: bool = False) -> None:
        """Delete an order, which stays with state 6 or vanishes, or a customer, which vanishes without a word."""
        with self.lock:
            if isinstance(thing, Customer):
                self.customers.pop(thing.id, None)
            else:
                self._happened(ORDER_DELETED, thing)
                if vanish:
                    self.orders.pop(thing.id, None)
                else:
                    self.order(thing.id, state=DELETED)
            self._changed()

    def join(self, old: Customer, new: Customer, *, quiet: bool = True) -> None:
        """Two customers turn out to be one: the orders of the old one are the other's, and it is no more.

        `quiet`: the orders do not count as modified, only an event tells.
        """
        with self.lock:
            for one in self.orders.values():
                if one.customer == old.id:
                    one.customer = new.id
                    self._happened(CUSTOMERS_JOINED, one)
                    if not quiet:
                        self._modified(one, self.clock.now())
            self.customers.pop(old.id, None)
            self._changed()

    # -- the workings --------------------------------------------------------------------------------------------

    def _order(self, order: Order | int) -> Order:
        return self.orders[order if isinstance(order, int) else order.id]

    def _happened(self, kind: int, order: Order) -> None:
        event = Event(id=next(self._ids["event"]), at=self.clock.now(), kind=kind, order=order.id)
        self.events[event.id] = event

    def _modified(self, order: Order, moment: Instant) -> None:
        order.modified_at = moment
        self._changed()

    def _address(self, address: Address | Mapping[str, Any]) -> Address:
        one = address if isinstance(address, Address) else Address(**address)
        one.id = one.id or next(self._ids["address"])
        return one

    def _item(self, item: Item | Mapping[str, Any], currency: str) -> Item:
        one = item if isinstance(item, Item) else Item(**item)
        one.price, one.rebate = money(one.price, currency), money(one.rebate, currency)
        one.id = one.id or next(self._ids["item"])
        return one


def describe(shop: Shop) -> dict[str, Any]:
    """The truth in plain values, for tests and for `GET /_sandbox/truth`: times as ISO 8601, money in minor units."""
    with shop.lock:
        return {
            "now": iso(shop.clock.now()),
            "stores": {str(one.id): plain(one) for one in shop.stores.values()},
            "customers": {str(one.id): {**plain(one), "name": one.name} for one in shop.customers.values()},
            "orders": {
                str(one.id): {**plain(one), "total": one.total, "test": one.is_test} for one in shop.orders.values()
            },
            "events": {str(one.id): plain(one) for one in shop.events.values()},
        }
