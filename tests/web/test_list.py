"""The customer overview in a real browser: search, order, pages, tabs, filters, bulk, without script, for everybody."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from klientela.kit import Address, Consent, Person
from klientela.store import Store
from tests.cases.seen import account, at, contact, order
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""For what does not depend on the database."""

TOWNS = ("Berlin", "Köln", "Wien")


def people(count: int) -> list[Person]:
    """Accounts with names, towns and tags of their own."""
    return [
        account(
            str(n), f"Vorname{n:03}", f"Name{n:03}", email=f"p{n}@x.de", created_at=at("2026-01-01 12:00") + n,
            addresses=[Address(city=TOWNS[n % 3], country="AT" if n % 3 == 2 else "DE")], tags=["even"] if n % 2 == 0 else [],
            consents=[Consent(channel="email", purpose="promotion", state="granted", at=1)] if n == 1 else [],
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def town(store: Store) -> Store:
    """Forty people; the first twelve bought something, number 3 a test."""
    bring(store, "main", people(40))
    bought = [order(f"o{n}", 1000 * (n + 1), customer=str(n), test=n == 3) for n in range(12)]
    bring(store, "main", [*people(40), *bought])
    return store


def names(tab: Page) -> list[str]:
    return tab.locator("table.list tbody .nm a").all_text_contents()


def asked(tab: Page) -> list[str]:
    """The addresses that fragments were fetched from, from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "x-fragment" in request.headers:
            found.append(request.url)

    tab.on("request", note)
    return found


def query(tab: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.url).query)


def test_A07_A26_A27_the_list_shows_the_dearest_first_25_to_a_page(served: Served, town: Store) -> None:
    page = served.client("viewer").get("/customers").text
    shown = re.findall(r'class="stretch" href="/customers/[^"]+">([^<]+)<', page)
    assert len(shown) == 25
    assert shown[:3] == ["Vorname011 Name011", "Vorname010 Name010", "Vorname009 Name009"]
    heads = re.findall(r'<th scope="col" class="c-(\w+)"', page)
    assert heads == ["name", "status", "email", "company", "location", "orders", "ltv", "last_order"]
    assert re.findall(r"<option[^>]*>(\d+)</option>", page) == ["10", "25", "50", "100"]
    assert 'aria-sort="descending"' in page


@on_sqlite
def test_A21_T60_five_letters_within_300_ms_ask_once(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.clock.install(time=0)  # the page's own clock, so that a slow machine types no slower
    tab.clock.pause_at(60_000)
    seen = asked(tab)
    for letter in "vorname007":
        tab.locator("#q").press_sequentially(letter)
        tab.clock.run_for(25)
    tab.clock.run_for(300)
    expect(tab.locator("#count")).to_contain_text("1–1 of 1")
    assert len(seen) == 1
    assert names(tab) == ["Vorname007 Name007"]
    assert tab.locator("#q").input_value() == "vorname007"
    assert tab.evaluate("document.activeElement.id") == "q", "the caret stays where it was"
    assert query(tab)["q"] == ["vorname007"]
    expect(tab.locator("#live")).to_contain_text("of 1")


@on_sqlite
def test_A21_the_search_waits_300_ms_for_the_next_letter(served: Served, town: Store) -> None:
    assert 'data-live-input="300"' in served.client("viewer").get("/customers").text


@on_sqlite
def test_A25_a_head_sorts_and_sorts_back_and_Back_restores_every_state(town: Store, browse: Browse) -> None:
    tab = browse()
    top = names(tab)[0]
    tab.locator("#sort-name").click()
    expect(tab.locator("th.c-name")).to_have_attribute("aria-sort", "ascending")
    assert names(tab)[0] == "Vorname000 Name000"
    tab.locator("#sort-name").click()
    expect(tab.locator("th.c-name")).to_have_attribute("aria-sort", "descending")
    assert names(tab)[0] == "Vorname039 Name039"
    tab.locator("#next").click()
    expect(tab.locator("#count")).to_contain_text("26–40")
    tab.locator("#size").select_option("10")
    expect(tab.locator("#count")).to_contain_text("1–10")
    for wanted in ("26–40", "1–25", "1–25", "1–25"):
        tab.go_back()
        expect(tab.locator("#count")).to_contain_text(wanted)
    expect(tab.locator("th.c-ltv")).to_have_attribute("aria-sort", "descending")
    assert names(tab)[0] == top
    assert query(tab) == {}


def test_T61_every_customer_stands_on_exactly_one_page(served: Served, town: Store) -> None:
    client = served.client("viewer")
    found: list[str] = []
    for number in range(1, 5):
        page = client.get("/customers", params={"page": number, "size": 10, "sort": "country"}).text
        found += re.findall(r'class="stretch" href="/customers/([^"]+)"', page)
    assert len(found) == len(set(found)) == 40
    assert client.get("/customers", params={"page": 9}).headers["location"] == "/customers?page=2"


def test_the_tabs_count_and_the_filters_narrow(served: Served, town: Store) -> None:
    client = served.client("viewer")
    page = client.get("/customers").text
    tabs = dict(re.findall(r"data-live[^>]*>\s*([^<]+)<em>(\d+)</em>", page))
    assert {name: tabs[name] for name in ("All", "Registered", "Test orders", "Inactive")} == {
        "All": "40", "Registered": "40", "Test orders": "1", "Inactive": "0",
    }  # fmt: skip
    one = client.get("/customers", params={"segment": "test"}).text
    assert "Vorname003" in one
    assert one.count('class="test-dot') == 1, "C18: orange, beside the name"
    some = client.get("/customers", params={"tag": "even", "country": "AT", "show": "filters"}).text
    assert re.search(r'id="count" data-say><b>1–(\d+)</b>', some)[1] == str(len([n for n in range(40) if n % 6 == 2]))  # type: ignore[index]


@on_sqlite
def test_filters_are_chosen_shown_and_taken_away(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.locator("#filter").click()
    tab.locator(".facets").get_by_role("link", name=re.compile("Austria")).click()
    expect(tab.locator("#count")).to_contain_text("of 13")
    tab.locator(".chip.on").click()
    expect(tab.locator("#count")).to_contain_text("of 40")


@on_sqlite
def test_S26_S27_T42_bulk_inactive_is_shown_done_and_taken_back(town: Store, browse: Browse, served: Served) -> None:
    tab = browse(role="editor")
    expect(tab.locator(".bulk")).to_be_hidden()
    for number in (0, 1):
        tab.locator("tbody input[name=id]").nth(number).check()
    gone = names(tab)[:2]
    tab.locator(".bulk").get_by_role("button", name="Mark inactive").click()
    expect(tab.locator("main")).to_contain_text("It would change 2 customers.")
    tab.get_by_role("button", name="Do it").click()
    expect(tab.locator(".said")).to_contain_text("Done for 2 customers.")
    assert not set(gone) & set(names(tab))
    expect(tab.locator("#count")).to_contain_text("of 38")
    tab.locator(".tabs").get_by_role("link", name=re.compile("Inactive")).click()
    expect(tab.locator("#count")).to_contain_text("of 2")
    tab.locator(".said").get_by_role("button", name="Undo").click()
    expect(tab.locator(".said")).to_contain_text("taken back")
    with town.reading() as db:
        assert db.rows("SELECT count(*) FROM customer WHERE inactive = 1") == [(0,)]


def test_a_viewer_changes_nothing(served: Served, town: Store) -> None:
    client = served.client("viewer")
    page = client.get("/customers").text
    assert "Mark inactive" not in page
    public = re.findall(r'name="id" value="([^"]+)"', page)[0]
    for path, data in (
        ("/customers/bulk/do", {"do": "inactive", "id": public}), ("/customers/bulk", {"one": f"inactive:{public}"}),
    ):  # fmt: skip
        assert client.post(path, data=data).status_code == 403, path


@on_sqlite
def test_without_script_people_search_page_and_sort(town: Store, browse: Browse) -> None:
    tab = browse(script=False)
    tab.locator("#q").fill("wien vorname0")
    tab.locator("#q").press("Enter")
    expect(tab.locator("#count")).to_contain_text("of 13")
    tab.goto(tab.url.partition("?")[0])
    tab.locator("#next").click()
    expect(tab.locator("#count")).to_contain_text("26–40")
    tab.locator("#sort-email").click()
    expect(tab.locator("th.c-email")).to_have_attribute("aria-sort", "ascending")


@on_sqlite
def test_by_keyboard_alone_somebody_is_found_and_opened(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.keyboard.press("/")
    tab.keyboard.type("vorname005")
    expect(tab.locator("#count")).to_contain_text("of 1")
    tab.keyboard.press("Tab")
    tab.locator("h1").click()
    tab.keyboard.press("j")
    assert tab.evaluate("document.activeElement.textContent") == "Vorname005 Name005"
    tab.keyboard.press("x")
    expect(tab.locator(".bulk")).to_be_visible()


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize(
    "path", ["/customers?show=filters", "/customers?q=nobody", "/customers?view=site123&what=revenue"]
)
@on_sqlite
def test_axe_finds_nothing(town: Store, browse: Browse, way: dict[str, int], path: str) -> None:
    assert violations(browse(path, **way)) == []


@on_sqlite
def test_the_first_view_is_light(served: Served, town: Store, browse: Browse) -> None:
    tab = browse()
    with tab.expect_response("**/customers"):
        tab.reload()
    client = served.client("viewer")
    page = client.get("/customers", headers={"accept-encoding": "gzip"})
    parts = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text))
    assert len(parts) + 1 <= 6, "requests"
    weight = len(gzip.compress(page.content, 5)) + sum(
        len(gzip.compress(client.get(part).content, 5)) for part in parts
    )
    assert weight <= 60 * 1024, f"{weight} bytes on the wire"


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "=cmd()",
    "{{7*7}}",
    "%(x)s",
)


@on_sqlite
def test_hostile_values_are_words_like_any_other(store: Store, browse: Browse) -> None:
    rows: Sequence[Person] = [
        contact(
            str(n),
            text,
            text,
            email=f"h{n}@x.de",
            company=text,
            tags=[text],
            addresses=[Address(city=text, country=text)],
        )
        for n, text in enumerate(HOSTILE)
    ]
    bring(store, "main", rows)
    tab = browse("/customers?show=filters")
    shown = " ".join(names(tab))
    for text in HOSTILE:
        assert text in shown
        tab.goto(f"{tab.url.partition('?')[0]}?q={text.replace('%', '%25').replace('&', '%26')}&show=filters")
        assert tab.locator("#q").input_value() == text
    assert tab.evaluate("document.querySelectorAll('main script, main img').length") == 0


@pytest.mark.parametrize(
    "params",
    [{"sort": "ltv;DROP TABLE customer"}, {"sort": "id:asc --"}, {"segment": "' OR 1=1"}, {"size": "1e9"}, {"page": "-1"},
     {"q": "' OR '1'='1"}, {"country": "'"}, {"consent": "x"}, {"view": "nope"}, {"from": "2026-13-01", "to": "x"}],
)  # fmt: skip
def test_nothing_in_an_address_gets_further_than_it_may(served: Served, town: Store, params: dict[str, str]) -> None:
    answer = served.client("viewer").get("/customers", params=params)
    assert answer.status_code in (200, 303, 400), answer.text[:300]
    with town.reading() as db:
        assert db.rows("SELECT count(*) FROM customer") == [(40,)]


def test_A08_A12_A13_A15_A16_A17_a_row_tells_at_a_glance(served: Served, store: Store) -> None:
    bring(
        store, "main", [account("1", "Anna", "Ahorn", email="a@x.de", addresses=[Address(city="Wien", country="AT")])]
    )
    bring(store, "main", [order("o1", 1000, customer="1")])
    bring(store, "list", [contact("2", "Anna", "Ahorn", email="a@x.de")])
    page = served.client("viewer").get("/customers").text
    row = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.search(r'class="ava h\d+ ?"[^>]*>AA<', row), "initials for a picture"
    assert 'aria-label="Austria"' in row
    assert "Wien, AT" in row
    assert re.search(r'class="cnt" data-z="0">1<', row)
    assert re.search(r'<time datetime="2026-03-01T11:00:00Z">1 Mar 2026</time><small>[^<]+ ago</small>', row)
    assert len(re.findall(r'class="b s-', row)) == 2


def test_S03_S11_S40_the_presets_have_their_columns_orders_and_words(served: Served, town: Store) -> None:
    client = served.client("viewer")
    columns = {
        "site123": ["name", "email", "phone", "country", "modules", "joined", "promotion", "system"],
        "ecdp": ["id", "crm_id", "email", "phone", "first_name", "last_name"],
        "cockpit": ["name", "status", "email", "location", "orders", "last_order"],
    }
    for view, wanted in columns.items():
        page = client.get("/customers", params={"view": view}).text
        assert re.findall(r'<th scope="col" class="c-(\w+)"', page) == wanted, view
    page = client.get("/customers", params={"view": "site123", "size": 100}).text
    shown = re.findall(r'class="stretch" href="/customers/[^"]+">([^<]+)<', page)
    assert shown[0] == "Vorname039 Name039", "newest joined first"
    assert page.count('class="consent granted"') == 1
    assert page.count('class="consent unknown"') == 79
    page = client.get("/customers", params={"view": "cockpit"}).text
    assert 'id="count" data-say><b>1–12</b>' in page, "orderers only"


def test_S25_S26_a_row_has_its_own_menu(served: Served, town: Store) -> None:
    client = served.client("editor")
    page = client.get("/customers").text
    one = re.findall(r'name="one" value="(inactive:[^"]+)"', page)[0]
    for name in ("Open the profile", "Edit", "Activity", "Place an order", "Mark inactive"):
        assert name in page
    answer = client.post("/customers/bulk", data={"one": one, "to": "/customers?page=2"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers?page=2")
    with town.reading() as db:
        assert db.rows("SELECT count(*) FROM customer WHERE inactive = 1") == [(1,)]


def test_X06_consents_of_many_are_one_decision(served: Served, town: Store) -> None:
    client = served.client("editor")
    ids = re.findall(r'name="id" value="([^"]+)"', client.get("/customers").text)[:3]
    said = {
        "do": "consent",
        "id": ids,
        "channel": "email",
        "purpose": "promotion",
        "state": "denied",
        "evidence": "letter",
    }
    assert "Evidence" in client.post("/customers/bulk", data={"do": "consent", "id": ids}).text
    assert "It would change 3 customers." in client.post("/customers/bulk/do", data={**said, "dry": "1"}).text
    denied = {"consent": "email:promotion:denied"}
    assert 'id="count" data-say>No customers' in client.get("/customers", params=denied).text, "nothing is written"
    wrong = client.post("/customers/bulk/do", data={**said, "evidence": " "})
    assert wrong.status_code == 400
    assert client.post("/customers/bulk/do", data=said).status_code == 303
    page = client.get("/customers", params={"consent": "email:promotion:denied"}).text
    assert 'id="count" data-say><b>1–3</b>' in page


def test_X03_all_found_are_tagged_as_one_decision_and_taken_back(served: Served, town: Store) -> None:
    client = served.client("admin")
    asked = {"q": "vorname", "tag": "even", "size": "10", "segment": "registered"}
    address = str(client.build_request("GET", "/customers", params=asked).url.raw_path, "ascii")
    page = client.get(address).text
    assert "data-say><b>1–10</b> of <b>20</b>" in page
    assert "Choose all 20 found" in page
    assert "data-every" not in client.get("/customers?size=10").text, "nobody was looked for"
    assert "data-every" not in client.get("/customers?q=vorname001").text, "all of them stand on the page"
    every = {"all": "1", "to": address, "do": "tag"}
    assert "20 customers are chosen." in client.post("/customers/bulk", data=every).text
    said = {**every, "tag": "fair", "count": "20"}
    assert "It would change 20 customers." in client.post("/customers/bulk/do", data={**said, "dry": "1"}).text
    other = client.post("/customers/bulk/do", data={**said, "count": "19"})
    assert (other.status_code, "finds 20 now, and not 19" in other.text) == (400, True)
    assert 'name="count" value="20"' in other.text, "asked again about those that are found now"
    for do, to, told in (
        ("tag", "/customers?q=+", "would mean everybody"), ("tag", "/customers?q=zz", "obody in the list"),
        ("merge", address, "wo customers are joined"), ("consent", address, " consent needs evidence"),
    ):  # fmt: skip
        where = "/customers/bulk" if do == "merge" else "/customers/bulk/do"
        wrong = client.post(
            where, data={**said, "do": do, "to": to, "channel": "email", "purpose": "promotion", "state": "denied"}
        )
        assert (wrong.status_code, told in wrong.text) == (400, True), (do, wrong.text)
    assert "No customers" in client.get("/customers?tag=fair").text, "nothing is written"
    done = client.post("/customers/bulk/do", data=said)
    assert (done.status_code, done.headers["location"]) == (303, address)
    seq = parse_qs(client.cookies["said"].strip('"'))["undo"][0]
    assert f'name="to" value="{address}"' in unescape(client.get(address).text), "undone, one is where one was"
    assert "of <b>20</b>" in client.get("/customers?tag=fair&size=10").text
    assert client.post("/undo", data={"seq": seq, "to": "/"}).status_code == 303
    assert "No customers" in client.get("/customers?tag=fair").text
    assert client.post("/customers/bulk/do", data=said).status_code == 303
    off = {**said, "to": "/customers?tag=fair", "do": "untag"}
    assert re.search(r'value="untag" checked', client.post("/customers/bulk/do", data={**off, "dry": "1"}).text)
    assert client.post("/customers/bulk/do", data=off).status_code == 303
    again = parse_qs(client.cookies["said"].strip('"'))["undo"][0]
    assert "No customers" in client.get("/customers?tag=fair").text
    assert client.post("/undo", data={"seq": again, "to": "/"}).status_code == 303
    assert "of <b>20</b>" in client.get("/customers?tag=fair&size=10").text


def test_X04_X05_S26_all_found_go_out_are_put_aside_and_erased_after_a_look(served: Served, town: Store) -> None:
    client = served.client("admin")
    every = {"all": "1", "to": "/customers?q=vorname00&size=5&page=2"}
    there = client.post("/customers/bulk", data={**every, "do": "export"}).headers["location"]
    assert "The list holds 10 customers." in client.get(there).text
    assert parse_qs(urlsplit(there).query)["q"] == ["vorname00"]
    assert "It would change 10 customers." in client.post("/customers/bulk", data={**every, "do": "inactive"}).text
    assert client.post("/customers/bulk/do", data={**every, "do": "inactive", "count": "10"}).status_code == 303
    aside = {"all": "1", "to": "/customers?q=vorname00&segment=inactive", "do": "active"}
    assert "It would change 10 customers." in client.post("/customers/bulk", data=aside).text
    assert client.post("/customers/bulk/do", data={**aside, "count": "10"}).status_code == 303
    look = client.post("/customers/bulk", data={**every, "do": "erase"}).headers["location"]
    page = client.get(look).text
    assert (page.count('name="id"'), 'name="sure"' in page) == (10, True)
    assert served.client("editor").post("/customers/bulk", data={**every, "do": "erase"}).status_code == 403
    assert served.client("viewer").post("/customers/bulk", data={**every, "do": "tag"}).status_code == 403
    bring(town, "crowd", people(60))
    many = client.post("/customers/bulk", data={"all": "1", "to": "/customers?sources=crowd", "do": "erase"})
    assert (many.status_code, "t most 50 people" in many.text) == (400, True)


@on_sqlite
@pytest.mark.parametrize("script", [True, False], ids=["script", "none"])
def test_X03_the_bar_offers_all_found_and_takes_it_back(town: Store, browse: Browse, script: bool) -> None:
    tab = browse("/customers?q=vorname0&size=10", role="editor", script=script)
    bar, head = tab.locator(".bulk"), tab.locator("thead .ck input")
    offer = bar.get_by_label("Choose all 40 found")
    tab.locator("tbody input[name=id]").first.check()
    expect(bar).to_contain_text("chosen")
    expect(offer).to_be_hidden()
    head.check()
    expect(offer).to_be_visible()
    offer.check()
    expect(bar.locator(".every")).to_have_text("40")
    if script:
        assert violations(tab) == []
        tab.locator("tbody input[name=id]").nth(2).uncheck()
        expect(offer).not_to_be_checked()
        expect(offer).to_be_hidden()
        expect(head).not_to_be_checked()
        head.check()
        offer.check()
        offer.uncheck()
        expect(bar.locator(".every")).to_be_hidden()
        offer.check()
    bar.get_by_role("button", name="Tag").click()
    expect(tab.locator("main")).to_contain_text("40 customers are chosen.")
    assert not script or violations(tab) == []
    tab.get_by_label("Tag", exact=True).fill("fair")
    tab.get_by_role("button", name="Do it").click()
    expect(tab.locator(".said")).to_contain_text("Done for 40 customers.")
    tab.locator(".said").get_by_role("button", name="Undo").click()
    expect(tab.locator(".said")).to_contain_text("taken back")
