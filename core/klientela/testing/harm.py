"""How each fault is done to a request: answers in the shop's place, and distortions of the shop's own answer."""

from __future__ import annotations

import asyncio
import functools
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klientela.testing.serving import CUT

Headers = list[tuple[bytes, bytes]]

_JSON: Headers = [(b"content-type", b"application/json")]
_ABSURD = 10**9  # seconds; 31 years
_BOMB = 128 * 2**20  # bytes; twice what the client takes
_NEVER = 60.0  # seconds without an answer
_TRICKLE = 1.0  # seconds for a slow body
_LOGIN = b"""<!DOCTYPE html>
<html><head><title>Log in</title></head>
<body><form method="post" action="/login"><input name="user"><input name="password" type="password"></form>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to the application, and the sandbox's clock in Unix seconds."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    now: Callable[[], float]

    def date(self, ahead: float = 0.0) -> bytes:
        """An HTTP date."""
        return formatdate(self.now() + ahead, usegmt=True).encode()

    async def say(self, code: int, body: bytes, headers: Headers = _JSON) -> None:
        """Answer in the application's place, dated by the sandbox's clock."""
        await answer(self.send, code, body, [*headers, (b"date", self.date())])

    async def gone(self, seconds: float) -> bool:
        """Wait until the client hangs up, at most so long; True when it did."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True

    async def cut(self, *, reset: bool) -> None:
        """End the connection without finishing the answer."""
        hang_up = self.scope.get("state", {}).get(CUT)
        if hang_up is None:
            raise ConnectionAbortedError("a fault that cuts connections needs klientela.testing.serve")
        hang_up(reset)
        await self.gone(1.0)


Harm = Callable[[Call, float | None, int | None], Awaitable[None]]


async def answer(send: Send, code: int, body: bytes, headers: Headers = _JSON) -> None:
    """A whole answer with its length."""
    await _start(send, code, [*headers, (b"content-length", str(len(body)).encode())])
    await send({"type": "http.response.body", "body": body})


async def status(call: Call, code: int, wait: float | None) -> None:
    """An error status, with `Retry-After` in seconds where one is given."""
    extra: Headers = [] if wait is None else [(b"retry-after", f"{wait:g}".encode())]
    await call.say(code, msgspec.json.encode({"message": f"fault {code}"}), [*_JSON, *extra])


