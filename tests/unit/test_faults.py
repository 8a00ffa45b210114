"""The sandboxes' server and its faults, seen with a plain client that is not patient at all."""

from __future__ import annotations

import gzip
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from klientela.errors import Misconfigured
from klientela.testing import DEFAULT_RATE, KINDS, Fault, Faults, Seen, parse_fault, serve

NOON = 1_780_000_000
ITEMS = [{"name": "Jürgen Krüger", "id": number} for number in range(20)]


async def _items(request: Request) -> Response:
    return JSONResponse(ITEMS)


async def _echo(request: Request) -> Response:
    return Response(await request.body())


async def _clock(request: Request) -> Response:
    return JSONResponse({"advanced": True}, headers={"date": "Thu, 28 May 2026 20:26:40 GMT"})


def shop() -> Starlette:
    return Starlette(
        routes=[
            Route("/items", _items),
            Route("/echo", _echo, methods=["POST"]),
            Route("/_sandbox/clock", _clock, methods=["POST"]),
        ]
    )


@pytest.fixture
def faults() -> Faults:
    return Faults(shop(), now=lambda: NOON)


@pytest.fixture
def client(faults: Faults) -> Iterator[httpx.Client]:
    with serve(faults) as url, httpx.Client(base_url=url, trust_env=False, timeout=5) as client:
        yield client


# Each kind does what its name says


def test_without_faults_nothing_is_changed(faults: Faults, client: httpx.Client) -> None:
    assert client.get("/items").json() == ITEMS
    assert client.post("/echo", content=b"x" * 300_000).content == b"x" * 300_000
    assert (faults.requests, faults.injected) == (2, {})
    assert faults.paths == {"/items": 1, "/echo": 1}


@pytest.mark.parametrize(("kind", "code"), [("429", 429), ("500", 500), ("503", 503), ("404", 404), ("423", 423)])
def test_statuses(faults: Faults, client: httpx.Client, kind: str, code: int) -> None:
    faults.storm(kind)
    assert client.get("/items").status_code == code
    assert client.get("/items").status_code == 200


def test_retry_after_comes_in_seconds_as_a_date_or_absurd(faults: Faults, client: httpx.Client) -> None:
    faults.storm("429", wait=7)
    faults.storm("429-date", wait=7)
    faults.storm("429-absurd")
    faults.storm("503", wait=3)
    faults.storm("503")
    answers = [client.get("/items") for _ in range(5)]
    asked = [answer.headers.get("retry-after") for answer in answers]
    assert (asked[0], asked[2], asked[3], asked[4]) == ("7", "1000000000", "3", None)
    assert parsedate_to_datetime(asked[1]).timestamp() == NOON + 7
    assert parsedate_to_datetime(answers[1].headers["date"]).timestamp() == NOON


@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_a_body_ends_too_early(faults: Faults, client: httpx.Client, kind: str) -> None:
    faults.storm(kind, at=33)
    whole, got = bytes(JSONResponse(ITEMS).body), bytearray()
    with client.stream("GET", "/items") as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.ReadError if kind == "reset" else httpx.RemoteProtocolError):
            _collect(answer, got)
    assert whole.startswith(got)
    assert len(got) == 33 or (kind == "reset" and len(got) <= 33)  # a reset may overtake the bytes before it


def _collect(answer: httpx.Response, got: bytearray) -> None:
    for chunk in answer.iter_raw():
        got.extend(chunk)


def test_a_body_ends_at_every_offset(faults: Faults, client: httpx.Client) -> None:
    whole = bytes(JSONResponse(ITEMS).body)
    for at in range(0, len(whole), 7):
        faults.storm("truncated-json", at=at)
        answer = client.get("/items")
        assert answer.content == whole[:at]
        assert int(answer.headers["content-length"]) == at


def test_a_login_page_and_nothing_at_all(faults: Faults, client: httpx.Client) -> None:
    faults.storm("html")
    faults.storm("empty")
    page, nothing = client.get("/items"), client.get("/items")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.startswith("<!DOCTYPE html>")
    assert (nothing.status_code, nothing.content) == (200, b"")


