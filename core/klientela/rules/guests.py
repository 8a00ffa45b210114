"""Guest orders: which orders are a row of their own, and the person such an order speaks of (R6-R13)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from klientela.model.records import Address, Kind, Order, Person
from klientela.rules.ruleset import Policy, SourceRules

_STRICT: tuple[Policy, ...] = ("per_order", "per_source", "merge")


def strictest(policies: Iterable[Policy]) -> Policy:
    """The guest policy that governs an order of several carriers (R29)."""
    return min(policies, key=_STRICT.index)


def policy_of(order: Order, rules: SourceRules) -> Policy:
    """The guest policy that governs an order, as far as its own source tells: a guest's order that names no customer
    may have a policy of its own (R12)."""
    if rules.nameless is not None and not order.customer and _kind_of(order, rules) == "guest":
        return rules.nameless
    return rules.guests


def _kind_of(order: Order, rules: SourceRules) -> Kind:
    """What the row of an order is that belongs to no buyer's record."""
    if rules.guest_rule == "never":
        return "contact"  # nobody is a guest there
    if rules.guest_rule is None and order.guest is False:
        return "account"  # placed logged in, by somebody whose id we do not know
    return order.kind if order.kind is not UNSET else "guest"


def is_guest_order(order: Order, rules: SourceRules, account: bool) -> bool:
    """Whether an order that has a buyer was placed logged out: a fact of the order, never of the e-mail (R13).

    `account`: the buyer is a registered account, as far as is known.
    """
    if rules.guest_rule in ("customer_null", "never"):
        return False  # it has a buyer
    if rules.guest_rule == "state" or order.guest is UNSET:
        return not account
    return order.guest


def is_own_row(order: Order, rules: SourceRules, policy: Policy, account: bool) -> bool:
    """Whether an order makes a row of its own instead of belonging to its buyer's record."""
    if not order.customer:
        return True
    if policy == "merge" or not is_guest_order(order, rules, account):
        return False
    return policy == "per_order" or account


def guest_person(order: Order, rules: SourceRules) -> Person | None:
    """The person an order speaks of, for the row of a guest order; None for an order without any contact (R13b)."""
    places = order.addresses if order.addresses is not UNSET and order.addresses else []
    first, last, company = order.first_name or None, order.last_name or None, order.company or None
    phone = order.phone or None
    main: Address | None = places[0] if places else None
    if main is not None:
        if not (first or last):
            first, last = main.first_name, main.last_name
        company = company or main.company
        phone = phone or main.phone
    if not (first or last or company or order.email or phone or places):
        return None
    return Person(
        external_id=order.external_id,
        version=order.version,
        entity="guest_order",
        kind=_kind_of(order, rules),
        created_at=order.placed_at if order.placed_at is not UNSET else None,
        first_name=first,
        last_name=last,
        company=company,
        email=order.email or None,
        phone=phone,
        addresses=list(places),
    )
