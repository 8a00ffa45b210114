"""Orders on the page: the list by customer, state and test, one order as its carriers tell it, placing one by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

import httpx
import pytest
from playwright.sync_api import Page

from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Line, Number, Origin
from klientela.rules.ruleset import SourceRules
from klientela.store import Store
from klientela.store.orderlist import Cursor
from klientela.testing import serve
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.sandbox.drafts import complete
from tests.cases.seen import Desk, account, at, guest_order, order
from tests.shops import bring, use
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served

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


# -- orders that are written into a shop ------------------------------------------------------------------------------------

SHOPIFY = """
[sources.main]
type = "shopify"
base_url = "{url}"
access_token = "{token}"
{more}
"""


@pytest.fixture
def box() -> Iterator[tuple[Sandbox, str]]:
    """A pretend Shopify shop with one customer, over real HTTP."""
    made = Sandbox()
    made.customer(state="ENABLED", first_name="Anna", last_name="Ahorn", email="anna@example.com")
    with serve(made.app) as url:
        yield made, url


def connected(served: Served, box: tuple[Sandbox, str], more: str = "write_orders = true") -> str:
    """The shop is configured and was synced; Anna's key."""
    served.configure(CONFIG + SHOPIFY.format(url=box[1], token=box[0].token, more=more))
    synced(served)
    (number,) = box[0].customers
    return f"main/customer/{number}"


def synced(served: Served) -> None:
    config = served.house.config
    source = served.house.plugins.make("main", config.settings.sources["main"], shop=config.shop())
    try:
        assert sync(served.store, source).status == "ok"
    finally:
        source.close()


def placed(served: Served, customer: str, to: str = "main") -> tuple[httpx.Client, httpx.Response]:
    """An editor's client, and the page it comes to after an order of 2 x 12.50 less 3.00."""
    client = served.client("operator")
    data = {"customer": customer, "title": "Tea", "quantity": "2", "price": "12,50", "voucher": "SPRING",
            "discount": "3.00", "to": to}  # fmt: skip
    answer = client.post("/orders/new", data=data)
    assert answer.status_code == 303, answer.text
    return client, client.get(answer.headers["location"])


def test_S19_S20_an_order_is_written_into_the_shop_and_comes_back_as_one(
    served: Served, store: Store, box: tuple[Sandbox, str]
) -> None:
    customer = connected(served, box)
    form = served.client("editor").get("/orders/new", params={"customer": customer}).text
    assert '<option value="main" selected>main (Shopify)' in form, "the customer's own shop is meant first"
    client, page = placed(served, customer)
    assert "main has taken the order as a draft" in page.text
    assert 'action="/undo"' not in page.text
    assert "counts until the draft becomes an order" in page.text
    complete(box[0], "gid://shopify/DraftOrder/9900001")
    synced(served)
    assert numbers(client.get("/orders")) == [str(next(iter(box[0].orders)))], "one order, and the shop's own"
    page = client.get(str(page.url.path))
    assert "What the shop says of it counts now" in page.text
    assert "Counts with €22.00" in page.text
    assert rebuild(store, check=True).differences == []


def test_S19_an_order_that_may_have_arrived_is_looked_for_by_a_person(
    served: Served, store: Store, box: tuple[Sandbox, str]
) -> None:
    customer = connected(served, box)
    box[0].faults.on("reset", body="draftOrderCreate")
    client, page = placed(served, customer)
    key = page.url.path.removeprefix("/orders/")
    assert "It is not known whether main has taken the order" in page.text
    assert "klientela-" + key.rpartition("/")[2] in page.text
    assert 'action="/orders/send"' not in page.text
    box[0].faults.calm()
    again = client.get(client.post("/orders/send", data={"key": key, "to": "main"}).headers["location"])
    assert "Not sent: nobody knows whether main has taken this order" in again.text
    assert len(box[0].drafts) == 1, "never twice by itself"
    assert served.client("editor").post("/orders/looked", data={"key": key, "there": "yes"}).status_code == 403
    page = client.get(client.post("/orders/looked", data={"key": key, "there": "no"}).headers["location"])
    assert "has not got this order" in page.text
    page = client.get(client.post("/orders/send", data={"key": key, "to": "main"}).headers["location"])
    assert "main has taken the order as a draft" in page.text
    assert len(box[0].drafts) == 2, "somebody looked, and said that it was not there"


@pytest.mark.parametrize("more", ["", "write_orders = false"])
def test_S19_a_source_that_is_only_read_is_never_written_to(
    served: Served, store: Store, box: tuple[Sandbox, str], more: str
) -> None:
    customer = connected(served, box, more)
    client = served.client("editor")
    assert '<select name="to"' not in client.get("/orders/new", params={"customer": customer}).text
    data = {"customer": customer, "title": "Tea", "quantity": "1", "price": "5", "to": "main"}
    answer = client.post("/orders/new", data=data)
    assert (answer.status_code, "are not written into" in answer.text) == (400, True)
    assert Desk(store).rows()[0]["orders"] == 0
    key = client.post("/orders/new", data={**data, "to": ""}).headers["location"].removeprefix("/orders/")
    page = client.get(client.post("/orders/send", data={"key": key, "to": "main"}).headers["location"])
    assert "Not sent: orders are not written into" in page.text
    assert box[0].drafts == {}


def test_S19_what_the_shop_does_not_take_stays_here_and_can_be_taken_back(
    served: Served, store: Store, box: tuple[Sandbox, str]
) -> None:
    customer = connected(served, box)
    box[0].scopes = tuple(scope for scope in box[0].scopes if scope != "write_draft_orders")
    client, page = placed(served, customer)
    assert "main did not take it: the app may not write orders: it lacks the scope write_draft_orders" in page.text
    undo = re.search(r'name="seq" value="(\d+)"', page.text)
    assert undo is not None
    assert client.post("/undo", data={"seq": undo[1]}).status_code == 303
    assert client.get(page.url.path).status_code == 404


def test_S19_a_shop_that_is_not_there_is_told_and_the_order_is_kept(
    served: Served, store: Store, box: tuple[Sandbox, str]
) -> None:
    customer = connected(served, box)
    box[0].closed = 402
    _, page = placed(served, customer)
    assert "was not sent" in page.text
    assert "frozen" in page.text
    assert Desk(store).rows()[0]["orders"] == 1


def test_S19_the_profile_leads_to_placing_an_order(served: Served, shop: Store) -> None:
    one = Desk(shop).public("1")
    assert f'href="/orders/new?customer={one}"' in served.client("editor").get(f"/customers/{one}").text
    assert "/orders/new" not in served.client("viewer").get(f"/customers/{one}").text


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_S19_an_order_is_sent_by_keyboard_and_axe_finds_nothing(
    served: Served, store: Store, box: tuple[Sandbox, str], browse: Browse, way: dict[str, int]
) -> None:
    customer = connected(served, box)
    box[0].faults.on("reset", body="draftOrderCreate")
    tab = browse(f"/orders/new?customer={customer}", **way)
    assert violations(tab) == []
    tab.get_by_label("Product").first.fill("Tea")
    tab.get_by_label("Price each (EUR)").first.fill("12.50")
    tab.keyboard.press("Enter")
    tab.get_by_text("It is not known whether main has taken the order").wait_for()
    assert violations(tab) == []
    tab.get_by_role("button", name="I looked: it is not in the shop").focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Send", exact=True).wait_for()
    assert violations(tab) == []
    assert len(box[0].drafts) == 1
