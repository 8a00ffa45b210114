"""A WooCommerce shop as a source: its accounts, whose list has no filter by time, and its orders by time of change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from klientela.kit import (
    MINUTE,
    SECOND,
    Capabilities,
    Checked,
    GuestPolicy,
    Http,
    HttpSource,
    Instant,
    Page,
    Position,
    Record,
    SourceRefused,
    Stream,
    Window,
    iso,
    pages,
)
from klientela_woocommerce import reading, translate
from klientela_woocommerce.reading import API, TOTAL, Listing
from klientela_woocommerce.settings import WooCommerceSettings

log = logging.getLogger("klientela.woocommerce")

_STATUSES = ("any", "trash")  # "any" is all but what lies in the trash


class WooCommerceSource(HttpSource):
    """One connected shop."""

    type = "woocommerce"
    title = "WooCommerce"
    Settings = WooCommerceSettings
    guests: ClassVar[GuestPolicy] = "merge"  # its own reports take guests with one e-mail for one buyer (R12)
    capabilities = Capabilities(accounts=True, orders=True, deletions=True)
    sandbox = "klientela_woocommerce.sandbox:WooCommerceSandbox"

    settings: WooCommerceSettings
    _told = False

    def connect(self) -> Http:
        """Keys go as HTTP Basic: the settings demand https."""
        keys = (self.settings.consumer_key.get_secret_value(), self.settings.consumer_secret.get_secret_value())
        return Http(self.settings.base_url, auth=keys, stop=self.stop)

    def check(self) -> Checked:
        """Whose shop it is (its home address: WooCommerce has no id), and whether the key opens both lists."""
        site = self.http.get_json("/wp-json/", {"_fields": "name,home,namespaces"})
        if not isinstance(site, dict) or "wc/v3" not in site.get("namespaces", ()):
            raise SourceRefused(
                f"{self.name} is no WooCommerce shop, or its REST API is switched off",
                hint="The base_url is the address of WordPress; permalinks must not be plain (Settings, Permalinks)",
            )
        self._probe("/orders", {})
        self._probe("/customers", {"role": self.settings.role})
        home = str(site.get("home", "")).rstrip("/").partition("://")[2]  # http and https are one shop
        return Checked(home or None, site.get("name"))

    def now(self) -> Instant | None:
        """The server's clock in whole seconds, asked for anew."""
        self._probe("/orders", {})
        return self.http.server_time

    def streams(self) -> Sequence[Stream]:
        """Accounts first, so that orders find their buyers."""
        return [
            Stream("customers", self._customers, snapshot=True, complete=True, fingerprint=self._fingerprint),
            Stream("orders", self._orders, entity="order", sweep=self._order_ids),
        ]

    def _customers(self, window: Window, position: Position) -> Iterator[Page]:
        return self._read([Listing("/customers", {"role": self.settings.role})], translate.person, position)

    def _orders(self, window: Window, position: Position) -> Iterator[Page]:
        """What changed within the window; what was put into the trash comes behind the others."""
        # both limits are exclusive there, the window's beginning is not
        span = {
            "dates_are_gmt": "true",
            "modified_after": None if window.since is None else _gmt(window.since - SECOND),
            "modified_before": None if window.until is None else _gmt(window.until),
        }
        lists = [Listing("/orders", {**span, "status": status}) for status in _STATUSES]
        return self._read(lists, partial(self._order, window.since), position)

    def _read(
        self, lists: Sequence[Listing], made: Callable[[Any], Record | None], position: Position
    ) -> Iterator[Page]:
        return pages(partial(reading.ask, self.http, lists), made, position)

    def _order(self, since: Instant | None, row: Any) -> Record | None:
        made = translate.order(row)
        if made is not None and since is not None and made.version is not None and made.version < since - SECOND:
            self._old()
        return made

    def _old(self) -> None:
        """The shop sent an order that it was not asked for: its filter by time is newer than itself."""
        if not self._told:
            self._told = True
            said = "the shop does not know the filter modified_after (WooCommerce 5.8): every run reads all its orders"
            log.warning("%s: %s", self.name, said)
            self.remarks.append(said)

    def _order_ids(self) -> Iterator[Sequence[str]]:
        """All orders that exist, in the trash or not."""
        lists = [Listing("/orders", {"status": status, "_fields": "id"}) for status in _STATUSES]
        position: Position = None
        while True:
            rows, position = reading.ask(self.http, lists, position)
            yield [str(row["id"]) for row in rows]
            if position is None:
                return

    def _fingerprint(self) -> str | None:
        """The newest account, how many there are, and which stretch of `customers_every` minutes it is."""
        if not self.settings.customers_every:
            return None
        total, newest = self._probe("/customers", {"role": self.settings.role})
        clock = self.http.server_time
        return f"{total}:{newest}:{None if clock is None else clock // (self.settings.customers_every * MINUTE)}"

    def _probe(self, path: str, query: dict[str, Any]) -> tuple[str, int | None]:
        """Ask for the newest id alone: how many there are, and that id."""
        asked = {**query, "per_page": 1, "orderby": "id", "order": "desc", "_fields": "id"}
        reply, rows = self.http.ask("GET", API + path, params=asked, kind=list[dict[str, Any]])
        return reply.headers.get(TOTAL, ""), rows[0].get("id") if rows else None


def _gmt(moment: Instant) -> str:
    """WooCommerce's way of writing a time: UTC without saying so, whole seconds."""
    return iso(moment // SECOND * SECOND).removesuffix("Z")
