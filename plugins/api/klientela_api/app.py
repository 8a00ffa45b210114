"""The routes of the push API and their description: POST what is known, GET who the customers are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Query
from fastapi import Path as InPath
from pydantic import BeforeValidator
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from klientela.kit import Asked, Caller, Door, NotAdmitted, whole
from klientela_api import replies
from klientela_api.intake import Limits, answer, body_of, hand_over, items_of, ticket_of
from klientela_api.replies import HEADERS, Refused
from klientela_api.shapes import ProblemOut, PushedOut
from klientela_api.translate import KINDS

_WAITING = 64  # pushes that may wait for their turn; more are asked to come again
_LONGEST = 300  # characters of a filter
_SCHEME = "bearer"
_DESCRIPTION = """Push customers, orders and what belongs to them; read who the customers are.

An answer means that everything accepted in it is stored. Send the same request again, with the same
`Idempotency-Key`, whenever you got none."""


def _numbered(given: object) -> object:
    """A number as people write one; pydantic alone would also take `1.0` and `1_0`."""
    if not isinstance(given, str):
        return given
    found = whole(given)
    if found is None:
        raise ValueError("must be a whole number")
    return found


_WHOLE = BeforeValidator(_numbered)


def application(door: Door, limits: Limits | None = None) -> FastAPI:
    """The push API before a house. To be mounted at /api."""
    app = FastAPI(title="klientela", version="1", description=_DESCRIPTION, docs_url=None, redoc_url=None)
    replies.install(app)
    desk = _Desk(door, limits or Limits())
    for stream in KINDS:
        app.add_api_route(
            f"/v1/{stream}",
            desk.push(stream),
            methods=["POST"],
            name=f"push_{stream}",
            summary=f"Push {stream}",
            openapi_extra=_body(stream),
            responses={200: {"model": PushedOut, "description": "what became of each"}, **_problems(stream)},
            response_model=None,
        )
    read = _ERRORS(401, 403, 404, 422, 503)
    app.add_api_route("/v1/customers", desk.customers, methods=["GET"], responses=read, **_reading("The list"))
    one = {**read, 308: {"description": "the id of somebody who has another one now"}}
    app.add_api_route("/v1/customers/{id}", desk.customer, methods=["GET"], responses=one, **_reading("One customer"))
    _describe(app)
    return app


class _Desk:
    """Answers requests. Reading and writing have threads of their own: a push that waits holds up no look."""

    def __init__(self, door: Door, limits: Limits) -> None:
        self.door = door
        self.limits = limits
        self.writers = ThreadPoolExecutor(2, "push")  # the store writes one thing at a time
        self.readers = ThreadPoolExecutor(4, "read")
        self.waiting = 0

    def push(self, stream: str) -> Callable[[Request], Awaitable[Response]]:
        """The handler of one stream."""

        async def handler(request: Request) -> Response:
            caller = await self._admit(request, f"push:{stream}")
            limits = self.limits
            most = limits.letters if stream == "letters" else limits.body
            body = await body_of(request, most, limits.seconds)
            found = await self._read(items_of, body, limits.items)
            ticket = await self._read(ticket_of, request, body)
            if self.waiting >= _WAITING:
                busy = Refused(503, "too many pushes are waiting", hint="Try again in a few seconds.")
                raise busy
            self.waiting += 1
            try:
                loop = asyncio.get_running_loop()
                taken = await loop.run_in_executor(self.writers, hand_over, self.door, caller, stream, found, ticket)
            finally:
                self.waiting -= 1
            return answer(taken)

        return handler

    async def customers(
        self,
        request: Request,
        view: Annotated[str | None, Query(max_length=100, description="a view of the configuration")] = None,
        search: Annotated[str | None, Query(max_length=200, description="name, e-mail, company, city, source")] = None,
        sort: Annotated[str | None, Query(max_length=50, description="KEY, KEY:asc or KEY:desc")] = None,
        source: Annotated[str | None, Query(max_length=64, description="only customers of this source")] = None,
        inactive: Annotated[bool, Query(description="the inactive list instead")] = False,
        segment: Annotated[
            str, Query(max_length=50, description="a tab of the list: registered, repeat, test …")
        ] = "all",
        filters: Annotated[
            list[str] | None,
            Query(
                alias="filter",
                max_length=100,
                description="FACET=VALUE; again for another value or facet: country, status, tag, consent …",
            ),
        ] = None,
        page: Annotated[int, _WHOLE, Query(ge=1, le=10_000_000)] = 1,
        size: Annotated[int | None, _WHOLE, Query(ge=1, le=1_000)] = None,
    ) -> Response:
        """One page of the list: the rows of `klientela customers --json`."""
        caller = await self._admit(request, "read:customers")
        for text in (view, search, sort, source, segment, *(filters or ())):
            if text is not None and "\x00" in text:
                raise Refused(422, "a parameter holds a NUL character")
        asked = Asked(view, search, sort, source, inactive, page, size, segment, _by_facet(filters or ()))
        return JSONResponse(await self._read(self.door.customers, caller, asked), headers=HEADERS)

    async def customer(
        self,
        request: Request,
        id: Annotated[str, InPath(max_length=64, description="a public id")],  # noqa: A002 - its name in the path
        view: Annotated[str | None, Query(max_length=100, description="a view of the configuration")] = None,
    ) -> Response:
        """The profile of `klientela customer ID --json`. An id the customer had before leads to the one it has now."""
        caller = await self._admit(request, "read:customers")
        if "\x00" in id or "/" in id:
            raise Refused(404, "no customer has this id", hint="GET /api/v1/customers?search=… finds people.")
        found = await self._read(self.door.customer, caller, id, view)
        if found["id"] != id.strip().lower():
            query = f"?view={quote(view)}" if view else ""
            here = request.scope.get("root_path", "")
            return RedirectResponse(f"{here}/v1/customers/{found['id']}{query}", 308, HEADERS)
        return JSONResponse(found, headers=HEADERS)

    async def _admit(self, request: Request, scope: str) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not token.strip():
            raise NotAdmitted(
                "the request has no token", hint="Send Authorization: Bearer …; `klientela token new` makes one."
            )
        caller: Caller = await self._read(self.door.admit, token.strip(), scope)
        return caller

    async def _read(self, asked: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.readers, asked, *args)


def _by_facet(given: Sequence[str]) -> dict[str, list[str]]:
    """`FACET=VALUE` by facet; which there are, the house says."""
    found: dict[str, list[str]] = {}
    for text in given:
        facet, equals, value = text.partition("=")
        if not equals or not facet or len(text) > _LONGEST:
            raise Refused(422, f"{text[:50]!r} is no filter", hint="Write filter=FACET=VALUE, such as filter=tag=vip.")
        found.setdefault(facet.strip(), []).append(value)
    return found


# -- the description ---------------------------------------------------------------------------------------------------

_WORDS = {
    400: "no valid JSON, or it broke off",
    401: "no valid token",
    403: "the token is not good for this",
    404: "there is no such customer or source",
    408: "the body did not arrive in time",
    409: "the Idempotency-Key was used for another request",
    413: "too large, or too many things",
    422: "something else was expected",
    503: "the store is busy; see Retry-After",
}


def _ERRORS(*statuses: int) -> dict[int | str, dict[str, Any]]:  # noqa: N802
    return {status: {"model": ProblemOut, "description": _WORDS[status]} for status in statuses}


def _problems(stream: str) -> dict[int | str, dict[str, Any]]:
    return _ERRORS(400, 401, 403, 408, 409, 413, 422, 503)


def _reading(summary: str) -> dict[str, Any]:
    return {"summary": summary, "response_model": None}


def _body(stream: str) -> dict[str, Any]:
    """The request of a push: one of the things, or several."""
    shape = {"$ref": f"#/components/schemas/{KINDS[stream][0].__name__}"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [shape, {"type": "array", "items": shape, "maxItems": 1_000}]}}
            },
        },
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "the same request with the same key is carried out once, and answered alike for 7 days",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        ],
    }


def _describe(app: FastAPI) -> None:
    """Add to the description what the handlers do not tell: the shapes of bodies, and the token."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = plain()
            parts = found.setdefault("components", {})
            models = [(shape, "validation") for shape, _ in KINDS.values()]
            _, made = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
            parts.setdefault("schemas", {}).update(made["$defs"])
            parts["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer"}}
            found["security"] = [{_SCHEME: []}]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


__all__ = ["application"]
