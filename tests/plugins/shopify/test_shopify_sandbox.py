"""The pretend shop behaves as the facts about the real one say: searching, paging, prices, doors, time."""

from __future__ import annotations

import time
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from klientela.kit import DAY, Misconfigured, instant
from klientela.testing import serve
from klientela_shopify.sandbox import CLIENT_ID, CLIENT_SECRET, TOKEN, Sandbox, create
from klientela_shopify.sandbox.search import Unsupported, parse

IDS = "query L($first: Int!, $after: String, $query: String) { %s(first: $first, after: $after, query: $query%s) "
IDS += "{ pageInfo { hasNextPage endCursor } nodes { id } } }"


def listed(box: Sandbox, query: str | None, kind: str = "customers", first: int = 250, sort: str = "") -> list[int]:
    """The ids a search finds, over all pages."""
    found: list[int] = []
    after = None
    while True:
        answer = box.server.answer(IDS % (kind, sort), {"first": first, "after": after, "query": query})
        assert "errors" not in answer, answer
        rows = answer["data"][kind]
        found += [int(node["id"].rpartition("/")[2]) for node in rows["nodes"]]
        if not rows["pageInfo"]["hasNextPage"]:
            return found
        after = rows["pageInfo"]["endCursor"]


def ask(box: Sandbox, question: str, **variables: Any) -> dict[str, Any]:
    return box.server.answer(question, variables)


# -- people ------------------------------------------------------------------------------------------------------


def test_the_same_seed_is_the_same_shop() -> None:
    assert Sandbox(seed=5, customers=80).truth() == Sandbox(seed=5, customers=80).truth()
    assert Sandbox(seed=5, customers=80).truth() != Sandbox(seed=6, customers=80).truth()
    assert Sandbox(seed=5).gid != Sandbox(seed=6).gid


def test_the_same_seed_lives_the_same_life() -> None:
    one, two = Sandbox(seed=5, customers=80), Sandbox(seed=5, customers=80)
    assert one.advance(60) == two.advance(60)
    assert one.truth() == two.truth()


def test_all_kinds_of_people_and_orders_live_there() -> None:
    box = Sandbox(customers=300)
    people, orders, carts = list(box.customers.values()), list(box.orders.values()), list(box.checkouts.values())
    assert {one.state for one in people} == {"ENABLED", "DISABLED", "INVITED", "DECLINED"}
    assert {one.email_consent for one in people} >= {"SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED"}
    assert any(one.first_name is None and one.email is None and one.phone for one in people)  # a telephone alone
    assert any(one.first_name is None and one.email for one in people)  # a newsletter reader
    assert any(len(one.addresses) > 10 for one in people)
    assert any(one.addresses and one.default_address > 0 for one in people)
    homes = Counter((home.zip, home.address1, home.last_name) for one in people for home in one.addresses)
    assert max(homes.values()) > 1  # households
    assert any(one.customer is None and one.email for one in orders)  # guests
    assert any(one.customer is None and not one.email and one.billing is None for one in orders)  # the till
    assert any(one.test for one in orders)
    assert {one.status for one in orders} >= {"PAID", "REFUNDED", "PARTIALLY_REFUNDED", "PENDING"}
    assert any(one.cancelled_at for one in orders)
    assert any(len(one.lines) > 20 and len(one.refunds) > 10 for one in orders)
    assert any(one.completed_at and one.customer for one in carts)
    assert any(one.completed_at is None for one in carts)
    assert any(one.customer is None for one in carts)
    tokens = {one.token for one in carts if one.completed_at}
    assert tokens <= {one.checkout_token for one in orders}
    assert all(one.updated_at < box.clock.now() for one in (*people, *orders, *carts))


def test_telephones_are_nobodys_and_not_shared_by_strangers() -> None:
    box = Sandbox(customers=3000)
    owners: dict[str, set[str | None]] = {}
    for one in box.customers.values():
        if one.phone:
            assert one.phone[:9] in ("+49302312", "+49699000", "+49406696", "+49899999")
            owners.setdefault(one.phone, set()).add(one.last_name)
    assert all(len(names) == 1 for names in owners.values())


# -- hands -------------------------------------------------------------------------------------------------------


