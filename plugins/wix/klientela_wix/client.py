"""Talks to Wix: an API key or an app's tokens, two hundred calls a minute, and what an error means.

Wix says in one of two shapes what is wrong: an application error with a code, or violations of fields. Neither is
shown as it came, for descriptions may repeat what was asked for.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from klientela.kit import Http, Reply, SourceBroken, SourceRefused
from klientela_wix.settings import WixSettings

T = TypeVar("T")

CALLS, SPAN = 190, 60.0
"""Calls within so many seconds: Wix allows 200 a minute to each instance of an app; a few are left to others."""

_TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address
_SPARE = 300.0  # seconds before its end at which a token is renewed
_TOLD = frozenset({400, 401, 403, 404, 409, 428})  # statuses whose body says what is wrong
_TOLD_NO = _TOLD | {422}
_NOT_INSTALLED = "APP_NOT_INSTALLED"
_LEAST = 3  # letters: what is shorter is no secret of anybody, and in many words
_PRIVATE = re.compile(r"\S*@\S*|\d{6,}")
_CODE = re.compile(r"[A-Za-z_.]{1,60}")


class CursorExpired(SourceBroken):
    """Wix does not take the cursor it gave any more."""


class NotThere(SourceBroken):
    """There is no object with this id."""


class _Applied(Struct):
    code: str | None = None
    description: str | None = None


class _Violation(Struct):
    field: str | None = None
    description: str | None = None


class _Validation(Struct, rename="camel"):
    field_violations: list[_Violation] = []


class _Details(Struct, rename="camel"):
    application_error: _Applied | None = None
    validation_error: _Validation | None = None


class Problem(Struct):
    """What a refusal says."""

    message: str | None = None
    details: _Details | None = None

    @property
    def code(self) -> str:
        """The application's code, or nothing."""
        applied = self.details.application_error if self.details else None
        code = (applied.code if applied else None) or ""
        return code if _CODE.fullmatch(code) else ""

    @property
    def words(self) -> str:
        """What is wrong, as far as it says."""
        if self.details and self.details.validation_error and self.details.validation_error.field_violations:
            first = self.details.validation_error.field_violations[0]
            return f"{first.field or 'a field'} {first.description or 'is not valid'}"
        applied = self.details.application_error if self.details else None
        return (applied.description if applied else None) or self.message or ""


class _Token(Struct):
    access_token: str
    expires_in: float = 14_400.0