def test_letters_of_an_old_server(faults: Faults, client: httpx.Client) -> None:
    faults.storm("latin1")
    faults.storm("bom")
    latin, marked = client.get("/items"), client.get("/items")
    assert "Jürgen".encode("latin-1") in latin.content
    with pytest.raises(UnicodeDecodeError):
        latin.content.decode()
    assert marked.content.startswith(b"\xef\xbb\xbf[")


def test_packed_bodies_bomb_or_break(faults: Faults, client: httpx.Client) -> None:
    faults.storm("gzip-bomb", at=5 * 2**20)
    faults.storm("broken-gzip")
    with client.stream("GET", "/items") as bomb:
        packed = b"".join(bomb.iter_raw())
    assert len(packed) < 10_000
    assert gzip.decompress(packed) == bytes(5 * 2**20)
    with client.stream("GET", "/items") as broken, pytest.raises(EOFError):
        gzip.decompress(b"".join(broken.iter_raw()))


def test_a_redirect_leads_away(faults: Faults, client: httpx.Client) -> None:
    faults.storm("redirect")
    assert client.get("/items").headers["location"].startswith("https://login.elsewhere.example/")


def test_no_answer_within_a_span(faults: Faults, client: httpx.Client) -> None:
    faults.storm("timeout", wait=30)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/items", timeout=0.05)
    faults.storm("timeout", wait=0.01)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/items")


def test_a_slow_body_comes_whole(faults: Faults, client: httpx.Client) -> None:
    faults.storm("slow", wait=0.05)
    with client.stream("GET", "/items") as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 1
    assert b"".join(pieces) == JSONResponse(ITEMS).body


def test_every_kind_is_counted(faults: Faults, client: httpx.Client) -> None:
    for kind in KINDS:
        faults.storm(kind, wait=0.01, at=100)
        try:
            client.get("/items")
        except httpx.HTTPError:
            continue
    assert faults.injected == dict.fromkeys(KINDS, 1)
    assert faults.requests == len(KINDS)


# Who gets it


def test_storms_queue_up_and_pass(faults: Faults, client: httpx.Client) -> None:
    faults.storm("500", 2)
    faults.storm("429")
    assert [client.get("/items").status_code for _ in range(5)] == [500, 500, 429, 200, 200]


def test_rules_look_at_path_body_and_more(faults: Faults, client: httpx.Client) -> None:
    faults.on("500", path="/echo", body="orders", times=2)
    faults.on("404", when=lambda seen: seen == Seen("GET", "/items", "page=2", b""))
    bodies = [b"customers", b"all orders", b"orders", b"orders"]
    assert [client.post("/echo", content=body).status_code for body in bodies] == [200, 500, 500, 200]
    assert client.get("/items", params={"page": 1}).status_code == 200
    assert client.get("/items", params={"page": 2}).status_code == 404


def test_the_die_is_seeded() -> None:
    def throws(seed: int) -> list[Any]:
        faults = Faults(shop(), seed=seed, faults=(Fault("500", 0.3), Fault("429", 0.2)))
        chosen = [faults._choose(Seen("GET", "/", "", b"")) for _ in range(1000)]
        return [fault and fault.kind for fault in chosen]

    assert throws(1) == throws(1)
    assert throws(1) != throws(2)
    assert 250 < throws(1).count("500") < 350
    assert 100 < throws(1).count("429") < 180  # 0.2 of the 0.7 that are left


def test_calm(faults: Faults, client: httpx.Client) -> None:
    faults.always("500")
    faults.on("500")
    faults.storm("500", 9)
    assert client.get("/items").status_code == 500
    faults.calm()
    assert client.get("/items").status_code == 200
    assert faults.injected == {"500": 1}


# Over HTTP


def test_faults_are_switched_over_http(faults: Faults, client: httpx.Client) -> None:
    where = "/_sandbox/faults"
    assert client.post(where, json={"kind": "429", "next": 1}).json()["next"] == ["429"]
    assert client.post(where, json={"kind": "500", "path": "/echo"}).json()["rules"] == ["500"]
    assert client.post(where, json={"kind": "503", "rate": 1}).json()["always"] == {"503": 1.0}
    assert client.get("/items").status_code == 429
    assert client.post("/echo").status_code == 500
    assert client.get("/items").status_code == 503
    assert client.get(where).json() == {
        "requests": 3, "injected": {"429": 1, "500": 1, "503": 1}, "next": [], "rules": ["500"], "always": {"503": 1.0},
    }  # fmt: skip
    client.post(where, json={"calm": True})
    assert client.get("/items").status_code == 200


