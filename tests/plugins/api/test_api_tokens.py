"""Who is let in: tokens with scopes, shown once, kept as hashes, ended at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.plugins.api.till import CONFIG, Till, customer, till

from klientela.door import SCOPES, STREAMS
from klientela.store import tokens
from klientela_daemon.cli import main


def test_nobody_is_let_in_without_a_token(shop: Till) -> None:
    for headers in ({}, {"Authorization": shop.token}, {"Authorization": "Basic x"}, {"Authorization": "Bearer"}):
        answer = httpx.get(f"{shop.url}/api/v1/customers", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["kind"] == "unauthorized"
    for wrong in (shop.token[:-1], shop.token + "x", "klt_" + "A" * 43, "ä"):
        with httpx.Client(headers={"Authorization": f"Bearer {wrong}".encode()}) as client:
            assert client.get(f"{shop.url}/api/v1/customers").status_code == 401


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_is_good_for_its_scope_only(shop: Till, scope: str) -> None:
    with shop.client_of(shop.new_token("narrow", scope)) as client:
        for stream in STREAMS:
            answer = client.post(f"/{stream}", json=[])
            assert answer.status_code == (200 if scope == f"push:{stream}" else 403), stream
        answer = client.get("/customers")
        assert answer.status_code == (200 if scope == "read:customers" else 403)


def test_nothing_is_kept_that_opens_the_door(shop: Till) -> None:
    with shop.store.reading() as db:
        rows = db.rows("SELECT * FROM token")
    assert shop.token.startswith(tokens.PREFIX)
    assert shop.token not in repr(rows)
    assert shop.token.removeprefix(tokens.PREFIX) not in repr(rows)


def test_a_revoked_token_is_refused_at_once(shop: Till) -> None:
    assert shop.client.get("/customers").status_code == 200
    with shop.store.step("revoke") as step:
        tokens.revoke(step, "all")
    assert shop.client.get("/customers").status_code == 401


def test_the_last_use_is_noted(shop: Till) -> None:
    for name, stream in (("reads", None), ("pushes", "customers")):
        with shop.client_of(shop.new_token(name, "read:customers", "push:customers")) as client:
            client.get("/customers") if stream is None else client.post(f"/{stream}", json=customer("1"))
        with shop.store.reading() as db:
            used = {one["name"]: one["used"] for one in tokens.listed(db)}
        assert used[name] is not None


def test_a_source_that_left_the_configuration_takes_nothing(tmp_path: Path) -> None:
    with till(tmp_path, '[sources.other]\ntype = "api"\n') as shop:
        secret = shop.new_token("other", "push:customers", "read:customers", source="other")
    with till(tmp_path, name="later") as shop, shop.client_of(secret) as client:
        refused = client.post("/customers", json=customer("1"))
        assert refused.status_code == 403
        assert client.get("/customers").status_code == 200


def test_each_token_pushes_into_its_own_source(tmp_path: Path) -> None:
    with till(tmp_path, '[sources.other]\ntype = "api"\n') as shop:
        with shop.client_of(shop.new_token("o", "push:customers", source="other")) as client:
            client.post("/customers", json=customer("1", first_name="Olga", last_name="Other"))
        shop.statuses("customers", customer("1", first_name="Tina", last_name="Till"))
        assert {row["name"]: row["sources"] for row in shop.rows()} == {
            "Olga Other": ["other"],
            "Tina Till": ["till"],
        }


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    config = tmp_path / "klientela.toml"
    config.write_text(CONFIG, "utf-8")

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["token", *arguments, "--config", str(config), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out)

    return run


def test_making_listing_and_ending_tokens(command: Any) -> None:
    code, made = command("new", "shop", "--scope", "push:orders", "--scope", "push:customers")
    assert code == 0
    assert made["scopes"] == ["push:customers", "push:orders"]
    assert made["source"] == "till"
    code, reads = command("new", "bi", "--scope", "read:customers")
    assert (code, reads["source"]) == (0, None)
    code, listed = command("list")
    assert [one["name"] for one in listed["tokens"]] == ["bi", "shop"]
    assert made["token"] not in json.dumps(listed)
    assert command("revoke", "shop")[0] == 0
    assert command("list")[1]["tokens"][1]["revoked"] is not None


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("new", "a", "--scope", "push:order"), 2, "there is no scope 'push:order'"),
        (("new", " a", "--scope", "push"), 2, "' a' cannot name a token"),
        (("new", "a", "--scope", "push", "--into", "nowhere"), 1, "there is no source 'nowhere'"),
        (("revoke", "nobody"), 1, "there is no token 'nobody'"),
        (("new", "a"), 2, "--scope is missing"),
    ],
)
def test_what_the_command_refuses(command: Any, arguments: tuple[str, ...], code: int, message: str) -> None:
    command("new", "first", "--scope", "push")
    got, said = command(*arguments)
    assert (got, said["error"]["message"]) == (code, message)
    assert said["error"]["hint"]


def test_a_name_is_used_once(command: Any) -> None:
    command("new", "shop", "--scope", "push")
    command("revoke", "shop")
    code, said = command("new", "shop", "--scope", "push")
    assert (code, said["error"]["kind"]) == (1, "conflict")


def test_which_source_must_be_said_where_there_are_several(tmp_path: Path, command: Any) -> None:
    (tmp_path / "klientela.toml").write_text(CONFIG + '[sources.b]\ntype = "api"\n', "utf-8")
    assert command("new", "a", "--scope", "push")[1]["error"]["hint"] == "Say which with --into: till, b."
    assert command("new", "a", "--scope", "push", "--into", "b")[1]["source"] == "b"
    (tmp_path / "klientela.toml").write_text("", "utf-8")
    assert command("new", "c", "--scope", "push")[1]["error"]["message"] == "no source takes pushes"
