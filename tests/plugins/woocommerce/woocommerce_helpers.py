"""The subject for the suite, and reading a pretend shop as the core would: records, and the truth to compare with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from klientela.kit import UNSET, Order, Person
from klientela.store import Store, facts
from klientela.testing import Row, conformance
from klientela_woocommerce.sandbox import SECRET, WooCommerceSandbox
from klientela_woocommerce.source import WooCommerceSource

Connect = Callable[..., WooCommerceSource]


class WooCommerceSubject(conformance.PretendSubject):
    """A pretend shop that begins empty, and accounts that are read with every run."""

    kind = WooCommerceSource
    shop = WooCommerceSandbox
    box: WooCommerceSandbox
    extra = {"customers_every": 0}  # noqa: RUF012 - as the kit declares it
    phone = "billing.phone"
    odd = {  # noqa: RUF012 - as the kit declares it
        "unknown_enum": {"role": "brand-new"},
        "unknown_field": {"shiny": [1, 2], "meta_data": [{"key": "x"}]},
        "broken_record": {"date_modified_gmt": "the day before yesterday"},
    }
    not_applicable = {"mixed_offsets": "WooCommerce writes all times in UTC, without an offset"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.secrets = (self.box.key, SECRET)

    def mention(self, row: Row) -> None:
        """An order has a bill, with an e-mail of its own."""
        self.box.order(row, billing={"first_name": "", "last_name": "", "phone": "", "email": "other@post.example"})


def told(record: Any) -> tuple[Any, ...]:
    """What a stored record says, in the words of `truth`."""
    if isinstance(record, Person):
        count = len(record.addresses) if record.addresses is not UNSET else None
        return (record.version, record.first_name, record.last_name, record.email, record.phone, count)
    assert isinstance(record, Order)
    return (record.version, record.customer, record.guest, record.total, record.refunded, record.state, record.email)


def known(store: Store) -> dict[tuple[str, str], tuple[Any, ...]]:
    """What the store knows of the shop's objects that are not gone."""
    with store.reading() as db:
        rows = db.rows("SELECT id FROM record WHERE gone = 0 AND channel IS NOT NULL")
        loaded = facts.load(db, [row[0] for row in rows]).values()
    return {
        (facts.entity_name(one.entity), one.ext): told(one.fact) for one in loaded if one.entity != facts.GUEST_ORDER
    }


def truth(box: WooCommerceSandbox) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The true state of a shop, read from its shelves."""
    states = {"processing": "paid", "completed": "paid", "trash": "deleted"}
    found: dict[tuple[str, str], tuple[Any, ...]] = {}
    for row in box.shelves["customers"].values():
        said, bill = row.said, row.said["billing"]
        names = (said["first_name"] or None, said["last_name"] or None, said["email"] or None, bill["phone"] or None)
        found["customer", row.id] = (row.at, *names, 1 if bill["city"] else 0)
    for row in box.shelves["orders"].values():
        said, buyer = row.said, row.said["customer_id"]
        found["order", row.id] = (
            row.at,
            str(buyer) if buyer else None,
            not buyer,
            round(float(said["total"]) * 100),
            round(sum(-float(one["total"]) for one in said["refunds"]) * 100),
            states[said["status"]],
            said["billing"]["email"] or None,
        )
    return found
