"""What an operator may write for a Shopify shop, and the sentence for what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from klientela_shopify.settings import ShopifySettings

WAY_IN = {"access_token": "shpat_x"}


def settings(**keys: Any) -> ShopifySettings:
    return ShopifySettings(type="shopify", **keys)


@pytest.mark.parametrize("written", ["my-shop", "My-Shop", "my-shop.myshopify.com", "https://my-shop.myshopify.com/"])
def test_shop_is_taken_as_people_copy_it(written: str) -> None:
    assert settings(shop=written, **WAY_IN).origin == "https://my-shop.myshopify.com"


def test_base_url_goes_before_the_shop_and_loses_its_last_slash() -> None:
    assert settings(shop="a", base_url="http://127.0.0.1:9001/", **WAY_IN).origin == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (WAY_IN, "shop is missing"),
        ({"shop": "a"}, "access_token is missing"),
        ({"shop": "a", "client_id": "i"}, "client_secret is missing"),
        ({"shop": "a", "client_secret": "s"}, "client_id is missing"),
        ({"shop": "a", "client_id": "i", "client_secret": "s", **WAY_IN}, "not both"),
        ({"shop": "evil.example/x", **WAY_IN}, "no shop name"),
        ({"base_url": "ftp://x", **WAY_IN}, "base_url is no address"),
        ({"base_url": "https://user@x", **WAY_IN}, "base_url is no address"),
        ({"shop": "a", "api_version": "2026-04", **WAY_IN}, "too old"),
        ({"shop": "a", "api_version": "unstable", **WAY_IN}, "no version"),
        ({"shop": "a", "guest_rule": "sometimes", **WAY_IN}, "guest_rule"),
        ({"shop": "a", "acces_token": "x", **WAY_IN}, "acces_token"),
    ],
)
def test_what_is_wrong_is_said(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**keys)
    assert said in str(caught.value)


def test_defaults() -> None:
    made = settings(shop="a", **WAY_IN)
    assert (made.api_version, made.guest_rule, made.guests) == ("2026-07", "customer_null", None)


def test_secrets_are_not_shown() -> None:
    made = settings(shop="a", access_token="shpat_canary", webhook_secret="hush_canary")
    assert "canary" not in f"{made!r} {made} {made.model_dump_json()}"


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://shop.example", True),
        ("https://shop.example", False),
        ("http://127.0.0.1:1", False),
        ("http://[::1]:1", False),
    ],
)
def test_plain_http_is_noticed_beyond_this_machine(url: str, clear: bool) -> None:
    assert settings(base_url=url, **WAY_IN).in_the_clear is clear
