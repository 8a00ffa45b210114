"""Orders that are written into a Shopify shop over real HTTP, and come back with the next sync."""

from __future__ import annotations

import pytest
from shopify_helpers import Connect
from tests.cases.seen import Desk
from tests.sandboxes import kept, revenue

from klientela.errors import Conflict, NotKnown, SourceBroken, SourceRefused
from klientela.flow.placing import send
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Line, Placing, mark_of
from klientela.store import Store
from klientela_shopify.placing import SCOPE, draft
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.sandbox.drafts import complete
from klientela_shopify.sandbox.shop import SCOPES
from klientela_shopify.settings import ShopifySettings

KEY = "0123456789abcdef" * 2
TEA = Placing(
    key=KEY, currency="EUR", lines=[Line(title="Tea", sku="T-1", quantity=2, unit_price=1250, total=2500)], total=2200,
    discount=300, voucher="SPRING", number="L-0123", customer="7", first_name="Anna", last_name="Ahorn",
    email="anna@example.com", billing=Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="DE"),
)  # fmt: skip


@pytest.fixture
def box() -> Sandbox:
    """Anna has one order of 10.00."""
    made = Sandbox()
    anna = made.customer(
        state="ENABLED", first_name="Anna", last_name="Ahorn", email="anna@example.com",
        addresses=[{"address1": "Lindenstr. 5", "zip": "10969", "city": "Berlin", "country": "DE"}],
    )  # fmt: skip
    made.order(customer=anna, total="10.00", email="anna@example.com")
    return made


def test_the_draft_says_what_the_order_says() -> None:
    made = draft(TEA)
    assert made["lineItems"] == [
        {"title": "Tea", "quantity": 2, "sku": "T-1",
         "originalUnitPriceWithCurrency": {"amount": "12.50", "currencyCode": "EUR"}}
    ]  # fmt: skip
    assert made["appliedDiscount"] == {
        "title": "SPRING", "valueType": "FIXED_AMOUNT", "value": 3.0,
        "amountWithCurrency": {"amount": "3.00", "currencyCode": "EUR"},
    }  # fmt: skip
    assert made["purchasingEntity"] == {"customerId": "gid://shopify/Customer/7"}
    assert made["billingAddress"] == {
        "firstName": "Anna", "lastName": "Ahorn", "address1": "Lindenstr. 5", "zip": "10969", "city": "Berlin",
        "countryCode": "DE",
    }  # fmt: skip
    assert (made["tags"], "shippingAddress" in made, "discountCodes" in made) == ([mark_of(KEY)], False, False)


def test_S19_S20_a_draft_is_written_and_its_order_counts_once(store: Store, box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source)
    made = send(store, key, source)
    assert (made.state, made.ext) == ("taken", None)
    assert made.draft is not None
    assert "draft" in (made.error or "")
    (one,) = box.drafts.values()
    (anna,) = box.customers
    assert (one.customer, one.total, one.email, one.tags) == (anna, 2200, "anna@example.com", [mark_of(made.key)])
    assert one.billing is not None
    assert one.billing.address1 == "Lindenstr. 5"
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2), "a draft is no order, so what is kept here counts"
    complete(box, f"gid://shopify/DraftOrder/{made.draft}")  # somebody in the shop takes the money
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2), "now the shop's own counts in its place"
    (order,) = [o for o in Desk(store).profile(str(anna), "main")["order_list"] if len(o["carriers"]) == 2]
    assert order["source"] == "main"
    assert order["number"] == "#1002"
    assert rebuild(store, check=True).differences == []


def test_a_draft_is_completed_at_once_where_the_rules_say_so(store: Store, box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True, complete_drafts=True)
    made = send(store, kept(store, source), source)
    assert made.ext is not None
    box.orders[int(made.ext)].tags = []  # somebody takes the mark off: the id the shop answered is enough
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2)
    assert rebuild(store, check=True).differences == []


