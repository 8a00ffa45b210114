"""The outgoing feed over real HTTP: in order, signed, at least once, through every kind of failure, holding up nobody."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from klientela.door import Caller, Item
from klientela.flow.push import push
from klientela.model.records import Person
from klientela.settings.model import Feed
from klientela.store import open_store, tidings
from klientela.store.database import Store
from klientela.testing import serve
from klientela_daemon.cli import main
from klientela_daemon.feed import SIGNATURE, Feeds, signature
from tests.daemon.house import Process, until

SECRET = "a secret of the two of us"


class Receiver:
    """Somebody who wants to know, with bad days: `answers` are the statuses of the next requests, then 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.asked: list[tuple[str, bytes]] = []
        self.taken: list[dict[str, Any]] = []

    async def __call__(self, request: Request) -> Response:
        body = await request.body()
        self.asked.append((request.headers[SIGNATURE], body))
        status = self.answers.pop(0) if self.answers else 204
        if status < 300:
            self.taken += json.loads(body)["lines"]
        if status == 1:  # it took them, but the answer was lost
            self.taken += json.loads(body)["lines"]
            raise ConnectionResetError
        return Response(status_code=status)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def url(receiver: Receiver) -> Iterator[str]:
    async def endpoint(request: Request) -> Response:
        return await receiver(request)

    with serve(Starlette(routes=[Route("/take", endpoint, methods=["POST"])])) as made:
        yield made + "/take"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 's.db'}", create=True) as made:
        yield made


def people(store: Store, *numbers: int) -> None:
    """Some persons; two with numbers that differ by 100 are one."""
    items = [
        Item(Person(external_id=str(n), first_name="Anna", last_name="Berg", email=f"a{n % 100}@x.example"), b"")
        for n in numbers
    ]
    push(store, Caller(1, "t", "till"), "till", "customers", items, None)


def everything(store: Store) -> list[dict[str, Any]]:
    """All lines there are to tell."""
    with store.reading() as db:
        return tidings.after(db, tidings.START, 10_000).lines


@contextmanager
def feeding(store: Store, url: str, name: str = "crm") -> Iterator[Feeds]:
    feeds = Feeds(store, look=0.02, pause=lambda tries: 0.02)
    feeds.change({name: Feed(url=url, secret=SECRET)})
    try:
        yield feeds
    finally:
        feeds.stop()
        assert not feeds.alive


