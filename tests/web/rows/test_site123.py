"""SITE123's rows of the list (S01-S14, S25, S31, S40-S42), one test each: it fails when that row is broken."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.rows.conftest import Look
from tests.web.rows.village import cells, colour, heads, names, shown, text

Browse = Callable[..., Page]
Where = Callable[[str], str]
EIGHT = ["name", "email", "phone", "country", "modules", "joined", "promotion", "system"]


@pytest.fixture
def tab123(look: Look) -> dict[str, dict[str, str]]:
    """The cells of everybody in SITE123's view, by name."""
    page = look(view="site123", size=100)
    return dict(zip(names(page), cells(page), strict=True))


def test_S01_one_view_has_the_customers_and_what_they_did(look: Look) -> None:
    page = look(view="site123", size=100)
    assert heads(page) == EIGHT
    assert 'href="/customers?view=site123" aria-current="true"' in page
    assert page.count('#activity">') == len(cells(page)) == 13, "each row leads to what was done"


def test_S02_who_only_booked_or_subscribed_stands_there_too(tab123: dict[str, dict[str, str]]) -> None:
    assert {"Nora News", "jo ANNE o'neil-McX", "Mia Hand", "Gerd Gast"} <= tab123.keys()


def test_S03_every_customer_is_one_row(look: Look) -> None:
    found = names(look(view="site123", size=100))
    assert found.count("Anna Ahorn") == 1, "of two sources"
    assert found.count("jo ANNE o'neil-McX") == 1


def test_S04_a_name_stands_as_it_was_typed(tab123: dict[str, dict[str, str]]) -> None:
    assert "jo ANNE o'neil-McX" in tab123


def test_S05_a_column_has_the_email(tab123: dict[str, dict[str, str]]) -> None:
    assert text(tab123["Nora News"]["email"]) == "nora@x.de"


def test_S06_a_column_has_the_phone_where_it_was_given(tab123: dict[str, dict[str, str]]) -> None:
    assert (text(tab123["Anna Ahorn"]["phone"]), text(tab123["Ben Berg"]["phone"])) == ("+49 30 111222", "–")


def test_S07_a_column_has_the_country(tab123: dict[str, dict[str, str]]) -> None:
    assert (text(tab123["Ben Berg"]["country"]), text(tab123["Mia Hand"]["country"])) == ("Austria", "–")


def test_S08_a_column_has_all_areas_of_the_site(tab123: dict[str, dict[str, str]]) -> None:
    assert re.findall(r'<span class="b">([^<]+)', tab123["Anna Ahorn"]["modules"]) == ["bookings", "shop"]
    assert text(tab123["Ben Berg"]["modules"]) == "–"


def test_S09_a_tag_narrows_the_list_to_who_has_it(look: Look) -> None:
    page = look(view="site123", show="filters")
    tags = page.partition("<h3>Tag</h3>")[2].partition("</section>")[0]
    offered = {text(name): int(count) for name, count in re.findall(r"<span>([^<]+)</span><em>(\d+)</em>", tags)}
    assert offered == {"vip": 2, "new": 1}
    assert sorted(names(look(view="site123", tag="vip"))) == ["Anna Ahorn", "Dora Zander"]
    assert names(look(view="site123", tag="new")) == ["Dora Zander"]


def test_S10_joined_is_a_date_and_a_time_of_the_shop(tab123: dict[str, dict[str, str]]) -> None:
    assert '<time datetime="2026-03-08T08:30:00Z">8 Mar 2026, 09:30</time>' in tab123["Dora Zander"]["joined"]


def test_S11_S12_promotion_and_system_mail_have_a_column_each(tab123: dict[str, dict[str, str]]) -> None:
    states = {
        name: [re.findall(r'class="consent (\w+)">([^<]+)', row[column]) for column in ("promotion", "system")]
        for name, row in tab123.items()
    }
    assert states["Anna Ahorn"] == [[("granted", "Granted")], [("denied", "Denied")]]
    assert states["Ben Berg"] == [[("granted", "Granted")], [("unknown", "Unknown")]]
    assert states["Cleo Roth"] == [[("unknown", "Unknown")], [("unknown", "Unknown")]]


def test_S11_S12_on_is_green_and_off_is_red(browse: Browse) -> None:
    tab = browse("/customers?view=site123&size=100")
    red, green, blue = colour(tab, "table.list .consent.granted", "color")
    assert green > red + 30
    assert green > blue + 20
    red, green, blue = colour(tab, "table.list .consent.denied", "color")
    assert red > green + 60
    assert red > blue + 40