class Wix:
    """One site, through an API key or an app's instance."""

    def __init__(self, settings: WixSettings, *, stop: threading.Event | None = None) -> None:
        self._settings = settings
        self._secret = settings.secret
        headers: dict[str, str] = {}
        if settings.api_key is not None and settings.site_id is not None:
            headers = {"Authorization": self._secret, "wix-site-id": settings.site_id}
        self._http = Http(settings.base_url, headers=headers, secrets=[self._secret], stop=stop)
        self._token: str | None = None
        self._renew_at = 0.0
        self._calls: deque[float] = deque(maxlen=CALLS)

    @property
    def http(self) -> Http:
        """The connection, for its clock."""
        return self._http

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def post(self, path: str, body: Mapping[str, Any], kind: type[T], *, cursor: bool = False) -> T:
        """Ask a list. `cursor`: the body holds nothing but a cursor, so that only the cursor can be wrong.

        SourceRefused, SourceBroken, Interrupted; CursorExpired.
        """
        return self._call("POST", path, body, kind, cursor)

    def get(self, path: str, kind: type[T]) -> T:
        """Ask for one object. NotThere when there is none."""
        return self._call("GET", path, None, kind, False)

    def tell(self, path: str, body: Mapping[str, Any], kind: type[T], *, private: Collection[str] = ()) -> T:
        """Have an order made, once. SourceRefused and SourceBroken: it surely was not; NotKnown: it may have been.

        `private`: what must not be repeated though Wix may quote it.
        """
        reply, made = self._answered(self._http.send, "POST", path, body, kind, _TOLD_NO)
        if made is not None:
            return made  # type: ignore[no-any-return]  # decoded as `kind`
        raise self._not_made(reply, private)

    # -- one request ---------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None, kind: type[T], cursor: bool) -> T:
        """What is answered to a question."""
        reply, made = self._answered(self._http.ask, method, path, body, kind, _TOLD)
        if reply.status not in _TOLD:
            return made  # type: ignore[no-any-return]  # decoded as `kind`
        raise self._refusal(reply, method, path, cursor)

    def _answered(
        self,
        way: Callable[..., tuple[Reply, Any]],
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        kind: type[T],
        told: Collection[int],
    ) -> tuple[Reply, Any]:
        """One answer, whether Wix is asked or told; a token that is refused is renewed once."""
        for renewed in (False, True):
            self._pace()
            reply, made = way(method, path, json=body, headers=self._credential(), accept=told, kind=kind)
            if reply.status != 401 or self._settings.api_key is not None or renewed:
                break
            self._token = None
        return reply, made

    def _pace(self) -> None:
        """Let a burst through, and hold back only what would be more than a minute may have."""
        now = time.monotonic()
        if len(self._calls) == CALLS and (left := SPAN - (now - self._calls[0])) > 0:
            self._http.hold(left)
            now += left
        self._calls.append(now)

    # -- tokens --------------------------------------------------------------------------------------------------

    def _credential(self) -> dict[str, str]:
        if self._settings.api_key is not None:
            return {}
        if self._token is None or time.monotonic() >= self._renew_at:
            self._token = self._new_token()
        return {"Authorization": self._token}

    def _new_token(self) -> str:
        """A token of some hours for an app's instance; there is no refresh token, one asks again."""
        body = {
            "grant_type": "client_credentials",
            "client_id": self._settings.app_id,
            "client_secret": self._secret,
            "instance_id": self._settings.instance_id,
        }
        self._pace()
        reply, token = self._http.ask("POST", _TOKEN_PATH, json=body, accept=_TOLD, kind=_Token)
        if token is None:
            code = _problem(reply.content).code
            raise SourceRefused(
                f"Wix gives no access token for app_id, app_secret and instance_id{f' ({code})' if code else ''}",
                hint="Check the three in the app's dashboard, and whether the app is still installed on the site",
            )
        self._renew_at = time.monotonic() + max(0.0, token.expires_in - min(_SPARE, token.expires_in / 10))
        return str(token.access_token)

    # -- errors --------------------------------------------------------------------------------------------------

    def _refusal(self, reply: Reply, method: str, path: str, cursor: bool) -> SourceRefused | SourceBroken:
        """The error that a refusal means."""
        problem = _problem(reply.content)
        code, what = problem.code, path.split("?")[0]
        if reply.status == 401:
            return self._not_known_there()
        if reply.status == 403:
            return SourceRefused(
                f"Wix does not let us read {_thing(what)} (status 403{_named(code)})",
                hint=f"Give the API key or app the permission to read {_thing(what)}, and check site_id",
            )
        if reply.status == 404 and method == "GET":
            return NotThere("Wix knows no such object", hint="It was deleted meanwhile; the next run shows it")
        if reply.status == 428 or (reply.status == 404 and code != "NOT_FOUND"):
            return SourceRefused(
                f"the site has no {_thing(what)} (status {reply.status}{_named(code)})",
                hint="Install the Wix app that keeps them, or switch them off in this source's configuration "
                "(members = false, checkouts = false)",
            )
        if reply.status == 400 and cursor:
            return CursorExpired("Wix does not accept its own cursor any more", hint="The next run tries again")
        said = self._words(problem.words)
        return SourceBroken(
            f"Wix answers {_thing(what)} with an error (status {reply.status}{_named(code)}){f': {said}' if said else ''}",
            hint="The next run tries again; if it stays so, update klientela",
        )

    def _not_known_there(self) -> SourceRefused:
        way = "api_key" if self._settings.api_key is not None else "app_id, app_secret and instance_id"
        return SourceRefused(
            "Wix does not accept our credentials (status 401)",
            hint=f"Check {way}; the key may be revoked or the app removed from the site",
        )

    def _not_made(self, reply: Reply, private: Collection[str]) -> SourceRefused:
        """Why Wix made nothing: every answer that comes here says so before anything is done."""
        problem = _problem(reply.content)
        if reply.status == 401:
            return self._not_known_there()
        if reply.status == 403:
            return SourceRefused(
                f"Wix does not let us write orders (status 403{_named(problem.code)})",
                hint="Give the API key or app the permission to manage orders, and check site_id",
            )
        if reply.status in (404, 428) and problem.code in ("", _NOT_INSTALLED):
            return SourceRefused(
                f"the site has no orders (status {reply.status}{_named(problem.code)})",
                hint="Install Wix Stores or another app of Wix that keeps orders",
            )
        said = self._words(problem.words, private) or f"status {reply.status}{_named(problem.code)}"
        return SourceRefused(
            f"the shop does not take the order: {said}",
            hint="Mend it and send it again; the order is kept here meanwhile.",
        )

    def _words(self, message: str, private: Collection[str] = ()) -> str:
        """Wix's own words, short and without anything that may be secret or about a person."""
        text = " ".join(message.split())
        for secret in (self._secret, self._token):
            if secret:
                text = text.replace(secret, "…")
        for value in sorted(private, key=len, reverse=True):
            if len(value) >= _LEAST:
                text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", text, flags=re.IGNORECASE)
        text = _PRIVATE.sub("…", text)
        return text if len(text) <= 160 else text[:160] + "…"


def _problem(content: bytes) -> Problem:
    """What a body says; nothing for one that has another shape."""
    try:
        return msgspec.json.decode(content, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem()


def _named(code: str) -> str:
    return f", {code}" if code else ""


def _thing(path: str) -> str:
    """What an address is about, for people."""
    for part, name in (
        ("/contacts/", "contacts"),
        ("/members/", "members"),
        ("/abandoned-checkout", "abandoned checkouts"),
        ("/orders", "orders"),
        ("/apps/", "the app's instance"),
    ):
        if part in path:
            return name
    return "this"
