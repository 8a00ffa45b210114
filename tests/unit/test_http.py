"""The patient client over real loopback HTTP: what it tries again, what it waits for, what it never tells."""

from __future__ import annotations

import enum
import gzip
import logging
import shutil
import ssl
import subprocess
import sys
import threading
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klientela.errors import Interrupted, KlientelaError, Misconfigured, SourceBroken, SourceRefused
from klientela.http import Http, Reply, answers, budget, transport
from klientela.testing import Faults, hurry, serve

SECRET = "".join(("can", "ary"))  # in no source line that a traceback would quote
NOON = 1_780_000_000  # the sandbox's own clock, Unix seconds; not ours


class Desk:
    """A shop that answers with what it was given, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.bodies: list[bytes] = []
        self.script: list[Response] = []
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])
        self.faults = Faults(app, now=lambda: NOON)
        self.url = ""

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        self.bodies.append(await request.body())
        answer = self.script.pop(0) if self.script else JSONResponse({"name": "Jürgen"})
        answer.headers.setdefault("date", formatdate(NOON, usegmt=True))
        return answer


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    with serve(desk.faults) as desk.url:
        yield desk


@pytest.fixture
def waits() -> Iterator[list[float]]:
    with hurry() as waits:
        yield waits


def everything(error: BaseException) -> str:
    """All that anybody could print of an error: its texts, hint, traceback, and its whole chain."""
    texts = traceback.format_exception(error)
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        queue += [one.__cause__, one.__context__]
        texts += [str(one), repr(one), repr(one.args), repr(getattr(one, "hint", ""))]
    return "\n".join(texts)


# Trying again


PASSING = ["429", "429-date", "500", "502", "503", "reset", "truncated", "broken-gzip", "408"]
GARBAGE = ["html", "empty", "truncated-json", "latin1"]


@pytest.mark.parametrize("kind", [*PASSING, *GARBAGE])
def test_what_passes_is_tried_again(desk: Desk, waits: list[float], kind: str) -> None:
    desk.faults.storm(kind, 2)
    with Http(desk.url) as http:
        assert http.get_json("/a") == {"name": "Jürgen"}
        desk.faults.storm(kind, 2)
        assert http.post_json("/a", json={}) == {"name": "Jürgen"}
    assert desk.faults.requests == 6
    assert len(waits) == 4
    assert all(wait > 0 for wait in waits)


def test_a_cut_packed_body_is_not_taken_for_the_whole(desk: Desk, waits: list[float]) -> None:
    desk.faults.storm("broken-gzip")
    with Http(desk.url) as http:
        assert http.get("/a").content == JSONResponse({"name": "Jürgen"}).body


def test_a_read_timeout_is_tried_again(desk: Desk, waits: list[float]) -> None:
    desk.faults.storm("timeout", 1)
    with Http(desk.url, timeout=0.05) as http:
        assert http.get("/a").status == 200
    assert desk.faults.requests == 2


@pytest.mark.parametrize("kind", ["500", "429", "reset"])
def test_patience_ends_after_its_tries(desk: Desk, waits: list[float], kind: str) -> None:
    desk.faults.always(kind)
    with Http(desk.url, tries=4) as http, pytest.raises(SourceBroken, match="4 tries") as caught:
        http.get("/a")
    assert desk.faults.requests == 4
    assert caught.value.hint


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_tried_only_a_few_times(desk: Desk, waits: list[float], kind: str) -> None:
    desk.faults.always(kind)
    with Http(desk.url) as http, pytest.raises(SourceBroken, match=r"instead of JSON|cut off or damaged"):
        http.get_json("/a")
    assert desk.faults.requests == 3


def test_garbage_is_not_tried_again_where_nobody_asked_for_json(desk: Desk) -> None:
    desk.faults.storm("html", 1)
    with Http(desk.url) as http:
        reply = http.get("/a")
        with pytest.raises(SourceBroken, match="HTML page") as caught:
            reply.json()
    assert "maintenance" in str(caught.value.hint)
    assert desk.faults.requests == 1


def test_a_closed_port_is_told(waits: list[float]) -> None:
    with serve(Desk().faults) as url:
        pass
    with Http(url, tries=2) as http, pytest.raises(SourceBroken, match="could not be reached, after 2 tries"):
        http.get("/a")


def test_every_offset_of_a_cut_is_noticed(desk: Desk, waits: list[float]) -> None:
    whole = len(JSONResponse({"name": "Jürgen"}).body)
    with Http(desk.url) as http:
        for at in range(whole):
            desk.faults.storm("truncated", at=at)
            desk.faults.storm("truncated-json", at=at)
            assert http.get_json("/a") == {"name": "Jürgen"}
    assert desk.faults.requests == 3 * whole


@given(st.integers(1, 40))
def test_backoff_doubles_with_jitter_and_has_an_end(tries: int) -> None:
    most = min(2.0 ** (tries - 1), 60.0)
    assert most / 2 <= answers.backoff(tries, None) <= most


def test_too_many_without_a_time_outlasts_a_limit_per_minute(desk: Desk, waits: list[float]) -> None:
    desk.script += [Response(status_code=429) for _ in range(5)]
    with Http(desk.url) as http:
        assert http.get("/a").status == 200
    assert sum(waits) >= 60


# Waiting as long as the shop asks


def test_retry_after_in_seconds(desk: Desk, waits: list[float]) -> None:
    desk.faults.storm("429", wait=40)
    with Http(desk.url) as http:
        http.get("/a")
    assert len(waits) == 1
    assert 40 <= waits[0] <= 41.1


def test_retry_after_as_a_date_on_the_shops_clock(desk: Desk, waits: list[float]) -> None:
    desk.faults.storm("429-date", wait=40)  # NOON + 40 s; by our clock that may be years away
    with Http(desk.url) as http:
        http.get("/a")
    assert len(waits) == 1
    assert 40 <= waits[0] <= 41.1


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("soon", 2, 4), ("", 2, 4), ("nan", 2, 4), ("Thu, 99 Foo 2026 00:00:00 GMT", 2, 4), ("-5", 0, 0.1)],
)
def test_an_unreadable_retry_after_is_no_reason_to_fail(
    desk: Desk, waits: list[float], text: str, least: float, most: float
) -> None:
    desk.script.append(Response(status_code=429, headers={"retry-after": text}))
    with Http(desk.url) as http:
        assert http.get("/a").status == 200
    assert len(waits) == 1
    assert least <= waits[0] <= most


@pytest.mark.parametrize("asked", ["1e9", "inf", "301", formatdate(NOON + 301, usegmt=True)])
def test_a_wait_beyond_the_longest_ends_the_run(desk: Desk, waits: list[float], asked: str) -> None:
    desk.script.append(Response(status_code=429, headers={"retry-after": asked}))
    with Http(desk.url) as http:
        with pytest.raises(SourceBroken, match=r"asks us to wait .*, longer than the 5 minutes"):
            http.get("/a")
        assert waits == []
        assert http.get("/a").status == 200  # nothing of it is left for the next run


def test_a_shop_that_says_too_many_inside_a_200_can_be_given_time(desk: Desk, waits: list[float]) -> None:
    with Http(desk.url) as http:
        http.hold(12)
        http.get("/a")
        assert waits == [pytest.approx(12, abs=0.5)]
        with pytest.raises(SourceBroken, match="longer than"):
            http.hold(301)


# Being asked to stop


def test_stop_before_a_call(desk: Desk) -> None:
    stop = threading.Event()
    stop.set()
    with Http(desk.url, stop=stop) as http, pytest.raises(Interrupted):
        http.get("/a")
    assert desk.faults.requests == 0


@pytest.mark.parametrize("kind", ["500", "429"])
def test_stop_ends_a_wait(desk: Desk, kind: str) -> None:
    stop = threading.Event()
    desk.faults.storm(kind, wait=200)
    with Http(desk.url, stop=stop) as http, ending(stop), pytest.raises(Interrupted):
        http.get("/a")
    assert desk.faults.requests == 1


@pytest.mark.parametrize(("kind", "seconds"), [("timeout", 250), ("slow", 250), ("slow", 1)])
def test_stop_ends_the_waiting_for_an_answer(desk: Desk, kind: str, seconds: float) -> None:
    stop = threading.Event()
    desk.faults.storm(kind, wait=seconds)
    with Http(desk.url, stop=stop, timeout=250) as http, ending(stop), pytest.raises(Interrupted):
        http.get("/a")
    assert desk.faults.requests == 1


class ending:  # noqa: N801 - reads as a verb
    """Sets an event a moment later."""

    def __init__(self, stop: threading.Event, seconds: float = 0.1) -> None:
        self.timer = threading.Timer(seconds, stop.set)

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_: object) -> None:
        self.timer.join()


# One budget per host and credentials


def test_calls_are_spaced(desk: Desk, waits: list[float]) -> None:
    with Http(desk.url, min_interval=50) as one, Http(desk.url, min_interval=50) as two:
        for http in (one, two, one):
            http.get("/a")
    assert waits == [pytest.approx(50, abs=2), pytest.approx(50, abs=2)]


@pytest.mark.parametrize("kind", ["429", "503"])
def test_a_pause_holds_for_all_with_the_same_key_and_nobody_else(desk: Desk, waits: list[float], kind: str) -> None:
    ours, same, other = ({"X-Key": key} for key in ("a", "a", "b"))
    with Http(desk.url, headers=ours, tries=1) as one:
        desk.faults.storm(kind, wait=100)
        with pytest.raises(SourceBroken):
            one.get("/a")
        with Http(desk.url, headers=other) as stranger:
            stranger.get("/a")
        assert waits == []
        with Http(desk.url, headers=same) as colleague:
            colleague.get("/a")
        assert waits == [pytest.approx(100, abs=12)]


def test_other_hosts_never_wait(desk: Desk, waits: list[float]) -> None:
    elsewhere = Desk()
    with serve(elsewhere.faults) as url, Http(desk.url, tries=1) as one, Http(url) as two:
        desk.faults.storm("429", wait=100)
        with pytest.raises(SourceBroken):
            one.get("/a")
        two.get("/a")
    assert waits == []


def test_threads_share_the_spacing() -> None:
    starts: list[float] = []
    with hurry():
        shared = budget.budget_of("shop.example", b"")

        def call() -> None:
            for _ in range(5):
                while seconds := shared.turn(10.0):
                    budget.patience.wait(seconds, threading.Event())
                starts.append(shared._free_at)  # the turn that was taken, plus the interval

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    starts.sort()
    assert len(starts) == 20
    assert starts[-1] - starts[0] >= 10.0 * 15  # a thread may note a later turn than its own, never an earlier one


def test_a_hurried_pause_does_not_last_for_real() -> None:
    with hurry():
        budget.budget_of("shop.example", b"").hold(300)
    assert budget.budget_of("shop.example", b"").turn(0) == 0


def test_forgotten_tokens_do_not_pile_up(waits: list[float]) -> None:
    for day in range(500):
        budget.budget_of("shop.example", str(day).encode())
    assert len(budget._budgets) < 100


# Refusals


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, SourceRefused, "credentials"),
        (402, SourceRefused, "bill"),
        (403, SourceRefused, "allow"),
        (404, SourceRefused, "address"),
        (410, SourceRefused, "no longer"),
        (422, SourceRefused, "understand"),
        (423, SourceRefused, "locked"),
        (304, SourceBroken, "unexpected status 304"),
        (501, SourceBroken, "unexpected status 501"),
    ],
)
def test_a_refusal_is_told_at_once(
    desk: Desk, waits: list[float], status: int, error: type[KlientelaError], words: str
) -> None:
    desk.script.append(Response(status_code=status))
    with Http(desk.url) as http:
        with pytest.raises(error, match=words) as caught:
            http.get("/admin/x", {"q": "1"})
        assert f"{desk.url}/admin/x " in caught.value.message
        assert caught.value.hint
        assert len(desk.asked) == 1
        desk.script.append(Response(status_code=status))
        assert http.get("/admin/x", accept=(status,)).status == status


def test_the_long_form_gives_reply_and_body(desk: Desk) -> None:
    desk.script += [JSONResponse({"a": 1}, headers={"x-version": "7"}), JSONResponse({"e": 1}, status_code=401)]
    with Http(desk.url) as http:
        reply, body = http.ask("POST", "/a", json={}, kind=dict[str, int])
        assert (reply.headers["x-version"], body) == ("7", {"a": 1})
        reply, body = http.ask("POST", "/a", json={}, accept=(401,))
        assert (reply.status, body, reply.json()) == (401, None, {"e": 1})


# What is sent


def test_requests_carry_what_they_are_given(desk: Desk) -> None:
    class Question(msgspec.Struct):
        query: str
        first: int = 5

    with Http(f"{desk.url}/api/v1/", headers={"X-Key": "k\n"}, auth=("ann", "pass")) as http:
        http.get("/c", {"page": 1, "shop": [1, 2], "all": True, "none": None, "at": "2026-01-01T00:00:00+00:00"})
        http.get("c?x=1", [("y", "a b&c")], headers={"X-Other": "o"})
        http.post("/q", json=Question("{ shop }"))
        http.post("/t", data={"grant_type": "client_credentials", "client_secret": "ä&b"})
    one, two, three, four = desk.asked
    assert one.url.path == "/api/v1/c"
    assert one.url.query == "page=1&shop=1&shop=2&all=true&at=2026-01-01T00%3A00%3A00%2B00%3A00"
    assert one.headers["x-key"] == "k"
    assert one.headers["authorization"] == "Basic YW5uOnBhc3M="
    assert one.headers["user-agent"].startswith("klientela/")
    assert two.url.query == "x=1&y=a%20b%26c"
    assert (two.headers["x-key"], two.headers["x-other"]) == ("k", "o")
    assert three.headers["content-type"] == "application/json"
    assert msgspec.json.decode(desk.bodies[2]) == {"query": "{ shop }", "first": 5}
    assert four.headers["content-type"] == "application/x-www-form-urlencoded"
    assert desk.bodies[3] == b"grant_type=client_credentials&client_secret=%C3%A4%26b"


def test_connections_are_kept(desk: Desk) -> None:
    with Http(desk.url) as http:
        for _ in range(5):
            http.get("/a")
    assert len({request.client.port for request in desk.asked if request.client}) == 1


@pytest.mark.parametrize("token", ["CANARY\nx", "CANARY“", "CANARYß", "CANARY\x00"])
def test_a_token_that_http_cannot_carry_is_told_without_it(token: str) -> None:
    with pytest.raises(Misconfigured, match="X-Token") as caught:
        Http("https://shop.example", headers={"X-Token": token})
    assert "CANARY" not in everything(caught.value)


@pytest.mark.parametrize(
    "url",
    ["shop.example", "ftp://CANARY", "https://", "", "https://u:CANARY@h/", "https://h/?t=CANARY", "http://[CANARY"],
)
def test_a_base_address_must_be_one(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        Http(url)
    assert caught.value.hint
    assert "CANARY" not in everything(caught.value)


# Staying within the shop


def test_next_links_of_the_shop_are_followed(desk: Desk) -> None:
    with Http(f"{desk.url}/api") as http:
        http.get(f"{desk.url}/api/c?page=2")
        http.get(f"{desk.url.replace('http', 'HTTP')}/elsewhere?page=3")
    assert [str(request.url.path) for request in desk.asked] == ["/api/c", "/elsewhere"]


@pytest.mark.parametrize(
    "link",
    [
        "https://{host}/x",
        "http://127.0.0.1:1/x",
        "http://{host}@127.0.0.1:1/x",
        "//127.0.0.1:1/x",
        "http://{host}.evil.example/x",
        "file:///etc/passwd",
        "http://\x00/",
        "http:///x",
        "http://evil.example\\@{host}/x",
    ],
)
def test_links_to_other_places_are_not(desk: Desk, link: str) -> None:
    host = desk.url.removeprefix("http://")
    with Http(desk.url) as http, pytest.raises(SourceBroken, match="another place"):
        http.get(link.format(host=host), {"token": "x"})
    assert desk.asked == []


def test_redirects_within_the_shop_are_followed(desk: Desk) -> None:
    desk.script += [
        Response(status_code=301, headers={"location": "/new?page=1"}),
        Response(status_code=308, headers={"location": f"{desk.url}/newer"}),
    ]
    with Http(desk.url, headers={"X-Key": "k"}) as http:
        assert http.get("/old").json() == {"name": "Jürgen"}
        desk.script.append(Response(status_code=307, headers={"location": "/there"}))
        http.post("/here", json=[1])
    assert [request.url.path for request in desk.asked] == ["/old", "/new", "/newer", "/here", "/there"]
    assert all(request.headers["x-key"] == "k" for request in desk.asked)
    assert desk.bodies[-1] == b"[1]"


def test_redirects_to_another_host_never_see_our_credentials(desk: Desk) -> None:
    thief = Desk()
    with serve(thief.faults) as url, Http(desk.url, headers={"X-Key": "CANARY"}) as http:
        desk.script.append(Response(status_code=302, headers={"location": f"{url}/login?back=CANARY"}))
        with pytest.raises(SourceBroken, match="redirects to another place") as caught:
            http.get("/a")
        desk.faults.storm("redirect")
        with pytest.raises(SourceBroken, match=r"login\.elsewhere\.example"):
            http.get("/a")
    assert thief.asked == []
    assert "CANARY" not in everything(caught.value)


@pytest.mark.parametrize("location", [None, "", "/a", "http://[bad"])
def test_redirects_in_circles_or_nowhere_end(desk: Desk, location: str | None) -> None:
    headers = {} if location is None else {"location": location}
    desk.script += [Response(status_code=302, headers=headers) for _ in range(9)]
    with Http(desk.url) as http, pytest.raises(SourceBroken, match="redirects"):
        http.get("/a")
    assert len(desk.asked) <= 5


def test_a_question_with_a_body_is_not_turned_into_another(desk: Desk) -> None:
    desk.script.append(Response(status_code=302, headers={"location": "/b"}))
    with Http(desk.url) as http, pytest.raises(SourceBroken, match="carries a body"):
        http.post("/a", json={})


# Limits


def test_an_announced_giant_is_not_read(desk: Desk, waits: list[float]) -> None:
    desk.script.append(Response(b"x" * 2000))
    with Http(desk.url, max_bytes=1000) as http, pytest.raises(SourceBroken, match="more than we are willing"):
        http.get("/a")
    assert waits == []


def test_a_body_of_exactly_the_limit_is_taken(desk: Desk) -> None:
    desk.script.append(Response(b"x" * 1000))
    with Http(desk.url, max_bytes=1000) as http:
        assert http.get("/a").content == b"x" * 1000


def test_a_gzip_bomb_never_explodes(desk: Desk) -> None:
    limit = 2**20
    desk.faults.storm("gzip-bomb", 2, at=64 * 2**20)
    with Http(desk.url, max_bytes=limit) as http:
        with pytest.raises(SourceBroken):
            http.get("/a")  # once to warm the sandbox up
        tracemalloc.start()
        try:
            with pytest.raises(SourceBroken, match="more than we are willing"):
                http.get("/a")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 4 * limit
    assert desk.faults.requests == 2


def test_packed_bodies_are_unpacked(desk: Desk) -> None:
    body = msgspec.json.encode({"a": list(range(1000))})
    two = gzip.compress(body[:100]) + gzip.compress(body[100:])
    for packing, packed in (("gzip", gzip.compress(body)), ("gzip", two), ("deflate", zlib.compress(body))):
        desk.script.append(Response(packed, headers={"content-encoding": packing}))
    with Http(desk.url) as http:
        assert [http.get_json("/a") == {"a": list(range(1000))} for _ in range(3)] == [True] * 3
    assert desk.asked[0].headers["accept-encoding"] == "gzip"


def test_a_packing_nobody_asked_for_is_told(desk: Desk, waits: list[float]) -> None:
    desk.script += [Response(b"x", headers={"content-encoding": "br"}) for _ in range(2)]
    with Http(desk.url, tries=2) as http, pytest.raises(SourceBroken, match="packed"):
        http.get("/a")


def test_a_body_that_trickles_for_ever_is_given_up(
    desk: Desk, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klientela.http.client._WHOLE", 0)
    desk.faults.storm("slow", wait=0.1)
    with Http(desk.url, tries=1) as http, pytest.raises(SourceBroken, match="too slowly"):
        http.get("/a")


# JSON


def reply(content: bytes, content_type: str = "application/json") -> Reply:
    return Reply(200, httpx.Headers({"content-type": content_type}), content, "https://shop.example/x")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ('{"name": "Jürgen"}'.encode(), "application/json"),
        (b"\xef\xbb\xbf" + '{"name": "Jürgen"}'.encode(), "application/json"),
        ('{"name": "Jürgen"}'.encode("latin-1"), "application/json; charset=ISO-8859-1"),
    ],
)
def test_json_of_all_sorts_is_read(content: bytes, content_type: str) -> None:
    assert reply(content, content_type).json(dict[str, str]) == {"name": "Jürgen"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty body"),
        (b"  \n", "empty body"),
        (b"<!DOCTYPE html><p>CANARY", "HTML page"),
        (b'{"name": "CANARY', "cut off"),
        (b'{"name": "CANARY\xe4"}', "cut off or damaged"),
        (b"[" * 100_000, "cut off or damaged"),
    ],
)
def test_what_is_no_json_is_told_without_its_words(content: bytes, words: str) -> None:
    with pytest.raises(SourceBroken, match=words) as caught:
        reply(content).json()
    assert "https://shop.example/x" in caught.value.message
    assert caught.value.hint
    assert "CANARY" not in everything(caught.value)


class State(enum.Enum):
    ON = "on"


class Row(msgspec.Struct):
    state: State
    count: int = 0


def test_another_shape_is_told_without_its_values(desk: Desk) -> None:
    for body, words in (
        (b'[{"state": "CANARY"}]', r"invalid value at \$\[0\]\.state"),
        (b'[{"state": "on", "count": "CANARY"}]', r"expected `int`, got `str` at \$\[0\]\.count"),
        (b"[{}]", r"missing required field `state` at \$\[0\]"),
        (b"[1]", r"expected `object`"),
    ):
        with pytest.raises(SourceBroken, match=words) as caught:
            reply(body).json(list[Row])
        assert "CANARY" not in everything(caught.value)
    desk.script.append(JSONResponse([{}]))
    with Http(desk.url) as http, pytest.raises(SourceBroken, match="another shape"):
        http.get_json("/a", kind=list[Row])
    assert len(desk.asked) == 1  # trying again does not change a vendor's mind


def test_a_printed_reply_tells_nothing() -> None:
    assert "CANARY" not in repr(Reply(200, httpx.Headers({"set-cookie": "CANARY"}), b"CANARY"))


# The shop's clock


def test_the_clock_is_the_shops(desk: Desk, waits: list[float]) -> None:
    with Http(desk.url) as http:
        before = http.server_time
        http.get("/a")
        assert (before, http.server_time) == (None, NOON * 1_000_000)
        later = formatdate(NOON + 9, usegmt=True)
        desk.script += [Response(status_code=500, headers={"date": formatdate(0, usegmt=True)})]
        desk.script += [JSONResponse({}, headers={"date": later}), JSONResponse({}, headers={"date": "never"})]
        http.get("/a")
        http.get("/a")
        assert http.server_time == (NOON + 9) * 1_000_000


# Over TLS


@dataclass
class Vault:
    """A shop on https with a certificate of its own making; it answers once `open` is set."""

    url: str
    certificate: Path
    open: threading.Event
    asked: list[str]


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    wish = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([openssl, *wish, *name, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    ready, asked = threading.Event(), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            ready.wait(60)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust us hangs up; that is no news."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        transport._trust.cache_clear()
        yield Vault(f"https://localhost:{server.server_port}", certificate, ready, asked)
        transport._trust.cache_clear()
        ready.set()
        server.shutdown()
        thread.join()


def test_a_strange_certificate_is_refused_and_told(vault: Vault, waits: list[float]) -> None:
    with Http(vault.url) as http, pytest.raises(SourceBroken, match="certificate that we do not trust") as caught:
        http.get("/a")
    assert "SSL_CERT_FILE" in str(caught.value.hint)
    assert (waits, vault.asked) == ([], [])


def test_tls_with_a_certificate_of_the_houses_own(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(vault.certificate))
    stop = threading.Event()
    with Http(vault.url, stop=stop, timeout=50) as http:
        with ending(vault.open, 0.6):  # silent for longer than a slice of the reading
            assert http.get_json("/a") == {}
        vault.open.clear()
        with ending(stop), pytest.raises(Interrupted):
            http.get("/b")
    assert vault.asked == ["/a", "/b"]


# What nobody may read


@pytest.mark.parametrize(
    "kind", ["401", "404", "422", "500", "429", "429-absurd", "html", "empty", "latin1", "reset", "truncated",
             "truncated-json", "broken-gzip", "redirect", "timeout"],
)  # fmt: skip
def test_errors_and_logs_hold_no_secrets(
    desk: Desk, waits: list[float], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.DEBUG)
    desk.faults.always(kind, wait=0.5)
    desk.script += [JSONResponse({"email": f"ü{SECRET}@example.com"}) for _ in range(9)]
    headers = {"Authorization": f"Bearer {SECRET}", "X-Token": SECRET}
    with (
        Http(desk.url, headers=headers, tries=2, timeout=0.05, secrets=[f"{SECRET} /key"]) as http,
        pytest.raises(KlientelaError) as caught,
    ):
        http.get_json(f"/feeds/{SECRET}%20%2Fkey/x", {"email": SECRET, "token": SECRET})
    assert "/feeds/***/x" in caught.value.message
    assert SECRET not in everything(caught.value)
    assert SECRET not in caplog.text
    assert "?" not in caught.value.message


def test_even_a_loud_log_holds_no_secrets(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with Http(desk.url, headers={"X-Token": SECRET}) as http:
        for name in ("httpx", "httpcore.http11", "httpcore.connection"):
            caplog.set_level(logging.DEBUG, logger=name)  # as a curious operator may
        caplog.set_level(logging.DEBUG)
        desk.script.append(Response(headers={"set-cookie": f"session={SECRET}"}))
        http.get("/a", {"token": SECRET})
    assert SECRET not in caplog.text


# Without a server


@respx.mock
def test_strange_failures_on_the_wire_are_told_in_our_words(waits: list[float]) -> None:
    route = respx.get("https://shop.example/a")
    with Http("https://shop.example", tries=2) as http:
        for failure, words in (
            (httpx.ConnectTimeout("CANARY"), "could not be reached in time"),
            (httpx.ConnectError("CANARY"), "could not be reached"),
            (httpx.ProxyError("CANARY"), "proxy"),
            (httpx.RemoteProtocolError("illegal header line: CANARY"), "broke off"),
            (httpx.WriteTimeout("CANARY"), "did not answer in time"),
        ):
            route.mock(side_effect=failure)
            with pytest.raises(SourceBroken, match=words) as caught:
                http.get("/a")
            assert "CANARY" not in everything(caught.value)


def test_an_untrusted_certificate_is_not_tried_again() -> None:
    error = httpx.ConnectError("handshake")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    trouble = transport.trouble_of(error)
    assert (trouble.most, "certificate" in trouble.said) == (1, True)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://shop.example", "http://proxy.example:3128"),
        ("https://inside.example", None),
        ("http://127.0.0.1:9001", None),
        ("http://localhost", None),
    ],
)
def test_the_environments_proxy_is_used_but_not_for_loopback(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("http_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert transport._proxy_for(httpx.URL(url)) == proxy


def test_a_proxy_that_cannot_be_used_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "strange://user:CANARY@proxy.example")
    with pytest.raises(Misconfigured, match="proxy") as caught:
        Http("https://shop.example")
    assert "CANARY" not in everything(caught.value)


def test_the_kit_starts_without_httpx() -> None:
    code = "import sys, klientela.kit; sys.exit(bool({'httpx', 'httpcore', 'ssl'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_spans_are_for_people() -> None:
    spans: dict[float, Any] = {45: "45 seconds", 300: "5 minutes", 7200: "2 hours", 1e9: "32 years"}
    assert {seconds: answers.span(seconds) for seconds in spans} == spans
    assert answers.span(float("inf")) == "an endless time"
