"""AutoLetter's rows of the overview (A01-A29), one test each: it fails when that row is broken."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from tests.web.conftest import Served
from tests.web.rows.conftest import Look
from tests.web.rows.village import cells, colour, heads, names, shown, text

Browse = Callable[..., Page]
SEVEN = ["name", "email", "company", "location", "orders", "ltv", "last_order"]


def row(page: str, name: str) -> dict[str, str]:
    """The cells of somebody."""
    (found,) = [one for one in cells(page) if f">{name}<" in one["name"]]
    return found


def cards(page: str) -> list[dict[str, str]]:
    """The cards at the top: name, value, trend, formula."""
    made = []
    for one in re.findall(r'<article class="card kpi">.*?</article>', page, re.DOTALL):
        tip = re.search(r'data-tip="([^"]*)"', one)
        trend = re.search(r"<p>(.*?)</p>", one, re.DOTALL)
        value, name = re.search(r"<strong>([^<]*)", one), re.search(r"</svg>([^<]+)<", one)
        assert tip is not None
        assert trend is not None
        assert value is not None
        assert name is not None
        way = re.search(r'class="delta (\w+)"', one)
        made.append({"name": name[1].strip(), "value": value[1], "trend": text(trend[1]), "formula": text(tip[1]),
                     "way": way[1] if way else ""})  # fmt: skip
    return made


def test_A01_the_overview_is_the_first_page_and_holds_everybody(served: Served, look: Look) -> None:
    client = served.client("viewer")
    assert client.get("/").headers["location"] == "/customers"
    page = look(size=100)
    ways = re.findall(r'<li><a href="([^"]+)"', page)
    assert ways[0] == "/customers"
    assert '<a href="/customers" title="Customers" aria-current="page">' in page
    assert len(names(page)) == 13, "nine of the shop, two guest orders, one of the list, one by hand"


def test_A03_the_cards_tell_how_many_how_it_develops_and_who_is_valuable(look: Look) -> None:
    assert [(one["name"], one["value"]) for one in cards(look())] == [
        ("Customers in all", "13"), ("New customers", "2"), ("Repeat-buyer rate", "16.7%"),
        ("Average lifetime value", "€36.14"),
    ]  # fmt: skip


def test_A04_exactly_four_cards_stand_above_everything_else(look: Look) -> None:
    page = look()
    assert len(cards(page)) == 4
    assert page.index('class="card kpi"') < page.index('data-fragment="panel"') < page.index('data-fragment="list"')


def test_A05_the_rate_is_of_those_who_bought_again_among_those_who_bought(look: Look) -> None:
    card = cards(look())[2]
    assert (card["value"], card["formula"]) == (
        "16.7%", "Customers with two or more counted orders: 1; with at least one: 6, without 1 guest orders",
    )  # fmt: skip


def test_A06_every_card_tells_its_formula_and_where_it_is_going(look: Look) -> None:
    found = cards(look())
    assert [one["formula"] for one in found] == [
        "All customers of the list, without 1 inactive ones",
        "Customers since 10 Feb 2026 up to 11 Mar 2026 by their oldest source",
        "Customers with two or more counted orders: 1; with at least one: 6, without 1 guest orders",
        "€253.00 by customers with counted orders: 7",
    ]
    assert [one["way"] for one in found][:2] == ["up", ""]
    assert "in 30 days" in found[0]["trend"]


def test_A07_seven_columns_in_their_order_and_all_of_them_sort(look: Look) -> None:
    page = look(view="autoletter")
    assert heads(page) == SEVEN
    assert re.findall(r'id="sort-(\w+)"', page) == SEVEN
    titles = [text(one) for one in re.findall(r'<th scope="col" class="c-\w+"[^>]*>(.*?)</th>', page, re.DOTALL)]
    assert titles == ["Name", "E-mail", "Company", "Location", "Orders", "LTV", "Last order"]
    german = look(view="autoletter", lang="de")
    assert heads(german) == SEVEN


def test_A08_a_name_is_first_and_last_beside_initials(look: Look) -> None:
    found = row(look(), "Anna Ahorn")["name"]
    assert re.search(r'<span class="ava h\d+ ?"[^>]*>AA</span>', found)
    assert re.search(r'<span class="ava h\d+ ?"[^>]*>BB</span>', row(look(), "Ben Berg")["name"])


def test_A09_without_a_name_the_email_stands_there_and_then_the_phone(look: Look) -> None:
    found = names(look(size=100))
    assert "only@x.de" in found
    assert "+49 351 8472913" in found


def test_A10_a_column_has_the_email(look: Look) -> None:
    page = look(size=100)
    assert text(row(page, "Ben Berg")["email"]) == "ben@x.de"
    assert text(row(page, "Mia Hand")["email"]) == "–"


def test_A11_a_column_has_the_company_where_there_is_one(look: Look) -> None:
    assert text(row(look(), "Anna Ahorn")["company"]) == "Ahorn KG"
    assert text(row(look(), "Ben Berg")["company"]) == "–"


def test_A12_the_location_is_city_and_country_with_its_flag(look: Look) -> None:
    page = look(size=100)
    for name, place, country, code in (
        ("Anna Ahorn", "Berlin, DE", "Germany", "DE"),
        ("Ben Berg", "Wien, AT", "Austria", "AT"),
    ):
        cell = row(page, name)["location"]
        assert text(cell) == place
        assert re.search(rf'<svg class="flag" role="img" aria-label="{country}"><use href="[^"]*#f-{code}"/>', cell)
    assert text(row(page, "Mia Hand")["location"]) == "–"


def test_A13_orders_are_a_number_in_a_badge_and_none_is_0(look: Look) -> None:
    page = look(size=100)
    assert '<span class="cnt" data-z="0">2</span>' in row(page, "Anna Ahorn")["orders"], "the test does not count"
    assert '<span class="cnt" data-z="1">0</span>' in row(page, "only@x.de")["orders"]


def test_A14_the_ltv_is_the_revenue_that_counts(look: Look) -> None:
    page = look(size=100)
    assert text(row(page, "Anna Ahorn")["ltv"]) == "€150.00", "without the test order"
    assert text(row(page, "Ben Berg")["ltv"]) == "€70.00", "without what was cancelled"
    assert text(row(page, "only@x.de")["ltv"]) == "€0.00"


def test_A15_the_last_order_is_a_date_and_nothing_without_orders(look: Look) -> None:
    page = look(size=100)
    assert '<time datetime="2026-03-02T11:00:00Z">2 Mar 2026</time>' in row(page, "Anna Ahorn")["last_order"]
    assert text(row(page, "only@x.de")["last_order"]) == "–"


def badges(cell: str) -> list[tuple[str, str]]:
    """The badges of sources: kind and name."""
    return re.findall(r'<span class="b s-(\w+)">([^<]*)</span>', cell)


def test_A16_every_source_is_a_badge_under_the_name(look: Look) -> None:
    cell = row(look(size=100), "Anna Ahorn")["name"]
    assert sorted(name for _, name in badges(cell)) == ["list", "main"]
    assert cell.index("Anna Ahorn") < cell.index('class="b s-')
    assert [name for _, name in badges(row(look(size=100), "Ben Berg")["name"])] == ["main"]


def test_A17_a_badge_tells_which_kind_of_source_it_is(look: Look) -> None:
    assert sorted(badges(row(look(), "Anna Ahorn")["name"])) == [("csv", "list"), ("shopify", "main")]


def test_A18_who_scanned_a_letter_has_the_icon_and_nobody_else(look: Look) -> None:
    page = look(size=100)
    icon = re.compile(r'<span class="qr tip"[^>]*><svg[^>]*><use href="[^"]*#i-qrcode"/></svg></span>')
    assert [">Anna Ahorn<" in one["name"] for one in cells(page) if icon.search(one["name"])] == [True]


def test_A18_the_icon_is_blue(browse: Browse) -> None:
    tab = browse("/customers")
    red, green, blue = colour(tab, "table.list .qr", "color")
    assert blue > red + 40
    assert blue > green + 20


def test_A19_hovering_over_the_icon_tells_when_it_was_scanned_last(browse: Browse) -> None:
    tab = browse("/customers")
    icon = tab.locator("tbody .qr")
    content = "el => getComputedStyle(el, '::after').content"
    assert icon.evaluate(content) == "none"
    icon.hover()
    assert icon.evaluate(content) == '"Scanned a letter on 9 Feb 2026"', "the latest of two"


@pytest.mark.parametrize(
    ("term", "found"),
    [("cleo", "Cleo Roth"), ("ROTH", "Cleo Roth"), ("ben@x", "Ben Berg"), ("ahorn kg", "Anna Ahorn"), ("wien", "Ben Berg"),
     ("austria", "Ben Berg"), ("Österreich", "Ben Berg"), ("list nora", "Nora News"), ("shopify berlin", "Anna Ahorn")],
)  # fmt: skip
def test_A20_one_field_searches_name_email_company_city_country_and_shop(look: Look, term: str, found: str) -> None:
    assert names(look(q=term)) == [found]


def test_A20_the_search_of_one_word_takes_away_who_has_it_nowhere(look: Look) -> None:
    assert sorted(names(look(q="germany"))) == ["Anna Ahorn", "Cleo Roth"]
    assert names(look(q="cleo wien")) == []


def asked(tab: Page) -> list[str]:
    found: list[str] = []

    def note(request: Request) -> None:
        if "x-fragment" in request.headers:
            found.append(request.url)

    tab.on("request", note)
    return found


def test_A21_the_search_waits_exactly_300_ms_after_the_last_letter(browse: Browse) -> None:
    tab = browse("/customers")
    tab.clock.install(time=0)
    tab.clock.pause_at(60_000)
    sent = asked(tab)
    tab.locator("#q").press_sequentially("cl")
    tab.clock.run_for(299)
    tab.locator("#q").press_sequentially("eo")
    tab.clock.run_for(299)
    assert sent == [], "each letter begins the waiting anew"
    with tab.expect_request(lambda one: "x-fragment" in one.headers):
        tab.clock.run_for(1)
    expect(tab.locator("#count")).to_contain_text("of 1")
    assert len(sent) == 1
    assert sent[0].endswith("q=cleo")


def test_A22_the_list_follows_what_is_typed_without_enter(browse: Browse) -> None:
    tab = browse("/customers")
    tab.locator("#q").press_sequentially("cleo")
    expect(tab.locator("table.list tbody tr")).to_have_count(1)
    tab.locator("#q").fill("")
    expect(tab.locator("table.list tbody tr")).to_have_count(13)


def test_A23_the_search_leaves_no_source_out(look: Look) -> None:
    assert names(look(q="nora")) == ["Nora News"], "of the list"
    assert names(look(q="mia")) == ["Mia Hand"], "by hand"
    assert names(look(q="gerd")) == ["Gerd Gast", "Gerd Gast"], "of the kiosk"


@pytest.mark.parametrize(
    ("column", "first"),
    [("name", "asc"), ("email", "asc"), ("company", "asc"), ("location", "asc"), ("orders", "desc"), ("ltv", "asc"),
     ("last_order", "desc")],
)  # fmt: skip
def test_A25_the_first_click_puts_texts_upwards_and_figures_downwards_and_the_next_turns_it(
    look: Look, column: str, first: str
) -> None:
    """LTV stands sorted downwards already, so its first click turns it."""
    page = look(view="autoletter")
    other = {"asc": "desc", "desc": "asc"}
    link = re.compile(rf'id="sort-{column}" href="[^"]*sort={column}%3A(\w+)[&"]')
    told = {"asc": "ascending", "desc": "descending"}
    way = link.search(page)
    assert way is not None
    assert way[1] == first
    for now in (first, other[first]):
        page = look(view="autoletter", sort=f"{column}:{now}", size=100)
        assert f'class="c-{column}" aria-sort="{told[now]}"' in page
        assert page.count("aria-sort") == 1
        turned = link.search(page)
        assert turned is not None
        assert turned[1] == other[now]
        values = [one for one in shown(page, column) if one != "–"]
        if column == "name":  # by the last name
            values = [one.split()[-1] for one in names(page) if " " in one and "+" not in one]
        if column in ("orders", "ltv"):
            figures = [float(one.strip("€")) for one in values]
            assert figures == sorted(figures, reverse=now == "desc")
        elif column in ("name", "email", "company"):
            assert values == sorted(values, key=str.casefold, reverse=now == "desc")


def test_A26_the_dearest_stand_first_then_the_last_order_the_last_name_and_the_id(look: Look) -> None:
    found = names(look(size=100))
    assert found[:6] == ["Anna Ahorn", "Ben Berg", "Dora Zander", "Cleo Roth", "Fred Abel", "Emil Zoll"]
    assert found[6] == "Gerd Gast"
    assert 'class="c-ltv" aria-sort="descending"' in look()


def test_A27_a_page_has_as_many_rows_as_were_chosen(look: Look) -> None:
    page = look()
    assert re.findall(r"<option[^>]*>(\d+)</option>", page.partition('id="size"')[2].partition("</select>")[0]) == [
        "10", "25", "50", "100",
    ]  # fmt: skip
    assert "<option selected>25</option>" in page
    assert len(cells(look(size=10))) == 10
    assert "<option selected>10</option>" in look(size=10)
    assert len(cells(look(size=7))) == 13, "only those four"


def test_A28_next_and_previous_lead_one_page_on_and_back(look: Look) -> None:
    whole = names(look(size=100))
    first, second = look(size=10), look(size=10, page=2)
    assert names(first) + names(second) == whole
    link = re.compile(r'rel="(prev|next)" id="(prev|next)" data-live href="([^"]+)" aria-label="(\w+) page"')
    assert [one[0] for one in link.findall(first)] == ["next"], "there is none before the first"
    assert [one[0] for one in link.findall(second)] == ["prev"]
    assert "page=2" in link.findall(first)[0][2]
    assert "page" not in link.findall(second)[0][2]
    assert link.findall(first)[0][3] == "Next"
    assert link.findall(second)[0][3] == "Previous"
    assert first.index("</table>") < first.index('id="next"')


def test_A29_a_click_anywhere_in_a_row_opens_the_profile(browse: Browse) -> None:
    tab = browse("/customers?view=autoletter")
    tab.locator("table.list tbody tr").first.locator("td.c-company").scroll_into_view_if_needed()
    box = tab.locator("table.list tbody tr").first.locator("td.c-company").bounding_box()
    assert box is not None
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(tab.locator("h1")).to_contain_text("Anna Ahorn")
    for section in ("contact", "orders", "letters"):
        expect(tab.locator(f'[aria-labelledby="{section}"]')).to_be_visible()
    expect(tab.locator("#figures")).to_be_visible()
