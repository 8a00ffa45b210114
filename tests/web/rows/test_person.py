"""The rows that a profile shows (B01-B20, S14-S25, C18-C33), one test each, on the eleventh of March 2026 or a day that the
test says: it fails when that row is broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from klientela.flow import correct, remarks
from klientela.flow.sync import sync
from klientela.store import Store, operation
from tests.cases.seen import Desk, at
from tests.web.conftest import Served
from tests.web.profiles import numbers, part, path
from tests.web.rows.conftest import Look, page_of
from tests.web.rows.village import colour, names, text
from tests.web.someone import HOME, POST, WORK, Boutique, everything, shop_says

Browse = Callable[..., Page]
DAY = at("2025-11-30 12:00")
"""25 days after the last order, 71 after the last letter that was sent."""


def annas_life(store: Store) -> None:
    """Anna and everything of hers, her city and her remark changed since."""
    everything(store)
    moved = [replace(HOME, city="Potsdam"), WORK, POST]
    assert sync(store, Boutique("main", [shop_says(6, addresses=moved)])).status == "ok"
    remarks.remark(store, "main/customer/A", "Prefers the phone.", actor="operator paula")
    correct.edit(store, "list/customer/7", {"company": "Ahorn AG"}, actor="operator paula")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of a store with Anna."""
    with page_of(tmp_path_factory.mktemp("anna"), annas_life) as made:
        yield made


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the thirtieth of November 2025."""
    monkeypatch.setattr(operation, "now", lambda: DAY)


@pytest.fixture
def home(served: Served) -> str:
    return path(Desk(served.store))


@pytest.fixture
def anna(look: Look, home: str) -> str:
    """Her profile as a viewer sees it."""
    return unescape(look(home))


def entry(page: str, number: str) -> str:
    """One order of the list, as it is written."""
    found = re.search(rf'<li class="ord" data-order="{number}">.*?</li>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_A29_the_profile_has_contact_orders_figures_and_campaigns(anna: str) -> None:
    assert all(part(anna, name) for name in ("contact", "orders", "letters"))
    assert 'id="figures"' in anna


def test_B01_B02_the_last_ten_orders_newest_first(anna: str) -> None:
    assert numbers(anna) == [str(number) for number in range(1011, 1001, -1)]


def test_B04_an_order_has_number_date_sum_and_source_with_its_state_beside(anna: str) -> None:
    assert text(entry(anna, "1010")).startswith("1010 5 Oct 2025 main €125.00")
    assert text(entry(anna, "1004")).startswith("1004 5 Apr 2025 main Cancelled €50.00")
    assert text(entry(anna, "1003")).startswith("1003 5 Mar 2025 main Test order €37.50")


def test_B06_a_product_has_title_sku_number_and_prices(anna: str) -> None:
    lines = re.findall(r"<tr>(.*?)</tr>", entry(anna, "1010").partition("<tbody>")[2], re.DOTALL)
    assert [text(one) for one in lines] == ["Green tea TEA-1 10 €10.00 €100.00", "Cup – 1 €2.50 €2.50"]


def test_B08_an_abandoned_cart_is_grey_with_date_value_and_products(anna: str, look: Look) -> None:
    found = re.search(r'<li class="ord cart">.*?</li>', anna, re.DOTALL)
    assert found is not None
    assert '<span class="b">Abandoned</span>' in found[0], "grey"
    assert "20 Oct 2025" in found[0]
    assert "€80.00" in found[0]
    assert "Tea pot POT-1" in text(found[0])
    assert 'id="figures"' in anna
    assert "Lifetime value €737.50 Orders 9" in text(anna.partition('id="figures"')[2].partition("</dl>")[0])
    assert len(numbers(anna)) == 10, "it is none of the ten"


def test_B09_what_became_an_order_is_green_beside_it(anna: str) -> None:
    assert '<span class="b good">Recovered</span>' in entry(anna, "1011")
    assert "Recovered" not in entry(anna, "1010")


def test_B08_B09_grey_and_green(browse: Browse, home: str) -> None:
    tab = browse(home)
    red, green, blue = colour(tab, ".ords .b.good", "color")
    assert green > red + 30
    assert green > blue + 20
    red, green, blue = colour(tab, ".ords .cart .b", "color")
    assert max(red, green, blue) - min(red, green, blue) < 40


def test_B11_campaigns_stand_below_the_orders(anna: str) -> None:
    assert anna.index('aria-labelledby="orders"') < anna.index('aria-labelledby="letters"')
    assert '<h2 id="letters">Campaigns and letters</h2>' in anna


def letters(page: str) -> list[str]:
    body = page.partition('class="p-entries letters">')[2].partition("</section>")[0]
    return [text(one) for one in re.split(r"(?=<li>\s*<div class=\"l-row\">)", body) if one.strip()]


def test_B12_each_letter_has_campaign_and_state(anna: str) -> None:
    autumn, spring = letters(anna)
    assert autumn.startswith("Autumn 2 Oct 2025 Failed The address is unknown")
    assert spring.startswith("Welcome back Spring 2025 20 Sept 2025 Sent ")


def test_B15_the_first_order_after_a_letter_is_so_many_days_later(anna: str) -> None:
    autumn, spring = letters(anna)
    assert "first order after: +15 days" in spring
    assert "first order after" not in autumn, "it never arrived"


def test_B16_recency_and_frequency_stand_above_the_orders(anna: str) -> None:
    tiles = text(anna.partition('id="figures"')[2].partition("</dl>")[0])
    assert "Orders 9 one every 38 days" in tiles
    assert tiles.endswith("Last order 5 Nov 2025 25 days ago")
    assert anna.index('id="figures"') < anna.index('aria-labelledby="orders"')


@pytest.mark.parametrize(
    ("moment", "days"),
    [("2025-11-30 12:00", "71 days"), ("2025-09-21 00:01", "1 day"), ("2025-09-21 23:59", "1 day"),
     ("2025-09-20 23:00", "0 days")],
)  # fmt: skip
def test_B17_the_last_letter_was_so_many_days_ago(
    look: Look, home: str, monkeypatch: pytest.MonkeyPatch, moment: str, days: str
) -> None:
    """By days of the shop's calendar, and of the one that was sent: not of the one that failed."""
    monkeypatch.setattr(operation, "now", lambda: at(moment + "+02:00" if moment < "2025-10" else moment))
    assert f"<strong>Last letter {days} ago</strong> (20 Sept 2025)" in look(home)


