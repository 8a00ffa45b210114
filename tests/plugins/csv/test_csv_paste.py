"""Pasted addresses (R49)."""

from __future__ import annotations

from klientela.kit import Consent, Person
from klientela_csv.paste import paste


def test_t52_two_customers_and_one_that_is_no_address() -> None:
    found = paste("a@x.de, A@x.de ,b@x.de, foo")
    assert found.persons == [
        Person(external_id="mail:a@x.de", kind="contact", email="a@x.de"),
        Person(external_id="mail:b@x.de", kind="contact", email="b@x.de"),
    ]
    (bad,) = found.rejected
    assert (bad.payload, bad.line) == ("foo", 1)
    assert "foo" not in bad.reason
    assert found.repeated == 1


def test_commas_semicolons_and_lines() -> None:
    found = paste("a@x.de;b@x.de,\r\n\n c@x.de ;; d@x.de\ne@")
    assert [person.email for person in found.persons] == ["a@x.de", "b@x.de", "c@x.de", "d@x.de"]
    assert [(bad.payload, bad.line) for bad in found.rejected] == [("e@", 4)]


def test_the_word_for_none_is_no_address() -> None:
    assert [bad.payload for bad in paste("-, n/a").rejected] == ["-", "n/a"]


def test_what_a_mail_program_copies() -> None:
    first, second, third = paste('Anna von Berg <a@x.de>, "Holz GmbH" <b@x.de>; <c@x.de>').persons
    assert (first.first_name, first.last_name, first.email) == ("Anna", "von Berg", "a@x.de")
    assert (second.company, second.last_name) == ("Holz GmbH", None)
    assert third == Person(external_id="mail:c@x.de", kind="contact", email="c@x.de")


def test_the_address_stays_as_it_is_written() -> None:
    (person,) = paste("Max@Example.com").persons
    assert (person.email, person.external_id) == ("Max@Example.com", "mail:max@example.com")


def test_auto_subscribe_is_off_unless_ticked() -> None:
    (plain,) = paste("a@x.de").persons
    assert not plain.consents
    (ticked,) = paste("\na@x.de", subscribe=True, entity="manual").persons
    assert ticked.entity == "manual"
    assert ticked.consents == [
        Consent(
            channel="email",
            purpose="promotion",
            state="granted",
            address="a@x.de",
            basis="import",
            evidence="pasted list, line 2",
        )
    ]


def test_nothing_pasted() -> None:
    found = paste(" \n,;")
    assert (found.persons, found.rejected, found.repeated) == ([], [], 0)
