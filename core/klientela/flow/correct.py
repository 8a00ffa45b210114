"""An operator corrects a customer or an order: edits fields, lays values over them, takes those off again (R37, R38).

An order is named by a key of any record that carries it, `source/order/external_id`; whatever else is a customer's.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from klientela.errors import Conflict, Misconfigured
from klientela.flow import hands
from klientela.flow.card import Card
from klientela.flow.desk import Decided, found
from klientela.flow.form import Form, unit_of
from klientela.flow.hands import Word
from klientela.flow.ordercard import OrderCard
from klientela.rules import entered, rights
from klientela.rules.rights import CALLED, Refused
from klientela.store import oneorder
from klientela.store.database import Db, Step, Store
from klientela.store.spoken import Spoken
from klientela.store.tombstones import Graves

_NOTHING: Mapping[str, str] = {}


class Right(NamedTuple):
    """A field as it is shown (None: empty) and what an operator may do to it: edit it, lay a value over it, take that
    off again; `source`: the shop, in words, from which it comes and where it changes; `why` it is not editable."""

    value: str | None
    editable: bool
    pinnable: bool
    pinned: bool
    source: str | None
    why: str | None = None


def rights_of(
    db: Db, key: bytes, customer: int, *, titles: Mapping[str, str] = _NOTHING, overlay: bool = False
) -> dict[str, Right]:
    """What may be done to each field of a customer's number (R37, R38); `overlay`, `titles` as for `pin`. `source` is
    None also where no record of the customer may be edited at all."""
    return _rights(Card(db, key, customer), titles, overlay)


def rights_of_order(
    db: Db, order: str, graves: Graves | None, *, titles: Mapping[str, str] = _NOTHING, overlay: bool = False
) -> dict[str, Right]:
    """The same of an order, by key; `graves` are the store's. UnknownThing for none."""
    return _rights(OrderCard(db, order, graves), titles, overlay)


def _rights(card: Form, titles: Mapping[str, str], overlay: bool) -> dict[str, Right]:
    card.titles, found = titles, {}
    for field in card.fields:
        holder, pinned = card.holder(field), bool(card.pinned(field))
        right = card.right(field)
        refused = isinstance(right, Refused)
        locked = holder is not None and not holder.editable and not holder.pinned
        found[field] = Right(
            card.value(field),
            not refused,
            overlay and (refused or pinned) and card.barred(field) is None,
            pinned,
            rights.title(holder, titles) if locked and holder is not None else None,
            right.sentence if isinstance(right, Refused) else None,
        )
    return found


def edit(
    store: Store,
    customer: str,
    fields: Mapping[str, str],
    *,
    titles: Mapping[str, str] = _NOTHING,
    as_of: int | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Give fields of a customer or an order other values, all or none of them; an empty text clears one.

    `titles`: source types in words. `as_of`: the `version` of the profile somebody looked at (R40b). Misconfigured for
    an unknown field or a value that is none, Conflict where a field may not be changed or was changed meanwhile. Where
    all is so already nothing is written, and there is no `seq`.
    """
    wanted, about = _entered(customer, fields), dict[str, Any]()

    def words(step: Step) -> Sequence[Word]:
        card = _card(step, customer, titles)
        card.unless_changed(as_of, wanted)
        made, refused = card.edits(wanted)
        if refused:
            raise _refusal(refused)
        about.update(card.about() if made else {})
        return made

    return _told(hands.say(store, "edit", words, {"fields": sorted(wanted)}, actor=actor, dry_run=dry_run), about)


def pin(
    store: Store,
    customer: str,
    field: str,
    value: str,
    *,
    overlay: bool = False,
    titles: Mapping[str, str] = _NOTHING,
    as_of: int | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Lay a value over a field until it is unpinned: it is shown whatever the sources say (R27).

    `overlay`: the policy of the configuration, by which also what a shop delivers may be covered. A part of the name or
    of the address pins the whole as it is shown then (R25). Errors as of `edit`.
    """
    wanted = _entered(customer, {field: value})
    kept, about = wanted[field], dict[str, Any]()
    if kept is None:
        raise Misconfigured("a pin needs a value", hint="`klientela unpin ID FIELD` takes a pin off.")

    def words(step: Step) -> Sequence[Word]:
        card = _card(step, customer, titles)
        card.unless_changed(as_of, wanted)
        refused = card.pin_refused(field, overlay=overlay)
        if refused is not None:
            raise _refusal([refused])
        if card.pinned(field) and card.value(field) == kept:
            return []
        about.update(card.about())
        return card.pins(field, kept)

    return _told(hands.say(store, "pin", words, {"fields": [field]}, actor=actor, dry_run=dry_run), about)


def unpin(
    store: Store,
    customer: str,
    field: str,
    *,
    as_of: int | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Take the pins off a field, on all records of the customer: what lies beneath shows again. Conflict where it is
    not pinned."""
    _known(customer, field)
    about: dict[str, Any] = {}

    def which(step: Step) -> Sequence[Spoken]:
        card = _card(step, customer, _NOTHING)
        card.unless_changed(as_of, [field])
        pins = card.pinned(field)
        if not pins:
            raise Conflict(
                f"the {CALLED.get(unit_of(field), unit_of(field))} is not pinned",
                hint=card.shown_by,
            )
        about.update(card.about())
        return pins

    return _told(hands.unsay(store, "unpin", which, {"fields": [field]}, actor=actor, dry_run=dry_run), about)


def _told(made: Decided, about: Mapping[str, Any]) -> Decided:
    made.about.update(about)
    return made


def _card(step: Step, customer: str, titles: Mapping[str, str]) -> Form:
    if oneorder.is_key(customer):
        order = OrderCard(step.db, customer, step.store.graves())
        order.titles = titles
        return order
    card = Card(step.db, step.store.key, found(step, customer).customer)
    card.titles = titles
    return card


def _entered(named: str, fields: Mapping[str, str]) -> dict[str, str | None]:
    """The values as they are kept. An e-mail is refused before anything else is looked at (R37)."""
    if not fields:
        raise Misconfigured("no field is named", hint="Name them as FIELD=VALUE, such as city=Dresden.")
    if "email" in fields:
        raise _refusal([rights.no_email()])
    wanted: dict[str, str | None] = {}
    wrong: list[str] = []
    for field, text in fields.items():
        _known(named, field)
        try:
            wanted[field] = entered.value(field, text)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise Misconfigured("; ".join(wrong), hint="Nothing was written.")
    return wanted


def _known(named: str, field: str) -> None:
    if field == "email":
        raise _refusal([rights.no_email()])
    kind: type[Form] = OrderCard if oneorder.is_key(named) else Card
    if field not in kind.fields:
        near = difflib.get_close_matches(field.lower(), kind.fields, 1)
        plain = [one for one in kind.fields if one not in entered.OF_KINDS]
        known = f"An operator may set {', '.join((*plain, 'billing_…', 'shipping_…'))}."
        raise Misconfigured(
            f"there is no field {field!r} that an operator sets", hint=f"Did you mean {near[0]}?" if near else known
        )


def _refusal(refused: Sequence[Refused]) -> Conflict:
    """All that is refused in one sentence, and that nothing of the request is written."""
    told = "; ".join(dict.fromkeys(one.sentence for one in refused))
    return Conflict(f"{told}; nothing was written", hint=refused[0].hint)


__all__ = ["Right", "edit", "pin", "rights_of", "rights_of_order", "unpin"]
