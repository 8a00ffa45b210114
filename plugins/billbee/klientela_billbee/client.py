"""Talks to Billbee's API: who we are, how often we may ask, and what an error code inside a 200 means.

The limit of two calls a second is kept by spacing all calls; 429 is left to the patient client. An `ErrorCode` other
than 0 is a failure although the status is 200: some will pass, some an operator must cure, one means "no such order".
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from klientela.kit import Http, Instant, KlientelaError, Reply, SourceBroken, SourceRefused
from klientela_billbee.nodes import Envelope, PagingNode
from klientela_billbee.settings import BillbeeSettings

log = logging.getLogger("klientela.billbee")

_PREFIX = "/api/v1/"
_TRIES = 5
_WAIT = 2.0  # seconds before the second try; doubles
_MISSING = frozenset({2, 5, 6})  # OrderNotFound, OrderCanceled, OrderDeleted: asked for one order, there is none
_NOT_FOUND = frozenset({404, 410})
_TOLD = frozenset({400, 401, 402, 403})  # statuses whose body may hold an error code that says more

_REFUSALS: Mapping[int, tuple[str, str]] = {
    1: ("the API of this Billbee account is switched off", "switch on the API module in Billbee's settings"),
    10: ("the Billbee account does not know one of the shops asked for", "look at `shops` in this source's table"),
    16: ("the Billbee account is not paid for", "settle the account with Billbee, then sync again"),
    17: ("the Billbee account has not booked the API", "book the API module in Billbee's settings"),
}
_WRONG_SHOP = 10
_NOT_WRITTEN = frozenset({400, 401, 402, 403, 409, 422})  # statuses that say no, and may say why
_FIELD = re.compile(r"[\w.\[\]]{1,120}")
_PASSING = frozenset({8})  # InternalError


class Answer(NamedTuple):
    """What came: the data undecoded, and where we are in the list, if it says so."""

    data: Raw
    paging: PagingNode | None


class Told(NamedTuple):
    """What Billbee said to something that was written: `code` 0 is no error; `fields` are those it did not understand."""

    status: int
    code: int
    message: str
    fields: list[str]
    data: Raw


class Billbee:
    """One account."""

    def __init__(self, settings: BillbeeSettings, *, stop: threading.Event | None = None) -> None:
        password, key = settings.password.get_secret_value(), settings.api_key.get_secret_value()
        self._http = Http(
            settings.base_url,
            auth=(settings.user, password),
            headers={"X-Billbee-Api-Key": key, "Accept": "application/json"},
            min_interval=settings.spacing,
            secrets=[password, key],
            stop=stop,
        )

    @property
    def server_time(self) -> Instant | None:
        """The account's clock at the last answer, in whole seconds."""
        return self._http.server_time

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def ask(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """A list. SourceRefused, SourceBroken, Interrupted."""
        found = self._ask(path, params, frozenset())
        assert found is not None  # noqa: S101 - only `find` may find nothing
        return found

    def find(self, path: str) -> Raw | None:
        """One object; None when there is none of that id."""
        found = self._ask(path, None, _MISSING)
        return None if found is None else found.data

    def write(self, path: str, params: Mapping[str, Any], body: Mapping[str, Any]) -> Told:
        """Ask to write something, once. SourceRefused and SourceBroken: it surely was not; NotKnown: nobody knows."""
        reply, envelope = self._http.send(
            "POST", _PREFIX + path, params=params, json=body, accept=_NOT_WRITTEN, kind=Envelope
        )
        envelope = envelope if envelope is not None else _body(reply)
        words = next((one for one in (envelope.error_message, envelope.message) if isinstance(one, str)), "")
        told = Told(reply.status, _code(envelope.error_code), words, _fields(envelope), envelope.data)
        if told.code in _REFUSALS and told.code != _WRONG_SHOP:
            raise _refused(told.code)
        if told.status in (401, 402, 403) and not told.code:
            raise _unwelcome(told.status)
        return told

    def _ask(self, path: str, params: Mapping[str, Any] | None, missing: frozenset[int]) -> Answer | None:
        wait, code = _WAIT, 0
        for _ in range(_TRIES):
            envelope = self._envelope(path, params, missing)
            if envelope is None:
                return None
            code = _code(envelope.error_code)
            if code in missing:
                return None
            if code in _REFUSALS:
                raise _refused(code)
            if code not in _PASSING:
                if code:
                    break
                if bytes(envelope.data) not in (b"", b"null"):
                    return Answer(envelope.data, envelope.paging)
                if missing:
                    return None  # an empty answer to the question for one object
            log.info("%s answered with error code %d; trying again in %.0f s", path, code, wait)
            self._http.hold(wait)
            wait *= 2
        raise SourceBroken(
            f"Billbee answered a question for {path.partition('/')[0]} with "
            + (f"its error code {code}" if code else "no data at all"),
            hint="The next run tries again; if it stays so, ask Billbee's support",
        )

    def _envelope(self, path: str, params: Mapping[str, Any] | None, missing: frozenset[int]) -> Envelope | None:
        """An answer with status 200; None for "not found" where that is an answer."""
        accept = _TOLD | _NOT_FOUND if missing else _TOLD
        envelope: Envelope | None
        reply, envelope = self._http.ask("GET", _PREFIX + path, params=dict(params or {}), accept=accept, kind=Envelope)
        if envelope is not None:
            return envelope
        code = _body_code(reply)
        if reply.status in _NOT_FOUND or code in missing:
            return None
        raise _refused(code) if code in _REFUSALS else _unwelcome(reply.status)


def _code(said: int | str | None) -> int:
    """The error code as a number; an unreadable one is no known one."""
    if said is None or said == "":
        return 0
    try:
        return int(said)
    except ValueError:
        return -1


def _body_code(reply: Reply) -> int:
    """The error code in the body of a failure."""
    return _code(_body(reply).error_code)


def _body(reply: Reply) -> Envelope:
    """The body of a failure; it may also be `{"Message": …}`, HTML or nothing."""
    try:
        return msgspec.json.decode(reply.content, type=Envelope)
    except ValueError:
        return Envelope()


def _fields(envelope: Envelope) -> list[str]:
    """The fields that a body was refused for (`ModelState`), without the name of the body and without their values."""
    found = envelope.model_state if isinstance(envelope.model_state, dict) else {}
    return [name.partition(".")[2] or name for name in found if _FIELD.fullmatch(name)]


def _refused(code: int) -> SourceRefused:
    said, hint = _REFUSALS[code]
    return SourceRefused(said, hint=hint)


def _unwelcome(status: int) -> KlientelaError:
    if status == 401:
        return SourceRefused(
            "Billbee did not accept our credentials (status 401)",
            hint="Check user, password (the API password, not that of the login) and api_key of this source",
        )
    if status == 402:
        return SourceRefused(
            "the Billbee account is not paid for (status 402)", hint="Settle the account with Billbee, then sync again"
        )
    if status == 403:
        return SourceRefused(
            "Billbee does not let us read this (status 403)",
            hint="Switch on the API module in Billbee's settings, and look whether the login may use it",
        )
    return SourceRefused(
        f"Billbee did not understand our request (status {status})",
        hint="Look at `shops` in this source's table; if it is right, klientela needs an update",
    )
