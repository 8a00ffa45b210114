"""Rows become persons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from csv_helpers import Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from klientela.kit import UNSET, Address, Consent, Number, Person, Rejected, iso


def ids(records: list[Any]) -> list[str]:
    return [record.external_id for record in records]


# --- fields ---------------------------------------------------------------------------------------------------------


def test_every_field_as_it_is_written(reader: Reader) -> None:
    person = reader.person(
        "Id,FirstName,LastName,Company,Email,Phone,Street,HouseNumber,ZIP,City,Country,Number,crm_id,created_at,Tags,"
        "Birthday,Language,Note,Email2,Mobile\r\n"
        " 007 ,Änne,van der Meer,ACME,Max@Example.com ,0151/88 46,Musterweg,5 a,01067,Dresden,Deutschland,K-0077,C9,"
        '2024-03-11,"a, b",11.03.,de,hallo,zwei@x.de,0171 1\r\n',
        numbers="shop",
    )
    assert person == Person(
        external_id="007",
        kind="contact",
        created_at=1710111600000000,
        first_name="Änne",
        last_name="van der Meer",
        company="ACME",
        email="Max@Example.com ",
        emails=["zwei@x.de"],
        phone="0151/88 46",
        phones=["0171 1"],
        addresses=[Address(street="Musterweg", house_number="5 a", zip="01067", city="Dresden", country="Deutschland")],
        numbers=[Number("K-0077", "shop")],
        crm_id="C9",
        birthday="11.03.",
        locale="de",
        note="hallo",
        tags=["a", "b"],
    )


def test_street_and_number_in_one_column_stay_together(reader: Reader) -> None:
    assert reader.person("Id,Street\r\n1,Lindenstr. 5\r\n").addresses == [Address(street="Lindenstr. 5")]


def test_an_empty_cell_clears_and_a_missing_column_says_nothing(reader: Reader) -> None:
    person = reader.person("Id,LastName,Email,ZIP,Tags,Number\r\n1,Berg,, ,,\r\n")
    assert (person.email, person.addresses, person.tags, person.numbers) == (None, [], [], [])
    assert (person.first_name, person.phone, person.version, person.consents) == (UNSET, UNSET, None, UNSET)


def test_a_version_only_where_the_row_has_one(reader: Reader) -> None:
    first, second, third = reader.read("Id,updated_at\r\n1,1710145159\r\n2,2024-03-11T08:19:19Z\r\n3,\r\n")
    assert first.version == second.version == 1710145159000000
    assert third.version is None


def test_naive_times_are_in_the_sources_zone(reader: Reader) -> None:
    content = "Id,updated_at\r\n1,2026-07-01 10:00\r\n"
    assert iso(reader.person(content).version or 0) == "2026-07-01T08:00:00Z"
    assert iso(reader.person(content, timezone="UTC").version or 0) == "2026-07-01T10:00:00Z"


def test_kind_only_when_it_is_mapped(reader: Reader) -> None:
    assert reader.person("Id,LastName\r\n1,x\r\n").kind == "contact"
    records = reader.read("Id,Kind\r\n1,registered\r\n2,Gast\r\n3,\r\n4,vip\r\n")
    assert [record.kind for record in records[:3]] == ["account", "guest", "contact"]
    assert records[3] == Rejected(
        reason="not understood: expected registered or guest", key="4", payload="4,vip", line=5, column="Kind"
    )


def test_t72_a_row_that_changes_from_guest_to_registered_is_the_same_record(reader: Reader) -> None:
    before = reader.person("Id,Kind\r\n1,guest\r\n")
    after = reader.person("Id,Kind\r\n1,registered\r\n")
    assert (before.entity, before.external_id) == (after.entity, after.external_id)
    assert (before.kind, after.kind) == ("guest", "account")


def test_a_full_name_is_split_where_there_is_no_better(reader: Reader) -> None:
    person = reader.person("Id,Name\r\n1,Anna von Berg\r\n")
    assert (person.first_name, person.last_name, person.company) == ("Anna", "von Berg", UNSET)
    firm = reader.person("Id,Name\r\n1,Holz GmbH\r\n")
    assert (firm.last_name, firm.company) == (None, "Holz GmbH")


# --- formulas and apostrophes (R51) ---------------------------------------------------------------------------------


def neutralise(cell: str) -> str:
    """What an export does, so that no spreadsheet runs a cell."""
    return "'" + cell if cell.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r") and cell.lstrip("'") else cell


def test_our_own_exports_apostrophes_are_taken_back(reader: Reader) -> None:
    person = reader.person("Id,LastName,Phone,Note\r\n1,'t Hart,'+49 30 1,'=SUM(A1)\r\n")
    assert (person.last_name, person.phone, person.note) == ("'t Hart", "+49 30 1", "=SUM(A1)")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cell=st.text(st.sampled_from("'=+-@\t a1"), min_size=1, max_size=6).filter(str.strip))
def test_neutralising_is_undone_exactly(reader: Reader, cell: str) -> None:
    assert reader.person(f'Id,Note\n1,"{neutralise(cell)}"\n').note == cell


# --- the id of a row (R50) ------------------------------------------------------------------------------------------


def test_the_mapped_id_else_the_order_id_else_the_number(reader: Reader) -> None:
    assert ids(reader.read("Id,Kundennummer,E-Mail\r\n7,K-1,a@x.de\r\n")) == ["7"]
    assert ids(reader.read("Bestell-ID,Kundennummer,E-Mail\r\n1001,K-1,a@x.de\r\n")) == ["1001", "1001"]
    assert ids(reader.read("Kundennummer,E-Mail\r\nK-1,a@x.de\r\n")) == ["K-1"]


def test_a_weaker_id_beside_a_better_column_says_what_it_is(reader: Reader) -> None:
    assert ids(reader.read("Id,Kundennummer,E-Mail\r\n77,1,a@x.de\r\n,77,b@x.de\r\n,,c@x.de\r\n")) == [
        "77",
        "number:77",
        "mail:c@x.de",
    ]


def test_lists_without_ids_are_known_by_mailbox_or_phone(reader: Reader) -> None:
    records = reader.read("E-Mail,Telefon,Nachname\r\nA@X.de ,1,a\r\n,0049 30 12345,b\r\n-,,c\r\n")
    assert ids(records)[:2] == ["mail:a@x.de", "phone:+493012345"]
    assert ids(records)[2].startswith("row:")


def test_else_the_row_itself_whatever_case_spacing_and_order_of_columns(reader: Reader) -> None:
    (one,) = ids(reader.read("FirstName,LastName,ZIP\r\nAnna,Berg,01067\r\n"))
    (same,) = ids(reader.read("ZIP,LastName,FirstName,Loyalty\r\n01067, BERG,anna ,gold\r\n"))
    (other,) = ids(reader.read("FirstName,LastName,ZIP\r\nAnna,Berg,1067\r\n"))
    assert one == same
    assert one != other


def test_t25_t26_rows_without_any_id_stay_apart(reader: Reader) -> None:
    records = reader.read(
        "FirstName,LastName,Street,ZIP,City\r\nAnna,Berg,Lindenstr. 5,01067,Dresden\r\n"
        "Anna,Berg,Lindenstraße 5,01067,Dresden-Altstadt\r\nAnna,Berg,Lindenstr. 6,01067,Dresden\r\n"
    )
    assert len(set(ids(records))) == 3  # the core joins the first two by their address, not us by a hash


def test_t23_one_number_twice_with_ids_is_two_records_in_one_namespace(reader: Reader) -> None:
    records = reader.read("Id,Kundennummer\r\n1,K-77\r\n2,K-77\r\n", numbers="shop")
    assert [record.numbers for record in records] == [[Number("K-77", "shop")]] * 2


def test_an_id_no_index_could_hold(reader: Reader) -> None:
    one = reader.rejected("Id,LastName\r\n" + "x" * 256 + ",Berg\r\n")
    assert one.reason == "the id is longer than 255 characters"
    assert one.key is not None
    assert len(one.key) < 60


def test_a_row_about_nobody(reader: Reader) -> None:
    assert reader.rejected("E-Mail,Loyalty\r\n,gold\r\n").reason == "the row says nothing about anybody"


# --- bad cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("Email", "foo", "the e-mail address is none"),
        ("updated_at", "32.13.2026", "no time we can read"),
        ("created_at", "03/04/2026", "no time we can read"),
        ("consent_email", "perhaps", "not understood: expected yes or no"),
        ("kind", "vip", "not understood: expected registered or guest"),
    ],
)
def test_a_bad_cell_costs_its_row_and_says_where(reader: Reader, header: str, cell: str, reason: str) -> None:
    records = reader.read(f"Id,LastName,{header}\r\n1,a,\r\n2,b,{cell}\r\n3,c,\r\n")
    assert [type(one) for one in records] == [Person, Rejected, Person]
    bad = records[1]
    assert bad.reason.startswith(reason)
    assert (bad.line, bad.column, bad.key, bad.payload) == (3, header, "2", f"2,b,{cell}")


# --- consents (R43-R45) ---------------------------------------------------------------------------------------------


def test_consents_are_explicit_answers_with_basis_import(reader: Reader) -> None:
    yes, no, none = reader.read("Id,Email,consent_email\r\n1,a@x.de,ja\r\n2,b@x.de,nein\r\n3,c@x.de,\r\n")
    assert yes.consents == [
        Consent(
            channel="email",
            purpose="promotion",
            state="granted",
            address="a@x.de",
            basis="import",
            evidence="customers.csv: consent_email",
        )
    ]
    assert [event.state for event in no.consents] == ["denied"]
    assert none.consents == []


def test_t46_t47_auto_subscribe_grants_with_file_and_row_as_evidence(reader: Reader) -> None:
    reader.write("Id,Email,consent_email\r\n1,a@x.de,\r\n2,b@x.de,no\r\n3,,\r\n")
    path = reader.folder / "customers.csv"
    plain = reader.records(reader.source().for_file(path))
    assert [len(person.consents) for person in plain] == [0, 1, 0]
    ticked = reader.records(reader.source().for_file(path, subscribe=True))
    assert [(event.state, event.evidence) for event in ticked[0].consents] == [("granted", "customers.csv, line 2")]
    assert [event.state for event in ticked[1].consents] == ["denied"]  # the row itself says no
    assert ticked[2].consents == []


# --- layouts --------------------------------------------------------------------------------------------------------


SHOPIFY = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,"
    "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,"
    "Tax Exempt,Tags"
)


def test_shopifys_apostrophes_and_its_no_that_is_no_answer(reader: Reader) -> None:
    person = reader.person(
        SHOPIFY + "\n'7210448301122,Ann,'t Hart,ann@x.de,no,ACME,Musterweg 5,Hof,Dresden,SN,DE,'01067,'+49351123,"
        '\'0151 123,yes,12.00,1,"two\nlines",no,"VIP, b"\n'
    )
    assert (person.external_id, person.last_name) == ("7210448301122", "'t Hart")
    assert (person.phone, person.phones) == ("0151 123", ["+49351123"])
    assert person.addresses == [
        Address(street="Musterweg 5", line2="Hof", zip="01067", city="Dresden", region="SN", country="DE")
    ]
    assert [(event.channel, event.state, event.address) for event in person.consents] == [
        ("sms", "granted", "0151 123")
    ]
    assert (person.note, person.tags, person.kind) == ("two\nlines", ["VIP", "b"], "contact")


def test_the_old_shopify_export(reader: Reader) -> None:
    person = reader.person(
        "First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,Province,Province Code,"
        "Country,Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags,Note,Tax Exempt\n"
        "Ann,Hart,ann@x.de,yes,,Musterweg 5,,Dresden,Saxony,SN,Germany,DE,'01067,,no,1.00,1,,,no\n"
    )
    assert person.external_id == "mail:ann@x.de"
    assert person.addresses == [Address(street="Musterweg 5", zip="01067", city="Dresden", region="SN", country="DE")]


def test_mailchimp_says_consent_by_its_file(reader: Reader) -> None:
    header = "Email Address,First Name,Address,OPTIN_TIME,CONFIRM_TIME,LAST_CHANGED,LEID,TAGS"
    row = '\na@x.de,Ann,Musterweg 5  Dresden  01067 DE,,2024-03-14 09:14:00,2026-11-01 10:00:00,1,"""VIP"",""Blog"""\n'
    for name, states in (("subscribed_1.csv", ["granted"]), ("nonsubscribed_1.csv", []), ("list.csv", [])):
        person = reader.person(header + row, name=name)
        assert [event.state for event in person.consents] == states
        assert iso(person.version or 0) == "2026-11-01T10:00:00Z"
        assert person.tags == ["VIP", "Blog"]
        assert person.addresses == [Address(street="Musterweg 5", zip="01067", city="Dresden", country="DE")]
    granted = reader.person(header + row, name="subscribed_1.csv").consents[0]
    assert iso(granted.at or 0) == "2024-03-14T09:14:00Z"
    gone = reader.person("Email Address,LEID,UNSUB_TIME\na@x.de,1,2025-01-01 00:00:00\n", name="unsubscribed_1.csv")
    assert [(event.state, iso(event.at or 0)) for event in gone.consents] == [("denied", "2025-01-01T00:00:00Z")]


def test_an_address_mailchimp_wrote_in_another_form_stays_whole(reader: Reader) -> None:
    person = reader.person("Email Address,Address,LEID\na@x.de,somewhere in Ulm,1\n")
    assert person.addresses == [Address(street="somewhere in Ulm")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shopify_customers_export", ["7000000000001", "7000000000002", "7000000000004"]),
        ("wix_contacts_export", ["mail:anna.mueller@example.com", "mail:jan.kowalski@example.org"]),
        ("mailchimp_audience_export", ["mail:anna.mueller@example.com"]),
    ],
)
def test_the_sample_exports(reader: Reader, shared: Callable[[str], Path], name: str, expected: list[str]) -> None:
    source = reader.source(str(shared(f"wire/data/csv/{name}.csv")))
    records = reader.records(source)
    assert ids(records) == expected
    assert source.remarks == []
    if name.startswith("wix"):
        assert [iso(record.created_at) for record in records] == ["2026-10-02T08:15:00Z", "2026-11-20T09:10:00Z"]
        assert [[event.state for event in record.consents] for record in records] == [["granted"], []]
        assert records[0].phone == "+49 1511234567"


def test_wix_numbers_its_mails_phones_and_addresses(reader: Reader) -> None:
    person = reader.person(
        "First Name,Email 1,Email 2,Email 3,Phone 1,Phone 2,Address 1 - Street,Address 1 - Zip,Address 2 - Street,"
        "Address 2 - City,Address 10 - City,Labels,SMS subscriber status\n"
        "Ann,a@x.de,b@x.de,b@x.de,1,2,Musterweg 5,01067,Hof 1,Ulm,Bonn,A;B,Unsubscribed\n"
    )
    assert (person.email, person.emails, person.phone, person.phones) == ("a@x.de", ["b@x.de"], "1", ["2"])
    assert person.addresses == [
        Address(street="Musterweg 5", zip="01067"),
        Address(street="Hof 1", city="Ulm"),
        Address(city="Bonn"),
    ]
    assert [(event.channel, event.state) for event in person.consents] == [("sms", "denied")]


# --- edits (R51) ----------------------------------------------------------------------------------------------------


def test_a_row_with_our_id_is_an_edit_and_never_a_new_record(reader: Reader) -> None:
    content = "klientela_id,Id,City\r\nabc,1,Ulm\r\n,2,Bonn\r\n"
    rejected, new = reader.read(content)
    assert isinstance(rejected, Rejected)
    assert rejected.column == "klientela_id"
    assert (new.external_id, new.channel) == ("2", None)
    edits = reader.source().for_file(reader.folder / "customers.csv", edits=True)
    edit, new = reader.records(edits)
    assert (edit.external_id, edit.channel, edit.addresses) == ("abc", "edit", [Address(city="Ulm")])
    assert (new.external_id, new.channel) == ("2", None)
