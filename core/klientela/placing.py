"""An order for a shop: what a source that can write is given, what it answers, and the mark by which the order is known
when it comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from klientela.model.records import Address, Line

_MARK = re.compile(r"klientela-([0-9a-f]{32})")


class Placing(Struct, frozen=True, kw_only=True):
    """An order that somebody placed here for a customer, to be written into a shop.

    `key`: 32 hexadecimal digits, the same whenever this order is sent: an idempotency key where the shop knows such, and
    to be left on the order there, as `mark_of(key)` among its tags, so that it is known when it comes back. `customer`:
    the external id of the buyer's customer record at this very shop, None where it knows none. Money in minor units of
    `currency`; `total` = the lines less `discount`. The contact fields are what the customer's profile shows.
    """

    key: str
    currency: str
    lines: list[Line]
    total: int
    discount: int = 0
    voucher: str | None = None
    number: str | None = None  # as the order is called here
    customer: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    email: str | None = None
    phone: str | None = None
    billing: Address | None = None
    shipping: Address | None = None


class Placed(Struct, frozen=True, kw_only=True):
    """What the shop made of it: the `external_id` that the order will have when it comes with a sync, or the id of a
    `draft`, which is no order before somebody in the shop makes it one. One of the two is there. `remark`: one sentence
    that people should know of it, without anything about the person."""

    external_id: str | None = None
    draft: str | None = None
    remark: str | None = None


def mark_of(key: str) -> str:
    """The tag that a shop's order of that key carries."""
    return f"klientela-{key}"


def take_mark(tags: Iterable[str]) -> tuple[str | None, list[str]]:
    """The key among the tags of a shop's order (None: there is none), and the other tags."""
    key: str | None = None
    others = []
    for tag in tags:
        found = _MARK.fullmatch(tag.strip())
        if found is None:
            others.append(tag)
        else:
            key = key or found[1]
    return key, others


__all__ = ["Placed", "Placing", "mark_of", "take_mark"]
