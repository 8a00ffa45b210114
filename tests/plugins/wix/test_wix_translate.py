"""Wix's words into ours: the samples of the wire, what is absent, cleared, unknown, and whatever else may come."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wix_helpers import SAMPLES, raw, sample

from klientela.kit import UNSET, Address, Checkout, Order, Person, instant, page
from klientela_wix import translate
from klientela_wix.sandbox import Sandbox, views


def contact(**changes: Any) -> dict[str, Any]:
    """A contact in full, as the wire shows it."""
    node: dict[str, Any] = {
        "id": "c1",
        "revision": 3,
        "createdDate": "2026-10-02T08:15:11.000Z",
        "updatedDate": "2026-11-20T09:10:11.123Z",
        "primaryInfo": {"email": "a@example.com", "phone": "030 23125001"},
        "primaryEmail": {"email": "a@example.com", "subscriptionStatus": "SUBSCRIBED"},
        "primaryPhone": {
            "phone": "030 23125001",
            "e164Phone": "+493023125001",
            "subscriptionStatus": "UNSUBSCRIBED",
        },
        "info": {
            "name": {"first": "Ada", "last": "Berg"},
            "emails": {"items": [{"email": "b@example.com"}, {"email": "a@example.com", "primary": True}]},
            "phones": {
                "items": [
                    {"phone": "030 23125001", "e164Phone": "+493023125001", "primary": True},
                    {"phone": "98999"},
                ]
            },
            "addresses": {
                "items": [
                    {
                        "tag": "BILLING",
                        "address": {
                            "streetAddress": {"name": "Weg", "number": "5a"},
                            "city": "Mainz",
                            "postalCode": "55116",
                            "country": "DE",
                            "subdivision": "DE-RP",
                        },
                    },
                    {"tag": "HOME", "address": {}},
                ]
            },
            "company": "Berg KG",
            "birthdate": "1980-02-29",
            "locale": "de-de",
            "labelKeys": {"items": ["custom.vip", "contacts.contacted-me"]},
        },
    }
    return {**node, **changes}


def without(node: dict[str, Any], *path: str) -> dict[str, Any]:
    """The same without one field."""
    made = copy.deepcopy(node)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return made


def order(**changes: Any) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": "o1",
        "number": "10001",
        "createdDate": "2026-11-20T09:10:05.000Z",
        "updatedDate": "2026-11-20T09:10:11.000Z",
        "purchasedDate": "2026-11-19T09:10:05.000Z",
        "buyerInfo": {"visitorId": "v1", "contactId": "c1", "email": "a@example.com"},
        "status": "APPROVED",
        "paymentStatus": "PAID",
        "currency": "EUR",
        "priceSummary": {"total": {"amount": "49.90"}},
        "balanceSummary": {"refunded": {"amount": "9.90"}},
        "checkoutId": "k1",
        "lineItems": [
            {
                "productName": {"original": "Tasse"},
                "quantity": 2,
                "physicalProperties": {"sku": "T-1"},
                "price": {"amount": "24.95"},
                "totalPriceAfterTax": {"amount": "49.90"},
            }
        ],
        "billingInfo": {
            "address": {"country": "DE", "city": "Mainz", "postalCode": "55116", "addressLine": "Weg 5"},
            "contactDetails": {"firstName": "Ada", "lastName": "Berg", "phone": "+493023125001"},
        },
    }
    return {**node, **changes}


def ordered(**changes: Any) -> Order:
    made = translate.order(raw(order(**changes)))[0]
    assert isinstance(made, Order)
    return made


# -- contacts ----------------------------------------------------------------------------------------------------


def test_a_contact_in_full() -> None:
    made = translate.contact(raw(contact()))
    assert made.external_id == "c1"
    assert made.version == instant("2026-11-20T09:10:11.123Z")
    assert made.created_at == instant("2026-10-02T08:15:11Z")
    assert (made.first_name, made.last_name, made.company) == ("Ada", "Berg", "Berg KG")
    assert (made.email, made.emails) == ("a@example.com", ["b@example.com"])
    assert (made.phone, made.phones) == ("+493023125001", ["98999"])
    assert (made.birthday, made.locale) == ("1980-02-29", "de-de")
    assert made.tags == ["contacts.contacted-me", "vip"]
    assert made.addresses == [
        Address(
            street="Weg", house_number="5a", zip="55116", city="Mainz", region="DE-RP", country="DE", kind="billing"
        )
    ]
    assert made.kind is UNSET  # its membership says that; a plain contact says nothing
    assert made.merged_into is UNSET
    assert [(one.channel, one.state, one.address, one.at) for one in made.consents] == [  # type: ignore[union-attr]
        ("email", "granted", "a@example.com", None),
        ("sms", "denied", "+493023125001", None),
    ]


def test_what_info_does_not_list_is_empty() -> None:
    made = translate.contact(raw(contact(info={})))
    assert (made.first_name, made.last_name, made.company, made.birthday) == (None, None, None, None)
    assert (made.addresses, made.tags) == ([], [])


def test_without_info_nothing_is_said_of_what_it_holds() -> None:
    made = translate.contact(raw(without(contact(), "info")))
    assert made.first_name is made.company is made.addresses is made.tags is UNSET
    assert made.email == "a@example.com"


@pytest.mark.parametrize("field", ["email", "phone"])
def test_a_value_that_no_place_shows_is_cleared_and_one_without_places_is_not_said(field: str) -> None:
    places = {"email": ("primaryEmail", "emails"), "phone": ("primaryPhone", "phones")}[field]
    node = without(without(contact(), places[0]), "info", places[1])
    cleared = translate.contact(raw(without(node, "primaryInfo", field)))
    assert getattr(cleared, field) is None
    assert getattr(cleared, f"{field}s") == []
    silent = translate.contact(raw(without(node, "primaryInfo")))
    assert getattr(silent, field) is UNSET
    assert getattr(silent, f"{field}s") is UNSET


def test_the_marked_item_is_primary_where_nothing_else_says() -> None:
    node = without(without(contact(), "primaryInfo"), "primaryEmail")
    assert translate.contact(raw(node)).email == "a@example.com"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SUBSCRIBED", "granted"),
        ("UNSUBSCRIBED", "denied"),
        ("NOT_SET", None),
        ("PENDING", None),
        ("NO_SUBSCRIPTION_STATUS", None),
        ("BRAND_NEW", None),
        (None, None),
    ],
)
def test_only_explicit_answers_are_consents(status: str | None, state: str | None) -> None:
    node = contact(primaryEmail={"email": "a@example.com", "subscriptionStatus": status})
    made = translate.contact(raw(without(node, "primaryPhone")))
    assert [one.state for one in made.consents] == ([state] if state else [])  # type: ignore[union-attr]


def test_the_extended_field_answers_where_the_contact_does_not() -> None:
    fields = {
        "emailSubscriptions.subscriptionStatus": "UNSUBSCRIBED",
        "emailSubscriptions.effectiveEmail": "x@y.example",
    }
    node = without(contact(info={"extendedFields": {"items": fields}}), "primaryEmail")
    made = translate.contact(raw(node))
    assert ("email", "denied", "x@y.example") in [(c.channel, c.state, c.address) for c in made.consents]  # type: ignore[union-attr]


def test_consents_that_nobody_mentions_are_not_taken_back() -> None:
    node = without(without(contact(), "primaryEmail"), "primaryPhone")
    assert translate.contact(raw(node)).consents is UNSET


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("APPROVED", "account"),
        ("ACTIVE", "account"),
        ("PENDING", "account"),
        ("BLOCKED", "account"),
        ("BRAND_NEW", "account"),
        ("OFFLINE", "contact"),
        ("DELETED", "contact"),
        ("", UNSET),
        (None, UNSET),
        (7, UNSET),
    ],
)
def test_a_contact_tells_of_its_membership(status: Any, kind: Any) -> None:
    node = contact(info={"extendedFields": {"items": {"members.status": status}}})
    assert translate.contact(raw(node)).kind == kind


# -- members -----------------------------------------------------------------------------------------------------


def test_a_member_speaks_of_its_contact() -> None:
    node = {
        "id": "m1",
        "contactId": "c1",
        "loginEmail": "a@example.com",
        "loginEmailVerified": True,
        "status": "APPROVED",
        "updatedDate": "2026-11-20T09:10:11.123Z",
    }
    made = translate.member(raw(node))
    assert (made.external_id, made.kind, made.email, made.email_verified) == ("c1", "account", "a@example.com", True)
    assert made.first_name is made.tags is made.addresses is UNSET
    assert translate.member_key(raw(node)) == "c1"
    assert translate.member(raw({**node, "status": "OFFLINE"})).kind == "contact"
    hidden = translate.member(raw({"id": "m1", "contactId": "c1"}))
    assert (hidden.kind, hidden.email, hidden.email_verified, hidden.version) == ("account", UNSET, UNSET, None)
    with pytest.raises(ValueError, match="contactId"):
        translate.member(raw(without(node, "contactId")))


# -- orders ------------------------------------------------------------------------------------------------------


def test_an_order() -> None:
    made = ordered()
    assert (made.external_id, made.number, made.customer, made.guest) == ("o1", "10001", "c1", True)
    assert (made.total, made.refunded, made.currency, made.state) == (4990, 990, "EUR", "paid")
    assert made.placed_at == instant("2026-11-19T09:10:05Z")
    assert (made.first_name, made.last_name, made.phone, made.email) == (
        "Ada",
        "Berg",
        "+493023125001",
        "a@example.com",
    )
    assert made.checkout_token == "k1"
    assert made.test is UNSET
    (line,) = made.lines  # type: ignore[misc]
    assert (line.title, line.sku, line.quantity, line.unit_price, line.total) == ("Tasse", "T-1", 2, 2495, 4990)
    (place,) = made.addresses  # type: ignore[misc]
    assert (place.street, place.zip, place.kind, place.last_name) == ("Weg 5", "55116", "billing", "Berg")


@pytest.mark.parametrize(
    ("buyer", "guest"),
    [
        ({"memberId": "m1", "contactId": "c1"}, False),
        ({"visitorId": "v1", "contactId": "c1"}, True),
        ({"memberId": "m1", "visitorId": "v1"}, False),
        ({"contactId": "c1"}, UNSET),  # the merchant made it: the buyer's account decides
        ({}, UNSET),
        (None, UNSET),
    ],
)
def test_logged_in_is_a_fact_of_the_order(buyer: Any, guest: Any) -> None:
    assert ordered(buyerInfo=buyer).guest == guest


def test_only_a_visitors_order_says_that_its_contact_is_a_guest() -> None:
    made = translate.order(raw(order()))
    assert made[1:] == [Person(external_id="c1", channel="embedded", kind="guest")]
    assert len(translate.order(raw(order(buyerInfo={"memberId": "m1", "contactId": "c1"})))) == 1
    assert len(translate.order(raw(order(buyerInfo={"visitorId": "v1"})))) == 1


@pytest.mark.parametrize(
    ("status", "payment", "state"),
    [
        ("APPROVED", "PAID", "paid"),
        ("APPROVED", "PARTIALLY_REFUNDED", "paid"),
        ("APPROVED", "FULLY_REFUNDED", "returned"),
        ("APPROVED", "NOT_PAID", "open"),
        ("APPROVED", "PENDING_MERCHANT", "open"),
        ("APPROVED", "BRAND_NEW", "open"),
        ("APPROVED", "DECLINED", "void"),
        ("CANCELED", "FULLY_REFUNDED", "cancelled"),
        ("CANCELED", "PAID", "cancelled"),
        ("REJECTED", "NOT_PAID", "void"),
        ("BRAND_NEW", "PAID", "paid"),
    ],
)
def test_states(status: str, payment: str, state: str) -> None:
    assert ordered(status=status, paymentStatus=payment).state == state


def test_a_state_that_is_not_said() -> None:
    node = without(order(), "paymentStatus")
    assert translate.order(raw(node))[0].state is UNSET  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("amount", "currency", "total"),
    [("0", "EUR", 0), ("12", "EUR", 1200), ("1187.4", "EUR", 118740), ("1200", "JPY", 1200), ("1.234", "KWD", 1234)],
)
def test_money_is_exact(amount: str, currency: str, total: int) -> None:
    made = ordered(priceSummary={"total": {"amount": amount}}, currency=currency, lineItems=[], balanceSummary={})
    assert made.total == total
    assert made.refunded is UNSET


@pytest.mark.parametrize("amount", ["", "12,50", "1e400", "NaN", "Infinity", "1_000", None])
def test_what_is_no_amount_is_rejected(amount: Any) -> None:
    found = page(
        [raw(order(priceSummary={"total": {"amount": amount}}))], translate.order, key=translate.key, raw=bytes
    )
    (rejected,) = found.records
    assert rejected.key == "o1"  # type: ignore[union-attr]


def test_demo_orders() -> None:
    assert ordered(demo=True).test is True
    assert ordered(demo=False).test is False
    assert translate.order(raw(order(demo=True)), test_field=False)[0].test is UNSET  # type: ignore[union-attr]
    assert translate.order(raw(order()), demo=True)[0].test is True  # type: ignore[union-attr]


def test_the_recipient_stands_in_where_nobody_is_billed() -> None:
    node = order(
        billingInfo=None,
        shippingInfo={
            "logistics": {
                "shippingDestination": {
                    "address": {"city": "Bremen"},
                    "contactDetails": {"lastName": "Cohn", "company": "Cohn AG"},
                }
            }
        },
    )
    made = translate.order(raw(node))[0]
    assert isinstance(made, Order)
    assert (made.last_name, made.company) == ("Cohn", "Cohn AG")
    assert [(one.city, one.kind) for one in made.addresses] == [("Bremen", "shipping")]  # type: ignore[union-attr]


def test_ids_and_numbers_beyond_doubles() -> None:
    made = ordered(number=9_007_199_254_740_993_123)
    assert made.number == "9007199254740993123"


# -- checkouts ---------------------------------------------------------------------------------------------------


def test_abandoned_and_recovered() -> None:
    node = {
        "id": "a1",
        "createdDate": "2026-11-19T10:00:00.000Z",
        "updatedDate": "2026-11-19T12:00:00.000Z",
        "checkoutId": "k1",
        "status": "ABANDONED",
        "buyerInfo": {"visitorId": "v", "contactId": "c1", "email": "a@example.com"},
        "currency": "EUR",
        "totalPrice": {"amount": "12.00"},
    }
    made = translate.checkout(raw(node))
    assert (made.external_id, made.customer, made.value, made.token) == ("a1", "c1", 1200, "k1")
    assert made.at == instant("2026-11-19T10:00:00Z")
    assert (made.completed_at, made.order) == (None, UNSET)
    dated = translate.checkout(raw({**node, "status": "RECOVERED", "checkoutRecoveredDate": "2026-11-20T09:10:05Z"}))
    assert dated.completed_at == instant("2026-11-20T09:10:05Z")
    undated = translate.checkout(raw({**node, "status": "RECOVERED"}))
    assert undated.completed_at == undated.version
    assert translate.checkout(raw(without(node, "status"))).completed_at is UNSET


# -- the samples of the wire ---------------------------------------------------------------------------------------


def test_the_sample_contacts() -> None:
    anna, jan = [translate.contact(raw(node)) for node in sample("sample_contacts_query.response.json")["contacts"]]
    assert (anna.first_name, anna.last_name, anna.phone, anna.kind) == ("Anna", "Müller", "+491511234567", "account")
    assert [one.state for one in anna.consents] == ["granted"]  # type: ignore[union-attr]
    assert (jan.email, jan.phone, jan.kind, jan.consents) == ("jan.kowalski@example.org", None, UNSET, [])
    assert anna.tags == jan.tags == ["customers"]


def test_the_sample_orders_and_checkouts_meet() -> None:
    nodes = sample("sample_orders_search.response.json")["orders"]
    orders = [translate.order(raw(node))[0] for node in nodes]
    assert [(one.guest, one.total, one.state) for one in orders if isinstance(one, Order)] == [
        (False, 4990, "paid"),
        (True, 1200, "paid"),
        (True, 990, "cancelled"),
    ]
    carts = [
        translate.checkout(raw(n))
        for n in sample("sample_abandoned_checkouts_query.response.json")["abandonedCheckouts"]
    ]
    assert [(one.completed_at is not None, one.value) for one in carts] == [(True, 1200), (False, 500)]
    assert carts[0].token == orders[1].checkout_token  # type: ignore[union-attr]


# -- whatever else may come ------------------------------------------------------------------------------------------


def _nodes() -> list[tuple[str, dict[str, Any]]]:
    box = Sandbox(customers=12)
    found = [("contact", views.contact(box, one)) for one in box.contacts.values()]
    found += [("member", views.member(box, one)) for one in box.members.values()]
    found += [("order", views.order(box, one)) for one in box.orders.values()]
    found += [("checkout", views.checkout(box, one)) for one in box.checkouts.values()]
    found += [("contact", contact()), ("order", order())]
    for name, key, kind in (
        ("sample_contacts_query", "contacts", "contact"),
        ("sample_orders_search", "orders", "order"),
        ("sample_abandoned_checkouts_query", "abandonedCheckouts", "checkout"),
    ):
        path = SAMPLES / f"{name}.response.json"
        if path.exists():
            found += [(kind, node) for node in json.loads(path.read_text(encoding="utf-8"))[key]]
    return found


NODES = _nodes()
TRANSLATE: dict[str, Any] = {
    "contact": translate.contact,
    "member": translate.member,
    "order": translate.order,
    "checkout": translate.checkout,
}
ODD = st.sampled_from(
    [None, "", 0, 42, -1, 2**63, 1.5, True, [], {}, [None], {"items": None}, "BRAND_NEW", "2026-13-45"]
)


def _paths(node: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [before] if before else []
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, inner in steps:
        found += _paths(inner, (*before, name))
    return found


@settings(max_examples=400)
@given(data=st.data())
def test_mutilated_objects_are_translated_or_rejected_one_by_one(data: st.DataObject) -> None:
    kind, node = data.draw(st.sampled_from(NODES))
    bent = copy.deepcopy(node)
    for _ in range(data.draw(st.integers(1, 4))):
        paths = _paths(bent)
        if not paths:
            break
        *way, name = data.draw(st.sampled_from(paths))
        inner = bent
        for step in way:
            inner = inner[step]
        if data.draw(st.booleans()):
            del inner[name]
        else:
            inner[name] = copy.deepcopy(data.draw(ODD))
    other = next(one for what, one in NODES if what == kind)
    found = page([raw(bent), raw(other)], TRANSLATE[kind], key=translate.key, raw=bytes)
    assert found.records
    whole = [one for one in found.records if isinstance(one, Person | Order | Checkout)]
    assert any(one.external_id in (other["id"], other.get("contactId")) for one in whole), "the other one suffered"
    assert len(found.raws or ()) in (len(found.records), 0)


@given(cut=st.sampled_from([node for kind, node in NODES if kind == "contact"]), data=st.data())
def test_a_field_that_vanishes_never_becomes_a_value(cut: dict[str, Any], data: st.DataObject) -> None:
    """Whatever is taken out of a contact, what is said afterwards was said before, or is nothing."""
    name = data.draw(st.sampled_from(sorted(set(cut) - {"id", "updatedDate"})))
    after, text = translate.contact(raw(without(cut, name))), json.dumps(cut, ensure_ascii=False)
    for field in ("first_name", "last_name", "email", "phone", "company"):
        now = getattr(after, field)
        assert now is UNSET or now is None or json.dumps(now, ensure_ascii=False) in text
