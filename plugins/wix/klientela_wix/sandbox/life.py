"""What happens on a pretend site while time passes: seeded edits, orders, returns, recovered carts, merges, deletions."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from klientela.testing.backstage import happen
from klientela_wix.sandbox.people import FIRST, LABELS, LAST, Town
from klientela_wix.sandbox.site import Site


def _renames(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None:
        return None
    site.contact(one.id, first_name=one.first_name or town.dice.choice(FIRST), last_name=town.dice.choice(LAST))
    return f"contact {one.id} has another name"


def _moves(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None:
        return None
    site.contact(one.id, addresses=[town.address("SHIPPING"), *(replace(home) for home in one.addresses[:1])])
    return f"contact {one.id} moved"


def _changes_mailbox(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None or site.member_of(one) is not None:
        return None  # what a member logs in with cannot be changed
    site.contact(one.id, email=town.mail("neu", one.last_name, site.revision))
    return f"contact {one.id} has another mailbox"


def _loses_phone(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None or not one.email:
        return None
    site.contact(one.id, phone=None, more_phones=[])
    return f"contact {one.id} has no telephone any more"


def _decides(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None or not one.email:
        return None
    answer = "UNSUBSCRIBED" if one.email_consent == "SUBSCRIBED" else "SUBSCRIBED"
    site.contact(one.id, email_consent=answer)
    return f"contact {one.id} is {answer}"


def _is_labelled(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None:
        return None
    site.contact(one.id, labels=sorted({*one.labels, town.dice.choice(LABELS)}))
    return f"contact {one.id} was labelled"


def _registers(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None or not one.email or site.member_of(one) is not None:
        return None
    site.member(one, verified=False)
    return f"contact {one.id} is a member"


def _verifies(site: Site, town: Town) -> str | None:
    waiting = sorted(one.contact for one in site.members.values() if not one.verified)
    if not waiting:
        return None
    site.member(town.dice.choice(waiting), verified=True)
    return "a member verified the mailbox"


def _arrives(site: Site, town: Town) -> str | None:
    first, last = town.dice.choice(FIRST), town.dice.choice(LAST)
    one = site.contact(
        first_name=first,
        last_name=last,
        source="WIX_FORMS",
        email=town.mail(first, last, 100_000 + site.revision),
        addresses=[town.address()],
    )
    return f"contact {one.id} is new"


def _orders(site: Site, town: Town) -> str | None:
    one = town.pick(site.contacts)
    if one is None:
        return None
    home = replace(one.addresses[0]) if one.addresses else town.address()
    home.first_name, home.last_name = one.first_name, one.last_name
    order = site.order(contact=one, billing=home, lines=town.basket(), demo=town.dice.random() < 0.05)
    return f"order {order.number} was placed"


def _returns(site: Site, town: Town) -> str | None:
    open_ones = [one for one in site.orders.values() if one.status != "CANCELED" and one.total > one.refunded]
    if not open_ones:
        return None
    order = town.dice.choice(open_ones)
    left = order.total - order.refunded
    site.refund(order, town.dice.choice((left, max(1, left // 2))))
    return f"order {order.number} was refunded"


def _cancels(site: Site, town: Town) -> str | None:
    open_ones = [one for one in site.orders.values() if one.status == "APPROVED"]
    if not open_ones:
        return None
    order = town.dice.choice(open_ones)
    site.cancel(order)
    return f"order {order.number} was cancelled"


def _abandons(site: Site, town: Town) -> str | None:
    cart = site.checkout(contact=town.pick(site.contacts), lines=town.basket())
    return f"checkout {cart.id} was abandoned"


def _comes_back(site: Site, town: Town) -> str | None:
    carts = [one for one in site.checkouts.values() if one.recovered_at is None and one.contact in site.contacts]
    if not carts:
        return None
    order = site.recover(town.dice.choice(carts))
    return f"a checkout was recovered as order {order.number}"


def _merges(site: Site, town: Town) -> str | None:
    free = sorted(one.id for one in site.contacts.values() if site.member_of(one) is None)
    if len(free) < 2 or len(site.contacts) < 5:
        return None
    source = town.dice.choice(free)
    target = town.dice.choice(sorted(set(site.contacts) - {source}))
    site.merge(target, source)
    return f"contact {source} was merged into {target}"


def _buyers(site: Site) -> set[str | None]:
    """The contacts that orders and checkouts name."""
    return {one.contact for one in site.orders.values()} | {one.contact for one in site.checkouts.values()}


def _vanishes(site: Site, town: Town) -> str | None:
    buyers = _buyers(site)
    idle = [one for one in site.contacts.values() if one.id not in buyers]
    if not idle:
        return None
    one = town.dice.choice(idle)
    site.delete(one)
    return f"contact {one.id} was deleted"


EVENTS: dict[Callable[[Site, Town], str | None], int] = {
    _renames: 8,
    _moves: 8,
    _changes_mailbox: 4,
    _loses_phone: 2,
    _decides: 10,
    _is_labelled: 8,
    _registers: 5,
    _verifies: 3,
    _arrives: 12,
    _orders: 22,
    _returns: 6,
    _cancels: 4,
    _abandons: 6,
    _comes_back: 4,
    _merges: 2,
    _vanishes: 2,
}


def live(site: Site, town: Town, steps: int = 1) -> list[str]:
    """Let a number of things happen, one after the other; answers what they were."""
    return happen(site, town, EVENTS, steps)


def disturb(site: Site, dice: random.Random, shelf: str, seen: list[str]) -> None:
    """Page drift: between two pages of a list, something shown changes or vanishes, and something not yet shown."""
    with site.lock:
        things: Mapping[str, Any] = getattr(site, shelf)
        shown = [name for name in seen if name in things]
        waiting = sorted(set(things) - set(seen))
        for name in ([dice.choice(shown)] if shown else []) + ([dice.choice(waiting)] if waiting else []):
            if shelf == "contacts":
                site.contact(name, labels=[f"custom.changed-{site.revision}"])
            elif shelf == "members":
                site.member(things[name].contact, verified=True)
            elif shelf == "orders":
                site.order(name, fulfillment="FULFILLED")
            else:
                site.checkout(name, email=f"changed{site.revision}@post.example")
        if shelf == "contacts" and len(shown) > 1:
            buyers = _buyers(site)
            for name in [name for name in shown if name in things and name not in buyers][:2]:
                site.delete(things[name])
