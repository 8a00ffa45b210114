"""Rows of an import that carry a klientela_id: each is an edit of a customer we have, decided field by field (R51).

Equal values change nothing, so what was exported and comes back unchanged is no change. Others are edits under R37 and
R38, with a reason for each field that is refused; a row with another e-mail is refused whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.flow.card import Card
from klientela.flow.hands import Word
from klientela.model.records import Address, Person
from klientela.rules import entered, geo, hand, rights
from klientela.rules.entered import PLACE
from klientela.rules.text import clean, fold_words
from klientela.store import ids
from klientela.store.database import Db
from klientela.store.locate import locate

_SINGLE = ("first_name", "last_name", "company", "phone", "birthday", "crm_id")
_ROW = ("pub", "first_name", "last_name", "company", "phone", "crm_id", "email", "city", "country", "number", "tags",
        "consents")  # fmt: skip
_BY_OTHER_MEANS = {
    "number": "the customer number is given by its source",
    "locale": "the locale is told by its source",
    "note": "a note of a source stays as it is; `klientela note` adds one of yours",
    "phones": "further phones are told by their sources",
    "consents": "a consent is not changed by such a row; `klientela consent` writes one down, with its evidence",
}

Refusal = tuple[str, str]
"""The field and the sentence."""


class Edit(NamedTuple):
    """What a row means: what is said of which records, and what is not and why. Neither: it changes nothing."""

    customer: int | None
    words: list[Word]
    refused: list[Refusal]


def edit_of(db: Db, key: bytes, person: Person, titles: Mapping[str, str]) -> Edit:
    """What a row with a klientela_id (its external id) means for the customer as it stands. `titles` are the names of
    source types for people."""
    try:
        customer = locate(db, key, person.external_id).customer
    except UnknownThing:
        return Edit(None, [], [("klientela_id", "no customer has this klientela_id")])
    row = _row(db, customer)
    if _equal(person, row):
        return Edit(customer, [], [])
    card = Card(db, key, customer)
    card.titles = titles
    if not _own_email(person, card):
        return Edit(customer, [], [("email", f"{rights.EMAIL_REFUSED}, so nothing of this row is written")])
    wanted, refused = _wanted(person, card)
    words, not_allowed = card.edits(wanted)
    refused += [(one.field, one.sentence) for one in not_allowed]
    more, no_tags = _tags(person, card)
    refused += no_tags
    refused += [(name.removesuffix("s"), _BY_OTHER_MEANS[name]) for name in _others(person, card, row)]
    return Edit(customer, [*words, *more], refused)


# -- what changes nothing ------------------------------------------------------------------------------------------------


def _row(db: Db, customer: int) -> dict[str, Any]:
    row = db.one(f"SELECT {', '.join(_ROW)} FROM customer WHERE id = ?", (customer,))
    return dict(zip(_ROW, row, strict=True)) if row else {}


def _equal(person: Person, row: Mapping[str, Any]) -> bool:
    """Whether a row says nothing but what the list shows: the short way for what was exported and comes back."""
    plain = (*_SINGLE, "email", "locale", "note", "emails", "phones", "consents", "numbers", "tags", "addresses")
    for name in plain:
        said = getattr(person, name)
        if said is UNSET or (not said and not row.get(name)):
            continue
        if name == "tags":
            if sorted(set(said)) != json.loads(row["tags"] or "[]"):
                return False
        elif name == "numbers":
            if [one.value for one in said] != [row["number"]]:
                return False
        elif name == "addresses":
            if len(said) > 1 or not _shows(said[0], Address(city=row["city"], country=row["country"])):
                return False
        elif name not in row or _text(said) != _text(row[name]):
            return False
    return True


def _shows(given: Address, shown: Address) -> bool:
    """Whether every part that a row names is the one that is shown."""
    return all(_part(given, part) == _part(shown, part) for part in PLACE if getattr(given, part))


def _part(place: Address, part: str) -> str:
    value = getattr(place, part) or ""
    return (geo.country(value) if part == "country" else None) or fold_words(value)


def _text(value: Any) -> str:
    """A value as it is compared: a cell of a workbook holds one line where a record may have several."""
    return " ".join(clean(value).splitlines()) if isinstance(value, str) else ""


# -- what is wanted ------------------------------------------------------------------------------------------------------


def _own_email(person: Person, card: Card) -> bool:
    """Whether the row's e-mails are the customer's (R37)."""
    known = {_text(value).casefold() for _, value in card.members.summary.emails.values()}
    for said in ([person.email] if person.email is not UNSET else [], person.emails or []):
        for text in said:
            if _text(text).casefold() not in known and (text or known):
                return False
    return True


def _wanted(person: Person, card: Card) -> tuple[dict[str, str | None], list[Refusal]]:
    """The fields an operator may set that the row gives another value, as they would be kept; and what is no value."""
    wanted: dict[str, str | None] = {}
    refused: list[Refusal] = []
    for field, text in _given(person, card):
        try:
            wanted[field] = entered.value(field, text)
        except ValueError as error:
            refused.append((field, str(error)))
    return wanted, refused


def _given(person: Person, card: Card) -> Iterable[tuple[str, str]]:
    for field in _SINGLE:
        said = getattr(person, field)
        if said is UNSET or _text(said) == _text(card.value(field)):
            continue
        if field != "crm_id" or said not in {item.ext for item in card.members.facts.values()}:  # R55b
            yield field, said or ""
    for place in (person.addresses or [])[:1] if person.addresses is not UNSET else ():
        shown = card.place()
        listed = Address(**{part: card.shown[part].value for part in ("city", "country") if part in card.shown})
        for part in PLACE:
            if getattr(place, part) and _part(place, part) not in (_part(shown, part), _part(listed, part)):
                yield part, getattr(place, part)


def _tags(person: Person, card: Card) -> tuple[list[Word], list[Refusal]]:
    """New tags are put on; one that is missing stays, and is told."""
    if person.tags is UNSET:
        return [], []
    given, standing = set(person.tags), set(card.members.summary.tags)
    if standing - given:
        left = ", ".join(sorted(standing - given))
        return [], [("tags", f"the row leaves out {left}; `klientela untag` takes off a tag of yours")]
    try:
        fresh = sorted(entered.tag(one) for one in given - standing)
    except ValueError as error:
        return [], [("tags", str(error))]
    return [Word(hand.TAG, card.spoken_of, {"tag": one}) for one in fresh], []


def _others(person: Person, card: Card, row: Mapping[str, Any]) -> list[str]:
    """Fields that no edit changes and that the row gives another value."""
    found = []
    facts = [item.fact for item in card.members.facts.values()]
    numbers = {_text(number.value) for fact in facts for number in fact.numbers or ()}
    numbers |= {_text(row["number"]), ids.short_number(bytes(row["pub"]))}
    if person.numbers is not UNSET and any(_text(one.value) not in numbers for one in person.numbers):
        found.append("number")
    for name in ("locale", "note"):
        said = getattr(person, name)
        if said is not UNSET and _text(said) not in {_text(getattr(fact, name)) for fact in facts} | {""}:
            found.append(name)
    phones = {_text(value) for _, value in card.members.summary.phones.values()}
    if person.phones is not UNSET and any(_text(one) not in phones for one in person.phones):
        found.append("phones")
    states = json.loads(row["consents"] or "{}")
    if person.consents is not UNSET and any(
        states.get(event.channel, {}).get(event.purpose) != event.state for event in person.consents
    ):
        found.append("consents")
    return found


__all__ = ["Edit", "edit_of"]
