"""What somebody bought, or nearly bought: the orders, totals and checkouts of a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from klientela.model.instants import iso
from klientela.model.money import average, decimal
from klientela.model.records import Checkout, Line, Order
from klientela.rules import badges
from klientela.rules.carriers import Carrier, together, told
from klientela.rules.ruleset import Ruleset
from klientela.rules.totals import OTHER_CARRIER, reason
from klientela.store import facts, ids
from klientela.store.database import Db
from klientela.store.facts import Loaded, SourceRow


class Settled(NamedTuple):
    """An order's figures as the store has them, and the order as its carriers together tell it (R29); money in minor
    units."""

    loaded: Loaded
    owner: int | None  # None: nobody placed it whom a source names (R13b)
    placed: int | None
    currency: str
    gross: int | None
    ltv: int | None
    state: str
    why: str | None
    test: bool
    number: str | None
    carriers: tuple[Loaded, ...]  # the first is `loaded` itself


def orders_of(db: Db, members: Sequence[int], sources: Mapping[int, SourceRow], ruleset: Ruleset) -> list[Settled]:
    """The orders of some person records, each once, newest first, then by key; without those that were taken back and
    wait on the worklist to leave."""
    return _settled(db, "owner", members, sources, ruleset)


def orders_at(db: Db, records: Sequence[int], sources: Mapping[int, SourceRow], ruleset: Ruleset) -> list[Settled]:
    """The orders that some order records are, as above. A record whose order another one counts is none."""
    return _settled(db, "id", records, sources, ruleset)


def _settled(
    db: Db, column: str, numbers: Sequence[int], sources: Mapping[int, SourceRow], ruleset: Ruleset
) -> list[Settled]:
    found = db.rows(
        "SELECT id, owner, placed, currency, gross, ltv, state, why, test, number FROM orders "
        f"WHERE {column} {db.among}",
        (db.pack(numbers),),
    )
    found = [row for row in found if row[7] != OTHER_CARRIER]
    heads = [row[0] for row in found]
    others: dict[int, list[int]] = {}
    for record, head in db.rows(
        f"SELECT record, head FROM carrier WHERE head {db.among} AND record <> head ORDER BY record", (db.pack(heads),)
    ):
        others.setdefault(head, []).append(record)
    loaded = _said(db, [*heads, *(record for several in others.values() for record in several)])
    made = []
    for number, owner, placed, currency, gross, ltv, state, why, test, name in found:
        if number not in loaded:
            continue
        there = [number, *(one for one in others.get(number, ()) if one in loaded)]
        carriers = _carriers(loaded, there, sources, ruleset)
        whole = carriers[0] if len(carriers) == 1 else _told(carriers, sources, ruleset)
        made.append(Settled(whole, owner, placed, currency, gross, ltv, state, why, bool(test), name, carriers))
    made.sort(key=lambda o: (o.placed is None, -(o.placed or 0), o.loaded.source, o.loaded.ext))
    return made


def _said(db: Db, records: Sequence[int]) -> dict[int, Loaded]:
    return {number: item for number, item in facts.load(db, records).items() if item.fact is not None}


def _carriers(
    loaded: Mapping[int, Loaded], records: Sequence[int], sources: Mapping[int, SourceRow], ruleset: Ruleset
) -> tuple[Loaded, ...]:
    """The records of one order, the one whose word counts most first."""
    if len(records) == 1:
        return (loaded[records[0]],)
    of = {(sources[loaded[n].source].uid, loaded[n].ext): loaded[n] for n in records}
    group = together((_carrier(item, sources) for item in of.values()), ruleset)
    return tuple(of[c.source, c.external_id] for c in group.carriers)


def _told(carriers: Sequence[Loaded], sources: Mapping[int, SourceRow], ruleset: Ruleset) -> Loaded:
    whole = told(together((_carrier(item, sources) for item in carriers), ruleset))
    return replace(carriers[0], fact=whole)


def _carrier(item: Loaded, sources: Mapping[int, SourceRow]) -> Carrier:
    return Carrier(sources[item.source].uid, item.ext, item.fact)


def checkouts_of(db: Db, members: Sequence[int]) -> list[tuple[Loaded, int]]:
    """The checkouts of some person records with their owners, newest first, then by key."""
    found = db.rows(f"SELECT id, owner, at, completed FROM checkout WHERE owner {db.among}", (db.pack(members),))
    loaded = _said(db, [row[0] for row in found])
    made = [
        (loaded[number], owner, at if at is not None else completed)
        for number, owner, at, completed in found
        if number in loaded
    ]
    made.sort(key=lambda c: (c[2] is None, -(c[2] or 0), c[0].source, c[0].ext))
    return [(item, owner) for item, owner, _ in made]


def purchases(
    orders: Sequence[Settled],
    checkouts: Sequence[tuple[Loaded, int]],
    sources: Mapping[int, SourceRow],
    currency: str,
    key: bytes,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`order_list` and `checkouts` of the contract, with the badges that tie them together."""
    carts = [_cart(item, owner, currency) for item, owner in checkouts]
    became = badges.match(carts, map(_bought, orders))
    recovered = set(became.values())
    public = {o.loaded.id: _public(o.loaded, "order", sources, key) for o in orders}
    listed = [
        {**described(o, sources, key), "badge": "recovered" if o.loaded.id in recovered else None} for o in orders
    ]
    named = [
        _checkout(item, cart, public[became[cart.key]] if cart.key in became else None)
        for (item, _), cart in zip(checkouts, carts, strict=True)
    ]
    return listed, named


