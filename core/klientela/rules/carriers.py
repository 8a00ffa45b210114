"""One order, many carriers: which sources' records speak of the same order, and whose word counts (R29, R29b).

Pure, and computed like customers: carriers that share an order key are one order, whatever came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from klientela.model.instants import DAY, Instant
from klientela.model.records import Order
from klientela.rules import orderhand
from klientela.rules.publish import NEVER
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import clean

NEAR = 2 * DAY
"""How far apart in time two carriers of one order number may be."""


class Carrier(NamedTuple):
    """One source's record of an order."""

    source: str
    external_id: str
    order: Order


class OrderKeys(NamedTuple):
    """What a carrier publishes. A name is a key only inside a mapped shop, and only near in time."""

    ids: frozenset[tuple[str, str]]  # (shop, id): a shop is our source's uid, or platform and shop where unmapped
    names: frozenset[tuple[str, str]]


class Group(NamedTuple):
    """One order: the carrier whose word counts first, then the others by priority."""

    carriers: tuple[Carrier, ...]

    @property
    def head(self) -> Carrier:
        """The origin's carrier, or the first by priority."""
        return self.carriers[0]


def shop_of(carrier: Carrier, ruleset: Ruleset) -> str | None:
    """The uid of our source where the order was placed; None for a shop that `same_as` does not map."""
    origin = carrier.order.origin or None
    if origin is None:
        return carrier.source
    return ruleset.of(carrier.source).same_as.get(origin.shop)


def order_keys(carrier: Carrier, ruleset: Ruleset) -> OrderKeys:
    """The order keys of a carrier: its own id, the key it was placed under, and what it says of the order's origin."""
    own = ("", carrier.source)
    ids = {("\0".join(own), carrier.external_id)}
    names = set()
    if carrier.order.placed_as:
        ids.add((_PLACED, carrier.order.placed_as))
    order, shop = carrier.order, shop_of(carrier, ruleset)
    if order.origin:
        place = "\0".join((order.origin.platform.casefold(), order.origin.shop) if shop is None else ("", shop))
        if order.origin.id:
            ids.add((place, order.origin.id))
        if shop is not None and order.origin.name:
            names.add((place, _number(order.origin.name)))
    elif order.number is not UNSET and order.number:
        names.add(("\0".join(own), _number(order.number)))
    return OrderKeys(frozenset(ids), frozenset(names))


_PLACED = "\0".join(("", "", "placed"))
"""The place of the keys of orders that were placed here: no shop is called like that."""


def kept_here(order: Order) -> bool:
    """Whether this is the order as it was placed here, and not what a shop made of it: it is its own key."""
    return bool(order.placed_as) and order.placed_as == order.external_id


def _number(text: str) -> str:
    """`#1001` and `1001` are one order number."""
    return clean(text).casefold().lstrip("#").strip()


def canonical(carrier: Carrier) -> tuple[Instant, str, str]:
    """Smaller is older; never a matter of arrival."""
    placed = carrier.order.placed_at
    return (placed if isinstance(placed, int) else NEVER, carrier.source, carrier.external_id)


def group(carriers: Iterable[Carrier], ruleset: Ruleset) -> list[Group]:
    """The orders that these carriers are of. Two orders of one shop's own never become one."""
    nodes = sorted(carriers, key=canonical)
    keys = [order_keys(node, ruleset) for node in nodes]
    groups = {place: [place] for place in range(len(nodes))}
    for _, one, two in sorted(_edges(nodes, keys)):
        left, right = groups[one], groups[two]
        if left is right or _shops([nodes[i] for i in left]) & _shops([nodes[i] for i in right]):
            continue
        left += right
        groups.update(dict.fromkeys(right, left))
    made = {id(places): places for places in groups.values()}
    return [Group(_ranked([nodes[i] for i in places], ruleset)) for places in made.values()]


def together(carriers: Iterable[Carrier], ruleset: Ruleset) -> Group:
    """Carriers that are known to be one order."""
    return Group(_ranked(list(carriers), ruleset))


def _edges(nodes: Sequence[Carrier], keys: Sequence[OrderKeys]) -> Iterable[tuple[int, int, int]]:
    """(strength, older, younger): ids before names."""
    for one, two in combinations(range(len(nodes)), 2):
        if keys[one].ids & keys[two].ids:
            yield 0, one, two
        elif keys[one].names & keys[two].names and _near(nodes[one].order.placed_at, nodes[two].order.placed_at):
            yield 1, one, two


def _near(one: Instant | UnsetType | None, two: Instant | UnsetType | None) -> bool:
    return isinstance(one, int) and isinstance(two, int) and abs(one - two) <= NEAR


