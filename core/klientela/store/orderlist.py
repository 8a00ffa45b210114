"""All orders, newest first, also those that nobody placed whom we know (R13b); and one order with all that carries it (C30)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import UnknownThing
from klientela.model.instants import iso
from klientela.model.money import decimal
from klientela.model.numbers import whole
from klientela.model.records import Address, Order
from klientela.rules.totals import OTHER_CARRIER
from klientela.store import changes, oneorder, rows
from klientela.store.database import Db
from klientela.store.locate import customers_of, locate
from klientela.store.provenance import rules_in_force
from klientela.store.purchases import Settled, described, orders_at
from klientela.store.tables import EARLIEST

_PLACE = f"coalesce(o.placed, {EARLIEST})"
_NUMBERED = 20  # customers that may share what the list shows as their number
_LARGEST = 2**63


class Cursor(NamedTuple):
    """Where a page of the list ended."""

    placed: int
    record: int

    def text(self) -> str:
        """As an address carries it."""
        return f"{self.placed}.{self.record}"

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Out of an address; None for anything that is no cursor."""
        placed, _, record = text.partition(".")
        when, which = whole(placed, longest=19), whole(record)
        return None if when is None or which is None or abs(when) >= _LARGEST or which < 0 else cls(when, which)


@dataclass(slots=True)
class Listed:
    """A page of orders. `customers`: the rows of those whose filter it is."""

    orders: list[dict[str, Any]] = field(default_factory=list)
    after: Cursor | None = None
    customers: list[dict[str, Any]] = field(default_factory=list)


def orders(
    db: Db,
    by: rows.Lens,
    *,
    key: bytes,
    customer: str | None = None,
    state: str | None = None,
    test: bool | None = None,
    after: Cursor | None = None,
    size: int = 50,
) -> Listed:
    """Orders newest first, each once, whatever carries it: `described` with `key`, its record's key, and `customer`,
    `{"id", "name"}` or null.

    `customer`: a customer number, id or record key (C31-C33): the orders of its profile and no others. UnknownThing where
    nobody is meant.
    """
    where = ["(o.why IS NULL OR o.why <> ?)"]
    values: list[Any] = [OTHER_CARRIER]
    meant: list[int] = []
    if customer is not None:
        meant = whose(db, key, customer)
        members = [number for found in rows.members_of(db, meant, "p.id").values() for (number,) in found]
        where.append(f"o.owner {db.among}")
        values.append(db.pack(members))
    if state is not None:
        where.append("o.state = ?")
        values.append(state)
    if test is not None:
        where.append("o.test = ?")
        values.append(int(test))
    if after is not None:
        where.append(f"{_PLACE} <= ? AND ({_PLACE}, o.id) < (?, ?)")  # the first part is what an index begins at
        values += [after.placed, *after]
    # of some customers the orders are found by their owner and sorted: a sum is no column, so no index offers itself
    by_place = f"{_PLACE} + 0" if customer is not None else _PLACE
    found = db.rows(
        f"SELECT {_PLACE}, o.id FROM orders o WHERE {' AND '.join(where)} ORDER BY {by_place} DESC, o.id DESC LIMIT ?",
        (*values, size + 1),
    )
    shown = [number for _, number in found[:size]]
    made = {one.loaded.id: one for one in orders_at(db, shown, by.sources, rules_in_force(db))}
    return Listed(
        _with_customers(db, [made[number] for number in shown if number in made], by, key),
        Cursor(*found[size - 1]) if len(found) > size else None,
        rows.rows(db, meant, by),
    )


def whose(db: Db, key: bytes, text: str) -> list[int]:
    """The customers that a customer number, an id or a record key means (C32): several may show one number. UnknownThing
    for none."""
    text = text.strip()
    found = db.rows("SELECT id FROM customer WHERE number = ? ORDER BY id LIMIT ?", (text, _NUMBERED))
    if found:
        return [row[0] for row in found]
    try:
        return [locate(db, key, text).customer]
    except UnknownThing:
        raise UnknownThing(
            f"no customer has the number or id {text}", hint="The profile of a customer shows both."
        ) from None


def _with_customers(db: Db, orders: Sequence[Settled], by: rows.Lens, key: bytes) -> list[dict[str, Any]]:
    of = customers_of(db, {one.owner for one in orders if one.owner is not None})
    named = {number: row for number in sorted(set(of.values())) for row in rows.rows(db, [number], by)}
    made = []
    for one in orders:
        row = named.get(of.get(one.owner, 0)) if one.owner is not None else None
        made.append(
            {
                **described(one, by.sources, key),
                "key": f"{by.sources[one.loaded.source].label}/order/{one.loaded.ext}",
                "customer": None if row is None else {"id": row["id"], "name": row["name"]},
            }
        )
    return made


# -- one order -----------------------------------------------------------------------------------------------------------


def order(db: Db, text: str, by: rows.Lens, *, key: bytes) -> dict[str, Any]:
    """One order by the key of any record that carries it, `source/order/external_id`: as in the list, with what its
    carriers say of buyer, places and money, and each carrier by itself. UnknownThing for none."""
    whole = oneorder.read(db, text)
    one = whole.one
    (made,) = _with_customers(db, [one], by, key)
    fact: Order = one.loaded.fact
    past = changes.of_orders(db, [item.id for item in one.carriers], whole.said)
    return {
        **made,
        **{name: _said(fact, name) for name in ("first_name", "last_name", "company", "email", "phone")},
        "tags": list(fact.tags) if fact.tags is not UNSET else [],
        "addresses": _addresses(fact),
        "refunded": _money(fact.refunded, one.currency),
        "current_total": _money(fact.current_total, one.currency),
        "counted": None if one.ltv is None else decimal(one.ltv, one.currency),
        "gone": all(bool(item.gone) for item in one.carriers),
        "type": by.sources[one.loaded.source].type,
        "provenance": oneorder.provenance(db, whole),
        "version": past.version,
        "history": past.lines,
        "holding": {word.since for word in whole.said if word.holds},
        "told_by": [
            {
                "source": by.sources[item.source].label,
                "key": f"{by.sources[item.source].label}/order/{item.ext}",
                "number": _said(item.fact, "number"),
                "state": _said(item.fact, "state"),
                "placed_at": iso(item.fact.placed_at) if isinstance(item.fact.placed_at, int) else None,
                "total": _money(item.fact.total, one.currency),
                "gone": bool(item.gone),
            }
            for item in one.carriers
        ],
    }


def _said(fact: Order, name: str) -> Any:
    value = getattr(fact, name)
    return None if value is UNSET or value == "" else value


def _money(value: Any, currency: str) -> str | None:
    return decimal(value, currency) if isinstance(value, int) else None


def _addresses(fact: Order) -> list[dict[str, Any]]:
    places = fact.addresses if fact.addresses is not UNSET else []
    return [{name: getattr(place, name) for name in Address.__struct_fields__} for place in places]


__all__ = ["Cursor", "Listed", "order", "orders", "whose"]
