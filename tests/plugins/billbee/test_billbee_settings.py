"""What an operator may write for a Billbee account, the sentence for what is wrong, and the way of same_as to the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.shops import bring

from klientela.errors import Misconfigured
from klientela.flow import rules
from klientela.kit import HOUR, MINUTE
from klientela.plugins import find
from klientela.settings import load
from klientela.store import Store
from klientela.store.naming import rename
from klientela_billbee.settings import BillbeeSettings

WAY_IN = {"user": "haus@mail.example", "password": "p", "api_key": "k"}


def settings(**keys: Any) -> BillbeeSettings:
    return BillbeeSettings(**{"type": "billbee", **WAY_IN, **keys})


def test_defaults() -> None:
    made = settings()
    assert (made.base_url, made.test_payment_types, made.same_as, made.shops) == (
        "https://api.billbee.io",
        [42],
        {},
        None,
    )
    assert (made.spacing, made.customers_span, made.guests) == (0.55, 6 * HOUR, None)


def test_the_address_is_taken_as_people_copy_it() -> None:
    assert settings(base_url="https://app.billbee.io/api/v1/").base_url == "https://app.billbee.io"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"user": " "}, "user is no login"),
        ({"user": "a:b"}, "user is no login"),
        ({"user": None}, "user"),
        ({"base_url": "ftp://x"}, "base_url is no address"),
        ({"base_url": "https://a@x"}, "base_url is no address"),
        ({"same_as": {"main": "1"}}, "is no BillbeeShopId"),
        ({"shops": ["x"]}, "shops"),
        ({"customers_every": "often"}, "is no span of time"),
        ({"spacing": -1}, "spacing"),
        ({"pasword": "x"}, "pasword"),
    ],
)
def test_what_is_wrong_is_said(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["user", "password", "api_key"])
def test_what_is_missing_is_said(name: str) -> None:
    keys = {key: value for key, value in WAY_IN.items() if key != name}
    with pytest.raises(ValidationError, match=name):
        BillbeeSettings(type="billbee", **keys)


def test_secrets_are_not_shown() -> None:
    made = settings(password="pass_canary", api_key="key_canary")
    assert "canary" not in f"{made!r} {made} {made.model_dump_json()}"


def test_spans() -> None:
    assert settings(customers_every="30m").customers_span == 30 * MINUTE
    assert settings(customers_every="0m").customers_span == MINUTE
    assert settings(customers_every="1d").customers_span == 24 * HOUR


@pytest.mark.parametrize(
    ("url", "clear"),
    [("http://shop.example", True), ("https://shop.example", False), ("http://127.0.0.1:1", False)],
)
def test_plain_http_is_noticed_beyond_this_machine(url: str, clear: bool) -> None:
    assert settings(base_url=url).in_the_clear is clear


CONFIG = """
[sources.bb]
type = "billbee"
user = "haus@mail.example"
password = "p"
api_key = "k"
[sources.bb.same_as]
100000000092372 = "main"
[sources.main]
type = "shopify"
shop = "my-shop"
access_token = "t"
"""


def test_same_as_is_part_of_the_ruleset(tmp_path: Path) -> None:
    """R29; sources are named there by their uid, which a renamed one keeps (R23)."""
    file = tmp_path / "klientela.toml"
    file.write_text(CONFIG, "utf-8")
    types = find().types
    made = load(file, types).settings.ruleset(types)
    assert made.sources["bb"].same_as == {"100000000092372": "main"}
    assert made.sources["main"].same_as == {}
    renamed = load(file, types).settings.ruleset(types, {"main": "first"})
    assert renamed.sources["bb"].same_as == {"100000000092372": "first"}


def test_same_as_follows_a_renamed_source(tmp_path: Path, store: Store) -> None:
    file = tmp_path / "klientela.toml"
    file.write_text(CONFIG, "utf-8")
    types = find().types
    bring(store, "old", [])
    rename(store, "old", "main")
    assert rules.adopt(store, load(file, types).settings.ruleset(types))
    with store.reading() as db:
        assert store.ruleset(db).of("bb").same_as == {"100000000092372": "old"}


def test_a_shop_id_that_is_none_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "klientela.toml"
    file.write_text(CONFIG.replace("100000000092372 =", "main ="), "utf-8")
    with pytest.raises(Misconfigured, match="same_as"):
        load(file, find().types)
