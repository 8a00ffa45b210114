"""An account that also works for another shop: it takes over that shop's orders, as it does every few minutes.

The orders are those of another sandbox's `GET /_sandbox/truth`: `id`, `name`, `email`, `lines`, `total`, `billing` and
so on. Taking them over again changes only what changed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from klientela.kit import Instant, instant
from klientela_billbee.sandbox.shop import Shop
from klientela_billbee.sandbox.things import (
    CANCELLED,
    ORDERED,
    PAID,
    PAYPAL,
    TEST_PAYMENT,
    Address,
    Customer,
    Item,
    Order,
    Store,
)

Given = Mapping[str, Any]


def carry(
    shop: Shop, orders: Iterable[Given], *, name: str = "Shopify", platform: str = "shopify", relay: bool = False
) -> tuple[Store, int]:
    """Take over the orders of another shop; the store they are of here, and how many are new or changed.

    `relay`: their buyers are only known by an address of a marketplace and an id.
    """
    with shop.lock:
        store = next((one for one in shop.stores.values() if (one.name, one.platform) == (name, platform)), None)
        store = store or shop.store(name, platform)
        here = {one.ident: one for one in shop.orders.values() if one.store == store.id}
        return store, sum(_take(shop, store, here.get(str(one["id"])), one, relay) for one in orders)


def _take(shop: Shop, store: Store, known: Order | None, given: Given, relay: bool) -> bool:
    """Whether it was new or changed."""
    state = CANCELLED if given.get("cancelled_at") else ORDERED if given.get("status") in _UNPAID else PAID
    if known is not None:
        if known.state == state:
            return False
        shop.order(known.id, state=state)
        return True
    ident = str(given["id"])
    buyer = given.get("customer")
    email = given.get("email")
    if relay:
        email = f"kunde-{buyer or ident}@marketplace.amazon.de"
    billing, shipping = _home(given.get("billing"), 1), _home(given.get("shipping"), 2)
    made = shop.order(
        store=store,
        ident=ident,
        number=str(given.get("name") or ident).lstrip("#"),
        customer=assign(shop, email, billing or shipping),
        items=_items(given),
        currency=given.get("currency", shop.currency),
        billing=billing,
        shipping=shipping,
        buyer=None if buyer is None else str(buyer),
        order_email=email,
        state=state,
        payment=TEST_PAYMENT if given.get("test") else PAYPAL,
        created_at=_when(given.get("processed_at") or given.get("created_at"), shop),
    )
    made.shipping_cost = int(given.get("total", made.total)) - made.total
    return True


_UNPAID = frozenset({"PENDING", "AUTHORIZED", "PARTIALLY_PAID"})


def assign(shop: Shop, email: str | None, home: Address | None) -> Customer | None:
    """The customer an imported order goes to: by e-mail, else by an identical address, else a new one.

    Found by address, the e-mail of the order replaces the customer's. An order of nobody has no customer.
    """
    if not email and home is None:
        return None
    found = next((one for one in shop.customers.values() if email and one.email == email), None)
    if found is None and home is not None and home.last_name:
        found = next(
            (one for one in shop.customers.values() if any(_same(home, other) for other in one.addresses)), None
        )
        if found is not None and email and found.email != email:
            shop.customer(found.id, email=email)
    if found is None:
        found = shop.customer(
            email=email,
            first_name=home.first_name if home else None,
            last_name=home.last_name if home else None,
            phone=home.phone if home else None,
            addresses=[_copy(home)] if home else [],
        )
    return found


def _same(one: Address, other: Address) -> bool:
    names = ("first_name", "last_name", "street", "number", "zip", "city", "country")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _copy(one: Address) -> Address:
    return Address(**{name: getattr(one, name) for name in one.__dataclass_fields__ if name != "id"})


def _home(given: Given | None, kind: int) -> Address | None:
    if not given:
        return None
    street, number = _street(given.get("address1"))
    return Address(
        kind=kind,
        first_name=given.get("first_name"),
        last_name=given.get("last_name"),
        company=given.get("company"),
        addition=given.get("address2"),
        street=street,
        number=number,
        zip=given.get("zip"),
        city=given.get("city"),
        country=given.get("country"),
        phone=given.get("phone"),
    )


def _street(line: str | None) -> tuple[str | None, str | None]:
    """Street and house number, which other shops keep in one line."""
    head, _, tail = (line or "").rpartition(" ")
    return (head, tail) if head and tail[:1].isdigit() else (line, None)


def _items(given: Given) -> list[Item]:
    return [
        Item(
            title=line.get("title") or "Artikel",
            sku=line.get("sku"),
            quantity=line.get("quantity", 1),
            price=line.get("price", 0),
            rebate=0 if line.get("total") is None else line["price"] * line["quantity"] - line["total"],
        )
        for line in given.get("lines") or ()
    ]


def _when(text: str | None, shop: Shop) -> Instant:
    return instant(text) if text else shop.clock.now()
