"""Reading a pretend site as the core would: pages, records, and the truth to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from klientela.kit import UNSET, Checkout, Order, Person
from klientela.store import Store, facts
from klientela_wix.reading import CursorList, OffsetList
from klientela_wix.sandbox import Sandbox
from klientela_wix.source import WixSource

Connect = Callable[..., WixSource]
SAMPLES = Path(__file__).parents[4] / "shared" / "wire" / "data" / "wix"


def sample(name: str) -> Any:
    """A sample of the wire; skips where the shared material is not present."""
    path = SAMPLES / name
    if not path.exists():
        pytest.skip("the samples in ../shared/wire/data/wix are not here")
    return json.loads(path.read_text(encoding="utf-8"))


def raw(node: Any) -> Raw:
    """An object as it came."""
    return Raw(json.dumps(node).encode())


class SmallPages(WixSource):
    """The source with a few rows on a page, so that a list has many."""

    size = 7

    def _listings(self) -> tuple[OffsetList, OffsetList, CursorList, CursorList]:
        contacts, members, orders, checkouts = super()._listings()
        size = self.size
        return (
            replace(contacts, size=size),
            replace(members, size=size),
            replace(orders, size=size),
            replace(checkouts, size=size),
        )


def told(record: Person | Order | Checkout) -> tuple[Any, ...]:
    """What a stored record says, in the words of `truth`."""
    if isinstance(record, Person):
        return (
            record.first_name,
            record.last_name,
            record.email,
            record.phone,
            len(record.addresses) if record.addresses is not UNSET else None,
            record.tags,
            sorted((one.channel, one.state, one.address) for one in record.consents)
            if record.consents is not UNSET
            else None,
            record.kind == "account",
        )
    if isinstance(record, Order):
        return (
            record.version,
            record.customer or None,
            record.guest,
            record.total,
            record.refunded,
            record.state,
            record.test is True,
            record.checkout_token,
            len(record.lines) if record.lines is not UNSET else None,
        )
    return (record.version, record.customer or None, record.value, record.completed_at, record.token)


def facts_of(store: Store) -> dict[tuple[str, str], Any]:
    """What the store knows of the site's objects that are not gone."""
    with store.reading() as db:
        rows = db.rows("SELECT id FROM record WHERE gone = 0 AND channel IS NOT NULL")
        loaded = [one for one in facts.load(db, [row[0] for row in rows]).values() if one.entity != facts.GUEST_ORDER]
    return {(facts.entity_name(one.entity), one.ext): one.fact for one in loaded}


def known(store: Store) -> dict[tuple[str, str], Any]:
    """The same in the words of `truth`."""
    return {name: told(fact) for name, fact in facts_of(store).items() if not getattr(fact, "merged_into", None)}


def truth(box: Sandbox) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The true state of a site, read from its objects."""
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for one in box.contacts.values():
        member = box.member_of(one)
        states = {"SUBSCRIBED": "granted", "UNSUBSCRIBED": "denied"}
        consents = [("email", states[one.email_consent], one.email)] if one.email_consent in states else []
        consents = consents if one.email else []
        if one.phone and one.phone_consent in states:
            consents.append(("sms", states[one.phone_consent], one.phone))
        found["customer", one.id] = (
            one.first_name,
            one.last_name,
            one.email,
            one.phone,
            len(one.addresses),
            sorted(label.removeprefix("custom.") for label in one.labels),
            sorted(consents),
            member is not None and member.status != "OFFLINE",
        )
    ended = {"CANCELED": "cancelled", "REJECTED": "void"}
    paid = {"PAID": "paid", "PARTIALLY_REFUNDED": "paid", "FULLY_REFUNDED": "returned", "DECLINED": "void"}
    for order in box.orders.values():
        guest = False if order.member else True if order.visitor else UNSET
        found["order", order.id] = (
            order.updated_at,
            order.contact,
            guest,
            order.total,
            order.refunded,
            ended.get(order.status) or paid.get(order.payment_status, "open"),
            order.demo,
            order.checkout_id,
            len(order.lines),
        )
    for cart in box.checkouts.values():
        found["checkout", cart.id] = (cart.updated_at, cart.contact, cart.total, cart.recovered_at, cart.checkout_id)
    return found
