"""The shop at the corner as a server to try the source on, and the subject for the conformance suite."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klientela.kit import SECOND, Instant, Source, instant, iso
from klientela.model.instants import to_datetime
from klientela.testing import conformance
from klientela.testing.conformance import Trouble
from tests.testing.corner import Corner

TOKEN = "corner-3f9a7c51"
_OFFSETS = (timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8))


@dataclass
class Row:
    """A customer or an order, and since when it is like this."""

    id: str
    at: Instant
    said: dict[str, Any] = field(default_factory=dict)
    odd: dict[str, Any] = field(default_factory=dict)  # what a trouble puts in the place of what is true
    hidden: set[str] = field(default_factory=set)


class CornerShop:
    """The state of the shop, its clock, its troubles; `app` is its server."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.customers: dict[str, Row] = {}
        self.orders: dict[str, Row] = {}
        self.clock: Instant = 0
        self.troubles: set[Trouble] = set()
        self.app = Starlette(
            routes=[
                Route("/shop", self.shop),
                Route("/customers", self.listed),
                Route("/orders", self.listed),
                Route("/orders", self.placed, methods=["POST"]),
                Route("/ids", self.ids),
            ]
        )

    async def shop(self, request: Request) -> Response:
        """Who this is, and what time it is here."""
        name = "corner-2" if "other_shop" in self.troubles else "corner-1"
        return self._answer(request, {"id": name, "name": "Corner shop"})

    async def listed(self, request: Request) -> Response:
        """A page of what changed within [since, until), by time; `after` is the place of the last row of a page."""
        query = request.query_params
        shelf = self.orders if request.url.path == "/orders" else self.customers
        since, until = (instant(query[name]) if name in query else None for name in ("since", "until"))
        rows = [
            row
            for row in sorted(shelf.values(), key=lambda row: (row.at, row.id))
            if (since is None or row.at >= since) and (until is None or row.at < until)
        ]
        after = query.get("after", "")
        # paging by number is for those who do not know better
        begin = int(query["offset"]) if "offset" in query else sum(_place(row) <= after for row in rows)
        shown = rows[begin : begin + self.limit]
        more: str | None = _place(shown[-1]) if begin + self.limit < len(rows) else None
        if "loop" in self.troubles and after:
            more = after
        if "repeat" in self.troubles:
            shown = rows[max(0, begin - self.limit) : begin + self.limit]
        if "emptied" in self.troubles:
            shown, more = [], None
        return self._answer(request, {"items": [self._said(row) for row in shown], "next": more})

    async def placed(self, request: Request) -> Response:
        """An order for a customer."""
        body = await request.json()
        buyer = self.customers.get(body.get("customer") or "")
        if buyer is None:
            return JSONResponse({"error": "whose order is this?"}, 422)
        total = sum(line["quantity"] * line["price"] for line in body["lines"]) - body["discount"]
        said = {"total": total, "customer": {"id": buyer.id, "email": buyer.said["email"]}, "tags": body["tags"]}
        row = Row(f"o{100 + len(self.orders)}", self.clock, said)
        self.orders[row.id] = row
        self.clock += SECOND
        return self._answer(request, {"id": row.id})

    async def ids(self, request: Request) -> Response:
        """A page of all ids, in their order."""
        after = request.query_params.get("after", "")
        rest = [] if "emptied" in self.troubles else sorted(name for name in self.customers if name > after)
        shown = rest[: self.limit]
        return self._answer(request, {"ids": shown, "next": shown[-1] if len(rest) > self.limit else None})

    def _said(self, row: Row) -> dict[str, Any]:
        offset = _OFFSETS[int(row.id[1:]) % 3] if "offsets" in self.troubles else timedelta(0)
        moment = to_datetime(row.at).astimezone(timezone(offset)).isoformat()
        said = {"id": row.id, "updated_at": moment, **row.said, **row.odd}
        return {name: value for name, value in said.items() if name not in row.hidden}

    def _answer(self, request: Request, content: Any) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}" or "refused" in self.troubles:
            return JSONResponse({"error": "who are you?"}, 401)
        return JSONResponse(content, headers={"Date": f"{to_datetime(self.clock):%a, %d %b %Y %H:%M:%S GMT}"})


def _place(row: Row) -> str:
    return f"{iso(row.at)} {row.id}"


class CornerSubject(conformance.HttpSubject):
    """The corner shop for the conformance suite."""

    secrets = (TOKEN,)

    def __init__(self, kind: type[Corner] = Corner) -> None:
        self.kind = kind
        self.shop = CornerShop(self.page_size)
        self.keys: dict[str, Row] = {}
        super().__init__(self.shop.app, now=lambda: self.shop.clock / SECOND)

    def source(self, stop: threading.Event) -> Source:
        """A connection to the shop."""
        settings = self.kind.Settings.model_validate({"type": "corner", "base_url": self.url, "token": TOKEN})
        return self.kind("main", settings, stop=stop)

    def writer(self, stop: threading.Event) -> Source:
        """The same, which may write."""
        given = {"type": "corner", "base_url": self.url, "token": TOKEN, "write_orders": True}
        return self.kind("main", self.kind.Settings.model_validate(given), stop=stop)

    def written(self) -> int:
        """Orders with tags came from us."""
        return sum("tags" in row.said for row in self.shop.orders.values())

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        """A customer."""
        row = self.keys.get(key)
        if row is None:
            row = self.keys[key] = Row(f"c{100 + len(self.keys)}", when, {"status": "member"})
            self.shop.customers[row.id] = row
        row.at = when
        row.said.update(fields)
        self.shop.clock = max(self.shop.clock, when + SECOND)
        return row.id

    def delete(self, key: str) -> None:
        """The shop says nothing of it; the customer is just not there any more."""
        del self.shop.customers[self.keys[key].id]

    def trouble(self, kind: Trouble, key: str = "") -> None:
        """The shop's own troubles; those of the wire are done for us."""
        row = self.keys.get(key)
        if kind in conformance.WIRE:
            super().trouble(kind)
        elif row is None:
            self.shop.troubles.add(kind)
        elif kind == "mention":
            self.shop.clock += SECOND
            buyer = {"id": row.id, "email": row.said["email"]}
            self.shop.orders["o1"] = Row("o1", self.shop.clock - SECOND, {"total": 1250, "customer": buyer})
        elif kind == "missing_field":
            row.hidden.add("phone")
        else:
            row.odd.update(_ODD[kind])

    def calm(self) -> None:
        """Everything is as it should be."""
        super().calm()
        self.shop.troubles.clear()
        for row in self.keys.values():
            row.odd.clear()
            row.hidden.clear()


_ODD: dict[Trouble, dict[str, Any]] = {
    "unknown_enum": {"status": "platinum-plus"},
    "unknown_field": {"shiny": {"new": [1, 2]}},
    "broken_record": {"updated_at": "the day before yesterday"},
}
