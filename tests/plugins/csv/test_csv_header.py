"""Which column is which field, what is ignored, and what is wrong with a header."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from csv_helpers import Reader
from tests.shops import bring

from klientela.kit import Misconfigured, Person, SourceBroken
from klientela.settings.views import COLUMNS, View
from klientela.store import Store
from klientela.store.export import export
from klientela_csv.header import Header, understand
from klientela_csv.layouts import recognise
from klientela_csv.sample import SAMPLE, sample
from klientela_csv.settings import CsvSettings


def bind(header: str, **settings: object) -> Header:
    made = CsvSettings.model_validate({"type": "csv", "path": "x.csv", **settings})
    return understand("customers.csv", header.split(","), made)


def fields(header: str, **settings: object) -> dict[str, str]:
    bound = bind(header, **settings)
    return {field: bound.name(field) for field in bound.fields}


# --- T48, T49, T50 --------------------------------------------------------------------------------------------------


def test_t48_strict_refuses_an_unknown_column_by_name_and_reads_nothing(reader: Reader) -> None:
    text = sample().replace("Tags", "Tags,Loyalty", 1)
    reader.write(text)
    with pytest.raises(Misconfigured) as caught:
        reader.records(reader.source(headers="strict"))
    assert caught.value.message == "customers.csv has the unknown column Loyalty, so nothing of it was read"
    assert caught.value.hint is not None
    assert "lenient" in caught.value.hint


def test_t48_one_bad_header_among_several_files_and_nothing_is_read(reader: Reader) -> None:
    reader.write(sample(), "a.csv")
    reader.write(sample().replace("Tags", "Tags,Loyalty", 1), "b.csv")
    with pytest.raises(Misconfigured, match="Loyalty"):
        next(reader.pages(reader.source("*.csv", headers="strict")))


def test_t49_lenient_ignores_the_column_and_says_so(reader: Reader) -> None:
    lines = sample().splitlines()
    reader.write("\r\n".join([lines[0] + ",Loyalty", lines[1] + ",gold", lines[2] + ","]))
    source = reader.source()
    assert [person.last_name for person in reader.records(source)] == ["Beispiel", "Przykład"]
    assert source.remarks == ["customers.csv: these columns are not known and were ignored: Loyalty"]
    assert source.check().notes == [
        "customers.csv: comma and utf-8, layout no known layout, usual words, 14 columns, 1 ignored: Loyalty"
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04" + bytes(60), "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html><title>Login</title>", "a web page"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08", "a gzip archive"),
    ],
)
def test_a_file_of_another_kind_is_named(reader: Reader, content: bytes, what: str) -> None:
    (reader.folder / "customers.csv").write_bytes(content)
    with pytest.raises(SourceBroken, match=f"customers.csv is {what}") as caught:
        reader.records(reader.source())
    assert caught.value.hint


@pytest.mark.parametrize("header", ["FIRSTNAME;LastName;EMAIL;zip;CITY", "firstname;lastname;email;ZIP;city"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("written", ["utf-8", "cp1252"])
def test_t50_headers_in_any_case_with_semicolons_cp1252_and_mark(
    reader: Reader, header: str, mark: bytes, written: str
) -> None:
    content = mark + f"{header}\r\nJörg;Weiß;j@x.de;01067;Dresden\r\n".encode(written)
    person = reader.person(content)
    assert (person.first_name, person.last_name) == ("Jörg", "Weiß")
    assert (person.addresses[0].city, person.addresses[0].zip) == ("Dresden", "01067")


# --- strict ---------------------------------------------------------------------------------------------------------


def test_strict_takes_the_sample_in_any_case_and_order(reader: Reader) -> None:
    assert len(reader.read(sample(), headers="strict")) == 2
    assert len(bind(",".join(reversed([header.upper() for header in SAMPLE])), headers="strict").fields) == len(SAMPLE)


def test_strict_names_a_missing_column() -> None:
    with pytest.raises(Misconfigured, match="lacks the column ZIP of the sample"):
        bind(",".join(header for header in SAMPLE if header != "ZIP"), headers="strict")


def test_strict_wants_the_operators_own_names() -> None:
    header = ",".join("Vorname" if name == "FirstName" else name for name in SAMPLE)
    assert bind(header, headers="strict", columns={"first_name": "vorname"}).name("first_name") == "Vorname"
    with pytest.raises(Misconfigured, match="unknown column FirstName"):
        bind(",".join(SAMPLE), headers="strict", columns={"first_name": "Vorname"})


def test_strict_ignores_the_reasons_of_a_fix_file() -> None:
    bind(",".join([*SAMPLE, "klientela_error"]), headers="strict")


def test_the_sample_is_read_by_a_lenient_source_too() -> None:
    assert {header: field for field, header in fields(",".join(SAMPLE)).items()} == SAMPLE


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Vorname,Nachname,Straße,Hausnummer,PLZ,Ort,Land,E-Mail,Telefon,Kundennummer,Firma",
         "first_name last_name street house_number zip city country email phone number company"),
        ("Imię,Nazwisko,Ulica,Nr domu,Kod pocztowy,Miasto,Kraj,E-mail,Telefon,Numer klienta,Nazwa firmy",
         "first_name last_name street house_number zip city country email phone number company"),
        ("first_name,Surname,Street Address,House No,Postcode,Town,Country / Region,E-MAIL,Phone Number",
         "first_name last_name street house_number zip city country email phone"),
        ("STRASSE,vorname,e_mail", "street first_name email"),
    ],
)  # fmt: skip
def test_everybodys_words(header: str, expected: str) -> None:
    assert list(fields(header)) == expected.split()


CONTRACT = """
external_id first_name last_name company email phone street house_number zip city country kind updated_at number crm_id
created_at tags consent_email test order_id order_number placed_at total currency status note birthday refunded locale
line2 region
"""


def test_every_field_of_the_contract_is_known_by_its_own_name() -> None:
    names = CONTRACT.split()
    assert fields(",".join(names)) == {name: name for name in names}


def test_every_field_of_the_contract_can_be_mapped() -> None:
    columns = {name: f"c{n}" for n, name in enumerate(CONTRACT.split())}
    assert fields(",".join(columns.values()), columns=columns) == columns


def test_german_name_beside_vorname_is_the_last_name() -> None:
    assert fields("Vorname,Name,PLZ") == {"first_name": "Vorname", "last_name": "Name", "zip": "PLZ"}
    assert fields("Name,E-Mail")["name"] == "Name"


def test_only_a_mobile_phone_is_the_phone() -> None:
    assert fields("E-Mail,Handy")["phone"] == "Handy"
    both = fields("Telefon,Handy")
    assert (both["phone"], both["phone2"]) == ("Telefon", "Handy")


def test_a_date_or_status_without_order_is_ignored() -> None:
    bound = bind("E-Mail,Datum,Status,Betrag")
    assert bound.fields == {"email": 0}
    assert bound.ignored == ["Datum", "Status", "Betrag"]
    assert set(fields("E-Mail,Datum,Status,Betrag,Bestellnummer")) == {
        "email", "placed_at", "status", "total", "order_number",
    }  # fmt: skip


def test_of_two_columns_for_one_field_the_second_is_reported() -> None:
    bound = bind("E-Mail,Email Address,Nachname")
    assert (bound.name("email"), bound.ignored) == ("E-Mail", ["Email Address"])


# --- the operator's words -------------------------------------------------------------------------------------------


def test_the_operators_word_on_a_column_outranks_ours() -> None:
    assert fields("Id,Email,Company", columns={"note": "company"}) == {
        "external_id": "Id",
        "email": "Email",
        "note": "Company",
    }


def test_one_column_may_be_two_fields() -> None:
    both = fields("Mail,Nachname", columns={"external_id": "Mail", "email": "Mail"})
    assert (both["external_id"], both["email"]) == ("Mail", "Mail")


def test_a_mapped_column_that_is_not_there() -> None:
    with pytest.raises(Misconfigured) as caught:
        bind("Id,Mail", columns={"email": "E-Mail-Adresse"})
    assert caught.value.message == "columns.email names the column 'E-Mail-Adresse', which customers.csv does not have"
    assert caught.value.hint == "It has: Id, Mail."


def test_an_amount_needs_an_order() -> None:
    with pytest.raises(Misconfigured, match=r"columns\.total is about orders"):
        bind("Id,Mail,Umsatz", columns={"total": "Umsatz"})


# --- wrong headers --------------------------------------------------------------------------------------------------


def test_wrong_headers_say_what_was_found_and_what_is_needed() -> None:
    with pytest.raises(Misconfigured) as caught:
        bind("Artikel,Preis,PLZ")
    assert caught.value.message == (
        "customers.csv has the columns Artikel, Preis, PLZ; none of them says who a customer is"
    )
    assert caught.value.hint is not None
    assert "e-mail" in caught.value.hint


def test_a_file_without_header_is_not_quoted() -> None:
    with pytest.raises(Misconfigured) as caught:
        bind("Anna,Geheim,anna@example.com")
    assert "no header line" in caught.value.message
    assert "Geheim" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("content", [b"", b"\r\n \r\n", b"\xef\xbb\xbf"])
def test_an_empty_file(reader: Reader, content: bytes) -> None:
    reader.write(content)
    with pytest.raises(SourceBroken, match=r"customers\.csv is empty"):
        reader.source().check()


def test_a_header_with_an_open_quote(reader: Reader) -> None:
    reader.write('"Id,Name\n1,x\n')
    with pytest.raises(Misconfigured, match=r"the header of customers\.csv cannot be read"):
        reader.source().check()


# --- layouts --------------------------------------------------------------------------------------------------------


def test_the_known_layouts_are_recognised_by_their_real_headers(shared: Callable[[str], Path]) -> None:
    headers = json.loads(shared("wire/data/csv/headers.json").read_text("utf-8"))
    expected = {
        "shopify_customers_export_2024plus": "Shopify customers",
        "shopify_customers_export_with_whatsapp_and_metafields": "Shopify customers",
        "shopify_customers_import_template": "Shopify customers",
        "shopify_customers_export_old": "Shopify customers (old export)",
        "shopify_orders_export": "Shopify orders",
        "wix_contacts_export_used_in_sample": "Wix contacts",
        "mailchimp_audience_export": "Mailchimp audience",
        "german_shop_export_xtc_style": "German shop",
        "german_newsletter_style": "German shop",
        "stripe_customers_export": "no known layout, usual words",
    }
    assert {name: recognise(headers[name]).name for name in expected} == expected


def test_metafield_columns_anywhere_do_not_hide_shopify() -> None:
    bound = bind(
        "Size (customer.metafields.custom.size),Email,Accepts Email Marketing,Default Address Address1,Customer ID"
    )
    assert bound.layout.name == "Shopify customers"
    assert bound.ignored == ["Size (customer.metafields.custom.size)"]
    assert bound.name("external_id") == "Customer ID"


def test_known_columns_that_nothing_is_taken_from_are_no_unknown_ones() -> None:
    bound = bind("Kundennummer,Anrede,Vorname,Nachname,PLZ,Loyalty")
    assert (bound.unused, bound.ignored) == (["Anrede"], ["Loyalty"])


def test_R51_R47_an_export_of_every_column_comes_back_into_a_strict_source(store: Store) -> None:
    strict = CsvSettings.model_validate({"type": "csv", "path": "x.csv", "headers": "strict"})
    bring(store, "S", [Person(external_id="1", first_name="Anna", email="a@x.example")])
    with store.reading() as db:
        text = "".join(export(db, View(columns=tuple(COLUMNS)), "csv", key=store.key))
    header = text.removeprefix("\ufeff").splitlines()[0].split(",")
    assert len(header) > 20
    assert understand("out.csv", header, strict, edits=True).ours == {"klientela_id": 0}
    for columns, edits, said in (
        (header, False, "unknown columns first_name"),  # rows that are no edits are the source's own: R47 as it stands
        ([*header, "Loyalty"], True, "unknown column Loyalty"),
        (header[1:], True, "unknown columns"),
        ([*header, header[3]], True, "a column twice"),
    ):
        with pytest.raises(Misconfigured, match=said):
            understand("out.csv", columns, strict, edits=edits)


def test_R51_our_own_id_says_who_a_customer_is_where_rows_may_be_edits() -> None:
    plain = CsvSettings.model_validate({"type": "csv", "path": "x.csv"})
    assert understand("edits.csv", ["klientela_id", "city"], plain, edits=True).fields == {"city": 1}
    for columns, edits in ((["klientela_id", "city"], False), (["klientela_id"], True), (["city"], True)):
        with pytest.raises(Misconfigured, match="none of them says who a customer is"):
            understand("edits.csv", columns, plain, edits=edits)


def test_R51_an_export_lacks_mapped_columns_and_is_understood_where_rows_may_be_edits() -> None:
    mapped = {"external_id": "rec_id", "first_name": "first", "total": "sum", "city": "Town"}
    made = CsvSettings.model_validate({"type": "csv", "path": "x.csv", "columns": mapped})
    export = ["klientela_id", "first_name", "last_name", "town"]
    bound = understand("out.csv", export, made, edits=True)
    assert {field: bound.name(field) for field in bound.fields} == {
        "first_name": "first_name", "last_name": "last_name", "city": "town",
    }  # fmt: skip
    for columns, edits in ((export, False), (export[1:], True)):
        with pytest.raises(Misconfigured, match=r"columns\.external_id names the column 'rec_id'"):
            understand("out.csv", columns, made, edits=edits)
