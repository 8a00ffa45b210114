"""The pretend account behaves as the facts about the real one say: doors, paging, filters, errors, events, time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from billbee_helpers import settings_of
from tests.conftest import SHARED

from klientela.kit import Misconfigured, SourceRefused
from klientela.testing import serve
from klientela_billbee.sandbox import API_KEY, PASSWORD, USER, Sandbox, create
from klientela_billbee.sandbox.mischief import FAULTS, STEADY
from klientela_billbee.sandbox.shop import FIRST_ORDER
from klientela_billbee.source import BillbeeSource


@contextmanager
def opened(box: Sandbox, **headers: str) -> Iterator[httpx.Client]:
    with (
        serve(box.app) as url,
        httpx.Client(base_url=url, auth=(USER, PASSWORD), headers={"X-Billbee-Api-Key": API_KEY, **headers}) as client,
    ):
        yield client


def asked(box: Sandbox, path: str, **params: Any) -> dict[str, Any]:
    with opened(box) as client:
        answer: dict[str, Any] = json.loads(client.get(f"/api/v1/{path}", params=params).content, parse_float=Decimal)
        return answer


# -- people ------------------------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_account() -> None:
    assert Sandbox(seed=5, customers=80).truth() == Sandbox(seed=5, customers=80).truth()
    assert Sandbox(seed=5, customers=80).truth() != Sandbox(seed=6, customers=80).truth()
    assert Sandbox(seed=5).home.id != Sandbox(seed=6).home.id


def test_the_same_seed_lives_the_same_life() -> None:
    one, two = Sandbox(seed=5, customers=60), Sandbox(seed=5, customers=60)
    assert one.advance(80) == two.advance(80)
    assert one.truth() == two.truth()


def test_all_kinds_of_orders_live_there() -> None:
    box = Sandbox(customers=300)
    orders = list(box.orders.values())
    assert {one.state for one in orders} >= {1, 3, 4, 6, 7, 8, 9, 14}
    assert any(one.is_test for one in orders)
    assert any(one.number.endswith("-GS") and one.total < 0 for one in orders)
    assert any(one.cancels for one in orders)
    assert any(one.order_email and one.order_email.endswith("@marketplace.amazon.de") for one in orders)
    assert any(item.coupon for one in orders for item in one.items)
    market = [one for one in orders if one.store == box.market.id]
    assert len({one.buyer for one in market}) < len({one.customer for one in market})  # one buyer, several customers
    assert any(one.business for one in box.customers.values())
    happened = set()
    for text in box.advance(300):
        happened.add(text.rpartition(" ")[0].rpartition(" ")[2] if "joined" in text else text.split()[2])
    assert {"was", "has", "got", "of", "came", "moved"} <= happened


# -- the door ----------------------------------------------------------------------------------------------------


def test_the_door_asks_for_login_and_key() -> None:
    with opened(Sandbox()) as client:
        assert client.get("/api/v1/shopaccounts").status_code == 200
        assert client.get("/api/v1/shopaccounts", auth=(USER, "x")).status_code == 401
        assert client.get("/api/v1/shopaccounts", headers={"X-Billbee-Api-Key": "x"}).status_code == 401


def test_answers_come_in_an_envelope() -> None:
    box = Sandbox()
    for _ in range(7):
        box.customer(first_name="Ada")
    answer = asked(box, "customers", page=2, pageSize=3)
    assert answer["Paging"] == {"Page": 2, "TotalPages": 3, "TotalRows": 7, "PageSize": 3}
    assert (answer["ErrorCode"], answer["ErrorMessage"]) == (0, None)
    assert len(answer["Data"]) == 3
    assert len(asked(box, "customers", pageSize=9999)["Data"]) == 7
    assert asked(box, "customers", pageSize=9999)["Paging"]["PageSize"] == 250
    assert asked(box, "customers", page=9)["Data"] == []
    assert "Paging" not in asked(box, f"customers/{min(box.customers)}")


def test_what_is_not_there_is_an_error_code_inside_a_200() -> None:
    answer = asked(Sandbox(), "orders/1")
    assert (answer["ErrorCode"], answer["Data"]) == (2, None)


def test_the_fields_are_those_of_the_vendor() -> None:
    """Spelling included: the vendor's own samples have all we show, and nothing is spelled otherwise."""
    samples = SHARED / "wire/data/billbee/php-sdk-fixtures/Model"
    if not samples.exists():
        pytest.skip("the samples of Billbee are not beside the repository (../shared)")
    box = Sandbox(customers=20)
    schema = json.loads((samples.parents[1] / "openapi_reconstructed.json").read_text("utf-8"))["components"]["schemas"]
    seen = {
        "Order": asked(box, "orders")["Data"][0],
        "Customer": asked(box, "customers")["Data"][0],
        "CustomerAddress": asked(box, "customer-addresses")["Data"][0],
        "ShopAccount": asked(box, "shopaccounts")["Data"][0],
        "OrderAddress": next(one["InvoiceAddress"] for one in asked(box, "orders")["Data"] if one["InvoiceAddress"]),
        "OrderUser": asked(box, "orders")["Data"][0]["Buyer"],
        "OrderItem": asked(box, "orders")["Data"][0]["OrderItems"][0],
    }
    box.join(box.customers[min(box.customers)], box.customers[max(box.customers)])
    for name, shown in seen.items():
        assert set(shown) <= set(schema[name]["properties"]), name


