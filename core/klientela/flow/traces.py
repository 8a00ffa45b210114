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
from klientela.rules.text import fold_words

_NO_DIGIT = re.compile(r"\D+")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ ()/.-]+(?=\d)")
_BOX = re.compile(
    r"[^\s\"'<>,;:|()\[\]{}\\]+@[^\s\"'<>,;:|()\[\]{}\\]+"
)  # and no neighbour: JSON and CSV leave no space
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_KEY = re.compile(r"([^\s\"'/]+)/([a-z_]+)/([^\s\"',;]+)")
_SHORTEST = 7  # digits of a phone, characters of a mailbox: shorter ones stand everywhere

_SHORTEST_NAME = 3


@dataclass(slots=True)
class Traces:
    """Everything that was ever said of some people, as far as texts are searched for it.

    `values`: e-mails and phones as tombstones know them. `written`: the texts they came as, by the value. `names`: first
    and last names as they came. `keys`: a source's name, entity, external id. `publics`: public ids.
    """

    country: str
    values: set[tuple[str, str]] = field(default_factory=set)
    written: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    names: set[tuple[str, str]] = field(default_factory=set)
    keys: set[tuple[str, str, str]] = field(default_factory=set)
    publics: set[str] = field(default_factory=set)

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
            text = fact.address
            self._person(Person(external_id="-", email=text) if "@" in text else Person(external_id="-", phone=text))

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
        self._digits = {_NO_DIGIT.sub("", value)[-9:] for kind, value in own if kind == "phone"}
        self._names = [(_word(first), _word(last)) for first, last in traces.names]
        self._words = {(fold_words(first), fold_words(last)) for first, last in traces.names}
        self._keys = traces.keys
        self._canons = {"\0".join(key) for key in traces.keys}
        self._publics = traces.publics
        self._exts: dict[str, set[str]] = {}
        for uid, _, ext in traces.keys:
            self._exts.setdefault(uid, set()).add(ext)

    def any(self, text: str | None) -> bool:
        """Whether a text holds any of it."""
        return bool(text) and (self.names(str(text)) or self.but_names(str(text)))

    def but_names(self, text: str) -> bool:
        """Whether a text holds any of it but the bare name, which a namesake has too."""
        return self.values(text) or self._named(text)

    def values(self, text: str) -> bool:
        """Whether a text holds an e-mail or phone nobody else has."""
        low = text.casefold()
        if any(one in low for one in self._texts):
            return True
        if not self._digits:
            return False
        dialled = _BETWEEN_DIGITS.sub("", low)
        return any(one in dialled for one in self._digits)

    def names(self, text: str) -> bool:
        """Whether a text holds both parts of the name, as words and not in a mailbox."""
        low = _BOX.sub(" ", text.casefold())
        return any(first.search(low) and last.search(low) for first, last in self._names)

    def hints(self, text: str | None, *, own: bool) -> bool:
        """Whether a name that somebody gave to a file or an order names them: any trace, both parts of the name however
        they are run together, or, of what is their `own`, one part of it as a word."""
        if not text:
            return False
        words = fold_words(text).split()
        whole = "".join(words)
        for first, last in self._words:
            parts = {first.replace(" ", ""), last.replace(" ", "")} - {""}
            if parts and all(part in whole for part in parts):
                return True
            if own and any(
                len(word) >= _SHORTEST_NAME and word in words for part in (first, last) for word in part.split()
            ):
                return True
        return self.any(text)

    def says(self, value: Any) -> bool:
        """Whether anything in a JSON value is one of the keys, as the log writes them."""
        if isinstance(value, str):
            return value in self._canons
        if isinstance(value, dict):
            return any(map(self.says, value.values()))
        return isinstance(value, list) and any(map(self.says, value))

    def is_key(self, uid: str, ext: str | None) -> bool:
        """Whether that is the key of one of the records at its source."""
        return ext is not None and ext in self._exts.get(uid, ())

    def _named(self, text: str) -> bool:
        """Whether a text names one of the records, by a public id or by its key as people write it."""
        return not self._publics.isdisjoint(_UUID.findall(text.casefold())) or any(
            key in self._keys for key in _KEY.findall(text)
        )


def _forms(text: str) -> set[str]:
    """A text as it may stand in another one, in lower case: as it is, and as JSON writes it."""
    return {text.casefold(), json.dumps(text)[1:-1].casefold(), json.dumps(text, ensure_ascii=False)[1:-1].casefold()}


def _word(text: str) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(sorted(map(re.escape, _forms(text)))) + r")(?!\w)")


__all__ = ["Finder", "Traces"]
