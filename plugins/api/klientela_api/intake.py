"""One push: read the body within limits, take it apart, hand it over, answer for each item."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from klientela.kit import Caller, Door, Item, RecordRejected, Rejected, Shop, Taken, Ticket
from klientela_api.replies import HEADERS, Refused
from klientela_api.translate import key_of, light, record_of


class Limits(NamedTuple):
    """How much one request may bring, and how long its body may take to arrive."""

    body: int = 8 * 2**20  # bytes
    letters: int = 32 * 2**20  # bytes, for letters with their files
    items: int = 1_000
    seconds: float = 30.0


async def body_of(request: Request, most: int, seconds: float) -> bytes:
    """The body, read as it comes. Refused: 413 when it is too large, 408 when it takes too long."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told[:20]) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError:
        raise Refused(408, "the body did not arrive in time", hint="Send it again, perhaps in smaller parts.") from None
    except ClientDisconnect:
        raise Refused(400, "the body broke off", hint="Send it again.") from None
    return b"".join(parts)


def items_of(body: bytes, most: int) -> list[Any]:
    """The things in a body: an object is one of them, an array several. Refused when it is neither."""
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no valid JSON", hint="Send one JSON object, or an array of them.") from None
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise Refused(422, "the body is neither an object nor an array", hint="Send one JSON object, or an array.")
    if len(found) > most:
        raise Refused(413, f"the body holds {len(found)} things, more than {most}", hint="Send them in several parts.")
    return found


def ticket_of(request: Request, body: bytes) -> Ticket | None:
    """What the Idempotency-Key of a request stands for; None without one. Refused for an unusable key."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise Refused(400, "the Idempotency-Key cannot be used", hint="Write 1 to 255 visible ASCII characters.")
    asked = f"{request.method}\0{request.url.path}\0".encode()
    return Ticket(key, sha256(asked + body).digest())


def hand_over(door: Door, caller: Caller, stream: str, found: Sequence[Any], ticket: Ticket | None) -> Taken:
    """Translate and store; to be called in a thread."""
    shop = door.shop(caller)
    return door.take(caller, stream, [_item(stream, one, shop) for one in found], ticket)


def answer(taken: Taken) -> Response:
    """The answer to a push: what became of each item."""
    counts = dict.fromkeys(("accepted", "unchanged", "rejected"), 0)
    items = []
    for index, one in enumerate(taken.outcomes):
        counts[one.status] += 1
        items.append({"index": index, "status": one.status, "external_id": one.key, "id": one.id, "reason": one.reason})
    more = {"Idempotency-Replayed": "true"} if taken.again else {}
    return JSONResponse({**counts, "items": items}, headers={**HEADERS, **more})


def _item(stream: str, found: Any, shop: Shop) -> Item:
    try:
        raw = json.dumps(light(found), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    except RecursionError:
        return Item(Rejected(reason="it is nested too deeply", key=key_of(found)), b"")
    try:
        return Item(record_of(stream, found, shop), raw)
    except RecordRejected as error:
        return Item(Rejected(reason=error.message, key=key_of(found)), raw)


def _too_large(most: int) -> Refused:
    return Refused(413, f"the body is larger than {most} bytes", hint="Send it in several parts.")


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
