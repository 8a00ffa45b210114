"""What a person record publishes: its folded name and its match keys, by policy (R7, R11, R15-R19)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET, Struct

from klientela.model.instants import Instant
from klientela.model.records import Person
from klientela.rules import geo, keys, names
from klientela.rules.ruleset import Policy, Ruleset, SourceRules

EMAIL, NUMBER, PHONE, ADDRESS, GUEST_MAIL, LINK = range(6)
"""Kinds of keys. GUEST_MAIL is an e-mail among the guests of one source (R11), LINK the retroactive link (R10)."""

RULE_OF = ("email", "number", "phone", "address", "email", "email")
STRENGTH = (0, 1, 2, 3, 0, 0)


class Key(NamedTuple):
    """A match key: its kind and 8 bytes of its hash."""

    kind: int
    hash: int


class Published(Struct, frozen=True, gc=False):
    """A person as identity sees it."""

    name: str  # folded first|last, '' = nameless
    keys: tuple[Key, ...]  # sorted
    account: bool  # a registered shop account
    shown: bool  # has a name, e-mail, phone or address: may make a row (R0d)


def is_account(person: Person, rules: SourceRules) -> bool:
    """Registered shop account (R13). Under `customer_null` and `never` every customer object of the shop is one."""
    if person.kind is UNSET or person.entity != "customer":
        return False
    if rules.guest_rule in ("customer_null", "never"):
        return True
    return person.kind == "account"


def is_guest(person: Person, rules: SourceRules) -> bool:
    """A guest by the source's word, where guests differ from accounts at all."""
    return person.kind == "guest" and not is_account(person, rules)


def held_back(person: Person, rules: SourceRules) -> bool:
    """Whether a policy other than `merge` keeps this record from the rules of matching (R7, R11).

    The row of an order is a guest's also where the source knows no accounts, so that each order is a row (R13); not
    where nobody is a guest, nor where the order was placed logged in (its kind is `account`).
    """
    if person.entity == "guest_order":
        return rules.guest_rule != "never" and person.kind != "account"
    return is_guest(person, rules)


def policy_for(person: Person, rules: SourceRules) -> Policy:
    """The guest policy that a person record stands under: that of its source, or of orders without customer (R12)."""
    if rules.nameless is not None and person.entity == "guest_order" and person.kind == "guest":
        return rules.nameless
    return rules.guests


def publish(
    person: Person, uid: str, ruleset: Ruleset, *, hidden: bool = False, policy: Policy | None = None
) -> Published:
    """Name and keys of a person record. `hidden`: all its orders are owned by per_order guests (R29): no keys, no row.

    `policy` governs where it is stricter than that of the record's own source (R29).
    """
    rules = ruleset.of(uid)
    name = names.folded(person.first_name or None, person.last_name or None)
    account = is_account(person, rules)
    shown = not hidden and _shown(person, name)
    if hidden:
        return Published(name, (), account, False)
    policy = policy or policy_for(person, rules)
    if policy != "merge" and held_back(person, rules):
        return Published(name, _guest_keys(person, uid, policy, ruleset), account, shown)
    return Published(name, _keys(person, uid, ruleset, account), account, shown)


def not_joinable(keys: Iterable[Key]) -> bool:
    """Whether no rule of matching can ever join a record with these keys to another (R7)."""
    return not any(key.kind <= GUEST_MAIL for key in keys)


def _shown(person: Person, name: str) -> bool:
    return bool(
        name
        or person.email
        or person.phone
        or person.company
        or (person.emails is not UNSET and person.emails)
        or (person.phones is not UNSET and person.phones)
        or (person.addresses is not UNSET and person.addresses)
    )


def boxes(person: Person, ruleset: Ruleset) -> list[str]:
    """The mailboxes of a person as the rules fold them, without those that never match (R15, R19)."""
    found = []
    texts = [person.email] if person.email else []
    if person.emails is not UNSET and person.emails:
        texts += person.emails
    for text in texts:
        box = keys.mailbox(text, ruleset.mailbox_folding)
        if box is not None and not keys.mailbox_blocked(box, ruleset.blocked):
            found.append(box)
    return found


_new = tuple.__new__  # a named tuple's own constructor costs three times as much, and keys are made by the million