def test_S13_a_row_s_menu_opens_the_profile(browse: Browse) -> None:
    tab = browse("/customers?view=site123&q=anna", role="editor")
    tab.get_by_label("Actions for Anna Ahorn").click()
    tab.get_by_role("link", name="Open the profile").click()
    expect(tab.locator("h1")).to_contain_text("Anna Ahorn")
    for section in ("activity", "contact", "orders"):
        expect(tab.locator(f'[aria-labelledby="{section}"]')).to_be_visible()


def test_S14_a_profile_has_the_orders_and_their_sum(look: Look, where: Where) -> None:
    page = look(where("Anna Ahorn"))
    assert re.findall(r'data-order="(\d+)"', page) == ["1003", "1002", "1001"]
    tiles = text(page.partition('id="figures"')[2].partition("</dl>")[0])
    assert "Lifetime value €150.00 Orders 2 " in tiles
    assert "Average order €75.00" in tiles


def test_S15_bookings_are_told_where_there_are_some(look: Look, where: Where) -> None:
    page = look(where("jo ANNE o'neil-McX".replace("'", "&#39;")))
    booked = text(page.partition('aria-labelledby="bookings">')[2].partition("</section>")[0])
    assert booked == "Booked services Cut 9 Feb 2026, 10:00 Booked"
    assert 'aria-labelledby="bookings"' not in look(where("Ben Berg"))


def test_S25_the_three_dots_of_a_row_lead_to_everything(browse: Browse, where: Where) -> None:
    tab = browse("/customers?q=ben%40x", role="editor")
    tab.get_by_label("Actions for Ben Berg").click()
    box = tab.locator("tbody details[open] .menu-box")
    expect(box).to_be_visible()
    for last in (box.locator("> *").first, box.locator("> *").last):
        last.click(trial=True, timeout=3000)  # it lies over the table of one row, and is cut off nowhere
    home = where("Ben Berg")
    offered = {one.inner_text().strip(): one.get_attribute("href") for one in box.locator("a").all()}
    assert offered["Open the profile"] == home
    assert offered["Edit"] == f"{home}#edit"
    assert offered["Activity"] == f"{home}#activity"
    assert home.rpartition("/")[2] in (offered["Place an order"] or "")
    assert box.get_by_role("button").all_inner_texts() == ["Mark inactive"]


def test_S26_S27_S42_inactive_ones_stand_in_their_list_alone(look: Look) -> None:
    page = look(size=100)
    assert "Greta Still" not in names(page)
    assert names(look(segment="inactive")) == ["Greta Still"]
    assert names(look(q="greta")) == []
    counts = dict(
        re.findall(r">\s*([^<>]+)<em>(\d+)</em>", page.partition("</nav>")[0] + page.partition('class="tabs"')[2])
    )
    assert (counts["All"], counts["Inactive"]) == ("13", "1")


def test_S31_export_and_import_stand_behind_the_arrow_beside_adding(look: Look) -> None:
    page = look(role="operator")
    joined = page.partition('<div class="joined">')[2].partition("</details>")[0]
    assert 'href="/customers/new"' in joined
    assert 'aria-label="Import and export"' in joined
    assert re.findall(r'href="(/customers/export|/imports)[^"]*', joined.replace("/imports/new", "/imports")) == [
        "/customers/export", "/customers/export", "/customers/export", "/imports",
    ]  # fmt: skip


def test_S40_who_joined_last_stands_first(look: Look) -> None:
    found = names(look(view="site123", size=100))
    assert found[:5] == ["Dora Zander", "Cleo Roth", "Gerd Gast", "Gerd Gast", "Mia Hand"]
    assert 'class="c-joined" aria-sort="descending"' in look(view="site123")


def test_S41_it_sorts_otherwise_too(look: Look) -> None:
    assert {"name", "email", "country", "joined"} <= set(re.findall(r'id="sort-(\w+)"', look(view="site123")))
    found = shown(look(view="site123", sort="email:asc", size=100), "email")
    known = [one for one in found if one != "–"]
    assert known == sorted(known)
    assert found == [*known, *["–"] * (len(found) - len(known))]


def test_S42_the_lists_are_told_apart_with_their_numbers(look: Look) -> None:
    tabs = look().partition('<nav class="tabs"')[2].partition("</nav>")[0]
    assert {text(name): int(count) for name, count in re.findall(r">\s*([^<>]+)<em>(\d+)</em>", tabs)} == {
        "All": 13, "Registered": 11, "Guests": 2, "Repeat buyers": 1, "QR scanned": 1, "Test orders": 2, "Inactive": 1,
    }  # fmt: skip
