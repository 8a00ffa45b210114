"""The pretend account on the wire: the vendor's lists and objects, and the levers of a test.

GET  /api/v1/orders, /orders/{id}, /orders/findbyextref/{ref}, /customers, /customers/{id}, /customers/{id}/orders,
     /customers/{id}/addresses, /customer-addresses, /events, /shopaccounts
POST /api/v1/orders?shopId={id}           write an order (see writing.py)
GET  /_sandbox/settings                   what to write into a configuration to connect to this account
GET  /_sandbox/truth                      the true state
POST /_sandbox/clock     {"seconds": 60}  let time pass
POST /_sandbox/advance   {"steps": 5}     let things happen
POST /_sandbox/mischief  {"drift": 0.5}   faults inside well-formed answers
POST /_sandbox/carry     {"orders": …}    take over the orders of another shop (see carry.py)
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from klientela.kit import MINUTE, SECOND, Instant, instant
from klientela.testing.backstage import levers
from klientela_billbee.sandbox import life, views
from klientela_billbee.sandbox.carry import carry
from klientela_billbee.sandbox.writing import Refused, write

if TYPE_CHECKING:
    from klientela_billbee.sandbox import Sandbox

T = TypeVar("T")
Node = dict[str, Any]

_encode = msgspec.json.Encoder(decimal_format="number").encode
_DEFAULT, _MOST = 50, 250  # rows on a page
_DENIED = {"Message": "Authorization has been denied for this request."}
_NOT_FOUND = 2  # error code


class Server:
    """Answers the requests of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.requests: list[tuple[str, dict[str, list[str]]]] = []  # what was asked, for tests
        self._asked: dict[str, deque[float]] = {}

    def app(self) -> Starlette:
        """The ASGI application."""
        api = "/api/v1"
        return Starlette(
            routes=[
                Route(f"{api}/orders", self._guarded(self.orders)),
                Route(f"{api}/orders", self._guarded(self.write), methods=["POST"]),
                Route(f"{api}/orders/findbyextref/{{ref:path}}", self._guarded(self.by_reference)),
                Route(f"{api}/orders/{{id:int}}", self._guarded(self.one_order)),
                Route(f"{api}/customers", self._guarded(self.customers)),
                Route(f"{api}/customers/{{id:int}}", self._guarded(self.one_customer)),
                Route(f"{api}/customers/{{id:int}}/orders", self._guarded(self.orders_of)),
                Route(f"{api}/customers/{{id:int}}/addresses", self._guarded(self.addresses_of)),
                Route(f"{api}/customer-addresses", self._guarded(self.addresses)),
                Route(f"{api}/events", self._guarded(self.events)),
                Route(f"{api}/shopaccounts", self._guarded(self.accounts)),
                Route("/_sandbox/settings", self.settings),
                *levers(self.sandbox, self.reply),
                Route("/_sandbox/carry", self.carry, methods=["POST"]),
            ]
        )

    def reply(self, content: Any, status: int = 200) -> Response:
        """JSON with the account's own time in the Date header."""
        date = formatdate(self.sandbox.clock.now() / SECOND, usegmt=True)
        return Response(_encode(content), status, headers={"Date": date}, media_type="application/json")

    # -- the door ------------------------------------------------------------------------------------------------

    def _guarded(self, answer: Callable[..., Response]) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            box = self.sandbox
            path = request.url.path.removeprefix("/api/v1/")
            self.requests.append((path, {key: request.query_params.getlist(key) for key in request.query_params}))
            if not self._welcome(request):
                return self.reply(_DENIED, 401)
            if box.mischief.strikes("busy") or self._too_fast(f"{request.method} {path.partition('/')[0]}"):
                return self.reply({"ErrorMessage": "API calls quota exceeded", "ErrorCode": 0}, 429)
            if box.locked:
                return self.reply(_envelope(None, code=box.locked))
            if box.mischief.strikes("internal"):
                return self.reply(_envelope(None, code=8))
            if box.mischief.strikes("message"):
                return self.reply({"Message": "An error has occurred."})
            content = [await request.body()] if request.method == "POST" else []
            with box.lock:
                return answer(request, *content)

        return respond

    def _welcome(self, request: Request) -> bool:
        box = self.sandbox
        way_in = base64.b64encode(f"{box.user}:{box.password}".encode()).decode()
        given = request.headers.get("authorization", "")
        return given == f"Basic {way_in}" and request.headers.get("x-billbee-api-key") == box.api_key

    def _too_fast(self, endpoint: str) -> bool:
        """Whether an endpoint was asked more than so often within a second."""
        if self.sandbox.limit is None:
            return False
        now, asked = time.monotonic(), self._asked.setdefault(endpoint, deque())
        while asked and asked[0] <= now - 1:
            asked.popleft()
        if len(asked) >= self.sandbox.limit:
            return True
        asked.append(now)
        return False

    # -- the vendor's endpoints ----------------------------------------------------------------------------------

    def orders(self, request: Request) -> Response:
        """Orders, newest first; filtered by shop, state, date and time of change."""
        asked = request.query_params
        shops = {int(text) for text in asked.getlist("shopId")}
        states = {int(text) for text in asked.getlist("orderStateId")}
        newer, older = self._time(asked.get("modifiedAtMin")), self._time(asked.get("modifiedAtMax"))
        first, last = self._time(asked.get("minOrderDate")), self._time(asked.get("maxOrderDate"))
        found = [
            one
            for one in self.sandbox.orders.values()
            if (not shops or one.store in shops)
            and (not states or one.state in states)
            and (newer is None or one.modified_at > newer)
            and (older is None or one.modified_at <= older)
            and (first is None or one.created_at >= first)
            and (last is None or one.created_at <= last)
        ]
        found.sort(key=lambda one: (-one.created_at, -one.id))
        return self._list(request, "orders", found, lambda one: views.order(self.sandbox, one))

    def write(self, request: Request, content: bytes) -> Response:
        """An order from outside."""
        try:
            made = write(self.sandbox, request.query_params.get("shopId"), content)
        except Refused as refused:
            return self.reply(refused.answer, 400)
        return self.reply(_envelope(views.order(self.sandbox, made)), 201)

    def one_order(self, request: Request) -> Response:
        """One order by the account's id."""
        one = self.sandbox.orders.get(request.path_params["id"])
        return self._single(None if one is None else views.order(self.sandbox, one))

    def by_reference(self, request: Request) -> Response:
        """One order by the shop's number or id."""
        ref = request.path_params["ref"]
        orders = self.sandbox.orders.values()
        one = next((one for one in orders if one.number == ref), None)
        one = one or next((one for one in orders if one.ident == ref), None)
        return self._single(None if one is None else views.order(self.sandbox, one))

    def customers(self, request: Request) -> Response:
        """All customers, oldest first; there is no filter."""
        found = [self.sandbox.customers[number] for number in sorted(self.sandbox.customers)]
        return self._list(request, "customers", found, views.customer)

    def one_customer(self, request: Request) -> Response:
        """One customer."""
        one = self.sandbox.customers.get(request.path_params["id"])
        return self._single(None if one is None else views.customer(one))

    def orders_of(self, request: Request) -> Response:
        """The orders of a customer."""
        found = [one for one in self.sandbox.orders.values() if one.customer == request.path_params["id"]]
        return self._list(request, "", found, lambda one: views.order(self.sandbox, one))

    def addresses_of(self, request: Request) -> Response:
        """The addresses of a customer."""
        one = self.sandbox.customers.get(request.path_params["id"])
        found = [] if one is None else [(one, home) for home in one.addresses]
        return self._list(request, "", found, lambda pair: views.home(*pair))

    def addresses(self, request: Request) -> Response:
        """The addresses of all customers, oldest first."""
        found = [(one, home) for one in self.sandbox.customers.values() for home in one.addresses]
        found.sort(key=lambda pair: pair[1].id)
        return self._list(request, "customer-addresses", found, lambda pair: views.home(*pair))

    def events(self, request: Request) -> Response:
        """What happened, newest first."""
        asked = request.query_params
        kinds = {int(text) for text in asked.getlist("typeId")}
        order = asked.get("orderId")
        since, until = self._time(asked.get("minDate")), self._time(asked.get("maxDate"))
        found = [
            one
            for one in self.sandbox.events.values()
            if (not kinds or one.kind in kinds)
            and (order is None or one.order == int(order))
            and (since is None or one.at >= since)
            and (until is None or one.at <= until)
        ]
        found.sort(key=lambda one: (-one.at, -one.id))
        return self._list(request, "events", found, lambda one: views.event(self.sandbox, one))

    def accounts(self, request: Request) -> Response:
        """The connected shops."""
        shops = [views.account(one, self.sandbox.clock.now()) for one in self.sandbox.stores.values()]
        if self.sandbox.mischief.strikes("other_shop"):
            shops = [{**one, "Id": one["Id"] - 50_000} for one in shops]
        return self._list(request, "", shops, lambda one: one)

    # -- answers -------------------------------------------------------------------------------------------------

    def _list(self, request: Request, name: str, found: Sequence[T], show: Callable[[T], Node]) -> Response:
        mischief = self.sandbox.mischief
        page, size = _whole(request, "page", 1), min(_MOST, _whole(request, "pageSize", _DEFAULT))
        if name and mischief.strikes("emptied"):
            found = []
        if name and page > 1 and mischief.strikes("loop"):
            page = 1
        begin = (page - 1) * size
        again = size if name and page > 1 and mischief.strikes("repeat") else 0
        rows = [show(one) for one in found[max(0, begin - again) : begin + size]]
        if name:
            mischief.bend(rows)
            self.sandbox.bend(rows)
        pages = -(-len(found) // size)
        paging = {"Page": page, "TotalPages": pages, "TotalRows": len(found), "PageSize": size}
        answer = _envelope(rows)
        if not (name and mischief.strikes("unpaged")):
            answer = {"Paging": paging, **answer}
        if name and page < pages and mischief.strikes("drift"):
            life.disturb(self.sandbox, mischief.dice, name)
        return self.reply(answer)

    def _single(self, node: Node | None) -> Response:
        return self.reply(_envelope(node, code=_NOT_FOUND if node is None else 0))

    def _time(self, text: str | None) -> Instant | None:
        """A time of a filter, with or without offset, with or without seconds."""
        if not text:
            return None
        value = instant(datetime.fromisoformat(text.strip().replace(" ", "T")).isoformat(), self.sandbox.zone)
        return value - value % MINUTE if self.sandbox.mischief.strikes("coarse") else value

    # -- the levers of a test ------------------------------------------------------------------------------------

    async def settings(self, _request: Request) -> Response:
        """What connects a source to this account, beside base_url; without a limit there is no need to wait."""
        box = self.sandbox
        spacing = 0.0 if box.limit is None else 1.1 / box.limit
        way_in = {"user": box.user, "password": box.password, "api_key": box.api_key}
        return self.reply({"type": "billbee", **way_in, "spacing": spacing})

    async def carry(self, request: Request) -> Response:
        """Take over orders: {"orders": those of another sandbox's truth, "name", "platform", "relay"}."""
        body = msgspec.json.decode(await request.body())
        given = body.pop("orders", {})
        orders: Iterable[Node] = given.values() if isinstance(given, dict) else given
        try:
            store, taken = carry(self.sandbox, orders, **body)
        except (TypeError, KeyError, ValueError) as error:
            return self.reply({"error": f"{type(error).__name__}: {error}"}, 400)
        return self.reply({"shop": str(store.id), "taken": taken})


def _envelope(data: Any, *, code: int = 0) -> Node:
    return {"ErrorMessage": None if not code else f"Error {code}", "ErrorCode": code, "Data": data}


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return max(1, int(text)) if text.isdigit() else default