def averages(orders: Sequence[Settled]) -> list[dict[str, str]] | None:
    """The average of the orders that count under gross, each currency by itself; None without any (R30b)."""
    sums: dict[str, list[int]] = {}
    for order in orders:
        if order.gross is not None:
            slot = sums.setdefault(order.currency, [0, 0])
            slot[0] += order.gross
            slot[1] += 1
    return [
        {"amount": decimal(average(total, count), currency), "currency": currency}
        for currency, (total, count) in sorted(sums.items())
    ] or None


def _public(item: Loaded, entity: str, sources: Mapping[int, SourceRow], key: bytes) -> str:
    return ids.text(ids.public_id(sources[item.source].uid, entity, item.ext, key))


def described(order: Settled, sources: Mapping[int, SourceRow], key: bytes) -> dict[str, Any]:
    """An order as the contract's profile tells it, without the badge, which hangs on its customer's checkouts."""
    fact: Order = order.loaded.fact
    total = fact.total if fact.total is not UNSET else 0
    return {
        "id": _public(order.loaded, "order", sources, key),
        "number": order.number,
        "source": sources[order.loaded.source].label,
        "carriers": [
            {"id": _public(item, "order", sources, key), "source": sources[item.source].label, "external_id": item.ext}
            for item in order.carriers
        ],
        "placed_at": None if order.placed is None else iso(order.placed),
        "total": decimal(total, order.currency),
        "currency": order.currency,
        "state": order.state,
        "test": order.test,
        "counts": {"ltv": order.ltv is not None, "gross": order.gross is not None},
        "why_not": reason(order.why, order.state, order.gross),
        "lines": _lines(fact.lines if fact.lines is not UNSET else (), order.currency),
    }


def _lines(lines: Sequence[Line], currency: str) -> list[dict[str, Any]]:
    return [
        {
            "title": line.title,
            "sku": line.sku,
            "quantity": line.quantity,
            "unit_price": None if line.unit_price is None else decimal(line.unit_price, currency),
            "total": None if line.total is None else decimal(line.total, currency),
        }
        for line in lines
    ]


def _bought(order: Settled) -> badges.Bought:
    fact: Order = order.loaded.fact
    return badges.Bought(
        order.loaded.id,
        str(order.loaded.source),
        order.loaded.ext,
        fact.checkout_token or None,
        order.owner,
        fact.total if fact.total is not UNSET else None,
        order.currency,
        order.placed,
    )


def _cart(item: Loaded, owner: int, currency: str) -> badges.Cart:
    fact: Checkout = item.fact
    return badges.Cart(
        item.id,
        str(item.source),
        item.ext,
        fact.token or None,
        fact.order or None,
        owner,
        fact.value if fact.value is not UNSET else None,
        fact.currency if fact.currency is not UNSET else currency,
        fact.completed_at if isinstance(fact.completed_at, int) else None,
    )


def _checkout(item: Loaded, cart: badges.Cart, order: str | None) -> dict[str, Any]:
    fact: Checkout = item.fact
    at = fact.at if isinstance(fact.at, int) else cart.completed
    return {
        "badge": badges.badge(cart, order),
        "order": order,
        "at": None if at is None else iso(at),
        "value": None if cart.value is None else decimal(cart.value, cart.currency),
        "currency": cart.currency,
        "lines": _lines(fact.lines if fact.lines is not UNSET else (), cart.currency),
    }
