"""At the edges: bodies that trickle, too many at once, a source that is taken care of from the desk."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.daemon.house import until
from tests.plugins.api.till import Till, customer, order, till

from klientela.flow.retry import retry
from klientela.kit import RecordRejected, instant
from klientela.model.instants import DAY
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.testing import serve
from klientela_api import app as api
from klientela_api.intake import Limits
from klientela_api.source import ApiSettings, ApiSource
from klientela_daemon.cli import main
from klientela_daemon.door import HouseDoor
from klientela_daemon.upkeep import Upkeep


class Gate(HouseDoor):
    """A door that lets pushes through only when it is opened."""

    opened = threading.Event()
    inside = 0

    def take(self, *args: Any) -> Any:
        type(self).inside += 1
        assert self.opened.wait(30)
        return super().take(*args)


@pytest.fixture
def gate(shop: Till) -> Iterator[str]:
    Gate.opened, Gate.inside = threading.Event(), 0
    door = Gate(shop.store, lambda: shop.house)
    made = api.application(door, Limits(body=1000, items=3, seconds=0.3))
    with serve(Starlette(routes=[Mount("/api", made)])) as url:
        yield f"{url}/api/v1"
        Gate.opened.set()


def test_a_body_that_trickles_is_not_waited_for(shop: Till, gate: str) -> None:
    def slowly() -> Iterator[bytes]:
        yield b"["
        time.sleep(0.6)
        yield b"]"

    answer = httpx.post(f"{gate}/customers", content=slowly(), headers=shop.client.headers)
    assert answer.status_code == 408
    assert answer.json()["error"]["hint"]


def test_more_than_can_wait_are_asked_to_come_again(shop: Till, gate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_WAITING", 3)
    answers: list[int] = []

    def push(number: int) -> None:
        told = httpx.post(f"{gate}/customers", json=customer(str(number)), headers=shop.client.headers, timeout=60)
        answers.append(told.status_code)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()

    def crowded() -> httpx.Response | None:
        told = httpx.post(f"{gate}/customers", json=[], headers=shop.client.headers, timeout=1)
        return told if told.status_code == 503 else None

    until(lambda: Gate.inside == 2, "two inside")  # as many write at once; one waits behind them
    refused = until(crowded, "a refusal")
    assert int(refused.headers["retry-after"]) > 0
    assert httpx.get(f"{gate}/customers", headers=shop.client.headers).status_code == 200  # looking is not held up
    Gate.opened.set()
    for thread in threads:
        thread.join()
    assert answers == [200, 200, 200]


def test_as_many_things_as_are_allowed(shop: Till, gate: str) -> None:
    Gate.opened.set()
    for many, status in ((3, 200), (4, 413)):
        things = [customer(str(number)) for number in range(many)]
        told = httpx.post(f"{gate}/customers", json=things, headers=shop.client.headers)
        assert told.status_code == status
    assert httpx.post(f"{gate}/customers", content=b" " * 1001, headers=shop.client.headers).status_code == 413


def test_the_quarantine_can_be_tried_again(shop: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update of the plugin that takes what it refused."""
    with monkeypatch.context() as patch:
        patch.setattr("klientela_api.translate._KINDS", {})
        patch.setattr("klientela_api.intake.record_of", _refuse)
        assert shop.statuses("customers", [customer("1", email="a@x.example")]) == ["rejected"]
    assert shop.rows() == []
    source = ApiSource("till", ApiSettings(type="api"))
    assert retry(shop.store, {"till": source})["taken"] == 1
    assert [row["email"] for row in shop.rows()] == ["a@x.example"]
    shop.statuses("orders", [{"external_id": "x"}])
    assert [one["reason"] for one in retry(shop.store, {"till": source})["entries"]] == ["placed_at is missing"]


def _refuse(stream: str, item: Any, shop: Any) -> Any:
    raise RecordRejected("not today")


def test_upkeep_after_pushes_makes_the_indexes_of_the_list(shop: Till) -> None:
    upkeep = Upkeep(shop.store, threading.Event())
    upkeep.look()  # nothing was written: nothing is done
    assert shop.count("meta WHERE name = 'indexes'") == 0
    shop.statuses("customers", [customer("1", email="a@x.example")])
    upkeep.wrote(1)
    upkeep.look()
    assert shop.count("meta WHERE name = 'indexes'") == 1


def test_upkeep_erases_old_guest_rows_once_a_day(shop: Till) -> None:
    guest = {**order("g"), "guest": True, "email": "gustav@x.example", "placed_at": "2020-01-01T00:00:00Z"}
    shop.statuses("orders", guest)
    months: list[int | None] = [None]
    upkeep = Upkeep(shop.store, threading.Event(), retention=lambda: months[0])
    now = instant("2026-01-01T00:00:00Z")
    upkeep.retain(now)
    assert shop.count("customer") == 1, "nobody asked for it"
    months[0] = 24
    upkeep.retain(now)
    assert shop.count("customer") == 0
    shop.statuses("orders", {**guest, "external_id": "h"})
    upkeep.retain(now + 1)
    assert shop.count("customer") == 1, "not again today"
    upkeep.retain(now + DAY)
    assert shop.count("customer") == 0


def test_how_the_source_is_shown(shop: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(tmp_path / "klientela.toml"), "--json"]
    shop.statuses("orders", order("o"))
    capsys.readouterr()
    assert main(["sources", *config]) == 0
    (one,) = json.loads(capsys.readouterr().out)["sources"]
    assert (one["source"], one["type"], one["state"]) == ("till", "api", "pushed")
    assert main(["check", *config]) == 0
    (told,) = json.loads(capsys.readouterr().out)["sources"]
    assert (told["ok"], told["guests"], told["guests_nameless"]) == (True, "merge", "per_order")
    assert main(["sync", *config]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert (run["status"], run["read"]) == ("ok", 0)


def test_a_policy_of_the_operator_governs_nameless_guests_too(tmp_path: Path) -> None:
    with till(tmp_path, 'guests = "merge"\n') as shop:
        guest = {"guest": True, "email": "g@x.example", "last_name": "Tal"}
        shop.statuses("orders", [order("1", **guest), order("2", **guest)])
        assert [(row["name"], row["orders"]) for row in shop.rows()] == [("Tal", 2)]


def test_a_ruleset_of_before_keeps_its_digest() -> None:
    plain = Ruleset(sources={"a": SourceRules()})
    assert "nameless" not in plain.canonical()
    told = Ruleset(sources={"a": SourceRules(nameless="per_order")})
    assert Ruleset.parse(told.canonical()) == told
    assert told.digest != plain.digest
