"""ExpertSender's rows (X01-X27), one test each: it fails when that row is broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import CONFIG, Served
from tests.web.rows.conftest import Look
from tests.web.rows.village import cells, heads, shown, text

Browse = Callable[..., Page]
SIX = ["id", "crm_id", "email", "phone", "first_name", "last_name"]


def panel(look: Look, **query: object) -> str:
    return look(fragment="panel", **query)


def total(page: str) -> str:
    found = re.search(r'<p class="sum"><strong>([^<]*)</strong>', page)
    assert found is not None
    return found[1]


def points(page: str) -> list[tuple[str, str]]:
    """What the chart says at its points: the day and the value."""
    found = re.search(r'data-chart="([^"]*)"', page)
    assert found is not None
    return [(one[2], one[3]) for one in json.loads(unescape(found[1]))]


def dates(page: str) -> tuple[str, ...]:
    return tuple(re.findall(r'<input type="date" name="(?:from|to)" id="\w+" value="([^"]*)"', page))


def test_X01_the_base_holds_everybody_with_figures_above(look: Look) -> None:
    page = look(view="ecdp", size=100)
    assert len(cells(page)) == 13
    assert page.index('class="chart"') < page.index('class="list acting"')


def test_X02_adding_and_importing_stand_at_the_top(look: Look) -> None:
    head = look(view="ecdp", role="operator").partition('<div class="acts">')[2].partition('<section class="kpis"')[0]
    assert 'href="/customers/new"' in head
    assert 'href="/imports/new"' in head


def test_X03_the_bar_over_the_chosen_has_every_action(browse: Browse) -> None:
    tab = browse("/customers", role="admin")
    bar = tab.locator(".bulk")
    expect(bar).to_be_hidden()
    tab.locator("tbody input[name=id]").first.check()
    expect(bar).to_be_visible()
    assert [one.strip() for one in bar.get_by_role("button").all_inner_texts()] == [
        "Export", "Tag", "Consents", "Merge …", "Mark inactive", "Erase …",
    ]  # fmt: skip
    tab.locator("[data-all=id]").check()
    assert tab.locator("tbody input[name=id]:checked").count() == 13


def test_X07_X08_three_figures_over_time(look: Look) -> None:
    assert {what: total(panel(look, what=what)) for what in ("", "revenue", "transactions")} == {
        "": "2", "revenue": "€140.00", "transactions": "4",
    }  # fmt: skip
    page = panel(look)
    assert [text(one) for one in re.findall(r'<nav class="seg" aria-label="Figure">(.*?)</nav>', page, re.DOTALL)] == [
        "Customers Revenue Transactions"
    ]
    assert 'class="c-line"' in page


def test_X09_a_figure_shows_its_exact_data(look: Look) -> None:
    page = panel(look, what="revenue")
    assert 'aria-current="true">Revenue<' in page
    told = {day: value for day, value in points(page) if value != "€0.00"}
    assert told == {"2 Mar": "€50.00", "4 Mar": "€20.00", "9 Mar": "€70.00"}


def test_X09_the_sum_of_a_figure_is_that_of_its_points(look: Look) -> None:
    page = panel(look, what="transactions")
    assert sum(int(value) for _, value in points(page)) == int(total(page))


def test_X10_a_range_of_the_calendar_is_shown_with_both_its_days(look: Look) -> None:
    page = panel(look, what="transactions", **{"from": "2026-03-02", "to": "2026-03-04"})
    assert dates(page) == ("2026-03-02", "2026-03-04")
    assert points(page) == [("2 Mar", "1"), ("3 Mar", "0"), ("4 Mar", "2")]


@pytest.mark.parametrize(
    ("by", "wanted"),
    [("day", 59), ("week", 9), ("month", [("1 Jan", "2"), ("1 Feb", "2")])],
)  # fmt: skip
def test_X11_by_day_week_and_month(look: Look, by: str, wanted: object) -> None:
    page = panel(look, what="transactions", by=by, **{"from": "2026-01-01", "to": "2026-02-28"})
    found = points(page)
    assert (found if isinstance(wanted, list) else len(found)) == wanted
    assert re.search(rf'href="[^"]*by={by}[^"]*" aria-current="true"', page)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [("Last 7 days", "2026-03-05", "2026-03-11"), ("Previous week", "2026-03-02", "2026-03-08"),
     ("Last 30 days", "2026-02-10", "2026-03-11"), ("Last month", "2026-02-01", "2026-02-28")],
    ids=["X12", "X13", "X14", "X15"],
)  # fmt: skip
def test_X12_X13_X14_X15_a_preset_is_one_click_and_exactly_these_days(
    look: Look, browse: Browse, name: str, start: str, end: str
) -> None:
    link = re.search(rf'<a class="chip" data-live href="([^"]+)"[^>]*>{name}</a>', look())
    assert link is not None
    page = look(unescape(link[1]))
    assert dates(page) == (start, end)
    assert re.search(rf'<a class="chip"[^>]*aria-current="true">{name}</a>', page)


def test_X14_the_last_30_days_are_shown_first(look: Look) -> None:
    assert dates(look()) == ("2026-02-10", "2026-03-11")


def consents(page: str) -> tuple[str, dict[str, tuple[str, str]]]:
    card = page.partition('<article class="card cons">')[2].partition("</article>")[0]
    lines = re.findall(r"<li><span>.*?</svg>([^<]+)</span><b>([^<]+)</b><small>([^<]+)</small>", card)
    return text(card.partition('<p class="sum">')[2].partition("</p>")[0]), {
        name: (n, share) for name, n, share in lines
    }


def test_X16_the_card_tells_how_many_may_be_contacted(look: Look) -> None:
    assert consents(look())[0] == "3 may be contacted (23.1%)"


def test_X17_and_by_channel(look: Look) -> None:
    assert consents(look())[1] == {
        "E-mail": ("3", "23.1%"), "Post": ("1", "7.7%"),
    }  # fmt: skip


def test_X18_the_statistics_shut_by_the_arrow_and_stay_shut(browse: Browse) -> None:
    tab = browse("/customers")
    expect(tab.locator(".duo")).to_be_visible()
    tab.locator(".insight summary").click()
    expect(tab.locator(".duo")).to_be_hidden()
    tab.reload()
    expect(tab.locator("table.list")).to_be_visible()
    expect(tab.locator(".duo")).to_be_hidden()
    tab.locator(".insight summary").click()
    tab.reload()
    expect(tab.locator(".duo")).to_be_visible()


def test_X19_one_row_is_one_customer(look: Look) -> None:
    page = look(view="ecdp", size=100)
    found = re.findall(r'name="id" value="([^"]+)"', page)
    assert len(found) == len(set(found)) == len(cells(page)) == 13


def test_X20_six_columns_in_their_order(look: Look) -> None:
    page = look(view="ecdp", size=100)
    assert heads(page) == SIX
    (anna,) = [one for one in cells(page) if text(one["email"]) == "anna@x.de"]
    assert [text(anna[one]) for one in ("phone", "first_name", "last_name")] == ["+49 30 111222", "Anna", "Ahorn"]


def test_X21_the_id_is_ours_and_opens_the_profile(served: Served, look: Look) -> None:
    page = look(view="ecdp", size=100)
    for cell, public in zip(cells(page), re.findall(r'name="id" value="([^"]+)"', page), strict=True):
        assert text(cell["id"]) == public
        assert f'<a class="stretch cut" href="/customers/{public}"' in cell["id"], "the whole row opens it (K18)"
    assert served.client("viewer").get(f"/customers/{text(cells(page)[0]['id'])}").status_code == 200


def test_X22_the_crm_id_is_the_crm_s(served: Served, look: Look) -> None:
    def told() -> dict[str, str]:
        page = look(view="ecdp", size=100)
        return dict(zip(shown(page, "email"), shown(page, "crm_id"), strict=True))

    assert (told()["ben@x.de"], told()["cleo@x.de"], told()["anna@x.de"]) == ("CRM-2", "–", "CRM-1")
    served.configure(CONFIG + '[sources.list]\ntype = "csv"\npath = "none.csv"\n[views.ecdp]\ncrm_source = "list"\n')
    try:
        assert told()["nora@x.de"] == "n1"
    finally:
        served.configure(CONFIG)


def test_X23_who_only_signed_up_for_the_newsletter_is_a_customer(look: Look) -> None:
    assert "nora@x.de" in shown(look(view="ecdp", size=100), "email")


def test_X24_the_last_column_has_the_profile_and_then_the_erasing(look: Look) -> None:
    page = look(view="ecdp", role="admin", q="nora")
    line = page.partition("<tbody>")[2].partition("</tbody>")[0]
    last = line.rpartition("<td ")[2].partition("<details")[0]
    assert last.count("<svg") == 2, "two icons"
    home = re.findall(r'name="id" value="([^"]+)"', line)[0]
    assert last.index(f'href="/customers/{home}"') < last.index(f'href="/customers/{home}/erase"')
    assert "/erase" not in look(view="ecdp", role="operator", q="nora")


def test_X25_the_number_of_rows_is_chosen_below_the_table_at_the_right(browse: Browse) -> None:
    tab = browse("/customers?view=ecdp")
    table, choice = tab.locator("table.list").bounding_box(), tab.locator("#size").bounding_box()
    count = tab.locator("#count").bounding_box()
    assert table is not None
    assert choice is not None
    assert count is not None
    assert choice["y"] > table["y"] + table["height"] - 1
    assert choice["x"] > count["x"] + count["width"]
    tab.locator("#size").select_option("10")
    expect(tab.locator("table.list tbody tr")).to_have_count(10)


def test_X26_the_quick_search_stands_above_the_table_at_the_left(browse: Browse) -> None:
    tab = browse("/customers?view=ecdp")
    table, search = tab.locator("table.list").bounding_box(), tab.locator("#q").bounding_box()
    assert table is not None
    assert search is not None
    assert search["y"] + search["height"] <= table["y"]
    assert search["x"] < table["x"] + table["width"] / 4
    tab.locator("#q").press_sequentially("nora")
    expect(tab.locator("table.list tbody tr")).to_have_count(1)


def test_X27_without_a_word_who_joined_last_stands_first(look: Look) -> None:
    assert shown(look(view="ecdp", size=100), "first_name")[:3] == ["Dora", "Cleo", "Gerd"]
