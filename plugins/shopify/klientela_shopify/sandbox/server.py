"""The pretend shop on the wire: token endpoint, GraphQL endpoint with costs and versions, and the levers of a test.

POST /admin/oauth/access_token            client credentials
POST /admin/api/{version}/graphql.json    GraphQL
GET  /_storage/{file}                     results of bulk operations, for whoever has their signed address
GET  /_sandbox/settings                   what to write into a configuration to connect to this shop
GET  /_sandbox/truth                      the true state
POST /_sandbox/clock     {"seconds": 60}  let time pass
POST /_sandbox/advance   {"steps": 5}     let things happen
POST /_sandbox/mischief  {"drift": 0.5}   faults inside well-formed answers
POST /_sandbox/deliver   {"to": "http://…", "duplicates": 0.3}   subscribe, and send the webhooks that wait, signed
"""

from __future__ import annotations

import json
import re
import secrets
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from graphql import GraphQLError, OperationDefinitionNode, OperationType, execute
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klientela.kit import SECOND
from klientela.testing.backstage import levers
from klientela_shopify.sandbox import life
from klientela_shopify.sandbox.cost import Price
from klientela_shopify.sandbox.graph import Visit, prepared, schema
from klientela_shopify.sandbox.news import Weather

if TYPE_CHECKING:
    from klientela_shopify.sandbox import Sandbox

Answer = dict[str, Any]

_VERSION = re.compile(r"\d{4}-(01|04|07|10)")
_WRONG_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"  # noqa: S105 - a sentence
_LIMITS = "https://shopify.dev/api/usage/rate-limits"
_CHANGE = 10  # points
CLOSED = {
    402: "This shop's plan does not have access to this feature",
    403: "User does not have access",
    404: "Not Found",
    423: "This shop is unavailable",
}