async def _start(send: Send, code: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": code, "headers": headers})


async def _too_many(call: Call, wait: float | None, at: int | None) -> None:
    await status(call, 429, 1.0 if wait is None else wait)


async def _too_many_until(call: Call, wait: float | None, at: int | None) -> None:
    when = call.date(1.0 if wait is None else wait)
    await call.say(429, b'{"message": "fault 429"}', [*_JSON, (b"retry-after", when)])


async def _too_many_absurd(call: Call, wait: float | None, at: int | None) -> None:
    await call.say(429, b'{"message": "fault 429"}', [*_JSON, (b"retry-after", str(_ABSURD).encode())])


async def _timeout(call: Call, wait: float | None, at: int | None) -> None:
    await call.gone(_NEVER if wait is None else wait)
    await call.cut(reset=False)


async def _html(call: Call, wait: float | None, at: int | None) -> None:
    await call.say(200, _LOGIN, [(b"content-type", b"text/html; charset=utf-8")])


async def _empty(call: Call, wait: float | None, at: int | None) -> None:
    await call.say(200, b"")


async def _redirect(call: Call, wait: float | None, at: int | None) -> None:
    await call.say(302, b"", [(b"location", b"https://login.elsewhere.example/?next=shop")])


async def _gzip_bomb(call: Call, wait: float | None, at: int | None) -> None:
    await call.say(200, _bomb(_BOMB if at is None else at), [*_JSON, (b"content-encoding", b"gzip")])


@functools.lru_cache(maxsize=4)
def _bomb(size: int) -> bytes:
    """A valid gzip file of that many zeros (in whole MiB), a thousandth of the size, made in milliseconds."""
    block, count = bytes(2**20), max(1, size // 2**20)
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)  # a piece that may be repeated
    check = 0
    for _ in range(count):
        check = zlib.crc32(block, check)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + packed * count + pack.flush() + struct.pack("<II", check, count * 2**20 & 0xFFFFFFFF)


@dataclass(slots=True)
class _Answer:
    """What the application answered."""

    code: int
    headers: Headers
    body: bytes

    def plain(self) -> Headers:
        """The headers without those that a distortion makes wrong."""
        wrong = (b"content-length", b"content-encoding", b"transfer-encoding")
        return [(name, value) for name, value in self.headers if name.lower() not in wrong]


async def _real(call: Call) -> _Answer:
    """The application's own answer, whole."""
    code, headers, chunks = 500, [], []

    async def take(message: Message) -> None:
        nonlocal code, headers
        if message["type"] == "http.response.start":
            code, headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await call.app(call.scope, call.receive, take)
    return _Answer(code, headers, b"".join(chunks))


async def _broken_off(call: Call, at: int | None, *, reset: bool) -> None:
    real = await _real(call)
    length = (b"content-length", str(max(1, len(real.body))).encode())
    await _start(
        call.send, real.code, [*(pair for pair in real.headers if pair[0].lower() != b"content-length"), length]
    )
    await call.send({"type": "http.response.body", "body": _part(real.body, at), "more_body": True})
    await call.cut(reset=reset)


def _part(body: bytes, at: int | None) -> bytes:
    return body[: len(body) // 2 if at is None else min(at, max(0, len(body) - 1))]


async def _reset(call: Call, wait: float | None, at: int | None) -> None:
    await _broken_off(call, at, reset=True)


async def _truncated(call: Call, wait: float | None, at: int | None) -> None:
    await _broken_off(call, at, reset=False)


async def _truncated_json(call: Call, wait: float | None, at: int | None) -> None:
    real = await _real(call)
    await answer(call.send, real.code, _part(real.body, at), real.plain())


async def _broken_gzip(call: Call, wait: float | None, at: int | None) -> None:
    real = await _real(call)
    pack = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    packed = pack.compress(real.body) + pack.flush()
    await answer(call.send, real.code, _part(packed, at), [*real.plain(), (b"content-encoding", b"gzip")])


async def _latin1(call: Call, wait: float | None, at: int | None) -> None:
    real = await _real(call)
    await answer(call.send, real.code, _in_latin(real.body), real.plain())


def _in_latin(body: bytes) -> bytes:
    """The same JSON as an old server writes it: letters outside ASCII as one byte each, and no word about it."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    return msgspec.json.encode(value).decode().encode("latin-1", "replace")


async def _bom(call: Call, wait: float | None, at: int | None) -> None:
    real = await _real(call)
    await answer(call.send, real.code, b"\xef\xbb\xbf" + real.body, real.plain())


async def _slow(call: Call, wait: float | None, at: int | None) -> None:
    real = await _real(call)
    pieces = 10
    size = max(1, -(-len(real.body) // pieces))
    await _start(call.send, real.code, [*real.plain(), (b"content-length", str(len(real.body)).encode())])
    for start in range(0, len(real.body), size):
        await call.send({"type": "http.response.body", "body": real.body[start : start + size], "more_body": True})
        if await call.gone((_TRICKLE if wait is None else wait) / pieces):
            return
    await call.send({"type": "http.response.body", "body": b""})


ANSWERS: Mapping[str, Harm] = {
    "429": _too_many,
    "429-date": _too_many_until,
    "429-absurd": _too_many_absurd,
    "timeout": _timeout,
    "html": _html,
    "empty": _empty,
    "redirect": _redirect,
    "gzip-bomb": _gzip_bomb,
}
"""Faults that never reach the application."""

DISTORTIONS: Mapping[str, Harm] = {
    "reset": _reset,
    "truncated": _truncated,
    "truncated-json": _truncated_json,
    "broken-gzip": _broken_gzip,
    "latin1": _latin1,
    "bom": _bom,
    "slow": _slow,
}
"""Faults that damage the application's answer on its way."""