def _shops(carriers: Sequence[Carrier]) -> set[str]:
    """The shops whose own record is among these carriers."""
    return {carrier.source for carrier in carriers if not carrier.order.origin}


def _ranked(carriers: Sequence[Carrier], ruleset: Ruleset) -> tuple[Carrier, ...]:
    """The shop's own word first; what was placed here counts until a shop tells of it (S19)."""
    return tuple(
        sorted(
            carriers,
            key=lambda c: (kept_here(c.order), bool(c.order.origin), ruleset.of(c.source).priority, canonical(c)),
        )
    )


_OWN = ("customer", "guest", "kind", "origin")
"""What only the one whose word counts can say: whom it names is a name of its own source, and who is a guest there."""
_BY_HAND = ("pinned", "billing", "shipping")
"""What operators say of one carrier, and what is of it alone."""
_CONTACT = ("first_name", "last_name", "company", "email", "phone", "addresses", "tags")
_FIELDS = tuple(
    name for name in Order.__struct_fields__ if name not in ("external_id", "version", "channel", *_OWN, *_BY_HAND)
)
_PLACES = ("address", "billing", "shipping")


def told(one: Group) -> Order:
    """The order as its carriers together tell it: what an operator pinned, the origin's values, then by priority; a test
    if any says so. Of somebody who was erased none tells, be it in words of its own (R56)."""
    head = one.head.order
    if len(one.carriers) == 1:
        return head
    values = {name: getattr(head, name) for name in _OWN}
    for name in _FIELDS:
        said = [value for c in one.carriers if (value := getattr(c.order, name)) is not UNSET]
        if said:
            values[name] = said[0]
    pinning = [c.order for c in one.carriers if c.order.pinned is not UNSET]
    if pinning:
        values.update(_pinned(pinning, values))
    if any(c.order.erased is True for c in one.carriers) and (head.erased is True or not head.customer):
        values.update(dict.fromkeys(_CONTACT, UNSET))
    if any(carrier.order.test is True for carrier in one.carriers):
        values["test"] = True
    return Order(external_id=head.external_id, version=head.version, **values)


def _pinned(carriers: Sequence[Order], values: Mapping[str, Any]) -> dict[str, Any]:
    """What stands on whichever carrier an operator pinned it, instead of these values (R27); of several the first counts."""
    made: dict[str, Any] = {}
    for order in reversed(carriers):
        for name, unit in orderhand.UNIT_OF.items():
            if name not in _PLACES and orderhand.pins(order, unit) and (said := getattr(order, name)) is not UNSET:
                made[name] = said
    found = [
        (unit, place)
        for unit in _PLACES
        for order in reversed(carriers)
        if orderhand.pins(order, unit) and (place := orderhand.place(unit, orderhand.places_of(order))) is not None
    ]
    if found:
        made["addresses"] = orderhand.with_pinned_places(values.get("addresses") or (), found)
    return made


class Corrected(NamedTuple):
    """Carriers after cancellations and credit notes were carried over to the orders they speak of (R29b)."""

    carriers: list[Carrier]
    papers: frozenset[tuple[str, str]]  # cancellations and credit notes: they are no orders
    loose: frozenset[tuple[str, str]]  # credit notes whose order is unknown: for `doctor`


def correct(carriers: Sequence[Carrier]) -> Corrected:
    """Let `cancels` cancel and `credits` refund the other order of the same source; neither is an order itself. A state
    that an operator pinned stands (R0b)."""
    known = {(c.source, c.external_id): c.order for c in carriers}
    papers: set[tuple[str, str]] = set()
    loose: set[tuple[str, str]] = set()
    for source, external_id, order in carriers:
        if order.cancels:
            papers.add((source, external_id))
            if (target := known.get((source, order.cancels))) is not None and not orderhand.pins(target, "state"):
                known[source, order.cancels] = _with(target, state="cancelled")
        if order.credits:
            papers.add((source, external_id))
            if (target := known.get((source, order.credits))) is None:
                loose.add((source, external_id))
            else:
                amount = abs(order.total) if order.total is not UNSET else 0
                standing = target.refunded if target.refunded is not UNSET else 0
                known[source, order.credits] = _with(target, refunded=standing + amount)
    made = [Carrier(source, external_id, known[source, external_id]) for source, external_id, _ in carriers]
    return Corrected(made, frozenset(papers), frozenset(loose))


def _with(order: Order, **changes: object) -> Order:
    values = {name: getattr(order, name) for name in Order.__struct_fields__}
    return Order(**{**values, **changes})
