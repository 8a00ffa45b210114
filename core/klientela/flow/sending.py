"""An operator writes to a customer by e-mail (S17, C24): asked first whether he may (R46), kept before it is sent, sent once.

    with step:  may he be written to?  the message is kept, `queued`
    the mail server                    outside of any step: nobody waits for it
    with step:  sent | failed | unknown

A process that dies between the two leaves `queued` behind. Nothing sends such a message by itself: after `DOUBT` it counts
as `unknown`, and a person decides whether to try again. A message is a record of `manual` on the record whose address it
went to, so that it follows that record through joins and splits, and goes with it in an erasure (R24, R56).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.failpoints import failpoint
from klientela.flow.card import Card
from klientela.flow.derive import Deriver
from klientela.flow.newcomer import MANUAL
from klientela.flow.stage import Stage
from klientela.mail import LANGUAGES, Handed, Outgoing, closing, compose, hand_over
from klientela.mail.letter import plain_domain
from klientela.model.instants import Instant, instant, iso
from klientela.model.records import Message, RecordRef
from klientela.rules import entered
from klientela.rules.text import visible
from klientela.settings.model import Mail, sendable
from klientela.source import Page
from klientela.store import facts, ids
from klientela.store.contact import CONTRACT, PURPOSES, Answer, may_contact
from klientela.store.database import Db, Step, Store
from klientela.store.ledger import Line, write
from klientela.store.locate import customers_of, locate
from klientela.store.purchases import orders_of
from klientela.store.rows import records_of

STREAM = "messages"
QUEUED, SENT, FAILED, UNKNOWN = "queued", "sent", "failed", "unknown"
"""What is known of a message that was sent from here. `failed`: it surely was not."""

DOUBT = 10 * 60 * 1_000_000
"""Microseconds after which nobody is sending a queued message any more."""

LONGEST_SUBJECT = 200
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Sent:
    """What became of a message. `seq` None: a dry run. `again`: it had been handed in before, and was not sent a second
    time. `said`: what would be or was sent."""

    state: str
    customers: list[dict[str, Any]]
    seq: int | None = None
    key: str | None = None
    error: str | None = None
    again: bool = False
    said: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that write (contract.md)."""
        made: dict[str, Any] = {} if self.seq is None else {"seq": self.seq}
        told = {"record": self.key, "state": self.state, "error": self.error, **self.said}
        return {**made, "customers": self.customers, "message": told}


class _Asked(NamedTuple):
    """A message as somebody wants it sent, every word of it checked."""

    subject: str
    text: str
    purpose: str
    order: str | None
    language: str


