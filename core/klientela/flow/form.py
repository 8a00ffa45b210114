"""What is shown of a customer or an order, as far as an operator may set it, and what becomes of it where he does (R25, R38)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from klientela.errors import Conflict
from klientela.flow.hands import Word
from klientela.model.records import Address
from klientela.rules import geo, hand, keys, rights
from klientela.rules.entered import OF_KINDS, PLACE
from klientela.rules.rights import Holder, Refused
from klientela.store.spoken import Spoken

NAME = ("first_name", "last_name")
OF_ADDRESSES = frozenset(("address", *hand.KINDS_OF_ADDRESSES))


def unit_of(field: str) -> str:
    """The unit a field is chosen with (R25); a claim's lists belong to their single values."""
    if field in PLACE or field == "addresses":
        return "address"
    if field in OF_KINDS:
        return OF_KINDS[field][0]
    if field == "phones":
        return "phone"
    return hand.UNIT_OF.get(field, field)


class Form(ABC):
    """`spoken_of`: the record that a pin is laid on; `said`: what operators said, oldest first; `titles`: source types in
    words; `fields`: those that may be set; `shown_by`: where people see what is shown."""

    spoken_of: int
    said: list[Spoken]
    titles: Mapping[str, str]
    fields: tuple[str, ...]
    shown_by: str

    def about(self) -> dict[str, Any]:
        """What a decision has to tell beside its customers, as JSON."""
        return {}

    def value(self, field: str) -> Any:
        """What is shown of a field; None where it is empty."""
        if field in PLACE:
            return getattr(self.place(), field)
        if field in OF_KINDS:
            kind, part = OF_KINDS[field]
            return getattr(self.place(kind), part)
        return self.word(field)

    @abstractmethod
    def word(self, field: str) -> Any:
        """What is shown of a field that is no part of an address."""

    @abstractmethod
    def place(self, unit: str = "address") -> Address:
        """The address that is shown, the main one or that of a kind; an empty one where there is none."""

    @abstractmethod
    def holder(self, field: str) -> Holder | None:
        """The record whose value is shown; None where the field is empty."""

    @abstractmethod
    def spare(self) -> Holder | None:
        """The record that takes a value where none is shown."""

    @abstractmethod
    def unless_changed(self, since: int | None, fields: Collection[str]) -> None:
        """Conflict, saying what changed and through whom, where any of these fields was changed after `since`, the
        `version` of what somebody looked at (R40b). UnknownThing for a version that is still to come. None: nobody asks."""

    def barred(self, _field: str) -> Refused | None:
        """Why nobody may say anything of a field, whatever the policy; None where nothing bars it."""
        return None

    def pin_refused(self, field: str, *, overlay: bool) -> Refused | None:
        """Why a value may not be laid over a field, None where it may: over what may be edited, over a pin, and with the
        policy `overlay` over what a shop delivers as well."""
        barred, holder = self.barred(field), self.holder(field)
        if barred is not None or overlay or (holder is not None and holder.pinned):
            return barred
        found = self.right(field)
        return found if isinstance(found, Refused) else None

    def right(self, field: str) -> Holder | Refused:
        """The record on which an edit of the field is written, or why it is not."""
        return rights.edit(field, self.holder(field), self.spare(), self.titles)

    def edits(self, wanted: Mapping[str, str | None]) -> tuple[list[Word], list[Refused]]:
        """What is said of which record where these fields are to have these values, and why not, field by field.

        A value that is shown already changes nothing. The parts of an address make one new address (R25).
        """
        words: list[Word] = []
        refused: list[Refused] = []
        parts: dict[str, dict[str, str | None]] = {}
        for field, value in wanted.items():
            shown = self.value(field)
            if value == shown or (field.endswith("country") and value is not None and value == geo.country(shown)):
                continue
            found = self.right(field)
            if isinstance(found, Refused):
                refused.append(found)
            elif field in PLACE:
                parts.setdefault("address", {})[field] = value
            elif field in OF_KINDS:
                kind, part = OF_KINDS[field]
                parts.setdefault(kind, {})[part] = value
            else:
                words.append(Word(hand.EDIT, found.record, {"field": field, "value": value}))
        for unit, changed in parts.items():
            holder = self.holder(unit) or self.spare()
            assert holder is not None  # noqa: S101 - its right to be changed was found above
            words.append(Word(hand.EDIT, holder.record, {"field": unit, "value": self._moved(unit, changed)}))
        return words, refused

    def pins(self, field: str, value: str) -> list[Word]:
        """What is said of the oldest record where a value is laid over a field: its whole unit, as it is then shown."""
        record, unit = self.spoken_of, unit_of(field)
        if unit in ("address", *hand.KINDS_OF_ADDRESSES):
            part = OF_KINDS[field][1] if field in OF_KINDS else field
            return [Word(hand.PIN, record, {"field": unit, "value": self._moved(unit, {part: value})})]
        fields = NAME if unit == "name" else (field,)
        return [
            Word(hand.PIN, record, {"field": one, "value": value if one == field else self.value(one)})
            for one in fields
        ]

    def pinned(self, field: str) -> list[Spoken]:
        """The pins that hold on the unit of a field, on any of the records."""
        unit = unit_of(field)
        return [
            word for word in self.said if word.kind == hand.PIN and word.holds and unit_of(word.detail["field"]) == unit
        ]

    def _moved(self, unit: str, parts: Mapping[str, str | None]) -> dict[str, Any] | None:
        """The address that is shown, with some parts changed; None where nothing of it is left."""
        new = dict(parts)
        shown = self.place(unit)
        if shown.house_number and new.get("street") and "house_number" not in new:
            new["street"], new["house_number"] = keys.split_house(new["street"] or "")
        made = replace(shown, **new)
        return to_builtins(made) if any(getattr(made, part) for part in PLACE) else None


def meanwhile(sentence: str, seq: int, hint: str) -> Conflict:
    """That something changed since somebody looked."""
    return Conflict(f"{sentence} (change {seq}), so nothing was written", hint=hint)


__all__ = ["NAME", "OF_ADDRESSES", "Form", "meanwhile", "unit_of"]
