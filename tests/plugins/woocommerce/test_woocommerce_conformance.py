"""The WooCommerce source stands what every source must stand, against its pretend shop over real HTTP, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from woocommerce_helpers import WooCommerceSubject

from klientela.store import Store
from klientela.testing import conformance


class TestWooCommerce(conformance.Suite):
    """Once on SQLite, once on PostgreSQL."""

    subject = WooCommerceSubject
    package = "klientela_woocommerce"

    @pytest.fixture(autouse=True)
    def _stores(self, new_store: Callable[[], Store]) -> None:
        self._new_store = new_store

    def new_store(self) -> Store:
        return self._new_store()
