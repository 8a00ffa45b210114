"""A customer's profile in a real browser: no barrier in any state, everything by keyboard, and without script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from klientela.flow.sync import sync
from klientela.store import Store
from tests.cases.seen import account, order
from tests.web.axe import violations
from tests.web.conftest import Served
from tests.web.profiles import OVERLAY, path
from tests.web.someone import Boutique, everything, mixed

Browse = Callable[..., Page]
pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
LOOKS = [
    pytest.param({}, id="light"),
    pytest.param({"dark": True}, id="dark"),
    pytest.param({"wide": 390, "high": 844}, id="phone"),
]


def fits(tab: Page) -> bool:
    """Whether nobody must move the page sideways."""
    return bool(tab.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_a_profile_with_everything_open(
    served: Served, store: Store, browse: Browse, look: dict[str, object]
) -> None:
    served.configure(OVERLAY)
    where = path(everything(store))
    tab = browse(where, **look)
    assert violations(tab) == []
    assert fits(tab)
    # a frame with the reader of PDFs is the browser's own page, which is no matter of ours
    tab.evaluate("for (const one of document.querySelectorAll('main details:not(.pdf)')) one.open = true")
    assert violations(tab) == []
    assert fits(tab)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("way", ["/why", "/erase"])
def test_axe_finds_nothing_beside_the_profile(
    served: Served, store: Store, browse: Browse, way: str, look: dict[str, object]
) -> None:
    tab = browse(path(mixed(store)) + way, **look)
    assert violations(tab) == []
    assert fits(tab)


def test_axe_finds_nothing_where_several_are_erased(served: Served, store: Store, browse: Browse) -> None:
    tab = browse("/persons/erase?id=" + path(mixed(store))[-36:], wide=390, high=844)
    assert violations(tab) == []
    assert fits(tab)


def test_H6_hovering_or_focusing_a_value_tells_its_source(served: Served, store: Store, browse: Browse) -> None:
    tab = browse(path(mixed(store)))
    mark = tab.get_by_role("img", name="Where it comes from: Company")
    shown = "el => getComputedStyle(el, '::after').content"
    assert mark.evaluate(shown) == "none"
    mark.hover()
    assert "CSV file: list" in mark.evaluate(shown)
    tab.mouse.move(0, 0)
    mark.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    assert "list/customer/7" in mark.evaluate(shown)


def test_B05_an_order_opens_its_products_by_click_anywhere_and_by_key(
    served: Served, store: Store, browse: Browse
) -> None:
    tab = browse(path(everything(store)))
    row = tab.locator('[data-order="1010"]')
    expect(row.get_by_text("Green tea")).to_be_hidden()
    row.click(position={"x": 400, "y": 14})
    expect(row.get_by_text("Green tea")).to_be_visible()
    other = tab.locator('[data-order="1009"] summary')
    other.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator('[data-order="1009"]').get_by_text("Green tea")).to_be_visible()
    link = row.get_by_role("link", name="1010")
    assert (link.get_attribute("href") or "").startswith("/orders/")
    link.click(trial=True)  # it lies above what opens the products


def test_B03_the_expander_shows_all_orders(served: Served, store: Store, browse: Browse) -> None:
    tab = browse(path(everything(store)))
    expect(tab.locator("[data-order]")).to_have_count(10)
    tab.get_by_role("link", name="Show all 11 orders").click()
    expect(tab.locator("[data-order]")).to_have_count(11)
    tab.go_back()
    expect(tab.locator("[data-order]")).to_have_count(10)


def test_B13_the_pdf_button_shows_the_letter_in_the_page(served: Served, store: Store, browse: Browse) -> None:
    tab = browse(path(everything(store)))
    frame = tab.locator("iframe[title*='Welcome back']")
    expect(frame).to_be_hidden()
    with tab.expect_response("**/look") as told:
        tab.locator(".pdf summary").click()
    assert told.value.status == 200
    expect(frame).to_be_visible()


def test_S21_editing_by_keyboard_and_taking_it_back(served: Served, store: Store, browse: Browse) -> None:
    desk = mixed(store)
    tab = browse(path(desk), role="editor")
    tab.locator(".p-head").get_by_role("link", name="Edit").focus()
    tab.keyboard.press("Enter")
    field = tab.get_by_role("textbox", name="Company")
    expect(field).to_be_visible()
    field.focus()
    tab.keyboard.press("Control+A")
    tab.keyboard.type("Neu GmbH")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status")).to_contain_text("The changes are saved.")
    assert desk.row("A", "main")["company"] == "Neu GmbH"
    tab.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(tab.get_by_role("status")).to_contain_text("It was taken back.")
    assert desk.row("A", "main")["company"] == "Ahorn KG"


def test_S23_a_note_with_a_file_without_script(served: Served, store: Store, browse: Browse) -> None:
    desk = mixed(store)
    tab = browse(path(desk), role="editor", script=False)
    tab.get_by_label("Add a comment").fill("Called back")
    tab.get_by_label("Files").set_input_files({"name": "plan.txt", "mimeType": "text/plain", "buffer": b"the plan"})
    tab.locator("#notes ~ form").get_by_role("button", name="Add").click()
    expect(tab.locator(".p-notes")).to_contain_text("plan.txt")
    (note,) = desk.profile("A", "main")["notes"]
    assert (note["text"], note["files"][0]["size"]) == ("Called back", 8)


def test_S25_the_menu_of_actions(served: Served, store: Store, browse: Browse) -> None:
    desk = mixed(store)
    tab = browse(path(desk))
    tab.locator(".p-head summary", has_text="Actions").click()
    tab.get_by_role("button", name="Mark inactive").click()
    expect(tab.get_by_role("status")).to_contain_text("inactive list")
    assert desk.profile("A", "main")["inactive"]


def test_R58_the_export_is_a_download(served: Served, store: Store, browse: Browse) -> None:
    tab = browse(path(mixed(store)))
    tab.locator(".p-head summary", has_text="Actions").click()
    with tab.expect_download() as told:
        tab.get_by_role("button", name="Everything kept, for the person").click()
    assert told.value.suggested_filename.endswith(".zip")


@pytest.mark.parametrize("wide", [390, 1440])
def test_a_long_word_makes_no_page_wider(served: Served, store: Store, browse: Browse, wide: int) -> None:
    desk = mixed(store)
    made = [account("A", "Anna" * 49, "Ahorn", version=6, company="Ahorn" * 40), order("o1", 10**15, customer="A")]
    assert sync(store, Boutique("main", made)).status == "ok"  # type: ignore[arg-type]
    for address in (path(desk), path(desk) + "/why", "/orders/main/order/o1", "/customers"):
        assert fits(browse(address, wide=wide)), address
