"""The state of a pretend shop: its clock, its objects, its search index, and the hands that change them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from klientela.kit import Instant, iso
from klientela.testing.backstage import START, Backstage, Money, When, money, numbered, plain
from klientela_shopify.sandbox import news
from klientela_shopify.sandbox.drafts import Draft
from klientela_shopify.sandbox.news import Message
from klientela_shopify.sandbox.things import Address, Checkout, Customer, Line, Order, Refund, Thing

SCOPES = ("read_customers", "read_orders", "read_all_orders", "write_draft_orders")


class Shop(Backstage):
    """One pretend shop. All methods may be called while it is being served.

    `customer`, `order`, `checkout` make an object or, given the id of an existing one, change only the fields named.
    Times are instants or ISO 8601; money is minor units or a decimal string; `customer=` is a Customer or its id.
    Every change moves the clock of a shop that stands still by one second, so it can be found by a later window.
    """

    def __init__(self, *, start: When = START, running: bool = False, name: str = "Sandbox Shop") -> None:
        super().__init__(start=start, running=running)
        self.gid = "gid://shopify/Shop/58033176765"
        self.name = name
        self.domain = "sandbox.myshopify.com"
        self.currency = "EUR"
        self.timezone = "Europe/Berlin"
        self.scopes: tuple[str, ...] = SCOPES
        self.customers: dict[int, Customer] = {}
        self.orders: dict[int, Order] = {}
        self.checkouts: dict[int, Checkout] = {}
        self.drafts: dict[int, Draft] = {}
        self.discounts: dict[str, int] = {}  # codes of vouchers, and what each is worth in minor units
        self.orders_of: dict[int, list[int]] = {}
        self.listening = False  # whether somebody subscribed to the webhooks
        self.outbox: list[Message] = []  # those that wait for the post
        self._ids = {
            "customer": numbered(7_000_000_000_001),
            "order": numbered(5_100_000_000_001),
            "checkout": numbered(37_000_000_000_001),
            "address": numbered(9_001),
            "line": numbered(61_000_001),
            "refund": numbered(81_000_001),
            "number": numbered(1001),
            "message": numbered(1),
        }

    # -- hands ---------------------------------------------------------------------------------------------------

    def customer(
        self,
        id: int | None = None,  # noqa: A002 - the word of the shop
        *,
        created_at: When | None = None,
        updated_at: When | None = None,
        addresses: Iterable[Address | Mapping[str, Any]] | None = None,
        consent_at: When | None = None,
        **fields: Any,
    ) -> Customer:
        """Make or change a customer. Fields as in `things.Customer`; `consent_at` is the time of each consent."""
        with self.lock:
            now = self.clock.now()
            one = self.customers.get(id) if id is not None else None
            before = None if one is None else (one.email_consent, one.sms_consent, frozenset(one.tags))
            if one is None:
                born = self._when(created_at, now)
                one = Customer(id=id or self._free("customer", self.customers), created_at=born, updated_at=born)
                self.customers[one.id] = one
            elif created_at is not None:
                one.created_at = self._when(created_at)
            if addresses is not None:
                one.addresses = [self._address(address) for address in addresses]
                one.default_address = 0
            if consent_at is not None:
                one.email_consent_at = one.sms_consent_at = one.whatsapp_consent_at = self._when(consent_at)
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            self._tell_of_customer(one, before)
            return one

    def order(
        self,
        id: int | None = None,  # noqa: A002 - the word of the shop
        *,
        customer: Customer | int | None = None,
        total: Money | None = None,
        refunded: Money | None = None,
        cancelled: bool | When | None = None,
        lines: Iterable[Line | Mapping[str, Any]] | None = None,
        billing: Address | Mapping[str, Any] | None = None,
        shipping: Address | Mapping[str, Any] | None = None,
        processed_at: When | None = None,
        created_at: When | None = None,
        updated_at: When | None = None,
        **fields: Any,
    ) -> Order:
        """Make or change an order. Without lines it gets one over the whole total; without total, that of its lines."""
        with self.lock:
            now = self.clock.now()
            one = self.orders.get(id) if id is not None else None
            topic = "create" if one is None else "updated"
            if one is None:
                born = self._when(created_at, self._when(processed_at, now))
                number = next(self._ids["number"])
                one = Order(
                    id=id or self._free("order", self.orders),
                    number=number,
                    name=f"#{number}",
                    created_at=born,
                    updated_at=born,
                    processed_at=self._when(processed_at, born),
                    currency=str(fields.pop("currency", self.currency)),
                )
                self.orders[one.id] = one
                lines = lines if lines is not None else [Line(price=money(total or "10.00", one.currency))]
            elif processed_at is not None:
                one.processed_at = self._when(processed_at)
            if customer is not None:
                self._assign(one, customer)
            if lines is not None:
                one.lines = [self._line(line, one.currency) for line in lines]
            if total is not None or lines is not None:
                one.total = _total(total, one.lines, one.currency)
            if billing is not None:
                one.billing = self._address(billing)
            if shipping is not None:
                one.shipping = self._address(shipping)
            if refunded is not None:
                back = money(refunded, one.currency)
                one.refunds = [self.refund_of(back, now)] if back else []
            if cancelled is not None:
                one.cancelled_at = now if cancelled is True else None if cancelled is False else self._when(cancelled)
                one.cancel_reason = "CUSTOMER" if one.cancelled_at is not None else None
                topic = "cancelled" if topic == "updated" and one.cancelled_at is not None else topic
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            self._tell(f"orders/{topic}", news.order(self, one) if self.listening else {})
            return one

    def checkout(
        self,
        id: int | None = None,  # noqa: A002 - the word of the shop
        *,
        customer: Customer | int | None = None,
        total: Money | None = None,
        lines: Iterable[Line | Mapping[str, Any]] | None = None,
        completed_at: When | None = None,
        created_at: When | None = None,
        updated_at: When | None = None,
        **fields: Any,
    ) -> Checkout:
        """Make or change an abandoned checkout; `completed_at` recovers it."""
        with self.lock:
            now = self.clock.now()
            one = self.checkouts.get(id) if id is not None else None
            topic = "create" if one is None else "update"
            if one is None:
                born = self._when(created_at, now)
                number = id or self._free("checkout", self.checkouts)
                one = Checkout(
                    id=number, token=f"tok{number}", created_at=born, updated_at=born, currency=self.currency
                )
                self.checkouts[one.id] = one
                lines = lines if lines is not None else [Line(price=money(total or "10.00", one.currency))]
            if customer is not None:
                one.customer = customer.id if isinstance(customer, Customer) else customer
            if lines is not None:
                one.lines = [self._line(line, one.currency) for line in lines]
            if total is not None or lines is not None:
                one.total = _total(total, one.lines, one.currency)
            if completed_at is not None:
                one.completed_at = self._when(completed_at)
            self._set(one, fields)
            self._touch(one, self._when(updated_at, now))
            self._tell(f"checkouts/{topic}", news.checkout(self, one) if self.listening else {})
            return one

    def refund(self, order: Order | int, amount: Money, *, note: str | None = None) -> Order:
        """Pay money back."""
        with self.lock:
            one = self.orders[order if isinstance(order, int) else order.id]
            one.refunds.append(self.refund_of(money(amount, one.currency), self.clock.now(), note))
            self._touch(one, self.clock.now())
            self._tell("orders/updated", news.order(self, one) if self.listening else {})
            return one

    def cancel(self, order: Order | int, reason: str = "CUSTOMER") -> Order:
        """Cancel an order."""
        return self.order(order if isinstance(order, int) else order.id, cancelled=True, cancel_reason=reason)

    def recover(self, checkout: Checkout | int, **fields: Any) -> Order:
        """The buyer comes back: the checkout is completed and becomes an order with its token."""
        with self.lock:
            one = self.checkouts[checkout if isinstance(checkout, int) else checkout.id]
            moment = self.clock.now()
            self.checkout(one.id, completed_at=moment)
            buyer = self.customers.get(one.customer) if one.customer is not None else None
            fields = {"email": buyer.email if buyer else None, "total": one.total, **fields}
            lines = [
                Line(title=a.title, variant=a.variant, sku=a.sku, quantity=a.quantity, price=a.price) for a in one.lines
            ]
            return self.order(
                customer=buyer, checkout_token=one.token, lines=lines, created_at=moment, processed_at=moment, **fields
            )

    def delete(self, thing: Thing) -> None:
        """Take an object away. The interface never says so, only a webhook; it is missing from then on."""
        with self.lock:
            if isinstance(thing, Customer):
                self.customers.pop(thing.id, None)  # its orders stay, and show no customer any more
                said = {"id": thing.id, "admin_graphql_api_id": f"gid://shopify/Customer/{thing.id}"}
                self._tell("customers/delete", said)
            elif isinstance(thing, Order):
                self.orders.pop(thing.id, None)
                self._unassign(thing)
                self._tell("orders/delete", {"id": thing.id})
            else:
                self.checkouts.pop(thing.id, None)
                self._tell("checkouts/delete", {"id": thing.id})
            self._changed()

    def merge(self, kept: Customer, away: Customer, *, status: str = "completed") -> Customer:
        """Merge a customer into another, who gets his orders; with status "failed" nothing but the message happens."""
        with self.lock:
            if status == "completed":
                mine = list(self.orders_of.get(away.id, []))
                del self.customers[away.id]
                for number in mine:
                    self.order(number, customer=kept)
                self.customer(kept.id, tags=sorted({*kept.tags, *away.tags}))
            self._tell("customers/merge", news.merge(kept.id, away.id, status))
            return kept

    def ask_to_redact(self, customer: Customer) -> None:
        """A customer wants to be forgotten: the shop passes that on, with the orders it is about."""
        with self.lock:
            orders = list(self.orders_of.get(customer.id, []))
            person = {"id": customer.id, "email": customer.email, "phone": customer.phone}
            self._tell("customers/redact", {"shop_domain": self.domain, "customer": person, "orders_to_redact": orders})

    def refund_of(self, amount: int, at: Instant, note: str | None = None) -> Refund:
        """A refund with an id of its own, not yet part of any order."""
        return Refund(id=next(self._ids["refund"]), at=at, amount=amount, note=note)

    # -- what the interface reads --------------------------------------------------------------------------------

    def spent(self, customer: Customer) -> int:
        """amountSpent: what is left of the customer's orders, in minor units of the shop's currency."""
        mine = (self.orders[order] for order in self.orders_of.get(customer.id, []))
        return sum(order.current_total for order in mine if not order.test and order.currency == self.currency)

    # -- the workings --------------------------------------------------------------------------------------------

    def _tell_of_customer(self, one: Customer, before: tuple[str, str, frozenset[str]] | None) -> None:
        """Whatever somebody may have subscribed to: the whole customer, and the partial messages beside it."""
        if not self.listening:
            return
        if before is not None:
            mail, sms, tags = before
            if one.email and mail != one.email_consent:
                self._tell("customers_email_marketing_consent/update", news.mail_consent(one))
            if one.phone and sms != one.sms_consent:
                self._tell("customers_marketing_consent/update", news.sms_consent(one))
            for topic, which in (("added", set(one.tags) - tags), ("removed", tags - set(one.tags))):
                if which:
                    self._tell(f"customer.tags_{topic}", news.tags(one, which, one.updated_at))
        self._tell("customers/create" if before is None else "customers/update", news.customer(self, one))

    def _tell(self, topic: str, body: Mapping[str, Any]) -> None:
        if self.listening:
            number = next(self._ids["message"])
            text = json.dumps(body, ensure_ascii=False).encode()
            self.outbox.append(Message(f"b54557e4-{number:012d}", topic, text, self.clock.now()))

    def _free(self, kind: str, taken: Mapping[int, object]) -> int:
        return next(number for number in self._ids[kind] if number not in taken)

    def _assign(self, order: Order, customer: Customer | int) -> None:
        buyer = customer.id if isinstance(customer, Customer) else customer
        self._unassign(order)
        order.customer = buyer
        self.orders_of.setdefault(buyer, []).append(order.id)

    def _unassign(self, order: Order) -> None:
        if order.customer is not None and order.id in self.orders_of.get(order.customer, []):
            self.orders_of[order.customer].remove(order.id)

    def _address(self, address: Address | Mapping[str, Any]) -> Address:
        one = address if isinstance(address, Address) else Address(**address)
        one.id = one.id or next(self._ids["address"])
        return one

    def _line(self, line: Line | Mapping[str, Any], currency: str) -> Line:
        one = line if isinstance(line, Line) else Line(**line)
        one.price = money(one.price, currency)
        one.total = None if one.total is None else money(one.total, currency)
        one.id = one.id or next(self._ids["line"])
        return one


def _total(total: Money | None, lines: Sequence[Line], currency: str) -> int:
    return sum(line.discounted for line in lines) if total is None else money(total, currency)


def describe(shop: Shop) -> dict[str, Any]:
    """The truth in plain values, for tests and for `GET /_sandbox/truth`: times as ISO 8601, money in minor units."""
    with shop.lock:
        return {
            "shop": {"id": shop.gid, "name": shop.name, "now": iso(shop.clock.now()), "currency": shop.currency},
            "customers": {str(one.id): plain(one) for one in shop.customers.values()},
            "orders": {
                str(one.id): {
                    **plain(one),
                    "refunded": one.refunded,
                    "current_total": one.current_total,
                    "status": one.status,
                }
                for one in shop.orders.values()
            },
            "checkouts": {str(one.id): plain(one) for one in shop.checkouts.values()},
            "drafts": {str(one.id): {**plain(one), "total": one.total} for one in shop.drafts.values()},
        }
