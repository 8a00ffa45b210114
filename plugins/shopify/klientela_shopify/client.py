"""Talks to Shopify's Admin API: tokens, what a question costs, and what an error means.

Most failures come with status 200 and an `errors` that is a list, an object or a string; only the code tells whether
waiting helps (THROTTLED), asking for less (MAX_COST_EXCEEDED), trying again (INTERNAL_SERVER_ERROR) or nothing.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Raw, Struct

from klientela.kit import Http, NotKnown, SourceBroken, SourceRefused
from klientela_shopify.settings import ShopifySettings

T = TypeVar("T")

log = logging.getLogger("klientela.shopify")

_TOKEN_PATH = "/admin/oauth/access_token"  # noqa: S105 - an address
_LEAST_WAIT = 0.5  # seconds after THROTTLED, also where the purse looks full enough
_THROTTLED_TRIES = 40
_INTERNAL_TRIES = 5
_SPARE = 300  # seconds before its end at which a token is renewed
_SCOPE = re.compile(r"\b(?:read|write)_[a-z_]+\b")
_PRIVATE = re.compile(r"\S*@\S*|\d{6,}")
_CODE = re.compile(r"[A-Za-z_]{1,40}")


class TooExpensive(SourceBroken):
    """One query may not cost that much: ask for fewer rows at once. Waiting does not help."""


class CursorExpired(SourceBroken):
    """The shop does not know the cursor any more."""


class Extensions(Struct, frozen=True):
    """What an error says for programs."""

    code: str | None = None


class Problem(Struct):
    """One entry of `errors`."""

    message: str = ""
    extensions: Extensions = Extensions()

    @property
    def code(self) -> str:
        """The code, or nothing."""
        return self.extensions.code or ""


class Throttle(Struct, rename="camel"):
    """The purse: how much is in it and how fast it fills."""

    maximum_available: float = 0.0
    currently_available: float = 0.0
    restore_rate: float = 0.0


class Cost(Struct, rename="camel"):
    """`extensions.cost`."""

    requested_query_cost: float | None = None
    throttle_status: Throttle | None = None


class _Envelope(Struct):
    data: Raw = Raw()
    errors: Raw = Raw()
    extensions: Raw = Raw()


class _Costs(Struct):
    cost: Cost | None = None


class _Token(Struct):
    access_token: str
    expires_in: float = 86_399.0


class _TokenError(Struct):
    error: str = ""


class Admin:
    """One shop's Admin API."""

    def __init__(self, settings: ShopifySettings, *, stop: threading.Event | None = None) -> None:
        secret = settings.access_token or settings.client_secret
        self._secret = secret.get_secret_value() if secret else ""
        self._settings = settings
        self._http = Http(settings.origin, secrets=[self._secret], stop=stop)
        self._path = f"/admin/api/{settings.api_version}/graphql.json"
        self._token: str | None = None
        self._renew_at = 0.0
        self._costs: dict[tuple[str, Any], float] = {}  # what a question cost the last time
        self._purse: Throttle | None = None
        self._purse_at = 0.0
        self.served: str | None = None  # the version that really answers

    @property
    def http(self) -> Http:
        """The connection, for its clock."""
        return self._http

    @property
    def fell_forward(self) -> str | None:
        """The version that answers instead of the configured one, if it is another."""
        return self.served if self.served not in (None, self._settings.api_version) else None

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def ask(self, query: str, variables: Mapping[str, Any], kind: type[T]) -> T:
        """The data of a question as `kind`.

        SourceRefused, SourceBroken, Interrupted; TooExpensive and CursorExpired for callers that page.
        """
        throttled = internal = 0
        while True:
            key = (query, variables.get("first"))
            self._pace(key)
            envelope = self._send(query, variables)
            cost = self._account(envelope, key)
            problems = _problems(envelope.errors)
            codes = {problem.code for problem in problems}
            if not problems:
                return self._data(envelope, kind)
            if "THROTTLED" in codes and throttled < _THROTTLED_TRIES:
                throttled += 1
                self._http.hold(_wait(cost))
            elif "INTERNAL_SERVER_ERROR" in codes and internal < _INTERNAL_TRIES:
                internal += 1
                self._http.hold(_LEAST_WAIT * 2**internal)
            else:
                self._fail(problems, codes)

    def change(self, query: str, variables: Mapping[str, Any], kind: type[T]) -> T:
        """Ask for a change, once. SourceRefused and SourceBroken: nothing was done; NotKnown: it may have been."""
        envelope = self._send(query, variables, self._http.send)
        problems = _problems(envelope.errors)
        if problems:
            self._not_changed(envelope, problems)
        try:
            return self._data(envelope, kind)
        except SourceBroken as error:
            raise NotKnown(f"{error.message}, so nobody knows whether it was done", hint=error.hint) from None

    def _not_changed(self, envelope: _Envelope, problems: Sequence[Problem]) -> NoReturn:
        """What a failed change means: only codes that come before anything is done, and answers without data, say no."""
        codes = {problem.code for problem in problems}
        if "ACCESS_DENIED" in codes:
            scope = next((found[0] for one in problems if (found := _SCOPE.search(one.message))), "write_draft_orders")
            raise SourceRefused(
                f"the app may not write orders: it lacks the scope {scope}",
                hint=f"Grant the app the scope {scope} and install it again",
            )
        if "THROTTLED" in codes:
            raise SourceBroken("the shop is too busy to take it", hint="Send it again in a minute")
        if "SHOP_INACTIVE" in codes or "MAX_COST_EXCEEDED" in codes:
            self._fail(problems, codes)
        if _given(envelope.data) or "INTERNAL_SERVER_ERROR" in codes:
            raise NotKnown("the shop reports an internal error, so nobody knows whether it was done")
        raise SourceBroken(
            f"the shop answers with an error: {self.words(problems[0].message)}",
            hint="Check api_version in this source's configuration, or update klientela",
        )

    # -- one request ---------------------------------------------------------------------------------------------

    def _send(self, query: str, variables: Mapping[str, Any], way: Callable[..., Any] | None = None) -> _Envelope:
        """One answer with status 200. A refused token is renewed once, where it can be; `way`: asked or sent."""
        for renewed in (False, True):
            reply, envelope = (way or self._http.ask)(
                "POST",
                self._path,
                json={"query": query, "variables": variables},
                headers={"X-Shopify-Access-Token": self._credential()},
                accept={401},
                kind=_Envelope,
            )
            if reply.status != 401:
                self._note_version(reply.headers.get("x-shopify-api-version"))
                return envelope  # type: ignore[no-any-return]  # decoded as _Envelope
            if self._settings.access_token is not None or renewed:
                break
            self._token = None
        raise _not_accepted()

    def _note_version(self, served: str | None) -> None:
        if served is None or served == self.served:
            return
        self.served = served
        if self.fell_forward:
            log.warning(
                "the shop answers as version %s, not %s as configured; set api_version to a supported one",
                served,
                self._settings.api_version,
            )

    def _data(self, envelope: _Envelope, kind: type[T]) -> T:
        if not _given(envelope.data):
            raise SourceBroken("the shop answered without data and without an error")
        try:
            return msgspec.json.decode(envelope.data, type=kind)
        except msgspec.ValidationError:
            pass  # outside: msgspec's words and this context may quote what people wrote
        raise SourceBroken(
            "the shop answered in another shape than expected",
            hint="Check api_version in this source's configuration, or update klientela",
        )

    # -- tokens --------------------------------------------------------------------------------------------------

    def _credential(self) -> str:
        if self._settings.access_token is not None:
            return self._secret
        if self._token is None or time.monotonic() >= self._renew_at:
            self._token = self._new_token()
        return self._token

    def _new_token(self) -> str:
        """A token of a day for client id and secret; there is no refresh token, one asks again."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._secret,
        }
        reply, token = self._http.ask("POST", _TOKEN_PATH, data=form, accept={400, 401, 403}, kind=_Token)
        if token is None:
            raise SourceRefused(
                f"the shop gives no token for client_id and client_secret{_oauth_error(reply.content)}",
                hint="Check both, and that the app is installed and belongs to the same organisation as the shop",
            )
        self._renew_at = time.monotonic() + token.expires_in - min(_SPARE, token.expires_in / 10)
        return str(token.access_token)

    # -- costs ---------------------------------------------------------------------------------------------------

    def _pace(self, key: tuple[str, Any]) -> None:
        """Wait until the purse holds what this question cost the last time, rather than be told to."""
        purse, cost = self._purse, self._costs.get(key)
        if purse is None or cost is None or purse.restore_rate <= 0:
            return
        filled = purse.currently_available + (time.monotonic() - self._purse_at) * purse.restore_rate
        missing = min(cost, purse.maximum_available) - filled
        if missing > 0:
            self._http.hold(missing / purse.restore_rate)

    def _account(self, envelope: _Envelope, key: tuple[str, Any]) -> Cost | None:
        """Remember what the shop says of costs; an unknown form of it is no reason to fail."""
        if not _given(envelope.extensions):
            return None
        try:
            cost = msgspec.json.decode(envelope.extensions, type=_Costs).cost
        except msgspec.ValidationError:
            return None
        if cost is not None:
            if cost.requested_query_cost is not None:
                self._costs[key] = cost.requested_query_cost
            self._purse, self._purse_at = cost.throttle_status, time.monotonic()
        return cost

    # -- errors --------------------------------------------------------------------------------------------------

    def _fail(self, problems: Sequence[Problem], codes: set[str]) -> NoReturn:
        """The error that the shop's errors mean."""
        said = self.words(problems[0].message)
        if "ACCESS_DENIED" in codes:
            scope = next((found[0] for one in problems if (found := _SCOPE.search(one.message))), None)
            hint = f"grant the app the scope {scope} and install it again" if scope else "grant the app more scopes"
            raise SourceRefused("the shop does not let the app read this", hint=hint)
        if "SHOP_INACTIVE" in codes:
            raise SourceRefused(
                "the shop is inactive", hint="Reactivate its plan in the Shopify admin, then sync again"
            )
        if "MAX_COST_EXCEEDED" in codes:
            raise TooExpensive("one question costs more than the shop allows, even for a single row")
        if "THROTTLED" in codes:
            raise SourceBroken(
                f"the shop throttles us, still after {_THROTTLED_TRIES} tries",
                hint="Another program may use the same app; the next run tries again",
            )
        if any("cursor" in one.message.lower() for one in problems):
            raise CursorExpired("the shop does not accept its own cursor any more")
        if "INTERNAL_SERVER_ERROR" in codes:
            raise SourceBroken(
                f"the shop reports an internal error, still after {_INTERNAL_TRIES + 1} tries",
                hint="The next run tries again; if it stays so, look at Shopify's status page",
            )
        raise SourceBroken(
            f"the shop answers with an error: {said}",
            hint="Check api_version in this source's configuration, or update klientela",
        )

    def words(self, message: str) -> str:
        """The shop's own words, short and without anything that may be secret or about a person."""
        text = " ".join(message.split())
        for secret in (self._secret, self._token):
            if secret:
                text = text.replace(secret, "…")
        text = _PRIVATE.sub("…", text)
        return text if len(text) <= 160 else text[:160] + "…"


