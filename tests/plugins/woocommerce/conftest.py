"""Connecting the source to a pretend shop over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandboxes import Link
from woocommerce_helpers import Connect

from klientela_woocommerce.sandbox import WooCommerceSandbox
from klientela_woocommerce.source import WooCommerceSource


@pytest.fixture
def connect(link: Link) -> Connect:
    """`connect(box, **settings)`: a source over real HTTP."""

    def make(box: WooCommerceSandbox, **settings: Any) -> WooCommerceSource:
        def source(url: str) -> WooCommerceSource:
            told = {**box.settings(url), **settings}
            return WooCommerceSource("main", WooCommerceSource.Settings.model_validate(told))

        return link(box.app, source)  # type: ignore[no-any-return]

    return make
