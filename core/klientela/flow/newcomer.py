"""An operator adds a customer by hand: a record of the source `manual` in a batch of one, which `import undo` takes back
(R3)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

from klientela.errors import Misconfigured
from klientela.flow.importing import Imported, Into, import_records
from klientela.model.instants import Instant
from klientela.model.records import Address, Consent, Person
from klientela.rules import entered, keys
from klientela.rules.entered import PLACE
from klientela.rules.publish import LINK, RULE_OF, publish
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store.database import Db, Store

MANUAL = "manual"
BATCH = "customer add"
"""The name of the batch that one customer is."""
FIELDS = tuple(name for name in entered.LONGEST if name not in ("crm_id", "birthday"))
_SOMEBODY = ("first_name", "last_name", "company", "email", "phone")
_MOST = 10


@dataclass(slots=True)
class Added:
    """What adding a customer did, or would do. `exists`: customers that share a value with the new one,
    `{"id", "name", "rule", "joined"}`; `joined` are those it is one with by the rules."""

    imported: Imported
    exists: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that write (contract.md)."""
        told = self.imported.as_dict()
        return {name: told[name] for name in ("seq", "batch", "customers") if name in told} | {"exists": self.exists}


def add(
    store: Store,
    form: Mapping[str, str],
    *,
    email: str | None = None,
    tags: Sequence[str] = (),
    subscribe: bool = False,
    now: Instant | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Added:
    """Add a customer with the fields of a form (`FIELDS`), as registered (R3). The rules decide whether it is somebody
    we know; that somebody shares a value is told.

    `subscribe`: the person agreed to promotional e-mail, as with an import (R44). `now`: when it is added, microseconds
    UTC. Misconfigured where a value is none or nothing says who it is, Conflict for somebody who was erased (R56).
    """
    person = _person(form, email, subscribe, time.time_ns() // 1000 if now is None else now)
    put_on = sorted({_checked(entered.tag, tag) for tag in tags})
    with store.reading() as db:
        known = _alike(db, person, store.ruleset(db))
    made = import_records(
        store,
        Into(MANUAL, MANUAL),
        [person],
        name=BATCH,
        digest=sha256(facts.encode(person)).hexdigest(),
        subscribe=subscribe,
        tags=put_on,
        whole=True,
        dry_run=dry_run,
        actor=actor,
    )
    own = {record["id"] for one in made.customers for record in one["records"]}
    return Added(made, [{**one, "joined": one["id"] in own} for one in known])


def _person(form: Mapping[str, str], email: str | None, subscribe: bool, now: Instant) -> Person:
    said = {field: _checked(lambda text, field=field: entered.value(field, text), text) for field, text in form.items()}
    mail = _checked(entered.email, email) if email and email.strip() else None
    if not mail and not any(said.get(field) for field in _SOMEBODY):
        raise Misconfigured(
            "nothing says who the customer is", hint="Give a name, a company, an e-mail address or a phone number."
        )
    if subscribe and not mail:
        raise Misconfigured("without an e-mail address nobody subscribes", hint="Give one with --email.")
    place = {part: said[part] for part in PLACE if said.get(part)}
    if "street" in place and "house_number" not in place:
        place["street"], place["house_number"] = keys.split_house(place["street"])
    values: dict[str, Any] = {field: said[field] for field in _SOMEBODY if said.get(field)}
    if mail:
        values["email"] = mail
    if place:
        values["addresses"] = [Address(**place)]
    if subscribe:
        values["consents"] = [
            Consent(
                channel="email",
                purpose="promotion",
                state="granted",
                address=mail,
                basis="import",
                evidence=BATCH,
            )
        ]
    return Person(external_id=uuid4().hex, entity="manual", created_at=now, **values)


def _checked(check: Any, text: str) -> Any:
    try:
        return check(text)
    except ValueError as error:
        raise Misconfigured(str(error), hint="Nothing was written.") from error


def _alike(db: Db, person: Person, ruleset: Ruleset) -> list[dict[str, Any]]:
    """Customers that carry a value of this person, whoever they are; the first few by rule and id."""
    kinds = {key.hash: key.kind for key in publish(person, MANUAL, ruleset).keys if key.kind != LINK}
    found: set[tuple[int, str]] = set()
    for sign, owner, column in (
        (">", "JOIN person p ON p.id = m.handle", "COALESCE(p.customer, p.id)"),
        ("<", "JOIN node p ON p.id = m.handle", "p.customer"),
    ):
        for key, customer in db.rows(
            f"SELECT m.key, {column} FROM mark m {owner} WHERE m.handle {sign} 0 AND m.key {db.among} "
            "AND m.key NOT IN (SELECT key FROM crowded)",
            (db.pack(kinds),),
        ):
            found.add((customer, RULE_OF[kinds[key]]))
    rows = {
        number: (ids.text(bytes(pub)), " ".join(part for part in (first, last) if part) or email or phone or company)
        for number, pub, first, last, email, phone, company in db.rows(
            "SELECT id, pub, first_name, last_name, email, phone, company FROM customer "
            f"WHERE inactive IN (0, 1) AND id {db.among}",
            (db.pack({customer for customer, _ in found}),),
        )
    }
    told = sorted((rule, *rows[customer]) for customer, rule in found if customer in rows)
    return [{"id": public, "name": name, "rule": rule} for rule, public, name in told[:_MOST]]


__all__ = ["BATCH", "FIELDS", "MANUAL", "Added", "add"]
