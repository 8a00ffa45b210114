"""No page is wider than a phone in the longest of its languages, and lists of every view fit what they are shown on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klientela.kit import Person
from klientela.store import Store
from tests.cases.seen import account, order
from tests.shops import bring
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def two(store: Store) -> Store:
    """One with everything, one of whom nobody says since when."""
    anna = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 111222", created_at=10**15)
    ben = Person(external_id="2", entity="contact", email="ben@x.de", last_name="Berg")
    bring(store, "main", [anna, ben, order("o1", 1000, customer="1")])
    return store


@on_sqlite
def test_no_page_is_wider_than_a_phone(two: Store, browse: Browse) -> None:
    tab = browse(language="de", wide=390, high=844)
    home = tab.url.removesuffix("/customers")
    rooms = ("merges", "sources", "runs", "imports", "audit", "settings", "orders", "customers?view=ecdp")
    wide = {room: tab.goto(f"{home}/{room}") and tab.evaluate("document.documentElement.scrollWidth") for room in rooms}
    assert wide == dict.fromkeys(rooms, 390)


@on_sqlite
def test_X20_S10_a_phone_shows_the_columns_of_each_view_by_their_names(two: Store, browse: Browse) -> None:
    tab = browse("/customers?view=site123&q=anna", wide=390, high=844)
    expect(tab.locator("td.c-phone")).to_be_visible()
    shown = tab.locator("td.c-phone").evaluate("one => getComputedStyle(one, '::before').content")
    assert shown == '"Phone"'
    expect(tab.locator("td.ck").first).to_be_hidden()


def test_R55b_without_a_day_of_joining_the_list_shows_when_one_was_first_seen(served: Served, two: Store) -> None:
    page = served.client("viewer").get("/customers", params={"view": "site123"}).text
    assert page.count("<small>first seen here</small>") == 1
