"""Pushed things into records: shape by shape, with a reason in words for what cannot be taken."""

from __future__ import annotations

import difflib
from base64 import b64decode
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ValidationError

from klientela.kit import (
    UNSET,
    Address,
    Consent,
    Instant,
    Line,
    Number,
    Order,
    Person,
    Record,
    RecordRejected,
    Shop,
    instant,
    minor,
)
from klientela_api.shapes import AddressIn, CustomerIn, LineIn, Minor, Money, OrderIn

_KINDS: Mapping[str, Any] = {"registered": "account", "guest": "guest", "contact": "contact"}
_SAME = ("first_name", "last_name", "company", "email", "phone")
_PERSON = (*_SAME, "email_verified", "emails", "phones", "crm_id", "birthday", "locale", "note", "tags", "modules")
_ORDER = (*_SAME, "number", "customer", "state", "test", "tags", "cancels", "credits")


def record_of(stream: str, item: Any, shop: Shop) -> Record:
    """The record of a pushed thing. RecordRejected with the reason when it cannot be taken."""
    kind = KINDS.get(stream)
    if kind is None:
        raise RecordRejected(f"nothing is known of {stream}")
    shape, translate = kind
    if not isinstance(item, dict):
        raise RecordRejected("this is no JSON object")
    try:
        return translate(shape.model_validate(item), shop)
    except ValidationError as error:
        raise RecordRejected(plain(_reason(error, shape))) from None


def key_of(item: Any) -> str | None:
    """The id of a pushed thing, as far as it has one."""
    found = item.get("external_id") if isinstance(item, dict) else None
    return plain(found) if isinstance(found, str) and 0 < len(found) <= 500 else None


def plain(text: str) -> str:
    """Text that every database and every answer can hold: JSON may spell halves of characters."""
    return text.encode("utf-8", "replace").decode()


def light(item: Any) -> Any:
    """A pushed thing as it is kept beside its record: without the bytes of a file, which are kept once elsewhere."""
    file = item.get("file") if isinstance(item, dict) else None
    if not isinstance(file, dict) or "base64" not in file:
        return item
    rest = {name: value for name, value in file.items() if name != "base64"}
    with suppress(ValueError, TypeError):  # what is wrong with it is the reason of its reject
        rest.setdefault("sha256", sha256(b64decode(file["base64"], validate=True)).hexdigest())
    return {**item, "file": rest}


def customer(item: CustomerIn, shop: Shop) -> Person:
    """A customer into a person."""
    made = Person(
        external_id=item.external_id,
        version=_time("updated_at", item.updated_at, shop),
        kind=_KINDS[item.kind],
        **_carried(item, _PERSON),
    )
    told = item.model_fields_set
    if "created_at" in told:
        made.created_at = _time("created_at", item.created_at, shop)
    if "addresses" in told:
        made.addresses = [_address(one) for one in item.addresses]
    if "numbers" in told:
        made.numbers = [Number(one.value, one.space) for one in item.numbers]
    if "consents" in told:
        made.consents = [
            Consent(**{**one.model_dump(exclude={"at"}), "at": _time("consents.at", one.at, shop)})
            for one in item.consents
        ]
    if item.merged_into is not None:
        made.merged_into = item.merged_into
    return made


def order(item: OrderIn, shop: Shop) -> Order:
    """An order; its money is in its own currency, else in the shop's."""
    currency = item.currency or shop.currency
    made = Order(
        external_id=item.external_id,
        version=_time("updated_at", item.updated_at, shop),
        placed_at=_time("placed_at", item.placed_at, shop),
        currency=currency,
        total=_money("total", item.total, currency),
        **_carried(item, _ORDER),
    )
    told = item.model_fields_set
    if item.guest is not None:
        made.guest = item.guest
    elif not item.customer:
        made.kind = "contact"  # nobody said that it is a guest's
    if "addresses" in told:
        made.addresses = [_address(one) for one in item.addresses]
    if item.refunded is not None:
        made.refunded = _money("refunded", item.refunded, currency)
    if item.current_total is not None:
        made.current_total = _money("current_total", item.current_total, currency)
    if "lines" in told:
        made.lines = [_line(one, currency) for one in item.lines]
    return made


KINDS: Mapping[str, tuple[type[BaseModel], Callable[[Any, Shop], Record]]] = {
    "customers": (CustomerIn, customer),
    "orders": (OrderIn, order),
}
"""What can be pushed: the shape of each stream, and how it becomes a record."""


def _carried(item: BaseModel, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields that were sent, as they are: null clears, what is absent says nothing (R0b)."""
    return {name: getattr(item, name) if name in item.model_fields_set else UNSET for name in names}


def _address(one: AddressIn) -> Address:
    return Address(**one.model_dump())


def _line(one: LineIn, currency: str) -> Line:
    return Line(
        title=one.title,
        sku=one.sku,
        quantity=one.quantity,
        unit_price=_maybe("lines.unit_price", one.unit_price, currency),
        total=_maybe("lines.total", one.total, currency),
    )


def _maybe(name: str, amount: Money | None, currency: str) -> int | None:
    return None if amount is None else _money(name, amount, currency)


def _money(name: str, amount: Money, currency: str) -> int:
    if isinstance(amount, Minor):
        return amount.minor
    try:
        return minor(amount, currency)
    except ValueError as error:
        raise RecordRejected(f"{name}: {error}") from None


def _time(name: str, text: str | None, shop: Shop) -> Instant | None:
    if text is None:
        return None
    try:
        return instant(text, shop.timezone)
    except (ValueError, OverflowError):
        raise RecordRejected(f"{name}: this is no time; write ISO 8601, like 2026-05-14T11:23:45+02:00") from None


def _reason(error: ValidationError, shape: type[BaseModel]) -> str:
    """The first thing that is wrong, without the value: it may be somebody's."""
    found = error.errors(include_url=False, include_context=True, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"] if not str(part).startswith(("constrained-", "Minor")))
    if found["type"] == "extra_forbidden":
        meant = difflib.get_close_matches(str(found["loc"][-1]), shape.model_fields, 1)
        return f"there is no field {place[:100]}" + (f"; did you mean {meant[0]}?" if meant else "")
    if found["type"] == "missing":
        return f"{place} is missing"
    return f"{place[:100]}: {found['msg'][0].lower() + found['msg'][1:]}"


__all__ = ["KINDS", "customer", "key_of", "light", "order", "plain", "record_of"]