class Server:
    """Answers the requests of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.tokens: dict[str, int] = {}  # issued token -> the instant it expires
        self.requests: list[tuple[str, Answer]] = []  # what was asked, for tests: operation and variables

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/admin/oauth/access_token", self.token, methods=["POST"]),
                Route("/admin/api/{version}/graphql.json", self.graphql, methods=["POST"]),
                Route("/_storage/{file}", self.sandbox.bulk.download),
                Route("/_sandbox/settings", self.settings),
                *levers(self.sandbox, self.reply),
                Route("/_sandbox/deliver", self.deliver, methods=["POST"]),
            ]
        )

    def reply(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """JSON with the shop's own time in the Date header."""
        date = formatdate(self.sandbox.clock.now() / SECOND, usegmt=True)
        return JSONResponse(content, status, headers={"Date": date, **(headers or {})})

    # -- the vendor's endpoints ----------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """Client credentials for a token of a day; no refresh token, one asks again."""
        body = await request.body()
        if request.headers.get("content-type", "").startswith("application/json"):
            form = json.loads(body or b"{}")
        else:
            form = dict(parse_qsl(body.decode()))
        if form.get("grant_type") != "client_credentials":
            return self.reply({"error": "invalid_request", "error_description": "grant_type is not supported"}, 400)
        shop = self.sandbox
        if form.get("client_id") != shop.client_id or form.get("client_secret") != shop.client_secret:
            said = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return self.reply(said, 401)
        token = f"shpat_{secrets.token_hex(16)}"
        self.tokens[token] = shop.clock.now() + shop.token_life * SECOND
        scope = ",".join(shop.scopes)
        return self.reply({"access_token": token, "scope": scope, "expires_in": max(0, shop.token_life - 1)})

    async def graphql(self, request: Request) -> Response:
        """One GraphQL request."""
        version = request.path_params["version"]
        shop = self.sandbox
        if shop.closed is not None:
            return self.reply({"errors": CLOSED[shop.closed]}, shop.closed)
        if not self._welcome(request.headers.get("x-shopify-access-token", "")):
            return self.reply({"errors": _WRONG_TOKEN}, 401)
        if not _VERSION.fullmatch(version) or version > shop.versions[-1]:
            return self.reply({"errors": "Not Found"}, 404)
        served = max(version, shop.versions[0])  # a retired version falls forward to the oldest supported one
        try:
            body = json.loads(await request.body())
            query, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return self.reply({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        shop.bulk.here = f"{request.url.scheme}://{request.url.netloc}"
        answer = await run_in_threadpool(self.answer, query, variables)
        return self.reply(answer, headers={"X-Shopify-API-Version": served})

    def _welcome(self, token: str) -> bool:
        return token == self.sandbox.token or self.tokens.get(token, 0) > self.sandbox.clock.now()

    def answer(self, query: str, variables: Answer) -> Answer:
        """What a query is answered with: data, errors, cost."""
        shop = self.sandbox
        with shop.lock:
            shop.settle()
            try:
                document, problems = prepared(query)
            except GraphQLError as error:
                return {"errors": [error.formatted]}
            if problems:
                return {"errors": [problem.formatted for problem in problems]}
            operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
            self.requests.append((operation.name.value if operation.name else "", variables))
            return self._paid(document, operation, variables)

    def _paid(self, document: Any, operation: OperationDefinitionNode, variables: Answer) -> Answer:
        shop, purse = self.sandbox, self.sandbox.purse
        fragments = {node.name.value: node for node in document.definitions if node.kind == "fragment_definition"}
        price = Price(schema(), fragments, variables)
        change = operation.operation is OperationType.MUTATION
        root = schema().mutation_type if change else schema().query_type
        assert root is not None  # noqa: S101 - the schema has both
        requested = price.requested(operation.selection_set, root) + _CHANGE * change
        if requested > purse.most:
            return {"errors": [_too_expensive(requested, purse.most)]}
        if shop.mischief.strikes("throttled") or purse.left < requested:
            status = purse.status(requested, None)
            said = {"message": "Throttled", "extensions": {"code": "THROTTLED", "documentation": _LIMITS}}
            return {"errors": [said], "extensions": {"cost": status}}
        if shop.mischief.strikes("internal"):
            return {"errors": [_internal()]}
        purse.spend(requested)
        visit = self._visit(variables)
        result = execute(schema(), document, context_value=visit, variable_values=variables)
        data = getattr(result, "data", None)
        actual = price.actual(operation.selection_set, root, data) + _CHANGE * change
        purse.spend(actual - requested)
        answer: Answer = {"data": data}
        errors = [error.formatted for error in getattr(result, "errors", None) or []]
        answer["extensions"] = {"cost": purse.status(requested, actual)}
        if visit.warnings:
            answer["extensions"]["search"] = [{"path": [visit.listed], "warnings": visit.warnings}]
        if data is not None:
            errors += self._spoil(data, visit)
        if errors:
            answer["errors"] = errors
        return answer

    def _visit(self, variables: Answer) -> Visit:
        shop = self.sandbox
        paging = variables.get("after") is not None
        return Visit(
            shop=shop,
            bulk=shop.bulk,
            depth=shop.depth,
            generation=str(shop.generation),
            repeat=paging and shop.mischief.strikes("repeat"),
            loop=paging and shop.mischief.strikes("loop"),
            forget=paging and shop.mischief.strikes("expired"),
            bare=shop.mischief.strikes("emptied"),
            stranger=shop.mischief.strikes("other_shop"),
        )

    def _spoil(self, data: Answer, visit: Visit) -> list[Answer]:
        """Faults that strike a finished answer."""
        shop = self.sandbox
        for value in data.values():
            if isinstance(value, dict) and value.get("nodes"):
                shop.mischief.bend(value["nodes"])
        if visit.listed and visit.more and shop.mischief.strikes("drift"):
            life.disturb(shop, shop.mischief.dice, visit.listed, visit.shown)
        if visit.listed and shop.mischief.strikes("partial"):
            nodes = data[visit.listed]["nodes"]
            data[visit.listed]["nodes"] = nodes[: len(nodes) // 2]
            return [_internal()]
        return []

    # -- the levers of a test ------------------------------------------------------------------------------------

    async def settings(self, _request: Request) -> Response:
        """What connects a source to this shop, beside base_url."""
        return self.reply({"type": "shopify", "access_token": self.sandbox.token})

    async def deliver(self, request: Request) -> Response:
        """Send the messages that wait to an address. The first time there are none yet: it subscribes."""
        wanted = dict(await request.json())
        to = str(wanted.pop("to"))
        self.sandbox.listen()
        weather = Weather(**{name: float(share) for name, share in wanted.items()})
        return self.reply({"statuses": await run_in_threadpool(self.sandbox.deliver, to, weather)})


def _too_expensive(cost: int, most: int) -> Answer:
    said = (
        f"Query cost is {cost}, which exceeds the single query max cost limit ({most}).\n\n"
        "See https://shopify.dev/concepts/about-apis/rate-limits for more information."
    )
    extensions = {"code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": most, "documentation": _LIMITS}
    return {"message": said, "extensions": extensions}


def _internal() -> Answer:
    said = "Internal error. Looks like something went wrong on our end.\nRequest ID: sandbox"
    return {"message": said, "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "sandbox"}}
