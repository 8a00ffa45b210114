"""A Billbee account as a source: its customers, what happened to them, and the orders of all its shops."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw

from klientela.kit import (
    HOUR,
    MINUTE,
    SECOND,
    Capabilities,
    Checked,
    Gone,
    GuestPolicy,
    Instant,
    Order,
    Page,
    Person,
    Placed,
    Placing,
    Position,
    Record,
    Shop,
    Source,
    SourceBroken,
    SourceRefused,
    Stream,
    Window,
    iso,
    page,
)
from klientela_billbee import placing, translate
from klientela_billbee.client import Billbee
from klientela_billbee.nodes import AccountNode, EventNode, PlaceNode
from klientela_billbee.papers import Originals
from klientela_billbee.persons import person
from klientela_billbee.reading import Lister, key, order_key
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.translate import House
from klientela_billbee.values import first_moment

log = logging.getLogger("klientela.billbee")

OVERLAP = 2 * HOUR
"""How far windows reach back: Billbee does not say in which zone it reads times, and Germany is two hours off UTC."""

FEW = 2_500
"""Customers up to which their whole list is read each time: ten pages."""

DELETED, JOINED = 5, 16  # kinds of events: OrderDeleted, CustomersJoined
_FIRST_LOOK = 24 * HOUR  # how far back events are read the first time: what was joined before, nobody here knew apart
_JOIN = "joined"  # the channel of upstream merges

_accounts = msgspec.json.Decoder(AccountNode)
_events = msgspec.json.Decoder(EventNode)
_place = msgspec.json.Decoder(PlaceNode)
_squeezed = msgspec.json.Encoder().encode


class BillbeeSource(Source):
    """One connected account."""

    type = "billbee"
    title = "Billbee"
    Settings = BillbeeSettings
    guests: ClassVar[GuestPolicy] = "merge"  # Billbee itself gives a person one customer object (R12)
    capabilities = Capabilities(orders=True, test_orders=True, deletions=True)
    sandbox = "klientela_billbee.sandbox:create"
    writes = True
    size: ClassVar[int] = 250
    few: ClassVar[int] = FEW

    settings: BillbeeSettings

    def __init__(
        self,
        name: str,
        settings: BillbeeSettings,
        *,
        shop: Shop | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(name, settings, shop=shop, stop=stop)
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else self.shop.timezone
        self._api = Billbee(settings, stop=self.stop)
        self._lists = Lister(self._api, size=self.size)
        self._originals = Originals(self._api)

    def streams(self) -> Sequence[Stream]:
        """Customers first, so that orders find their buyers; events before orders, which may show what they tell."""
        return [
            Stream("customers", self._customers, snapshot=True, fingerprint=self._season, sweep=self._sweep),
            Stream("events", self._happenings, entity="order", overlap=OVERLAP),
            Stream("orders", self._orders, entity="order", overlap=OVERLAP),
        ]

    def check(self) -> Checked:
        """Which shops the account works for. It has no id of its own: that of its oldest shop stands for it."""
        shops = self._shops()
        if strangers := [shop for shop in self.settings.shops or () if shop not in shops]:
            raise SourceRefused(
                f"the Billbee account has no shop {', '.join(map(str, strangers))}",
                hint=f"Write some of these into `shops`: {_listed(shops)}" if shops else "Connect a shop in Billbee",
            )
        identity = f"billbee:{min(shops)}" if shops else None
        return Checked(identity, ", ".join(name for name in shops.values() if name) or None, self._notes(shops))

    def now(self) -> Instant | None:
        """The account's clock in whole seconds, asked for anew."""
        self._api.ask("shopaccounts", {"page": 1, "pageSize": 1})
        return self._api.server_time

    def retranslate(self, stream: str, payload: str) -> Iterable[Record] | None:
        """From the payload alone: a credit note whose order was not read lately keeps that order's number."""
        raw = Raw(payload.encode())
        if stream == "customers":
            return [person(raw)]
        if stream == "orders":
            sale = self._originals.settle(translate.sale(raw, self._house()), ask=False)
            return [sale.order, *sale.persons]
        return None

    def place(self, order: Placing) -> Placed:
        """Write an order (`klientela_billbee.placing`), of now, by the account's clock as it was heard last."""
        return placing.place(self._api, order, self.settings, self._api.server_time or time.time_ns() // 1000)

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()

    # -- customers -----------------------------------------------------------------------------------------------

    def _customers(self, window: Window, position: Position) -> Iterator[Page]:
        """The whole list; the addresses are another list, read before it and kept small."""
        homes = self._addresses()
        for rows in self._lists.forward("customers", {}, position):
            items = [_with_addresses(row, homes) for row in rows.rows]
            yield page(items, person, rows.after, key=key, raw=bytes)

    def _addresses(self) -> Mapping[int, list[bytes]]:
        """The addresses of each customer, as JSON of no more than what is read of them."""
        homes: dict[int, list[bytes]] = {}
        seen: set[bytes] = set()
        for rows in self._lists.forward("customer-addresses", {}):
            for row in rows.rows:
                text = bytes(row)
                try:
                    node = _place.decode(row)
                except msgspec.ValidationError:
                    node = None  # its customer is rejected with it, and says why
                owner = node.customer_id if node is not None else _owner(row)
                if owner is not None and text not in seen:
                    homes.setdefault(owner, []).append(text if node is None else _squeezed(node))
            seen = {bytes(row) for row in rows.rows}  # a row may be met again on the next page
        return homes

    def _season(self) -> str | None:
        """Read a short list each time, a long one once in a while: it has no filter by time."""
        total = self._lists.total("customers")
        if total is not None and total <= self.few:
            return None
        now = self._api.server_time
        return None if now is None else str(now // self.settings.customers_span)

    def _sweep(self) -> Iterator[Sequence[str]]:
        return self._lists.ids("customers", key)

    # -- orders --------------------------------------------------------------------------------------------------

    def _orders(self, window: Window, position: Position) -> Iterator[Page]:
        """Orders changed within the window, and with them the buyers they hold.

        `modifiedAtMax` freezes the window: an order that changes meanwhile leaves it, so it is read backward.
        """
        filters: dict[str, Any] = {"shopId": self.settings.shops or None}
        if window.since is not None:
            filters["modifiedAtMin"] = iso(window.since - window.since % MINUTE - MINUTE)  # "newer than", by minutes
        if window.until is not None:
            filters["modifiedAtMax"] = iso(window.until - window.until % SECOND)
        house, before = self._house(), position
        for rows in self._lists.backward("orders", filters, position):
            self._originals.learn(rows.rows)
            persons: list[Person] = []
            orders = page(rows.rows, partial(self._order, house, persons), rows.after, key=order_key, raw=bytes)
            before_orders = [*{_name(one): one for one in persons}.values(), *self._joined_buyers(orders.records)]
            if before_orders:
                yield Page(before_orders, before)
            yield orders
            before = rows.after
        self._tell(house)

    def _order(self, house: House, persons: list[Person], raw: Raw) -> Order:
        sale = self._originals.settle(translate.sale(raw, house))
        persons += sale.persons
        return sale.order

    def _house(self) -> House:
        own = self.settings
        return House(self._zone, self.shop.currency, own.test_payment_types, own.test_tags)

    def _tell(self, house: House) -> None:
        """Say once what is odd about some orders of this reading."""
        for state in sorted(house.unheard):
            log.warning("orders have the state %s, which is unknown: they count as going on", state)
        if not house.strange:
            return
        some = ", ".join(sorted(house.strange)[:3])
        self.remarks.append(
            f"The total of {len(house.strange)} orders is neither with nor without shipping the sum of their items, "
            f"which was taken: {some}"
        )
        for order in house.strange:
            log.info("the total of order %s is not the sum of its items and shipping", order)

    # -- what happened -------------------------------------------------------------------------------------------

    def _happenings(self, window: Window, position: Position) -> Iterator[Page]:
        """Orders whose buyer was joined with another, or that were deleted, since.

        An event says nothing but which order it is about: it is read again. Where it was read after the event
        already, `_joined_buyers` has looked at it then.
        """
        until = window.until or self.now()
        since = window.since if window.since is not None else None if until is None else until - _FIRST_LOOK
        filters: dict[str, Any] = {"typeId": [DELETED, JOINED]}
        if since is not None:
            filters["minDate"] = iso(since - since % MINUTE)
        if window.until is not None:
            filters["maxDate"] = iso(window.until - window.until % SECOND)
        for rows in self._lists.backward("events", filters, position):
            events = [event for row in rows.rows if (event := self._event(row)) is not None]
            known = self.recall("order", [order for order, _, _ in events])
            records: list[Record] = []
            for order, kind, at in events:
                if isinstance(told := known.get(order), Order) and (told.version is None or told.version < at):
                    records += self._again(told, kind, at)
            yield Page(records, rows.after)

    def _event(self, raw: Raw) -> tuple[str, int, Instant] | None:
        """Order, kind and time of an event; None for one that names no order or cannot be read."""
        try:
            node = _events.decode(raw)
            at = first_moment(self._zone, node.created)
        except ValueError:
            return None
        if node.order_id is None or node.type_id not in (DELETED, JOINED) or at is None:
            return None
        return str(node.order_id), node.type_id, at

    def _again(self, told: Order, kind: int, at: Instant) -> list[Record]:
        """What an order says now, as of the event at least, and whom its buyer was joined with."""
        raw = self._api.find(f"orders/{told.external_id}")
        if raw is None:
            if kind != DELETED:
                return []
            deleted = Order(external_id=told.external_id, version=at, channel="events", state="deleted")
            return [deleted, Gone(entity="order", external_id=told.external_id, at=at)]
        try:
            sale = self._originals.settle(translate.sale(raw, self._house()))
        except ValueError:
            return []  # the list of orders brings it as well, and puts it into the quarantine
        order = sale.order
        order.version = at if order.version is None else max(order.version, at)
        order.channel = "orders"  # it is what that list says of it, only sooner
        return [*sale.persons, *(self._merged(told, order, at) if kind == JOINED else ()), order]

    def _merged(self, told: Order, order: Order, at: Instant) -> list[Record]:
        """The customer an order had lives on as the one it has; mostly the account shows him no more."""
        old, new = told.customer, order.customer
        if not isinstance(old, str) or not isinstance(new, str) or old == new:
            return []
        found: list[Record] = [Person(external_id=old, version=at, channel=_JOIN, merged_into=new)]
        if self._api.find(f"customers/{old}") is None:
            found.append(Gone(entity="customer", external_id=old, at=at))
        return found

    def _joined_buyers(self, records: Sequence[Record]) -> list[Record]:
        """Upstream merges behind orders that come with another buyer than they had (R18).

        An operator may also have given an order to somebody else: only an event of that kind makes it a merge.
        """
        orders = [one for one in records if isinstance(one, Order) and isinstance(one.customer, str)]
        known = self.recall("order", [one.external_id for one in orders])
        found: list[Record] = []
        for order in orders:
            told = known.get(order.external_id)
            if isinstance(told, Order) and isinstance(told.customer, str) and told.customer != order.customer:
                at = self._join_of(order.external_id)
                found += [] if at is None else self._merged(told, order, at)
        return found

    def _join_of(self, order: str) -> Instant | None:
        """When customers were joined of whom one had bought this order; None when they never were."""
        times = []
        for rows in self._lists.forward("events", {"typeId": [JOINED], "orderId": order}):
            found = [self._event(row) for row in rows.rows]
            times += [one[2] for one in found if one is not None and one[0] == order and one[1] == JOINED]
        return max(times, default=None)

    # -- who we are ----------------------------------------------------------------------------------------------

    def _shops(self) -> dict[int, str]:
        """The shops connected with the account: id and name."""
        shops: dict[int, str] = {}
        for rows in self._lists.forward("shopaccounts", {}):
            for row in rows.rows:
                try:
                    node = _accounts.decode(row)
                except msgspec.ValidationError as error:
                    raise SourceBroken("Billbee lists a shop without an id", hint="The next run tries again") from error
                shops[node.id] = node.name or ""
        return shops

    def _notes(self, shops: Mapping[int, str]) -> list[str]:
        same = self.settings.same_as
        notes = [
            "Marketplaces hand out relay addresses: their buyers are recognised by the marketplace's own buyer id.",
        ]
        if not shops:
            notes.append("No shop is connected with this account, so it cannot be told from another one.")
        if unknown := [shop for shop in same if int(shop) not in shops]:
            notes.append(
                f"same_as names shops this account does not have: {', '.join(unknown)}; it has {_listed(shops)}."
            )
        apart = {shop: name for shop, name in shops.items() if str(shop) not in same}
        if apart:
            notes.append(
                f"Orders of {_listed(apart)} are Billbee's alone: a shop that is connected directly too needs a line "
                "in same_as, or its orders count twice."
            )
        if self.settings.write_orders and self.settings.write_shop not in shops:
            notes.append(
                "Orders cannot be written into the account though write_orders is set: it has no shop "
                f"{self.settings.write_shop}; it has {_listed(shops)}."
            )
        if self.settings.shops:
            notes.append("`shops` limits the orders; Billbee's list of customers is of all its shops.")
        if self.settings.in_the_clear:
            notes.append("base_url is plain http: password, key and all personal data travel unencrypted.")
        return notes


def _name(one: Person) -> tuple[str, str | None, Any]:
    return (one.external_id, one.channel, one.version)


def _listed(shops: Mapping[int, str]) -> str:
    return ", ".join(f"{shop} ({name})" if name else str(shop) for shop, name in sorted(shops.items()))


def _owner(row: Raw) -> int | None:
    """Whose an address is that cannot be read otherwise."""
    found = msgspec.json.decode(row)
    owner = found.get("CustomerId") if isinstance(found, dict) else None
    return owner if isinstance(owner, int) else None


def _with_addresses(row: Raw, homes: Mapping[int, list[bytes]]) -> Raw:
    """A customer's JSON with the addresses of the other list in it; without any, it has none."""
    text = bytes(row).strip()
    try:
        mine = homes.get(int(key(row)), [])
    except ValueError:
        return row  # it has no id: its translation says so
    rest = text[1:].lstrip()
    comma = b"" if rest.startswith(b"}") else b","
    return Raw(b'{"@Addresses":[' + b",".join(mine) + b"]" + comma + rest)
