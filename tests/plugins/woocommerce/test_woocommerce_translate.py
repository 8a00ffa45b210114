"""WooCommerce's words in ours: guests, refunds, statuses, the trash, empty texts, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from klientela.kit import UNSET, Line, Order, Person, Record, Rejected, instant, page
from klientela_woocommerce import translate

TIMES = {"date_created_gmt": "2026-03-01T08:00:00", "date_modified_gmt": "2026-03-02T09:30:00"}
BILL = {
    "first_name": "Ida", "last_name": "Öz", "company": "", "address_1": "Weg 1", "address_2": "", "postcode": "01067",
    "city": "Dresden", "state": "", "country": "DE", "email": "ida@post.example", "phone": "+493023125001",
}  # fmt: skip


def bought(**more: Any) -> dict[str, Any]:
    said = {"id": 7, **TIMES, "status": "processing", "currency": "EUR", "total": "12.50", "customer_id": 3}
    return {**said, "billing": BILL, "refunds": [], "line_items": [], **more}


def order(**more: Any) -> Order:
    made = translate.order(bought(**more))
    assert made is not None
    return made


def account(**more: Any) -> Person | None:
    said = {"id": 3, **TIMES, "email": "ida@post.example", "first_name": "", "last_name": "", "role": "customer"}
    return translate.person({**said, "billing": BILL, **more})


def test_customer_id_zero_is_a_guest_and_the_bill_says_who() -> None:
    made = order(customer_id=0)
    assert (made.guest, made.customer) == (True, None)
    assert (made.first_name, made.email, made.phone) == ("Ida", "ida@post.example", "+493023125001")
    assert (order().guest, order().customer) == (False, "3")


def test_an_order_that_does_not_name_its_buyer_says_nothing_of_one() -> None:
    row = bought()
    del row["customer_id"], row["billing"], row["refunds"], row["line_items"]
    made = translate.order(row)
    assert made is not None
    assert [made.guest, made.customer, made.email, made.refunded, made.lines, made.addresses] == [UNSET] * 6


@pytest.mark.parametrize(
    ("status", "paid", "state"),
    [
        ("pending", None, "open"),
        ("on-hold", None, "open"),
        ("processing", None, "paid"),
        ("completed", "2026-03-01T08:01:00", "paid"),
        ("cancelled", None, "cancelled"),
        ("refunded", "2026-03-01T08:01:00", "returned"),
        ("failed", None, "void"),
        ("trash", None, "deleted"),
        ("shipped-by-bike", "2026-03-01T08:01:00", "paid"),
        ("shipped-by-bike", None, "open"),
    ],
)
def test_statuses(status: str, paid: str | None, state: str) -> None:
    assert order(status=status, date_paid_gmt=paid).state == state


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft"])
def test_what_is_still_being_written_is_no_order(status: str) -> None:
    assert translate.order(bought(status=status)) is None


def test_refunds_are_summed_and_money_is_whole() -> None:
    assert order(refunds=[{"id": 1, "total": "-2.50"}, {"id": 2, "total": "-1.00"}]).refunded == 350
    assert order(currency="JPY", total="1250").total == 1250
    assert order(total="0.10").total == 10


def test_lines_are_with_tax() -> None:
    item = {"name": "Tee", "sku": "T1", "quantity": 2, "total": "10.00", "total_tax": "1.90", "price": 5.0}
    odd = {**item, "quantity": 3, "sku": "", "total_tax": ""}
    assert order(line_items=[item, odd]).lines == [
        Line(title="Tee", sku="T1", quantity=2, unit_price=595, total=1190),
        Line(title="Tee", quantity=3, total=1000),
    ]


def test_times_are_utc_without_saying_so() -> None:
    made = order()
    assert (made.version, made.placed_at) == (instant("2026-03-02T09:30:00Z"), instant("2026-03-01T08:00:00Z"))


def test_an_account_without_names_has_those_of_its_bill() -> None:
    made = account()
    assert made is not None
    assert (made.kind, made.first_name, made.last_name) == ("account", "Ida", "Öz")
    named = account(first_name="Idalina")
    assert named is not None
    assert (named.first_name, named.last_name) == ("Idalina", "Öz")
    bare = account(billing={**BILL, "first_name": "", "last_name": ""})
    assert bare is not None
    assert (bare.first_name, bare.last_name) == (None, None)


def test_empty_texts_are_cleared_and_missing_ones_absent() -> None:
    made = account(billing={**BILL, "phone": ""})
    assert made is not None
    assert (made.phone, made.company) == (None, None)
    partial = account(billing={"city": "Dresden"}, email="")
    assert partial is not None
    assert (partial.phone, partial.company, partial.email) == (UNSET, UNSET, None)


def test_an_account_that_never_changed_is_as_old_as_itself() -> None:
    made = account(date_modified_gmt=None)
    assert made is not None
    assert made.version == instant("2026-03-01T08:00:00Z")


def test_the_shops_own_people_come_only_as_buyers() -> None:
    assert account(role="shop_manager", is_paying_customer=False) is None
    assert account(role="shop_manager", is_paying_customer=True) is not None
    assert account(role="shop_manager") is not None  # not told: better one too many
    assert account(role="subscriber", is_paying_customer=False) is not None


def test_addresses_once_where_both_are_the_same() -> None:
    shipping = {name: value for name, value in BILL.items() if name != "email"}
    same = account(shipping=shipping)
    assert same is not None
    assert [(one.kind, one.street, one.zip) for one in same.addresses or ()] == [("billing", "Weg 1", "01067")]
    other = account(shipping={**shipping, "address_1": "Allee 9"})
    assert other is not None
    assert [one.kind for one in other.addresses or ()] == ["billing", "shipping"]
    empty = account(billing=dict.fromkeys(BILL, ""), shipping=dict.fromkeys(BILL, ""))
    assert empty is not None
    assert empty.addresses == []


ODD: Any = some.none() | some.booleans() | some.integers() | some.text(max_size=8) | some.lists(some.none(), max_size=2)


@given(
    field=some.sampled_from(sorted({*bought(), "role"})), value=ODD | some.dictionaries(some.text(), ODD, max_size=2)
)
def test_whatever_comes_an_item_is_taken_or_refused_alone(field: str, value: Any) -> None:
    for made in (translate.order, translate.person):
        kinds: tuple[type[Record], ...] = (Order, Person, Rejected)
        found = page([{**bought(), "email": "a@post.example", field: value}, bought(email="b@post.example")], made)
        assert all(isinstance(one, kinds) for one in found.records)
        assert not isinstance(found.records[-1], Rejected)