def test_hands_change_only_what_they_name() -> None:
    box = Sandbox()
    one = box.customer(77, email="a@mail.example", tags=["VIP"], state="ENABLED", created_at="2024-01-01T00:00:00Z")
    before = one.updated_at
    assert box.customer(77, email="b@mail.example") is one
    assert (one.email, one.tags, one.state, one.created_at) == (
        "b@mail.example",
        ["VIP"],
        "ENABLED",
        instant("2024-01-01T00:00:00Z"),
    )
    assert before < one.updated_at < box.clock.now()


def test_orders_by_hand() -> None:
    box = Sandbox()
    buyer = box.customer(email="a@mail.example")
    order = box.order(customer=buyer, total="100.00", test=True, processed_at="2026-03-01T23:30:00Z")
    assert (order.total, order.test, order.customer) == (10000, True, buyer.id)
    assert [(line.price, line.quantity) for line in order.lines] == [(10000, 1)]
    assert (order.processed_at, order.created_at) == (instant("2026-03-01T23:30:00Z"),) * 2
    assert box.order(lines=[{"price": "1.50", "quantity": 2}, {"price": 70, "total": 60}]).total == 360
    assert box.order(total="1000", currency="JPY").total == 1000
    assert box.spent(buyer) == 0  # a test order


def test_a_field_nobody_knows() -> None:
    with pytest.raises(TypeError, match="colour"):
        Sandbox().customer(colour="red")


def test_an_order_moves_to_another_buyer() -> None:
    box = Sandbox()
    one, two = box.customer(), box.customer()
    order = box.order(customer=one)
    box.order(order.id, customer=two)
    assert box.orders_of[one.id] == []
    assert box.orders_of[two.id] == [order.id]
    box.delete(order)
    assert box.orders_of[two.id] == []


# -- searching ---------------------------------------------------------------------------------------------------


@pytest.fixture
def days() -> Sandbox:
    """Customers 1 to 4, changed at four moments around midnight in Berlin (23:00 UTC)."""
    box = Sandbox(start="2026-11-20T12:00:00Z")
    for number, moment in enumerate(
        ("2026-11-18T22:59:59Z", "2026-11-18T23:00:00Z", "2026-11-19T10:00:00Z", "2026-11-19T23:00:00Z"), 1
    ):
        box.customer(number, updated_at=moment, created_at="2026-01-01T00:00:00Z", email=f"c{number}@mail.example")
    return box


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (None, [1, 2, 3, 4]),
        ("", [1, 2, 3, 4]),
        ("updated_at:>='2026-11-19T10:00:00Z'", [3, 4]),
        ("updated_at:>'2026-11-19T10:00:00Z'", [4]),
        ("updated_at:<'2026-11-19T10:00:00Z'", [1, 2]),
        ("updated_at:<='2026-11-19T11:00:00+01:00'", [1, 2, 3]),
        ('updated_at:>="2026-11-18T23:00:00Z" AND updated_at:<"2026-11-19T23:00:00Z"', [2, 3]),
        ("updated_at:>='2026-11-18T23:00:00Z' updated_at:<'2026-11-19T23:00:00Z'", [2, 3]),
        # the trap: without quotes the clock is ignored and the day begins in the shop's own zone
        ("updated_at:>=2026-11-19T10:00:00Z", [2, 3, 4]),
        ("updated_at:<2026-11-19T10:00:00Z", [1]),
        ("updated_at:>=2026-11-19", [2, 3, 4]),
        ("updated_at:'2026-11-19T10:00:00Z'", [2, 3]),  # a whole day
        ("updated_at:<now", [1, 2, 3, 4]),
        ("updated_at:<=2025", []),
        ("id:>=3", [3, 4]),
        ("id:2", [2]),
        ("id:>1 id:<3", [2]),
        ("email:'c2@mail.example'", [2]),
        ("state:DISABLED", [1, 2, 3, 4]),
        ("nonsense:5", [1, 2, 3, 4]),
    ],
)
def test_search_syntax(days: Sandbox, query: str | None, found: list[int]) -> None:
    assert listed(days, query) == found


def test_an_unknown_field_is_ignored_with_a_warning(days: Sandbox) -> None:
    answer = ask(days, IDS % ("customers", ""), first=1, query="nonsense:5")
    assert answer["extensions"]["search"][0]["warnings"][0]["field"] == "nonsense"


