"""The pretend site keeps to what is known of the real one: limits, traps, shapes, and the same life every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from wix_helpers import sample

from klientela.kit import Misconfigured
from klientela.testing import serve
from klientela_wix.sandbox import API_KEY, APP_ID, APP_SECRET, Sandbox, create


@pytest.fixture
def box() -> Sandbox:
    return Sandbox(customers=40, seed=2)


@pytest.fixture
def client(box: Sandbox) -> Iterator[httpx.Client]:
    with serve(box.app) as url, httpx.Client(base_url=url) as made:
        made.headers.update({"Authorization": API_KEY, "wix-site-id": box.site_id})
        yield made


def contacts(client: httpx.Client, **query: Any) -> Any:
    return client.post("/contacts/v4/contacts/query", json={"query": query})


def orders(client: httpx.Client, **search: Any) -> Any:
    return client.post("/ecom/v1/orders/search", json={"search": search})


def carts(client: httpx.Client, **query: Any) -> Any:
    return client.post("/ecom/v1/abandoned-checkout/query", json={"query": query})


def test_the_same_seed_is_the_same_site() -> None:
    one, two, other = Sandbox(customers=30, seed=4), Sandbox(customers=30, seed=4), Sandbox(customers=30, seed=5)
    assert one.advance(50) == two.advance(50)
    assert one.truth() == two.truth()
    assert one.truth() != other.truth()
    assert one.site_id != other.site_id


def test_a_site_holds_every_kind_of_people_and_fate() -> None:
    box = Sandbox(customers=400, seed=1)
    assert {one.status for one in box.members.values()} == {"APPROVED", "PENDING", "BLOCKED", "OFFLINE"}
    assert {one.verified for one in box.members.values()} == {True, False}
    everything = list(box.orders.values())
    assert {one.status for one in everything} >= {"APPROVED", "CANCELED"}
    paid = {one.payment_status for one in everything}
    assert paid >= {"PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED", "NOT_PAID", "DECLINED"}
    assert {(one.member is not None, one.visitor is not None) for one in everything} == {
        (True, False),
        (False, True),
        (False, False),
    }
    assert any(one.demo for one in everything)
    assert {one.email_consent for one in box.contacts.values()} == {"SUBSCRIBED", "UNSUBSCRIBED", "NOT_SET", "PENDING"}
    recovered = [one for one in box.checkouts.values() if one.recovered_at is not None]
    assert recovered
    assert len(recovered) < len(box.checkouts)
    ours = {one.checkout_id for one in everything}
    assert all(one.checkout_id in ours for one in recovered)
    assert box.merged
    now = box.clock.now()
    things = [*box.contacts.values(), *box.members.values(), *everything, *box.checkouts.values()]
    assert all(one.created_at <= one.updated_at < now for one in things)


def test_nobody_who_lives_is_in_it() -> None:
    for one in Sandbox(customers=200).contacts.values():
        assert one.email is None or one.email.endswith(".example")
        assert one.phone is None or one.phone[:10] in ("+493023125", "+496990009", "+494066969", "+498999998")


# -- the questions -------------------------------------------------------------------------------------------------


def test_the_questions_of_the_samples_are_understood(client: httpx.Client) -> None:
    asked = client.post(
        "/contacts/v4/contacts/query", json={"query": sample("sample_contacts_query.request.json")["query"]}
    )
    assert asked.status_code == 200
    asked = client.post("/ecom/v1/orders/search", json=sample("sample_orders_search.request.json"))
    assert asked.status_code == 200
    onward = sample("sample_orders_search.next.request.json")
    assert client.post("/ecom/v1/orders/search", json=onward).status_code == 400  # a cursor of nobody


@pytest.mark.parametrize(
    "query",
    [
        {"paging": {"limit": 1001}},
        {"paging": {"limit": 0}},
        {"sort": [{"fieldName": "updatedDate", "order": "ASC"}]},
        {"sort": [{"fieldName": "createdDate"}, {"fieldName": "info.name.last"}]},
        {"filter": {"nickname": "x"}},
        {"filter": {"updatedDate": {"$gte": "2026-01-01T00:00:00Z", "$lt": "2026-02-01T00:00:00Z"}}},
        {"filter": {"updatedDate": {"$gte": "yesterday"}}},
        {"filter": {"updatedDate": {"$near": 1}}},
        {"filter": []},
    ],
)
def test_what_contacts_cannot_be_asked(client: httpx.Client, query: dict[str, Any]) -> None:
    answer = contacts(client, **query)
    assert answer.status_code == 400
    assert answer.json()["details"]["validationError"]["fieldViolations"][0]["field"]


def test_offsets(client: httpx.Client, box: Sandbox) -> None:
    first = contacts(
        client, paging={"limit": 25, "offset": 0}, sort=[{"fieldName": "createdDate", "order": "ASC"}]
    ).json()
    rest = contacts(
        client, paging={"limit": 25, "offset": 25}, sort=[{"fieldName": "createdDate", "order": "ASC"}]
    ).json()
    shown = [one["id"] for one in first["contacts"] + rest["contacts"]]
    assert sorted(shown) == sorted(box.contacts)
    assert first["pagingMetadata"] == {"count": 25, "offset": 0, "total": len(box.contacts), "tooManyToCount": False}
    created = [one["createdDate"] for one in first["contacts"]]
    assert created == sorted(created)
    assert len(contacts(client).json()["contacts"]) == min(50, len(box.contacts))


def test_two_operators_in_one_object_are_refused_and_and_is_not(client: httpx.Client) -> None:
    both = {"updatedDate": {"$gte": "2026-01-01T00:00:00Z", "$lt": "2027-01-01T00:00:00Z"}}
    assert orders(client, filter=both).status_code == 400
    apart = {
        "$and": [{"updatedDate": {"$gte": "2026-01-01T00:00:00Z"}}, {"updatedDate": {"$lt": "2027-01-01T00:00:00Z"}}]
    }
    assert orders(client, filter=apart).status_code == 200


def test_orders_that_are_not_yet_any_are_never_shown(client: httpx.Client, box: Sandbox) -> None:
    hidden = box.order(status="INITIALIZED")
    assert hidden.id not in {one["id"] for one in _all(client, "orders")}
    shown = {one["id"] for one in _all(client, "orders")}
    assert shown == set(box.orders) - {hidden.id}


def _all(client: httpx.Client, key: str) -> list[dict[str, Any]]:
    ask = orders if key == "orders" else carts
    found: list[dict[str, Any]] = []
    paging: dict[str, Any] = {"limit": 7}
    while True:
        answer = ask(client, cursorPaging=paging).json()
        found += answer[key]
        onward = answer["metadata"]["cursors"].get("next")
        if onward is None:
            return found
        paging = {"limit": 7, "cursor": onward}


def test_cursors(client: httpx.Client, box: Sandbox) -> None:
    first = orders(client, cursorPaging={"limit": 5}, sort=[{"fieldName": "updatedDate", "order": "ASC"}]).json()
    metadata = first["metadata"]
    assert (metadata["count"], metadata["hasNext"]) == (5, True)
    cursor = metadata["cursors"]["next"]
    beside = orders(client, cursorPaging={"cursor": cursor}, filter={"status": "APPROVED"})
    assert beside.status_code == 400
    assert orders(client, cursorPaging={"limit": 5, "cursor": cursor}).json()["orders"][0] not in first["orders"]
    box.expire_cursors()
    assert orders(client, cursorPaging={"limit": 5, "cursor": cursor}).status_code == 400
    assert orders(client, cursorPaging={"limit": 101}).status_code == 400


def test_checkouts_do_not_say_whether_there_are_more(client: httpx.Client, box: Sandbox) -> None:
    assert "hasNext" not in carts(client, cursorPaging={"limit": 1}).json()["metadata"]
    assert len(_all(client, "abandonedCheckouts")) == len(box.checkouts)


def test_a_merged_away_contact_answers_with_the_one_that_stayed(client: httpx.Client, box: Sandbox) -> None:
    one, two = box.contact(first_name="A"), box.contact(first_name="B")
    third = box.contact(first_name="C")
    box.merge(one, two)
    box.merge(third, one)
    assert client.get(f"/contacts/v4/contacts/{two.id}").json()["contact"]["id"] == third.id
    assert client.get("/contacts/v4/contacts/nobody").status_code == 404
    assert two.id not in box.contacts


def test_only_a_full_member_shows_how_it_logs_in(client: httpx.Client) -> None:
    public = client.post("/members/v1/members/query", json={"query": {}}).json()["members"]
    full = client.post("/members/v1/members/query", json={"query": {}, "fieldsets": ["FULL"]}).json()["members"]
    assert all("loginEmail" not in one for one in public)
    assert all("loginEmail" in one for one in full)
    assert client.post("/members/v1/members/query", json={"query": {"filter": {"updatedDate": "x"}}}).status_code == 400


@pytest.mark.parametrize(
    ("name", "path", "key", "body"),
    [
        ("sample_contacts_query", "/contacts/v4/contacts/query", "contacts", {"query": {"fieldsets": ["FULL"]}}),
        ("sample_orders_search", "/ecom/v1/orders/search", "orders", {"search": {}}),
        ("sample_abandoned_checkouts_query", "/ecom/v1/abandoned-checkout/query", "abandonedCheckouts", {"query": {}}),
    ],
)
def test_answers_have_the_shape_of_the_samples(
    client: httpx.Client, name: str, path: str, key: str, body: dict[str, Any]
) -> None:
    wanted = sample(f"{name}.response.json")[key][0]
    shown = client.post(path, json=body).json()[key]
    assert any(wanted.keys() - one.keys() <= {"cartId", "activities", "attributionSource"} for one in shown)


# -- the doors -----------------------------------------------------------------------------------------------------


def test_doors(client: httpx.Client, box: Sandbox) -> None:
    assert contacts(client).status_code == 200
    client.headers["wix-site-id"] = "another"
    assert contacts(client).status_code == 403
    client.headers["Authorization"] = "another"
    assert contacts(client).status_code == 401
    form = {"grant_type": "client_credentials", "client_id": APP_ID, "client_secret": APP_SECRET}
    assert client.post("/oauth2/token", json=form).status_code == 400
    token = client.post("/oauth2/token", json={**form, "instance_id": box.instance_id}).json()
    assert token["expires_in"] == 14_400
    client.headers["Authorization"] = token["access_token"]
    assert contacts(client).status_code == 200
    assert client.get("/apps/v1/instance").json()["site"]["siteId"] == box.site_id
    box.advance_clock(14_400)
    assert contacts(client).status_code == 401


def test_the_two_hundred_and_first_call_of_a_minute_is_refused(client: httpx.Client, box: Sandbox) -> None:
    box.calls_a_minute = 200
    assert {contacts(client).status_code for _ in range(200)} == {200}
    answer = contacts(client)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert answer.json()["details"]["applicationError"]["code"] == "RESOURCE_EXHAUSTED"
    box.advance_clock(60)
    assert contacts(client).status_code == 200


def test_levers(client: httpx.Client, box: Sandbox) -> None:
    assert client.get("/_sandbox/settings").json() == {"type": "wix", "api_key": API_KEY, "site_id": box.site_id}
    assert "webhook_public_key" in client.get("/_sandbox/settings?app=1").json()
    before = client.get("/_sandbox/truth").json()
    assert client.post("/_sandbox/advance", json={"steps": 30}).json()["happened"]
    assert client.get("/_sandbox/truth").json() != before
    assert client.post("/_sandbox/mischief", json={"drift": 0.5}).json() == {"faults": {"drift": 0.5}}
    assert client.post("/_sandbox/mischief", json={"nope": 1}).status_code == 400
    then = json.loads(client.post("/_sandbox/clock", json={"seconds": 60}).content)["now"]
    assert then == box.truth()["site"]["now"]


def test_members_stay_when_others_are_merged(box: Sandbox) -> None:
    one, two = box.contact(email="a@post.example"), box.contact(email="b@post.example")
    box.member(two)
    with pytest.raises(ValueError, match="target"):
        box.merge(one, two)
    box.merge(two, one)
    assert box.contacts[two.id].more_emails == ["a@post.example"]


def test_faults_on_the_command_line() -> None:
    assert create(customers=2, faults=["drift:0.5", "late", "429:0.1"])
    with pytest.raises(Misconfigured, match="nope") as caught:
        create(customers=2, faults=["nope"])
    assert {"429", "drift"} <= set(str(caught.value.hint).replace(",", " ").split())
