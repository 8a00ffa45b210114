"""schemathesis asks whatever the description allows, and more: no fault of ours, no answer that is not described.

So that this can be believed, two faults are switched on in a build of the test, and found.
"""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.plugins.api.till import Till, customer, order

from klientela.kit import UnknownThing, instant
from klientela_daemon.door import HouseDoor

_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def examine(shop: Till, examples: int = 12) -> dict[str, str]:
    """What is wrong with each operation: its name -> the first finding."""
    schema: Any = schemathesis.openapi.from_url(f"{shop.url}/api/openapi.json")
    found: dict[str, str] = {}
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            answer = case.call(headers={"Authorization": f"Bearer {shop.token}"})
            case.validate_response(answer, checks=_CHECKS)

        try:
            ask()
        except (Failure, FailureGroup) as failure:
            found[operation.label] = str(failure)
    return found


@pytest.fixture
def busy(shop: Till) -> Till:
    """A house with somebody in it."""
    shop.statuses("customers", customer("1", first_name="Anna", last_name="Berg", email="a@x.example"))
    shop.statuses("orders", order("o", customer="1"))
    return shop


def test_nothing_is_found(busy: Till) -> None:
    assert examine(busy) == {}


def test_two_faults_are_found(busy: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = HouseDoor.customer

    def careless_time(name: str, text: str | None, shop: Any) -> int | None:
        return None if text is None else instant(text, shop.timezone)

    def careless_look(self: HouseDoor, *args: Any) -> Any:
        try:
            return whole(self, *args)
        except UnknownThing as error:
            raise LookupError from error

    monkeypatch.setattr("klientela_api.translate.time", careless_time)
    monkeypatch.setattr(HouseDoor, "customer", careless_look)
    found = examine(busy)
    assert {"POST /v1/orders", "GET /v1/customers/{id}"} <= set(found)
    assert all("Server error" in found[name] for name in ("POST /v1/orders", "GET /v1/customers/{id}"))