def test_decisions_arrive_in_order_and_signed(store: Store, url: str, receiver: Receiver) -> None:
    people(store, 1, 2, 3)
    with feeding(store, url):
        until(lambda: len(receiver.taken) == len(everything(store)), "the first lines")
        people(store, 101, 4)
        until(lambda: len(receiver.taken) == len(everything(store)), "the lines after them")
    assert receiver.taken == everything(store)
    assert {line["kind"] for line in receiver.taken} == {"founded", "joined"}
    assert [(line["seq"], line["line"]) for line in receiver.taken] == sorted(
        (line["seq"], line["line"]) for line in receiver.taken
    )
    for signed, body in receiver.asked:
        moment, _, mac = signed.removeprefix("t=").partition(",v1=")
        assert mac == hmac.new(SECRET.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert b"Anna" not in body
        assert b"example" not in body


def test_failures_delay_and_lose_nothing(store: Store, url: str, receiver: Receiver) -> None:
    receiver.answers = [500, 404, 401, 301, 429, 503, 200, 500]
    people(store, 1, 2)
    with feeding(store, url):
        until(lambda: len(receiver.taken) == 2, "the first lines")
        people(store, 3)
        until(lambda: len(receiver.taken) == 3, "the line after them")
    assert receiver.taken == everything(store)
    assert len(receiver.asked) == 9
    assert len({body for _, body in receiver.asked}) == 2


def test_a_lost_answer_repeats_lines_but_never_skips_them(store: Store, url: str, receiver: Receiver) -> None:
    receiver.answers = [1, 1]
    people(store, 1, 2)
    with feeding(store, url):
        until(lambda: len(receiver.taken) >= 6, "the lines, three times")
    seen = {(line["seq"], line["line"]): line for line in receiver.taken}
    assert list(seen.values()) == everything(store)


def test_a_restart_goes_on_where_the_last_answer_was(store: Store, url: str, receiver: Receiver) -> None:
    people(store, 1)
    with feeding(store, url):
        until(lambda: len(receiver.taken) == 1, "the first line")
        until(lambda: _place(store) != tidings.START, "its place")
    people(store, 2)
    with feeding(store, url):
        until(lambda: len(receiver.taken) == 2, "the second line")
    assert receiver.taken == everything(store)


def _place(store: Store) -> tidings.Place:
    with store.reading() as db:
        return tidings.place_of(db, "crm")


def test_a_receiver_that_is_not_there_holds_up_nobody(store: Store, url: str, receiver: Receiver) -> None:
    with feeding(store, url) as feeds:
        good = Feed(url=url, secret=SECRET)
        feeds.change({"crm": good, "gone": Feed(url="http://127.0.0.1:9/", secret=SECRET)})
        people(store, 1, 2)
        until(lambda: len(receiver.taken) == 2, "the lines of the other feed")
        feeds.change({"crm": good})
        people(store, 3)
        until(lambda: len(receiver.taken) == 3, "the line after the change")


def test_many_lines_come_in_batches(
    store: Store, url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klientela_daemon.feed.BATCH", 3)
    people(store, *range(10))
    with feeding(store, url):
        until(lambda: len(receiver.taken) == 10, "all lines")
    assert receiver.taken == everything(store)
    assert [len(json.loads(body)["lines"]) for _, body in receiver.asked] == [3, 3, 3, 1]


def test_the_signature_names_its_moment() -> None:
    assert signature("k" * 16, 5, b"{}") != signature("k" * 16, 6, b"{}")
    assert signature("k" * 16, 5, b"{}").startswith("t=5,v1=")


@pytest.mark.parametrize(
    ("url", "secret"),
    [("ftp://x/", SECRET), ("https://u:p@x/", SECRET), ("x", SECRET), ("https://x/", "short")],
)
def test_what_is_no_feed(url: str, secret: str) -> None:
    with pytest.raises(ValidationError):
        Feed(url=url, secret=secret)


def test_the_daemon_tells_and_a_reload_begins_and_ends_feeds(
    tmp_path: Path, url: str, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "klientela.toml"
    plain = '[sources.till]\ntype = "api"\n[web]\nport = 0\n'
    config.write_text(plain, "utf-8")
    config.chmod(0o600)
    assert main(["token", "new", "t", "--scope", "push", "--json", "--config", str(config)]) == 0
    token = json.loads(capsys.readouterr().out)["token"]
    process = Process(tmp_path, "run")
    try:
        base = process.wait_for("klientela is running")["listens"]
        with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}) as client:
            client.post("/api/v1/customers", json={"external_id": "1", "email": "a@x.example"})
            config.write_text(f'{plain}[feed.crm]\nurl = "{url}"\nsecret = "{SECRET}"\n', "utf-8")
            process.send(signal.SIGHUP)
            until(lambda: len(receiver.taken) == 1, "the line of before the feed")
            client.post("/api/v1/customers", json={"external_id": "2", "email": "b@x.example"})
            until(lambda: len(receiver.taken) == 2, "the line after it")
            config.write_text(plain, "utf-8")
            process.send(signal.SIGHUP)
            process.wait_for("the configuration was read again", 2)
            client.post("/api/v1/customers", json={"external_id": "3", "email": "c@x.example"})
            config.write_text(f'{plain}[feed.gone]\nurl = "http://127.0.0.1:9/"\nsecret = "{SECRET}"\n', "utf-8")
            process.send(signal.SIGHUP)
            process.wait_for("the feed waits", feed="gone")
        assert process.end() == 0  # in the middle of waiting for somebody who is not there
    finally:
        process.end(signal.SIGKILL)
    assert [line["kind"] for line in receiver.taken] == ["founded", "founded"]
    assert SECRET not in "\n".join(process.lines)
