"""Where a source lives: which addresses are its own, and how an address may be shown to people.

Credentials travel with every call, so an address that a shop hands us (a next link, a redirect) is only
followed within the shop's own scheme, host and port.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from klientela.errors import Misconfigured, SourceBroken

Params = Mapping[str, Any] | Sequence[tuple[str, Any]]

_ABSOLUTE = re.compile(r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//")
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")  # once in ASCII; a colon only in IPv6
_LONG = 300  # characters of an address that are shown


class Origin:
    """A base URL and what belongs to it. `name`: its host (and port); `shown`: itself, as messages may have it."""

    def __init__(self, base_url: str, secrets: Sequence[str]) -> None:
        self.base = _parsed(base_url)
        port = f":{self.base.port}" if self.base.port else ""
        host = f"[{self.base.host}]" if ":" in self.base.host else self.base.host
        self.name = f"{host}{port}"
        self._root = f"{self.base.scheme}://{self.name}"
        self.prefix = self._root + self.base.raw_path.split(b"?")[0].decode().rstrip("/")
        words = {word for secret in secrets if secret for word in (secret, quote(secret, safe=""))}
        self._secrets = sorted(words, key=len, reverse=True)
        self.shown = self.show(self.base).rstrip("/")

    def url(self, path_or_url: str, params: Params | None) -> httpx.URL:
        """The address of a call. SourceBroken for an absolute one that is not ours."""
        ours = not _ABSOLUTE.match(path_or_url)
        text = f"{self.prefix}/{path_or_url.lstrip('/')}" if ours else path_or_url
        if text.startswith("//"):
            text = f"{self.base.scheme}:{text}"
        if params:
            text += ("&" if "?" in text else "?") + _query(params)
        url = _url(text)
        if url is None or not (ours or self._holds(url)):
            raise SourceBroken(
                f"{self.shown} sent us to another place ({_place(url)}), where our credentials must not go",
                hint="If the shop has moved, set its new address in this source's configuration",
            )
        return url

    def redirect(self, url: httpx.URL, location: str) -> httpx.URL:
        """The address a redirect leads to. SourceBroken when it leads elsewhere."""
        try:
            target = url.join(location) if location else None
        except httpx.InvalidURL:
            target = None
        if target is None or not self._holds(target):
            raise SourceBroken(
                f"{self.show(url)} redirects to another place ({_place(target)}), where our credentials must not go",
                hint="If the shop has moved, set its new address (mind https) in this source's configuration",
            )
        return target

    def show(self, url: httpx.URL) -> str:
        """An address for messages: without query, user, fragment and secrets."""
        text = self._root + url.raw_path.split(b"?")[0].decode("ascii", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text if len(text) <= _LONG else text[:_LONG] + "…"

    def _holds(self, url: httpx.URL) -> bool:
        """True when an address has our scheme, host and port (httpx leaves out the scheme's own port) and no user."""
        base = self.base
        return not url.userinfo and (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port)


def _parsed(base_url: str) -> httpx.URL:
    url = _url(base_url)
    if url is None or url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise Misconfigured(
            "the base address of a source must begin with https:// (or http://) and name a host",
            hint='Write it like base_url = "https://my-shop.example"',
        )
    if url.userinfo or url.query or url.fragment:
        raise Misconfigured(
            f"the base address of a source on {url.host} holds more than a host and a path",
            hint="Leave out user and password, ?… and #…; credentials have settings of their own",
        )
    return url


def _url(text: str) -> httpx.URL | None:
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, ValueError):  # UnicodeError from strange host names
        return None


def _place(url: httpx.URL | None) -> str:
    if url is None or not url.host:
        return "an address that cannot be read"
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}"[:_LONG]


def _query(params: Params) -> str:
    """Form-encoded; None is left out, booleans in lower case, lists repeat their key."""
    pairs = params.items() if isinstance(params, Mapping) else params
    flat: list[tuple[str, str]] = []
    for key, value in pairs:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None:
                flat.append((key, str(one).lower() if isinstance(one, bool) else str(one)))
    return urlencode(flat, quote_via=quote)
