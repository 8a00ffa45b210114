"""The Cockpit's rows of the list (C01-C20), one test each: it fails when that row is broken."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.rows.conftest import Look
from tests.web.rows.village import cells, colour, names, shown, text

Browse = Callable[..., Page]
Where = Callable[[str], str]


def test_C01_the_ways_at_the_side_begin_with_the_customers(look: Look, where: Where) -> None:
    for page in (look(view="cockpit"), look(where("Anna Ahorn")), look("/orders")):
        assert re.search(r'<nav aria-label="Main">\s*<ul>\s*<li><a href="/customers" title="Customers"', page)


def test_C02_the_list_holds_who_was_added_by_hand_and_who_has_ordered(look: Look) -> None:
    found = names(look(view="cockpit", size=100))
    assert {"Mia Hand", "Anna Ahorn", "Gerd Gast"} <= set(found)
    assert not {"Nora News", "only@x.de"} & set(found)
    assert len(found) == 9


def test_C03_C04_the_last_day_comes_first_and_within_a_day_the_last_name_decides(look: Look) -> None:
    page = look(view="cockpit", size=100)
    assert names(page)[:6] == ["Ben Berg", "Cleo Roth", "Dora Zander", "Anna Ahorn", "Fred Abel", "Emil Zoll"], (
        "Ben by what was cancelled; Cleo of the morning before Dora of the evening; Anna by the test"
    )
    assert 'class="c-last_order" aria-sort="descending"' in page


def test_C07_C13_a_status_is_told_in_words(look: Look) -> None:
    page = look(view="cockpit", size=100)
    told = dict(zip(names(page), shown(page, "status"), strict=True))
    assert (told["Anna Ahorn"], told["Gerd Gast"]) == ("Registered", "Not registered")
    assert shown(page, "status").count("Not registered") == 2


def test_C08_C09_a_registered_customer_stands_once_and_the_profile_has_all_orders(look: Look, where: Where) -> None:
    assert names(look(view="cockpit", size=100)).count("Anna Ahorn") == 1
    assert re.findall(r'data-order="(\d+)"', look(where("Anna Ahorn"))) == ["1003", "1002", "1001"]


def test_C14_every_order_of_a_guest_is_a_row(look: Look) -> None:
    page = look(view="cockpit", q="gast@x.de")
    assert names(page) == ["Gerd Gast", "Gerd Gast"]
    assert shown(page, "orders") == ["1", "1"]


def test_C16_who_was_added_by_hand_is_registered(look: Look) -> None:
    assert shown(look(view="cockpit", q="mia"), "status") == ["Registered"]


def test_C17_who_was_added_by_hand_stands_at_the_end_in_both_directions(look: Look) -> None:
    for sort in ("", "last_order:asc", "last_order:desc", "cockpit:asc"):
        assert names(look(view="cockpit", size=100, sort=sort))[-1] == "Mia Hand", sort


def dot(cell: str) -> str:
    """What stands directly behind the name."""
    return re.sub(r"\s+", " ", cell.partition('class="stretch"')[2].partition("</a>")[2]).strip()


def test_C18_C19_a_dot_stands_right_beside_the_name_of_who_has_a_test_order(look: Look) -> None:
    marked = [one for one in cells(look(size=100)) if "test-dot" in one["name"]]
    assert sorted((re.findall(r'stretch" href="[^"]*">([^<]*)', one["name"])[0], text(one["status"])) for one in marked) == [
        ("Anna Ahorn", "Registered"), ("Gerd Gast", "Not registered"),
    ]  # fmt: skip
    for one in marked:
        assert dot(one["name"]).startswith('<span class="test-dot tip" role="img"')
        assert 'aria-label="Has a test order"' in one["name"]


def test_C18_the_dot_is_orange(browse: Browse) -> None:
    tab = browse("/customers")
    red, green, blue = colour(tab, "table.list .test-dot", "backgroundColor")
    assert red > green + 40 > blue + 60
    name, mark = (
        tab.locator("table.list .nm a").first.bounding_box(),
        tab.locator("table.list .test-dot").first.bounding_box(),
    )
    assert name is not None
    assert mark is not None
    assert 0 <= mark["x"] - name["x"] - name["width"] < 16
    assert abs(mark["y"] + mark["height"] / 2 - name["y"] - name["height"] / 2) < 8


def test_C20_a_click_on_the_name_opens_the_customer(browse: Browse) -> None:
    tab = browse("/customers?view=cockpit&q=cleo", role="editor")
    tab.get_by_role("link", name="Cleo Roth", exact=True).click()
    expect(tab.locator("h1")).to_contain_text("Cleo Roth")
    expect(tab.get_by_role("link", name="Edit").first).to_be_visible()


def test_C34_a_guest_row_has_a_profile_with_its_order(look: Look) -> None:
    for n, one in zip((2, 1), re.findall(r'stretch" href="([^"]+)"', look(view="cockpit", q="gast@x.de")), strict=True):
        assert re.findall(r'data-order="([^"]+)"', look(one)) == [f"G{n}"]
