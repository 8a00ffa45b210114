"""A pretend shop served over real HTTP and a source connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from shopify_helpers import Connect

from klientela.testing import hurry, serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""
    with ExitStack() as stack:

        def make(box: Sandbox, kind: type[ShopifySource] = ShopifySource, **settings: Any) -> ShopifySource:
            url = stack.enter_context(serve(box.app))
            if "client_id" not in settings:
                settings.setdefault("access_token", TOKEN)
            source = kind("main", ShopifySettings(type="shopify", base_url=url, **settings))
            stack.callback(source.close)
            return source

        yield make


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Waits take no time; their seconds are collected here."""
    with hurry() as seconds:
        yield seconds
