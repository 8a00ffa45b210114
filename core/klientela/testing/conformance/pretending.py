"""The subject for shops made with `PretendShop`: all troubles are done, only the shop's own words are left to say."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from klientela.model.instants import SECOND, Instant
from klientela.source import Source
from klientela.testing.conformance.subject import WIRE, HttpSubject, Trouble
from klientela.testing.pretend import PretendShop, Row


class PretendSubject(HttpSubject):
    """A pretend shop of its own for each check.

    kind    the source
    shop    the pretend shop's class
    shelf   where its customers are
    odd     what the shop says of a customer in the troubles unknown_enum, unknown_field and broken_record
    phone   the place of the phone in a row, for missing_field: `phone`, `billing.phone`
    extra   further settings of the source
    """

    kind: ClassVar[type[Source]]
    shop: ClassVar[type[PretendShop]]
    shelf: ClassVar[str] = "customers"
    odd: ClassVar[Mapping[Trouble, Mapping[str, Any]]] = {}
    phone: ClassVar[str] = "phone"
    extra: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self.box = self.shop(most=self.page_size)
        self.ids: dict[str, str] = {}
        self.secrets = (self.box.key,)
        super().__init__(self.box.faults, now=lambda: self.box.clock / SECOND)

    def source(self, stop: threading.Event) -> Source:
        """The source, connected to the shop."""
        settings = self.kind.Settings.model_validate({**self.box.settings(self.url), **self.extra})
        return self.kind("main", settings, stop=stop)

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        """A customer."""
        row = self.box.put(self.shelf, self.box.said(fields), self.ids.get(key), when)
        self.ids[key] = row.id
        return row.id

    def delete(self, key: str) -> None:
        """A customer is not there any more."""
        self.box.drop(self.shelf, self.ids[key])

    def mention(self, row: Row) -> None:
        """Let the shop tell a part of a customer once more, as in an order: `self.box.put("orders", …)`."""
        super().trouble("mention", row.id)

    def trouble(self, kind: Trouble, key: str = "") -> None:
        """Of the wire, of the shop, of one row."""
        row = self.box.shelves[self.shelf][self.ids[key]] if key else None
        if kind in WIRE or (row is not None and kind not in self.odd and kind not in ("mention", "missing_field")):
            super().trouble(kind, key)
        elif row is None:
            self.box.troubles.add(kind)
        elif kind == "mention":
            self.mention(row)
        elif kind == "missing_field":
            row.hidden.add(self.phone)
        else:
            row.odd.update(self.odd[kind])

    def calm(self) -> None:
        """As if nothing had been."""
        self.box.calm()
