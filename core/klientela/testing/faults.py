"""Everything a shop's server can do to its clients, on request: an ASGI middleware around any sandbox.

    faults = Faults(shop, seed=7)
    with serve(faults) as base_url:
        faults.storm("429", 5)                # the next five requests
        faults.always("500", rate=0.1)        # from now on every tenth, by a seeded die
        faults.on("reset", path="/orders")    # every request whose path holds this
        faults.calm()                         # no more

or over HTTP: `POST /_sandbox/faults {"kind": "429", "next": 5}` (or `rate`, `path`, `body`; `{"calm": true}`), and
`GET /_sandbox/faults` for the counters. Nothing under `/_sandbox/` ever gets a fault.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klientela.errors import Misconfigured
from klientela.testing import harm

CONTROL = "/_sandbox/"
_STATUS = re.compile(r"[45]\d\d")


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do to a request.

    kind   one of `KINDS`, or any status from 400 to 599
    rate   how likely, 0 to 1
    wait   seconds: Retry-After (429, 503), how long nothing comes (timeout) or how long it trickles (slow)
    at     bytes: where a body ends (reset, truncated, truncated-json), how large a bomb grows (gzip-bomb)
    """

    kind: str
    rate: float = 1.0
    wait: float | None = None
    at: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not _STATUS.fullmatch(self.kind):
            raise Misconfigured(
                f"there is no fault called {self.kind!r}", hint=f"Known: {', '.join(KINDS)}, or a status such as 404"
            )
        if not 0 <= self.rate <= 1:
            raise Misconfigured(f"the rate of {self.kind} is {self.rate}", hint="Write a share from 0 to 1, like 0.1")


KINDS: tuple[str, ...] = (*harm.ANSWERS, *harm.DISTORTIONS)
"""The faults that have a name. Statuses (`500`, `503`, `404` …) need none."""

DEFAULT_RATE = 0.1
"""The rate of a fault on the command line that names none: every tenth request."""


def parse_fault(text: str) -> Fault:
    """A fault from its form on the command line, `KIND[:RATE]`: `429`, `timeout:0.05`. Misconfigured otherwise."""
    kind, _, rate = text.strip().partition(":")
    try:
        return Fault(kind, float(rate) if rate else DEFAULT_RATE)
    except ValueError:
        raise Misconfigured(f"{text!r} is no fault", hint="Write KIND or KIND:RATE, like 429:0.1") from None


@dataclass(frozen=True, slots=True)
class Seen:
    """A request, as far as rules look at it."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(slots=True)
class _Rule:
    fault: Fault
    holds: Callable[[Seen], bool]
    times: int | None  # how often still; None: for ever


class Faults:
    """The middleware. `requests` and `paths` count what came, `injected` counts the faults by kind.

    `now` is the sandbox's clock in Unix seconds, for the `Date` and `Retry-After` of the faults' own answers.
    """

    def __init__(
        self, app: ASGIApp, *, seed: int = 0, now: Callable[[], float] = time.time, faults: tuple[Fault, ...] = ()
    ) -> None:
        self.app = app
        self.requests = 0
        self.paths: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self._now = now
        self._die = random.Random(seed)
        self._lock = threading.Lock()
        self._storm: deque[Fault] = deque()
        self._rules: list[_Rule] = []
        self._steady: list[Fault] = list(faults)

    # What to do, from Python

    def storm(self, kind: str, count: int = 1, *, wait: float | None = None, at: int | None = None) -> None:
        """The next `count` requests get this; storms queue up."""
        with self._lock:
            self._storm.extend([Fault(kind, wait=wait, at=at)] * count)

    def always(self, kind: str | Fault, rate: float = 1.0, *, wait: float | None = None, at: int | None = None) -> None:
        """From now on this share of the requests gets this, by the seeded die; several add up."""
        fault = kind if isinstance(kind, Fault) else Fault(kind, rate, wait, at)
        with self._lock:
            self._steady.append(fault)

    def on(
        self,
        kind: str,
        *,
        path: str = "",
        body: str = "",
        when: Callable[[Seen], bool] | None = None,
        times: int | None = None,
        wait: float | None = None,
        at: int | None = None,
    ) -> None:
        """Every request (or the first `times`) whose path and body hold these texts, and for which `when` is true."""
        needle = body.encode()

        def holds(seen: Seen) -> bool:
            return path in seen.path and needle in seen.body and (when is None or when(seen))

        with self._lock:
            self._rules.append(_Rule(Fault(kind, wait=wait, at=at), holds, times))

    def calm(self) -> None:
        """No more faults; the counters stay."""
        with self._lock:
            self._storm.clear()
            self._rules.clear()
            self._steady.clear()

    def state(self) -> dict[str, Any]:
        """The counters and what is still to come, as `GET /_sandbox/faults` tells it."""
        return {
            "requests": self.requests,
            "injected": dict(self.injected),
            "next": [fault.kind for fault in self._storm],
            "rules": [rule.fault.kind for rule in self._rules],
            "always": {fault.kind: fault.rate for fault in self._steady},
        }

    # Serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, choose a fault, do it or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == f"{CONTROL}faults":
            await self._control(scope, receive, send)
        elif scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        seen = Seen(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), body)
        fault = self._choose(seen)
        call = harm.Call(self.app, scope, _replay(body, receive), send, self._now)
        if fault is None:
            await self.app(scope, call.receive, send)
        elif fault.kind in harm.DISTORTIONS:
            await harm.DISTORTIONS[fault.kind](call, fault.wait, fault.at)
        elif fault.kind in harm.ANSWERS:
            await harm.ANSWERS[fault.kind](call, fault.wait, fault.at)
        else:
            await harm.status(call, int(fault.kind), fault.wait)

    def _choose(self, seen: Seen) -> Fault | None:
        with self._lock:
            self.requests += 1
            self.paths[seen.path] += 1
            fault = self._next(seen)
            if fault is not None:
                self.injected[fault.kind] += 1
            return fault

    def _next(self, seen: Seen) -> Fault | None:
        """A storm goes before rules, rules before the die."""
        if self._storm:
            return self._storm.popleft()
        for rule in self._rules:
            if rule.holds(seen):
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self._rules.remove(rule)
                return rule.fault
        return next((fault for fault in self._steady if self._die.random() < fault.rate), None)

    # What to do, over HTTP

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, answer = 200, None
        if scope["method"] == "POST":
            try:
                self._order(msgspec.json.decode(await _read(receive), type=_Order))
            except Misconfigured as error:
                status, answer = 400, {"error": error.as_dict()}
            except msgspec.DecodeError as error:
                status, answer = 400, {"error": {"kind": "misconfigured", "message": str(error), "hint": None}}
        await harm.answer(send, status, msgspec.json.encode(answer or self.state()))

    def _order(self, order: _Order) -> None:
        if order.calm:
            self.calm()
        if order.kind is None:
            return
        if order.next is not None:
            self.storm(order.kind, order.next, wait=order.wait, at=order.at)
        elif order.path or order.body:
            self.on(order.kind, path=order.path, body=order.body, wait=order.wait, at=order.at)
        else:
            self.always(order.kind, order.rate, wait=order.wait, at=order.at)


class _Order(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /_sandbox/faults`."""

    kind: str | None = None
    rate: float = DEFAULT_RATE
    next: int | None = None
    path: str = ""
    body: str = ""
    wait: float | None = None
    at: int | None = None
    calm: bool = False


async def _read(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The same request again, for the application."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again
