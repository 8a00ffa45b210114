"""Orders that are written into a Billbee account over real HTTP, and come back with the next sync."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
import respx
from billbee_helpers import Connect, orders, settings_of
from msgspec.structs import replace
from pydantic import ValidationError
from tests.cases.seen import Desk
from tests.conftest import SHARED
from tests.sandboxes import kept, revenue

from klientela.errors import Conflict, KlientelaError, NotKnown, SourceBroken, SourceRefused
from klientela.flow.placing import send, settle
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import UNSET, Address, Line, Placing, mark_of
from klientela.store import Store
from klientela_billbee.placing import body
from klientela_billbee.sandbox import Sandbox
from klientela_billbee.sandbox.things import ORDERED
from klientela_billbee.source import BillbeeSource

KEY = "0123456789abcdef" * 2
MARK = mark_of(KEY)
HOME = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="de", kind="billing")
TEA = Placing(
    key=KEY, currency="EUR", lines=[Line(title="Tea", sku="T-1", quantity=2, unit_price=1250, total=2500)], total=2200,
    discount=300, voucher="SPRING", number="L-0123", first_name="Anna", last_name="Ahorn", email="anna@example.com",
    phone="+49301234", billing=HOME, shipping=HOME,
)  # fmt: skip


@pytest.fixture
def box() -> Sandbox:
    """Anna has one order of 10.00."""
    made = Sandbox()
    home = {"street": "Lindenstr.", "number": "5", "zip": "10969", "city": "Berlin", "country": "DE"}
    anna = made.customer(first_name="Anna", last_name="Ahorn", email="anna@example.com", addresses=[home])
    made.order(customer=anna, total="10.00", billing={**home, "first_name": "Anna", "last_name": "Ahorn"})
    return made


def writing(connect: Connect, box: Sandbox, **settings: Any) -> BillbeeSource:
    made: BillbeeSource = connect(box, write_orders=True, **{"write_shop": box.home.id, **settings})
    return made


def ours(box: Sandbox) -> list[Any]:
    """The orders in the account that were placed here."""
    return [one for one in box.orders.values() if one.ident is not None and one.ident.startswith("klientela-")]


def test_the_body_says_what_the_order_says() -> None:
    settings = settings_of("https://x.example", write_orders=True, write_shop=7)
    made = msgspec.json.decode(msgspec.json.encode(body(TEA, settings, 0)))
    tea, coupon = made["OrderItems"]
    assert tea == {
        "Product": {"Title": "Tea", "SKU": "T-1"}, "Quantity": 2, "UnrebatedTotalPrice": 25.0, "TotalPrice": 25.0,
        "TaxAmount": 3.99, "TaxIndex": 1, "GetPriceFromArticleIfAny": False, "IsCoupon": False,
    }  # fmt: skip
    assert (coupon["Product"]["Title"], coupon["TotalPrice"], coupon["IsCoupon"]) == ("SPRING", -3.0, True)
    assert (made["TotalCost"], made["ShippingCost"], made["Currency"], made["TaxRate1"]) == (22.0, 0, "EUR", 19.0)
    assert (made["State"], made["PaymentMethod"], "PayedAt" in made, "Customer" in made) == (ORDERED, 22, False, False)
    assert (made["Id"], made["Tags"], made["OrderNumber"]) == (MARK, [MARK], "L-0123")
    assert made["InvoiceAddress"] == made["ShippingAddress"] == {
        "FirstName": "Anna", "LastName": "Ahorn", "Street": "Lindenstr.", "HouseNumber": "5", "Zip": "10969",
        "City": "Berlin", "CountryISO2": "DE", "Phone": "+49301234", "Email": "anna@example.com",
    }  # fmt: skip


def test_the_fields_are_those_of_the_vendor() -> None:
    file = SHARED / "wire/data/billbee/openapi_reconstructed.json"
    if not file.exists():
        pytest.skip("the schema of Billbee is not beside the repository (../shared)")
    schemas = msgspec.json.decode(file.read_bytes())["components"]["schemas"]
    everything = replace(
        TEA, customer="7", company="A", billing=replace(HOME, line2="B", region="C", country="Dänemark")
    )
    made = body(everything, settings_of("https://x.example", write_orders=True, write_shop=7), 0)
    parts = {
        "Order": [made], "OrderItem": made["OrderItems"], "SoldProduct": [one["Product"] for one in made["OrderItems"]],
        "OrderAddress": [made["InvoiceAddress"], made["ShippingAddress"]], "Customer": [made["Customer"]],
    }  # fmt: skip
    for name, found in parts.items():
        assert {field for one in found for field in one} <= set(schemas[name]["properties"]), name


def test_S19_S20_an_order_is_written_and_counts_once(store: Store, box: Sandbox, connect: Connect) -> None:
    source = writing(connect, box)
    made = send(store, kept(store, source), source)
    (one,) = ours(box)
    (anna,) = box.customers
    assert (made.state, made.ext, made.error) == ("taken", str(one.id), None)
    assert (one.customer, one.total, one.state, one.paid_at, one.currency) == (anna, 2200, ORDERED, None, "EUR")
    assert (one.store, one.tags, one.order_email) == (box.home.id, [mark_of(made.key)], "anna@example.com")
    assert one.billing is not None
    assert (one.billing.street, one.billing.number, one.billing.city) == ("Lindenstr.", "5", "Berlin")
    assert revenue(store) == ("32.00", 2)
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2), "the account's own counts in the place of the one that was kept here"
    (order,) = [o for o in Desk(store).profile(str(anna), "bb")["order_list"] if len(o["carriers"]) == 2]
    assert order["source"] == "bb"
    box.cancel(one)
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("10.00", 1), "and what becomes of it there becomes of it here"
    assert rebuild(store, check=True).differences == []


def test_it_is_known_by_the_id_it_was_written_with_when_somebody_takes_the_tag_off(
    box: Sandbox, connect: Connect
) -> None:
    source = writing(connect, box)
    made = source.place(TEA)
    (one,) = ours(box)
    for tags in ([MARK, "Geschenk"], ["Geschenk"]):
        box.order(one.id, tags=tags)
        found = orders(source)[str(made.external_id)]
        assert (found.placed_as, found.tags, found.origin) == (KEY, ["Geschenk"], None)
    carried = box.order(store=box.store("Shopify", "shopify"), tags=[MARK])  # a shop's own, which has its mark
    told = orders(source)[str(carried.id)]
    assert (told.placed_as, told.origin and told.origin.platform) == (KEY, "shopify")
    box.credit(one, "5.00").tags = [MARK]
    assert [o.placed_as for o in orders(source).values() if o.credits is not UNSET and o.credits] == [UNSET]


def test_who_has_no_customer_object_there_is_assigned_by_the_address_he_orders_with(
    box: Sandbox, connect: Connect
) -> None:
    (anna,) = box.customers
    source = writing(connect, box)
    source.place(TEA)
    source.place(replace(TEA, key="f" * 32, email="new@example.com", billing=None, shipping=None, first_name="Bea"))
    first, second = ours(box)
    assert first.customer == anna
    assert second.customer not in (None, anna)


def test_S20_a_voucher_without_amount_is_noted_and_said_so(store: Store, box: Sandbox, connect: Connect) -> None:
    source = writing(connect, box)
    made = send(store, kept(store, source, discount=""), source)
    assert made.error == "Billbee knows no vouchers: SPRING is noted there, and nothing was taken off."
    (one,) = ours(box)
    assert (one.total, "SPRING" in one.note) == (2500, True)


@pytest.mark.parametrize("fault", ["reset", "html"])
def test_an_answer_that_is_lost_is_never_asked_for_again_and_stands_once_however_often_it_is_sent(
    store: Store, box: Sandbox, connect: Connect, fault: str
) -> None:
    source = writing(connect, box)
    key = kept(store, source, voucher="")
    box.faults.on(fault, when=lambda seen: seen.method == "POST")
    made = send(store, key, source)
    box.faults.calm()
    assert made.state == "unknown"
    assert "nobody knows" in (made.error or "")
    assert len(ours(box)) == (fault == "reset")
    with pytest.raises(Conflict):
        send(store, key, source)
    again = send(store, key, source, looked=True)  # somebody looked, and did not see it
    (one,) = ours(box)
    assert (again.state, again.ext) == ("taken", str(one.id)), "the account has it already, or takes it now"
    assert sync(store, source).status == "ok"
    assert revenue(store) == ("32.00", 2)
    with pytest.raises(Conflict, match="is in the shop"):
        settle(store, key, there=False)


def test_a_no_is_a_no_in_billbees_words(box: Sandbox, connect: Connect) -> None:
    source = writing(connect, box)
    with pytest.raises(SourceRefused, match=r"^Billbee does not take the order: Daten ungültig$"):
        source.place(replace(TEA, customer="4711"))
    wrong: Any = replace(HOME, zip=10969)  # their sentence quotes it, so the field alone is told
    with pytest.raises(SourceRefused, match=r"^Billbee does not take the order: InvoiceAddress.Zip$"):
        source.place(replace(TEA, billing=wrong))
    elsewhere = writing(connect, box, write_shop=4711)
    assert any("it has no shop 4711" in note for note in elsewhere.check().notes)
    with pytest.raises(SourceRefused, match="does not know the shop 4711"):
        elsewhere.place(TEA)
    box.locked = 17
    with pytest.raises(SourceRefused, match="has not booked the API"):
        source.place(TEA)
    assert ours(box) == []


def test_an_account_that_is_asked_too_often_writes_nothing_and_is_not_asked_again(
    box: Sandbox, connect: Connect
) -> None:
    source = writing(connect, box)  # its settings keep no distance
    box.limit = 2
    made = [source._api.write("orders", {"shopId": box.home.id}, body(replace(TEA, key=one * 32), source.settings, 0))
            for one in "ab"]  # fmt: skip
    assert [told.status for told in made] == [201, 201]
    with pytest.raises(SourceBroken, match="status 429"):
        source._api.write("orders", {"shopId": box.home.id}, {})
    assert (len(ours(box)), box.faults.paths["/api/v1/orders"]) == (2, 3)


TOLD = {"ErrorMessage": "x", "ErrorCode": 0, "Data": None}


@pytest.mark.parametrize(
    ("status", "said", "error", "words"),
    [
        (200, {**TOLD, "ErrorCode": 8}, NotKnown, "its error code 8, so nobody knows"),
        (500, {**TOLD, "ErrorCode": 8}, NotKnown, "status 500, so nobody knows"),
        (200, {**TOLD, "ErrorCode": 3, "Data": {"BillBeeOrderId": 1}}, NotKnown, "error code 3"),
        (200, {"Message": "An error has occurred."}, NotKnown, "without an order"),
        (201, {**TOLD, "Data": {"BillBeeOrderId": None}}, NotKnown, "without an order"),
        (200, {**TOLD, "ErrorCode": 10}, SourceRefused, "does not know the shop 7"),
        (200, {**TOLD, "ErrorCode": 11}, SourceRefused, "does not take the order: x"),
        (400, {**TOLD, "ErrorCode": 16}, SourceRefused, "is not paid for"),
        (401, {"Message": "Authorization has been denied."}, SourceRefused, "our credentials"),
        (409, "<html>", SourceRefused, "order: status 409$"),
        (400, {"Message": "Anna Ahorn, anna@example.com, 10969 Berlin: no"}, SourceRefused, "order: … …, …, … …: no$"),
        (400, {"ModelState": {"orderData.InvoiceAddress.Zip": ["10969"], "orderData.A b": []}}, SourceRefused,
         "order: InvoiceAddress.Zip$"),
    ],
)  # fmt: skip
def test_what_billbee_answers_decides_what_is_known(
    status: int, said: Any, error: type[KlientelaError], words: str
) -> None:
    source = BillbeeSource("bb", settings_of("https://api.example", write_orders=True, write_shop=7))
    with respx.mock() as wire:
        content = said if isinstance(said, str) else msgspec.json.encode(said)
        wire.get(path__startswith="/api/v1/orders/findbyextref/").mock(httpx.Response(404))
        route = wire.post("https://api.example/api/v1/orders", params={"shopId": "7"}).mock(
            httpx.Response(status, content=content)
        )
        with pytest.raises(error, match=words) as told:
            source.place(TEA)
        assert route.call_count == 1
    assert not any(word in told.value.message for word in ("Anna", "Ahorn", "anna@", "10969", "Berlin"))


def test_an_order_that_is_there_is_not_written_again(box: Sandbox, connect: Connect) -> None:
    source = writing(connect, box)
    made = source.place(TEA)
    assert source.place(TEA) == made
    box.order(ours(box)[0].id, ident="renamed")
    assert source.place(TEA) == made, "by its number there, and the mark among its tags"
    box.order(ours_by_tag(box)[0].id, ident=MARK, number="A", tags=[])
    assert source.place(TEA) == made
    box.order(customer=1, number="L-0123", ident="stranger")
    box.faults.on("404", path=MARK)
    with pytest.raises(NotKnown, match="has the order already, but does not show it"):
        source.place(TEA)


def ours_by_tag(box: Sandbox) -> list[Any]:
    return [one for one in box.orders.values() if MARK in one.tags]


def test_money_is_written_exactly() -> None:
    settings = settings_of("https://x.example", write_orders=True, write_shop=7, write_tax_rate=7.0)
    yen = replace(TEA, currency="JPY", lines=[Line(title="Tea", quantity=3, unit_price=90071992547409)], discount=0)
    made = msgspec.json.decode(msgspec.json.encode(body(yen, settings, 0)), type=dict[str, Any])
    (item,) = made["OrderItems"]
    assert (item["TotalPrice"], item["TaxAmount"]) == (270215977642227, round(Decimal(270215977642227) * 7 / 107))


def test_nothing_is_written_unless_somebody_says_so_and_where_to() -> None:
    made = settings_of("https://x.example")
    assert (made.write_orders, made.write_shop) == (False, None)
    with pytest.raises(ValidationError, match="write_orders needs write_shop"):
        settings_of("https://x.example", write_orders=True)
    with pytest.raises(ValidationError, match="would not come back"):
        settings_of("https://x.example", write_orders=True, write_shop=7, shops=[8])
    assert settings_of("https://x.example", write_orders=True, write_shop=7, shops=[7, 8]).write_shop == 7
