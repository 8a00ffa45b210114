"""Rows of an import that carry a klientela_id: an edit of a customer we have, compared field by field (R51, R37).

Equal values change nothing, so what was exported and comes back unchanged is no change. An import changes no field of a
customer: each difference is refused with its reason, and nothing of it is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.records import Address, Person
from klientela.rules import geo
from klientela.rules.text import clean, fold_words
from klientela.store import facts
from klientela.store.database import Db
from klientela.store.locate import locate
from klientela.store.rows import members_of

_TEXTS = ("first_name", "last_name", "company", "email", "phone", "crm_id", "birthday", "locale", "note")
_PLACE = ("street", "house_number", "line2", "zip", "city", "region", "country")
_ROW = ("first_name", "last_name", "company", "email", "phone", "crm_id", "city", "country", "number")


def refusals(db: Db, key: bytes, person: Person) -> list[tuple[str, str]]:
    """Why an edit is not made: field and reason; nothing where it changes nothing. Its external id is a public id."""
    try:
        found = locate(db, key, person.external_id)
    except UnknownThing:
        return [("klientela_id", "no customer has this klientela_id")]
    said = _said(person, _row(db, found.customer), _facts(db, found.customer))
    return [(name, _refusal(name)) for name, given, known in said if given not in known]


def _refusal(name: str) -> str:
    if name == "email":
        return "the e-mail of a customer changes only by the sync of its own source (R37)"
    return (
        f"the {name.replace('_', ' ')} differs from what the customer's sources say, and an import does not change it"
    )


def _row(db: Db, customer: int) -> dict[str, Any]:
    row = db.one(f"SELECT {', '.join(_ROW)}, tags FROM customer WHERE id = ?", (customer,))
    return dict(zip((*_ROW, "tags"), row, strict=True)) if row else {}


def _facts(db: Db, customer: int) -> list[Person]:
    numbers = [row[0] for row in members_of(db, [customer], "p.id").get(customer, ())]
    return [item.fact for item in facts.load(db, numbers).values() if isinstance(item.fact, Person)]


_Claim = tuple[str, tuple[Any, ...], set[tuple[Any, ...]]]


def _said(person: Person, row: dict[str, Any], known: list[Person]) -> Iterable[_Claim]:
    """Each field the row carries: its name, its value folded, and the values that would change nothing."""
    for name in _TEXTS:
        value = getattr(person, name)
        if value is not UNSET:
            own = {_text(getattr(one, name)) for one in known if getattr(one, name) is not UNSET}
            yield name, (_text(value),), {(x,) for x in {*own, _text(row.get(name))}}
    if person.numbers is not UNSET:
        own = {_text(n.value) for one in known if one.numbers is not UNSET for n in one.numbers}
        for number in person.numbers:
            yield "number", (_text(number.value),), {(x,) for x in {*own, _text(row.get("number"))}}
    if person.tags is not UNSET:
        own = {tag for one in known if one.tags is not UNSET for tag in one.tags}
        yield "tags", tuple(sorted(set(person.tags))), {tuple(sorted(own))}
    for unit in ("emails", "phones"):
        values = getattr(person, unit)
        if values is not UNSET:
            own = {_text(x) for one in known for x in _all(one, unit)}
            for value in values:
                yield unit.removesuffix("s"), (_text(value),), {(x,) for x in own}
    yield from _places(person, row, known)


def _all(one: Person, unit: str) -> list[str]:
    single, several = getattr(one, unit.removesuffix("s")), getattr(one, unit)
    return [*([single] if single else []), *(several if several is not UNSET else [])]


def _places(person: Person, row: dict[str, Any], known: list[Person]) -> Iterable[_Claim]:
    if person.addresses is UNSET:
        return
    shown = Address(city=row.get("city"), country=row.get("country"))
    places = [shown, *(place for one in known if one.addresses is not UNSET for place in one.addresses)]
    for given in person.addresses:
        parts = [part for part in _PLACE if getattr(given, part)]
        yield "address", _folded(given, parts), {_folded(place, parts) for place in places}


def _folded(place: Address, parts: list[str]) -> tuple[Any, ...]:
    said = {part: fold_words(getattr(place, part) or "") for part in parts}
    if "country" in said:
        said["country"] = geo.country(place.country) or said["country"]
    return tuple(said[part] for part in parts)


def _text(value: Any) -> str:
    return clean(value) if value else ""