def _not_accepted() -> SourceRefused:
    return SourceRefused(
        "the shop does not accept our access token",
        hint="Check access_token, or client_id and client_secret, and whether the app is still installed",
    )


def _wait(cost: Cost | None) -> float:
    """Seconds until the purse holds what was asked for."""
    if cost is None or cost.throttle_status is None or cost.throttle_status.restore_rate <= 0:
        return _LEAST_WAIT
    missing = (cost.requested_query_cost or 0.0) - cost.throttle_status.currently_available
    return max(_LEAST_WAIT, missing / cost.throttle_status.restore_rate)


def _given(part: Raw) -> bool:
    """Whether a part of an answer is there and not null."""
    view = memoryview(part)
    return len(view) > 4 or bytes(view) not in (b"", b"null")


def _problems(errors: Raw) -> list[Problem]:
    """`errors` in any of its forms: a list of objects, an object, a string."""
    if not _given(errors):
        return []
    found = msgspec.json.decode(errors)
    if isinstance(found, dict):
        found = [f"{name}: {text}" for name, text in found.items()]
    elif not isinstance(found, list):
        found = [found]
    return [_problem(one) for one in found]


def _problem(found: Any) -> Problem:
    if isinstance(found, dict):
        try:
            return msgspec.convert(found, Problem)
        except msgspec.ValidationError:
            return Problem(message=str(found.get("message", "an error without words")))
    return Problem(message=str(found))


def _oauth_error(content: bytes) -> str:
    """` (invalid_client)`: the machine's word for it, if the answer has one."""
    try:
        word = msgspec.json.decode(content, type=_TokenError).error
    except msgspec.DecodeError:
        return ""
    return f" ({word})" if _CODE.fullmatch(word) else ""