def send(
    store: Store,
    customer: str,
    *,
    subject: str,
    text: str,
    purpose: str,
    order: str | None = None,
    language: str = "en",
    mail: Mail,
    once: str | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Sent:
    """Write to a customer. `order`: key or number, for the purpose contract. `once`: 32 hex digits of the form; the same
    ones again send nothing again.

    Misconfigured where no mail server is configured or a word is none, UnknownThing for nobody, Conflict where the customer
    may not be written to (R46) or the form was sent with other words. Then nothing is kept. Whether the server took it is
    no error: it stands in the answer.
    """
    ready(mail)
    asked = _checked(mail, subject, text, purpose, order, language)
    ext = uuid4().hex if once is None else once
    if not _TOKEN.fullmatch(ext):
        raise Misconfigured("the form is none of ours", hint="Open it anew.")
    if dry_run:
        with store.reading() as db:
            found = _allowed(db, store.key, customer, asked.purpose, asked.order)
            return Sent(
                "would be sent",
                _told(db, store.key, found.customer),
                said=_said(found.to, asked.subject, asked.purpose),
            )
    with store.step("message", actor=actor) as step:
        standing = _standing(step, ext)
        if standing is not None:
            return _again(step, store.key, customer, asked, ext, standing)
        found = _allowed(step.db, store.key, customer, asked.purpose, asked.order)
        message = Message(
            external_id=ext, version=step.at, customer=found.record, order=_order(step.db, found, asked.order), by="email",
            direction="out", address=found.to, subject=asked.subject, text=asked.text, status=QUEUED, at=step.at,
            purpose=asked.purpose, language=asked.language,  # type: ignore[arg-type] # both were checked
        )  # fmt: skip
        _keep(step, message, found.customer)
        customers = _told(step.db, store.key, found.customer)
    return _send(store, mail, message, customers, actor)


def again(
    store: Store, customer: str, record: str, *, mail: Mail, at: str | None = None, actor: str = "operator"
) -> Sent:
    """Try once more to send a message that was not sent, or of which nobody knows. `record`: its key, or the external id of
    it. `at`: when it was tried last, as who asks has seen it.

    UnknownThing for none of that customer's, Conflict for one that was sent or is just being sent, that somebody tried
    meanwhile, or where the customer may not be written to any more.
    """
    ready(mail)
    with store.step("message", actor=actor) as step:
        found = locate(step.db, store.key, customer)
        ext = record.rpartition("/")[2]
        standing = _standing(step, ext)
        if standing is None or _owner(step, standing) != found.customer:
            raise UnknownThing("this customer has no such message that was sent from here")
        state = state_of({"status": standing.status, "at": iso(standing.at)}, step.at)
        if state not in (FAILED, UNKNOWN):
            said = "is just being sent" if state == QUEUED else "was sent already"
            raise Conflict(f"the message {said}", hint="Nothing was sent now; a new message can be written.")
        if at is not None and at != iso(standing.at):
            raise Conflict("somebody tried this message again meanwhile", hint="Nothing was sent now; look again.")
        now = max(step.at, standing.version + 1)
        allowed = _allowed(step.db, store.key, customer, standing.purpose, _named(step.db, standing.order))
        message = replace(standing, version=now, at=step.at, status=QUEUED, error=None, address=allowed.to)
        _keep(step, message, found.customer)
        customers = _told(step.db, store.key, found.customer)
    return _send(store, mail, message, customers, actor)


def state_of(message: Mapping[str, Any], now: Instant) -> str:
    """What is known of a message out of a profile that was sent from here."""
    state = str(message["status"])
    stale = state == QUEUED and message["at"] is not None and now - instant(message["at"]) > DOUBT
    return UNKNOWN if stale else state


def ready(mail: Mail) -> None:
    """Misconfigured where nothing can be sent."""
    if mail.host is None:
        raise Misconfigured(
            "no mail server is configured, so no message can be sent",
            hint="Set host and sender of [mail] in klientela.toml.",
        )


def answers(db: Db, key: bytes, customer: str) -> tuple[dict[str, Answer], list[tuple[str, str]]]:
    """For each purpose whether the customer may be written to by e-mail, and why; and the orders that a contract is tied
    to, newest first: key, and how people call it. Conflict while nobody can tell."""
    number = locate(db, key, customer).customer
    card = Card(db, key, number)
    orders = [
        (name := f"{card.sources[one.loaded.source].label}/order/{one.loaded.ext}", one.number or name)
        for one in orders_of(db, card.members.ids, card.sources, card.members.ruleset)
    ]
    told = {one: may_contact(db, key, customer, "email", one) for one in PURPOSES if one != CONTRACT}
    fitting = []
    for name, called in orders[:_SHOWN]:
        answer = may_contact(db, key, customer, "email", CONTRACT, order=name)
        told.setdefault(CONTRACT, answer)
        if answer.allowed:
            told[CONTRACT] = answer
            fitting.append((name, called))
    return told, fitting


_SHOWN = 10  # orders that are offered


# -- before it is sent ----------------------------------------------------------------------------------------------------


class _Allowed(NamedTuple):
    customer: int
    record: RecordRef
    to: str
    card: Card


def _checked(mail: Mail, subject: str, text: str, purpose: str, order: str | None, language: str) -> _Asked:
    title = subject.strip(" ")
    if any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in title):
        raise Misconfigured("the subject is one line without control characters", hint="Nothing was sent.")
    if not visible(title) or len(title) > LONGEST_SUBJECT:
        raise Misconfigured(f"a message needs a subject of at most {LONGEST_SUBJECT} letters", hint="Nothing was sent.")
    try:
        words = entered.words("message", text)
    except ValueError as error:
        raise Misconfigured(str(error), hint="Nothing was sent.") from error
    if not words:
        raise Misconfigured("a message needs a text", hint="Nothing was sent.")
    if language not in LANGUAGES:
        raise Misconfigured(f"{language!r} is no language of messages", hint=f"Known are {', '.join(LANGUAGES)}.")
    if purpose not in PURPOSES:
        raise Misconfigured(f"{purpose!r} is no purpose of a contact", hint=f"Known are {', '.join(PURPOSES)}.")
    if purpose == "promotion":
        words += f"\n\n-- \n{closing(mail, language)}"
    return _Asked(title, words, purpose, order or None, language)