# -- lists -------------------------------------------------------------------------------------------------------


def test_filters_by_time_are_newer_than_and_older_or_equal() -> None:
    box = Sandbox(start="2026-11-20T12:00:00Z")
    one, two = box.order(total="1.00"), box.order(total="1.00")  # at 12:00:00 and 12:00:01

    def found(**params: str) -> list[int]:
        return sorted(row["BillBeeOrderId"] for row in asked(box, "orders", **params)["Data"])

    assert found(modifiedAtMin="2026-11-20T12:00:00Z") == [two.id]
    assert found(modifiedAtMax="2026-11-20T12:00:00Z") == [one.id]
    assert found(modifiedAtMax="2026-11-20T13:00:00") == [one.id]  # without offset: the account's zone
    assert found(modifiedAtMin="2026-11-20 12:59") == [one.id, two.id]
    assert found(modifiedAtMin="2026-11-20T12:00:00Z", modifiedAtMax="2026-11-20T12:00:00Z") == []
    box.fault("coarse")
    assert found(modifiedAtMin="2026-11-20T12:00:59Z") == [two.id]  # as if it were 12:00


def test_shops_and_states() -> None:
    box = Sandbox()
    one, two = box.order(store=box.home, state=1), box.order(store=box.market, state=8)
    shops = [box.home.id, box.market.id]
    assert len(asked(box, "orders", shopId=shops)["Data"]) == 2
    assert [row["BillBeeOrderId"] for row in asked(box, "orders", shopId=box.market.id)["Data"]] == [two.id]
    assert [row["BillBeeOrderId"] for row in asked(box, "orders", orderStateId=1)["Data"]] == [one.id]


def test_money_is_a_number_and_ids_are_large() -> None:
    box = Sandbox()
    box.order(items=[{"price": "0.10", "quantity": 3}], shipping_cost=490)
    with opened(box) as client:
        text = client.get("/api/v1/orders").text
    assert '"TotalCost":5.20' in text
    assert f'"BillBeeOrderId":{FIRST_ORDER}' in text
    assert FIRST_ORDER > 2**53


def test_joining_moves_orders_and_tells_of_each() -> None:
    box = Sandbox()
    old, new = box.customer(email="a@mail.example"), box.customer(email="b@mail.example")
    orders = [box.order(customer=old) for _ in range(2)]
    box.join(old, new)
    events = asked(box, "events", typeId=[16])["Data"]
    assert sorted(one["OrderId"] for one in events) == [one.id for one in orders]
    assert {one["TypeId"] for one in events} == {16}
    assert not any("+" in one["Created"] or one["Created"].endswith("Z") for one in events)  # without a zone
    assert events[0]["Created"].startswith("2026-11-20T13:00:")  # noon in Greenwich
    assert {row["Customer"]["Id"] for row in asked(box, "orders")["Data"]} == {new.id}
    assert [row["Id"] for row in asked(box, "customers")["Data"]] == [new.id]
    assert asked(box, "events", orderId=orders[0].id)["Paging"]["TotalRows"] == 1