def test_B18_every_scan_is_a_reaction(anna: str) -> None:
    autumn, spring = letters(anna)
    assert "Scanned: 28 Sept 2025, 08:15 ; 24 Sept 2025, 19:30" in spring
    assert "Scanned" not in autumn


def test_B20_orders_and_letters_stand_in_one_timeline(anna: str, look: Look, home: str) -> None:
    told = part(unescape(look(home, activity="all")), "activity")
    places = [told.index(one) for one in ("Order placed : 1011", "Cart abandoned", "Order placed : 1010", "Letter scanned",
                                          "Letter sent : Welcome back", "Order placed : 1009")]  # fmt: skip
    assert places == sorted(places)


def test_S16_messages_are_a_thread(anna: str) -> None:
    told = part(anna, "messages")
    assert told.index("Message sent · E-mail · anna@x.de") < told.index("Message received · E-mail")
    assert told.index("Your order It is on its way.") < told.index("Thank you!")


def test_S18_the_activity_is_one_click_away(browse: Browse, home: str) -> None:
    tab = browse(home)
    tab.locator(".p-head summary", has_text="Actions").click()
    tab.locator(".p-head").get_by_role("link", name="Activity").click()
    expect(tab.locator("#activity")).to_be_in_viewport()


def test_S19_S25_the_actions_of_a_profile(look: Look, home: str) -> None:
    menu = look(home, role="editor").partition('<header class="card p-head">')[2].partition("</details>")[0]
    offered = re.findall(r'<(?:a href="([^"]+)"|button)[^>]*>(?:<svg.*?</svg>)?([^<]+)</', menu)
    told = {name.strip(): where for where, name in offered}
    assert {"Edit", "Activity", "Place an order", "Mark inactive", "Why is this one customer?"} <= told.keys()
    assert told["Place an order"] == f"/orders/new?customer={home[-36:]}"
    assert "Place an order" not in look(home).partition('<header class="card p-head">')[2].partition("</details>")[0]


