"""The Wix source stands what every source must stand, against its pretend site over real HTTP, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

import pytest
from tests.sandboxes import SandboxSubject
from wix_helpers import SmallPages

from klientela.kit import MINUTE, Instant, Source
from klientela.store import Store
from klientela.testing import Seen, conformance
from klientela.testing.conformance import Trouble
from klientela_wix.placing import ORDERS
from klientela_wix.sandbox import API_KEY, Sandbox
from klientela_wix.settings import WixSettings

Node = dict[str, Any]
OTHER_SITE = "5a9d0d1e-0000-4000-8000-00000000ffff"


class ThreeRows(SmallPages):
    """The source, with as many rows on a page as the checks want."""

    size = 3


def _unknown_enum(node: Node) -> None:
    node["primaryEmail"]["subscriptionStatus"] = "BRAND_NEW"
    node["info"]["extendedFields"]["items"]["members.status"] = "BRAND_NEW"


def _unknown_field(node: Node) -> None:
    node["shiny"] = {"new": [1, 2]}


def _missing_field(node: Node) -> None:
    """Every place that could hold the telephone: short of one of them, its absence means that there is none."""
    del node["info"]["phones"], node["primaryPhone"], node["primaryInfo"]


def _broken_record(node: Node) -> None:
    node["updatedDate"] = None


_ODD: dict[Trouble, Callable[[Node], None]] = {
    "unknown_enum": _unknown_enum,
    "unknown_field": _unknown_field,
    "missing_field": _missing_field,
    "broken_record": _broken_record,
}


class WixSubject(SandboxSubject):
    """A pretend site that begins empty."""

    box: Sandbox
    changes = _ODD
    lateness = 5 * MINUTE  # the lists lag behind
    secrets = (API_KEY,)
    not_applicable: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        super().__init__(Sandbox(start="2026-03-01T07:00:00Z"))
        self.home = self.box.site_id
        self.offsets = False
        self.box.mischief.bend = self._bend  # type: ignore[method-assign]

    def source(self, stop: threading.Event, **more: Any) -> Source:
        settings = WixSettings(type="wix", base_url=self.url, api_key=API_KEY, site_id=self.box.site_id, **more)
        return ThreeRows("main", settings, stop=stop)

    def writer(self, stop: threading.Event) -> Source:
        return self.source(stop, write_orders=True)

    def writes(self, seen: Seen) -> bool:
        return seen.path == ORDERS

    def written(self) -> int:
        return sum(1 for one in self.box.orders.values() if one.external_id)

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        self.reach(when)
        born = None if key in self.ids else when
        one = self.box.contact(self.ids.get(key), created_at=born, updated_at=when, **dict[str, Any](fields))
        self.ids[key] = one.id
        return one.id

    def delete(self, key: str) -> None:
        self.box.delete(self.box.contacts[self.ids[key]])

    def trouble(self, kind: Trouble, key: str = "") -> None:
        if kind == "refused":
            self.box.api_key = "IST.another"
        elif kind == "other_shop":
            self.box.site_id = OTHER_SITE  # all sites have one address: who is asked is a matter of the site's id
        elif kind == "mention":
            self.box.order(contact=self.ids[key], email="other@example.com", total="12.50")
        elif kind == "offsets":
            self.offsets = True
        else:
            super().trouble(kind, key)

    def calm(self) -> None:
        super().calm()
        self.offsets = False
        self.box.api_key, self.box.site_id = API_KEY, self.home

    def _bend(self, rows: list[Node]) -> None:
        for node in rows:
            if self.offsets and "updatedDate" in node:
                hours = int(node["id"][-1], 16) % 3
                node["updatedDate"] = _elsewhere(node["updatedDate"], hours)
            if "info" in node:
                self.bent(node["id"], node)


def _elsewhere(text: str, hours: int) -> str:
    """The same moment as a clock some hours to the east shows it."""
    there = datetime.fromisoformat(text).astimezone(timezone(timedelta(hours=hours)))
    return there.isoformat(timespec="milliseconds")


class TestWix(conformance.Suite):
    """Once on SQLite, once on PostgreSQL."""

    subject = WixSubject
    package = "klientela_wix"

    @pytest.fixture(autouse=True)
    def _stores(self, new_store: Callable[[], Store]) -> None:
        self._new_store = new_store

    def new_store(self) -> Store:
        return self._new_store()