def _keys(person: Person, uid: str, ruleset: Ruleset, account: bool) -> tuple[Key, ...]:
    found: list[Key] = []
    enabled = ruleset.rules
    mailboxes = boxes(person, ruleset)
    if "email" in enabled:
        for box in mailboxes:
            found.append(_new(Key, (EMAIL, keys.key64("email", box))))
    if account and ruleset.retroactive_link != "never" and _may_link(person, ruleset):
        found += [_new(Key, (LINK, keys.key64("link", f"{uid}\0{box}"))) for box in mailboxes]
    if person.numbers is not UNSET and "number" in enabled:
        for item in person.numbers:
            value = keys.number(item.value, item.space or uid)
            if value is not None and not keys.number_blocked(value, item.value, ruleset.blocked):
                found.append(_new(Key, (NUMBER, keys.key64("number", value))))
    addresses = person.addresses if person.addresses is not UNSET else ()
    if "phone" in enabled:
        for text in phones(person):
            number = geo.phone(text, (geo.country(addresses[0].country) if addresses else None) or ruleset.country)
            if number is not None and number not in ruleset.blocked and text not in ruleset.blocked:
                found.append(_new(Key, (PHONE, keys.key64("phone", number))))
    if "address" in enabled:
        for place in addresses:
            if place.zip and place.street:
                value = keys.address(
                    geo.country(place.country) or ruleset.country, place.zip, place.street, place.house_number
                )
                if value is not None:
                    found.append(_new(Key, (ADDRESS, keys.key64("address", value))))
    if len(found) < 2 or (len(found) == 2 and found[0].kind < found[1].kind):
        return tuple(found)
    return tuple(sorted(set(found)))


def phones(person: Person) -> list[str]:
    """The phone numbers of a person as they were written."""
    texts = [person.phone] if person.phone else []
    if person.phones is not UNSET and person.phones:
        texts += person.phones
    return texts


def _may_link(person: Person, ruleset: Ruleset) -> bool:
    return ruleset.retroactive_link == "always" or person.email_verified is True


def _guest_keys(person: Person, uid: str, policy: Policy, ruleset: Ruleset) -> tuple[Key, ...]:
    found: set[Key] = set()
    if ruleset.retroactive_link != "never" or policy == "per_source":
        mailboxes = boxes(person, ruleset)
        if ruleset.retroactive_link != "never":
            found.update(Key(LINK, keys.key64("link", f"{uid}\0{box}")) for box in mailboxes)
        if policy == "per_source":
            found.update(Key(GUEST_MAIL, keys.key64("guest", f"{uid}\0{box}")) for box in mailboxes)
    return tuple(sorted(found))


class Canon(NamedTuple):
    """The canonical key (R22): older first; within one instant by source, entity and external id as UTF-8 bytes.

    Python compares text by code point, which is the order of the UTF-8 bytes.
    """

    created: Instant
    source: str
    entity: str
    external_id: str


NEVER: Instant = 2**62
"""Stands for "infinity" where a source knows no creation time."""


def value_of(person: Person, uid: str, ruleset: Ruleset, key: int) -> str | None:
    """The value behind a key of this person, as the rules fold it; for the audit and for `why`."""
    for box in boxes(person, ruleset):
        if key in (
            keys.key64("email", box),
            keys.key64("link", f"{uid}\0{box}"),
            keys.key64("guest", f"{uid}\0{box}"),
        ):
            return box
    if person.numbers is not UNSET:
        for item in person.numbers:
            value = keys.number(item.value, item.space or uid)
            if value is not None and keys.key64("number", value) == key:
                return item.value
    places = person.addresses if person.addresses is not UNSET and person.addresses else ()
    region = (geo.country(places[0].country) if places else None) or ruleset.country
    for text in (person.phone, *(person.phones or () if person.phones is not UNSET else ())):
        number = geo.phone(text, region) if text else None
        if number is not None and keys.key64("phone", number) == key:
            return number
    for place in places:
        value = keys.address(geo.country(place.country) or ruleset.country, place.zip, place.street, place.house_number)
        if value is not None and keys.key64("address", value) == key:
            return value.replace("|", " ")
    return None
