"""The door for webhooks over real HTTP: what is answered when, what is kept, what is applied; and the flood."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from klientela.errors import StoreError
from klientela.flow.sync import sync
from klientela.kit import Delivery, Notice, SecretStr
from klientela.store import Store, facts, inbox, operation
from klientela.store.checkup import examine
from klientela.testing import serve
from klientela_daemon import house, logs, postbox
from klientela_daemon import webhooks as door
from klientela_daemon.http import Health, application
from klientela_daemon.metrics import Metrics
from klientela_daemon.opening import opened
from klientela_daemon.postbox import Letter, Postbox
from klientela_daemon.webhooks import LARGEST, Webhooks
from klientela_shopify.sandbox import CLIENT_SECRET, TOKEN, Message, Sandbox, Weather, news
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource
from klientela_wix.sandbox import API_KEY
from klientela_wix.sandbox import Sandbox as Site
from tests.daemon.conftest import configure
from tests.daemon.house import until
from tests.flood import flood

SECRET = "hush"
SHOP = (
    '[sources.shop]\ntype = "shopify"\nbase_url = "{url}"\naccess_token = "' + TOKEN + '"\nwebhook_secret = "'
    + SECRET + '"\n[sources.list]\ntype = "csv"\npath = "list.csv"\n'
)  # fmt: skip


class Door:
    """The door of a configuration, served."""

    def __init__(self, folder: Path) -> None:
        self.house = house.read(folder / "klientela.toml")
        self.store = opened(self.house, create=True)
        self.stop = threading.Event()
        self.metrics = Metrics()
        self.webhooks = Webhooks(self.store, lambda: self.house, self.stop, self.metrics)
        self.url = ""

    def app(self) -> Any:
        return application(lambda: Health([], [], []), lambda: self._text(), self.webhooks.routes)

    def _text(self) -> str:
        states = {one.name: one for one in operation.states(self.store)}
        return self.metrics.text(states, {}, [], operation.now())

    def post(self, one: Message, *, source: str = "shop", secret: str = SECRET) -> int:
        sent = news.headers(one, "a guess" if one.forged else secret, "sandbox.myshopify.com")
        return httpx.post(f"{self.url}/webhooks/{source}", content=one.body, headers=sent).status_code

    def rows(self, sql: str) -> list[Any]:
        with self.store.reading() as db:
            return db.rows(sql)

    def applied(self) -> bool:
        return self.rows("SELECT count(*) FROM inbox WHERE state = 'new'") == [(0,)]


@pytest.fixture
def served(here: Path) -> Iterator[Any]:
    """`served(configuration)`: its door over real HTTP."""
    doors: list[tuple[Door, Any]] = []

    def make(text: str) -> Door:
        configure(text)
        made = Door(here)
        made.webhooks.start()
        context = serve(made.app())
        made.url = context.__enter__()
        doors.append((made, context))
        return made

    yield make
    for made, context in doors:
        context.__exit__(None, None, None)
        made.stop.set()
        assert made.webhooks.stop(10)
        assert made.webhooks.asleep
        made.store.close()


@pytest.fixture
def shop() -> Iterator[tuple[Sandbox, str]]:
    box = Sandbox(customers=5)
    box.webhook_secret = SECRET
    box.listen()
    with serve(box.app) as url:
        yield box, url


def person(number: int = 1, key: str = "m-1", email: str = "max@x.example") -> Message:
    body = f'{{"id": {number}, "updated_at": "2026-05-14T10:00:00Z", "email": "{email}", "last_name": "Muster"}}'
    return Message(key, "customers/update", body.encode(), 0)


# -- answers -----------------------------------------------------------------------------------------------------


def test_a_proven_delivery_is_kept_and_applied(served: Any) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    assert door_.post(person()) == 200
    assert door_.rows("SELECT key, topic FROM inbox") == [("m-1", "customers/update")]
    until(door_.applied)
    assert door_.rows("SELECT email FROM customer") == [("max@x.example",)]
    assert door_.post(person()) == 200, "a repetition is acknowledged"
    assert door_.rows("SELECT count(*) FROM inbox") == [(1,)]
    text = httpx.get(f"{door_.url}/metrics").text
    assert 'klientela_webhooks_total{source="shop",result="kept"} 2' in text


def test_what_is_not_proven_is_not_kept(served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(as_json=True)
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    for _ in range(3):
        assert door_.post(person(), secret="a guess") == 401
    assert httpx.post(f"{door_.url}/webhooks/shop", content=b"").status_code == 401
    assert door_.rows("SELECT count(*) FROM inbox") == [(0,)]
    said = capsys.readouterr().err
    assert said.count("a webhook was refused") == 1, "one line, not one for each"
    assert "max@x.example" not in said
    assert SECRET not in said


def test_other_answers(served: Any) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    assert door_.post(person(), source="nobody") == 404
    assert door_.post(person(), source="list") == 404
    assert httpx.get(f"{door_.url}/webhooks/shop").status_code == 405
    assert door_.post(Message("m", "inventory_levels/update", b"{}", 0)) == 200
    assert door_.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_too_large(served: Any) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    parts = urlsplit(door_.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.putrequest("POST", "/webhooks/shop")
    connection.putheader("Content-Length", str(LARGEST + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    pieces = (b" " * 2**20 for _ in range(LARGEST // 2**20 + 1))
    assert httpx.post(f"{door_.url}/webhooks/shop", content=pieces).status_code == 413


def test_while_the_store_is_busy_the_shop_is_told_to_come_again(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    monkeypatch.setattr(door, "_PATIENCE", 0.2)
    with door_.store.step("something long"):
        assert door_.post(person()) == 503
    monkeypatch.undo()
    assert door_.post(person()) == 200, "the shop has sent it again"
    assert door_.rows("SELECT count(*) FROM inbox") == [(1,)]


def test_a_plugin_that_hangs_or_falls_over_harms_only_its_own_deliveries(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    monkeypatch.setattr(door, "_PATIENCE", 0.2)
    going_on = threading.Event()

    def hang(self: Any, delivery: Delivery) -> Notice | None:
        going_on.wait(10)
        return None

    with monkeypatch.context() as bent:
        bent.setattr(ShopifySource, "receive", hang)
        assert door_.post(person()) == 503
        assert httpx.get(f"{door_.url}/livez").status_code == 200
        going_on.set()
        for said in (lambda self, delivery: 1 / 0, lambda self, delivery: sys.exit(3), lambda self, delivery: 42):
            bent.setattr(ShopifySource, "receive", said)
            assert door_.post(person()) == 503
        bent.undo()
        assert door_.post(person(key="a")) == 200
        until(door_.applied)
        for said in (lambda self, notice: sys.exit(3), lambda self, notice: 42, lambda self, notice: [object()]):
            bent.setattr(ShopifySource, "apply", said)
            assert door_.post(person(key=str(id(said)))) == 200
            until(lambda: door_.rows("SELECT 1 FROM inbox WHERE state = 'new' AND attempts = 0") == [])
        assert door_.webhooks.asleep is False
    assert door_.post(person()) == 200


# -- the postbox -------------------------------------------------------------------------------------------------


@pytest.fixture
def letters(served: Any) -> Iterator[tuple[Postbox, Store]]:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    box = Postbox(door_.store, lambda name: None)
    yield box, door_.store
    box.stop(10)


def letter(key: str) -> Letter:
    return Letter("shop", "shopify", Notice(key, "customers/delete", '{"id": 1}'))


def test_what_waits_is_kept_in_one_transaction(letters: tuple[Postbox, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    box, store = letters
    sizes = []
    plain = inbox.keep

    def keep(db: Any, notices: Any, at: int) -> None:
        some = list(notices)
        sizes.append(len(some))
        plain(db, some, at)

    monkeypatch.setattr(inbox, "keep", keep)
    waiting = [box.put(letter(f"k{n}")) for n in range(700)]
    box.start()
    for one in waiting:
        one.result(10)
    assert sizes == [500, 200]
    with store.reading() as db:
        assert db.rows("SELECT count(*) FROM inbox") == [(700,)]


def test_nothing_is_acknowledged_that_is_not_committed(
    letters: tuple[Postbox, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, store = letters

    def full(self: Store, db: Any) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as bent:
        bent.setattr(Store, "_commit", full)
        waiting = box.put(letter("k"))
        box.start()
        with pytest.raises(StoreError):
            waiting.result(10)
    with store.reading() as db:
        assert db.rows("SELECT count(*) FROM inbox") == [(0,)]
    assert box.put(letter("k")).result(10) is None


def test_a_full_or_closed_postbox_refuses(letters: tuple[Postbox, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    box, _ = letters
    monkeypatch.setattr(postbox, "MOST", 2)
    first, second, third = (box.put(letter(f"k{n}")) for n in range(3))
    assert third.exception(0) is not None
    box.start()
    assert (first.result(10), second.result(10)) == (None, None)
    box.stop(10)
    assert box.put(letter("late")).exception(0) is not None


# -- whole ways --------------------------------------------------------------------------------------------------


def test_a_shop_is_followed_by_its_webhooks_alone(served: Any, shop: tuple[Sandbox, str]) -> None:
    box, url = shop
    door_ = served(SHOP.format(url=url))
    settings = ShopifySettings(type="shopify", base_url=url, access_token=SecretStr(TOKEN))
    with closing(ShopifySource("shop", settings)) as source:
        assert sync(door_.store, source).status == "ok"
    new = box.customer(first_name="Max", last_name="Neu", email="neu@x.example", state="ENABLED")
    box.order(customer=new, total="12.00", email=new.email)
    gone = box.customer(first_name="Weg", last_name="Bald", email="weg@x.example")
    box.delete(gone)
    lost = box.customer(first_name="Wunsch", last_name="Weg", email="wunsch@x.example", state="ENABLED")
    box.order(customer=lost, total="5.00", email=lost.email)
    box.ask_to_redact(lost)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(door_.post, box.mail(Weather(duplicates=0.5, shuffled=0.5, forged=0.5))))
    assert set(statuses) <= {200, 401}
    until(door_.applied)
    assert door_.rows("SELECT t.ltv FROM tally t JOIN customer c ON c.id = t.id WHERE c.email = 'neu@x.example'") == [
        (1200,)
    ]
    assert door_.rows(f"SELECT gone FROM record WHERE ext = '{gone.id}'") == [(1,)]
    assert door_.rows("SELECT count(*) FROM customer WHERE email = 'wunsch@x.example'") == [(0,)]
    assert door_.rows("SELECT count(*) FROM orders WHERE ltv = 500") == [(1,)]
    assert [one.level for one in examine(door_.store) if one.check == "inbox"] == ["ok"]
    until(lambda: [(o.level, o.count) for o in examine(door_.store) if o.check == "erasures"] == [("ok", 1)])


def test_wix_comes_by_the_same_door(served: Any) -> None:
    site = Site(customers=6)
    site.outbox.clear()
    with serve(site.app) as url:
        key = site.signer.public_key.replace("\n", "\\n")
        door_ = served(
            f'[sources.wix]\ntype = "wix"\nbase_url = "{url}"\napi_key = "{API_KEY}"\nsite_id = "{site.site_id}"\n'
            f'instance_id = "{site.instance_id}"\nwebhook_public_key = "{key}"\n'
        )
        made = site.contact(first_name="Wanda", last_name="Wix", email="wanda@x.example")
        away = site.contact(first_name="Wanda", last_name="Alt", email="wanda@y.example")
        site.advance(15)
        site.delete(away)
        assert set(site.deliver(f"{door_.url}/webhooks/wix")) == {200}
        until(door_.applied)
        assert door_.rows("SELECT count(*) FROM inbox WHERE state <> 'done'") == [(0,)]
        assert door_.rows("SELECT count(*) FROM customer WHERE email = 'wanda@x.example'") == [(1,)]
        assert door_.rows(f"SELECT gone FROM record WHERE ext = '{away.id}'") == [(1,)]
        assert httpx.post(f"{door_.url}/webhooks/wix", content=b"forged").status_code == 401
        with door_.store.reading() as db:
            rows = db.rows("SELECT id FROM record WHERE gone = 0 AND channel IS NOT NULL")
            known = {one.ext: one.fact for one in facts.load(db, [row[0] for row in rows]).values()}
        assert known[made.id].email == "wanda@x.example"


def test_messages_wait_for_a_sync_of_their_source(served: Any) -> None:
    door_ = served(SHOP.format(url="http://127.0.0.1:9"))
    with door_.store.step("source") as step:
        row = facts.ensure_source(step, "shop", "shopify")
    with operation.lease(door_.store, row.id, "shop"):
        assert door_.post(person()) == 200
        time.sleep(0.2)
        assert not door_.applied()
    door_.webhooks.nudge("shop")
    until(door_.applied)


def test_a_flood_while_the_daemon_is_killed(tmp_path: Path) -> None:
    figures = flood(tmp_path, 500, deaths=1, customers=60)
    assert figures.wrong == []
    assert (figures.forged_accepted, figures.lost, figures.deaths) == (0, 0, 1)
    assert figures.forged > 5
    assert figures.statuses["401"] == figures.forged


def test_the_flood_finds_out_a_door_that_lets_forgeries_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.flood.GUESS", CLIENT_SECRET)
    figures = flood(tmp_path, 120, deaths=0, customers=20)
    assert figures.forged_accepted
    assert any("forged" in line for line in figures.wrong)


@pytest.mark.slow
def test_the_whole_flood(tmp_path: Path) -> None:
    figures = flood(tmp_path, 10_000, deaths=3, customers=400)
    assert figures.wrong == []
    assert (figures.forged_accepted, figures.lost) == (0, 0)
