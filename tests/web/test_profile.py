"""A customer's profile over HTTP, on both stores: what it shows, and who it is."""

from __future__ import annotations

import re

import pytest

from klientela.flow import decide
from klientela.flow.sync import sync
from klientela.kit import Checkout
from klientela.store import Store, capabilities
from tests.cases.seen import Desk, account, at, contact, guest_order, order
from tests.shops import bring, use
from tests.web.conftest import Served
from tests.web.profiles import numbers, part, path, post, seen
from tests.web.someone import HOSTILE, PDF, Boutique, List, everything, listed, mixed, orders, shop_says

# -- what it shows -------------------------------------------------------------------------------------------------------


def test_A29_H6_B11_the_sections_stand_in_their_order(served: Served, store: Store) -> None:
    html = seen(served.client("editor"), path(everything(store)))
    places = [html.index(f'aria-labelledby="{name}"') for name in
              ("contact", "addresses", "orders", "products", "letters", "bookings", "messages", "notes", "tags",
               "consents", "activity", "why")]  # fmt: skip
    assert places == sorted(places)
    for name in ("Anna Ahorn", "Shopify: main", "CSV file: list", "Reliable; prefers letters.", "tea lover"):
        assert name in html
    assert 'aria-label="Has a test order"' in html
    assert 'aria-label="Scanned a letter on 28 Sept 2025"' in html


def test_T62_B02_B03_ten_orders_and_all_of_them(served: Served, store: Store) -> None:
    desk = everything(store)
    client = served.client("viewer")
    html = seen(client, path(desk))
    assert numbers(html) == [str(number) for number in range(1011, 1001, -1)], "the newest ten, newest first (B01)"
    assert "Show all 11 orders" in html
    assert numbers(seen(client, path(desk) + "?orders=all")) == [str(number) for number in range(1011, 1000, -1)]


def test_T62_C29_C31_C32_the_cockpit_shows_three_and_leads_to_all(served: Served, store: Store) -> None:
    desk = everything(store)
    html = seen(served.client("viewer"), path(desk) + "?view=cockpit")
    assert numbers(html) == ["1011", "1010", "1009"]
    number = desk.row("A", "main")["customer_number"]
    assert f'href="/orders?customer={number}"' in html
    assert "€825.00 in 11, €75.00 on average" in part(html, "orders"), "tests and cancelled ones count here (C27, C28)"


def test_B04_B06_H2_H3_C30_an_order_shows_its_core_data_and_products(served: Served, store: Store) -> None:
    desk = everything(store)
    html = seen(served.client("viewer"), path(desk))
    found = re.search(r'<li class="ord" data-order="1010">.*?</li>', html, re.DOTALL)
    assert found is not None
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found[0]))
    for value in ("1010", "5 Oct 2025", "€125.00", "main", "Green tea", "TEA-1", "10", "€100.00", "Cup", "€2.50"):
        assert value in text
    (shown,) = [one for one in desk.profile("A", "main")["order_list"] if one["number"] == "1010"]
    assert f'href="/orders/main/order/{shown["carriers"][0]["external_id"]}"' in found[0]


def test_H2_B04_why_an_order_does_not_count_and_its_state(served: Served, store: Store) -> None:
    text = part(seen(served.client("viewer"), path(everything(store))), "orders")
    assert "Cancelled €50.00 Does not count: cancelled (but among all orders)" in text
    assert "Test order €37.50 Does not count: a test order (but among all orders)" in text


def test_T54_B08_H4_an_abandoned_cart_stands_between_the_orders(served: Served, store: Store) -> None:
    html = seen(served.client("viewer"), path(everything(store)))
    text = part(html, "orders")
    cart = text.index("Cart 20 Oct 2025 Abandoned €80.00")
    assert text.index("1011 5 Nov 2025") < cart < text.index("1010 5 Oct 2025")
    assert "Tea pot POT-1" in text[cart:]
    assert "€737.50" in html[html.index('id="figures"') :][:400], "it counts nowhere (R32)"


