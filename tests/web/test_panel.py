"""The numbers above the list: four cards with their formula, lines by day, week and month, consents; remembered when shut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klientela.kit import Consent
from klientela.model.instants import DAY
from klientela.store import Store
from tests.cases.seen import account, order
from tests.shops import bring
from tests.web.conftest import Served

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
NOW = time.time_ns() // 1000


@pytest.fixture
def shop(store: Store) -> Store:
    """Four customers, two of this month; one bought twice, one once, one granted promotion by e-mail."""
    said = [Consent(channel="email", purpose="promotion", state="granted", at=1)]
    people = [account(str(n), f"N{n}", "Roth", email=f"n{n}@x.de", created_at=NOW - age * DAY,
                      consents=said if n == 1 else []) for n, age in enumerate((400, 90, 5, 2))]  # fmt: skip
    orders = [order(f"o{n}", 1000, customer=who, placed_at=NOW - age * DAY) for n, (who, age) in
              enumerate((("0", 300), ("0", 20), ("1", 3)))]  # fmt: skip
    bring(store, "main", [*people, *orders])
    return store


def cards(page: str) -> dict[str, str]:
    found = re.findall(
        r'<article class="card kpi"><h2><svg.*?</svg>([^<]+)<.*?<strong>([^<]+)</strong>', page, re.DOTALL
    )
    return {name.strip(): value for name, value in found}


def test_A04_A05_H1_four_cards_stand_at_the_top_each_with_its_formula(served: Served, shop: Store) -> None:
    page = served.client("viewer").get("/customers").text
    assert cards(page) == {
        "Customers in all": "4", "New customers": "2", "Repeat-buyer rate": "50.0%", "Average lifetime value": "€15.00",
    }  # fmt: skip
    tips = re.findall(r'data-tip="([^"]+)" role="note"', page)
    assert tips[2] == "Customers with two or more counted orders: 1; with at least one: 2"
    assert page.count('<svg class="spark"') == 4


def test_X07_X08_X09_X10_X11_the_chart_tells_each_line_by_each_bucket(served: Served, shop: Store) -> None:
    client = served.client("viewer")
    for what, total in (("revenue", "€20.00"), ("transactions", "2")):
        for by in ("day", "week", "month"):
            page = client.get("/customers", params={"what": what, "by": by}, headers={"x-fragment": "panel"}).text
            assert f"<strong>{total}</strong>" in page, (what, by)
            assert '<table class="vh">' in page, "for who listens"
    page = client.get("/customers", headers={"x-fragment": "panel"}).text
    assert re.findall(r"<td>(\d+)</td>", page)[-2:] == ["4", "2"], "how many there were, beside 30 days before"
    assert page.count('class="c-prev"') == 1, "the period before, dashed"
    page = client.get(
        "/customers", params={"from": "2020-01-01", "to": "2020-01-31"}, headers={"x-fragment": "panel"}
    ).text
    assert "<strong>0</strong>" in page


def test_X12_X13_X14_X15_four_presets_are_one_click_away(served: Served, shop: Store) -> None:
    page = served.client("viewer").get("/customers").text
    for name in ("Last 7 days", "Previous week", "Last 30 days", "Last month"):
        assert f">{name}</a>" in page
    assert re.search(r'<a class="chip"[^>]*aria-current="true">Last 30 days', page)


def test_X16_X17_consents_in_all_and_by_channel(served: Served, shop: Store) -> None:
    page = served.client("viewer").get("/customers").text
    assert "may be contacted (25.0%)" in page
    assert re.search(r'<meter min="0" max="4" value="1" aria-label="E-mail: 1">', page)


@on_sqlite
def test_X18_the_statistics_stay_shut_when_they_were_shut(shop: Store, browse: Callable[..., Page]) -> None:
    tab = browse()
    tab.locator(".insight summary").click()
    expect(tab.locator(".duo")).to_be_hidden()
    tab.reload()
    expect(tab.locator(".duo")).to_be_hidden()


@on_sqlite
def test_X09_a_line_is_chosen_in_place(shop: Store, browse: Callable[..., Page]) -> None:
    tab = browse()
    tab.get_by_role("link", name="Revenue").click()
    expect(tab.locator(".big .sum strong")).to_have_text("€20.00")
    tab.go_back()
    expect(tab.locator(".big .sum strong")).to_have_text("2")
