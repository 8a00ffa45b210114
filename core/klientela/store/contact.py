"""May a customer be written to or called: the check before every contact (R46)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.model.instants import Instant, iso
from klientela.model.records import Consent, Person
from klientela.model.words import agree
from klientela.rules import keys, precedence
from klientela.rules.guests import guest_person
from klientela.rules.hand import CONSENT
from klientela.rules.objections import key_of, key_of_place, keys_of, objections
from klientela.store import facts, ids
from klientela.store.database import Db
from klientela.store.locate import customers_of, locate
from klientela.store.provenance import Members
from klientela.store.purchases import Settled, orders_of

CHANNELS = ("email", "post", "sms", "phone", "whatsapp")
CONTRACT = "contract"
PURPOSES = ("promotion", "system", CONTRACT)
_NO_CONTRACT = ("offer", "deleted", "void")
_NAMES = {"email": "e-mail address", "post": "postal address"}


class Answer(NamedTuple):
    """Whether a customer may be contacted, and the one sentence why or why not."""

    id: str
    channel: str
    purpose: str
    order: str | None
    allowed: bool
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As `may-contact --json` prints it."""
        return self._asdict()


class _No(Exception):
    """The answer is no, and this is why."""


def may_contact(db: Db, key: bytes, who: str, channel: str, purpose: str, *, order: str | None = None) -> Answer:
    """Whether a customer may be contacted by a channel for a purpose; `key` is the instance's.

    `promotion` and `system` need a granted consent, `contract` an `order` of that customer, by its key or number. Either
    way nobody else may have objected since to that very address. UnknownThing for a customer nobody knows, Misconfigured
    for what cannot be asked, Conflict while records wait to be looked at: a check on half a state would be none.
    """
    _check(channel, purpose, order)
    customer = locate(db, key, who).customer
    left = db.one("SELECT count(*) FROM work WHERE kind IN ('person', 'order')")
    if left is not None and left[0]:
        raise Conflict(
            agree(left[0], "{} [record waits|records wait] to be looked at anew, so nobody can tell yet"),
            hint="`klientela sync` or the daemon finishes that first",
        )
    asked = _Asked(db, customer, channel, purpose)
    try:
        sentence = asked.for_contract(order) if order is not None else asked.by_consent()
    except _No as no:
        return Answer(asked.public, channel, purpose, order, False, str(no))
    return Answer(asked.public, channel, purpose, order, True, sentence)


def _check(channel: str, purpose: str, order: str | None) -> None:
    for word, known, what in ((channel, CHANNELS, "channel"), (purpose, PURPOSES, "purpose of a contact")):
        if word not in known:
            raise Misconfigured(f"{word!r} is no {what}", hint=f"Known are {', '.join(known)}.")
    if purpose == CONTRACT and order is None:
        raise Misconfigured("the purpose contract is tied to an order", hint="Name it with --order.")
    if purpose != CONTRACT and order is not None:
        raise Misconfigured(
            "an order allows only what the contract needs", hint=f"Ask for the purpose contract instead of {purpose}."
        )


