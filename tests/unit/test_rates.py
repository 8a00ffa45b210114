"""Exchange rates: the bank's files as they come and as they should not, and exact sums of what they are about (R34)."""

from __future__ import annotations

import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klientela.errors import Misconfigured
from klientela.model.money import digits
from klientela.rules.rates import Rates
from klientela.settings.rates import RateFile

DAILY = "Date, USD, JPY, BGN, \n20 November 2026, 1.0525, 161.94, 1.9558, \n"
HISTORY = """Date,USD,JPY,CYP,
2026-11-18,1.01,150.1,N/A,
2026-11-20,1.0525,161.94,N/A,
2026-11-19,1.02,151,,
1999-01-04,1,1,1,
"""


def read(folder: Path, text: str | bytes) -> Rates:
    file = folder / "rates.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return RateFile(file).read()


def test_the_daily_file_of_the_bank(tmp_path: Path) -> None:
    made = read(tmp_path, DAILY)
    assert made == Rates("2026-11-20", {"USD": Decimal("1.0525"), "JPY": Decimal("161.94"), "BGN": Decimal("1.9558")})
    assert read(tmp_path, b"\xef\xbb\xbf" + DAILY.replace("\n", "\r\n").encode()) == made
    assert read(tmp_path, DAILY.replace("20 November", "20 Nov").replace(" \n", "\n")) == made


