"""What happens in a pretend shop while time passes: seeded edits, orders, returns, recovered carts, deletions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from klientela.testing.backstage import happen
from klientela_shopify.sandbox.people import FIRST, LAST, MAILS, TAGS, Town
from klientela_shopify.sandbox.shop import Shop
from klientela_shopify.sandbox.things import Thing


def _renames(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    shop.customer(one.id, first_name=one.first_name or town.dice.choice(FIRST), last_name=town.dice.choice(LAST))
    return f"customer {one.id} has another name"


def _moves(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    home = town.address(one.first_name, one.last_name)
    shop.customer(one.id, addresses=[home, *(replace(address) for address in one.addresses[:2])])
    return f"customer {one.id} moved"


def _changes_mailbox(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    shop.customer(one.id, email=f"new{one.id % 100_000}.{town.dice.randint(1, 999)}@{town.dice.choice(MAILS)}")
    return f"customer {one.id} has another mailbox"


def _decides(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    answer = "UNSUBSCRIBED" if one.email_consent == "SUBSCRIBED" else "SUBSCRIBED"
    shop.customer(one.id, email_consent=answer, email_consent_at=shop.clock.now())
    return f"customer {one.id} is {answer}"


def _is_tagged(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    shop.customer(one.id, tags=sorted({*one.tags, town.dice.choice(TAGS)}))
    return f"customer {one.id} was tagged"


def _registers(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    shop.customer(one.id, state="ENABLED")
    return f"customer {one.id} has an account"


def _arrives(shop: Shop, town: Town) -> str | None:
    first, last = town.dice.choice(FIRST), town.dice.choice(LAST)
    one = shop.customer(
        first_name=first,
        last_name=last,
        state=town.dice.choice(("ENABLED", "DISABLED")),
        email=f"neu{shop.revision}@{town.dice.choice(MAILS)}",
        addresses=[town.address(first, last)],
    )
    return f"customer {one.id} is new"


def _orders(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers) if town.dice.random() < 0.8 else None
    if one is not None:
        home = replace(one.addresses[0], id=0) if one.addresses else None
        order = shop.order(customer=one, email=one.email, billing=home, lines=town.basket())
    else:
        first, last = town.dice.choice(FIRST), town.dice.choice(LAST)
        mail = f"gast{shop.revision}@{town.dice.choice(MAILS)}"
        order = shop.order(email=mail, billing=town.address(first, last), lines=town.basket())
    return f"order {order.name} was placed"


def _returns(shop: Shop, town: Town) -> str | None:
    open_ones = [one for one in shop.orders.values() if one.cancelled_at is None and one.total > one.refunded]
    if not open_ones:
        return None
    order = town.dice.choice(open_ones)
    left = order.total - order.refunded
    shop.refund(order, town.dice.choice((left, max(1, left // 2))))
    return f"order {order.name} was refunded"


def _cancels(shop: Shop, town: Town) -> str | None:
    open_ones = [one for one in shop.orders.values() if one.cancelled_at is None]
    if not open_ones:
        return None
    order = town.dice.choice(open_ones)
    shop.cancel(order)
    return f"order {order.name} was cancelled"


def _abandons(shop: Shop, town: Town) -> str | None:
    cart = shop.checkout(customer=town.pick(shop.customers), lines=town.basket())
    return f"checkout {cart.id} was abandoned"


def _comes_back(shop: Shop, town: Town) -> str | None:
    carts = [one for one in shop.checkouts.values() if one.completed_at is None and one.customer in shop.customers]
    if not carts:
        return None
    order = shop.recover(town.dice.choice(carts))
    return f"a checkout was recovered as {order.name}"


def _vanishes(shop: Shop, town: Town) -> str | None:
    idle = [one for one in shop.customers.values() if not shop.orders_of.get(one.id)]
    if not idle:
        return None
    one = town.dice.choice(idle)
    shop.delete(one)
    return f"customer {one.id} was deleted"


EVENTS: dict[Callable[[Shop, Town], str | None], int] = {
    _renames: 8,
    _moves: 8,
    _changes_mailbox: 4,
    _decides: 10,
    _is_tagged: 8,
    _registers: 4,
    _arrives: 12,
    _orders: 24,
    _returns: 6,
    _cancels: 4,
    _abandons: 6,
    _comes_back: 4,
    _vanishes: 2,
}


def live(shop: Shop, town: Town, steps: int = 1) -> list[str]:
    """Let a number of things happen, one after the other; answers what they were."""
    return happen(shop, town, EVENTS, steps)


def disturb(shop: Shop, dice: random.Random, kind: str, seen: list[int]) -> None:
    """Page drift: between two pages of a list, something already shown and something not yet shown change."""
    with shop.lock:
        shelves: dict[str, Mapping[int, Thing]] = {
            "customers": shop.customers,
            "orders": shop.orders,
            "abandonedCheckouts": shop.checkouts,
        }
        shelf = shelves[kind]
        shown = [number for number in seen if number in shelf]
        waiting = sorted(set(shelf) - set(seen))
        for number in ([dice.choice(shown)] if shown else []) + ([dice.choice(waiting)] if waiting else []):
            if kind == "customers":
                shop.customer(number, note=f"geändert {shop.revision}")
            elif kind == "orders":
                shop.order(number, note=f"geändert {shop.revision}")
            else:
                shop.checkout(number, note=f"geändert {shop.revision}")
