"""A customer as somebody changes it by hand: what is shown, whose it is, and what changed meanwhile (R37-R40b)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from klientela.errors import Conflict, UnknownThing
from klientela.flow import history
from klientela.flow.form import NAME, OF_ADDRESSES, Form, meanwhile, unit_of
from klientela.model.records import Address
from klientela.rules.entered import LONGEST, OF_KINDS
from klientela.rules.rights import CALLED, Holder
from klientela.store import changes, facts
from klientela.store.database import Db
from klientela.store.locate import record_keys
from klientela.store.provenance import Members, Origin, of_kinds, origins
from klientela.store.spoken import REMARK, Spoken, spoken

_MOVES = ("joined", "merged", "split", "left")


class Card(Form):
    """One customer, read once inside the step that changes it."""

    fields = (*LONGEST, *OF_KINDS)
    shown_by = "The profile's `provenance` shows what is."

    def __init__(self, db: Db, key: bytes, customer: int, named: str = "") -> None:
        """`named`: how people call it."""
        self.db = db
        self.named = named
        self.key = key
        self.customer = customer
        self.sources = facts.sources(db)
        self.members = Members.read(db, customer, self.sources)
        self.shown = {
            **origins(self.members.summary, self.members.facts.values(), self.sources),
            **of_kinds(self.members),
        }
        self.oldest = self.members.oldest()
        entities = {number: item.entity for number, item in self.members.facts.items()}
        # a guest row goes its own way under another policy: what is said of the customer stays with who is told of
        self.spoken_of = next((one for one in self.oldest if entities[one] != facts.GUEST_ORDER), self.oldest[0])
        self.said = spoken(db, self.members.ids)
        self.titles = {}

    # -- what is shown -----------------------------------------------------------------------------------------------

    def word(self, field: str) -> Any:
        """What is shown of a field that is no part of an address."""
        return self.shown[field].value if field in self.shown else None

    def place(self, unit: str = "address") -> Address:
        """The address that is shown, the main one or that of a kind; an empty one where there is none."""
        found = self.shown.get(unit)
        return found.value if found is not None else Address()

    def holder(self, field: str) -> Holder | None:
        """The record whose value is shown; of a part of the name or the address, that of the whole unit."""
        unit = unit_of(field)
        fields = NAME if unit == "name" else (unit,)
        for one in (self.shown[name] for name in fields if name in self.shown):
            if one.item is not None:
                return self._holder(one.item.id, one)
        return None

    def spare(self) -> Holder | None:
        """The oldest record that may be edited."""
        found = (self._holder(number) for number in self.oldest)
        return next((holder for holder in found if holder.editable), None)

    def _holder(self, number: int, one: Origin | None = None) -> Holder:
        source = self.sources[self.members.facts[number].source]
        return Holder(number, source.label, source.type, one is not None and one.pinned)

    # -- what changed meanwhile --------------------------------------------------------------------------------------

    def unless_changed(self, since: int | None, fields: Collection[str]) -> None:
        """Conflict, saying what changed and through whom, where any of these fields was changed after `since`, the
        `version` of a profile (R40b). UnknownThing for a version that is still to come. None: nobody asks."""
        if since is None:
            return
        newest = self.db.one("SELECT max(seq) FROM txn")
        if since < 0 or newest is None or since > (newest[0] or 0):
            raise UnknownThing(f"there is no version {since} yet", hint="The profile's `version` is the number meant.")
        units = {unit_of(field) for field in fields}
        mine = set(record_keys(self.db, self.members.ids).values())
        mine |= {key.replace("/guest_order/", "/order/", 1) for key in mine}  # a guest's row is what its order says
        for line in reversed(changes.history(self.db, self.members.ids, self.sources, self.said).lines):
            same = unit_of(line["field"]) in units or (line["field"] == "addresses" and units & OF_ADDRESSES)
            if line["seq"] > since and same and line["record"] in mine:
                name = CALLED.get(line["field"], line["field"])
                raise _meanwhile(f"the {name} was changed meanwhile by {line['actor']}", line["seq"])
        holders = {holder.record for field in fields if (holder := self.holder(field)) is not None}
        shown = set(record_keys(self.db, holders).values())
        publics = history.publics_of(self.db, self.key, self.customer)
        for line in history.read(self.db, publics, after=since):
            if line["kind"] in _MOVES and (line["kind"] in ("split", "left") or shown & set(line["records"] or ())):
                raise _meanwhile("records joined or left this customer meanwhile", line["seq"])

    def tag_sources(self, name: str) -> list[str]:
        """The sources of this customer's records that say this tag themselves, by their labels."""
        told = facts.load(self.db, self.members.ids, hands=False).values()
        items = [item for item in told if item.fact is not None and name in (item.fact.tags or ())]
        return sorted({self.sources[item.source].label for item in items})

    def remarks(self) -> list[Spoken]:
        """The remarks that hold, the newest last."""
        return [word for word in self.said if word.kind == REMARK and word.holds]


def _meanwhile(sentence: str, seq: int) -> Conflict:
    hint = "`klientela customer ID` shows it as it is now; save again with the `version` it has there."
    return meanwhile(sentence, seq, hint)


__all__ = ["Card", "unit_of"]