def test_T55_B09_a_recovered_cart_is_a_badge_beside_its_order(served: Served, store: Store) -> None:
    text = part(seen(served.client("viewer"), path(everything(store))), "orders")
    assert "1011 5 Nov 2025 main Recovered €137.50" in text
    assert text.count("Cart ") == 1, "counted once, and no cart of its own"


def test_T56_B10_R33_what_no_source_can_know_is_not_there(served: Served, store: Store) -> None:
    use(store)
    capabilities.remember(store, {"csv": ["consents"], "memory": ["accounts", "orders"]})
    assert sync(store, List("list", [contact("7", "Zoe", "Zander", email="z@x.de")])).status == "ok"
    bring(store, "depot", [account("1", "Ben", "Berg"), order("o1", customer="1", number="77")])
    desk = Desk(store)
    html = seen(served.client("viewer"), path(desk, "7", "list"))
    assert 'id="figures"' not in html
    assert [part(html, name) for name in ("orders", "products", "letters", "bookings", "messages", "shares")] == [
        ""
    ] * 6
    html = seen(served.client("viewer"), path(desk, "1", "depot"))
    assert numbers(html) == ["77"]
    assert not {"Cart", "Abandoned", "Recovered"} & set(part(html, "orders").split())


def test_S14_C26_C27_B16_the_tiles(served: Served, store: Store) -> None:
    html = seen(served.client("viewer"), path(everything(store)))
    tiles = re.sub(
        r"\s+", " ", re.sub(r"<[^>]*>", " ", html[html.index('id="figures"') : html.index('class="profile"')])
    )
    for value in ("Lifetime value €737.50", "Orders 9", "one every 38 days", "Average order €81.94",
                  "First order 5 Jan 2025", "Last order 5 Nov 2025", "days ago"):  # fmt: skip
        assert value in tiles


def test_H6_top_products(served: Served, store: Store) -> None:
    text = part(seen(served.client("viewer"), path(everything(store))), "products")
    assert text == "Bought most Green tea TEA-1 59 × €590.00 Cup 9 × €22.50"


def test_B12_B14_B15_B17_B18_H5_letters(served: Served, store: Store) -> None:
    text = part(seen(served.client("viewer"), path(everything(store))), "letters")
    assert re.search(r"Last letter \d+ days ago \(20 Sept 2025\)", text)
    assert "Welcome back Spring 2025 20 Sept 2025 Sent first order after: +15 days" in text
    assert "Scanned: 28 Sept 2025, 08:15 ; 24 Sept 2025, 19:30" in text
    assert "Autumn 2 Oct 2025 Failed The address is unknown" in text


def test_T63_B13_the_pdf_is_the_very_one_that_was_sent(served: Served, store: Store) -> None:
    desk = everything(store)
    client = served.client("viewer")
    html = seen(client, path(desk))
    digest = desk.profile("A", "main")["letters"][1]["file"]["sha256"]
    assert f'href="/files/{digest}"' in html
    assert f'<iframe src="/files/{digest}/look' in html
    taken = client.get(f"/files/{digest}")
    assert taken.content == PDF
    assert taken.headers["content-disposition"] == "attachment; filename*=UTF-8''letter.pdf"
    assert taken.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in taken.headers["content-security-policy"]
    looked = client.get(f"/files/{digest}/look")
    assert (looked.content, looked.headers["content-type"]) == (PDF, "application/pdf")
    assert looked.headers["content-disposition"].startswith("inline")
    assert "frame-ancestors 'self'" in looked.headers["content-security-policy"]
    assert "default-src 'none'" in looked.headers["content-security-policy"]


