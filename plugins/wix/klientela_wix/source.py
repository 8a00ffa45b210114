"""A Wix site as a source: contacts, members, orders and abandoned checkouts, incremental by time of change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from msgspec import Raw

from klientela.kit import (
    UNSET,
    Capabilities,
    Checked,
    Delivery,
    GuestPolicy,
    Instant,
    Notice,
    Order,
    Placed,
    Placing,
    Record,
    Redact,
    Shop,
    Source,
    SourceRefused,
    Stream,
)
from klientela_wix import buyers, placing, reading, translate, webhooks
from klientela_wix.buyers import Buyers
from klientela_wix.client import Wix
from klientela_wix.nodes import CursorPaging, InstanceAnswer
from klientela_wix.reading import CursorList, OffsetList
from klientela_wix.settings import WixSettings

log = logging.getLogger("klientela.wix")

_CONTACTS, _MEMBERS, _ORDERS, _CHECKOUTS = 1000, 100, 100, 100  # rows a page: what Wix allows
_INSTANCE = "/apps/v1/instance"
_FOR_MEMBERS = "write members = false in this source's configuration to go without: then nobody is registered"
_FOR_CHECKOUTS = "write checkouts = false in this source's configuration to go without"


class WixSource(Source):
    """One connected site."""

    type = "wix"
    title = "Wix"
    Settings = WixSettings
    guests: ClassVar[GuestPolicy] = "merge"  # Wix itself gives a person one contact (R12)
    capabilities = Capabilities(
        accounts=True, orders=True, test_orders=True, checkouts=True, consents=True, deletions=True, tags=True
    )
    sandbox = "klientela_wix.sandbox:create"
    webhooks = True
    writes = True

    settings: WixSettings

    def __init__(
        self,
        name: str,
        settings: WixSettings,
        *,
        shop: Shop | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        super().__init__(name, settings, shop=shop, stop=stop)
        self._wix = Wix(settings, stop=self.stop)
        self._buyers = Buyers(self._wix)
        self._told = False
        self._demo: set[str] = set()  # the demo orders of the page at hand

    def streams(self) -> Sequence[Stream]:
        """Contacts first, so that orders find their buyers; then who of them is a member.

        Members cannot be asked for by time of change, so they are read as a whole, whenever one has joined or left;
        a contact tells by itself that it became a member. Only contacts can be swept: Wix archives orders.
        """
        contacts, members, orders, checkouts = self._listings()
        wix = self._wix
        found = [
            Stream(
                "contacts",
                partial(reading.by_offset, wix, contacts),
                sweep=partial(self._sweep, contacts),
                missing=partial(buyers.after, wix),
            )
        ]
        if self.settings.members:
            found.append(
                Stream(
                    "members",
                    partial(reading.by_offset, wix, members),
                    snapshot=True,
                    fingerprint=partial(reading.newest_member, wix),
                )
            )
        found.append(Stream("orders", partial(reading.by_cursor, wix, orders), entity="order"))
        if self.settings.checkouts:
            found.append(Stream("checkouts", partial(reading.by_cursor, wix, checkouts), entity="checkout"))
        return found

    def check(self) -> Checked:
        """Which site it is, and whether it lets us read all that is asked for."""
        contacts, members, orders, checkouts = self._listings()
        self._try(contacts)
        self._try(replace(orders, rows=reading.order_rows))  # without a look at its buyers
        if self.settings.members:
            self._try(members, _FOR_MEMBERS)
        if self.settings.checkouts:
            self._try(checkouts, _FOR_CHECKOUTS)
        notes = []
        if not self.settings.members:
            notes.append("members = false: nobody is registered but those whom a contact itself calls a member.")
        if self.settings.write_orders:
            notes.append(placing.PERMISSION)
        if self.settings.in_the_clear:
            notes.append("base_url is plain http: the credentials and all personal data travel unencrypted.")
        if self.settings.api_key is not None:
            return Checked(self.settings.site_id, None, notes)
        site = self._wix.get(_INSTANCE, InstanceAnswer).site
        return Checked(site.site_id or self.settings.instance_id, site.site_display_name, notes)

    def now(self) -> Instant | None:
        """Wix's clock in whole seconds, asked for anew with the smallest question there is."""
        self._try(self._listings()[0])
        return self._wix.http.server_time

    def retranslate(self, stream: str, payload: str) -> Iterable[Record] | None:
        """Everything that is read can be translated again from what was kept."""
        raw = Raw(payload.encode())
        if stream == "contacts":
            return [translate.contact(raw)]
        if stream == "members":
            return [translate.member(raw)]
        if stream == "orders":
            return translate.order(raw, test_field=self._field)
        return [translate.checkout(raw)] if stream == "checkouts" else None

    def receive(self, delivery: Delivery) -> Notice | None:
        """A whole body that is a signed token of the app; messages of its other sites are forgotten."""
        return webhooks.receive(delivery, self.settings, self.name)

    def apply(self, notice: Notice) -> Iterable[Record | Redact]:
        """Contacts, members, orders and checkouts as the message shows them; asks for what it leaves out."""
        return webhooks.apply(notice, self._wix, test_field=self._field)

    def place(self, order: Placing) -> Placed:
        """Have an unpaid order made (`klientela_wix.placing`)."""
        return placing.place(self._wix, order)

    def close(self) -> None:
        """Let go of connections."""
        self._wix.close()

    def _listings(self) -> tuple[OffsetList, OffsetList, CursorList, CursorList]:
        orders = CursorList(
            path=reading.ORDERS,
            size=_ORDERS,
            envelope="search",
            rows=self._order_rows,
            translate=self._order,
        )
        checkouts = CursorList(
            path=reading.CHECKOUTS,
            size=_CHECKOUTS,
            envelope="query",
            rows=reading.checkout_rows,
            translate=translate.checkout,
        )
        return reading.contacts(_CONTACTS), reading.members(_MEMBERS), orders, checkouts

    def _try(self, listing: OffsetList | CursorList, otherwise: str | None = None) -> None:
        """Ask for a single row. SourceRefused says how to go without, where one can."""
        try:
            reading.one(self._wix, listing)
        except SourceRefused as error:
            if otherwise is None:
                raise
            raise SourceRefused(error.message, hint=f"{error.hint}; or {otherwise}") from None

    def _sweep(self, contacts: OffsetList) -> Iterator[Sequence[str]]:
        return reading.ids(self._wix, replace(contacts, fieldset="BASIC"))

    @property
    def _field(self) -> bool:
        return self.settings.test_orders != "off"

    def _order_rows(
        self, wix: Wix, path: str, question: Mapping[str, Any], cursor: bool
    ) -> tuple[list[Raw], CursorPaging]:
        rows, paging = reading.order_rows(wix, path, question, cursor)
        wanted = self.settings.test_orders == "query" and rows
        self._demo = reading.demo_among(wix, rows) if wanted else set()
        self._buyers.look(rows, self.recall)
        return rows, paging

    def _order(self, raw: Raw) -> list[Record]:
        demo = bool(self._demo) and translate.key(raw) in self._demo
        made = translate.order(raw, test_field=self._field, demo=demo)
        order = made[0]
        if isinstance(order, Order) and order.test is not UNSET and not self._told:
            self._told = True  # whether Wix shows it at all is not documented
            log.info("%s: orders carry the field demo; it is taken for the mark of a test order", self.name)
        buyer = order.customer if isinstance(order, Order) and isinstance(order.customer, str) else None
        return self._buyers.say(made, buyer)
