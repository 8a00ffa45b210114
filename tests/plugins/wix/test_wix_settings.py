"""What may be written for a Wix site, and the sentence for what may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from klientela_wix.settings import WixSettings

PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"
KEY = {"api_key": "IST.x", "site_id": "s"}
APP = {"app_id": "a", "app_secret": "hush", "instance_id": "i"}


def settings(**values: Any) -> WixSettings:
    return WixSettings.model_validate({"type": "wix", **values})


@pytest.mark.parametrize("values", [KEY, APP, {**KEY, "instance_id": "i", "webhook_public_key": PEM}])
def test_two_ways_in(values: dict[str, Any]) -> None:
    made = settings(**values)
    assert made.base_url == "https://www.wixapis.com"
    assert (made.members, made.checkouts, made.test_orders, made.guests) == (True, True, "field", None)
    assert made.secret == values.get("api_key", "hush")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "api_key with site_id is missing"),
        ({"api_key": "x"}, "site_id is missing"),
        ({"site_id": "x"}, "api_key with site_id is missing"),
        ({**KEY, "app_id": "a"}, "two ways in"),
        ({"app_id": "a"}, "app_secret and instance_id is missing"),
        ({"app_id": "a", "app_secret": "b"}, "instance_id is missing"),
        ({**KEY, "webhook_public_key": PEM}, "instance_id is missing beside webhook_public_key"),
        ({**APP, "webhook_public_key": "hush"}, "no public key"),
        ({**APP, "webhook_public_key": "-----BEGIN RSA PRIVATE KEY-----\nx"}, "no public key"),
        ({**KEY, "base_url": "wixapis.com"}, "base_url is no address"),
        ({**KEY, "base_url": "https://a:b@c.example"}, "base_url is no address"),
        ({"api_key": "x", "site_id": "  "}, "it is empty"),
        ({**KEY, "test_orders": "maybe"}, "test_orders"),
        ({**KEY, "shop": "x"}, "shop"),
    ],
)
def test_mistakes(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    assert said in str(caught.value)


def test_keys_may_come_on_one_line() -> None:
    made = settings(**APP, webhook_public_key=PEM.replace("\n", "\\n"))
    assert made.webhook_public_key == PEM


def test_secrets_are_not_shown() -> None:
    for made in (settings(api_key="canary", site_id="s"), settings(app_id="a", app_secret="canary", instance_id="i")):
        assert "canary" not in f"{made!r} {made} {made.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "clear"), [("http://wix.example", True), ("https://wix.example", False), ("http://127.0.0.1:1", False)]
)
def test_plain_http_is_noticed_beyond_this_machine(url: str, clear: bool) -> None:
    assert settings(**KEY, base_url=url).in_the_clear is clear
