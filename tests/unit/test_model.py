"""Money and instants: integers in, integers out, nonsense refused."""

from __future__ import annotations

import tracemalloc
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klientela.kit import decimal, instant, iso, minor, whole
from klientela.model.instants import day, from_datetime
from klientela.model.words import agree


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("12.34", "EUR", 1234),
        ("12", "EUR", 1200),
        ("-3.10", "EUR", -310),
        ("0.00", "EUR", 0),
        ("1000", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("12.3400", "EUR", 1234),
        ("12.345", "EUR", 1235),
        (Decimal("7.5"), "PLN", 750),
        (3, "EUR", 300),
    ],
)
def test_minor_units(amount: str | int | Decimal, currency: str, expected: int) -> None:
    assert minor(amount, currency) == expected


@pytest.mark.parametrize(
    "amount", ["", "abc", "1_0.00", "NaN", "Infinity", "1e999999999", "12,34", "9" * 30, None, "１２.3x"]
)
def test_nonsense_is_no_amount(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        minor(amount, "EUR")


@pytest.mark.parametrize("amount", ["1E+999990", "-1E+999990", "1E+9999999", Decimal("1E+99999"), "1E+20"])
def test_an_amount_of_millions_of_digits_is_refused_without_writing_them_out(amount: str | Decimal) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="amount"):
            minor(amount, "EUR")
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_an_amount_in_scientific_writing_is_fine_while_it_is_one() -> None:
    assert minor("1E+3", "EUR") == 100_000
    assert minor("1E-9999999", "EUR") == 0


@given(st.integers(-(2**60), 2**60), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_goes_round(amount: int, currency: str) -> None:
    assert minor(decimal(amount, currency), currency) == amount


@pytest.mark.parametrize(("count", "said"), [(0, "0 rows lie"), (1, "1 row lies"), (2, "2 rows lie")])
def test_sentences_agree_with_their_number(count: int, said: str) -> None:
    assert agree(count, "{} [row lies|rows lie]") == said


@pytest.mark.parametrize("text", ["", "-", "1.0", "1_0", "1e1", "+1", " 1", "1 ", "1\n", "0x1", "١", "²", "9" * 19])
def test_what_only_a_program_takes_for_a_whole_number_is_none(text: str) -> None:
    assert whole(text) is None


def test_a_whole_number_is_digits_and_perhaps_a_minus() -> None:
    assert [whole(text) for text in ("0", "42", "-7", "007", "9" * 18)] == [0, 42, -7, 7, 10**18 - 1]
    assert whole("9" * 30, longest=99) == int("9" * 30)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-14T11:23:45+01:00",
        "2026-05-14 11:23:45 +0100",
        "2026-05-14T10:23:45Z",
        "2026-05-14T10:23:45.000Z",
        "2026-05-14T06:23:45-04:00",
        "1778754225",
        1778754225,
    ],
)
def test_one_instant_in_many_spellings(text: str | int) -> None:
    assert iso(instant(text)) == "2026-05-14T10:23:45Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-05-14", "2026-05-14T10:00:00", True])
def test_what_has_no_zone_or_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        instant(text)


def test_naive_times_take_the_zone_that_is_given() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert iso(instant("2026-07-01T12:00:00", berlin)) == "2026-07-01T10:00:00Z"
    with pytest.raises(ValueError, match="zone"):
        from_datetime(datetime(2026, 7, 1))  # noqa: DTZ001 - that is the point


@given(st.integers(-(10**15), 10**16))
def test_iso_goes_round(moment: int) -> None:
    assert instant(iso(moment)) == moment


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin", "UTC"])
@pytest.mark.parametrize("shop", ["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin", "UTC"])
def test_what_stands_for_none_at_the_ends_of_the_calendar_has_a_day(zone: str, shop: str) -> None:
    """.NET writes its first date where there is none."""
    first, last = (instant(text, ZoneInfo(zone)) for text in ("0001-01-01", "9999-12-31T23:59:59.999999"))
    assert iso(first)[:2] == "00"
    assert iso(last)[:4] == "9999"
    assert day(first, ZoneInfo(shop)) < 5
    assert date.max.toordinal() - 5 < day(last, ZoneInfo(shop)) <= date.max.toordinal()


def test_the_calendar_day_is_the_shops() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    late = instant("2026-03-01T23:30:00Z")
    assert day(late, berlin) == day(instant("2026-03-02T10:00:00+01:00"), berlin)
    assert day(late, ZoneInfo("UTC")) == day(late, berlin) - 1
