"""Nobody who was erased comes back: what hits a tombstone is dropped or taken without person, before it is staged (R56)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import UNSET

from klientela.model.records import (
    Checkout,
    Gone,
    Letter,
    Message,
    Order,
    Person,
    Record,
    RecordRef,
    Rejected,
    Scan,
)
from klientela.rules import geo
from klientela.rules.guests import guest_person
from klientela.rules.keys import mailbox
from klientela.rules.names import folded
from klientela.rules.pseudonym import hidden, is_without_person, nobodys, without_person
from klientela.rules.ruleset import Ruleset
from klientela.source import Page
from klientela.store import facts
from klientela.store.database import Step
from klientela.store.facts import SourceRow
from klientela.store.tombstones import Graves, mask, of_named, of_record, of_value

PERSONS = ("customer", "contact", "manual", "guest_order")
_BOX = re.compile(r"[^\s\"'<>,;:()\[\]{}\\]+@[^\s\"'<>,;:()\[\]{}\\]+")


class Screen:
    """The tombstones in the way of one source's records, in one step."""

    def __init__(self, step: Step, source: SourceRow, graves: Graves) -> None:
        self.step = step
        self.source = source
        self.graves = graves
        self.key = graves.key
        self.dropped: set[tuple[str, str]] = set()  # entity and external id
        self._ruleset: Ruleset | None = None
        self._uids: dict[str, str] | None = None
        self._there: set[tuple[str, str]] = set()  # entity and external id: there, and not erased

    def page(self, page: Page) -> Page:
        """The page as it may be staged; what was dropped stands in `dropped`."""
        self._there = self._standing(page.records)
        kept: list[Record] = []
        places: list[int] = []
        blank: set[int] = set()
        touched = False
        said = -1  # where the payload lies of which this record is a part: a message speaks of several
        for place, record in enumerate(page.records):
            taken = self.taken(record)
            if page.raws is not None and place < len(page.raws) and page.raws[place]:
                said = place
            if taken is not record:
                blank.add(said)  # what came says whose it was: it is not kept
            if taken is None:
                self.dropped.add((_entity(record), str(getattr(record, "external_id", place))))
                touched = True
                continue
            touched = touched or taken is not record
            if isinstance(taken, Person | Message | Letter):
                self._there.add((_entity(taken), taken.external_id))
            kept.append(taken)
            places.append(place)
        if not touched:
            return page
        raws = page.raws
        if raws is not None:
            raws = [b"" if n in blank or n >= len(raws) else raws[n] for n in places]
        return Page(kept, page.position, raws=raws)

    def taken(self, record: Record) -> Record | None:
        """The record, or what may be taken of it; None where nothing may."""
        if isinstance(record, Rejected):
            return None if self.rejected(record) else record
        if isinstance(record, Gone):
            return None if self._buried(record.entity, record.external_id) else record
        try:
            if isinstance(record, Order | Checkout):
                return self._bought(record)
            return None if self._is_of_them(record) else record
        except (AttributeError, TypeError, ValueError):
            return record  # it is malformed: staging tells what is wrong with it

    def rejected(self, item: Rejected) -> bool:
        """Whether what cannot be taken is of somebody erased: by its key, or a mailbox in what came."""
        if item.key is not None and any(self._buried(entity, item.key) for entity in PERSONS):
            return True
        if item.key is not None and of_record(self.key, self.source.uid, "order", item.key) in self.graves.hidden:
            return True
        if not self.graves.values:
            return False
        person = Person(external_id="-", emails=_BOX.findall(item.payload))
        return any(self._value(kind, value) for kind, value in self._values(person))

    # -- what it is ----------------------------------------------------------------------------------------------------

    def _is_of_them(self, record: Any) -> bool:
        entity, ext = _entity(record), record.external_id
        if self._buried(entity, ext):
            return True
        if isinstance(record, Person):
            if (entity, ext) in self._there:
                return False
            if record.merged_into and self._buried("customer", record.merged_into):
                return True  # the shop says that it is the same person
            return self._carries(record)
        if self._refers(getattr(record, "customer", None), "customer"):
            return True
        if isinstance(record, Scan) and self._refers(record.letter, "letter"):
            return True
        order = getattr(record, "order", None)
        if order and not getattr(record, "customer", None) and self._ordered(order):
            return True
        return isinstance(record, Message | Letter) and (entity, ext) not in self._there and self._addressed(record)

    def _bought(self, fact: Order | Checkout) -> Record:
        """An order or checkout, without its person where that is somebody erased."""
        entity, ext = _entity(fact), fact.external_id
        hashed = of_record(self.key, self.source.uid, entity, ext)
        if isinstance(fact, Checkout) and fact.order and self.graves.hidden:
            became = of_record(self.key, self.source.uid, "order", fact.order)
            fact = self._hidden(fact) if became in self.graves.hidden else fact
        if hashed in self.graves.orders:
            return self._hidden(nobodys(fact)) if hashed in self.graves.hidden else nobodys(fact)
        if fact.customer and self._buried("customer", fact.customer):
            return without_person(fact)
        if isinstance(fact, Order):
            person = guest_person(fact, self.ruleset.of(self.source.uid))
        else:
            person = Person(external_id=ext, email=fact.email) if fact.email else None
        row = isinstance(fact, Order) and self._buried("guest_order", ext)  # erased while nobody spoke of the order
        if not (row or (person is not None and self._carries(person))) or self._belongs(entity, ext):
            return fact
        if fact.customer and self._stands(fact.customer):
            return fact
        if row:
            return nobodys(fact)
        return without_person(fact)  # also where it names an account nobody has told of: it may be a new one of theirs

    def _hidden(self, fact: Order | Checkout) -> Order | Checkout:
        return hidden(fact, partial(mask, self.key))

    def _addressed(self, record: Message | Letter) -> bool:
        if isinstance(record, Message):
            text = record.address or ""
            person = Person(external_id="-", email=text) if "@" in text else Person(external_id="-", phone=text)
            return bool(text) and self._carries(person)
        place = record.address or None
        if place is None:
            return False
        return self._carries(
            Person(external_id="-", first_name=place.first_name, last_name=place.last_name, phone=place.phone)
        )

    # -- hashes --------------------------------------------------------------------------------------------------------

    def _buried(self, entity: str, ext: str, uid: str | None = None) -> bool:
        return self.graves.holds(uid or self.source.uid, entity, ext)

    def _refers(self, ref: Any, entity: str) -> bool:
        if not ref:
            return False
        if isinstance(ref, RecordRef):
            uid = self._uid(ref.source)
            return uid is not None and self._buried(ref.entity, ref.external_id, uid)
        return self._buried(entity, ref)

    def _ordered(self, ref: Any) -> bool:
        if isinstance(ref, RecordRef):
            uid, ext = self._uid(ref.source), ref.external_id
        else:
            uid, ext = self.source.uid, ref
        return uid is not None and of_record(self.key, uid, "order", ext) in self.graves.orders

    def _uid(self, name: str) -> str | None:
        """The uid of a source by any name it ever had."""
        if self._uids is None:
            self._uids = {one: row.uid for one, row in facts.by_any_name(self.step.db).items()}
        return self._uids.get(name)

    @property
    def ruleset(self) -> Ruleset:
        """The rules in force, by which values are folded."""
        if self._ruleset is None:
            self._ruleset = self.step.store.ruleset(self.step.db)
        return self._ruleset

    def _values(self, person: Person) -> Iterator[tuple[str, str]]:
        return contacts(person, self.ruleset.country)

    def _carries(self, person: Person) -> bool:
        """Whether a person carries an e-mail or phone that nobody else had, or another's under the erased one's name."""
        if not (self.graves.values or self.graves.named):
            return False
        name = folded(person.first_name or None, person.last_name or None)
        return any(self._value(kind, value, name) for kind, value in self._values(person))

    def _value(self, kind: str, value: str, name: str = "") -> bool:
        if of_value(self.key, kind, value) in self.graves.values:
            return True
        return bool(name) and of_named(self.key, kind, value, name) in self.graves.named

    # -- what is there -------------------------------------------------------------------------------------------------

    def _standing(self, records: Sequence[Record]) -> set[tuple[str, str]]:
        """Those of some records that are there and were not erased: such are never dropped. Orders are asked for one by
        one, where it matters."""
        exts: dict[str, list[str]] = {}
        for record in records:
            if isinstance(record, Person | Message | Letter) and isinstance(record.external_id, str):
                exts.setdefault(_entity(record), []).append(record.external_id)
        return {
            (entity, ext)
            for entity, some in exts.items()
            if entity in facts.NUMBER_OF
            for ext, row in facts.known(self.step.db, self.source.id, facts.NUMBER_OF[entity], some).items()
            if row.channel is not None
        }

    def _stands(self, customer: str) -> bool:
        """Whether a customer of this source is there, and was not erased."""
        if ("customer", customer) in self._there:
            return True
        found = facts.known(self.step.db, self.source.id, facts.CUSTOMER, [customer])
        return any(row.channel is not None for row in found.values())

    def _belongs(self, entity: str, ext: str) -> bool:
        """Whether the order or checkout is there, with the person it is of."""
        row = self.step.db.one(
            "SELECT id FROM record WHERE source = ? AND entity = ? AND ext = ? AND channel IS NOT NULL",
            (self.source.id, facts.NUMBER_OF[entity], ext),
        )
        if row is None:
            return False
        fact = facts.load(self.step.db, [row[0]], hands=False)[row[0]].fact  # what operators said lets nobody in
        return fact is not None and not is_without_person(fact)


