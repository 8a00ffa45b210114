"""The command palette and the keys: found by typing, chosen by keyboard alone, for the role that asks."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klientela.store import Store
from klientela_web.pages.finder import MOST
from tests.cases.seen import account
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def town(store: Store) -> Store:
    """Thirty people of two names."""
    people = [account(str(n), "Anna" if n % 2 else "Ben", f"Ahorn{n:02}", email=f"p{n}@x.de") for n in range(30)]
    bring(store, "main", people)
    return store


def options(page: str) -> list[str]:
    return re.findall(r"<b>([^<]+)</b>", page)


def test_customers_are_found_by_name_and_mail(served: Served, town: Store) -> None:
    client = served.client("viewer")
    assert options(client.get("/find", params={"q": "ahorn07"}).text) == ["Anna Ahorn07"]
    assert options(client.get("/find", params={"q": "p7@x.de"}).text) == ["Anna Ahorn07"]
    assert len(options(client.get("/find", params={"q": "anna"}).text)) == MOST


def test_pages_and_commands_are_those_of_the_role(served: Served, town: Store) -> None:
    served.configure(f'{CONFIG}\n[sources.main]\ntype = "csv"\npath = "x.csv"\n[sources.till]\ntype = "api"\n')
    viewer, operator = (options(served.client(role).get("/find").text) for role in ("viewer", "operator"))
    assert {"Customers", "Orders", "Settings", "Light or dark"} <= set(viewer)
    assert "Merges" not in viewer
    assert "Merges" in operator
    assert {"Add customer", "Import customers", "Join two customers"}.isdisjoint(viewer)
    assert {"Add customer", "Import customers", "Join two customers"} <= set(operator)
    assert options(served.client("viewer").get("/find", params={"q": "read"}).text) == []
    read = served.client("operator").get("/find", params={"q": "read ma"}).text
    assert options(read) == ["Read main now"], "what pushes by itself cannot be read"
    assert 'data-post="/sources/main/sync"' in read


def test_what_is_found_is_said_in_the_readers_language(served: Served, town: Store) -> None:
    assert "Kunde hinzufügen" in options(served.client("editor", "de").get("/find", params={"q": "hinzu"}).text)


@on_sqlite
def test_by_keyboard_alone_somebody_is_found_and_opened(town: Store, browse: Browse) -> None:
    tab = browse("/orders")
    tab.keyboard.press("Control+k")
    box = tab.get_by_role("combobox", name="Search or run a command")
    expect(box).to_be_focused()
    expect(tab.locator("#palette li").first).to_have_attribute("aria-selected", "true")
    tab.keyboard.type("ahorn0")
    expect(tab.locator("#palette li")).to_have_count(MOST)
    for key, place in (("ArrowDown", 2), ("ArrowDown", 3), ("ArrowUp", 2), ("ArrowUp", 1), ("ArrowUp", MOST)):
        tab.keyboard.press(key)
        expect(box).to_have_attribute("aria-activedescendant", f"found-{place}")
    chosen = tab.locator("#found-6 b").inner_text()
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_contain_text(chosen)


@on_sqlite
def test_Enter_before_the_answer_takes_what_was_typed(town: Store, browse: Browse) -> None:
    tab = browse("/orders")
    tab.keyboard.press("Control+k")
    expect(tab.locator("#palette li").first).to_be_visible()
    tab.keyboard.insert_text("ahorn17")
    tab.keyboard.press("Enter")
    expect(tab.locator("h1")).to_contain_text("Anna Ahorn17")


@on_sqlite
def test_Escape_closes_and_a_command_is_done(town: Store, browse: Browse, served: Served) -> None:
    served.configure(f'{CONFIG}\n[sources.main]\ntype = "csv"\npath = "x.csv"\n')
    tab = browse("/customers", role="operator")
    tab.keyboard.press("Control+k")
    tab.keyboard.press("Escape")
    expect(tab.locator("#palette")).to_be_hidden()
    tab.keyboard.press("Control+k")
    tab.keyboard.type("light")
    expect(tab.locator("#palette li")).to_have_count(1)
    tab.keyboard.press("Enter")
    expect(tab.locator("html")).to_have_attribute("data-theme", "dark")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("read main")
    expect(tab.locator("#palette li")).to_have_count(1)
    tab.keyboard.press("Enter")
    expect(tab.locator(".said")).to_contain_text("main is being read now.")
    assert served.asked == ["main"]


@on_sqlite
def test_a_question_mark_shows_the_keys_but_not_while_typing(town: Store, browse: Browse) -> None:
    tab = browse()
    tab.locator("#find").press("?")
    expect(tab.locator("#keys")).to_be_hidden()
    tab.locator("h1").click()
    tab.keyboard.press("?")
    expect(tab.locator("#keys")).to_contain_text("Next and previous row")
    tab.keyboard.press("j")
    assert tab.locator("tr.cur").count() == 0, "keys of the page wait while a box is open"
    tab.keyboard.press("Escape")
    expect(tab.locator("#keys")).to_be_hidden()
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    expect(tab.locator(".p-head h1")).to_be_visible()


@on_sqlite
def test_without_script_the_field_above_searches(town: Store, browse: Browse) -> None:
    tab = browse("/orders", script=False)
    tab.locator("#find").fill("ahorn07")
    tab.locator("#find").press("Enter")
    expect(tab.locator("#count")).to_contain_text("of 1")


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_axe_finds_nothing(town: Store, browse: Browse, way: dict[str, int]) -> None:
    tab = browse(**way)
    tab.keyboard.press("Control+k")
    tab.keyboard.type("a")
    expect(tab.locator("#palette li").first).to_be_visible()
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    tab.locator("h1").click()
    tab.keyboard.press("?")
    assert violations(tab) == []


@on_sqlite
def test_a_hostile_name_is_a_name(store: Store, browse: Browse) -> None:
    bring(store, "main", [account("1", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', email="h@x.de")])
    tab = browse()
    tab.keyboard.press("Control+k")
    tab.keyboard.type("h@x.de")
    expect(tab.locator("#palette li")).to_have_count(1)
    expect(tab.locator("#palette li")).to_contain_text("<script>alert(1)</script>")
    assert tab.evaluate("document.querySelectorAll('#palette script, #palette img').length") == 0
