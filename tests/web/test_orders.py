"""Orders on the page: the list by customer, state and test, one order as its carriers tell it, placing one by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import httpx
import pytest
from playwright.sync_api import Page

from klientela.flow.rebuild import rebuild
from klientela.kit import Line, Number, Origin
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.store.orderlist import Cursor
from tests.cases.seen import Desk, account, at, guest_order, order
from tests.shops import bring, use
from tests.web.axe import violations
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def shop(store: Store) -> Store:
    """Anna with three orders, Ben with one, and one of the point of sale that nobody placed (R13b)."""
    bring(store, "S", [
        account("1", "Anna", "Ahorn", email="anna@x.de", numbers=[Number("4711")]),
        account("2", "Ben", "Buche", email="ben@x.de"),
        order("o1", 1000, customer="1", number="#1001", placed_at=at("2026-03-01 12:00"),
              lines=[Line(title="Tea", sku="T-1", quantity=2, unit_price=500, total=1000)]),
        order("o2", 2500, customer="1", number="#1002", placed_at=at("2026-03-03 12:00"), state="cancelled"),
        order("o3", 900, customer="1", number="#1003", placed_at=at("2026-03-02 12:00"), test=True),
        order("o4", 4200, customer="2", number=EVIL, placed_at=at("2026-03-05 12:00")),
        order("pos", 350, number="#POS", placed_at=None),
    ])  # fmt: skip
    return store


def numbers(answer: httpx.Response) -> list[str]:
    """The orders that a page lists, in their order."""
    assert answer.status_code == 200, answer.text
    return re.findall(r'href="/orders/[^"]*/order/([^"]+)"', answer.text)


def test_all_orders_stand_newest_first_also_those_without_customer(served: Served, shop: Store) -> None:
    answer = served.client("viewer").get("/orders")
    assert numbers(answer) == ["o4", "o2", "o3", "o1", "pos"]
    assert "without customer" in answer.text
    assert EVIL not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("how", ["4711", "S/customer/1", "id"])
def test_C31_C32_C33_the_list_is_filtered_by_customer_number_id_and_record(
    served: Served, shop: Store, how: str
) -> None:
    text = Desk(shop).public("1") if how == "id" else how
    answer = served.client("viewer").get("/orders", params={"customer": text})
    assert numbers(answer) == ["o2", "o3", "o1"]
    assert "Anna Ahorn" in answer.text
    profile = Desk(shop).profile("1")
    assert {one["number"] for one in profile["order_list"]} == {"#1001", "#1002", "#1003"}, (
        "the same set in both places"
    )


def test_C33_an_order_placed_logged_out_is_not_the_account_s(served: Served, store: Store) -> None:
    use(store, sources={"S": SourceRules(guests="per_order")})
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", numbers=[Number("4711")]),
                       order("in", customer="1"), guest_order("out", "anna@x.de", customer="1")])  # fmt: skip
    assert numbers(served.client("viewer").get("/orders", params={"customer": "4711"})) == ["in"]


def test_the_list_is_filtered_by_state_and_test(served: Served, shop: Store) -> None:
    client = served.client("viewer")
    assert numbers(client.get("/orders", params={"state": "cancelled"})) == ["o2"]
    assert numbers(client.get("/orders", params={"test": "yes"})) == ["o3"]
    assert numbers(client.get("/orders", params={"test": "no", "customer": "4711"})) == ["o2", "o1"]


def test_a_customer_that_is_nobody_and_strange_words_are_answered(served: Served, shop: Store) -> None:
    client = served.client("viewer")
    assert (
        "no customer has the number or id nobody" in client.get("/orders", params={"customer": "nobody"}).text.lower()
    )
    assert numbers(client.get("/orders", params={"state": "'; DROP TABLE orders", "after": "x.1"})) == [
        "o4", "o2", "o3", "o1", "pos"
    ]  # fmt: skip
    for key in ("S/order/none", "1", "S/customer/1"):
        assert client.get(f"/orders/{key}").status_code == 404, key


def test_pages_follow_each_other_and_hold_each_order_once(
    served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from klientela_web.pages import orders

    monkeypatch.setattr(orders, "_SIZE", 4)
    bring(
        store, "S", [order(f"o{n}", 100, placed_at=None if n % 3 == 0 else at("2026-03-01 12:00")) for n in range(11)]
    )
    client, path, seen = served.client("viewer"), "/orders", []
    while path:
        answer = client.get(path)
        seen.append(numbers(answer))
        path = answer.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert [len(page) for page in seen] == [4, 4, 3]
    flat = [one for page in seen for one in page]
    assert sorted(flat) == sorted(f"o{n}" for n in range(11))
    dated = [int(one[1:]) % 3 != 0 for one in flat]
    assert all(one >= two for one, two in pairwise(dated)), "those without a date stand last"


@pytest.mark.parametrize("text", ["", "1", "1.2.3", "a.b", "-.1", "1.-2", f"{2**63}.1", "9" * 30 + ".1"])
def test_no_cursor_is_made_of_nonsense(text: str) -> None:
    assert Cursor.read(text) is None


def test_a_cursor_is_read_as_it_was_written() -> None:
    for one in (Cursor(5, 7), Cursor(-(2**62), 1)):
        assert Cursor.read(one.text()) == one


def test_C30_an_order_is_told_with_its_lines_and_why_it_counts(served: Served, shop: Store) -> None:
    client = served.client("viewer")
    page = client.get("/orders/S/order/o1").text
    for part in ("Order #1001", "Tea", "T-1", "€5.00", "Counts with €10.00", "Anna Ahorn", "S/order/o1"):
        assert part in page, part
    assert f"/customers/{Desk(shop).public('1')}" in page
    assert "Does not count: cancelled" in client.get("/orders/S/order/o2").text
    assert "a test order" in client.get("/orders/S/order/o3").text
    assert EVIL not in client.get("/orders/S/order/o4").text


def test_R29_an_order_with_two_carriers_stands_once_and_names_both(served: Served, store: Store) -> None:
    use(store, sources={"B": SourceRules(same_as={"7": "S"}), "S": SourceRules()})
    bring(store, "S", [account("1", "Anna", "Ahorn"), order("100", 1000, customer="1", number="#1001")])
    bring(store, "B", [order("b1", 1100, number="B-1", origin=Origin(platform="shop", shop="7", id="100"))])
    client = served.client("viewer")
    assert numbers(client.get("/orders")) == ["100"]
    page = client.get("/orders/B/order/b1").text
    assert "Order #1001" in page, "by the key of either carrier"
    assert "B/order/b1" in page
    assert "S/order/100" in page
    assert "€11.00" in page, "what the other carrier says stands beside it"


def test_S19_S20_an_order_is_placed_with_a_voucher_and_taken_back(served: Served, shop: Store) -> None:
    client = served.client("editor")
    one = Desk(shop).public("1")
    page = client.get("/orders/new", params={"customer": one}).text
    assert "Anna Ahorn" in page
    assert "not sent to the shop" in page
    data = {"customer": one, "title": ["Tea", EVIL, ""], "quantity": ["2", "1", "1"], "price": ["12,50", "5", ""],
            "voucher": "SPRING", "discount": "3.00"}  # fmt: skip
    answer = client.post("/orders/new", data=data)
    assert answer.status_code == 303, answer.text
    page = client.get(answer.headers["location"]).text
    for part in ("€25.00", "€27.00", "voucher SPRING", "not sent to the shop", "Anna Ahorn"):
        assert part in page, part
    assert EVIL not in page
    assert len(Desk(shop).profile("1")["order_list"]) == 4
    assert rebuild(shop, check=True).differences == []
    undo = re.search(r'name="seq" value="(\d+)"', page)
    assert undo is not None
    assert client.post("/undo", data={"seq": undo[1]}).status_code == 303
    assert len(Desk(shop).profile("1")["order_list"]) == 3
    assert client.get(answer.headers["location"]).status_code == 404
    assert rebuild(shop, check=True).differences == []


@pytest.mark.parametrize(
    ("data", "wrong"),
    [({}, "has no line"), ({"title": "Tea", "quantity": "x", "price": "1"}, "is no quantity"),
     ({"title": "Tea", "quantity": "1", "price": "-1"}, "is no price"),
     ({"title": "Tea", "quantity": "1", "price": "1.234"}, "is no price"),
     ({"title": "", "quantity": "1", "price": "1"}, "needs a product"),
     ({"title": "Tea", "quantity": "1", "price": "1", "discount": "2"}, "more than the order")],
)  # fmt: skip
def test_S19_a_bad_order_is_told_and_nothing_is_kept(
    served: Served, shop: Store, data: dict[str, str], wrong: str
) -> None:
    before = Desk(shop).count("record")
    answer = served.client("editor").post("/orders/new", data={"customer": "S/customer/1", **data})
    assert (answer.status_code, wrong in answer.text) == (400, True)
    assert Desk(shop).count("record") == before


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize(
    "path", ["/orders", "/orders?customer=4711&state=offer", "/orders/S/order/o1", "/orders/new?customer=4711"]
)
@on_sqlite
def test_axe_finds_nothing(shop: Store, browse: Browse, way: dict[str, int], path: str) -> None:
    assert violations(browse(path, **way)) == []
