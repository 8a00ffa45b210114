"""What would give somebody away in a text: keys, e-mails, phones, the full name, in the ways they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from klientela.flow.suppress import contacts
from klientela.model.records import Address, Checkout, Letter, Message, Order, Person
from klientela.rules.names import folded

_DIGITS = re.compile(r"\D+")
_SHORTEST = 7  # digits of a phone, characters of a mailbox: shorter ones stand everywhere


@dataclass(slots=True)
class Traces:
    """Everything that was ever said of some people, as far as texts are searched for it.

    `values`: e-mails and phones as tombstones know them. `written`: the texts they came as, by the value. `names`: first
    and last names as they came. `keys`: source uid, entity, external id.
    """

    country: str
    values: set[tuple[str, str]] = field(default_factory=set)
    written: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    names: set[tuple[str, str]] = field(default_factory=set)
    keys: set[tuple[str, str, str]] = field(default_factory=set)

    def add(self, fact: Any) -> None:
        """What a claim says, of whatever kind."""
        if isinstance(fact, Person):
            self._person(fact)
        elif isinstance(fact, Order):
            places = fact.addresses if fact.addresses is not UNSET and fact.addresses else []
            self._person(
                Person(
                    external_id="-",
                    first_name=fact.first_name,
                    last_name=fact.last_name,
                    email=fact.email,
                    phone=fact.phone,
                    addresses=places,
                )
            )
        elif isinstance(fact, Checkout):
            self._person(Person(external_id="-", email=fact.email))
        elif isinstance(fact, Letter) and fact.address:
            self._places([fact.address])
        elif isinstance(fact, Message) and fact.address:
            kind = "email" if "@" in fact.address else "phone"
            self._person(Person(external_id="-", **{kind: fact.address}))

    def _person(self, person: Person) -> None:
        self._name(person.first_name or None, person.last_name or None)
        emails = [person.email, *(person.emails or () if person.emails is not UNSET else ())]
        phones = [person.phone, *(person.phones or () if person.phones is not UNSET else ())]
        places = person.addresses if person.addresses is not UNSET and person.addresses else []
        for text in emails:
            if text:
                self._value(Person(external_id="-", email=text), text)
        for text in phones:
            if text:
                self._value(Person(external_id="-", phone=text, addresses=places), text)
        self._places(places)

    def _places(self, places: Iterable[Address]) -> None:
        for place in places:
            self._name(place.first_name, place.last_name)
            if place.phone:
                self._value(Person(external_id="-", phone=place.phone, addresses=[place]), place.phone)

    def _name(self, first: str | None, last: str | None) -> None:
        if first and last and first.strip() and last.strip():
            self.names.add((first.strip(), last.strip()))

    def _value(self, person: Person, text: str) -> None:
        for value in contacts(person, self.country):
            self.values.add(value)
            self.written.setdefault(value, {value[1]}).add(text.strip())

    def folded_names(self) -> set[str]:
        """The names as the guard compares them."""
        return {folded(first, last) for first, last in self.names}


class Finder:
    """Finds texts that hold somebody's traces. Values that others share count with the name only."""

    def __init__(self, traces: Traces, shared: Iterable[tuple[str, str]] = ()) -> None:
        own = traces.values - set(shared)
        texts = {text for value in own for text in traces.written.get(value, ())}
        self._texts = {form for text in texts if len(text) >= _SHORTEST for form in _forms(text)}
        self._digits = {_DIGITS.sub("", value)[-9:] for kind, value in own if kind == "phone"}
        self._names = [(_forms(first), _forms(last)) for first, last in traces.names]
        self._keys = {form for key in traces.keys for form in _key_forms(key)}
        self._exts: dict[str, set[str]] = {}
        for uid, _, ext in traces.keys:
            self._exts.setdefault(uid, set()).add(ext)

    def values(self, text: str) -> bool:
        """Whether a text holds an e-mail or phone nobody else has."""
        low = text.casefold()
        return any(one in low for one in self._texts) or self._dialled(low)

    def names(self, text: str) -> bool:
        """Whether a text holds both parts of the name."""
        low = text.casefold()
        return any(any(f in low for f in firsts) and any(f in low for f in lasts) for firsts, lasts in self._names)

    def keys(self, text: str) -> bool:
        """Whether a text names one of the records as the log does, or as people write it."""
        return any(one in text for one in self._keys)

    def any(self, text: str | None) -> bool:
        """Whether a text holds any of it."""
        return bool(text) and (self.keys(str(text)) or self.values(str(text)) or self.names(str(text)))

    def names_record(self, uid: str, ext: str | None) -> bool:
        """Whether that is the key of one of the records at its source."""
        return ext is not None and ext in self._exts.get(uid, ())

    def _dialled(self, text: str) -> bool:
        if not self._digits:
            return False
        digits = _DIGITS.sub("", re.sub(r"[\s()/.\-]+", "", text)) if len(text) < 200 else None
        runs = [digits] if digits is not None else re.findall(r"\d{7,}", re.sub(r"(?<=\d)[ ()/.\-]+(?=\d)", "", text))
        return any(one in run for one in self._digits for run in runs if len(one) >= _SHORTEST)


def _forms(text: str) -> set[str]:
    """A text as it may stand in another one, in lower case: as it is, and as JSON writes it."""
    escaped = json.dumps(text)[1:-1]
    return {text.casefold(), escaped.casefold(), json.dumps(text, ensure_ascii=False)[1:-1].casefold()}


def _key_forms(key: tuple[str, str, str]) -> set[str]:
    uid, entity, ext = key
    return {json.dumps("\0".join(key))[1:-1], json.dumps("\0".join(key), ensure_ascii=False)[1:-1],
            f"{uid}/{entity}/{ext}"}  # fmt: skip


__all__ = ["Finder", "Traces"]
