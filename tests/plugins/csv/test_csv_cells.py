"""One cell into one value."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from klientela.kit import instant, iso
from klientela_csv import cells

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("cell", "comma", "expected"),
    [
        ("1187.40", None, "1187.40"),
        ("1187,40", None, "1187.40"),
        ("1.187,40", None, "1187.40"),
        ("1,187.40", None, "1187.40"),
        ("1.187.400", None, "1187400"),
        ("1,187,400", None, "1187400"),
        ("1.187.400,5", None, "1187400.5"),
        ("1'187.40", None, "1187.40"),
        ("1 187,40", None, "1187.40"),
        ("1\u00a0187,40", None, "1187.40"),
        ("0.125", True, "0.125"),
        ("12345,678", False, "12345.678"),
        ("1.187", True, "1187"),
        ("1.187", False, "1.187"),
        ("1,187", True, "1.187"),
        ("1,187", False, "1187"),
        ("12,-", None, "12"),
        ("12,--", None, "12"),
        ("-49,90", None, "-49.90"),
        ("−49.90", None, "-49.90"),
        ("49.90-", None, "-49.90"),
        ("+5", None, "5"),
        ("7", None, "7"),
    ],
)
def test_amount(cell: str, comma: bool | None, expected: str) -> None:
    assert cells.amount(cell, comma) == (expected, None)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1.187,40 €", ("1187.40", "EUR")),
        ("€12.00", ("12.00", "EUR")),
        ("49,90 zł", ("49.90", "PLN")),
        ("CHF 1'200.00", ("1200.00", "CHF")),
        ("$5.00", ("5.00", None)),  # of which country?
        ("", None),
        ("  ", None),
    ],
)
def test_amount_with_currency(cell: str, expected: object) -> None:
    assert cells.amount(cell, None) == expected


@pytest.mark.parametrize("cell", ["zwölf", "1.2.3", "1,2,3.4", "1.187,40,5", "12 EUR PLN", "1e5", "NaN", "1.187", "٣"])
def test_no_amount(cell: str) -> None:
    with pytest.raises(ValueError, match="amount") as caught:
        cells.amount(cell, None)
    assert cell not in str(caught.value) or cell == "1.187"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("49,90", ","),
        ("1.187,40", ","),
        ("49.90", "."),
        ("1,187.40", "."),
        ("1.187", None),
        ("1187", None),
        ("x", None),
    ],
)
def test_decimal_evidence(cell: str, expected: str | None) -> None:
    assert cells.decimal_evidence(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1710145159", "2024-03-11T08:19:19Z"),
        ("2026-05-14 11:23:45 +0100", "2026-05-14T10:23:45Z"),
        ("2026-05-14 11:23:45 UTC", "2026-05-14T11:23:45Z"),
        ("2026-05-14T11:23:45+01:00", "2026-05-14T10:23:45Z"),
        ("2026-11-18", "2026-11-17T23:00:00Z"),
        ("2026/11/18 10:00", "2026-11-18T09:00:00Z"),
        ("18.11.2026", "2026-11-17T23:00:00Z"),
        ("1.7.2026 8:05", "2026-07-01T06:05:00Z"),
        ("18.11.2026, 10:00:30 Uhr", "2026-11-18T09:00:30Z"),
    ],
)
def test_moment(cell: str, expected: str) -> None:
    found = cells.moment(cell, BERLIN)
    assert found is not None
    assert iso(found) == expected


@pytest.mark.parametrize("cell", ["", " ", "0000-00-00 00:00:00"])
def test_no_moment_said(cell: str) -> None:
    assert cells.moment(cell, BERLIN) is None


@pytest.mark.parametrize("cell", ["32.13.2026", "03/04/2026", "yesterday", "2026-13-01", "12", "18.11.26"])
def test_broken_moment_is_not_quoted(cell: str) -> None:
    with pytest.raises(ValueError, match="no time we can read") as caught:
        cells.moment(cell, BERLIN)
    assert cell not in str(caught.value)


def test_a_time_of_the_shop_is_read_in_its_zone() -> None:
    assert cells.moment("2026-11-18 10:00", ZoneInfo("Europe/Warsaw")) == instant("2026-11-18T09:00:00Z")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("'=1+1", "=1+1"),
        ("'+49 30", "+49 30"),
        ("'-5", "-5"),
        ("'@home", "@home"),
        ("'\tx", "\tx"),
        ("''=1", "'=1"),
        ("'t Hart", "'t Hart"),
        ("'", "'"),
        ("O'Neill", "O'Neill"),
        ("=1", "=1"),
    ],
)
def test_neutralised_cells_are_taken_back(cell: str, expected: str) -> None:
    assert cells.unquote(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Anna Müller", ("Anna", "Müller", None)),
        ("Anna Maria Müller", ("Anna Maria", "Müller", None)),
        ("Anna von Berg", ("Anna", "von Berg", None)),
        ("Jan van der Meer", ("Jan", "van der Meer", None)),
        ("Müller, Anna", ("Anna", "Müller", None)),
        ("Müller", (None, "Müller", None)),
        ("Holz GmbH & Co. KG", (None, None, "Holz GmbH & Co. KG")),
        ("Drewno Sp. z o.o.", (None, None, "Drewno Sp. z o.o.")),
        ("Kern e.K.", (None, None, "Kern e.K.")),
        ("Ag Nowak", (None, None, "Ag Nowak")),  # the price of knowing AG
        ("  ", (None, None, None)),
    ],
)
def test_split_name(cell: str, expected: tuple[str | None, ...]) -> None:
    assert cells.split_name(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("VIP, newsletter", ["VIP", "newsletter"]),
        ("Customers;VIP;", ["Customers", "VIP"]),
        ('"VIP","Blog, long"', ["VIP", "Blog, long"]),
        ("a,a , b", ["a", "b"]),
        ("", []),
    ],
)
def test_tags(cell: str, expected: list[str]) -> None:
    assert cells.tags(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("registered", "account"), ("Gast", "guest"), ("nicht registriert", "guest"), ("", "contact"), ("gość", "guest")],
)
def test_kind(cell: str, expected: str) -> None:
    assert cells.kind(cell) == expected


@pytest.mark.parametrize(("cell", "expected"), [("yes", True), ("Nein", False), ("TAK", True), ("", None)])
def test_yes_no(cell: str, expected: bool | None) -> None:
    assert cells.yes_no(cell) is expected


@pytest.mark.parametrize("cell", ["not_set", "Not set", "never subscribed", ""])
def test_R45_no_answer_is_no_consent_and_no_denial(cell: str) -> None:
    assert cells.consent(cell) is None
    assert (cells.consent("subscribed"), cells.consent("no")) == (True, False)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Max@Example.com ", "mail:max@example.com"),
        ("a+x@example.com", "mail:a+x@example.com"),
        ("\u200ba@example.com", "mail:a@example.com"),
        ("-", None),
        ("no mail", None),
    ],
)
def test_mail_key(cell: str, expected: str | None) -> None:
    key = cells.mail_key(cell)
    assert (None if key is None else "mail:" + key) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("+49 (30) 123-45", "+493012345"), ("0049 30 12345", "+493012345"), ("030/12345", "03012345"), ("0", None)],
)
def test_phone_key(cell: str, expected: str | None) -> None:
    assert cells.phone_key(cell) == expected


@pytest.mark.parametrize("cell", ["a@x.de", " a@x.de ", "a@localhost", "-", "n/a", "keine"])
def test_mailbox_or_the_word_for_none(cell: str) -> None:
    assert cells.is_mailbox(cell)


@pytest.mark.parametrize("cell", ["foo", "a@", "@x.de", "a@b@c.de", "a b@x.de", "a@x..de", "a@x.de, b@x.de"])
def test_no_mailbox(cell: str) -> None:
    assert not cells.is_mailbox(cell)