def test_of_a_history_the_newest_row_counts_wherever_it_stands(tmp_path: Path) -> None:
    made = read(tmp_path, HISTORY)
    assert made == Rates("2026-11-20", {"USD": Decimal("1.0525"), "JPY": Decimal("161.94")})
    assert (made.knows("CYP"), made.knows("EUR"), made.knows("USD")) == (False, True, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("\n , \n", "it is empty"),
        ("Date, USD\n", "no row of rates"),
        ("Datum;USD\n2026-11-20;1\n", "no header"),
        ("USD,Date\n1,2026-11-20\n", "no header"),
        ("Date\n2026-11-20\n", "no header"),
        ("Date,US\n2026-11-20,1\n", "'US', which is no currency"),
        ("Date,USD,,JPY\n2026-11-20,1,1,1\n", "'', which is no currency"),
        ("Date,USD,USD\n2026-11-20,1,1\n", "a currency twice"),
        ("Date,USD\n20.11.2026,1\n", "line 2 begins with no date"),
        ("Date,USD\n2026-11-20,1\n2026-11-31,1\n", "line 3 begins with no date"),
        ("Date,USD\n20 Smarch 2026,1\n", "line 2 begins with no date"),
        ("Date,USD\n2026-W47-5,1\n", "line 2 begins with no date"),
        ("Date,USD\n2026-11-20,1\n2026-11-20,2\n", "lines 2 and 3 are both of 2026-11-20"),
        ("Date,USD\n2026-11-20,1,2\n", "more rates than the header"),
        ('Date,USD\n2026-11-20,"1,05"\n', "no rate for USD that is a number above zero"),
        ("Date,USD\n2026-11-20,0\n", "no rate for USD that is a number above zero"),
        ("Date,USD\n2026-11-20,-1\n", "no rate for USD that is a number above zero"),
        ("Date,USD\n2026-11-20,1e5\n", "no rate for USD that is a number above zero"),
        ("Date,USD\n2026-11-20,NaN\n", "no rate for USD that is a number above zero"),
        ("Date,USD\n2026-11-20,N/A\n2026-11-19,1\n", "line 2, the newest, has no rates"),
        ("Date,USD,EUR\n2026-11-20,1,0.9\n", "no rates for one EUR"),
        ("<html><body>busy</body></html>", "no header"),
        (b"PK\x03\x04\xff\xfe", "it is no text"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(tmp_path, text)
    assert said in caught.value.message
    assert str(tmp_path / "rates.csv") in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_no_file_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such file"):
        RateFile(tmp_path / "none.csv").read()
    with pytest.raises(Misconfigured, match="directory"):
        RateFile(tmp_path).read()


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(DAILY)
    rates = RateFile(file)
    first = rates.read()
    assert rates.read() is first, "it is not read for each question"
    file.write_text(HISTORY.replace("2026-11-20", "2026-11-21"))
    assert rates.read().day == "2026-11-21"
    file.write_text("busy")
    os.utime(file, ns=(1, 1))
    with pytest.raises(Misconfigured):
        rates.read()
    assert rates.last is not None
    assert rates.last.day == "2026-11-21"


# -- sums ----------------------------------------------------------------------------------------------------------

PER_EURO = Rates("2026-11-20", {"CHF": Decimal("0.9312"), "JPY": Decimal("161.94"), "KWD": Decimal("0.3241")})
CURRENCIES = ("EUR", "CHF", "JPY", "KWD")
amounts = st.dictionaries(st.sampled_from(CURRENCIES), st.integers(-(10**9), 10**12), max_size=4)


def test_worked_by_hand() -> None:
    # 10.00 EUR + 10.00 CHF / 0.9312 = 10 + 10.7388… EUR; 1000 JPY / 161.94 = 6.1751… EUR
    assert PER_EURO.about({"EUR": 1000, "CHF": 1000}, "EUR").amount == 2074
    assert PER_EURO.about({"JPY": 1000}, "EUR").amount == 618
    assert PER_EURO.about({"EUR": 1000}, "JPY").amount == 1619  # yen have no cents
    assert PER_EURO.about({"EUR": 100}, "KWD").amount == 324  # dinars have three decimals
    assert PER_EURO.about({"CHF": 1000}, "CHF").amount == 1000


def test_half_is_rounded_up_and_only_once() -> None:
    half = Rates("2026-11-20", {"USD": Decimal(2), "CAD": Decimal(4)})
    assert half.about({"USD": 1}, "EUR").amount == 1  # half a cent
    assert half.about({"USD": 3}, "EUR").amount == 2
    assert half.about({"USD": -1}, "EUR").amount == -1
    assert half.about({"CAD": 1}, "EUR").amount == 0  # a quarter
    assert half.about({"CAD": 1, "USD": 1, "EUR": 1}, "EUR").amount == 2  # 1 + 1/2 + 1/4, not 1 + 1 + 0


def test_a_missing_rate_is_named_and_nothing_is_guessed() -> None:
    assert PER_EURO.about({"EUR": 100, "GBP": 1, "AUD": 1}, "EUR") == (None, ("AUD", "GBP"))
    assert PER_EURO.about({"EUR": 100, "GBP": 0}, "EUR") == (100, ())
    assert PER_EURO.about({"GBP": 100}, "GBP") == (100, ()), "nothing is to be turned into anything"
    assert PER_EURO.about({"EUR": 100}, "GBP") == (None, ("GBP",))
    assert PER_EURO.about({}, "GBP") == (0, ())


@given(amounts, st.sampled_from(CURRENCIES))
def test_no_cent_further_off_than_half(given_: dict[str, int], currency: str) -> None:
    rate = {"EUR": Fraction(1), **{code: Fraction(value) for code, value in PER_EURO.per_euro.items()}}
    exact = sum(
        (Fraction(n) / 10 ** digits(c) / rate[c] * rate[currency] * 10 ** digits(currency) for c, n in given_.items()),
        Fraction(0),
    )
    made = PER_EURO.about(given_, currency).amount
    assert made is not None
    assert abs(made - exact) <= Fraction(1, 2)
    if abs(made - exact) == Fraction(1, 2):
        assert abs(made) > abs(exact)


@given(amounts, st.sampled_from(CURRENCIES))
def test_the_order_of_currencies_and_the_sign_change_nothing(given_: dict[str, int], currency: str) -> None:
    made = PER_EURO.about(given_, currency).amount
    assert PER_EURO.about(dict(reversed(given_.items())), currency).amount == made
    assert made is not None
    assert PER_EURO.about({c: -n for c, n in given_.items()}, currency).amount == -made


@given(st.integers(0, 10**12), st.sampled_from(CURRENCIES))
def test_one_currency_by_itself_is_exact(amount: int, currency: str) -> None:
    assert PER_EURO.about({currency: amount}, currency).amount == amount
