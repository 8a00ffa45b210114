"""Write down what customers allow or forbid: an operator's word with evidence, or a bulk update of many (R43-R45)."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec

from klientela.errors import Misconfigured
from klientela.flow import hands
from klientela.flow.crowd import Whom, anchors, customers
from klientela.flow.desk import Decided
from klientela.flow.hands import Word
from klientela.model.records import Consent, ConsentChannel, ConsentPurpose, Person
from klientela.rules.hand import CONSENT
from klientela.rules.objections import mark_of, untimed
from klientela.rules.text import visible
from klientela.store import facts
from klientela.store.database import Db, Step, Store
from klientela.store.rows import members_of

CHANNELS: tuple[str, ...] = get_args(ConsentChannel)
PURPOSES: tuple[str, ...] = get_args(ConsentPurpose)
STATES = ("granted", "denied")
ADDRESSED = {"email": "email", "phone": "phone", "sms": "phone", "whatsapp": "phone"}
"""The column of a row with the address that a consent by this channel is about; letters go to none of these."""


def consent(
    store: Store,
    whom: Whom,
    channel: str,
    purpose: str,
    state: str,
    *,
    evidence: str,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Customers grant or deny a purpose on a channel, as of now. Of one customer that is an operator's word; of several,
    or of whom a search finds, it is a bulk update, which lifts no objection (R45).

    An objection without a time is lifted by an operator who saw it: his grant names it, and stands at its very record.
    `about` tells the `basis`, and after a grant how many objections without a time it `lifted`, and how many
    `objections` still stand. Misconfigured without evidence.
    """
    _check(channel, purpose, state)
    if not visible(evidence):
        raise Misconfigured(
            "a consent needs evidence", hint="Say with --evidence TEXT how the customer answered; it is kept with it."
        )
    basis = "operator" if whom.one else "bulk"
    told: dict[str, Any] = {"basis": basis}

    def words(step: Step) -> list[Word]:
        meant = customers(step, whom)
        oldest = anchors(step.db, meant)
        to = addresses(step.db, meant, channel)
        event = Consent(
            channel=channel,  # type: ignore[arg-type]
            purpose=purpose,  # type: ignore[arg-type]
            state=state,  # type: ignore[arg-type]
            at=step.at,
            basis=basis,  # type: ignore[arg-type]
            evidence=evidence.strip(),
        )
        said = {record: _detail(event, to.get(number)) for number, record in oldest.items()}
        if whom.one and state == "granted":
            answered = _answering(step.db, meant, event)
            if answered:
                told["lifted"] = sum(len(detail["lifts"]) for detail in answered.values())
                said |= answered
        return [Word(CONSENT, record, detail) for record, detail in sorted(said.items())]

    def look(step: Step, numbers: list[int]) -> None:
        if state == "granted":
            told["objections"] = len(standing(step.db, numbers, channel, purpose))

    made = hands.say(
        store,
        "consent",
        words,
        {"channel": channel, "purpose": purpose, "state": state, **told, "evidence": evidence.strip()},
        actor=actor,
        dry_run=dry_run,
        after=look,
    )
    made.about = told
    return made


def _check(channel: str, purpose: str, state: str) -> None:
    for word, known, what in (
        (channel, CHANNELS, "channel"),
        (purpose, PURPOSES, "purpose"),
        (state, STATES, "answer"),
    ):
        if word not in known:
            raise Misconfigured(f"{word!r} is no {what} of a consent", hint=f"Known are {', '.join(known)}.")


def _detail(event: Consent, address: str | None) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(event)
    return made if address is None else {**made, "address": address}


def _answering(db: Db, numbers: list[int], grant: Consent) -> dict[int, dict[str, Any]]:
    """A grant for each record of a customer that objects without a time, which names these objections."""
    records = [row[0] for rows in members_of(db, numbers, "p.id").values() for row in rows]
    found = {}
    for record, item in facts.load(db, records).items():
        if isinstance(item.fact, Person):
            stood = untimed(item.fact, grant.channel, grant.purpose)
            if stood:
                made = msgspec.structs.replace(grant, lifts=tuple(sorted({mark_of(one) for one in stood})))
                found[record] = _detail(made, stood[0].address)
    return found


def addresses(db: Db, numbers: list[int], channel: str) -> dict[int, str]:
    """The address by which a channel reaches each of some customers; those that have none are left out."""
    column = ADDRESSED.get(channel)
    if column is None:
        return {}
    return dict(
        db.rows(f"SELECT id, {column} FROM customer WHERE {column} IS NOT NULL AND id {db.among}", (db.pack(numbers),))
    )


def standing(db: Db, numbers: list[int], channel: str, purpose: str) -> list[int]:
    """Those of some customers who object to a purpose on a channel."""
    rows = db.rows(
        f"SELECT id, consents FROM customer WHERE consents IS NOT NULL AND id {db.among}", (db.pack(numbers),)
    )
    return [number for number, text in rows if json.loads(text).get(channel, {}).get(purpose) == "denied"]


__all__ = ["ADDRESSED", "CHANNELS", "PURPOSES", "STATES", "addresses", "consent", "standing"]
