"""By which addresses an objection is found: the very address it names, else all by which its record is reached (R46)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from msgspec import UNSET

from klientela.model.instants import Instant
from klientela.model.records import Address, Consent, Person
from klientela.rules import geo, keys
from klientela.rules.text import fold_words

_CALLED = ("sms", "phone", "whatsapp")
"""Channels that reach a telephone number."""


def key_of(channel: str, address: str, region: str) -> int | None:
    """The key of an e-mail address or number; None where nothing is left of it. One mailbox and one number are one key
    however they are written, whatever the rules of matching say. `region`: of numbers without a country code."""
    if channel == "email":
        folded = keys.mailbox(address) or fold_words(address)
        return keys.key64("objection", f"email\0{folded}") if folded else None
    number = geo.phone(address, region) or "".join(filter(str.isdigit, address))
    return keys.key64("objection", f"phone\0{number}") if number else None


def key_of_place(place: Address, region: str) -> int | None:
    """The key of a postal address; None where it has neither a street nor a town."""
    folded = keys.address(geo.country(place.country) or region, place.zip, place.street, place.house_number)
    folded = folded or fold_words(" ".join(x for x in (place.zip, place.street, place.house_number, place.city) if x))
    return keys.key64("objection", f"post\0{folded}") if folded else None


def keys_of(person: Person, event: Consent, region: str) -> set[int]:
    """The addresses that a consent event of a record is about. `region` is the shop's."""
    places = person.addresses if person.addresses is not UNSET and person.addresses else []
    if event.channel == "post":
        return {key for place in places if (key := key_of_place(place, region)) is not None}
    region = (geo.country(places[0].country) if places else None) or region
    texts = [event.address] if event.address and event.address.strip() else _reached(person, event.channel)
    return {key for text in texts if (key := key_of(event.channel, text, region)) is not None}


def _reached(person: Person, channel: str) -> list[str]:
    one, more = (person.phone, person.phones) if channel in _CALLED else (person.email, person.emails)
    return [text for text in (one, *(more if more is not UNSET and more else ())) if text]


def mark_of(event: Consent) -> str:
    """What an operator's grant names the objection by that it lifts: all it says but the time, which it has not."""
    said = (event.channel, event.purpose, event.address or "", event.basis, event.evidence or "")
    return sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def untimed(person: Person, channel: str, purpose: str) -> list[Consent]:
    """The objections of a record to a purpose on a channel that have no time: they may be later than any grant (R45)."""
    return [one for one in objections(person) if one.at is None and (one.channel, one.purpose) == (channel, purpose)]


def lifted(person: Person, version: Instant | None) -> frozenset[str]:
    """The marks of objections without a time that an operator has lifted, who saw them at this very record (R45).

    `version` of the record: where its source changed it after the grant, the objection may be a new one, and stands.
    """
    events = person.consents if person.consents is not UNSET and person.consents else ()
    return frozenset(
        mark
        for event in events
        if event.lifts and event.basis == "operator" and event.state == "granted" and event.evidence
        for mark in event.lifts
        if version is None or (event.at is not None and version <= event.at)
    )


def objections(person: Person) -> Iterator[Consent]:
    """The events by which a record objects to anything."""
    for event in person.consents if person.consents is not UNSET and person.consents else ():
        if event.state == "denied":
            yield event


def objected(person: Person, region: str) -> set[int]:
    """All addresses that a record objects to anything by."""
    return {key for event in objections(person) for key in keys_of(person, event, region)}


__all__ = ["key_of", "key_of_place", "keys_of", "lifted", "mark_of", "objected", "objections", "untimed"]