def contacts(person: Person, country: str) -> Iterator[tuple[str, str]]:
    """The e-mails and phones of a person as tombstones know them: `email` or `phone` and the folded value.

    Mailboxes are folded whatever the rules say: a tombstone outlives them. `country` is where a phone without country
    code is (R17).
    """
    for text in (person.email, *(person.emails or () if person.emails is not UNSET else ())):
        box = mailbox(text) if text else None
        if box is not None:
            yield "email", box
    texts = (person.phone, *(person.phones or () if person.phones is not UNSET else ()))
    if any(texts):
        places = person.addresses if person.addresses is not UNSET and person.addresses else ()
        region = (geo.country(places[0].country) if places else None) or country
        for text in texts:
            number = geo.phone(text, region) if text else None
            if number is not None:
                yield "phone", number


def unburied(step: Step, source: int, items: Sequence[Rejected]) -> list[Rejected]:
    """Those of what cannot be taken that are of nobody erased: the others must not lie in the quarantine either."""
    graves = step.store.graves()
    if graves is None or not items:
        return list(items)
    screen = Screen(step, facts.sources(step.db)[source], graves)
    return [item for item in items if not screen.rejected(item)]


def _entity(record: Any) -> str:
    return str(record.entity if isinstance(record, Person | Gone) else getattr(record, "entity_default", ""))


__all__ = ["PERSONS", "Screen", "contacts", "unburied"]
