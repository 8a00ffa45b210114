"""Who may change what of a customer by hand: nobody the e-mail, only its shop what a shop delivers, an operator the rest
(R37, R38)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

EDITABLE = ("csv", "api", "manual")
"""Types of sources whose values an operator may change; all others are shops, which deliver theirs by their own sync."""

EMAIL_REFUSED = "the e-mail of a customer changes only by the sync of its own source (R37)"

CALLED = {
    "first_name": "first name",
    "last_name": "last name",
    "house_number": "house number",
    "line2": "second line of the address",
    "crm_id": "CRM id",
    "zip": "ZIP",
}
"""How people call the fields whose name in the store is not a word."""
for _part in ("street", "house_number", "line2", "zip", "city", "region", "country"):
    _name = CALLED.get(_part, _part)
    CALLED[f"billing_{_part}"] = f"{_name} of the billing address"
    CALLED[f"shipping_{_part}"] = f"{_name} of the delivery address"
CALLED.update(billing="billing address", shipping="delivery address")


class Holder(NamedTuple):
    """A record: the one whose value is shown, or one that could take a value. `source` is the name people see."""

    record: int
    source: str
    type: str
    pinned: bool = False

    @property
    def editable(self) -> bool:
        """Whether its source leaves its fields to operators."""
        return self.type in EDITABLE


class Refused(NamedTuple):
    """Why a field is not changed: one sentence, and what to do instead."""

    field: str
    sentence: str
    hint: str


def edit(field: str, shown: Holder | None, spare: Holder | None, titles: Mapping[str, str]) -> Holder | Refused:
    """The record on which an edit of the field is written, or why it is not (R38, decided per field).

    `shown` is the record whose value is shown, None where the field is empty; `spare` the customer's oldest record that
    may be edited. `titles` are the names of source types for people.
    """
    if field == "email":
        return no_email()
    name = CALLED.get(field, field)
    if shown is not None and shown.pinned:
        return Refused(
            field, f"the {name} is pinned", "`klientela unpin` takes the pin off, `klientela pin` lays another on"
        )
    if shown is not None and not shown.editable:
        return Refused(
            field,
            f"the {name} comes from {title(shown, titles)}, so it changes there",
            'With edit.policy = "overlay" `klientela pin` lays a value over it.',
        )
    holder = shown or spare
    if holder is None:
        return Refused(
            field,
            f"the {name} is left to the shops this customer comes from, for none of its records may be edited",
            'With edit.policy = "overlay" `klientela pin` lays a value over it.',
        )
    return holder


def no_email() -> Refused:
    """R37: by no form, no file, no command."""
    return Refused("email", EMAIL_REFUSED, "Change it where the customer has the account; the next sync brings it.")


def title(holder: Holder, titles: Mapping[str, str]) -> str:
    """A source in words: what kind it is and, where that says more, its name."""
    kind = titles.get(holder.type, holder.type.capitalize())
    return kind if holder.source.casefold() in (holder.type, kind.casefold()) else f"{kind} ({holder.source})"


__all__ = ["CALLED", "EDITABLE", "EMAIL_REFUSED", "Holder", "Refused", "edit", "no_email", "title"]
