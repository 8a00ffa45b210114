"""What operators say of a record, as one partial Person: folded from their decisions, laid over what sources say (R0b)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from klientela.model.records import Address, Consent, Person

EDIT, PIN, TAG, CONSENT, INACTIVE, ACTIVE = "edit", "pin", "tag", "consent", "inactive", "active"
KINDS = (EDIT, PIN, TAG, CONSENT, INACTIVE, ACTIVE)
"""The kinds of decisions that say something of a record."""

UNIT_OF = {
    "first_name": "name",
    "last_name": "name",
    "company": "company",
    "phone": "phone",
    "birthday": "birthday",
    "crm_id": "crm_id",
    "locale": "locale",
    "address": "address",
    "billing": "billing",
    "shipping": "shipping",
}
"""The fields an operator may set, and the unit each is chosen with (R25). An e-mail is never among them (R37)."""

KINDS_OF_ADDRESSES = ("billing", "shipping")
"""The kinds of addresses that are set beside the main one (C21)."""


class Say(NamedTuple):
    """One decision about a record.

    `detail` by kind: edit and pin `{"field", "value"}` (an address is a value as a whole, None clears), tag `{"tag"}`,
    consent the fields of a `Consent`, inactive and active (which takes the mark off again) `{}`.
    """

    kind: str
    detail: Mapping[str, Any]


def read_places(values: dict[str, Any]) -> None:
    """Make addresses of what decisions say of them: `address` is the only one of `addresses`, one of a kind says so."""
    if "address" in values:
        place = values.pop("address")
        values["addresses"] = [msgspec.convert(place, Address)] if place else []
    for kind in KINDS_OF_ADDRESSES:
        if values.get(kind):
            values[kind] = replace(msgspec.convert(values[kind], Address), kind=kind)


def fold(external_id: str, entity: str, says: Iterable[Say]) -> Person | None:
    """What decisions together say of a record, the newest last; None where they say nothing."""
    values: dict[str, Any] = {}
    pinned: dict[str, bool] = {}
    tags: set[str] = set()
    consents: list[Consent] = []
    inactive = False
    for kind, said in says:
        if kind in (EDIT, PIN):
            field = said["field"]
            values[field] = said["value"]
            pinned[field] = kind == PIN
        elif kind == TAG:
            tags.add(said["tag"])
        elif kind == CONSENT:
            consents.append(msgspec.convert(said, Consent))
        elif kind in (INACTIVE, ACTIVE):
            inactive = kind == INACTIVE
    read_places(values)
    if tags:
        values["tags"] = sorted(tags)
    if consents:
        values["consents"] = consents
    if any(pinned.values()):
        values["pinned"] = sorted({UNIT_OF[field] for field, holds in pinned.items() if holds})
    if inactive:
        values["inactive"] = True
    if not values:
        return None
    return msgspec.convert({"external_id": external_id, "entity": entity, **values}, Person, from_attributes=True)


_PLACES = ("address", *KINDS_OF_ADDRESSES)


def of_kind(kind: str, said: Address | None, places: Sequence[Address]) -> list[Address]:
    """The addresses with that one in the place of the first of its kind, or behind them; None: with none of the kind."""
    if said is None:
        return [one for one in places if one.kind != kind]
    first = next((number for number, one in enumerate(places) if one.kind == kind), len(places))
    return [*places[:first], said, *places[first + 1 :]]


def lay_over(person: Person, hand: Person) -> Person:
    """A record as its sources and the operators together tell it.

    A scalar of the operators replaces the sources', their address the first one whole (R25), one of a kind the first of
    that kind; tags and consent events are added, for neither takes the other's word back.
    """
    values: dict[str, Any] = {}
    for name in (*(field for field in UNIT_OF if UNIT_OF[field] not in _PLACES), "pinned", "inactive"):
        said = getattr(hand, name)
        if said is not UNSET:
            values[name] = said
    if hand.addresses is not UNSET:
        further = person.addresses[1:] if person.addresses is not UNSET and person.addresses else []
        values["addresses"] = [*hand.addresses, *further]
    for kind in KINDS_OF_ADDRESSES:
        said = getattr(hand, kind)
        if said is not UNSET:
            told = values.get("addresses", person.addresses)
            values["addresses"] = of_kind(kind, said, told if told is not UNSET and told else [])
    for name in ("tags", "consents"):
        said = getattr(hand, name)
        if said is not UNSET:
            told = getattr(person, name)
            values[name] = [*(told if told is not UNSET else []), *said]
    return replace(person, **values)


__all__ = [
    "ACTIVE", "CONSENT", "EDIT", "INACTIVE", "KINDS", "PIN", "TAG", "UNIT_OF", "Say", "fold", "lay_over", "of_kind",
    "read_places",
]  # fmt: skip
