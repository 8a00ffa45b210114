"""Orders that are written into a Wix site over real HTTP, and come back with the next sync."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.cases.seen import Desk
from tests.sandboxes import kept, revenue
from wix_helpers import Connect

from klientela.errors import Conflict, SourceRefused
from klientela.flow.placing import send
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Line, Placing, mark_of
from klientela.store import Store
from klientela_wix.placing import ORDERS, PERMISSION, sheet
from klientela_wix.sandbox import Sandbox
from klientela_wix.sandbox.writing import PERMISSION as MANAGE
from klientela_wix.settings import WixSettings

KEY = "0123456789abcdef" * 2
HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", region="DE-BE", country="de")
TEA = Placing(
    key=KEY, currency="EUR", total=2700, discount=300, voucher="SPRING", number="L-0123", first_name="Anna",
    last_name="Ahorn", email="anna@shop.example", phone="+49 30 23125000", billing=HOME,
    lines=[Line(title="Tea", sku="T-1", quantity=2, unit_price=1250, total=2500),
           Line(title="Cup", quantity=1, unit_price=500, total=500)],
)  # fmt: skip


@pytest.fixture
def box() -> Sandbox:
    """Anna, who is a member, has one order of 10.00."""
    made = Sandbox()
    home = {"street": "Lindenstr. 5", "zip": "10969", "city": "Berlin", "country": "DE", "tag": "BILLING"}
    anna = made.contact(first_name="Anna", last_name="Ahorn", email="anna@shop.example", addresses=[home])
    made.member(anna)
    made.order(contact=anna, total="10.00")
    return made


def marked(box: Sandbox) -> list[Any]:
    """The orders of the site that carry a mark."""
    return [one for one in box.orders.values() if one.external_id]


def test_the_sheet_says_what_the_order_says() -> None:
    made = sheet(replace(TEA, customer="c-1"))
    assert made["channelInfo"] == {"type": "OTHER_PLATFORM", "externalOrderId": mark_of(KEY)}
    assert made["buyerInfo"] == {"contactId": "c-1", "email": "anna@shop.example"}
    tea, cup = made["lineItems"]
    assert tea == {
        "productName": {"original": "Tea"}, "quantity": 2, "itemType": {"preset": "PHYSICAL"},
        "physicalProperties": {"sku": "T-1"}, "price": {"amount": "12.50"}, "totalDiscount": {"amount": "2.50"},
        "totalPriceBeforeTax": {"amount": "22.50"}, "totalPriceAfterTax": {"amount": "22.50"},
        "paymentOption": "FULL_PAYMENT_OFFLINE",
    }  # fmt: skip
    assert cup["totalPriceAfterTax"] == {"amount": "4.50"}
    assert made["priceSummary"] == {
        "subtotal": {"amount": "30.00"}, "discount": {"amount": "3.00"}, "total": {"amount": "27.00"},
    }  # fmt: skip
    assert made["appliedDiscounts"] == [
        {"discountType": "GLOBAL", "merchantDiscount": {"amount": {"amount": "3.00"}, "description": "SPRING"}}
    ]
    who = {"firstName": "Anna", "lastName": "Ahorn", "phone": "+49 30 23125000"}
    place_ = {
        "addressLine": "Lindenstr. 5",
        "postalCode": "10969",
        "city": "Berlin",
        "subdivision": "DE-BE",
        "country": "DE",
    }
    assert made["billingInfo"] == {"contactDetails": who, "address": place_}
    assert made["recipientInfo"] == {"contactDetails": who}
    assert (made["currency"], made["paymentStatus"]) == ("EUR", "NOT_PAID")
    assert "buyerInfo" not in str(sheet(Placing(key=KEY, currency="JPY", lines=[], total=0))["priceSummary"])


def test_the_shares_of_a_discount_are_the_discount_to_the_cent() -> None:
    lines = [Line(title="A", quantity=1, unit_price=cost, total=cost) for cost in (333, 0, 333, 334)]
    made = sheet(Placing(key=KEY, currency="EUR", lines=lines, total=0, discount=1000))
    assert [one["totalPriceAfterTax"]["amount"] for one in made["lineItems"]] == ["0.00"] * 4
    made = sheet(Placing(key=KEY, currency="EUR", lines=lines, total=999, discount=1))
    assert sorted(one["totalDiscount"]["amount"] for one in made["lineItems"]) == ["0.00", "0.00", "0.00", "0.01"]


def test_S19_S20_an_order_is_made_and_counts_once(store: Store, box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True)
    made = send(store, kept(store, source, people="contacts"), source)
    (anna,) = box.contacts.values()
    (one,) = marked(box)
    assert (made.state, made.ext, made.error) == ("taken", one.id, None)
    assert (one.external_id, one.contact, one.email) == (mark_of(made.key), anna.id, "anna@shop.example")
    assert (one.total, one.discount, one.status, one.payment_status) == (2200, 300, "APPROVED", "NOT_PAID")
    assert (one.billing.street, one.billing.last_name, one.channel) == ("Lindenstr. 5", "Ahorn", "OTHER_PLATFORM")
    assert box.mailed == [], "nobody writes to the buyer for an order that was typed in here"
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2)
    (order,) = [o for o in Desk(store).profile(anna.id, "main")["order_list"] if len(o["carriers"]) == 2]
    assert (order["source"], order["number"]) == ("main", str(one.number))
    assert rebuild(store, check=True).differences == []
    box.cancel(one)
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("10.00", 1), "cancelled on the site, it counts nowhere"


@pytest.mark.parametrize("by", ["the id it answered", "the mark alone"])
def test_an_order_that_comes_back_is_known_by_either(store: Store, box: Sandbox, connect: Connect, by: str) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source, people="contacts")
    box.holds_back = by == "the mark alone"  # then it is no order yet, and answered as a draft
    made = send(store, key, source)
    (one,) = marked(box)
    if box.holds_back:
        assert (made.ext, made.draft, "holds it back" in (made.error or "")) == (None, one.id, True)
        assert sync(store, source).status == "ok"
        assert revenue(store) == ("32.00", 2), "what is kept here counts"
        box.order(one.id, status="APPROVED", payment="PAID")
    else:
        box.order(one.id, external_id=None)
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2)
    assert rebuild(store, check=True).differences == []


def test_a_buyer_of_another_shop_is_met_by_the_e_mail(box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True)
    (anna,) = box.contacts
    made = source.place(TEA)
    assert box.orders[str(made.external_id)].contact == anna
    source.place(replace(TEA, key=KEY[::-1], email="bert@shop.example", first_name="Bert"))
    bert = list(box.contacts.values())[-1]
    assert (bert.email, bert.first_name, bert.source) == ("bert@shop.example", "Bert", "WIX_STORES")


def test_S20_what_becomes_of_a_voucher_and_of_another_total_is_told(
    store: Store, box: Sandbox, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = connect(box, write_orders=True)
    made = send(store, kept(store, source, people="contacts", discount=""), source)
    assert ([one.total for one in marked(box)], made.state) == ([2500], "taken")
    assert "redeems no voucher" in (made.error or "")
    monkeypatch.setattr("klientela_wix.sandbox.writing._discount", lambda *_: 0)
    assert source.place(TEA).remark == "Wix makes it 30.00 EUR instead of 27.00."


@pytest.mark.parametrize("fault", ["reset", "truncated", "500", "html", "empty"])
def test_an_answer_that_is_lost_is_never_asked_for_again(
    store: Store, box: Sandbox, connect: Connect, fault: str
) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source, people="contacts")
    box.faults.on(fault, body="lineItems")
    made = send(store, key, source)
    box.faults.calm()
    assert (made.state, "nobody knows" in (made.error or "")) == ("unknown", True)
    there = len(marked(box))
    assert there == (1 if fault in ("reset", "truncated") else 0), "the site may have it or not"
    with pytest.raises(Conflict):
        send(store, key, source)
    # Whoever looked and did not see it sends it anew: what is there by its mark is not made twice.
    again = send(store, key, source, looked=True)
    assert (again.state, len(marked(box)), "already" in (again.error or "")) == ("taken", 1, there == 1)
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2)


@pytest.mark.parametrize("fault", ["429", "401"])
def test_a_no_is_a_no(store: Store, box: Sandbox, connect: Connect, fault: str) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source, people="contacts")
    box.faults.on(fault, body="lineItems")
    assert send(store, key, source).state == "refused"
    box.faults.calm()
    assert marked(box) == []
    assert send(store, key, source).state == "taken"


def test_what_may_not_be_written_is_told(box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True)
    assert PERMISSION in source.check().notes
    assert PERMISSION not in connect(box).check().notes, "who only reads need not know"
    box.forbidden.add(MANAGE)
    assert source.check().notes == [PERMISSION], "reading goes on"
    with pytest.raises(SourceRefused, match="does not let us write orders") as no:
        source.place(TEA)
    assert "permission to manage orders" in (no.value.hint or "")
    box.forbidden.clear()
    box.not_installed.add("orders")
    with pytest.raises(SourceRefused, match="the site has no orders"):
        source.place(TEA)
    assert marked(box) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"customer": "00000001-0000-4000-8000-0000000000ff"}, "order.buyerInfo.contactId"),
        ({"phone": "Ahorns Nichte"}, "contactDetails.phone value … is not valid"),
        ({"billing": Address(city="Ahornhausen" * 9, country="DE")}, "order.billingInfo.address.city has length 99"),
        ({"lines": []}, "order.lineItems has size 0"),
        ({"discount": 9900, "total": 0}, "are more than the order"),
        ({"email": "anna at home"}, "order.buyerInfo.email value … is not valid"),
    ],
)
def test_what_the_site_says_no_to_is_told_in_its_words_without_the_person(
    box: Sandbox, connect: Connect, change: dict[str, Any], said: str
) -> None:
    source = connect(box, write_orders=True)
    with pytest.raises(SourceRefused, match="the shop does not take the order: ") as no:
        source.place(replace(TEA, **change))
    assert said in no.value.message
    assert not any(word in no.value.message for word in ("Ahorn", "Nichte", "anna", "at home"))
    assert (marked(box), len([body for name, body in box.server.asked if name == "make"])) == ([], 1)


def test_an_app_renews_its_token_and_tells_once(box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True, app_id=box.app_id, app_secret=box.app_secret, instance_id=box.instance_id)
    source.check()
    box.server.tokens.clear()
    box.faults.on("401", body="lineItems", times=1)
    assert source.place(TEA).external_id is not None
    assert len(marked(box)) == 1
    assert len([one for one in box.server.asked if one[0] == "make"]) == 1, "the first was turned away at the door"


def test_what_is_too_much_for_a_minute_is_not_made(box: Sandbox, connect: Connect, waits: list[float]) -> None:
    source = connect(box, write_orders=True)
    box.calls_a_minute = 1  # the look is allowed, the order is not
    with pytest.raises(Exception, match="429"):
        source.place(TEA)
    assert (marked(box), waits) == ([], [])


def test_nothing_is_written_unless_somebody_says_so() -> None:
    made = WixSettings.model_validate({"type": "wix", "api_key": "k", "site_id": "s"})
    assert made.write_orders is False
    assert ORDERS == "/ecom/v1/orders"