def _allowed(db: Db, key: bytes, customer: str, purpose: str, order: str | None) -> _Allowed:
    """Whom it goes to. Conflict where it may not."""
    answer = may_contact(db, key, customer, "email", purpose, order=order)
    if not answer.allowed:
        raise Conflict(f"nothing may be sent: {answer.reason}", hint="`klientela may-contact` says when it may (R46).")
    number = locate(db, key, customer).customer
    card = Card(db, key, number)
    to = str(card.value("email"))
    try:
        usable = sendable(plain_domain(to))
    except ValueError:
        usable = False
    if not usable:
        raise Conflict("nothing may be sent: the e-mail address of the customer is none that mail servers take")
    shown = card.shown.get("email")
    item = shown.item if shown is not None and shown.item is not None else card.members.facts[card.oldest[0]]
    record = RecordRef(card.sources[item.source].label, facts.entity_name(item.entity), item.ext)
    return _Allowed(number, record, to, card)


def _order(db: Db, found: _Allowed, name: str | None) -> RecordRef | None:
    """The order that was named, by key or number, as the record it is."""
    if name is None:
        return None
    card = found.card
    for one in orders_of(db, card.members.ids, card.sources, card.members.ruleset):
        keys = [f"{card.sources[item.source].label}/order/{item.ext}" for item in one.carriers]
        if name in keys or name == one.number:
            return RecordRef(card.sources[one.loaded.source].label, "order", one.loaded.ext)
    return None


def _named(db: Db, order: Any) -> str | None:
    """The key of the order that a message names, by the name its source has now."""
    if not isinstance(order, RecordRef):
        return None
    row = facts.by_any_name(db).get(order.source)
    return f"{row.label if row else order.source}/order/{order.external_id}"


def _standing(step: Step, ext: str) -> Any:
    """A message that was sent from here before, by its external id."""
    row = step.db.one(
        "SELECT r.id FROM record r JOIN source s ON s.id = r.source "
        "WHERE s.label = ? AND r.entity = ? AND r.ext = ? AND r.body IS NOT NULL",
        (MANUAL, facts.MESSAGE, ext),
    )
    item = None if row is None else facts.load(step.db, [row[0]])[row[0]]
    return None if item is None or not item.fact.purpose else replace(item.fact, version=item.version)


def _owner(step: Step, message: Message) -> int | None:
    row = step.db.one(
        "SELECT x.owner FROM thing x JOIN record r ON r.id = x.id JOIN source s ON s.id = r.source "
        "WHERE s.label = ? AND r.entity = ? AND r.ext = ?",
        (MANUAL, facts.MESSAGE, message.external_id),
    )
    return None if row is None else customers_of(step.db, [row[0]]).get(row[0])


