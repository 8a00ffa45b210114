"""Connecting the source to a pretend shop over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from woocommerce_helpers import Connect

from klientela.testing import hurry, serve
from klientela_woocommerce.sandbox import WooCommerceSandbox
from klientela_woocommerce.source import WooCommerceSource


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(box, **settings)`: a source over real HTTP."""
    with ExitStack() as stack:

        def make(box: WooCommerceSandbox, **settings: Any) -> WooCommerceSource:
            url = stack.enter_context(serve(box.app))
            told = {**box.settings(url), **settings}
            source = WooCommerceSource("main", WooCommerceSource.Settings.model_validate(told))
            stack.callback(source.close)
            return source

        yield make


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Waits take no time; their seconds are collected here."""
    with hurry() as seconds:
        yield seconds
