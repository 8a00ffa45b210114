"""One order as all who tell of it and the operators say it: each value, whose it is, and what lies beneath (R29, R38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.records import Address, Order
from klientela.rules import hand, orderhand
from klientela.rules.carriers import Carrier, together, told
from klientela.rules.ruleset import Ruleset
from klientela.store import facts
from klientela.store.database import Db
from klientela.store.facts import Loaded, SourceRow
from klientela.store.provenance import line, rules_in_force
from klientela.store.purchases import Settled, orders_at
from klientela.store.spoken import Spoken, changes, spoken
from klientela.store.tables import ENTITIES

SINGLE = ("first_name", "last_name", "company", "phone", "state")
UNITS = (*SINGLE, "address", *hand.KINDS_OF_ADDRESSES)
"""What is shown of an order, each chosen as a whole; an address is one unit."""


class Whose(NamedTuple):
    """The carrier whose value of a unit is shown, and whether it is shown because an operator pinned it there."""

    item: Loaded
    pinned: bool


class Told(NamedTuple):
    """An order: its figures and carriers, all sources, and every decision about one of the carriers, oldest first."""

    one: Settled
    sources: Mapping[int, SourceRow]
    said: list[Spoken]
    ruleset: Ruleset

    def value(self, unit: str) -> Any:
        """What is shown: a text, an `Address`, None where there is nothing."""
        if unit == "state":
            return self.one.state
        return _value(self.one.loaded.fact, unit)

    def whose(self, unit: str) -> Whose | None:
        """Who says what is shown of a unit, be it that there is nothing; None where nobody says anything of it."""
        for item in self.one.carriers:
            if orderhand.pins(item.fact, orderhand.UNIT_OF[unit]):
                return Whose(item, True)
        name = unit if unit in SINGLE else "addresses"
        for item in self.one.carriers:
            if getattr(item.fact, name) is not UNSET:
                return Whose(item, False)
        return None

    def label(self, item: Loaded) -> str:
        """The name of a record's source."""
        return self.sources[item.source].label


def read(db: Db, text: str) -> Told:
    """An order by the key of any record that carries it, `source/order/external_id`. UnknownThing for none."""
    number = _record(db, text)
    head = db.one("SELECT head FROM carrier WHERE record = ?", (number,))
    sources, ruleset = facts.sources(db), rules_in_force(db)
    found = orders_at(db, [int(head[0]) if head else number], sources, ruleset)
    if not found:
        raise UnknownThing(f"there is no order {text}", hint="The list of orders shows those there are.")
    return Told(found[0], sources, spoken(db, [item.id for item in found[0].carriers]), ruleset)


def is_key(text: str) -> bool:
    """Whether a text names an order and not a customer: `source/order/external_id`."""
    parts = text.strip().split("/", 2)
    return len(parts) == 3 and parts[1] == ENTITIES[facts.ORDER]


def _record(db: Db, text: str) -> int:
    row = None
    if is_key(text):
        source, _, ext = text.strip().split("/", 2)
        row = db.one(
            "SELECT r.id FROM record r JOIN source s ON s.id = r.source WHERE s.label = ? AND r.entity = ? AND r.ext = ?",
            (source, facts.ORDER, ext),
        )
    if row is None:
        raise UnknownThing(f"there is no order {text}", hint="An order's key looks like main/order/1001.")
    return int(row[0])


def provenance(db: Db, order: Told) -> dict[str, dict[str, Any]]:
    """Of each unit that anybody fills `{"value", "source", "record", "since", "pinned"}` as on a profile; of what an
    operator set also `by` and `beneath`, what the sources say without any operator."""
    by_hand = {unit: word for unit in UNITS if (word := _set_by(order, unit)) is not None}
    known = changes(db, {word.since for word in by_hand.values()})
    beneath = _Beneath(db, order) if by_hand else None
    made = {}
    for unit in UNITS:
        whose = order.whose(unit)
        value = order.value(unit)
        if whose is None or (value is None and unit not in by_hand):
            continue
        made[unit] = {**_entry(order, whose.item, value), "pinned": whose.pinned}
        word = by_hand.get(unit)
        if word is not None and beneath is not None:
            change = known.get(word.since)
            made[unit]["since"] = None if change is None or change.at is None else iso(change.at)
            made[unit]["by"] = None if change is None else change.actor
            made[unit]["beneath"] = beneath.of(unit)
    return made


class _Beneath:
    """The order as the sources alone tell it."""

    def __init__(self, db: Db, order: Told) -> None:
        bare = facts.load(db, [item.id for item in order.one.carriers], hands=False)
        self.of_key = {(order.sources[item.source].uid, item.ext): item for item in bare.values()}
        carriers = [Carrier(uid, ext, item.fact) for (uid, ext), item in self.of_key.items()]
        self.group = together(carriers, order.ruleset)
        self.fact = told(self.group)
        self.order = order

    def of(self, unit: str) -> dict[str, Any] | None:
        value = _value(self.fact, unit)
        name = unit if unit in SINGLE else "addresses"
        for carrier in self.group.carriers:
            if getattr(carrier.order, name) is not UNSET:
                item = self.of_key[carrier.source, carrier.external_id]
                return None if value is None else _entry(self.order, item, value)
        return None


def _set_by(order: Told, unit: str) -> Spoken | None:
    """The newest edit or pin that holds on the record whose value is shown."""
    whose = order.whose(unit)
    if whose is None:
        return None
    words = (w for w in reversed(order.said) if w.record == whose.item.id and w.holds)
    return next((w for w in words if w.kind in (hand.EDIT, hand.PIN) and w.detail["field"] == unit), None)


def _entry(order: Told, item: Loaded, value: Any) -> dict[str, Any]:
    label = order.label(item)
    return {
        "value": line(value) if isinstance(value, Address) else value,
        "source": label,
        "record": f"{label}/{ENTITIES[item.entity]}/{item.ext}",
        "since": None if item.version is None else iso(item.version),
    }


def _value(fact: Order, unit: str) -> Any:
    if unit not in SINGLE:
        return orderhand.place(unit, orderhand.places_of(fact))
    value = getattr(fact, unit)
    return None if value is UNSET or value == "" else value


__all__ = ["SINGLE", "UNITS", "Told", "Whose", "is_key", "provenance", "read"]
