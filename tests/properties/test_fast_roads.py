"""The fast roads against the general ones: whichever is taken, what comes out is the same."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from klientela.flow import stage
from klientela.kit import Address, Checkout, Gone, Line, Number, Order, Page, Person, Rejected

# -- staging: a whole page at once, or record by record --------------------------------------------------------------

TEXTS = st.sampled_from(["", "1", "Max", "Müller", "a\x00b", "\ud800", "x" * 501, "ü" * 500, 7, None])
TIMES = st.sampled_from([UNSET, None, 0, 1_772_000_000_000_000, 253_402_300_800_000_000, -(10**30), 1.5, "2026"])
AMOUNTS = st.sampled_from([UNSET, 0, 1999, 2**53, 2**53 + 1, -(2**53) - 1, "9.99", None])


@st.composite
def _records(draw: st.DrawFn) -> Any:
    """One record, right in most fields and wrong in any."""
    kind = draw(st.sampled_from([Person, Order, Order, Person, Checkout, Gone, Rejected]))
    name = draw(st.one_of(st.sampled_from(["1", "2", "3"]), TEXTS))
    if kind is Gone:
        return Gone(entity="customer", external_id=name)
    if kind is Rejected:
        return Rejected(reason="no", key="9")
    time = draw(st.one_of(st.just(None), TIMES.filter(lambda value: value is not UNSET)))
    if kind is Person:
        return Person(
            external_id=name,
            version=time,
            entity=draw(st.sampled_from(["customer", "customer", "contact", "guest_order", "nobody"])),  # type: ignore[arg-type]
            created_at=draw(TIMES),
            first_name=draw(TEXTS),
            tags=draw(st.sampled_from([UNSET, [], ["vip"], [1]])),
            addresses=draw(st.sampled_from([UNSET, [Address(city="Łódź")], [Address(city=5)]])),  # type: ignore[arg-type]
            numbers=draw(st.sampled_from([UNSET, [Number("7")], [Number("7", 8)]])),  # type: ignore[arg-type]
        )
    if kind is Checkout:
        return Checkout(external_id=name, version=time, at=draw(TIMES), value=draw(AMOUNTS))
    return Order(
        external_id=name,
        version=time,
        placed_at=draw(TIMES),
        total=draw(AMOUNTS),
        currency=draw(st.sampled_from([UNSET, "EUR", "EUR", "CZK", "eur", "EURO", "", 3])),
        lines=draw(st.sampled_from([UNSET, [], [Line(title="Tea", total=5)], [Line(total=2**60)], [Line(total="x")]])),  # type: ignore[arg-type]
    )


@given(st.lists(_records(), max_size=4))
@settings(max_examples=600, deadline=None)
def test_a_page_is_taken_as_its_records_are(records: list[Any]) -> None:
    rejects: list[Rejected] = []
    gone: list[Gone] = []
    singly = stage._one_by_one(Page(records), rejects, gone)
    together = stage._at_once(records)
    if together is not None:
        assert together == singly
        assert not rejects
        assert not gone
    elif singly and not rejects and not gone and len(singly) == 1:
        # only what is rare goes the long way without need
        assert set(singly) == {5} or any(getattr(record, "currency", None) == "CZK" for record in records)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Order(external_id="1", total=2**53 + 1), "an amount of money is out of range"),
        (Order(external_id="1", currency="eur"), "'eur' is no currency"),
        (Order(external_id="1", placed_at=10**18), "a time is out of range"),
        (Person(external_id="1", version=10**18), "the time of its last change is out of range"),
        (Person(external_id=""), "the record has no usable id"),
        (Person(external_id="x" * 501), "the record has no usable id"),
        (Person(external_id="1", first_name="a\x00"), "a field holds a NUL character"),
        (Person(external_id="1", note="x" * 2**20), "the record is larger than 1048576 bytes"),
        (Person(external_id="1", entity="guest_order"), "guest orders are made by the core, not by sources"),
        (msgspec.Raw(b""), "Raw is no kind of record"),
    ],
)
def test_what_cannot_be_taken_is_named(record: Any, reason: str) -> None:
    rejects: list[Rejected] = []
    assert stage._one_by_one(Page([record]), rejects, []) == {}
    assert [reject.reason for reject in rejects] == [reason]
    assert stage._at_once([record]) is None
