"""The patient client: one object per source, and every way it can fail is a sentence.

A call is tried again after timeouts, resets, cut-off bodies, 429 and 5xx, with growing waits or those that
the shop asks for. POST is tried again like GET: it reads, whatever the verb. What writes is sent by `send`, once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import msgspec

from klientela.errors import Interrupted, NotKnown, SourceBroken
from klientela.http import answers, budget
from klientela.http.answers import Trouble
from klientela.model.instants import Instant

if TYPE_CHECKING:
    import httpx

    from klientela.http.origin import Params

log = logging.getLogger("klientela.http")

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_WHOLE = 10  # times the timeout: how long one body may take when it trickles


class _Passing(Exception):
    """An answer that another try may cure."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.said)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that arrived whole: status, headers, body (unpacked). `where`: its address without query."""

    status: int
    headers: httpx.Headers = field(repr=False)  # a printed reply tells nothing of what came
    content: bytes = field(repr=False)
    where: str = "the source"

    def json(self, kind: Any = Any) -> Any:
        """The body as `kind` (any msgspec type). SourceBroken when it is HTML, cut off, of another shape."""
        value = answers.decode(self.content, self.headers.get("content-type", ""), kind)
        if isinstance(value, Trouble):
            raise value.error(self.where)
        return value


def _unanswered(where: str, said: str) -> NotKnown:
    return NotKnown(
        f"{where} {said}, so nobody knows whether it was done",
        hint="Look in the shop before it is asked again.",
    )