def test_orders_and_checkouts_have_fields_of_their_own() -> None:
    box = Sandbox()
    buyer = box.customer()
    test, real = box.order(test=True), box.order(customer=buyer, processed_at="2020-01-01T00:00:00Z")
    cart = box.checkout()
    done = box.checkout(completed_at="2026-11-20T00:00:00Z")
    assert listed(box, "test:true", "orders") == [test.id]
    assert listed(box, "test:false", "orders") == [real.id]
    assert listed(box, f"customer_id:{buyer.id}", "orders") == [real.id]
    assert listed(box, "processed_at:<'2021-01-01T00:00:00Z'", "orders") == [real.id]
    assert listed(box, "recovery_state:recovered", "abandonedCheckouts") == [done.id]
    assert listed(box, "recovery_state:not_recovered", "abandonedCheckouts") == [cart.id]


@pytest.mark.parametrize("query", ["a OR b", "NOT id:1", "(id:1)", "Bob Norman", "updated_at:>='a"])
def test_what_it_does_not_understand_it_does_not_guess(query: str) -> None:
    with pytest.raises(Unsupported):
        parse(query)


# -- paging ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [1, 7, 250])
@pytest.mark.parametrize("sort", ["", ", sortKey: UPDATED_AT", ", sortKey: UPDATED_AT, reverse: true"])
def test_every_page_size_shows_every_row_once(first: int, sort: str) -> None:
    box = Sandbox(customers=40)
    found = listed(box, None, "orders", first, sort)
    assert sorted(found) == sorted(box.orders)
    if sort:
        moments = [box.orders[number].updated_at for number in found]
        assert moments == sorted(moments, reverse="reverse" in sort)


def test_a_cursor_belongs_to_its_order() -> None:
    box = Sandbox(customers=20)
    answer = ask(box, IDS % ("customers", ""), first=5)
    after = answer["data"]["customers"]["pageInfo"]["endCursor"]
    again = ask(box, IDS % ("customers", ", sortKey: UPDATED_AT"), first=5, after=after)
    assert "Invalid cursor" in again["errors"][0]["message"]
    assert again["data"] is None


@pytest.mark.parametrize("cursor", ["", "nonsense", "e30=", "bnVsbA=="])
def test_a_cursor_that_is_none(cursor: str) -> None:
    answer = ask(Sandbox(customers=2), IDS % ("customers", ""), first=1, after=cursor)
    assert "Invalid cursor" in answer["errors"][0]["message"]


@pytest.mark.parametrize("first", [0, 251, -1])
def test_pages_have_limits(first: int) -> None:
    assert "errors" in ask(Sandbox(customers=2), IDS % ("customers", ""), first=first)


def test_a_list_ends_at_its_depth() -> None:
    box = Sandbox(customers=30)
    box.depth = 10
    with pytest.raises(AssertionError, match="is exceeded"):
        listed(box, None, first=5)


# -- prices ------------------------------------------------------------------------------------------------------

DEAR = "query D($n: Int!) { orders(first: $n) { nodes { id lineItems(first: 250) { nodes { id } } } } }"


