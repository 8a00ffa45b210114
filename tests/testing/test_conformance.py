"""The source of the documentation stands what every source must stand, on both databases."""

from __future__ import annotations

import pytest

from klientela.store import Store, open_store
from klientela.testing import conformance
from tests.conftest import fresh_schema
from tests.testing.corner_shop import CornerSubject


class TestCorner(conformance.Suite):
    subject = CornerSubject


class TestCornerOnPostgres(conformance.Suite):
    subject = CornerSubject

    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str) -> None:
        self.url = postgres_url

    def new_store(self) -> Store:
        return open_store(fresh_schema(self.url))
