"""Shopify's words into ours, case by case, without a shop."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw

from klientela.kit import Address, Checkout, Consent, Line, Order, Person, Rejected, instant, page
from klientela_shopify import translate
from klientela_shopify.settings import GuestRule

AT = "2026-05-14T10:23:45Z"
HOME = {
    "id": "gid://shopify/MailingAddress/1?model_name=CustomerAddress",
    "firstName": "Käthe",
    "lastName": "Groß",
    "company": "Groß GmbH",
    "address1": "Lindenstraße 5",
    "address2": None,
    "zip": "01067",
    "city": "Dresden",
    "province": "Sachsen",
    "country": "Germany",
    "countryCodeV2": "DE",
    "phone": None,
}
OTHER = {**HOME, "id": "gid://shopify/MailingAddress/2?model_name=CustomerAddress", "company": None, "city": "Köln"}
CUSTOMER: dict[str, Any] = {
    "id": "gid://shopify/Customer/7000000000001",
    "createdAt": "2024-03-02T08:11:00Z",
    "updatedAt": AT,
    "state": "ENABLED",
    "verifiedEmail": True,
    "firstName": "Käthe",
    "lastName": "Groß",
    "locale": "de",
    "note": None,
    "tags": ["VIP"],
    "defaultEmailAddress": {
        "emailAddress": " Käthe@Example.com ",
        "marketingState": "SUBSCRIBED",
        "marketingUpdatedAt": AT,
    },
    "defaultPhoneNumber": None,
    "defaultAddress": OTHER,
    "addressesV2": {"pageInfo": {"hasNextPage": False}, "nodes": [HOME, OTHER]},
}


def money(amount: str, currency: str = "EUR") -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": currency}}


ORDER: dict[str, Any] = {
    "id": "gid://shopify/Order/5100000000001",
    "name": "#1001",
    "test": False,
    "updatedAt": AT,
    "processedAt": "2026-05-01T00:00:00+02:00",
    "cancelledAt": None,
    "displayFinancialStatus": "PAID",
    "email": "kaethe@example.com",
    "phone": None,
    "tags": [],
    "checkoutToken": "tok1",
    "customer": {"id": "gid://shopify/Customer/7000000000001"},
    "totalPriceSet": money("87.40"),
    "currentTotalPriceSet": money("80.0"),
    "totalRefundedSet": money("7.4"),
    "billingAddress": {**HOME, "phone": "+493023125000"},
    "shippingAddress": OTHER,
    "lineItems": {
        "pageInfo": {"hasNextPage": False},
        "nodes": [
            {
                "title": "Tasse",
                "variantTitle": "blau",
                "sku": "T-1",
                "quantity": 2,
                "originalUnitPriceSet": money("39.00"),
                "discountedTotalSet": money("70.20"),
            }
        ],
    },
}
CHECKOUT: dict[str, Any] = {
    "id": "gid://shopify/AbandonedCheckout/37",
    "createdAt": AT,
    "updatedAt": "2026-05-15T00:00:00Z",
    "completedAt": None,
    "abandonedCheckoutUrl": "https://s.myshopify.com/58/checkouts/ac/tok37/recover?key=abc&locale=de",
    "customer": None,
    "totalPriceSet": money("80.00"),
    "lineItems": {"nodes": []},
}


def raw(node: dict[str, Any], **changes: Any) -> Raw:
    """The node as JSON; a change to UNSET leaves the field out."""
    merged = {name: value for name, value in {**node, **changes}.items() if value is not UNSET}
    return Raw(msgspec.json.encode(merged))


def person(rule: GuestRule = "customer_null", **changes: Any) -> Person:
    return translate.person(raw(CUSTOMER, **changes), rule)


def order(rule: GuestRule = "customer_null", **changes: Any) -> Order:
    return translate.order(raw(ORDER, **changes), rule)


def checkout(**changes: Any) -> Checkout:
    return translate.checkout(raw(CHECKOUT, **changes))


# -- customers ---------------------------------------------------------------------------------------------------


def test_a_customer_whole() -> None:
    assert person() == Person(
        external_id="7000000000001",
        version=instant(AT),
        kind="account",
        created_at=instant("2024-03-02T08:11:00Z"),
        first_name="Käthe",
        last_name="Groß",
        company=None,  # of the default address
        email=" Käthe@Example.com ",  # the shop's own string (R15)
        email_verified=True,
        phone=None,
        locale="de",
        note=None,
        tags=["VIP"],
        addresses=[
            Address(
                first_name="Käthe",
                last_name="Groß",
                street="Lindenstraße 5",
                zip="01067",
                city=city,
                region="Sachsen",
                country="DE",
                company=company,
            )
            for city, company in (("Köln", None), ("Dresden", "Groß GmbH"))  # the default one first
        ],
        consents=[
            Consent(
                channel="email",
                purpose="promotion",
                state="granted",
                at=instant(AT),
                address=" Käthe@Example.com ",
            )
        ],
    )


def test_numbers_are_left_alone() -> None:
    assert person().numbers is UNSET


@pytest.mark.parametrize(
    ("rule", "state", "kind"),
    [
        ("customer_null", "DISABLED", "account"),
        ("never", "DISABLED", "account"),
        ("state", "ENABLED", "account"),
        ("state", "DISABLED", "guest"),
        ("state", "INVITED", "guest"),
        ("state", "DECLINED", "guest"),
        ("state", "BRAND_NEW", "guest"),
        ("state", UNSET, UNSET),
    ],
)
def test_who_is_an_account_r13(rule: GuestRule, state: Any, kind: Any) -> None:
    assert person(rule, state=state).kind == kind


@pytest.mark.parametrize(
    ("state", "event"),
    [
        ("SUBSCRIBED", "granted"),
        ("UNSUBSCRIBED", "denied"),
        ("NOT_SUBSCRIBED", None),
        ("PENDING", None),
        ("INVALID", None),
        ("REDACTED", None),
        ("BRAND_NEW", None),
        (None, None),
    ],
)
def test_only_explicit_answers_are_consents_r45(state: str | None, event: str | None) -> None:
    mail = {"emailAddress": "a@b.example", "marketingState": state, "marketingUpdatedAt": None}
    phone = {"phoneNumber": "+493023125000", "marketingState": state, "marketingUpdatedAt": AT}
    found = person(defaultEmailAddress=mail, defaultPhoneNumber=phone).consents
    assert found is not UNSET
    expected = [("email", event, None, "a@b.example"), ("sms", event, instant(AT), "+493023125000")] if event else []
    assert [(one.channel, one.state, one.at, one.address) for one in found] == expected


@pytest.mark.parametrize(
    ("state", "event"),
    [("SUBSCRIBED", "granted"), ("UNSUBSCRIBED", "denied"), ("NEVER_SUBSCRIBED", None), ("PENDING", None),
     ("REDACTED", None), ("BRAND_NEW", None)],
)  # fmt: skip
def test_whatsapp_is_a_channel_of_its_own(state: str, event: str | None) -> None:
    chat = {"state": state, "updatedAt": AT}
    phone = {"phoneNumber": "+493023125000", "marketingState": "UNSUBSCRIBED", "whatsAppMarketingConsent": chat}
    found = person(defaultEmailAddress=None, defaultPhoneNumber=phone).consents
    assert found is not UNSET
    expected = [("sms", "denied", None)] + ([("whatsapp", event, instant(AT))] if event else [])
    assert [(one.channel, one.state, one.at) for one in found] == expected
    assert {one.address for one in found} == {"+493023125000"}


def test_a_customer_with_a_telephone_alone() -> None:
    phone = {"phoneNumber": "+493023125000", "marketingState": "NOT_SUBSCRIBED", "marketingUpdatedAt": None}
    made = person(
        firstName=None,
        lastName=None,
        defaultEmailAddress=None,
        defaultPhoneNumber=phone,
        defaultAddress=None,
        addressesV2={"nodes": []},
    )
    assert (made.first_name, made.email, made.phone) == (None, None, "+493023125000")
    assert (made.addresses, made.consents, made.company) == ([], [], None)


def test_missing_fields_stay_absent_r0b() -> None:
    optional = [name for name in CUSTOMER if name not in ("id", "updatedAt")]
    made = person(**dict.fromkeys(optional, UNSET))
    assert made == Person(external_id="7000000000001", version=instant(AT), kind="account")


def test_half_an_answer_takes_no_consent_back() -> None:
    assert person(defaultPhoneNumber=UNSET).consents is UNSET
    assert person(defaultEmailAddress={"emailAddress": "a@b.example"}).consents is UNSET


def test_a_default_address_beyond_the_first_page_comes_first() -> None:
    far = {**HOME, "id": "gid://shopify/MailingAddress/99", "city": "Wien"}
    homes = person(defaultAddress=far).addresses
    assert homes is not UNSET
    assert [one.city for one in homes] == ["Wien", "Dresden", "Köln"]


def test_an_address_that_names_no_place_is_none() -> None:
    bare = {"id": "gid://shopify/MailingAddress/5", "firstName": "A", "phone": "1"}
    assert person(defaultAddress=bare, addressesV2={"nodes": [bare]}).addresses == []


# -- orders ------------------------------------------------------------------------------------------------------


def test_an_order_whole() -> None:
    made = order()
    assert made == Order(
        external_id="5100000000001",
        version=instant(AT),
        number="#1001",
        customer="7000000000001",
        guest=False,
        first_name="Käthe",
        last_name="Groß",
        company="Groß GmbH",
        email="kaethe@example.com",
        phone="+493023125000",  # the order's own is null: that of its address
        addresses=made.addresses,
        placed_at=instant("2026-04-30T22:00:00Z"),
        currency="EUR",
        total=8740,
        refunded=740,
        current_total=8000,
        state="paid",
        test=False,
        lines=[Line(title="Tasse - blau", sku="T-1", quantity=2, unit_price=3900, total=7020)],
        tags=[],
        checkout_token="tok1",
    )
    assert made.addresses is not UNSET
    assert [(one.kind, one.city) for one in made.addresses] == [("billing", "Dresden"), ("shipping", "Köln")]


@pytest.mark.parametrize(
    ("rule", "buyer", "guest", "kind"),
    [
        ("customer_null", {"id": "gid://shopify/Customer/7"}, False, UNSET),
        ("customer_null", None, True, UNSET),
        ("never", {"id": "gid://shopify/Customer/7"}, False, UNSET),
        ("never", None, False, "contact"),
        ("state", {"id": "gid://shopify/Customer/7"}, UNSET, UNSET),
        ("state", None, True, UNSET),
        ("customer_null", UNSET, UNSET, UNSET),
    ],
)
def test_who_is_a_guest_r13(rule: GuestRule, buyer: Any, guest: Any, kind: Any) -> None:
    made = order(rule, customer=buyer)
    assert (made.guest, made.kind) == (guest, kind)


@pytest.mark.parametrize(
    ("status", "cancelled", "state"),
    [
        ("PAID", None, "paid"),
        ("PARTIALLY_REFUNDED", None, "paid"),
        ("REFUNDED", None, "returned"),
        ("VOIDED", None, "void"),
        ("PENDING", None, "open"),
        ("AUTHORIZED", None, "open"),
        ("PARTIALLY_PAID", None, "open"),
        ("EXPIRED", None, "open"),
        ("BRAND_NEW", None, "open"),
        (None, None, "open"),
        ("REFUNDED", AT, "cancelled"),
        ("VOIDED", AT, "cancelled"),
        (UNSET, AT, "cancelled"),
        (UNSET, None, UNSET),
    ],
)
def test_states_of_orders(status: Any, cancelled: Any, state: Any) -> None:
    assert order(displayFinancialStatus=status, cancelledAt=cancelled).state == state


def test_an_order_of_nobody_r13b() -> None:
    made = order(customer=None, email=None, phone=None, billingAddress=None, shippingAddress=None)
    assert (made.first_name, made.last_name, made.company, made.email, made.phone) == (None,) * 5
    assert made.addresses == []


def test_the_name_of_an_order_is_taken_whole() -> None:
    nameless = {**HOME, "firstName": None, "lastName": None}
    made = order(billingAddress=nameless, shippingAddress={**OTHER, "firstName": "Ben"})
    assert (made.first_name, made.last_name, made.company) == ("Ben", "Groß", "Groß GmbH")


def test_a_missing_address_says_nothing_of_the_contact() -> None:
    made = order(billingAddress=UNSET, shippingAddress=None, phone=UNSET)
    assert (made.first_name, made.company, made.phone, made.addresses) == (UNSET,) * 4


def test_missing_fields_of_an_order_stay_absent() -> None:
    optional = [name for name in ORDER if name not in ("id", "updatedAt", "totalPriceSet")]
    made = order(**dict.fromkeys(optional, UNSET))
    assert made == Order(external_id="5100000000001", version=instant(AT), currency="EUR", total=8740)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("87.40", "EUR", 8740),
        ("87.4", "EUR", 8740),
        ("87", "EUR", 8700),
        ("0.00", "EUR", 0),
        ("-12.34", "EUR", -1234),
        ("12.345", "EUR", 1235),
        ("1000", "JPY", 1000),
        ("1000.00", "JPY", 1000),
        ("1.234", "BHD", 1234),
        ("1.23", "BHD", 1230),
    ],
)
def test_money_is_exact(amount: str, currency: str, minor: int) -> None:
    made = order(totalPriceSet=money(amount, currency), totalRefundedSet=UNSET, currentTotalPriceSet=UNSET)
    assert (made.total, made.currency) == (minor, currency)


@pytest.mark.parametrize("amount", ["", "x.yz", "1_0.00", "1e999999999", "NaN", "9" * 30 + ".00", "１.00", "²5.00"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="no plain decimal number"):
        order(totalPriceSet=money(amount))


def test_variants_without_a_name_of_their_own_are_not_shown() -> None:
    line = {"title": "Karte", "variantTitle": "Default Title", "quantity": 1}
    assert order(lineItems={"nodes": [line]}).lines == [Line(title="Karte")]


# -- checkouts ---------------------------------------------------------------------------------------------------


def test_a_checkout_whole() -> None:
    assert checkout() == Checkout(
        external_id="37",
        version=instant("2026-05-15T00:00:00Z"),
        customer=None,
        at=instant(AT),
        completed_at=None,
        currency="EUR",
        value=8000,
        lines=[],
        token="tok37",
    )


def test_a_recovered_checkout() -> None:
    made = checkout(completedAt=AT, customer={"id": "gid://shopify/Customer/9"})
    assert (made.completed_at, made.customer) == (instant(AT), "9")


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://s.example/58/checkouts/ac/Z2NwLX/recover?key=1", "Z2NwLX"),
        ("https://s.example/58/checkouts/cn/Z2NwLX", "Z2NwLX"),
        ("https://s.example/58/checkouts/0123456789abcdef/recover?key=1", "0123456789abcdef"),
        ("https://s.example/elsewhere", None),
        (None, None),
        (UNSET, UNSET),
    ],
)
def test_tokens_are_part_of_the_recovery_address(url: Any, token: Any) -> None:
    assert checkout(abandonedCheckoutUrl=url).token == token


# -- what cannot be taken ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"updatedAt": UNSET},
        {"updatedAt": None},
        {"updatedAt": "yesterday"},
        {"updatedAt": "2026-05-14T10:23:45"},
        {"totalPriceSet": None},
        {"totalPriceSet": UNSET},
        {"tags": 42},
        {"lineItems": {"nodes": [{"quantity": "two"}]}},
        {"customer": {"id": "nobody"}},
    ],
)
def test_a_bad_row_is_rejected_alone(change: dict[str, Any]) -> None:
    rows = [raw(ORDER), raw(ORDER, **change), raw(ORDER, id="gid://shopify/Order/3")]
    made = page(rows, lambda row: translate.order(row, "customer_null"), key=translate.key, raw=bytes)
    first, bad, last = made.records
    assert isinstance(first, Order)
    assert isinstance(last, Order)
    assert isinstance(bad, Rejected)
    assert bad.key == "5100000000001"
    assert msgspec.json.decode(bad.payload)["name"] == "#1001"


def test_fields_nobody_asked_for_are_passed_over() -> None:
    assert order(shinyNewField={"nested": [1]}) == order()