def test_S20_a_voucher_without_amount_is_left_to_the_shop(store: Store, box: Sandbox, connect: Connect) -> None:
    box.discounts["SPRING"] = 500
    source = connect(box, write_orders=True)
    made = send(store, kept(store, source, discount=""), source)
    assert [one.total for one in box.drafts.values()] == [2000]
    complete(box, f"gid://shopify/DraftOrder/{made.draft}")
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("30.00", 2), "what the shop made of it, and not 25.00 as it was here"


@pytest.mark.parametrize("fault", ["reset", "truncated", "500", "html", "empty"])
def test_an_answer_that_is_lost_is_never_asked_for_again(
    store: Store, box: Sandbox, connect: Connect, fault: str
) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source)
    box.faults.on(fault, body="draftOrderCreate")
    made = send(store, key, source)
    box.faults.calm()
    assert made.state == "unknown"
    assert "nobody knows" in (made.error or "")
    assert len(box.drafts) == (1 if fault in ("reset", "truncated") else 0), "the shop may have it or not"
    assert sync(store, source).status == "ok"
    with pytest.raises(Conflict):
        send(store, key, source)
    if box.drafts:  # the mark tells what nobody knew
        complete(box, "gid://shopify/DraftOrder/9900001")
        assert sync(store, source).status == "ok"
        assert revenue(store) == ("32.00", 2)
    else:
        assert send(store, key, source, looked=True).state == "taken"
        assert len(box.drafts) == 1


@pytest.mark.parametrize("fault", ["429", "401"])
def test_a_no_is_a_no(store: Store, box: Sandbox, connect: Connect, fault: str) -> None:
    source = connect(box, write_orders=True)
    key = kept(store, source)
    box.faults.on(fault, body="draftOrderCreate")
    assert send(store, key, source).state == "refused"
    box.faults.calm()
    assert box.drafts == {}
    assert send(store, key, source).state == "taken"


def test_an_app_that_may_not_write_is_told_which_scope_it_lacks(store: Store, box: Sandbox, connect: Connect) -> None:
    box.scopes = tuple(scope for scope in SCOPES if scope != SCOPE)
    source = connect(box, write_orders=True)
    assert any(SCOPE in note for note in source.check().notes)
    key = kept(store, source)
    made = send(store, key, source)
    assert (made.state, made.error) == ("refused", f"the app may not write orders: it lacks the scope {SCOPE}")
    source._granted = {SCOPE}  # it was taken away since the check
    with pytest.raises(SourceRefused, match=SCOPE):
        source.place(TEA)
    assert not any(SCOPE in note for note in connect(box).check().notes), "who only reads need not know"


def test_what_the_shop_says_no_to_is_told_in_its_words_without_the_person(
    store: Store, box: Sandbox, connect: Connect
) -> None:
    source = connect(box, write_orders=True)
    kept(store, source)
    with pytest.raises(SourceRefused, match="does not take the order: Customer could not be found"):
        source.place(TEA)
    assert box.drafts == {}


@pytest.mark.parametrize(("fault", "error"), [("throttled", SourceBroken), ("internal", NotKnown)])
def test_what_the_shop_answers_inside_a_200_is_understood(
    box: Sandbox, connect: Connect, fault: str, error: type[Exception]
) -> None:
    source = connect(box, write_orders=True)
    source.check()
    box.fault(fault, times=1)
    with pytest.raises(error):
        source.place(TEA)
    assert len([name for name, _ in box.server.requests if name == "DraftCreate"]) == 1, "once, and never again"


def test_a_draft_that_cannot_be_completed_is_still_there(box: Sandbox, connect: Connect) -> None:
    source = connect(box, write_orders=True, complete_drafts=True)
    (anna,) = box.customers
    source.check()
    box.faults.on("reset", body="draftOrderComplete")
    made = source.place(Placing(key=KEY, currency="EUR", lines=TEA.lines, total=2500, customer=str(anna)))
    assert (made.external_id, made.draft is not None) == (None, True)
    assert "nobody knows" in (made.remark or "")


def test_nothing_is_written_unless_somebody_says_so() -> None:
    made = ShopifySettings.model_validate({"type": "shopify", "shop": "x", "access_token": "t"})
    assert (made.write_orders, made.complete_drafts) == (False, False)
