"""The pretend site on the wire: Wix's endpoints, and the levers of a test.

POST /oauth2/token                            client credentials of an app's instance
GET  /apps/v1/instance                        about that instance and its site
POST /contacts/v4/contacts/query              by offset                 GET /contacts/v4/contacts/{id}
POST /members/v1/members/query                by offset                 GET /members/v1/members/{id}
POST /ecom/v1/orders/search                   by cursor                 GET /ecom/v1/orders/{id}
POST /ecom/v1/orders                          make an order (writing.py)
POST /ecom/v1/abandoned-checkout/query        by cursor                 GET /ecom/v1/abandoned-checkout/{id}
GET  /_sandbox/settings                       what to write into a configuration (?app=1: as an app with webhooks)
GET  /_sandbox/truth                          the true state
POST /_sandbox/clock     {"seconds": 60}      let time pass
POST /_sandbox/advance   {"steps": 5}         let things happen
POST /_sandbox/mischief  {"drift": 0.5}       faults inside well-formed answers
POST /_sandbox/deliver   {"to": "http://…"}   send the messages that wait, signed
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klientela.kit import MINUTE, SECOND
from klientela.testing.backstage import levers
from klientela_wix.sandbox import life, views, writing
from klientela_wix.sandbox.lists import (
    Column,
    Columns,
    Refused,
    compile_filter,
    cursor,
    limit_of,
    order_of,
    sort,
    state_of,
)
from klientela_wix.sandbox.things import Thing

if TYPE_CHECKING:
    from klientela_wix.sandbox import Sandbox

Answer = dict[str, Any]

_ID = Column(lambda one: one.id)
_CREATED = Column(lambda one: one.created_at, time=True, sortable=True)
_CHANGED = Column(lambda one: one.indexed, time=True)
_CHANGED_SORTED = Column(lambda one: one.indexed, time=True, sortable=True)
_BUYER = {
    "buyerInfo.contactId": Column(lambda one: one.contact),
    "buyerInfo.memberId": Column(lambda one: one.member),
    "buyerInfo.email": Column(lambda one: one.email, sortable=True),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """One list: where its things are, how they are shown, what it can be asked for, how many rows at once."""

    name: str  # of the attribute of the site
    shown: str  # the key in the answer
    view: Callable[..., Answer]
    columns: Columns
    most: int
    usual: int
    sorts: int = 1


CONTACTS = Shelf(
    "contacts",
    "contacts",
    views.contact,
    {
        "id": _ID,
        "createdDate": _CREATED,
        "updatedDate": _CHANGED,
        "primaryInfo.email": Column(lambda one: one.email or "", sortable=True),
        "info.name.last": Column(lambda one: one.last_name or "", sortable=True),
    },
    most=1000,
    usual=50,
)
MEMBERS = Shelf(
    "members",
    "members",
    views.member,
    {
        "id": Column(lambda one: one.id, sortable=True),
        "createdDate": _CREATED,
        "contactId": Column(lambda one: one.contact, sortable=True),
        "loginEmail": Column(lambda one: one.login_email, sortable=True),
    },
    most=100,
    usual=100,
)
ORDERS = Shelf(
    "orders",
    "orders",
    views.order,
    {
        "id": _ID,
        "createdDate": _CREATED,
        "updatedDate": _CHANGED_SORTED,
        "purchasedDate": Column(lambda one: one.purchased_at, time=True, sortable=True),
        "number": Column(lambda one: one.number, sortable=True),
        "status": Column(lambda one: one.status, sortable=True),
        "paymentStatus": Column(lambda one: one.payment_status, sortable=True),
        "checkoutId": Column(lambda one: one.checkout_id),
        "channelInfo.externalOrderId": Column(lambda one: one.external_id),
        "archived": Column(lambda one: one.archived),
        "demo": Column(lambda one: one.demo),
        **_BUYER,
    },
    most=100,
    usual=100,
    sorts=4,
)
CHECKOUTS = Shelf(
    "checkouts",
    "abandonedCheckouts",
    views.checkout,
    {
        "id": _ID,
        "createdDate": _CREATED,
        "updatedDate": _CHANGED_SORTED,
        "status": Column(lambda one: "ABANDONED" if one.recovered_at is None else "RECOVERED", sortable=True),
        **_BUYER,
    },
    most=100,
    usual=50,
)


class Server:
    """Answers the requests of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.tokens: dict[str, int] = {}  # issued token -> the instant it expires
        self.asked: list[tuple[str, Answer]] = []  # what was asked, for tests: the list and the body
        self._calls: deque[int] = deque()

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/oauth2/token", self.token, methods=["POST"]),
                Route("/apps/v1/instance", self.instance),
                Route("/contacts/v4/contacts/query", self.contacts, methods=["POST"]),
                Route("/contacts/v4/contacts/{id}", self.contact),
                Route("/members/v1/members/query", self.members, methods=["POST"]),
                Route("/members/v1/members/{id}", self.member),
                Route("/ecom/v1/orders", self.make, methods=["POST"]),
                Route("/ecom/v1/orders/search", self.orders, methods=["POST"]),
                Route("/ecom/v1/orders/{id}", self.order),
                Route("/ecom/v1/abandoned-checkout/query", self.checkouts, methods=["POST"]),
                Route("/ecom/v1/abandoned-checkout/{id}", self.checkout),
                Route("/_sandbox/settings", self.settings),
                *levers(self.sandbox, self.reply),
                Route("/_sandbox/deliver", self.deliver, methods=["POST"]),
            ]
        )

    def reply(self, content: Any, status: int = 200) -> Response:
        """JSON with the site's own time in the Date header."""
        date = formatdate(self.sandbox.clock.now() / SECOND, usegmt=True)
        return JSONResponse(content, status, headers={"Date": date})

    def _fail(self, status: int, code: str, said: str) -> Response:
        error = {"applicationError": {"code": code, "description": said, "data": {}}}
        return self.reply({"message": said, "details": error}, status)

    # -- the doors -----------------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Client credentials for a token of some hours."""
        try:
            form = json.loads(await request.body())
        except ValueError:
            form = {}
        site = self.sandbox
        wanted = {
            "grant_type": "client_credentials",
            "client_id": site.app_id,
            "client_secret": site.app_secret,
            "instance_id": site.instance_id,
        }
        if any(form.get(name) != value for name, value in wanted.items()):
            return self._fail(400, "INVALID_CREDENTIALS", "the credentials do not fit together")
        token = f"OauthNG.JWS.{secrets.token_hex(16)}"
        self.tokens[token] = site.clock.now() + site.token_life * SECOND
        return self.reply({"access_token": token, "token_type": "Bearer", "expires_in": max(0, site.token_life)})

    def _turned_away(self, request: Request, thing: str) -> Response | None:
        """The answer for who may not come in."""
        site = self.sandbox
        token = request.headers.get("authorization", "")
        if token == site.api_key:
            if request.headers.get("wix-site-id") != site.site_id:
                return self._fail(403, "PERMISSION_DENIED", "the key does not open this site")
        elif self.tokens.get(token, 0) <= site.clock.now():
            return self._fail(401, "UNAUTHENTICATED", "the caller is not known")
        if thing in site.forbidden:
            return self._fail(403, "PERMISSION_DENIED", "Permission denied")
        if thing in site.not_installed:
            return self._fail(428, "APP_NOT_INSTALLED", "the app is not installed on this site")
        return self._throttled()

    def _throttled(self) -> Response | None:
        site, now = self.sandbox, self.sandbox.clock.now()
        while self._calls and self._calls[0] <= now - MINUTE:
            self._calls.popleft()
        crowded = site.calls_a_minute is not None and len(self._calls) >= site.calls_a_minute
        if crowded or site.mischief.strikes("throttled"):
            return self._fail(429, "RESOURCE_EXHAUSTED", "rate limit exceeded")
        self._calls.append(now)
        return None

    async def instance(self, request: Request) -> Response:
        """About the app's instance; only apps may ask."""
        site = self.sandbox
        if (refused := self._turned_away(request, "instance")) is not None:
            return refused
        if request.headers.get("authorization") == site.api_key:
            return self._fail(403, "PERMISSION_DENIED", "only apps have an instance")
        found = {"siteId": site.site_id, "siteDisplayName": site.name, "locale": "de"}
        return self.reply({"instance": {"instanceId": site.instance_id}, "site": found})

    # -- the lists -----------------------------------------------------------------------------------------------

    async def contacts(self, request: Request) -> Response:
        """Query contacts."""
        return await self._ask(request, CONTACTS, "query", self._by_offset)

    async def members(self, request: Request) -> Response:
        """Query members."""
        return await self._ask(request, MEMBERS, "query", self._by_offset)

    async def orders(self, request: Request) -> Response:
        """Search orders."""
        return await self._ask(request, ORDERS, "search", self._by_cursor)

    async def checkouts(self, request: Request) -> Response:
        """Query abandoned checkouts."""
        return await self._ask(request, CHECKOUTS, "query", self._by_cursor)

    async def _ask(
        self, request: Request, shelf: Shelf, envelope: str, answer: Callable[[Shelf, Answer, Answer], Answer]
    ) -> Response:
        if (refused := self._turned_away(request, shelf.name)) is not None:
            return refused
        try:
            body = json.loads(await request.body())
            query = body.get(envelope) or {}
        except (ValueError, AttributeError):
            return self._fail(400, "INVALID_ARGUMENT", "the body is no JSON object")
        site = self.sandbox
        with site.lock:
            site.settle()
            self.asked.append((shelf.name, body))
            try:
                return self.reply(answer(shelf, query, body))
            except Refused as error:
                return self.reply(error.body(), 400)

    def _listed(self, shelf: Shelf) -> list[Thing]:
        site = self.sandbox
        if site.mischief.strikes("emptied"):
            return []
        things: Mapping[str, Thing] = getattr(site, shelf.name)
        return [one for one in things.values() if one.indexed is not None and getattr(one, "status", "") != _HIDDEN]

    def _by_offset(self, shelf: Shelf, query: Answer, body: Answer) -> Answer:
        site = self.sandbox
        paging = query.get("paging")
        limit = limit_of(paging, shelf.most, shelf.usual)
        offset = (paging or {}).get("offset") or 0
        name, descending = order_of(query.get("sort") or query.get("sorting"), shelf.columns, shelf.sorts)
        passes = compile_filter(query.get("filter", {}), shelf.columns)
        rows = sort(filter(passes, self._listed(shelf)), shelf.columns[name], descending)
        begin = offset
        if offset and site.mischief.strikes("loop"):
            begin = 0
        elif offset and site.mischief.strikes("repeat"):
            begin = max(0, offset - max(1, limit // 2))
        fieldset = next(iter(query.get("fieldsets") or body.get("fieldsets") or []), "PUBLIC")
        page = rows[begin : begin + limit]
        shown = self._shown(shelf, page, fieldset)
        self._drift(shelf, page, begin + limit < len(rows))
        metadata = {"count": len(shown), "offset": offset, "total": len(rows), "tooManyToCount": False}
        return {shelf.shown: shown, "pagingMetadata" if shelf is CONTACTS else "metadata": metadata}

    def _by_cursor(self, shelf: Shelf, query: Answer, _body: Answer) -> Answer:
        site = self.sandbox
        paging = query.get("cursorPaging") or {}
        limit = limit_of(paging, shelf.most, shelf.usual)
        given = paging.get("cursor")
        if given is None:
            name, descending = order_of(query.get("sort"), shelf.columns, shelf.sorts)
            state: Answer = {"filter": query.get("filter", {}), "sort": name, "down": descending, "last": None}
        else:
            state = self._state(given, query)
        column = shelf.columns[state["sort"]]
        passes = compile_filter(state["filter"], shelf.columns)
        rows = sort(filter(passes, self._listed(shelf)), column, state["down"])
        begin = self._behind(rows, column, state)
        if begin and site.mischief.strikes("repeat"):
            begin = max(0, begin - max(1, limit // 2))
        page = rows[begin : begin + limit]
        more = begin + limit < len(rows)
        onward = None
        if more:
            last = [column.read(page[-1]), page[-1].id]
            onward = cursor({**state, "last": last, "list": shelf.name, "generation": site.generation})
        if given is not None and site.mischief.strikes("loop"):
            onward, more = given, True
        shown = self._shown(shelf, page, "")
        self._drift(shelf, page, more)
        metadata: Answer = {"count": len(shown), "cursors": {"next": onward} if onward else {}}
        if shelf is ORDERS:
            metadata["hasNext"] = more
        return {shelf.shown: shown, "metadata": metadata}

    def _state(self, given: Any, query: Answer) -> Answer:
        if "filter" in query or "sort" in query:
            raise Refused("cursorPaging.cursor", "cannot be given beside filter or sort")
        state = state_of(given)
        if state.get("generation") != self.sandbox.generation or self.sandbox.mischief.strikes("expired"):
            raise Refused("cursorPaging.cursor", "is not valid any more")
        return state

    def _behind(self, rows: list[Any], column: Column, state: Answer) -> int:
        """How many rows come before what a cursor stands for."""
        if state["last"] is None:
            return 0
        value, name = state["last"]
        down = -1 if state["down"] else 1
        place: Any = (down * value if isinstance(value, int) else value, name)

        def rank(one: Any) -> Any:
            found = column.read(one)
            return (down * found if isinstance(found, int) else found, one.id)

        return sum(1 for one in rows if rank(one) <= place)

    def _shown(self, shelf: Shelf, page: list[Any], fieldset: str) -> list[Answer]:
        shown = [shelf.view(self.sandbox, one, fieldset) for one in page]
        self.sandbox.mischief.bend(shown)
        return shown

    def _drift(self, shelf: Shelf, page: list[Any], more: bool) -> None:
        site = self.sandbox
        if more and site.mischief.strikes("drift"):
            life.disturb(site, site.mischief.dice, shelf.name, [one.id for one in page])

    # -- what is made --------------------------------------------------------------------------------------------

    async def make(self, request: Request) -> Response:
        """Create Order."""
        site = self.sandbox
        refused = self._turned_away(request, "orders")
        if refused is None and writing.PERMISSION in site.forbidden:
            refused = self._fail(403, "PERMISSION_DENIED", "Permission denied")
        if refused is not None:
            return refused
        try:
            body = json.loads(await request.body())
        except ValueError:
            return self._fail(400, "INVALID_ARGUMENT", "the body is no JSON object")
        with site.lock:
            self.asked.append(("make", body))
            try:
                made = writing.make(site, body)
            except Refused as error:
                return self.reply(error.body(), 400)
            except writing.Wrong as error:
                return self._fail(400, error.code, str(error))
            return self.reply({"order": views.order(site, made)})

    # -- single objects ------------------------------------------------------------------------------------------

    async def contact(self, request: Request) -> Response:
        """Get a contact; one that was merged away answers with the one that stayed."""
        asked = request.path_params["id"]
        while asked in self.sandbox.merged:
            asked = self.sandbox.merged[asked]
        return self._one(request, CONTACTS, asked, "contact", "FULL")

    async def member(self, request: Request) -> Response:
        """Get a member."""
        return self._one(request, MEMBERS, request.path_params["id"], "member", "FULL")

    async def order(self, request: Request) -> Response:
        """Get an order."""
        return self._one(request, ORDERS, request.path_params["id"], "order", "")

    async def checkout(self, request: Request) -> Response:
        """Get an abandoned checkout."""
        return self._one(request, CHECKOUTS, request.path_params["id"], "abandonedCheckout", "")

    def _one(self, request: Request, shelf: Shelf, number: str, word: str, fieldset: str) -> Response:
        if (refused := self._turned_away(request, shelf.name)) is not None:
            return refused
        with self.sandbox.lock:
            found = getattr(self.sandbox, shelf.name).get(number)
            if found is None:
                return self._fail(404, "NOT_FOUND", "there is no such object")
            return self.reply({word: shelf.view(self.sandbox, found, fieldset)})

    # -- the levers of a test ------------------------------------------------------------------------------------

    async def settings(self, request: Request) -> Response:
        """What connects a source to this site, beside base_url."""
        site = self.sandbox
        if "app" not in request.query_params:
            return self.reply({"type": "wix", "api_key": site.api_key, "site_id": site.site_id})
        return self.reply(
            {
                "type": "wix",
                "app_id": site.app_id,
                "app_secret": site.app_secret,
                "instance_id": site.instance_id,
                "webhook_public_key": site.signer.public_key,
            }
        )

    async def deliver(self, request: Request) -> Response:
        """Send all waiting messages; the statuses they were answered with."""
        to = str((await request.json()).get("to", ""))
        return self.reply({"statuses": await run_in_threadpool(self.sandbox.deliver, to)})


_HIDDEN = "INITIALIZED"  # orders that are not yet any; the search never shows them