def test_a_deleted_order_stays_or_vanishes_and_an_event_tells() -> None:
    box = Sandbox()
    one, two = box.order(), box.order()
    box.delete(one)
    box.delete(two, vanish=True)
    assert [row["State"] for row in asked(box, "orders")["Data"]] == [6]
    assert asked(box, f"orders/{two.id}")["ErrorCode"] == 2
    assert len(asked(box, "events", typeId=[5])["Data"]) == 2


def test_orders_are_found_by_the_shops_number_or_id() -> None:
    box = Sandbox()
    one = box.order(number="R 10/7", ident="777")
    for ref in ("R%2010%2F7", "777"):
        assert asked(box, f"orders/findbyextref/{ref}")["Data"]["BillBeeOrderId"] == one.id


def test_the_shops_limit_is_kept() -> None:
    """Two calls a second for each endpoint, and 429 without a word on how long to wait."""
    box = Sandbox(limit=2)
    with opened(box) as client:
        answers = [client.get(f"/api/v1/{path}") for path in ("orders", "orders/1", "orders/2", "customers")]
    assert [one.status_code for one in answers] == [200, 200, 429, 200]
    assert "retry-after" not in answers[2].headers


def test_the_clock_is_in_the_header_and_can_be_advanced() -> None:
    box = Sandbox(start="2031-01-01T00:00:00Z")
    with opened(box) as client:
        assert client.post("/_sandbox/clock", json={"seconds": 90}).json() == {"now": "2031-01-01T00:01:30Z"}
        date = parsedate_to_datetime(client.get("/api/v1/shopaccounts").headers["date"])
        assert date.isoformat() == "2031-01-01T00:01:30+00:00"


# -- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_fault_strikes_and_stops(kind: str) -> None:
    """With it the answers differ from those without it; switched off they are as before."""

    def answers(box: Sandbox) -> list[Any]:
        with opened(box) as client:
            found = []
            for path in ("orders", "customers", "shopaccounts"):
                for page in (1, 2):
                    params = {"page": page, "pageSize": 5, "modifiedAtMin": "2026-11-19T12:00:30Z"}
                    reply = client.get(f"/api/v1/{path}", params=params)
                    found.append((reply.status_code, reply.content))
            return found

    def made() -> Sandbox:
        box = Sandbox(customers=20)
        for number in sorted(box.orders)[:12]:
            box.order(number, modified_at="2026-11-19T12:00:10Z" if kind == "coarse" else "2026-11-20T11:00:00Z")
        return box

    box, plain = made(), answers(made())
    box.fault(kind)
    assert answers(box) != plain
    if kind != "drift":  # what it changed stays changed
        box.fault(kind, 0)
        assert answers(box) == plain


def test_an_unknown_fault_is_an_error() -> None:
    with pytest.raises(ValueError, match="no fault named"):
        Sandbox().fault("nonsense")
    with pytest.raises(Misconfigured) as caught:
        create(customers=1, faults=["nonsense"])
    assert "unpaged" in str(caught.value.hint)
    assert set(FAULTS) > STEADY


def test_it_is_served_with_faults_and_says_how_to_get_in() -> None:
    with serve(create(customers=3, seed=2, faults=["internal:0.0", "other_shop", "429:0.0"])) as url:
        given = httpx.get(f"{url}/_sandbox/settings").json()
        source = BillbeeSource("bb", settings_of(url, **{key: given[key] for key in ("user", "password", "api_key")}))
        assert source.check().identity is not None
        assert httpx.post(f"{url}/_sandbox/mischief", json={"nonsense": 1}).status_code == 400
        assert httpx.post(f"{url}/_sandbox/advance", json={"steps": 2}).json()["happened"]
        assert httpx.get(f"{url}/_sandbox/truth").json()["orders"]
        wrong = BillbeeSource("bb", settings_of(url, password="x"))
        with pytest.raises(SourceRefused):
            wrong.check()
        source.close()
        wrong.close()
