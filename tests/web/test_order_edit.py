"""An order is edited on its page: by right, pinned over a shop, two people at once, and without a script (C30, R38, R40b)."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from klientela.flow import correct
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address
from klientela.store import Store
from tests.cases.seen import Desk, account, order
from tests.shops import Shop, bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE", kind="shipping")
OVERLAY = CONFIG + '\n[edit]\npolicy = "overlay"\n'


class File(Shop):
    """A list that operators may edit."""

    type = "csv"
    title = "CSV"


@pytest.fixture
def shop(store: Store) -> Store:
    """Anna's order in a shop and one in a list."""
    person = account("1", "Anna", "Ahorn", email="anna@x.de")
    bring(store, "S", [person, order("o1", customer="1", phone="+49 30 111", addresses=[HOME])])
    mine = order("o1", customer="1", state="open", phone="+49 30 111", first_name="Anna", addresses=[HOME])
    assert sync(store, File("L", [person, mine])).status == "ok"
    return store


def version(html: str) -> str:
    """The version that the forms of the page carry."""
    found = re.search(r'name="version" value="(\d+)"', html)
    assert found is not None
    return found[1]


def sent(client: httpx.Client, way: str, key: str = "L/order/o1", **fields: Any) -> httpx.Response:
    if "version" not in fields:
        fields["version"] = version(client.get(f"/orders/{key}").text)
    return client.post(
        f"/orders/{way}", data={"key": key, **{name.replace("_was_", "was "): v for name, v in fields.items()}}
    )


def test_C30_R38_an_order_of_a_list_is_edited_explained_and_taken_back(served: Served, shop: Store) -> None:
    client = served.client("editor")
    answer = sent(client, "edit", state="cancelled", _was_state="open", shipping_city="Ulm", _was_shipping_city="Berlin",
                  phone="+49 30 111", _was_phone="+49 30 111")  # fmt: skip
    assert answer.status_code == 303, answer.text
    page = unescape(client.get(answer.headers["location"]).text)
    assert "The changes are saved." in page
    assert "Does not count: cancelled" in page
    assert "10969 Ulm" in page
    assert re.search(r"Changed by .* on .*\nbeneath it: Open \(CSV file: L\)", page)
    assert "<td>State changed</td><td>Open</td><td>Cancelled</td>" in page
    assert "phone changed" not in page.lower(), "what was left alone is not written"
    assert rebuild(shop, check=True).differences == []
    undo = re.search(r'name="seq" value="(\d+)"', page)
    assert undo is not None
    assert client.post("/undo", data={"seq": undo[1]}).status_code == 303
    page = client.get("/orders/L/order/o1").text
    assert "10969 Berlin" in page
    assert "Taken back: State changed" in page
    assert "State changed" in unescape(client.get(f"/customers/{Desk(shop).public('1', 'L')}").text), (
        "on the profile too"
    )


def test_R38_a_field_of_a_shop_says_whose_it_is_and_is_pinned_only_by_policy(served: Served, shop: Store) -> None:
    client, key = served.client("editor"), "S/order/o1"
    page = client.get(f"/orders/{key}").text
    assert "; it changes there." in page
    assert 'id="edit-form"' not in page, "a form of locked fields is none"
    assert "Lay a value over it" not in page
    now = version(client.get("/orders/L/order/o1").text)
    refused = sent(client, "edit", key, state="open", _was_state="paid", version=now)
    assert (refused.status_code, "so it changes there" in refused.text) == (409, True)
    assert sent(client, "pin", key, field="state", value="open", version=now).status_code == 409
    served.configure(OVERLAY)
    assert "Lay a value over it" in client.get(f"/orders/{key}").text
    assert sent(client, "pin", key, field="state", value="returned").status_code == 303
    assert sent(client, "pin", key, field="shipping_city", value="Ulm").status_code == 303
    page = client.get(f"/orders/{key}").text
    assert page.count('class="b pin"') == 2
    assert "Returned" in page
    assert sent(client, "unpin", key, field="state").status_code == 303
    assert client.get(f"/orders/{key}").text.count('class="b pin"') == 1
    assert rebuild(shop, check=True).differences == []


def test_R40b_who_saves_an_order_later_is_told_what_changed(served: Served, shop: Store) -> None:
    client = served.client("editor")
    before = version(client.get("/orders/L/order/o1").text)
    correct.edit(shop, "L/order/o1", {"company": "Theirs"}, actor="operator paula")
    answer = sent(client, "edit", company="Mine", _was_company="", version=before)
    page = unescape(answer.text)
    assert answer.status_code == 409
    assert "Company changed: – → Theirs (operator paula" in page
    assert re.search(r'name="company" form="edit-form" value="Mine"', page), "what was typed is not lost"
    again = {"company": "Mine", "_was_company": "Theirs", "version": version(page)}
    assert sent(client, "edit", **again).status_code == 303


def test_R37_bad_uses_are_told_and_write_nothing(served: Served, shop: Store) -> None:
    client = served.client("editor")
    assert "e-mail of a customer changes only" in sent(client, "edit", email="a@b.de", _was_email="").text
    assert sent(client, "edit", state="shipped", _was_state="open").status_code == 400
    assert sent(client, "edit").headers["location"] == "/orders/L/order/o1"
    for key in ("L/order/none", "S/customer/1", Desk(shop).public("1")):
        assert client.post("/orders/edit", data={"key": key, "company": "X", "was company": ""}).status_code == 404, key
    assert Desk(shop).count("decision") == 0
    assert sent(client, "edit", company="<script>alert(1)</script>", _was_company="").status_code == 303
    assert "<script>alert" not in client.get("/orders/L/order/o1").text, "hostile words are words"
    assert 'class="editing"' not in served.client("viewer").get("/orders/L/order/o1").text
    assert served.client("viewer").post("/orders/edit", data={"key": "L/order/o1"}).status_code == 403


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_axe_finds_nothing_on_an_order_that_is_edited(
    served: Served, shop: Store, browse: Browse, way: dict[str, int]
) -> None:
    served.configure(OVERLAY)
    correct.pin(shop, "S/order/o1", "company", "Hand AG", overlay=True)
    tab = browse("/orders/S/order/o1", role="operator", **way)
    tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert violations(tab) == []
