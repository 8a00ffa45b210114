"""What stands around every page, and how the overview is arranged: how sources are doing, columns, pictures, trouble."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from klientela.flow import remarks
from klientela.flow.sync import sync
from klientela.kit import File, SourceBroken
from klientela.model.instants import DAY, MINUTE, iso
from klientela.store import Store
from klientela.store.operation import now
from klientela_web.words import Words
from tests.cases.seen import account
from tests.shops import Shop, bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served
from tests.web.test_words import BERLIN

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
MAIN = f'{CONFIG}\n[sources.main]\ntype = "csv"\npath = "x.csv"\nevery = "1h"\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def town(store: Store) -> Store:
    """Thirty people."""
    bring(store, "main", [account(str(n), "Anna", f"Ahorn{n:02}", email=f"p{n}@x.de") for n in range(30)])
    return store


class Broken(Shop):
    """A shop that cannot be reached."""

    def check(self):  # type: ignore[no-untyped-def]
        raise SourceBroken("the shop did not answer")


def pulse(client: httpx.Client) -> tuple[str, str] | None:
    found = re.search(
        r'class="pulse (\w+)" href="/sources"><i aria-hidden="true"></i><span>([^<]+)', client.get("/customers").text
    )
    return (found[1], found[2].strip()) if found else None


def test_the_top_bar_says_how_the_sources_are_doing(served: Served, town: Store) -> None:
    client = served.client("viewer")
    assert pulse(client) is None, "nothing is read by itself"
    served.configure(MAIN)
    assert pulse(client) == ("good", "All sources up to date")
    assert 'class="banner' not in client.get("/customers").text.partition("<template")[0]
    served.running["main"] = {"stream": "all"}
    assert pulse(client) == ("running", "main is being read")
    served.running.clear()
    assert sync(town, Broken("main", [])).status == "failed"
    assert pulse(client) == ("failed", "main could not be read")


def test_old_data_say_so_above_the_list(served: Served, town: Store) -> None:
    served.configure(MAIN)
    with town.step("test") as step:
        step.db.run("UPDATE run SET started = ?, finished = ?", (now() - 3 * DAY, now() - 3 * DAY))
    client = served.client("viewer")
    assert pulse(client) == ("late", "main waits to be read")
    assert (
        "main was last read 3 days ago; what happened there since is not in this list." in client.get("/customers").text
    )


def test_the_side_counts_the_customers(served: Served, town: Store) -> None:
    side = served.client("viewer").get("/orders").text.partition('<aside class="side">')[2].partition("</aside>")[0]
    assert re.search(r'href="/customers"[^>]*>.*?<em>30</em>', side, re.DOTALL)
    assert side.count('aria-current="page"') == 1
    assert "/merges" not in side, "what a viewer may not see is not offered"


def heads(answer: httpx.Response) -> list[str]:
    return re.findall(r'<th scope="col" class="c-(\w+)"', answer.text)


def test_before_the_first_source_the_page_says_what_to_do_and_shows_no_figures(served: Served) -> None:
    page = served.client("viewer").get("/customers").text
    assert "No source is connected yet" in page
    assert 'class="card kpi"' not in page


def test_the_answer_of_a_form_loaded_again_leads_to_its_page(served: Served, town: Store) -> None:
    client = served.client("operator")
    home = re.findall(r'class="stretch" href="([^"]+)"', client.get("/customers").text)[0]
    for path, near in (
        (f"{home}/edit", home),
        ("/customers/bulk/do", "/customers/bulk"),
        ("/customers/bulk", "/customers"),
        ("/merges/decide", "/merges"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers.get("location")) == (303, near)


def test_columns_are_chosen_by_the_address_and_remembered(served: Served, town: Store) -> None:
    client = served.client("viewer")
    usual = heads(client.get("/customers"))
    chosen = client.get("/customers", params={"columns": ["ltv", "name", "phone"]})
    assert heads(chosen) == ["name", "ltv", "phone"], "in the order of the view, others behind"
    assert re.search(r'id="next"[^>]*href="[^"]*columns=name%2Cltv%2Cphone', chosen.text), "the address keeps them"
    assert heads(client.get("/customers")) == ["name", "ltv", "phone"]
    assert heads(client.get("/customers", params={"view": "site123"}))[1] == "email", "each view has its own choice"
    exported = client.get("/customers/export", params={"format": "csv"}).text.splitlines()[0]
    assert "phone" in exported
    assert "company" not in exported, "exactly the list in view"
    assert heads(served.client("viewer").get("/customers")) == usual, "another browser knows nothing of it"
    assert heads(client.get("/customers", params={"columns": "default"})) == usual
    assert heads(client.get("/customers")) == usual


@pytest.mark.parametrize("columns", ["nothing", "name;DROP TABLE customer", "ltv_approx", "<script>", "," * 300])
def test_columns_that_are_none_are_left_out(served: Served, town: Store, columns: str) -> None:
    client = served.client("viewer")
    answer = client.get("/customers", params={"columns": columns})
    assert (answer.status_code, heads(answer)) == (200, heads(client.get("/customers")))
    assert "<script>" not in answer.text.partition("<main")[2]


@on_sqlite
def test_columns_are_ticked_while_the_menu_stays_open(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.locator("#columns > summary").click()
    tab.locator("#col-company").uncheck()
    expect(tab.locator("th.c-company")).to_have_count(0)
    tab.locator("#col-phone").check()
    expect(tab.locator("th.c-phone")).to_be_visible()
    expect(tab.locator("#columns")).to_have_attribute("open", "")
    expect(tab.locator("#col-phone")).to_be_focused()
    tab.go_back()
    expect(tab.locator("th.c-phone")).to_have_count(0)
    tab.goto(tab.url.partition("?")[0])
    expect(tab.locator("th.c-name")).to_be_visible()
    expect(tab.locator("th.c-company")).to_have_count(0)
    tab.locator("#columns > summary").click()
    tab.get_by_role("link", name="As the view has them").click()
    expect(tab.locator("th.c-company")).to_be_visible()


def test_S21_the_list_shows_the_picture_that_was_given(served: Served, town: Store) -> None:
    remarks.picture(town, "main/customer/7", File(name="one.png", content=PNG), actor="operator")
    made = remarks.picture(town, "main/customer/7", File(name="two.png", content=PNG + b"2"), actor="operator")
    client = served.client("viewer")
    shown = re.findall(
        r'<img class="ava ?" src="/files/(\w+)/look" alt="" loading="lazy"', client.get("/customers?q=ahorn07").text
    )
    with town.reading() as db:
        detail = db.one("SELECT detail FROM decision WHERE from_seq = ?", (made.seq,))
    assert len(shown) == 1
    assert detail is not None
    assert shown[0] in detail[0], "the newest one"
    assert "<img" not in client.get("/customers?q=ahorn08").text


@on_sqlite
def test_what_does_not_get_through_says_so_and_is_tried_again(town: Store, served: Served, browse: Browse) -> None:
    tab = browse("/customers?size=10")
    tab.evaluate(
        """() => {
          const [real, failed] = [window.fetch, { once: false }];
          window.fetch = (...asked) =>
            failed.once ? real(...asked) : (failed.once = true, Promise.reject(new TypeError("no way")));
        }"""
    )
    tab.locator("#next").click()
    expect(tab.locator("#list .banner")).to_contain_text("That did not get through.")
    expect(tab.locator("#count")).to_contain_text("1–10")
    tab.get_by_role("link", name="Try again").click()
    expect(tab.locator("#count")).to_contain_text("11–20")
    expect(tab.locator("#list .banner")).to_have_count(0)


@on_sqlite
def test_paper_shows_the_list_alone(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.emulate_media(media="print")
    for gone in (".side", ".top", ".tools", ".insight", ".pager"):
        expect(tab.locator(gone).first).to_be_hidden()
    expect(tab.locator("table.list")).to_be_visible()


@on_sqlite
def test_the_menu_of_a_phone_leads_everywhere(town: Store, browse: Browse) -> None:
    tab = browse(wide=390, high=844)
    expect(tab.locator(".side")).to_be_hidden()
    tab.locator(".ways > summary").click()
    assert violations(tab) == []
    tab.locator(".ways").get_by_role("link", name="Runs").click()
    expect(tab.locator("h1")).to_have_text("Runs")


def test_a_moment_ago_is_said_in_minutes() -> None:
    words = Words("de", BERLIN)
    assert words.lately(iso(now() - 5 * MINUTE)) == "vor 5 Min."
