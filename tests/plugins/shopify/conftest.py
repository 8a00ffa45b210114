"""A pretend shop served over real HTTP and a source connected to it."""

from __future__ import annotations

from typing import Any

import pytest
from shopify_helpers import Connect
from tests.sandboxes import Link

from klientela_shopify.sandbox import TOKEN, Sandbox
from klientela_shopify.settings import ShopifySettings
from klientela_shopify.source import ShopifySource


@pytest.fixture
def connect(link: Link) -> Connect:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""

    def make(box: Sandbox, kind: type[ShopifySource] = ShopifySource, **settings: Any) -> ShopifySource:
        way_in = {} if "client_id" in settings else {"access_token": TOKEN}
        told = {"type": "shopify", **way_in, **settings}
        return link(box.app, lambda url: kind("main", ShopifySettings(base_url=url, **told)))  # type: ignore[no-any-return]

    return make