def test_a_question_that_is_too_dear_is_refused_and_costs_nothing() -> None:
    box = Sandbox(customers=10)
    left = box.purse.left
    (error,) = ask(box, DEAR, n=250)["errors"]
    assert error["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert error["extensions"]["cost"] > error["extensions"]["maxCost"] == 1000
    assert box.purse.left >= left


def test_an_empty_purse_throttles_and_fills_again() -> None:
    box = Sandbox(customers=10)
    box.purse.restore, box.purse.size = 50.0, 300.0
    costs = []
    while True:
        answer = ask(box, DEAR, n=8)
        status = answer["extensions"]["cost"]
        if "errors" in answer:
            break
        costs.append(status["actualQueryCost"])
        assert status["actualQueryCost"] < status["requestedQueryCost"] == 134
    assert answer["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert "data" not in answer
    assert status["actualQueryCost"] is None
    assert status["throttleStatus"]["restoreRate"] == 50.0
    assert len(costs) >= 2  # what was not needed was given back
    box.purse._at = time.monotonic() - 10
    assert "errors" not in ask(box, DEAR, n=8)


def test_what_is_cheap_and_what_is_not() -> None:
    box = Sandbox(customers=10)

    def cost(query: str) -> int:
        return int(ask(box, query)["extensions"]["cost"]["requestedQueryCost"])

    assert cost("{ shop { id name } }") == 1
    assert cost("{ currentAppInstallation { accessScopes { handle } } }") == 2
    assert cost("{ customers(first: 4) { nodes { id } } }") == 3
    assert cost("{ customers(first: 8) { nodes { id defaultEmailAddress { emailAddress } } } }") == 6
    assert cost('{ node(id: "gid://shopify/Order/1") { ... on Order { refunds(first: 5) { id } } } }') == 6


# -- doors -------------------------------------------------------------------------------------------------------


def test_the_wire() -> None:
    box = Sandbox(customers=3, start="2026-11-20T12:00:00Z")
    with serve(box.app) as url, httpx.Client(base_url=url) as web:
        path = "/admin/api/2026-07/graphql.json"
        body = {"query": "{ shop { id } }"}
        refused = web.post(path, json=body)
        assert (refused.status_code, type(refused.json()["errors"])) == (401, str)
        answer = web.post(path, json=body, headers={"X-Shopify-Access-Token": TOKEN})
        assert answer.json()["data"] == {"shop": {"id": box.gid}}
        assert answer.headers["x-shopify-api-version"] == "2026-07"
        assert answer.headers.get_list("date") == ["Fri, 20 Nov 2026 12:00:00 GMT"]
        key = {"X-Shopify-Access-Token": TOKEN}
        assert (
            web.post("/admin/api/2025-01/graphql.json", json=body, headers=key).headers["x-shopify-api-version"]
            == "2026-01"
        )  # falls forward
        assert web.post("/admin/api/2031-01/graphql.json", json=body, headers=key).status_code == 404
        assert web.post("/admin/api/latest/graphql.json", json=body, headers=key).status_code == 404
        assert web.post(path, content=b"{", headers=key).status_code == 400
        broken = web.post(path, json={"query": "{ shop {"}, headers=key).json()
        assert "Syntax Error" in broken["errors"][0]["message"]
        unknown = web.post(path, json={"query": "{ shop { colour } }"}, headers=key).json()
        assert "data" not in unknown
        change = web.post(path, json={"query": "mutation { x }"}, headers=key).json()
        assert "errors" in change


@pytest.mark.parametrize("form", ["data", "json"])
def test_tokens_for_client_credentials(form: str) -> None:
    box = Sandbox()
    given = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    with serve(box.app) as url, httpx.Client(base_url=url) as web:

        def token(**changes: str) -> httpx.Response:
            return web.post("/admin/oauth/access_token", **{form: {**given, **changes}})  # type: ignore[arg-type]

        made = token().json()
        assert (made["expires_in"], made["scope"]) == (
            86399,
            "read_customers,read_orders,read_all_orders,write_draft_orders",
        )
        key = {"X-Shopify-Access-Token": made["access_token"]}
        question = {"query": "{ shop { id } }"}
        assert web.post("/admin/api/2026-07/graphql.json", json=question, headers=key).status_code == 200
        box.advance_clock(days=1)
        assert web.post("/admin/api/2026-07/graphql.json", json=question, headers=key).status_code == 401
        assert token(client_secret="wrong").json()["error"] == "invalid_client"
        assert token(grant_type="password").status_code == 400


@pytest.mark.parametrize(
    ("scopes", "query", "needed"),
    [
        ((), "{ customers(first: 1) { nodes { id } } }", "read_customers"),
        ((), "{ orders(first: 1) { nodes { id } } }", "read_orders"),
        ((), "{ abandonedCheckouts(first: 1) { nodes { id } } }", "read_orders"),
        (("read_orders",), "{ orders(first: 1) { nodes { customer { id } } } }", "read_customers"),
    ],
)
def test_scopes(scopes: tuple[str, ...], query: str, needed: str) -> None:
    box = Sandbox(customers=10)
    box.scopes = scopes
    (error,) = ask(box, query)["errors"]
    assert error["extensions"]["code"] == "ACCESS_DENIED"
    assert f"`{needed}` access scope" in error["message"]


def test_older_orders_are_hidden_without_a_word() -> None:
    box = Sandbox()
    old = box.order(created_at=box.clock.now() - 61 * DAY)
    new = box.order(created_at=box.clock.now() - 59 * DAY)
    assert listed(box, None, "orders") == [old.id, new.id]
    box.scopes = ("read_customers", "read_orders")
    assert listed(box, None, "orders") == [new.id]


# -- time and mischief -------------------------------------------------------------------------------------------


def test_the_clock_stands_still_or_runs() -> None:
    still, running = Sandbox(), Sandbox(running=True)
    assert still.clock.now() == still.clock.now() == instant("2026-11-20T12:00:00Z")
    running.clock._begun -= 5
    assert running.clock.now() >= instant("2026-11-20T12:00:05Z")


def test_the_index_learns_late() -> None:
    box = Sandbox()
    known = box.customer(email="a@mail.example")
    box.fault("late")
    changed = box.clock.now()
    box.customer(known.id, note="neu")
    new = box.customer(email="b@mail.example")
    assert listed(box, None) == [known.id]
    assert listed(box, f"id:{known.id} updated_at:<'2026-11-20T12:00:01Z'") == [known.id]  # the old time, the new row
    box.advance_clock(301)
    assert listed(box, None) == [known.id, new.id]
    assert known.indexed == known.updated_at == changed


def test_the_levers() -> None:
    box = Sandbox(customers=10)
    with serve(box.app) as url, httpx.Client(base_url=url) as web:
        assert web.get("/_sandbox/settings").json() == {"type": "shopify", "access_token": TOKEN}
        truth = web.get("/_sandbox/truth").json()
        assert len(truth["customers"]) == 10
        assert truth["shop"]["now"] == "2026-11-20T12:00:00Z"
        moved = web.post("/_sandbox/clock", json={"seconds": 3600})
        assert moved.json() == {"now": "2026-11-20T13:00:00Z"}
        assert parsedate_to_datetime(moved.headers["date"]).hour == 13
        assert len(web.post("/_sandbox/advance", json={"steps": 7}).json()["happened"]) == 7
        assert web.get("/_sandbox/truth").json() != truth
        assert web.post("/_sandbox/mischief", json={"drift": 0.5}).json() == {"faults": {"drift": 0.5}}
        assert web.post("/_sandbox/mischief", json={"nope": 1}).status_code == 400


def test_everything_that_can_happen_happens() -> None:
    happened = " ".join(Sandbox(customers=60).advance(300))
    words = ("name", "moved", "mailbox", "UNSUBSCRIBED", "tagged", "account", "new", "placed", "refunded", "cancelled")
    assert [word for word in (*words, "abandoned", "recovered", "deleted") if word not in happened] == []


def test_an_empty_shop_lives_too() -> None:
    box = Sandbox()
    assert len(box.advance(30)) == 30
    assert box.customers or box.orders


def test_another_shop_or_nothing_at_all() -> None:
    box = Sandbox(customers=5)
    box.fault("other_shop")
    assert ask(box, "{ shop { id } }")["data"]["shop"]["id"] == "gid://shopify/Shop/1"
    box.fault("emptied")
    assert listed(box, None) == []
    box.fault("emptied", 0)
    assert len(listed(box, None)) == 5


def test_faults_strike_so_often() -> None:
    box = Sandbox(customers=5)
    box.fault("internal", times=2)
    codes = [ask(box, "{ shop { id } }").get("errors") is not None for _ in range(4)]
    assert codes == [True, True, False, False]
    with pytest.raises(ValueError, match="no fault named 'nope'"):
        box.fault("nope")


def test_a_shop_for_the_command() -> None:
    app: Any = create(customers=12, seed=3, faults=["drift", "late", "429:0.5", "throttled:0.25"])
    with serve(app) as url, httpx.Client(base_url=url) as web:
        assert len(web.get("/_sandbox/truth").json()["customers"]) == 12
        assert web.get("/_sandbox/faults").json()["always"] == {"429": 0.5}
        faults = web.post("/_sandbox/mischief", json={}).json()["faults"]
        assert faults == {"drift": 0.1, "late": 1.0, "throttled": 0.25}
    with pytest.raises(Misconfigured, match="nope") as caught:
        create(faults=["nope"])
    assert caught.value.hint
    assert {"429", "drift"} <= set(caught.value.hint.replace(",", " ").split())
