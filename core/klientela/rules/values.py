"""What two records could have in common: their e-mails, numbers, phones and addresses as the rules compare them, also
those that never match (R19), so that it can be said why they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import UNSET

from klientela.model.records import Person
from klientela.rules import geo, keys
from klientela.rules.ruleset import Ruleset

Why = Literal["relay", "role", "listed"]
"""Why a value never matches: a marketplace's forwarding address, a box of many or no real one, the operator's list."""

REASONS: dict[Why, str] = {
    "relay": "it is a marketplace's forwarding address",
    "role": "it is a box of many people or a placeholder",
    "listed": "it is on your own list",
}
CALLED = {"email": "e-mail", "number": "customer number", "phone": "phone", "address": "address"}


class Value(NamedTuple):
    """One value of a record: which rule compares it, how, and why it never matches, if so."""

    rule: str
    folded: str
    blocked: Why | None = None

    @property
    def hash(self) -> int:
        """The key it stands as in the identity tables, where the record publishes it."""
        return keys.key64(self.rule, self.folded)

    @property
    def plain(self) -> str:
        """For people: a number without its namespace, an address in one line."""
        if self.rule == "number":
            return self.folded.partition("|")[2]
        return self.folded.replace("|", " ")


def values(person: Person, uid: str, ruleset: Ruleset) -> Iterator[Value]:
    """All values of a person record of the source `uid`, whatever rules and policies make of them."""
    yield from _mailboxes(person, ruleset)
    if person.numbers is not UNSET:
        for item in person.numbers:
            number = keys.number(item.value, item.space or uid)
            if number is not None:
                listed = keys.number_blocked(number, item.value, ruleset.blocked)
                yield Value("number", number, "listed" if listed else None)
    places = person.addresses if person.addresses is not UNSET and person.addresses else ()
    region = (geo.country(places[0].country) if places else None) or ruleset.country
    for text in (person.phone, *(person.phones or () if person.phones is not UNSET else ())):
        phone = geo.phone(text, region) if text else None
        if phone is not None:
            yield Value("phone", phone, None if ruleset.blocked.isdisjoint((phone, text)) else "listed")
    for place in places:
        country = geo.country(place.country) or ruleset.country
        address = keys.address(country, place.zip, place.street, place.house_number)
        if address is not None:
            yield Value("address", address)


def _mailboxes(person: Person, ruleset: Ruleset) -> Iterator[Value]:
    for text in (person.email, *(person.emails or () if person.emails is not UNSET else ())):
        box = keys.mailbox(text, ruleset.mailbox_folding) if text else None
        if box is None:
            continue
        why: Why | None = None
        if keys.is_relay(box):
            why = "relay"
        elif keys.mailbox_blocked(box, frozenset()):
            why = "role"
        elif keys.mailbox_blocked(box, ruleset.blocked):
            why = "listed"
        yield Value("email", box, why)


_DOTS = "•••"


def mask(rule: str | None, value: str) -> str:
    """A value as it may be shown to who need not know it: recognised by who knows it, learnt by nobody.

    >>> mask("email", "anna@example.com"), mask("phone", "+493511234567"), mask("number", "K-77")
    ('a•••@e•••.com', '+49•••67', 'K•••')
    """
    if rule == "email" or "@" in value:
        local, _, domain = value.rpartition("@")
        name, dot, top = domain.rpartition(".")
        return f"{local[:1]}{_DOTS}@{name[:1]}{_DOTS}{dot}{top}"
    if rule == "phone":
        return f"{value[:3]}{_DOTS}{value[-2:]}" if len(value) > 6 else _DOTS
    if rule == "address":
        return " ".join(
            word if len(word) == 2 and place == 0 else word[:1] + _DOTS for place, word in enumerate(value.split())
        )
    return value[:1] + _DOTS


def warning(value: Value, count: int) -> str:
    """The one sentence about a value that never matches and that so many records carry (R19)."""
    why = REASONS[value.blocked or "role"]
    return f"{count} records carry the {CALLED[value.rule]} {_hint(value)}, which joins nobody: {why} (R19)"


def _hint(value: Value) -> str:
    """A blocked value masked as far as it may be somebody's: what makes it one of many is shown."""
    local, at, domain = value.folded.rpartition("@")
    if value.rule == "email" and value.blocked == "relay":
        return f"{local[:1]}{_DOTS}{at}{domain}"
    if value.rule == "email" and local in keys.ROLES:
        return local + mask("email", value.folded)[len(local[:1] + _DOTS) :]
    return mask(value.rule, value.plain)


__all__ = ["CALLED", "REASONS", "Value", "Why", "mask", "values", "warning"]
