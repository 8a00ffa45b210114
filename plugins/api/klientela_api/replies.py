"""Errors as everybody gets them: `{"error": {"kind", "message", "hint"}}`, with the status that fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from klientela.kit import (
    Conflict,
    Interrupted,
    KlientelaError,
    Misconfigured,
    NotAdmitted,
    NotAllowed,
    SourceBusy,
    StoreError,
    UnknownThing,
)

log = logging.getLogger("klientela.api")

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_WAIT = 5  # seconds after which a store that is busy is worth another try
_STATUS: tuple[tuple[type[KlientelaError], int], ...] = (
    (NotAdmitted, 401),
    (NotAllowed, 403),
    (UnknownThing, 404),
    (Conflict, 409),
    (Misconfigured, 422),
    (StoreError, 503),
    (SourceBusy, 503),
    (Interrupted, 503),
)


class Refused(KlientelaError):
    """A request that cannot be taken as it is, with its status."""

    kind = "request"

    def __init__(self, status: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def problem(status: int, kind: str, message: str, hint: str | None, more: Mapping[str, str] | None = None) -> Response:
    """An error as an answer."""
    body = {"error": {"kind": kind, "message": message, "hint": hint}}
    return JSONResponse(body, status, headers={**HEADERS, **(more or {})})


def of_error(error: KlientelaError) -> Response:
    """An error of ours as an answer."""
    if isinstance(error, Refused):
        status = error.status
    else:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    more: dict[str, str] = {}
    if status == 401:
        more["WWW-Authenticate"] = "Bearer"
    if status == 503:
        more["Retry-After"] = str(_WAIT)
    return problem(status, error.kind, error.message, error.hint, more)


def install(app: FastAPI) -> None:
    """Give every error of an application this form."""
    app.add_exception_handler(KlientelaError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _fault)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, KlientelaError)  # noqa: S101 - registered for these
    answer = of_error(error)
    if answer.status_code >= 500:
        log.warning("a request could not be answered: %s", error.message)
    return answer


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    words = {404: "there is nothing at this address", 405: "this address does not take that method"}
    message = words.get(error.status_code, "the request cannot be answered")
    hint = "/api/openapi.json describes what there is."
    return problem(error.status_code, "request", message, hint, error.headers)


async def _parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    said = first["msg"].lower().removeprefix("value error, ")
    return problem(422, "request", f"{name}: {said}", "/api/openapi.json describes what there is.")


async def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: the log gets it whole (from the server), whoever asked a sentence."""
    message = "something went wrong on our side; nothing of this request was stored"
    return problem(500, "fault", message, "Try again; the log of the daemon says more.")