def test_C18_the_dot_stands_beside_the_name(anna: str) -> None:
    assert re.search(r'<h1>Anna Ahorn <span class="test-dot tip" role="img"[^>]*aria-label="Has a test order"', anna)


def test_C22_one_remark_is_pinned_above_everything(anna: str) -> None:
    remark = anna.partition('<div class="p-remark">')[2].partition("</header>")[0]
    assert text(remark).startswith("Prefers the phone. operator paula")
    assert "Reliable" not in remark


def test_C24_the_law_is_told_where_consents_stand(anna: str) -> None:
    assert "Contact only with explicit consent, or where the contract of an order needs it." in part(anna, "consents")


def test_C25_the_history_has_addresses_orders_and_remarks(look: Look, home: str) -> None:
    told = part(unescape(look(home, activity="all")), "activity")
    assert re.search(r"Addresses changed : [^:]*Berlin[^:]* → [^:]*Potsdam", told)
    assert "Remark changed : Reliable; prefers letters. → Prefers the phone." in told
    assert "Order placed : 1001 €12.50" in told


def test_C26_C27_C28_a_summary_of_all_orders_stands_above_them(anna: str) -> None:
    orders = part(anna, "orders")
    assert orders.startswith(
        "Orders All orders, tests, cancelled and returned ones among them: €825.00 in 11, €75.00 on average 1011"
    )


def test_C29_C31_the_cockpit_has_three_and_a_link_to_all_by_customer_number(look: Look, home: str) -> None:
    page = unescape(look(home, view="cockpit"))
    assert numbers(page) == ["1011", "1010", "1009"]
    link = re.search(
        r'href="(/orders\?customer=[^"]+)"[^>]*>(?:<svg.*?</svg>)?([^<]+)<', page.partition('id="orders"')[2]
    )
    assert link is not None
    told = look(link[1])
    assert len(re.findall(r'href="/orders/main/order/[^"]+"', told)) == 11


def test_C30_the_number_leads_to_the_order(look: Look, anna: str) -> None:
    link = re.search(r'<a href="(/orders/[^"]+)">1010</a>', entry(anna, "1010"))
    assert link is not None
    assert "<h1>Order 1010</h1>" in look(link[1])


def test_C32_a_customer_has_a_number_that_the_orders_are_found_by(look: Look, anna: str) -> None:
    number = re.search(r"Customer number ([^\s·<]+)", anna)
    assert number is not None
    told = look("/orders", customer=number[1])
    assert len(re.findall(r'href="/orders/main/order/[^"]+"', told)) == 11


def test_B07_B19_who_bought_a_product_and_who_scanned_is_found(look: Look) -> None:
    assert names(look(product="tea-1")) == ["Anna Ahorn"]
    assert names(look(product="green TEA")) == ["Anna Ahorn"]
    assert names(look(product="tea pot")) == [], "a cart is not bought"
    assert names(look(segment="scanned")) == names(look(scanned="yes")) == ["Anna Ahorn"]
    assert names(look(scanned="no")) == []
    told = look(show="filters").partition("<h3>Product</h3>")[2].partition("</section>")[0]
    assert {text(name) for name in re.findall(r"<span>([^<]+)</span>", told)} == {"Green tea", "Cup"}
