"""The Billbee source stands what every source must stand, against its pretend account over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from billbee_helpers import settings_of
from tests.conftest import fresh_schema
from tests.sandboxes import SandboxSubject

from klientela.kit import MINUTE, Instant, Source
from klientela.store import Store, open_store
from klientela.testing import conformance
from klientela.testing.conformance import Trouble
from klientela_billbee.sandbox import API_KEY, PASSWORD, Sandbox
from klientela_billbee.source import BillbeeSource

Node = dict[str, Any]


class ThreeRows(BillbeeSource):
    """The source, with as many rows on a page as the checks want."""

    size = 3


def _unknown_enum(node: Node) -> None:
    node["Type"] = node["LanguageId"] = 4711


def _unknown_field(node: Node) -> None:
    node["Shiny"] = {"New": [1, 2]}


def _missing_field(node: Node) -> None:
    for name in ("Tel1", "Tel2", "DefaultPhone1", "DefaultPhone2", "MetaData"):
        del node[name]


def _broken_record(node: Node) -> None:
    node["Email"] = ["unreadable"]


_ODD: dict[Trouble, Callable[[Node], None]] = {
    "unknown_enum": _unknown_enum,
    "unknown_field": _unknown_field,
    "missing_field": _missing_field,
    "broken_record": _broken_record,
}


class BillbeeSubject(SandboxSubject):
    """A pretend account that begins empty."""

    box: Sandbox
    changes = _ODD
    lateness = 5 * MINUTE
    secrets = (PASSWORD, API_KEY)
    not_applicable: ClassVar[Mapping[str, str]] = {"mixed_offsets": "Billbee's customers carry no times"}

    def __init__(self) -> None:
        super().__init__(Sandbox(start="2026-03-01T07:00:00Z"))
        self.box.bend = self._bend

    def source(self, stop: threading.Event) -> Source:
        return ThreeRows("main", settings_of(self.url), stop=stop)

    def writer(self, stop: threading.Event) -> Source:
        return ThreeRows("main", settings_of(self.url, write_orders=True, write_shop=self.box.home.id), stop=stop)

    def written(self) -> int:
        return sum(one.ident is not None and one.ident.startswith("klientela-") for one in self.box.orders.values())

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        self.reach(when)
        known = self.ids.get(key)
        named = {"first_name": fields.get("first_name"), "last_name": fields.get("last_name")}
        homes = None if known else [{"street": "Weg", "number": str(len(self.ids)), "zip": "10115", **named}]
        one = self.box.customer(known, addresses=homes, **dict[str, Any](fields))
        self.ids[key] = one.id
        return str(one.id)

    def delete(self, key: str) -> None:
        self.box.delete(self.box.customers[self.ids[key]])

    def trouble(self, kind: Trouble, key: str = "") -> None:
        if kind == "refused":
            self.box.password = "another"
        elif kind == "mention":
            self.box.order(customer=self.ids[key], order_email="other@example.com", total="12.50")
            self.odd[self.ids[key]] = _mentioned
        else:
            super().trouble(kind, key)

    def calm(self) -> None:
        super().calm()
        self.box.password = PASSWORD

    def _bend(self, rows: list[Node]) -> None:
        for row in rows:
            if row.get("Id") in self.odd and "Name" in row:
                self.odd[row["Id"]](row)
            elif row.get("Customer") and self.odd.get(row["Customer"]["Id"]) is _mentioned:
                row["Customer"] = {"Id": row["Customer"]["Id"], "Email": "other@example.com"}


def _mentioned(node: Node) -> None:
    """The list of customers goes on saying what is true."""


class TestBillbee(conformance.Suite):
    subject = BillbeeSubject
    package = "klientela_billbee"


class TestBillbeeOnPostgres(conformance.Suite):
    """The same, where stores are PostgreSQL's."""

    subject = BillbeeSubject

    @pytest.fixture(autouse=True)
    def _cluster(self, postgres_url: str, tmp_path: Path) -> None:
        self.cluster, self.folder = postgres_url, tmp_path

    def new_store(self) -> Store:
        return open_store(fresh_schema(self.cluster), key_file=self.folder / "klientela.key")
