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
    Consent,
    Number,
    Order,
    Person,
    Record,
    RecordRejected,
    Shop,
)
from klientela_api.shapes import CustomerIn, OrderIn
from klientela_api.things import THINGS
from klientela_api.words import address, carried, line, money, plain, time

_KINDS: Mapping[str, Any] = {"registered": "account", "guest": "guest", "contact": "contact"}
_SAME = ("first_name", "last_name", "company", "email", "phone")
_PERSON = (*_SAME, "email_verified", "emails", "phones", "crm_id", "birthday", "locale", "note", "tags", "modules")
_ORDER = (*_SAME, "number", "customer", "state", "test", "tags", "cancels", "credits")


_BRANCHES = ("constrained-", "Minor", "RefIn")  # how pydantic names what a value may be, beside the field


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
        version=time("updated_at", item.updated_at, shop),
        kind=_KINDS[item.kind],
        **carried(item, _PERSON),
    )
    told = item.model_fields_set
    if "created_at" in told:
        made.created_at = time("created_at", item.created_at, shop)
    if "addresses" in told:
        made.addresses = [address(one) for one in item.addresses]
    if "numbers" in told:
        made.numbers = [Number(one.value, one.space) for one in item.numbers]
    if "consents" in told:
        made.consents = [
            Consent(**{**one.model_dump(exclude={"at"}), "at": time("consents.at", one.at, shop)})
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
        version=time("updated_at", item.updated_at, shop),
        placed_at=time("placed_at", item.placed_at, shop),
        currency=currency,
        total=money("total", item.total, currency),
        **carried(item, _ORDER),
    )
    told = item.model_fields_set
    if item.guest is not None:
        made.guest = item.guest
    elif not item.customer:
        made.kind = "contact"  # nobody said that it is a guest's
    if "addresses" in told:
        made.addresses = [address(one) for one in item.addresses]
    if item.refunded is not None:
        made.refunded = money("refunded", item.refunded, currency)
    if item.current_total is not None:
        made.current_total = money("current_total", item.current_total, currency)
    if "lines" in told:
        made.lines = [line(one, currency) for one in item.lines]
    return made


KINDS: Mapping[str, tuple[type[BaseModel], Callable[[Any, Shop], Record]]] = {
    "customers": (CustomerIn, customer),
    "orders": (OrderIn, order),
    **THINGS,
}
"""What can be pushed: the shape of each stream, and how it becomes a record."""


def _reason(error: ValidationError, shape: type[BaseModel]) -> str:
    """The first thing that is wrong, without the value: it may be somebody's."""
    found = error.errors(include_url=False, include_context=True, include_input=False)[0]
    place = ".".join(str(part) for part in found["loc"] if not str(part).startswith(_BRANCHES))
    if found["type"] == "extra_forbidden":
        meant = difflib.get_close_matches(str(found["loc"][-1]), shape.model_fields, 1)
        return f"there is no field {place[:100]}" + (f"; did you mean {meant[0]}?" if meant else "")
    if found["type"] == "missing":
        return f"{place} is missing"
    return f"{place[:100]}: {found['msg'][0].lower() + found['msg'][1:]}"


__all__ = ["KINDS", "customer", "key_of", "light", "order", "plain", "record_of"]
