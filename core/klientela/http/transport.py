"""The wire below the patient client: connections that stop when asked to, bodies that cannot grow for ever.

It uses httpx's transport and not its `Client`: no cookie jar, no redirects that carry tokens elsewhere, no
log line with the query string, and a third less CPU per call.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
import ssl
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from klientela import __version__
from klientela.errors import Interrupted, Misconfigured
from klientela.http.answers import NEXT_RUN, Trouble, seconds_of
from klientela.model.instants import SECOND, Instant, from_datetime

_SLICE = 0.25  # seconds between two looks at the stop event while a socket is silent
_CONNECT = 10.0  # seconds; a shop that takes longer to say hello is down
_LIMITS = httpx.Limits(max_connections=10, max_keepalive_connections=10, keepalive_expiry=30.0)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class TooLarge(Exception):
    """The body is larger than allowed, once unpacked."""


class TooSlow(Exception):
    """The body trickles: no single read is late, but the whole is."""


class Garbled(Exception):
    """The packed body cannot be unpacked, or ends too early."""


class _Stream(httpcore.NetworkStream):
    """A connection whose reads end soon after somebody asks to stop."""

    def __init__(self, inner: httpcore.NetworkStream, stop: threading.Event) -> None:
        self._inner = inner
        self._stop = stop

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = timeout if timeout is not None else float("inf")
        while True:
            try:
                return self._inner.read(max_bytes, min(_SLICE, left))
            except httpcore.ReadTimeout:
                left -= _SLICE
                if self._stop.is_set():
                    break
                if left <= 0:
                    raise
        raise Interrupted("asked to stop while waiting for an answer")

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._stop)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Opens connections that watch the stop event."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(super().connect_tcp(*args, **options), self._stop)


@functools.cache
def _trust() -> ssl.SSLContext:
    """The certificates we trust; reading them costs 30 ms of CPU, so once per process."""
    return httpx.create_ssl_context()


def _proxy_for(url: httpx.URL) -> str | None:
    """The proxy that the environment names for this host; never one for loopback."""
    if url.host in _LOOPBACK or proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def open_transport(base: httpx.URL, stop: threading.Event) -> httpx.HTTPTransport:
    """Connections to one origin, kept alive and watching `stop`."""
    _hush()
    # A plain http origin never speaks TLS (other origins are refused): it needs no certificates.
    trust = _trust() if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        transport = httpx.HTTPTransport(verify=trust, limits=_LIMITS, proxy=_proxy_for(base))
    except (ValueError, ImportError):
        transport = None  # raised below: the cause may quote the proxy's password
    if transport is None:
        raise Misconfigured("the proxy named in the environment cannot be used", hint=_PROXY)
    # httpx has no parameter for the network backend; httpcore's is the documented place for it.
    transport._pool._network_backend = _Backend(stop)
    return transport


def read_body(response: httpx.Response, most: int, stop: threading.Event, seconds: float) -> bytes:
    """The whole body, unpacked, within `most` bytes. TooLarge, TooSlow, Garbled, Interrupted."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("identity", ""):
        return _read_plain(response, most, stop, seconds)
    if packing in ("gzip", "x-gzip", "deflate"):
        return _read_packed(response, most, stop, seconds)
    raise Garbled(f"packed as {packing[:20]!r}, which nobody asked for")


def _read_plain(response: httpx.Response, most: int, stop: threading.Event, seconds: float) -> bytes:
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    until = time.monotonic() + seconds
    for chunk in response.stream:  # type: ignore[union-attr]  # a transport's stream is a plain iterable
        chunks.append(chunk)
        size += len(chunk)
        _check(size, most, stop, until)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _read_packed(response: httpx.Response, most: int, stop: threading.Event, seconds: float) -> bytes:
    """Unpack with an upper limit for each step, so that a bomb never explodes in memory."""
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib, told by the header
    chunks: list[bytes] = []
    size = 0
    until = time.monotonic() + seconds
    try:
        for chunk in response.stream:  # type: ignore[union-attr]
            rest = chunk
            while rest:
                if unpack.eof:  # several packed pieces in a row are one body
                    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
                plain = unpack.decompress(rest, most + 1 - size)
                chunks.append(plain)
                size += len(plain)
                _check(size, most, stop, until)
                rest = unpack.unconsumed_tail or unpack.unused_data
    except zlib.error:
        raise Garbled("damaged while packed") from None
    if chunks and not unpack.eof:
        raise Garbled("cut off while packed")
    return b"".join(chunks)