def test_S24_a_file_that_could_run_is_only_taken_away(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("editor")
    evil = ("evil.html", HOSTILE.encode(), "application/pdf")
    answer = client.post(f"{path(desk)}/note", data={"text": "see"}, files={"file": evil})
    assert answer.status_code == 303
    ((file,),) = [one["files"] for one in desk.profile("A", "main")["notes"]]
    assert file["type"] == "text/html", "its name tells, not the browser"
    assert client.get(f"/files/{file['sha256']}/look").status_code == 404
    taken = client.get(f"/files/{file['sha256']}")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert client.get("/files/zz").status_code == 404
    assert client.get(f"/files/{'0' * 64}").status_code == 404


def test_S15_S16_bookings_and_messages(served: Served, store: Store) -> None:
    html = seen(served.client("viewer"), path(everything(store)))
    assert "Tea ceremony Room 3 9 Aug 2025, 19:00 · 2 people Booked" in part(html, "bookings")
    text = part(html, "messages")
    assert text.index("Your order It is on its way.") < text.index("Message received"), "a thread, oldest first"


def test_R27_R28_each_value_tells_where_it_comes_from(served: Served, store: Store) -> None:
    desk = everything(store)
    html = seen(served.client("viewer"), path(desk))
    assert 'data-tip="Shopify: main · main/customer/A' in html
    assert re.search(
        r'data-tip="CSV file: list · list/customer/7\nChanged by operator paula on [^"]*\n'
        r'beneath it: Ahorn KG \(CSV file: list\)"',
        html,
    )


def test_H6_C21_three_kinds_of_addresses(served: Served, store: Store) -> None:
    text = part(seen(served.client("viewer"), path(mixed(store))), "addresses")
    for value in ("Billing address main address", "Lindenstr. 5 10969 Berlin Germany",
                  "Delivery address Ahorn KG Hafenweg 9 20457 Hamburg", "Letter address Anna Ahorn Postfach 12"):  # fmt: skip
        assert value in text


def test_T41_C25_a_former_email_is_history(served: Served, store: Store) -> None:
    desk = mixed(store)
    assert sync(store, Boutique("main", [shop_says(6, email="neu@x.de")])).status == "ok"
    html = seen(served.client("viewer"), path(desk))
    assert re.search(r"neu@x.de .*anna@x.de former", part(html, "contact"))
    assert "E-mail changed : anna@x.de → neu@x.de" in part(html, "activity")


def test_C25_S18_B20_R39_one_timeline_of_everything(served: Served, store: Store) -> None:
    text = part(seen(served.client("editor"), path(everything(store)) + "?activity=all"), "activity")
    for value in ("Company changed : Ahorn KG → Ahorn & Co KG", "operator paula · list/customer/7", "Remark changed",
                  "Tags changed : vip → vip; tea lover", "Consents changed : Post, promotion: Granted (card at the fair)",
                  "Order placed : 1011 €137.50", "main/order/o10 · run", "Cart abandoned : €80.00", "Letter sent : Welcome back",
                  "Letter scanned", "Message received", "Booked : Tea ceremony"):  # fmt: skip
        assert value in text, value
    assert "Letter sent : Autumn" not in text, "it failed"
    assert text.index("Order placed : 1011") < text.index("Cart abandoned") < text.index("Order placed : 1010")


def test_C33_C34_a_guest_row_has_a_profile_with_its_one_order(served: Served, store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("7", "g@x.de", first_name="Greta", number="2001"), guest_order("8", "g@x.de")])
    desk = Desk(store)
    html = seen(served.client("viewer"), f"/customers/{desk.public('7', 'S', 'guest_order')}")
    assert numbers(html) == ["2001"]
    assert "Not registered" in html


def test_R17b_others_with_the_same_value_are_named(served: Served, store: Store) -> None:
    use(store)
    bring(
        store,
        "S",
        [contact("1", "Anna", "Adam", phone="+49 30 9135728"), contact("2", "Zoe", "Zander", phone="+49 30 9135728")],
    )
    desk = Desk(store)
    html = seen(served.client("viewer"), path(desk, "1", "S"))
    assert part(html, "shares") == "Others with the same value Zoe Zander the same: phone"
    assert f'href="{path(desk, "2", "S")}"' in html


def test_R0c_gone_at_its_source_is_a_badge(served: Served, store: Store) -> None:
    use(store)
    shop = Boutique("main", [shop_says()], complete=True)
    assert sync(store, shop).status == "ok"
    desk = Desk(store)
    gone = Boutique("main", [account("Z", "Zoe", "Zander")], complete=True, exists=["Z"])
    assert sync(store, gone, full=True).status == "ok"
    assert "gone at Shopify: main" in seen(served.client("viewer"), path(desk))


