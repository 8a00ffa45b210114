"""What happens in a pretend account while time passes: seeded orders, changes, credit notes, joined customers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from klientela.testing.backstage import happen
from klientela_billbee.sandbox.people import FIRST, LAST, Town, buy, buy_at_market
from klientela_billbee.sandbox.shop import Shop
from klientela_billbee.sandbox.things import CANCELLED, DELETED, ORDERED, PAID, SHIPPED, Order

Event = Callable[[Shop, Town], str | None]


def _going(shop: Shop, town: Town) -> Order | None:
    """Some order that is neither cancelled nor deleted, nor a paper about another one."""
    fine = [
        number
        for number, one in shop.orders.items()
        if one.state not in (CANCELLED, DELETED) and one.total > 0 and not one.cancels
    ]
    return shop.orders[town.dice.choice(sorted(fine))] if fine else None


def _arrives(shop: Shop, town: Town) -> str | None:
    first, last = town.dice.choice(FIRST), town.dice.choice(LAST)
    one = shop.customer(
        first_name=first, last_name=last, email=town.mail(first, last), addresses=[town.address(first, last)]
    )
    return f"order {buy(shop, town, one, shop.clock.now()).number} of a new customer"


def _buys(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    return None if one is None else f"order {buy(shop, town, one, shop.clock.now()).number} was placed"


def _buys_at_market(shop: Shop, town: Town) -> str | None:
    return f"order {buy_at_market(shop, town, shop.clock.now()).number} came from the marketplace"


def _goes_on(shop: Shop, town: Town) -> str | None:
    order = _going(shop, town)
    if order is None:
        return None
    state = PAID if order.state == ORDERED else SHIPPED
    shop.order(order.id, state=state)
    return f"order {order.number} has state {state}"


def _cancels(shop: Shop, town: Town) -> str | None:
    order = _going(shop, town)
    if order is None:
        return None
    (shop.cancel if town.dice.random() < 0.6 else shop.cancel_by_paper)(order)
    return f"order {order.number} was cancelled"


def _credits(shop: Shop, town: Town) -> str | None:
    order = _going(shop, town)
    if order is None:
        return None
    shop.credit(order, max(1, order.total // town.dice.choice((1, 2, 3))))
    return f"order {order.number} got a credit note"


def _deletes(shop: Shop, town: Town) -> str | None:
    order = _going(shop, town)
    if order is None:
        return None
    shop.delete(order, vanish=town.dice.random() < 0.3)
    return f"order {order.number} was deleted"


def _renames(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    shop.customer(one.id, last_name=town.dice.choice(LAST))
    return f"customer {one.id} has another name"


def _moves(shop: Shop, town: Town) -> str | None:
    one = town.pick(shop.customers)
    if one is None:
        return None
    home = town.address(one.first_name, one.last_name)
    shop.customer(one.id, addresses=[home, *(replace(address) for address in one.addresses[:2])])
    return f"customer {one.id} moved"


def _joins(shop: Shop, town: Town) -> str | None:
    buyers = sorted({one.customer for one in shop.orders.values() if one.customer in shop.customers})
    if len(buyers) < 2:
        return None
    old, new = (shop.customers[number] for number in town.dice.sample(buyers, 2) if number is not None)
    shop.join(old, new, quiet=town.dice.random() < 0.7)
    return f"customer {old.id} was joined with {new.id}"


def _leaves(shop: Shop, town: Town) -> str | None:
    busy = {one.customer for one in shop.orders.values()}
    idle = [number for number in sorted(shop.customers) if number not in busy]
    if not idle:
        return None
    one = shop.customers[town.dice.choice(idle)]
    shop.delete(one)
    return f"customer {one.id} was deleted"


EVENTS: dict[Event, int] = {
    _arrives: 14,
    _buys: 22,
    _buys_at_market: 10,
    _goes_on: 20,
    _cancels: 6,
    _credits: 6,
    _deletes: 4,
    _renames: 6,
    _moves: 6,
    _joins: 4,
    _leaves: 2,
}


def live(shop: Shop, town: Town, steps: int = 1) -> list[str]:
    """Let a number of things happen, one after the other; answers what they were."""
    return happen(shop, town, EVENTS, steps)


def disturb(shop: Shop, dice: random.Random, kind: str) -> None:
    """Page drift: between two pages of a list, something changes in it."""
    with shop.lock:
        if kind == "orders" and shop.orders:
            number = dice.choice(sorted(shop.orders))
            shop.order(number, note=f"geändert {shop.revision}")
        elif kind in ("customers", "customer-addresses"):
            idle = sorted(set(shop.customers) - {one.customer for one in shop.orders.values()})
            if idle and dice.random() < 0.5:
                shop.delete(shop.customers[dice.choice(idle)])
            else:
                shop.customer(first_name="Neu", last_name=f"Zugang{shop.revision}")