class Http:
    """One source's base URL, credentials and patience; thread-safe.

    base_url       https://host[:port][/prefix]; absolute addresses (next links) must match it
    headers, auth  sent with every call; `auth` is user and password for HTTP Basic
    timeout        seconds of silence after which a try counts as failed
    max_bytes      largest body, decompressed
    min_interval   seconds between two calls of all clients with this host and these credentials
    tries          tries per call before SourceBroken
    longest_wait   seconds; a shop that asks for more ends the run with SourceBroken
    secrets        words that may be part of an address and must never be shown
    stop           ends every wait at once with Interrupted
    """

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        max_bytes: int = 64 * 2**20,
        min_interval: float = 0.0,
        tries: int = 6,
        longest_wait: float = 300.0,
        secrets: Sequence[str] = (),
        stop: threading.Event | None = None,
    ) -> None:
        from klientela.http import lines, origin, transport  # here: httpx costs a command 0.1 s at start

        self._wire = transport
        self._lines = lines
        self._stop = stop or threading.Event()
        self._origin = origin.Origin(base_url, secrets)
        self._headers = transport.headers_of(headers or {}, auth=auth)
        self._json_headers = transport.headers_of({"Content-Type": "application/json"}, base=self._headers)
        self._form_headers = transport.headers_of({"Content-Type": transport.FORM}, base=self._headers)
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._min_interval = min_interval
        self._tries = max(1, tries)
        self._longest_wait = longest_wait
        self._budget = budget.budget_of(self._origin.name, transport.scope_of(self._headers, secrets))
        self._transport = transport.open_transport(self._origin.base, self._stop)
        self._date = ""
        self._server_time: Instant | None = None

    @property
    def server_time(self) -> Instant | None:
        """The source's own clock: newest `Date` of an answer that counted (whole seconds); else None."""
        return self._server_time

    def get(
        self,
        path_or_url: str,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Reply:
        """Read an address. Statuses in `accept` come back as Reply, all other failures are errors.

        `params`: None is left out, lists repeat their key. SourceRefused, SourceBroken, Interrupted.
        """
        return self._ask(self._request("GET", path_or_url, params, headers), accept, None)[0]

    def post(
        self,
        path: str,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
    ) -> Reply:
        """Ask with a body: `json` (any value msgspec encodes) or `data` (a form). Otherwise like `get`."""
        return self._ask(self._request("POST", path, None, headers, json, data), accept, None)[0]

    def get_json(
        self,
        path_or_url: str,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        kind: Any = Any,
    ) -> Any:
        """Like `get`, decoded; a 200 that is no JSON (cut off, HTML, empty) is tried again a few times."""
        return self._ask(self._request("GET", path_or_url, params, headers), (), kind)[1]

    def post_json(
        self,
        path: str,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        kind: Any = Any,
    ) -> Any:
        """Like `post`, decoded; a 200 that is no JSON (cut off, HTML, empty) is tried again a few times."""
        return self._ask(self._request("POST", path, None, headers, json, data), (), kind)[1]

    def ask(
        self,
        method: str,
        path_or_url: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        kind: Any = Any,
    ) -> tuple[Reply, Any]:
        """The long form: the reply and its decoded body (None for another status that is in `accept`)."""
        return self._ask(self._request(method, path_or_url, params, headers, json, data), accept, kind)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: Collection[int] = (),
        kind: Any = Any,
    ) -> tuple[Reply, Any]:
        """Ask the shop to write something, once: nothing is tried again, and no redirect is followed.

        SourceRefused and SourceBroken: it surely has not been done (the shop said no, was never reached, or is too busy to
        look at it). NotKnown: the request was sent and no answer tells what became of it. Else like `ask`.
        """
        self._take_turn()
        request = self._request(method, path, params, headers, json)
        where = request.extensions["where"]
        try:
            answer = self._sent(request)
        except self._wire.NEVER_SENT as error:
            raise self._wire.trouble_of(error).error(where) from None
        except self._wire.FAILURES as error:
            raise _unanswered(where, self._wire.trouble_of(error).said) from None
        if not (200 <= answer.status < 300 or answer.status in accept):
            if answer.status != 408 and 300 <= answer.status < 500:
                trouble = answers.trouble_of(answer.status, self._wire.wait_of(answer.headers), where)
                raise trouble.error(where)
            raise _unanswered(where, f"answered with status {answer.status}")
        self._set_clock(answer.headers.get("date", ""))
        if answer.status in accept:
            return answer, None
        value = answers.decode(answer.content, answer.headers.get("content-type", ""), kind)
        if isinstance(value, Trouble):
            raise _unanswered(where, value.said)
        return answer, value

    def _sent(self, request: httpx.Request) -> Reply:
        response = self._transport.handle_request(request)
        try:
            content = self._wire.read_body(response, self._max_bytes, self._stop, self._timeout * _WHOLE)
        finally:
            response.close()
        return Reply(response.status_code, response.headers, content, request.extensions["where"])

    def lines(self, path_or_url: str, *, offset: int = 0, longest: int = 16 * 2**20) -> Iterator[tuple[bytes, int]]:
        """Read an answer of any length line by line, from byte `offset` on: each line and the place after it.

        Little of it is held: never more than one line, of at most `longest` bytes. A connection that breaks is taken
        up where it broke; the tries are counted anew whenever a line came. A last line without its end comes too.
        SourceRefused, SourceBroken, Interrupted.
        """
        troubles: list[Trouble] = []
        while True:
            self._take_turn()
            request = self._request("GET", path_or_url, None, self._lines.range_of(offset))
            try:
                for line, place in self._some_lines(request, offset, longest):
                    offset = place
                    troubles.clear()
                    yield line, place
                return
            except self._wire.FAILURES as error:
                troubles.append(self._wire.trouble_of(error))
            except _Passing as passing:
                troubles.append(passing.trouble)
            self._endure(troubles, request.extensions["where"])

    def hold(self, seconds: float) -> None:
        """Let nobody ask this host for a while: for shops that say "too many" in the body of a 200.

        Returns at once; the next call waits. SourceBroken when that is longer than `longest_wait`.
        """
        self._afford(seconds, self._origin.shown)
        self._budget.hold(seconds)

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: httpx.Request, accept: Collection[int], kind: Any) -> tuple[Reply, Any]:
        """Try until there is an answer; `kind` None: it is not decoded."""
        troubles: list[Trouble] = []
        while True:
            self._take_turn()
            answer = self._follow(request, accept)
            if isinstance(answer, Reply):
                if kind is None or not 200 <= answer.status < 300:
                    return answer, None
                value = answers.decode(answer.content, answer.headers.get("content-type", ""), kind)
                if not isinstance(value, Trouble):
                    return answer, value
                answer = value
            troubles.append(answer)
            self._endure(troubles, request.extensions["where"])

    def _follow(self, request: httpx.Request, accept: Collection[int]) -> Reply | Trouble:
        """One try: the first answer that is no redirect within the shop, judged."""
        for _ in range(_HOPS):
            answer = self._once(request)
            if isinstance(answer, Trouble):
                return answer
            if 200 <= answer.status < 300 or answer.status in accept:
                self._set_clock(answer.headers.get("date", ""))
                return answer
            if answer.status not in _REDIRECTS:
                return answers.trouble_of(answer.status, self._wire.wait_of(answer.headers), answer.where)
            request = self._redirected(request, answer)
        raise SourceBroken(
            f"{request.extensions['where']} redirects in circles", hint="Check the address of this source"
        )

    def _once(self, request: httpx.Request) -> Reply | Trouble:
        """One request on the wire."""
        try:
            return self._sent(request)
        except self._wire.FAILURES as error:
            return self._wire.trouble_of(error)

    def _some_lines(self, request: httpx.Request, offset: int, longest: int) -> Iterator[tuple[bytes, int]]:
        """The lines of one answer, as far as it comes."""
        response = self._transport.handle_request(request)
        try:
            if response.status_code == 416 and offset:
                return  # nothing is left behind this place
            if response.status_code not in (200, 206):
                wait = self._wire.wait_of(response.headers)
                raise _Passing(answers.trouble_of(response.status_code, wait, request.extensions["where"]))
            yield from self._lines.lines_of(response, offset, longest, self._stop)
        finally:
            response.close()

    def _redirected(self, request: httpx.Request, reply: Reply) -> httpx.Request:
        """The request a redirect asks for; only within the shop, for credentials travel along."""
        if request.method != "GET" and reply.status not in (307, 308):
            raise SourceBroken(
                f"{reply.where} redirects a question that carries a body",
                hint="Check the address of this source",
            )
        target = self._origin.redirect(request.url, reply.headers.get("location", ""))
        return self._build(request.method, target, request.headers, request.content)

    def _set_clock(self, date: str) -> None:
        """Only from answers that count: errors often come from a machine before the shop."""
        if date != self._date:
            self._date = date
            self._server_time = self._wire.date_of(date) or self._server_time

    def _take_turn(self) -> None:
        """Wait until the host's budget lets a call start. Interrupted when asked to stop."""
        if self._stop.is_set():
            raise self._interrupted()
        while seconds := self._budget.turn(self._min_interval):
            self._pause(seconds)

    def _endure(self, troubles: list[Trouble], where: str) -> None:
        """Wait as long as the last trouble needs. SourceBroken when patience is at its end."""
        tries, trouble = len(troubles), troubles[-1]
        self._afford(trouble.wait or 0.0, where)
        wait = min(answers.backoff(tries, trouble.wait, trouble.crowded), self._longest_wait)
        if trouble.crowded:  # also before giving up: the others of this shop had better know
            self._budget.hold(wait)
        if tries >= self._tries or troubles.count(trouble) >= trouble.most:
            raise trouble.error(where, tries)
        log.info("%s %s; trying again in %.1f s (try %d of %d)", where, trouble.said, wait, tries + 1, self._tries)
        self._pause(wait)

    def _afford(self, seconds: float, where: str) -> None:
        """SourceBroken when a wait is longer than this source may wait."""
        if seconds > self._longest_wait:
            raise SourceBroken(
                f"{where} asks us to wait {answers.span(seconds)}, longer than the "
                f"{answers.span(self._longest_wait)} we wait within one run",
                hint="The next run tries again; other programs with the same key share its limit",
            )

    def _pause(self, seconds: float) -> None:
        if budget.patience.wait(seconds, self._stop):
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        return Interrupted(f"asked to stop while talking to {self._origin.name}")

    def _request(
        self,
        method: str,
        path_or_url: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
    ) -> httpx.Request:
        merged, content = self._headers, None
        if data is not None:
            merged, content = self._form_headers, urlencode(data, doseq=True).encode()
        elif json is not None:
            merged, content = self._json_headers, msgspec.json.encode(json)
        if headers:
            merged = self._wire.headers_of(headers, base=merged)
        return self._build(method, self._origin.url(path_or_url, params), merged, content)

    def _build(self, method: str, url: httpx.URL, headers: httpx.Headers, content: bytes | None) -> httpx.Request:
        return self._wire.request_of(method, url, headers, content, self._timeout, self._origin.show(url))
