"""The page without a mouse: sort, size, pages, facets, bulk and undo, an import with errors, a split and undo; Back through
every state of the list; and all of the list without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from klientela.kit import Address
from klientela.store import Store
from tests.cases.seen import Desk, account, at, contact, order
from tests.shops import bring, use
from tests.web.conftest import CONFIG, Served
from tests.web.profiles import path

Browse = Callable[..., Page]
pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def village(store: Store) -> Store:
    """Fourteen people of two countries; the first three bought something."""
    towns = [
        Address(city="Berlin", country="DE"),
        Address(city="Berlin", country="DE"),
        Address(city="Wien", country="AT"),
    ]
    people = [
        account(str(n), f"Vor{n:02}", f"Name{n:02}", email=f"p{n}@x.de", created_at=at("2026-01-01 12:00") + n,
                tags=["vip"][: n % 2], addresses=[towns[n % 3]])
        for n in range(14)
    ]  # fmt: skip
    bring(store, "main", [*people, *(order(f"o{n}", 1000 * (n + 1), customer=str(n)) for n in range(3))])
    return store


def reach(tab: Page, aim: Locator, *, back: bool = False, most: int = 150) -> None:
    """Go to something by the Tab key alone; it must be reached, and be seen to be."""
    aim.wait_for(state="attached")
    for _ in range(most):
        if aim.evaluate("el => el === document.activeElement"):
            expect(aim).to_be_in_viewport()
            return
        tab.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{aim} cannot be reached by the keyboard")


def press(tab: Page, aim: Locator, key: str = "Enter", *, back: bool = False) -> None:
    reach(tab, aim, back=back)
    tab.keyboard.press(key)


def names(tab: Page) -> list[str]:
    return tab.locator("table.list tbody .nm a").all_text_contents()


def test_by_keyboard_alone_the_list_is_sorted_and_paged(village: Store, browse: Browse) -> None:
    tab = browse("/customers")
    press(tab, tab.locator("#sort-name"))
    expect(tab.locator("th.c-name")).to_have_attribute("aria-sort", "ascending")
    assert names(tab)[0] == "Vor00 Name00"
    tab.keyboard.press("Enter")  # the focus stayed where it was
    expect(tab.locator("th.c-name")).to_have_attribute("aria-sort", "descending")
    assert names(tab)[0] == "Vor13 Name13"
    reach(tab, tab.locator("#size"))
    tab.keyboard.press("ArrowUp")
    expect(tab.locator("#count")).to_contain_text("1–10 of 14")
    press(tab, tab.locator("#next"))
    expect(tab.locator("#count")).to_contain_text("11–14 of 14")
    expect(tab.locator("#live")).to_contain_text("11–14 of 14")
    press(tab, tab.locator("#prev"), back=True)
    expect(tab.locator("#count")).to_contain_text("1–10 of 14")


def test_by_keyboard_alone_facets_are_chosen_and_taken_away(village: Store, browse: Browse) -> None:
    tab = browse("/customers")
    press(tab, tab.locator("#filter"))
    expect(tab.locator("#filter")).to_have_attribute("aria-expanded", "true")
    press(tab, tab.locator(".facets").get_by_role("link", name=re.compile("Austria")))
    expect(tab.locator("#count")).to_contain_text("of 4")
    press(tab, tab.locator(".facets").get_by_role("link", name=re.compile("vip")))
    expect(tab.locator("#count")).to_contain_text("of 2")
    press(tab, tab.locator(".chip.on").first)
    expect(tab.locator("#count")).not_to_contain_text("of 2")
    press(tab, tab.locator(".chip.on").first)
    expect(tab.locator("#count")).to_contain_text("of 14")
    press(tab, tab.locator(".tabs").get_by_role("link", name=re.compile("Repeat")))
    expect(tab.locator(".tabs [aria-current]")).to_contain_text("Repeat")


def test_by_keyboard_alone_several_are_marked_and_it_is_taken_back(village: Store, browse: Browse) -> None:
    tab = browse("/customers", role="editor")
    gone = names(tab)[:2]
    for number in (0, 1):
        press(tab, tab.locator("tbody input[name=id]").nth(number), "Space")
    press(tab, tab.locator(".bulk").get_by_role("button", name="Mark inactive"))
    expect(tab.locator("main")).to_contain_text("It would change 2 customers.")
    press(tab, tab.get_by_role("button", name="Do it"))
    expect(tab.locator(".said")).to_contain_text("Done for 2 customers.")
    assert not set(gone) & set(names(tab))
    press(tab, tab.locator(".said").get_by_role("button", name="Undo"))
    expect(tab.locator(".said")).to_contain_text("taken back")
    assert names(tab)[:2] == gone


def test_by_keyboard_alone_the_menu_of_a_row_opens_and_shuts(village: Store, browse: Browse) -> None:
    tab = browse("/customers", role="editor")
    first = names(tab)[0]
    dots = tab.get_by_label(f"Actions for {first}")
    press(tab, dots)
    expect(tab.locator("details[open] .menu-box")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("tbody details[open]")).to_have_count(0)
    tab.keyboard.press("Enter")
    press(tab, tab.locator("details[open]").get_by_role("link", name="Open the profile"))
    expect(tab.locator("h1")).to_contain_text(first)


def test_by_keyboard_alone_a_file_with_errors_is_imported_and_taken_back(
    served: Served, store: Store, browse: Browse, tmp_path: Path
) -> None:
    served.configure(CONFIG + '[sources.list]\ntype = "csv"\npath = "none.csv"\n')
    file = tmp_path / "people.csv"
    file.write_text("email\na@x.de\nnobody\nb@x.de\n", encoding="utf-8")
    tab = browse("/imports/new", role="operator")
    # Asked for long before the key: the browser hears of it by another channel than of keys, and may hear of it second.
    tab.on("filechooser", lambda _: None)
    reach(tab, tab.locator("input[type=file][name=file]"))
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press("Enter")
    chooser.value.set_files(str(file))
    reach(tab, tab.locator("input[name=headers]:checked"))
    tab.keyboard.press("ArrowDown" if not tab.get_by_label("whatever is known").is_checked() else "Shift")
    expect(tab.get_by_label("whatever is known")).to_be_checked()
    press(tab, tab.get_by_role("button", name="Continue"))
    press(tab, tab.get_by_role("button", name="Show what would happen"))
    expect(tab.get_by_role("heading", name="Rows that would be refused")).to_be_visible()
    press(tab, tab.get_by_role("button", name="Import now"))
    expect(tab.get_by_role("heading", name="Imported: people.csv")).to_be_visible()
    assert {row["email"] for row in Desk(store).rows()} == {"a@x.de", "b@x.de"}
    fix = tab.locator("main a[href$='/fix']")
    reach(tab, fix)
    with tab.expect_download() as coming:
        tab.keyboard.press("Enter")
    assert "nobody" in coming.value.path().read_text(encoding="utf-8-sig")
    press(tab, tab.locator(".said").get_by_role("button", name="Undo"), back=True)
    expect(tab.locator(".said")).to_contain_text("taken back")
    assert Desk(store).rows() == []


def test_by_keyboard_alone_a_customer_is_split_and_joined_again(served: Served, store: Store, browse: Browse) -> None:
    use(store)
    bring(store, "main", [account("A", "Anna", "Ahorn", email="anna@x.de", created_at=1)])
    bring(store, "list", [contact("7", "Anna", "Ahorn", email="anna@x.de", created_at=2)])
    desk = Desk(store)
    tab = browse(path(desk) + "/why", role="operator")
    press(tab, tab.locator("input[name=record][value='list/customer/7']"), "Space")
    reach(tab, tab.locator("form[action$='/split'] [name=reason]"))
    tab.keyboard.type("father and daughter")
    press(tab, tab.get_by_role("button", name="Only show the effect"))
    expect(tab.locator("main")).to_contain_text("It would be 2 customers:")
    assert len(desk.people()) == 1
    press(tab, tab.get_by_role("button", name="Part them"))
    expect(tab.locator(".said")).to_be_visible()
    assert desk.people() == {frozenset({"main/A"}), frozenset({"list/7"})}
    press(tab, tab.locator(".said").get_by_role("button", name="Undo"))
    expect(tab.locator(".said")).to_contain_text("taken back")
    assert desk.people() == {frozenset({"main/A", "list/7"})}


# -- Back ------------------------------------------------------------------------------------------------------------------


def state(tab: Page) -> dict[str, Any]:
    """Everything that the list says of itself."""
    return {
        "url": tab.url,
        "count": tab.locator("#count").inner_text(),
        "names": names(tab),
        "sorted": tab.locator("th[aria-sort]").evaluate_all("all => all.map(e => [e.className, e.ariaSort])"),
        "tab": tab.locator(".tabs [aria-current]").inner_text(),
        "chips": tab.locator(".chip.on").all_text_contents(),
        "open": tab.locator("#filter").get_attribute("aria-expanded"),
        "size": tab.locator("#size").input_value(),
        "search": tab.locator("#q").input_value(),
        "line": tab.locator(".seg [aria-current]").all_inner_texts(),
        "days": [tab.locator(f"#{one}").input_value() for one in ("from", "to")],
    }


def settled(tab: Page, wanted: dict[str, Any]) -> dict[str, Any]:
    """The state once it is the wanted one, or what it is after five seconds: parts of the page arrive one by one."""
    for _ in range(100):
        if state(tab) == wanted:
            break
        tab.wait_for_timeout(50)
    return state(tab)


def test_back_and_forward_restore_every_state_of_the_list(village: Store, browse: Browse) -> None:
    tab = browse("/customers?view=autoletter")
    tab.locator("#q").fill("name")
    expect(tab.locator("#count")).to_contain_text("of 14")
    expect(tab).to_have_url(re.compile("q=name"))
    steps: list[tuple[Callable[[], object], Callable[[], None]]] = [
        (lambda: tab.locator("#sort-email").click(),
         lambda: expect(tab.locator("th.c-email[aria-sort=ascending]")).to_be_visible()),
        (lambda: tab.locator("#sort-email").click(),
         lambda: expect(tab.locator("th.c-email[aria-sort=descending]")).to_be_visible()),
        (lambda: tab.locator("#size").select_option("10"), lambda: expect(tab.locator("#count")).to_contain_text("1–10")),
        (lambda: tab.locator("#next").click(), lambda: expect(tab.locator("#count")).to_contain_text("11–14")),
        (lambda: tab.locator("#filter").click(), lambda: expect(tab.locator(".facets")).to_be_visible()),
        (lambda: tab.locator(".facets").get_by_role("link", name=re.compile("Germany")).click(),
         lambda: expect(tab.locator("#count")).to_contain_text("of 10")),
        (lambda: tab.locator(".tabs").get_by_role("link", name=re.compile("Registered")).click(),
         lambda: expect(tab.locator(".tabs [aria-current]")).to_contain_text("Registered")),
        (lambda: tab.get_by_role("link", name="Revenue").click(),
         lambda: expect(tab.locator(".seg [aria-current]").first).to_have_text("Revenue")),
        (lambda: tab.get_by_role("link", name="Last 7 days").click(),
         lambda: expect(tab.locator(".chip[aria-current]")).to_have_text("Last 7 days")),
    ]  # fmt: skip
    seen = [state(tab)]
    for act, done in steps:
        act()
        done()
        seen.append(state(tab))
    tab.locator("table.list .nm a").first.click()
    expect(tab.locator("h1")).to_contain_text("Vor")
    for before in reversed(seen):
        tab.go_back()
        expect(tab).to_have_url(before["url"])
        assert settled(tab, before) == before
    for after in seen[1:3]:
        tab.go_forward()
        expect(tab).to_have_url(after["url"])
        assert settled(tab, after) == after


# -- without script ----------------------------------------------------------------------------------------------------------


def test_without_script_all_of_the_list_is_there(village: Store, browse: Browse) -> None:
    tab = browse("/customers", script=False)
    count = tab.locator("#count")
    tab.locator("#q").fill("wien")
    tab.get_by_role("button", name="Search").click()
    expect(count).to_contain_text("of 4")
    tab.goto(tab.url.partition("?")[0])
    tab.locator("#size").select_option("10")
    tab.locator(".size").get_by_role("button", name="Show").click()
    expect(count).to_contain_text("1–10 of 14")
    tab.locator("#next").click()
    expect(count).to_contain_text("11–14 of 14")
    tab.locator("#prev").click()
    expect(count).to_contain_text("1–10 of 14")
    tab.locator("#sort-name").click()
    expect(tab.locator("th.c-name")).to_have_attribute("aria-sort", "ascending")
    expect(count).to_contain_text("1–10 of 14")
    tab.locator("#filter").click()
    tab.locator(".facets").get_by_role("link", name=re.compile("Austria")).click()
    expect(count).to_contain_text("of 4")
    tab.locator(".tabs").get_by_role("link", name=re.compile("Inactive")).click()
    expect(count).to_contain_text("No customers")
    tab.goto(tab.url.partition("?")[0])
    tab.get_by_role("link", name="Previous week").click()
    expect(tab.locator(".chip[aria-current]")).to_have_text("Previous week")
    tab.get_by_role("link", name="Transactions").click()
    expect(tab.locator(".seg [aria-current]").first).to_have_text("Transactions")
    expect(tab.locator(".chip[aria-current]")).to_have_text("Previous week")


def test_without_script_several_are_marked_and_it_is_taken_back(village: Store, browse: Browse) -> None:
    tab = browse("/customers", role="editor", script=False)
    gone = names(tab)[:2]
    for number in (0, 1):
        tab.locator("tbody input[name=id]").nth(number).check()
    tab.locator(".bulk").get_by_role("button", name="Mark inactive").click()
    tab.get_by_role("button", name="Do it").click()
    assert not set(gone) & set(names(tab))
    tab.locator(".said").get_by_role("button", name="Undo").click()
    assert names(tab)[:2] == gone
