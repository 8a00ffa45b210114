"""Pasted e-mail addresses into persons: `a@x.de, Anna <b@x.de>; …`, also one a line (R49, S34)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from klientela.kit import Consent, Person, Rejected
from klientela_csv.cells import is_mailbox, mail_key, split_name
from klientela_csv.persons import Entity

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<mail>[^<>]*)>\s*$")


@dataclass(slots=True)
class Pasted:
    """What was pasted: persons, what is no address, and how many addresses came again."""

    persons: list[Person] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    repeated: int = 0


def paste(text: str, *, entity: Entity = "customer", subscribe: bool = False) -> Pasted:
    """Read addresses separated by comma, semicolon or newline; each mailbox once, the first writing of it.

    Two addresses are one here if they are equal without case and outer blanks. That is less than R15 (`+tag`, dots
    in Gmail names), on purpose: the id of a record must not depend on a rule; the core joins such records itself.
    `subscribe`: R44, auto-subscribe is ticked.
    """
    found = Pasted()
    seen: set[str] = set()
    places = (
        (number, part)
        for number, line in enumerate(text.splitlines(), 1)
        for part in re.split(r"[,;]", line)
        if part.strip()
    )
    for place, part in places:
        named = _NAMED.match(part)
        address = (named["mail"] if named else part).strip()
        key = mail_key(address) if is_mailbox(address) else None
        if key is None:
            reason = "this is no e-mail address: it needs one @ with something on both sides"
            found.rejected.append(Rejected(reason=reason, payload=part.strip(), line=place, key=part.strip()[:255]))
        elif key in seen:
            found.repeated += 1
        else:
            seen.add(key)
            found.persons.append(_person(key, address, named["name"] if named else "", entity, subscribe, place))
    return found


def _person(key: str, address: str, name: str, entity: Entity, subscribe: bool, line: int) -> Person:
    known: dict[str, Any] = {}
    if name.strip(" \"'"):
        known["first_name"], known["last_name"], company = split_name(name.strip(" \"'"))
        if company:
            known["company"] = company
    if subscribe:
        evidence = f"pasted list, line {line}"
        known["consents"] = [
            Consent(
                channel="email",
                purpose="promotion",
                state="granted",
                address=address,
                basis="import",
                evidence=evidence,
            )
        ]
    return Person(external_id="mail:" + key, entity=entity, kind="contact", email=address, **known)