def test_what_others_stored_runs_nowhere(served: Served, store: Store) -> None:
    use(store)
    bring(
        store,
        "S",
        [account("1", HOSTILE, '" onmouseover="x', email="j@x.de", company="javascript:alert(1)", tags=[HOSTILE])],
    )
    client = served.client("admin")
    address = path(Desk(store), "1", "S")
    for way in ("", "/why", "/erase"):
        raw = client.get(address + way).text
        assert HOSTILE not in raw
        assert '" onmouseover="x' not in raw
        assert 'href="javascript:' not in raw


# -- who it is ---------------------------------------------------------------------------------------------------------


def test_T34_an_old_id_leads_to_the_survivor_and_lives_again_after_the_undo(served: Served, store: Store) -> None:
    use(store)
    bring(store, "S", [account("1", "Anna", "Adam", created_at=1), account("2", "Zoe", "Zander", created_at=2)])
    desk = Desk(store)
    one, two = path(desk, "1", "S"), path(desk, "2", "S")
    client = served.client("viewer")
    made = decide.merge(store, one[-36:], two[-36:], reason="the same")
    answer = client.get(two + "?view=cockpit")
    assert (answer.status_code, answer.headers["location"]) == (302, one + "?view=cockpit")
    assert made.seq is not None
    decide.undo(store, made.seq)
    assert "<h1>Zoe Zander" in seen(client, two)
    assert client.get("/customers/00000000-0000-4000-8000-000000000000").status_code == 404


def test_S13_C20_why_tells_masked_values_and_splits_with_undo(served: Served, store: Store) -> None:
    desk = mixed(store)
    client = served.client("operator")
    html = seen(client, path(desk) + "/why")
    assert "main/customer/A list/customer/7 e-mail a•••@x•••.de" in part(html, "edges")
    form = {"record": "list/customer/7", "reason": "father and daughter"}
    shown = client.post(path(desk) + "/split", data={**form, "dry": "1"})
    assert "It would be 2 customers:" in shown.text
    assert len(desk.people()) == 1, "nothing is written"
    assert post(client, path(desk) + "/split", **form).status_code == 303
    assert desk.people() == {frozenset({"main/A"}), frozenset({"list/7"})}
    html = seen(client, path(desk) + "/why")
    assert "two people" in part(html, "decisions")
    seq = re.search(r'name="seq" value="(\d+)"', html[html.index('aria-labelledby="decisions"') :])
    assert seq is not None
    assert post(client, "/undo", seq=seq[1], to=path(desk)).status_code == 303
    assert desk.people() == {frozenset({"main/A", "list/7"})}


@pytest.mark.parametrize("wrong", [{"reason": "why"}, {"record": "list/customer/7", "reason": " "},
                                   {"record": "list/nobody/7", "reason": "x"}])  # fmt: skip
def test_a_split_without_record_or_reason_writes_nothing(served: Served, store: Store, wrong: dict[str, str]) -> None:
    desk = mixed(store)
    assert post(served.client("operator"), path(desk) + "/split", **wrong).status_code in (400, 404, 409)
    assert len(desk.people()) == 1


def test_an_older_cart_waits_with_the_orders_that_are_not_shown(served: Served, store: Store) -> None:
    use(store)
    cart = Checkout(external_id="c", customer="A", at=at("2025-01-02 10:00"), value=100, currency="EUR")
    records = [shop_says(), *orders(4), cart]
    assert sync(store, Boutique("main", records)).status == "ok"  # type: ignore[arg-type]
    client = served.client("viewer")
    where = path(Desk(store))
    assert "Abandoned" not in part(seen(client, where + "?view=cockpit"), "orders")
    assert "Abandoned" in part(seen(client, where + "?view=cockpit&orders=all"), "orders")


def test_a_list_entry_that_nobody_else_tells_is_all_editable(served: Served, store: Store) -> None:
    use(store)
    assert sync(store, List("list", [listed()])).status == "ok"
    client = served.client("editor")
    html = client.get(path(Desk(store), "7", "list")).text
    assert len(re.findall(r"readonly", html)) == 1, "the e-mail alone"
