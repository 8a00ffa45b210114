"""What a store holds after a way on which people were erased, kept beside it in the words of the rules (R0, R56): what was
said and may be kept, what operators decided, and the graves.

Who was erased is read off the store, for it is whoever stood in the list; that it is neither more nor fewer is compared
with the function that says the state wherever the worklist is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from klientela.kit import Booking, Campaign, Checkout, Gone, Letter, Message, Order, Person, Record, RecordRef, Scan
from klientela.rules import geo, keys
from klientela.rules.guests import guest_person
from klientela.rules.names import folded
from klientela.rules.ruleset import Ruleset
from klientela.rules.whole import Decided, PublicId, RecordKey, Said, Worded, World, effective, whole
from klientela.rules.whole import _by_record as by_record
from klientela.rules.whole import _claimed as claimed
from klientela.store.tables import ENTITIES
from tests.properties.worlds import SOURCES

Value = tuple[str, str]
"""`email` or `phone`, and what it is folded to."""

KNOWN = tuple((name, Campaign(external_id="known", version=1)) for name in SOURCES)
"""A source that says nothing any more is connected all the same, and the function knows sources by what they say."""

_OF_A_PERSON = (
    "customer", "first_name", "last_name", "company", "email", "phone", "addresses", "tags", "billing", "shipping",
)  # fmt: skip


def key_of(source: str, record: Any) -> RecordKey:
    """The record that something is said of."""
    return source, record.entity if isinstance(record, Person | Gone) else record.entity_default, record.external_id


def nobodys(fact: Order | Checkout) -> Any:
    """An order or cart that says of nobody that it is his."""
    return replace(fact, **{name: UNSET for name in _OF_A_PERSON if hasattr(fact, name)})


def erased(fact: Order | Checkout) -> Any:
    """The same of somebody who was erased: an order says so, whoever passes it on."""
    left = nobodys(fact)
    return replace(left, erased=True) if isinstance(left, Order) else left


def of_an_order(word: Worded) -> bool:
    """Whether an operator says of an order how far it is, and nothing of a person."""
    return word.key[1] == "order" and word.detail["field"] == "state"


def is_nobodys(fact: Any) -> bool:
    """Whether it says whose it is."""
    return not any(getattr(fact, name, None) for name in _OF_A_PERSON)


def reached_by(person: Person, country: str) -> Iterator[Value]:
    """By which e-mails and phones somebody is reached, folded whatever the rules of matching are."""
    for mail in (person.email, *(person.emails or ())):
        if mail and (box := keys.mailbox(mail)):
            yield "email", box
    home = person.addresses[0].country if person.addresses else None
    for text in (person.phone, *(person.phones or ())):
        if text and (number := geo.phone(text, geo.country(home) or country)):
            yield "phone", number


def told(fact: Any, country: str) -> Iterator[Value]:
    """Every e-mail and phone that a claim says, also of a delivery address."""
    if isinstance(fact, Checkout) and fact.email:
        yield from reached_by(Person(external_id="-", email=fact.email), country)
    if not isinstance(fact, Person | Order):
        return
    places = fact.addresses or []
    further = (fact.emails, fact.phones) if isinstance(fact, Person) else (UNSET, UNSET)
    yield from reached_by(
        Person(
            external_id="-", email=fact.email, phone=fact.phone, addresses=places, emails=further[0], phones=further[1]
        ),
        country,
    )
    for place in places:
        yield from reached_by(Person(external_id="-", phone=place.phone, addresses=[place]), country)


def named_in(fact: Any) -> set[str]:
    """The full names that a claim says, folded."""
    if not isinstance(fact, Person | Order):
        return set()
    pairs = [(fact.first_name, fact.last_name), *((one.first_name, one.last_name) for one in fact.addresses or ())]
    return {folded(first, last) for first, last in pairs if first and last and first.strip() and last.strip()}


def canary(key: RecordKey) -> str:
    """A word that only this record says."""
    return "kanarie" + "".join(key).replace("_", "") + "x"


def marked(source: str, record: Record) -> Record:
    """The same record with its word, wherever it says anything that is nobody else's business and joins nobody."""
    word = canary(key_of(source, record))
    if isinstance(record, Person):
        more = {"note": word, **({"company": f"{record.company} {word}"} if record.company else {})}
        return replace(record, **more)
    if isinstance(record, Order):
        more = {"company": f"{record.company} {word}"} if record.company else {}
        return replace(record, tags=[word], **more) if not is_nobodys(record) else record
    if isinstance(record, Letter | Booking):
        return replace(record, title=word)
    if isinstance(record, Scan):
        return replace(record, url=word)
    return replace(record, text=word) if isinstance(record, Message) else record


