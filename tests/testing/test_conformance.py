"""The source of the documentation stands what every source must stand, on both databases."""

from __future__ import annotations

from functools import partial

import pytest

from klientela.store import Store, open_store
from klientela.testing import conformance
from tests.conftest import fresh_schema
from tests.testing.corner_shop import CornerSubject
from tests.testing.corner_writes import WritingCorner


class TestCorner(conformance.Suite):
    subject = CornerSubject


@pytest.mark.parametrize("check", ["order_placed", "order_lost", "order_refused"])
def test_the_one_that_writes_stands_what_is_asked_of_it(check: str, postgres_url: str) -> None:
    writing = partial(CornerSubject, WritingCorner)
    conformance.run(check, writing)
    conformance.run(check, writing, lambda: open_store(fresh_schema(postgres_url)))


class TestCornerOnPostgres(conformance.Suite):
    subject = CornerSubject

    @pytest.fixture(autouse=True)
    def _server(self, postgres_url: str) -> None:
        self.url = postgres_url

    def new_store(self) -> Store:
        return open_store(fresh_schema(self.url))
