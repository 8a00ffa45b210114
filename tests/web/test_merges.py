"""Deciding who is one person on the page: the queue, joining by hand, why, the log, what other rules would do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klientela.flow import rules
from klientela.kit import Address
from klientela.rules.ruleset import Ruleset
from klientela.store import Store
from tests.cases.seen import Desk, account, contact, order
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
HOME = [Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")]


@pytest.fixture
def pair(store: Store) -> Store:
    """Two accounts of one shop that share a name and a phone: the rules leave that to people (R20b)."""
    bring(store, "S", [
        account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 9135728", created_at=1),
        account("2", "Anna", "Ahorn", email="ahorn@y.de", phone="+49 30 9135728", created_at=2),
        order("o1", 1000, customer="1"), order("o2", 2500, customer="2"),
    ])  # fmt: skip
    return store


def test_the_queue_shows_both_sides_and_a_yes_joins_them(served: Served, pair: Store) -> None:
    client = served.client("operator")
    page = client.get("/merges").text
    assert "Two accounts of one shop" in page
    assert "anna@x.de" in page
    assert "ahorn@y.de" in page
    item = {"kind": "same_source", "record": re.findall(r'name="record" value="([^"]+)"', page)}
    answer = client.post("/merges/decide", data={**item, "do": "accept"})
    assert answer.status_code == 303
    assert len(Desk(pair).rows()) == 1
    assert "There is nothing to decide" in client.get("/merges").text
    again = client.post("/merges/decide", data={**item, "do": "reject"})
    assert (again.status_code, "decided or changed meanwhile" in again.text) == (409, True)
    assert len(Desk(pair).rows()) == 1


def test_how_many_questions_wait_stands_beside_their_room(served: Served, pair: Store) -> None:
    client = served.client("operator")
    beside = re.compile(r'href="/merges"[^>]*>.*?</a>', re.DOTALL)

    def told(page: str) -> str:
        return re.sub(r"<[^>]+>", "", beside.findall(page)[0].partition(">")[2])

    end = time.monotonic() + 20
    while told(client.get("/orders").text) != "Merges1":  # counted after an answer, shown by a later one
        assert time.monotonic() < end
        time.sleep(0.02)
    records = re.findall(r'name="record" value="([^"]+)"', client.get("/merges").text)
    client.post("/merges/decide", data={"kind": "same_source", "record": records, "do": "reject"})
    assert told(client.get("/merges").text) == "Merges", "the queue itself knows at once"
    assert told(client.get("/orders").text) == "Merges"


def test_two_of_the_list_are_joined_by_ticking_them(served: Served, pair: Store) -> None:
    client, ids = served.client("operator"), [row["id"] for row in Desk(pair).rows()]
    led = client.post("/customers/bulk", data={"do": "merge", "id": ids})
    assert led.headers["location"] == f"/merges?one={ids[0]}&two={ids[1]}"
    page = client.get(led.headers["location"]).text
    assert all(f'value="{one}" required' in page for one in ids)
    alone = client.post("/customers/bulk", data={"do": "merge", "id": ids[:1]})
    assert (alone.status_code, "Tick exactly two of them." in alone.text) == (400, True)
    assert served.client("editor").post("/customers/bulk", data={"do": "merge", "id": ids}).status_code == 403


def test_a_no_is_remembered(served: Served, pair: Store) -> None:
    client = served.client("operator")
    page = client.get("/merges").text
    records = re.findall(r'name="record" value="([^"]+)"', page)
    client.post("/merges/decide", data={"kind": "same_source", "record": records, "do": "reject"})
    assert len(Desk(pair).rows()) == 2
    assert "There is nothing to decide" in client.get("/merges").text


def test_who_may_not_decide_only_looks(served: Served, pair: Store) -> None:
    client = served.client("editor")
    page = client.get("/merges").text
    assert "One person</button>" not in page
    data = {"kind": "same_source", "record": ["S/customer/1", "S/customer/2"], "do": "accept"}
    assert client.post("/merges/decide", data=data).status_code == 403


def test_joining_by_hand_is_shown_first_and_taken_back_from_the_log(served: Served, store: Store) -> None:
    bring(store, "S", [account(name, name, "Roth", email=f"{name}@x.de", created_at=n) for n, name in enumerate("AB")])
    client = served.client("operator")
    data = {"one": "S/customer/A", "two": "S/customer/B", "reason": "married"}
    assert "Nothing moves" in client.post("/merges/merge", data=data).text
    assert len(Desk(store).rows()) == 2
    assert client.post("/merges/merge", data={**data, "sure": "1"}).status_code == 303
    assert len(Desk(store).rows()) == 1
    log = client.get("/audit").text
    assert "married" in log
    seq = re.findall(r'action="/undo".*?name="seq" value="(\d+)"', log, re.DOTALL)[0]
    assert served.client("editor").post("/undo", data={"seq": seq}).status_code == 403
    assert client.post("/undo", data={"seq": seq}).status_code == 303
    assert len(Desk(store).rows()) == 2
    assert client.post("/undo", data={"seq": seq}).status_code == 409


@pytest.mark.parametrize(
    ("one", "two", "reason", "wrong"),
    [("nobody", "S/customer/1", "x", "nobody"), ("S/customer/1", "S/customer/1", "x", "one customer already"),
     ("S/customer/1", "S/customer/2", " ", "needs a reason")],
)  # fmt: skip
def test_bad_joins_are_told_and_write_nothing(
    served: Served, pair: Store, one: str, two: str, reason: str, wrong: str
) -> None:
    data = {"one": one, "two": two, "reason": reason, "sure": "1"}
    answer = served.client("operator").post("/merges/merge", data=data)
    assert answer.status_code == 400
    assert wrong in answer.text
    assert len(Desk(pair).rows()) == 2


def test_D3_why_and_why_not_are_explained_with_masked_values(served: Served, store: Store) -> None:
    bring(store, "S", [account("1", "Anna", "Ahorn", email="anna@x.de", addresses=HOME)])
    bring(store, "L", [contact("2", "Anna", "Ahorn", email="anna@x.de"), contact("3", "Ben", "Ahorn", addresses=HOME)])
    client = served.client("viewer")
    one, other = Desk(store).public("1"), Desk(store).public("3", "L")
    home = f"/customers/{Desk(store).by_id(one)['id']}/why"
    assert client.get(f"/why/{one}").headers["location"] == home
    assert client.get(f"/why/{one}", params={"other": "L/customer/2"}).headers["location"] == home
    page = client.get(f"/customers/{one}/why").text
    assert "S/customer/1" in page
    assert "L/customer/2" in page
    assert "anna@x.de" not in page, "masked"
    page = client.get(f"/why/{one}", params={"other": other}).text
    assert "What keeps them apart" in page
    assert client.get("/why/nobody").status_code == 404


def test_the_log_is_searched_by_customer_kind_and_pages(served: Served, store: Store) -> None:
    bring(store, "S", [account(str(n), f"N{n}", "Roth", email=f"n{n}@x.de") for n in range(120)])
    bring(store, "L", [contact(str(n), f"N{n}", "Roth", email=f"n{n}@x.de") for n in range(120)])
    client = served.client("viewer")
    page = client.get("/audit").text
    assert re.search(r'href="/customers/[^"]+" title="[^"]+">N\d+ Roth</a>', page), "people, not numbers"
    assert page.count("<time datetime") == 100
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    numbers = [int(one) for text in (page, client.get(older).text) for one in re.findall(r"<small>(\d+)</small>", text)]
    assert numbers == sorted(numbers, reverse=True), "the older ones follow"
    assert len(numbers) == 120, "one line for each who joined"
    one = client.get("/audit", params={"customer": "S/customer/7"}).text
    assert "S/customer/7" in one
    assert "S/customer/8 " not in one
    assert "Nothing of the kind" in client.get("/audit", params={"kind": "erased"}).text
    assert "nobody" in client.get("/audit", params={"customer": "nobody"}).text
    assert "The chain holds" in client.get("/audit", params={"verify": "1"}).text


def test_D4_what_other_rules_would_do_is_shown_before_anything_is_written(served: Served, store: Store) -> None:
    rules.adopt(store, Ruleset(sources={}))
    bring(store, "S", [account("1", "Anna", "Ahorn", addresses=HOME)])
    bring(store, "L", [contact("2", "Anna", "Ahorn", addresses=HOME)])
    served.configure(CONFIG + '[identity]\nrules = ["email"]\n')
    client = served.client("operator")
    assert "wants other rules" in client.get("/rules").text
    page = client.post("/rules").text
    assert "1 customer would fall apart" in page
    assert len(Desk(store).rows()) == 1


@on_sqlite
def test_a_pair_is_decided_and_taken_back_in_the_browser(pair: Store, browse: Browse) -> None:
    tab = browse("/merges", role="operator")
    tab.get_by_role("button", name="One person").click()
    expect(tab.locator(".said")).to_contain_text("one customer now")
    tab.locator(".said").get_by_role("button", name="Undo").click()
    expect(tab.locator(".said")).to_contain_text("taken back")
    assert len(Desk(pair).rows()) == 2


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("path", ["/merges", "/audit?verify=1", "/rules", "/why/{one}?other=S%2Fcustomer%2F2"])
@on_sqlite
def test_axe_finds_nothing(pair: Store, browse: Browse, way: dict[str, int], path: str) -> None:
    assert violations(browse(path.format(one=Desk(pair).public("1")), **way)) == []
