"""What of a person's record may be compared with others' by plugins that propose pairs (R24c).

The values are folded as match keys are, and what never matches is left out. What a guest policy keeps back is not
offered to anybody, not even as a hint (R7, R11).
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from klientela.model.records import Person
from klientela.proposals import Place
from klientela.rules import geo, keys, names
from klientela.rules.publish import boxes, held_back, phones, policy_for
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import fold_words


class Likeness(NamedTuple):
    """The values of one record."""

    name: tuple[str, str] | None
    company: str | None
    emails: list[str]
    phones: list[str]
    places: list[Place]


def likeness(person: Person, uid: str, ruleset: Ruleset, *, published: bool) -> Likeness | None:
    """The values of a record; None where its guest policy keeps it back.

    `published`: it has match keys. The row of a guest's order without any is left out: the policy of another carrier of
    that order may be what keeps them back (R29).
    """
    rules = ruleset.of(uid)
    if policy_for(person, rules) != "merge" and held_back(person, rules):
        return None
    if person.entity == "guest_order" and not published:
        return None
    name = names.folded(person.first_name or None, person.last_name or None)
    first, _, last = name.partition("|")
    return Likeness(
        (first, last) if name else None,
        (fold_words(person.company) or None) if person.company else None,
        boxes(person, ruleset),
        _phones(person, ruleset),
        _places(person, ruleset),
    )


def _phones(person: Person, ruleset: Ruleset) -> list[str]:
    addresses = person.addresses if person.addresses is not UNSET else ()
    region = (geo.country(addresses[0].country) if addresses else None) or ruleset.country
    found = [(text, geo.phone(text, region)) for text in phones(person)]
    return [one for text, one in found if one is not None and not {text, one} & ruleset.blocked]


def _places(person: Person, ruleset: Ruleset) -> list[Place]:
    made = []
    for place in person.addresses if person.addresses is not UNSET else ():
        country = geo.country(place.country) or ruleset.country
        value = keys.address(country, place.zip, place.street, place.house_number)
        if value is not None:
            made.append(Place(*value.split("|")))
    return made


__all__ = ["Likeness", "likeness"]
