"""The application: every way with its guard before it, one renderer for what goes wrong, and the files that never change."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route

from klientela.errors import (
    Conflict,
    KlientelaError,
    NotAdmitted,
    NotAllowed,
    StoreError,
    UnknownThing,
)
from klientela_web import assets, guard
from klientela_web.asking import Asking
from klientela_web.house import House
from klientela_web.pages import at_the_side, every_way
from klientela_web.questions import Questions
from klientela_web.templating import environment
from klientela_web.ways import Way
from klientela_web.words import Words, chosen

LARGEST = 64 * 2**20
"""Bytes of the largest upload."""

_STATUS: tuple[tuple[type[KlientelaError], int], ...] = (
    (NotAdmitted, 401),
    (NotAllowed, 403),
    (UnknownThing, 404),
    (Conflict, 409),
    (StoreError, 503),
)


def application(house: House) -> Starlette:
    """The page of a house. Ways are those of `pages`; whatever else is asked for is a 404 for who is signed in, and the
    sign-in for everybody else."""
    takes = {way.path: way.role for way in every_way() if not way.write}
    reception = _Reception(house, environment(at_the_side(), takes), Questions(house))
    routes = [*assets.routes(), *(_route(reception, way) for way in every_way())]
    return Starlette(
        routes=routes,
        middleware=[Middleware(GZipMiddleware, minimum_size=600, compresslevel=5)],
        exception_handlers={HTTPException: reception.lost, Exception: reception.broken},
    )


def _route(reception: _Reception, way: Way) -> Route:
    async def endpoint(request: Request) -> Response:
        return await reception.receive(request, way)

    name = f"{way.method} {way.path}"
    return Route(way.path, endpoint, methods=[way.method], name=name)


@dataclass
class _Reception:
    """Receives a request: who is it, may they, is the form ours; then the page answers in a thread."""

    house: House
    templates: Environment
    questions: Questions

    async def receive(self, request: Request, way: Way) -> Response:
        try:
            form = await self._form(request) if way.write else FormData()
            try:
                answer = await run_in_threadpool(self._answer, request, way, form)
            finally:
                await form.close()
        except ClientDisconnect:
            return Response(status_code=499)
        except KlientelaError as error:
            answer = await run_in_threadpool(self._refused, request, error)
        return _dressed(answer)

    async def _form(self, request: Request) -> FormData:
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST:
            raise NotAllowed("that is too much to send at once", hint=f"At most {LARGEST >> 20} MB.")
        try:
            return await request.form(max_files=20, max_fields=2000, max_part_size=2**20)
        except (MultiPartException, HTTPException) as error:
            raise NotAllowed("the form could not be read, so nothing was done") from error

    def _answer(self, request: Request, way: Way, form: FormData) -> Response:
        found = guard.signed_in(self.house.store, request)
        person, secret = found or (None, None)
        guard.admit(person, way.role)
        if way.write:
            brought = form.get("form") or request.headers.get("x-form") or ""
            guard.ours(request, person, brought if isinstance(brought, str) else "")
        return way.answer(self._asking(request, person, secret, form))

    def _asking(self, request: Request, person: Any = None, secret: str | None = None, form: Any = None) -> Asking:
        language = chosen(
            (person.language if person is not None else None) or request.cookies.get("language"),
            request.headers.get("accept-language"),
        )
        zone = ZoneInfo(self.house.config.settings.shop.timezone)
        words = Words(language, zone)
        return Asking(request, self.house, self.templates, words, self.questions, person, secret, form or FormData())

    # -- what goes wrong ---------------------------------------------------------------------------------------------

    def _refused(self, request: Request, error: KlientelaError) -> Response:
        """One sentence and what to do next, as a page or as the JSON of the contract."""
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
        if wants_json(request):
            return JSONResponse({"error": error.as_dict()}, status)
        if isinstance(error, NotAdmitted) and request.method == "GET":
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(self._asking(request).link("/sign-in", to=asked if asked != "/" else ""), 303)
        asking = self._asking(request)
        try:
            found = guard.signed_in(self.house.store, request)
            if found is not None:
                asking = self._asking(request, *found)
        except KlientelaError:
            pass  # the store itself may be what is wrong
        hint = asking.words.heard(error.hint or "")
        return asking.show("error.html", status=status, title=asking.told(error), hint=hint, code=status)

    async def lost(self, request: Request, error: Exception) -> Response:
        """Nobody answers there."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status == 405 and request.method == "GET" and (near := _nearest(request)):
            return _dressed(RedirectResponse(near, 303))
        answer = await run_in_threadpool(self._lost, request, status)
        return _dressed(answer)

    def _lost(self, request: Request, status: int) -> Response:
        if guard.signed_in(self.house.store, request) is None:
            return self._refused(request, NotAdmitted("please sign in"))
        return self._refused(
            request, UnknownThing("there is no such page", hint="The list is where everything begins.")
        )

    async def broken(self, request: Request, error: Exception) -> Response:
        """A fault of ours: the reader is told that, and nothing else; the log has it all."""
        logging.getLogger("klientela.web").error("a page broke", exc_info=error, extra={"path": request.url.path})
        asking = self._asking(request)
        answer = asking.show(
            "error.html", status=500, title=asking.words("Something unexpected happened"), hint=None, code=500
        )
        return _dressed(answer)


def _nearest(request: Request) -> str | None:
    """The page that a form stands on whose answer was loaded again or taken up from the address line: what it was sent to
    shows nothing."""
    path = request.url.path
    while path := path.rpartition("/")[0]:
        scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            return path
    return None


def wants_json(request: Request) -> bool:
    """Whether a script asks, not a person."""
    return "application/json" in request.headers.get("accept", "")


def _dressed(answer: Response) -> Response:
    """With the headers of every page; nobody keeps a copy of people's data."""
    for name, value in guard.HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


__all__ = ["LARGEST", "application", "wants_json"]
