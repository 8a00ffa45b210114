"""The Shopify source stands what every source must stand, against its pretend shop over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from tests.sandboxes import SandboxSubject

from klientela.kit import MINUTE, Instant, Source
from klientela.testing import Seen, conformance
from klientela.testing.conformance import Trouble
from klientela_shopify import bulk
from klientela_shopify.reading import Listing
from klientela_shopify.sandbox import TOKEN, Sandbox
from klientela_shopify.sandbox.drafts import complete
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource

Node = dict[str, Any]


class SmallPages(ShopifySource):
    """The source, with as many rows on a page as the checks want; it does not wait for bulk operations."""

    def pause(self, seconds: float) -> None:
        super().pause(0)

    def _listings(self) -> tuple[Listing, Listing, Listing]:
        customers, orders, checkouts = super()._listings()
        size = ShopifySubject.page_size
        return replace(customers, size=size), replace(orders, size=size), replace(checkouts, size=size)


def _unknown_enum(node: Node) -> None:
    node["state"] = node["defaultEmailAddress"]["marketingState"] = "BRAND_NEW"


def _unknown_field(node: Node) -> None:
    node["shiny"] = {"new": [1, 2]}


def _missing_field(node: Node) -> None:
    del node["defaultPhoneNumber"]


def _broken_record(node: Node) -> None:
    node["updatedAt"] = None


_ODD: dict[Trouble, Callable[[Node], None]] = {
    "unknown_enum": _unknown_enum,
    "unknown_field": _unknown_field,
    "missing_field": _missing_field,
    "broken_record": _broken_record,
}


class ShopifySubject(SandboxSubject):
    """A pretend shop that begins empty."""

    box: Sandbox
    changes = _ODD
    bulk = "never"
    lateness = 5 * MINUTE  # the search index lags behind
    secrets = (TOKEN,)
    not_applicable: ClassVar[Mapping[str, str]] = {"mixed_offsets": "Shopify writes all times in UTC"}

    def __init__(self) -> None:
        super().__init__(Sandbox(start="2026-03-01T07:00:00Z"))
        self.box.mischief.bend = self._bend  # type: ignore[method-assign]

    def source(self, stop: threading.Event, **more: Any) -> Source:
        given = {"type": "shopify", "base_url": self.url, "access_token": TOKEN, "bulk": self.bulk, **more}
        return SmallPages("main", ShopifySettings.model_validate(given), stop=stop)

    def writer(self, stop: threading.Event) -> Source:
        return self.source(stop, write_orders=True)

    def writes(self, seen: Seen) -> bool:
        return b"draftOrderCreate" in seen.body

    def written(self) -> int:
        return len(self.box.drafts)

    def accept(self) -> None:
        for one in self.box.drafts.values():
            if one.order is None:
                complete(self.box, f"gid://shopify/DraftOrder/{one.id}")

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        self.reach(when)
        born = None if key in self.ids else when
        one = self.box.customer(self.ids.get(key), created_at=born, updated_at=when, **dict[str, Any](fields))
        self.ids[key] = one.id
        return str(one.id)

    def delete(self, key: str) -> None:
        self.box.delete(self.box.customers[self.ids[key]])

    def name_of(self, key: str) -> str:
        return f"gid://shopify/Customer/{self.ids[key]}"

    def trouble(self, kind: Trouble, key: str = "") -> None:
        if kind == "refused":
            self.box.token = "shpat_another"
        elif kind == "mention":
            self.box.order(customer=self.ids[key], email="other@example.com", total="12.50")
        else:
            super().trouble(kind, key)

    def calm(self) -> None:
        super().calm()
        self.box.token = TOKEN

    def _bend(self, rows: list[Node]) -> None:
        for node in rows:
            self.bent(node["id"], node)


class TestShopify(conformance.Suite):
    subject = ShopifySubject
    package = "klientela_shopify"


class BulkSubject(ShopifySubject):
    """The same shop, whose lists are read whole by bulk operations."""

    bulk = "always"


class TestShopifyInBulk(conformance.Suite):
    subject = BulkSubject

    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk, "ROWS", ShopifySubject.page_size)
