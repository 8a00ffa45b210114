"""A Shopify shop as a source: customers, orders and abandoned checkouts, incremental by time of change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import ClassVar

from msgspec import Raw

from klientela.kit import (
    Capabilities,
    Checked,
    Delivery,
    GuestPolicy,
    Instant,
    Notice,
    Order,
    Page,
    Person,
    Placed,
    Placing,
    Position,
    Record,
    Redact,
    Shop,
    Source,
    SourceRefused,
    Stream,
    Window,
)
from klientela_shopify import placing, queries, translate, webhooks
from klientela_shopify.bulk import Bulk, NoBulk
from klientela_shopify.client import Admin
from klientela_shopify.nodes import ClockAnswer, ShopAnswer
from klientela_shopify.reading import DEPTH, Listing, Reader
from klientela_shopify.settings import ShopifySettings

NEEDED = ("read_customers", "read_orders")

_CUSTOMERS, _ORDERS, _CHECKOUTS, _IDS = 100, 50, 50, 250  # rows a page; halved where that costs too much


class ShopifySource(Source):
    """One connected shop."""

    type = "shopify"
    title = "Shopify"
    Settings = ShopifySettings
    guests: ClassVar[GuestPolicy] = "merge"  # Shopify itself gives a person one customer object (R12)
    capabilities = Capabilities(
        accounts=True, orders=True, test_orders=True, checkouts=True, consents=True, deletions=True, tags=True
    )
    sandbox = "klientela_shopify.sandbox:create"
    webhooks = True
    writes = True
    depth: ClassVar[int] = DEPTH

    settings: ShopifySettings

    def __init__(
        self,
        name: str,
        settings: ShopifySettings,
        *,
        shop: Shop | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(name, settings, shop=shop, stop=stop)
        self._admin = Admin(settings, stop=self.stop)
        self._reader = Reader(self._admin, depth=self.depth)
        self._bulk = Bulk(self._admin, settings, pause=lambda wait: self.pause(wait), stop=self.stop)
        self._granted: set[str] | None = None  # what the app may do, as its last check said
        self._unknown: set[str] = set()  # topics that were remarked upon

    def streams(self) -> Sequence[Stream]:
        """Customers first, so that orders find their buyers; only customers can be swept.

        Orders older than 60 days may be hidden from us and checkouts are thrown away after three months: there
        absence is no deletion.
        """
        customers, orders, checkouts = self._listings()
        return [
            Stream("customers", partial(self._pages, customers), sweep=self._sweep),
            Stream("orders", partial(self._pages, orders), entity="order"),
            Stream("checkouts", partial(self._pages, checkouts), entity="checkout"),
        ]

    def check(self) -> Checked:
        """Who the shop is and what it lets us read."""
        answer = self._admin.ask(queries.SHOP, {}, ShopAnswer)
        granted = {scope.handle for scope in answer.current_app_installation.access_scopes}
        self._granted = granted
        missing = [scope for scope in NEEDED if scope not in granted and scope.replace("read", "write") not in granted]
        if missing:
            raise SourceRefused(
                f"the app may not read all that is needed: it lacks {' and '.join(missing)}",
                hint=f"Grant the app the scope {' and '.join(missing)} and install it again",
            )
        return Checked(answer.shop.id, answer.shop.name, self._notes(granted))

    def now(self) -> Instant | None:
        """The shop's clock in whole seconds, asked for anew: one request of the smallest cost."""
        self._admin.ask(queries.CLOCK, {}, ClockAnswer)
        return self._admin.http.server_time

    def receive(self, delivery: Delivery) -> Notice | None:
        """Prove a delivery by the app's secret (HMAC over the raw body)."""
        notice, unknown = webhooks.receive(delivery, self.settings, self.name)
        if unknown is not None and unknown not in self._unknown:
            self._unknown.add(unknown)
            self.remarks.append(f"Webhooks about {unknown} are not read here: the app need not subscribe to them.")
        return notice

    def apply(self, notice: Notice) -> Iterable[Record | Redact]:
        """Translate what the shop sent."""
        return webhooks.apply(notice, self.settings.guest_rule, self.recall)

    def place(self, order: Placing) -> Placed:
        """Write a draft order (`klientela_shopify.placing`)."""
        if self._granted is None:
            self.check()
        if placing.SCOPE not in (self._granted or ()):
            raise SourceRefused(
                f"the app may not write orders: it lacks the scope {placing.SCOPE}",
                hint=f"Grant the app the scope {placing.SCOPE} and install it again",
            )
        return placing.place(self._admin, order, complete=self.settings.complete_drafts)

    def close(self) -> None:
        """Let go of connections."""
        self._admin.close()

    def _pages(self, listing: Listing, window: Window, position: Position) -> Iterator[Page]:
        """A list by a bulk operation where it is long and read whole, else, or when that fails, page by page."""
        if self._bulk.takes(listing, window, position):
            try:
                yield from self._bulk.pages(listing, position)
                return
            except NoBulk as why:
                self.remarks.append(
                    f"{listing.field} were read page by page, for the bulk operation was of no use: {why}."
                )
                position = None
        yield from self._reader.pages(listing, window, position)

    def _listings(self) -> tuple[Listing, Listing, Listing]:
        customers = Listing(
            field="customers",
            query=queries.CUSTOMERS,
            size=_CUSTOMERS,
            order="time",
            translate=self._person,
            inner="addressesV2",
            more=queries.MORE_ADDRESSES,
            bulk=queries.BULK_CUSTOMERS,
            count=queries.CUSTOMERS_COUNT,
        )
        orders = Listing(
            field="orders",
            query=queries.ORDERS,
            size=_ORDERS,
            order="time",
            translate=self._order,
            inner="lineItems",
            more=queries.MORE_ORDER_LINES,
            bulk=queries.BULK_ORDERS,
            count=queries.ORDERS_COUNT,
        )
        checkouts = Listing(
            field="abandonedCheckouts",
            query=queries.CHECKOUTS,
            size=_CHECKOUTS,
            order="id",
            translate=translate.checkout,
            inner="lineItems",
            more=queries.MORE_CHECKOUT_LINES,
            bulk=queries.BULK_CHECKOUTS,
            count=queries.CHECKOUTS_COUNT,
        )
        return customers, orders, checkouts

    def _sweep(self) -> Iterator[Sequence[str]]:
        return self._reader.ids("customers", queries.CUSTOMER_IDS, _IDS)

    def _person(self, raw: Raw) -> Person:
        return translate.person(raw, self.settings.guest_rule)

    def _order(self, raw: Raw) -> Order:
        return translate.order(raw, self.settings.guest_rule)

    def _notes(self, granted: set[str]) -> list[str]:
        notes = []
        if "read_all_orders" not in granted:
            notes.append(
                "Only orders of the last 60 days are visible: the app lacks the scope read_all_orders, so totals of "
                "customers who ordered before are too low."
            )
        if self.settings.write_orders and placing.SCOPE not in granted:
            notes.append(
                f"Orders cannot be written into the shop though write_orders is set: the app lacks the scope {placing.SCOPE}."
            )
        if self.settings.guest_rule == "state":
            notes.append(
                'guest_rule = "state": an order follows its customer\'s latest account state, so registering is '
                "retroactive here and earlier guest orders move to the account (R8 cannot hold). It needs classic "
                "customer accounts."
            )
        if self._admin.fell_forward:
            notes.append(
                f"The shop answers as version {self._admin.served}, not {self.settings.api_version} as configured: "
                "set api_version to a supported version."
            )
        if self.settings.in_the_clear:
            notes.append("base_url is plain http: the access token and all personal data travel unencrypted.")
        return notes
