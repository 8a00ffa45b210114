"""The same request twice is carried out once: after a lost answer, at the same time, after a kill."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import fresh_schema
from tests.daemon.house import Process, until
from tests.plugins.api.till import Till, customer, order, till

from klientela.model.instants import DAY
from klientela.store import receipts
from klientela_daemon.cli import main


def test_a_request_with_a_key_is_carried_out_once(shop: Till) -> None:
    key = {"Idempotency-Key": "k1"}
    first = shop.push("orders", order("o1", customer="1"), **key)
    again = shop.push("orders", order("o1", customer="1"), **key)
    assert first.json() == again.json()
    assert first.json()["accepted"] == 1
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert shop.statuses("orders", order("o1", customer="1")) == ["unchanged"]  # without a key: asked anew


def test_a_key_belongs_to_one_request(shop: Till) -> None:
    key = {"Idempotency-Key": "k1"}
    assert shop.push("orders", order("o1"), **key).status_code == 200
    for stream, body in (("orders", order("o2")), ("customers", customer("o1"))):
        refused = shop.push(stream, body, **key)
        assert refused.status_code == 409
        assert refused.json()["error"]["kind"] == "conflict"
    assert shop.count("record WHERE entity = 4") == 1
    other = shop.client_of(shop.new_token("other", "push:orders"))
    with other:
        assert other.post("/orders", json=order("o2"), headers=key).status_code == 200  # keys are each token's own


def test_a_request_that_was_no_push_leaves_its_key_free(shop: Till) -> None:
    key = {"Idempotency-Key": "k1"}
    assert shop.client.post("/orders", content=b"{", headers=key).status_code == 400
    assert shop.push("orders", order("o1"), **key).json()["accepted"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä"])
def test_keys_that_cannot_be_used(shop: Till, key: str) -> None:
    answer = shop.client.post("/orders", json=order("o1"), headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 400
    assert shop.count("record") == 0


def test_rejected_items_are_answered_alike_too(shop: Till) -> None:
    body = [order("o1"), {"external_id": "o2"}]
    first, again = (shop.push("orders", body, **{"Idempotency-Key": "k"}).json() for _ in range(2))
    assert first == again
    assert (first["accepted"], first["rejected"]) == (1, 1)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_at_the_same_time(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = fresh_schema(request.getfixturevalue("postgres_url")) if engine == "postgresql" else None
    with till(tmp_path, url=url) as shop, ThreadPoolExecutor(8) as pool:

        def push(number: int) -> httpx.Response:
            return shop.push("orders", order(f"o{number % 2}", customer="1"), **{"Idempotency-Key": f"k{number % 2}"})

        answers = list(pool.map(push, range(16)))
        assert {answer.status_code for answer in answers} == {200}
        fresh = [answer for answer in answers if "idempotency-replayed" not in answer.headers]
        assert len(fresh) == 2
        assert len({answer.text for answer in answers}) == 2
        assert shop.count("record WHERE entity = 4") == 2
        with shop.store.reading() as db:
            assert db.rows("SELECT count(*) FROM txn WHERE cause = 'push orders into till'") == [(2,)]


def test_answers_are_forgotten_after_a_week(shop: Till) -> None:
    shop.push("orders", order("o1"), **{"Idempotency-Key": "old"})
    with shop.store.step("a week") as step:
        step.db.run("UPDATE receipt SET at = at - ?", (receipts.KEPT + DAY,))
    assert shop.push("orders", order("o2"), **{"Idempotency-Key": "old"}).json()["accepted"] == 1
    assert shop.count("receipt") == 1


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    (tmp_path / "klientela.toml").write_text('[sources.till]\ntype = "api"\n[web]\nport = 0\n', "utf-8")
    made: list[Process] = []

    def start(**environ: str) -> Process:
        made.append(Process(tmp_path, "run", **environ))
        return made[-1]

    yield start
    for one in made:
        one.end(signal.SIGKILL)


def _client(process: Process, token: str) -> httpx.Client:
    url = process.wait_for("klientela is running")["listens"]
    return httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _token(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    arguments = ["token", "new", "till", "--scope", "push", "--scope", "read:customers"]
    assert main([*arguments, "--config", str(folder / "klientela.toml"), "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["token"])


@pytest.mark.parametrize(("point", "stored"), [("push.stored", False), ("push.committed", True)])
def test_killed_before_the_answer(
    daemon: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], point: str, stored: bool
) -> None:
    """A daemon that dies before its commit has stored nothing, one that dies after it all; asking again is right."""
    token = _token(tmp_path, capsys)
    body = [order("o1", customer="1"), order("o2", customer="1"), {"external_id": "bad"}]
    key = {"Idempotency-Key": "k1"}
    dying = daemon(KLIENTELA_FAILPOINT=f"{point}:1")
    with _client(dying, token) as client, pytest.raises(httpx.TransportError):
        client.post("/orders", json=body, headers=key)
    assert dying.wait() == -signal.SIGKILL
    alive = daemon()
    with _client(alive, token) as client:
        answer = client.post("/orders", json=body, headers=key)
        assert answer.json()["accepted"] == 2
        assert ("idempotency-replayed" in answer.headers) == stored
        client.post("/customers", json=customer("1", first_name="Anna", last_name="Berg"))
        (row,) = client.get("/customers").json()["rows"]
    assert (row["orders"], row["ltv"]) == (2, [{"amount": "20.00", "currency": "EUR"}])
    assert alive.end() == 0


def test_the_daemon_answers_and_stops_in_time(daemon: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = _token(tmp_path, capsys)
    process = daemon()
    with _client(process, token) as client:
        assert client.post("/customers", json=customer("1", email="a@x.example")).json()["accepted"] == 1
        until(lambda: process.saw("pushed", source="till", accepted=1), "the line of the log")
        assert client.get("/customers").json()["total"] == 1
    assert process.end() == 0
    assert token not in "\n".join([*process.lines, *process.out])
    assert "a@x.example" not in "\n".join(process.lines)