class _Asked:
    """One question about one customer."""

    def __init__(self, db: Db, customer: int, channel: str, purpose: str) -> None:
        self.db = db
        self.channel = channel
        self.purpose = purpose
        row = db.one("SELECT pub, inactive, email, phone FROM customer WHERE id = ?", (customer,))
        if row is None:
            raise UnknownThing(
                "no customer has this id any more", hint="`klientela customers --search NAME` finds people"
            )
        self.public = ids.text(bytes(row[0]))
        self.inactive = bool(row[1])
        self.members = Members.read(db, customer, facts.sources(db))
        self.address = row[2] if channel == "email" else row[3]

    # -- what allows it --------------------------------------------------------------------------------------------

    def by_consent(self) -> str:
        """Granted consent, to the purpose by the channel."""
        what = f"{self.purpose} by {self.channel}"
        orders = self._orders()
        if orders and all(one.test for one in orders):
            raise _No("the customer is known by test orders only, and nobody writes to a test")
        if self.inactive and self.purpose == "promotion":
            raise _No("the customer is marked inactive, and gets no promotion")
        states = precedence.consent_states(self.members.summary)
        state = states.get(self.channel, {}).get(self.purpose, "unknown")
        events = [event for event in self._events() if event.state == state]
        newest = max((event.at for event in events if event.at is not None), default=None)
        if state == "unknown":
            raise _No(f"the customer never allowed {what}")
        if state == "denied":
            raise _No(f"the customer objects to {what}{_since(newest)}")
        if self.purpose == "promotion" and self.channel == "email" and self._relayed():
            raise _No("the e-mail address is a marketplace's, which is never written to for promotion")
        self._not_forgotten(what)
        self._not_as_a_guest(what)
        self._nobody_else(newest, self.purpose)
        return f"the customer allowed {what}{_since(newest)}"

    def for_contract(self, order: str) -> str:
        """An order of the customer that makes it necessary."""
        found = next((one for one in self._orders() if order in self._names(one)), None)
        if found is None:
            raise _No(f"the order {order} is none of this customer's")
        if found.test:
            raise _No(f"the order {order} is no contract (test)")
        if found.state in _NO_CONTRACT:
            raise _No(f"the order {order} is no contract ({found.state})")
        self._nobody_else(found.placed, "system")
        return f"the contract of the order {order} needs it"

    def _orders(self) -> list[Settled]:
        return orders_of(self.db, self.members.ids, self.members.sources, self.members.ruleset)

    def _names(self, order: Settled) -> set[str]:
        named = {f"{self.members.sources[one.source].label}/order/{one.ext}" for one in order.carriers}
        return named if order.number is None else {*named, order.number}

    def _events(self) -> list[Consent]:
        return [event for item in self.members.facts.values() for event in self._answers(item.fact)]

    def _answers(self, person: Person | None) -> list[Consent]:
        """What a record says to the question."""
        said = person.consents if person is not None and person.consents is not UNSET else None
        return [one for one in said or () if (one.channel, one.purpose) == (self.channel, self.purpose)]

    # -- what forbids it all the same --------------------------------------------------------------------------------

    def _not_forgotten(self, what: str) -> None:
        """An objection of which its source says nothing any more was lifted by nobody (R45): the row follows what is said
        now (R0b), a contact asks for what was said last. Only a later explicit grant answers it."""
        grant = self.members.summary.consents[f"{self.channel} {self.purpose}"][1]
        silent = [number for number, item in self.members.facts.items() if not self._told_by_source(item.fact)]
        newest: dict[int, tuple[int, str, Instant | None, Instant]] = {}
        for record, entity, body, since, at in self.db.rows(
            "SELECT c.record, r.entity, c.body, c.from_seq, x.at FROM claim c JOIN record r ON r.id = c.record "
            "JOIN channel h ON h.id = c.channel JOIN txn x ON x.seq = c.from_seq "
            "LEFT JOIN batch b ON b.channel = c.channel WHERE c.to_seq IS NOT NULL AND c.body IS NOT NULL "
            f"AND b.withdrawn_seq IS NULL AND h.name <> ? AND c.record {self.db.among}",
            (facts.OPERATOR, self.db.pack(silent)),
        ):
            for event in self._answers(facts.decode(entity, bytes(body))):
                if record not in newest or newest[record][0] <= since:
                    newest[record] = (since, event.state, event.at, at)
        for _, state, said, read in newest.values():
            when = said if said is not None else read
            if state == "denied" and not (grant is not None and grant > when):
                raise _No(f"the customer objected to {what}{_since(when)}, which nobody has lifted")

    def _not_as_a_guest(self, what: str) -> None:
        """An order of the customer's may have been a guest's row, under other rules, when an operator wrote down an
        objection of whoever placed it: nobody lifted it by changing the rules (R45)."""
        grant = self.members.summary.consents[f"{self.channel} {self.purpose}"][1]
        for person in facts.hands(self.db, self._once_guests()).values():
            for event in self._answers(person):
                if event.state == "denied" and not (grant is not None and event.at is not None and grant > event.at):
                    raise _No(f"the customer objected to {what}{_since(event.at)} as a guest, which nobody has lifted")

    def _once_guests(self) -> set[int]:
        """The rows that orders of this customer made, and that are nobody today."""
        rows = self.db.rows(
            "SELECT g.id FROM orders o JOIN record x ON x.id = o.id JOIN record g ON g.source = x.source "
            f"AND g.ext = x.ext AND g.entity = ? AND g.body IS NULL WHERE o.owner {self.db.among}",
            (facts.GUEST_ORDER, self.db.pack(self.members.ids)),
        )
        return {row[0] for row in rows}

    def _told_by_source(self, person: Person | None) -> bool:
        return any(event.basis not in ("operator", "bulk") for event in self._answers(person))

    def _nobody_else(self, since: Instant | None, purpose: str) -> None:
        """Nobody else may have objected since to that very address: no other customer, and nobody who is none any more."""
        key = self._key()
        mine = {*self.members.ids, *self._once_guests()}
        records = [
            row[0] for row in self.db.rows("SELECT record FROM objection WHERE key = ?", (key,)) if row[0] not in mine
        ]
        if self.channel == "post":
            self._nobody_asleep(key, since, purpose, mine)
        if not records:
            return
        lifted = self._lifted(records, purpose)
        asleep = facts.hands(self.db, records)
        for number, item in sorted(facts.load(self.db, records).items()):
            person = item.fact if item.fact is not None else asleep.get(number)
            if number in lifted or person is None:
                continue
            for event in objections(person):
                if (event.channel, event.purpose) != (self.channel, purpose):
                    continue
                if _later(event, since) and key in keys_of(person, event, self.members.ruleset.country):
                    where = f"{_NAMES.get(self.channel, 'number')}{_since(event.at)}"
                    if item.fact is None:
                        raise _No(f"somebody objects to {purpose} by {self.channel} at that very {where}")
                    raise _No(f"another customer objects to {purpose} by {self.channel} at that very {where}")

    def _nobody_asleep(self, key: int, since: Instant | None, purpose: str, mine: Container[int]) -> None:
        """An objection by post names no address: it is about those of its record. A guest row that is nobody now had them
        from its order, which still tells them."""
        rows = {
            guest: (order, uid)
            for guest, order, uid in self.db.rows(
                "SELECT DISTINCT g.id, x.id, s.uid FROM decision d JOIN record g ON g.id = d.a JOIN source s ON s.id = g.source "
                "JOIN record x ON x.source = g.source AND x.ext = g.ext AND x.entity = ? "
                "WHERE d.kind = ? AND d.to_seq IS NULL AND g.entity = ? AND g.body IS NULL",
                (facts.ORDER, CONSENT, facts.GUEST_ORDER),
            )
            if guest not in mine
        }
        if not rows:
            return
        ruleset, asleep = self.members.ruleset, facts.hands(self.db, rows)
        orders = facts.load(self.db, [order for order, _ in rows.values()])
        for guest, person in sorted(asleep.items(), key=itemgetter(0)):
            order, uid = rows[guest]
            told = orders[order].fact
            row = guest_person(told, ruleset.of(uid)) if told is not None else None
            for event in objections(person):
                if row is None or (event.channel, event.purpose) != ("post", purpose) or not _later(event, since):
                    continue
                if key in keys_of(row, event, ruleset.country):
                    where = f"{_NAMES['post']}{_since(event.at)}"
                    raise _No(f"somebody objects to {purpose} by {self.channel} at that very {where}")

    def _key(self) -> int:
        """That very address."""
        region = self.members.ruleset.country
        place = self.members.summary.address
        key = None
        if self.channel == "post":
            key = key_of_place(place[1], region) if place is not None else None
        elif self.address:
            key = key_of(self.channel, self.address, self._region() or region)
        if key is None:
            raise _No(f"no {_NAMES.get(self.channel, 'telephone number')} of the customer is known")
        return key

    def _relayed(self) -> bool:
        """Whether mail goes through a marketplace (R19)."""
        box = keys.mailbox(self.address)
        return box is not None and keys.is_relay(box)

    def _region(self) -> str | None:
        return precedence.home(self.members.summary)[1]

    def _lifted(self, records: Iterable[int], purpose: str) -> set[int]:
        """Those of some records whose customer has explicitly allowed it since."""
        db = self.db
        customers = customers_of(db, records)
        granted = set()
        for number in sorted(set(customers.values())):
            made = Members.read(db, number, self.members.sources).summary
            if precedence.consent_states(made).get(self.channel, {}).get(purpose) == "granted":
                granted.add(number)
        return {record for record, customer in customers.items() if customer in granted}


def _later(event: Consent, since: Instant | None) -> bool:
    """Whether an objection is later than what a contact rests on; an equal or a missing time is later."""
    return event.at is None or since is None or event.at >= since


def _since(moment: Instant | None) -> str:
    return "" if moment is None else f" since {iso(moment)[:10]}"


__all__ = ["CHANNELS", "CONTRACT", "PURPOSES", "Answer", "may_contact"]