def _again(step: Step, key: bytes, customer: str, asked: _Asked, ext: str, standing: Message) -> Sent:
    """The form came a second time."""
    number = locate(step.db, key, customer).customer
    said = (standing.subject, standing.text, standing.purpose, standing.language)
    same = said == (asked.subject, asked.text, asked.purpose, asked.language)
    if not same or _owner(step, standing) != number:
        raise Conflict("this form has sent another message already", hint="Nothing was sent now; open the form anew.")
    state = state_of({"status": standing.status, "at": iso(standing.at)}, step.at)  # type: ignore[arg-type]
    error = standing.error if isinstance(standing.error, str) else None
    return Sent(state, _told(step.db, key, number), None, _key(ext), error, again=True)


# -- keeping and sending ---------------------------------------------------------------------------------------------------


def _keep(step: Step, message: Message, customer: int | None) -> None:
    """Write a message as it stands now, where it hangs, and a line of the log that tells that and not what was said."""
    row = facts.ensure_source(step, MANUAL, MANUAL)
    news = Stage(row, STREAM, 0).page(step, Page([message]), 0)
    if news.suppressed:
        raise Conflict("nothing may be sent: the address is of somebody who was erased (R56)")
    Deriver(step.db, step.store.ruleset(step.db)).page(step, [], [], [], news.fresh, news.things)
    public = step.db.one("SELECT pub FROM customer WHERE id = ?", (customer,)) if customer is not None else None
    detail = {"message": _key(message.external_id), "purpose": message.purpose, "state": message.status}
    records = [] if customer is None else [_canon(step, message)]
    write(
        step,
        [Line("messaged", None, bytes(public[0]) if public else None, None, {"records": records, "detail": detail})],
    )


def _canon(step: Step, message: Message) -> str:
    """The record it hangs on, as the log writes them."""
    ref = message.customer
    assert isinstance(ref, RecordRef)  # noqa: S101 - every message from here names one
    row = facts.by_any_name(step.db).get(ref.source)
    return f"{row.uid if row else ref.source}\0{ref.entity}\0{ref.external_id}"


def _send(store: Store, mail: Mail, message: Message, customers: list[dict[str, Any]], actor: str) -> Sent:
    failpoint("message.queued")
    handed = _handed(mail, message)
    failpoint("message.handed")
    with store.step("message", actor=actor) as step:
        standing = _standing(step, message.external_id)
        if standing is not None and standing.version == message.version:  # else erased, or tried again, meanwhile
            told = replace(message, version=(message.version or 0) + 1, status=handed.state, error=handed.reason)
            _keep(step, told, _owner(step, message))
        seq = step.seq
    return Sent(
        handed.state, customers, seq, _key(message.external_id), handed.reason,
        said=_said(message.address, message.subject, message.purpose),
    )  # fmt: skip


def _handed(mail: Mail, message: Message) -> Handed:
    said: Any = message
    letter = Outgoing(
        message.external_id, said.address, said.subject, said.text, said.language, message.purpose == "promotion",
        said.at,
    )  # fmt: skip
    try:
        made = compose(mail, letter)
    except ValueError:
        return Handed("failed", "the message cannot be written as mail")
    return hand_over(mail, made, letter.to)


def _key(ext: str) -> str:
    return f"{MANUAL}/message/{ext}"


def _said(to: Any, subject: Any, purpose: Any) -> dict[str, Any]:
    return {"to": to, "subject": subject, "purpose": purpose}


def _told(db: Db, key: bytes, customer: int) -> list[dict[str, Any]]:
    records = records_of(db, [customer], facts.sources(db), key)[customer]
    row = db.one("SELECT pub FROM customer WHERE id = ?", (customer,))
    assert row is not None  # noqa: S101 - who may be written to has a row
    return [{"id": ids.text(bytes(row[0])), "records": records}]


__all__ = ["DOUBT", "FAILED", "LONGEST_SUBJECT", "QUEUED", "SENT", "UNKNOWN", "Sent", "again", "answers", "ready", "send",
           "state_of"]  # fmt: skip