def _check(size: int, most: int, stop: threading.Event, until: float) -> None:
    if size > most:
        raise TooLarge
    if stop.is_set():
        raise Interrupted("asked to stop while reading an answer")
    if time.monotonic() > until:
        raise TooSlow


NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures before a request was on its way: the shop has not seen it."""

FAILURES = (httpx.TransportError, TooLarge, TooSlow, Garbled)
"""What a try may end with; anything else is a mistake of ours (or Interrupted)."""

_CERTIFICATE = "Check the address and this machine's clock; name your own authority's certificates in SSL_CERT_FILE"
_PROXY = "Check HTTPS_PROXY and NO_PROXY in the environment"
_TROUBLES: tuple[tuple[type[Exception], Trouble], ...] = (
    (TooLarge, Trouble("sent more than we are willing to hold", hint="Ask for smaller pages", most=1)),
    (Garbled, Trouble("sent a packed body that is cut off or damaged")),
    (TooSlow, Trouble("trickled its answer too slowly")),
    (
        httpx.ConnectTimeout,
        Trouble("could not be reached in time", hint=f"Check the address and the network. {NEXT_RUN}"),
    ),
    (
        httpx.ConnectError,
        Trouble("could not be reached", hint=f"Check the address and the network. {NEXT_RUN}"),
    ),
    (httpx.ProxyError, Trouble("could not be reached through the proxy", hint=_PROXY)),
    (httpx.TimeoutException, Trouble("did not answer in time")),
    (httpx.TransportError, Trouble("broke off the connection")),
)


def trouble_of(error: Exception) -> Trouble:
    """What a failure on the wire means, in words of our own: httpx's words may quote headers."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Trouble("shows a certificate that we do not trust", hint=_CERTIFICATE, most=1)
        cause = cause.__cause__ or cause.__context__
    return next(trouble for kind, trouble in _TROUBLES if isinstance(error, kind))


FORM = "application/x-www-form-urlencoded"


def headers_of(
    given: Mapping[str, str], *, auth: tuple[str, str] | None = None, base: httpx.Headers | None = None
) -> httpx.Headers:
    """Headers ready to send. Misconfigured for a value that HTTP cannot carry (a line break, an umlaut)."""
    merged = httpx.Headers(_DEFAULTS if base is None else base)
    for name, value in given.items():
        value = value.strip()  # a token read from a file ends with a line break
        if not (value.isascii() and value.isprintable()):
            raise Misconfigured(
                f"the header {name} of this source holds characters that HTTP cannot carry",
                hint="Copy the token or key again, without line breaks and special letters",
            )
        merged[name] = value
    if auth is not None:
        merged["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    return merged


_DEFAULTS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"klientela/{__version__}",
}


def scope_of(headers: httpx.Headers, secrets: Sequence[str]) -> bytes:
    """A digest that tells one set of credentials from another."""
    return hashlib.sha256(repr((sorted(headers.multi_items()), sorted(secrets))).encode()).digest()


def request_of(
    method: str, url: httpx.URL, headers: httpx.Headers, content: bytes | None, timeout: float, where: str
) -> httpx.Request:
    """A request that carries its timeouts, and its address as it may be shown."""
    connect = min(timeout, _CONNECT)
    limits = {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
    return httpx.Request(method, url, headers=headers, content=content, extensions={"timeout": limits, "where": where})


def wait_of(headers: httpx.Headers) -> float | None:
    """The seconds `Retry-After` asks for, in either form; None without it.

    A date is measured on the shop's own clock (`Date`), for ours may be wrong.
    """
    asked = headers.get("retry-after")
    if asked is None:
        return None
    seconds = seconds_of(asked)
    moment = date_of(asked) if seconds is None else None
    if moment is None:
        return seconds
    now = date_of(headers.get("date", ""))
    return max(0.0, (moment - (from_datetime(datetime.now(UTC)) if now is None else now)) / SECOND)


def date_of(header: str) -> Instant | None:
    """The instant of an HTTP date; None when it is none."""
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, IndexError, OverflowError):
        return None
    return None if moment.tzinfo is None else from_datetime(moment)


def _hush() -> None:
    """httpx and httpcore log whole addresses and headers, which nobody may read in a log."""
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _only_warnings not in logger.filters:
            logger.addFilter(_only_warnings)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