WRONG = ["", "[]", '{"kind": "flood"}', '{"kind": "429", "rate": 7}', '{"knd": 1}', '{"kind": "429", "next": "x"}']


@pytest.mark.parametrize("order", WRONG)
def test_a_wrong_order_is_refused(faults: Faults, client: httpx.Client, order: str) -> None:
    answer = client.post("/_sandbox/faults", content=order)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
    assert client.get("/items").status_code == 200


def test_the_sandboxs_own_controls_get_no_faults(faults: Faults, client: httpx.Client) -> None:
    faults.always("500")
    assert client.post("/_sandbox/clock", json={"advance_s": 60}).json() == {"advanced": True}
    assert faults.requests == 0


# On the command line


def test_the_form_on_the_command_line() -> None:
    assert parse_fault("429") == parse_fault("429:") == Fault("429", DEFAULT_RATE)
    assert parse_fault("429-date:0.5") == Fault("429-date", 0.5)
    assert parse_fault(" timeout:1 ") == Fault("timeout", 1.0)
    assert parse_fault("418:0") == Fault("418", 0.0)


@pytest.mark.parametrize("text", ["", "flood", "429:x", "429:1.5", "429:-1", "429:nan", "200", "999", "429:0.1:2"])
def test_wrong_forms_say_what_is_known(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        parse_fault(text)
    assert caught.value.hint


# Serving


def test_a_sandbox_dates_its_answers_once(faults: Faults, client: httpx.Client) -> None:
    assert len(client.get("/items").headers.get_list("date")) == 1
    assert client.post("/_sandbox/clock").headers.get_list("date") == ["Thu, 28 May 2026 20:26:40 GMT"]


def test_a_sandbox_ends_with_its_block_whatever_its_clients_do(faults: Faults) -> None:
    before = set(threading.enumerate())
    faults.storm("timeout", wait=600)
    with serve(faults) as url:
        errors: list[Exception] = []

        def wait() -> None:
            try:
                httpx.get(f"{url}/items", timeout=600, trust_env=False)
            except httpx.HTTPError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not faults.requests:
            pass
    waiting.join()
    assert len(errors) == 1
    assert set(threading.enumerate()) == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/items", trust_env=False)


def test_a_port_of_ones_own_can_be_used_again_at_once(faults: Faults) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    for _ in range(3):
        with serve(faults, port) as url:
            assert url == f"http://127.0.0.1:{port}"
            assert httpx.get(f"{url}/items", trust_env=False).status_code == 200
    with serve(faults, port), pytest.raises(OSError, match="in use"), serve(faults, port):
        pass


def test_a_sandbox_is_silent(
    faults: Faults, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    faults.storm("reset")
    faults.storm("truncated")
    with serve(faults) as url, httpx.Client(trust_env=False) as client:
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                client.get(f"{url}/items")
        client.get(f"{url}/items")
    assert [record.name for record in caplog.records if record.name != "httpx"] == []
    assert capfd.readouterr() == ("", "")


def test_a_mistake_in_a_sandbox_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    with serve(Faults(broken)) as url:
        assert httpx.get(url, trust_env=False).status_code == 500
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == ["klientela.sandbox"]


def test_a_sandbox_that_does_not_start_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no data"})

    with pytest.raises(RuntimeError, match="did not start"), serve(broken):
        pass


ALONE = """
import sys
from klientela.testing import run
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
run(app, started=lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_alone_it_serves_until_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ALONE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as alone:
        assert alone.stdout is not None
        url = alone.stdout.readline().strip()
        assert httpx.get(url, trust_env=False).status_code == 204
        alone.send_signal(number)
        out, err = alone.communicate(timeout=20)
    assert (alone.returncode, out, err) == (0, "ended\n", "")


def test_importing_the_tools_does_not_import_pytest() -> None:
    code = "import sys, klientela.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