@dataclass
class Grave:
    """One erasure: records that are dropped, orders and carts that are nobody's, e-mails and phones that nobody else had,
    and those that others have, with the name."""

    people: set[RecordKey]
    bought: set[RecordKey] = field(default_factory=set)
    alone: set[Value] = field(default_factory=set)
    named: set[tuple[Value, str]] = field(default_factory=set)


class Lived:
    """The state of a way, as far as it has come."""

    def __init__(self, start: Ruleset) -> None:
        self.ruleset = start
        self.said: list[Said] = []
        self.past: dict[RecordKey, list[Any]] = {}  # all that was ever kept of a record, in its channels' words
        self.decisions: list[tuple[Decided, str | None]] = []
        self.words: list[Worded] = []
        self.graves: list[Grave] = []
        self.answers: dict[RecordKey, str] = {}
        self._belong: set[RecordKey] = set()  # orders and carts that were somebody's before this page

    def world(self, public_id: PublicId) -> World:
        """What follows."""
        decisions = [one for one, _ in self.decisions]
        return whole(self.said, decisions, self.ruleset, public_id, self.words, self.answers)

    # -- what comes ----------------------------------------------------------------------------------------------------

    def hear(self, source: str, records: Sequence[Record], size: int, batch: int | None = None) -> None:
        """Records come, page by page, by their own channel or as a batch."""
        heard: set[RecordKey] = set()
        for place, record in enumerate(records):
            if place % size == 0:
                self._belong = self._whose()
                if batch is None:
                    self._remember(heard)
                    heard = set()
            if isinstance(record, Gone):
                continue
            taken = self.taken(source, record)
            if taken is None:
                continue
            channel = record.channel or "all" if batch is None else f"import:{batch}"  # type: ignore[union-attr]
            key = key_of(source, taken)
            self.said.append(Said(*key, channel, record.version, 0, taken))  # type: ignore[union-attr]
            heard.add(key)
        self._remember(heard)

    def _remember(self, heard: set[RecordKey]) -> None:
        """What channels say of records now is history one day; what they said and took back at once never was."""
        for key, claims in by_record(one for one in self.said if one.key in heard).items():
            known = self.past.setdefault(key, [])
            known += [one.fact for one in claims if one.fact not in known]

    def take_back(self, source: str, batch: int) -> None:
        """An import is taken back; what it said is history."""
        self.said = [one for one in self.said if (one.source, one.channel) != (source, f"import:{batch}")]

    def say(self, word: Worded) -> None:
        """An operator says something of a record."""
        self.words.append(word)
        mine = [one for one in self.words if one.key == word.key]
        self.past.setdefault(word.key, []).extend(one.fact for one in claimed(mine))

    def unsay(self, word: Worded) -> None:
        """And takes it back: of several alike the last."""
        place = max(place for place, one in enumerate(self.words) if one == word)
        del self.words[place]
        mine = [one for one in self.words if one.key == word.key]
        self.past.setdefault(word.key, []).extend(one.fact for one in claimed(mine))

    # -- who is not let in ---------------------------------------------------------------------------------------------

    def buried(self, *key: str) -> bool:
        """Whether that record was erased."""
        return any(key in one.people for one in self.graves)

    def silenced(self, word: Worded) -> bool:
        """Whether it is of a record that was erased, or says who ordered what is nobody's now."""
        if word.key[1] != "order":
            return self.buried(*word.key)
        row = (word.key[0], "guest_order", word.key[2])
        erased = self.buried(*row) or any(word.key in one.bought for one in self.graves)
        return erased and not of_an_order(word)

    def taken(self, source: str, record: Any) -> Any:
        """The record, or what may be kept of it; None where nothing may."""
        key = key_of(source, record)
        if isinstance(record, Order | Checkout):
            return self._of_nobody(key, record)
        if self.buried(*key):
            return None
        if isinstance(record, Person):
            if self._stands(key):
                return record
            merged = record.merged_into and self.buried(source, "customer", record.merged_into)
            return None if merged or self._is_one_of_them(record) else record
        told = (getattr(record, "customer", None), "customer"), (getattr(record, "letter", None), "letter")
        return None if any(self._is_of(source, ref, entity) for ref, entity in told) else record

    def _of_nobody(self, key: RecordKey, fact: Order | Checkout) -> Any:
        if any(key in one.bought for one in self.graves):
            return erased(fact)
        if fact.customer:
            buyer = (key[0], "customer", fact.customer)
            if self.buried(*buyer):
                return nobodys(fact)
            if self._stands(buyer):
                return fact
        if key in self._belong:
            return fact
        if key[1] == "order" and self.buried(key[0], "guest_order", key[2]):
            return erased(fact)
        person = (
            guest_person(fact, self.ruleset.of(key[0]))
            if isinstance(fact, Order)
            else Person(external_id="-", email=fact.email)
        )
        return nobodys(fact) if person is not None and self._is_one_of_them(person) else fact

    def _whose(self) -> set[RecordKey]:
        """The orders and carts that say of whom they are."""
        bought = by_record(one for one in self.said if one.entity in ("order", "checkout"))
        return {key for key, claims in bought.items() if not is_nobodys(effective(claims))}

    def _stands(self, key: RecordKey) -> bool:
        return any(one.key == key for one in self.said)

    def _is_one_of_them(self, person: Person) -> bool:
        name = folded(person.first_name or None, person.last_name or None)
        return any(
            value in one.alone or (name and (value, name) in one.named)
            for value in reached_by(person, self.ruleset.country)
            for one in self.graves
        )

    def _is_of(self, source: str, ref: Any, entity: str) -> bool:
        if not ref:
            return False
        if isinstance(ref, RecordRef):
            return self.buried(ref.source, ref.entity, ref.external_id)
        return self.buried(source, entity, ref)

    # -- who goes ------------------------------------------------------------------------------------------------------

    def bury(self, people: set[RecordKey], bought: set[RecordKey], shared: set[Value], *, alone: bool = False) -> None:
        """Records of people, and what hangs on them, go; orders and carts stay as nobody's. `shared`: what others are
        reached by too; `alone`: of that nothing is remembered."""
        ever = [fact for key in people | bought for fact in self.past.get(key, ())]
        values = {value for one in ever for value in told(one, self.ruleset.country)}
        own = {value for value in values - shared if not self.anybodys(value)}
        named = set() if alone else {(value, name) for value in values - own for one in ever for name in named_in(one)}
        self.graves.append(Grave(people, bought, own, named))
        self._forget(people, bought)

    def anybodys(self, value: Value) -> bool:
        """Whether many have it, or may have it (R19)."""
        kind, text = value
        return keys.mailbox_blocked(text, self.ruleset.blocked) if kind == "email" else text in self.ruleset.blocked

    def _forget(self, people: set[RecordKey], bought: set[RecordKey]) -> None:
        def left(one: Said) -> Said:
            fact: Any = one.fact
            if isinstance(fact, Order | Checkout):
                named = (one.source, "customer", fact.customer or "") in people
                if one.key in bought:
                    return one._replace(fact=erased(fact))
                return one._replace(fact=nobodys(fact)) if named else one
            return one

        self.said = [left(one) for one in self.said if one.key not in people]
        self.decisions = [one for one in self.decisions if people.isdisjoint((one[0].a, one[0].b))]
        self.words = [
            one for one in self.words if one.key not in people and (one.key not in bought or of_an_order(one))
        ]
        for key in people:
            self.past.pop(key, None)
        for key, facts in self.past.items():
            if key[1] in ("order", "checkout"):
                named = [(key[0], "customer", one.customer or "") in people for one in facts]
                self.past[key] = [
                    erased(one) if key in bought else nobodys(one) if lost else one
                    for one, lost in zip(facts, named, strict=True)
                ]


__all__ = [
    "ENTITIES",
    "KNOWN",
    "Grave",
    "Lived",
    "canary",
    "is_nobodys",
    "key_of",
    "marked",
    "nobodys",
    "of_an_order",
    "reached_by",
]
