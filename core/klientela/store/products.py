"""Which products customers bought: read from the orders that count under LTV, whoever of their records placed them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from klientela.rules.products import name_of, sku_key, title_key, unpacked
from klientela.store import facts
from klientela.store.database import Db

_BOUGHT = "o.ltv IS NOT NULL AND o.products IS NOT NULL"
_PREFIX = "product:"
BETWEEN = f"name > '{_PREFIX}' AND name < 'product;'"
"""In SQL: the bitmaps of products."""


def keys_meant(text: str) -> tuple[bytes, bytes]:
    """The keys that a title or SKU may stand for."""
    return title_key(text), sku_key(text)


def bitmap_of(key: bytes) -> str:
    """The name of the bitmap of a product."""
    return _PREFIX + key.hex()


def key_in(name: str) -> bytes | None:
    """The key that a bitmap is named after; None of a bitmap of something else."""
    return bytes.fromhex(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None


def of_customers(db: Db, customers: Iterable[int]) -> dict[int, set[bytes]]:
    """The keys of what each of some customers bought; those who bought nothing are left out."""
    return _together(_orders(db, customers, "o.products"))


def of_all(db: Db, ids: str, params: Iterable[Any]) -> dict[int, set[bytes]]:
    """The same of the customers that a query finds, by reading all orders: for lists that are not large."""
    return _together(
        db.rows(
            "SELECT COALESCE(n.customer, p.customer, p.id) AS customer, o.products FROM orders o "
            f"JOIN person p ON p.id = o.owner LEFT JOIN node n ON n.id = p.node WHERE {_BOUGHT} "
            f"AND COALESCE(n.customer, p.customer, p.id) IN ({ids})",
            tuple(params),
        )
    )


def condition(db: Db, alias: str, text: str) -> tuple[str, list[Any]]:
    """Whether a row's customer bought a product, by reading all orders."""
    place = "instr(o.products, ?)" if db.sqlite else "position(?::bytea IN o.products)"
    sql = (
        f"{alias}.id IN (SELECT COALESCE(n.customer, p.customer, p.id) FROM orders o JOIN person p ON p.id = o.owner "
        f"LEFT JOIN node n ON n.id = p.node WHERE {_BOUGHT} AND ({place} > 0 OR {place} > 0))"
    )
    return sql, list(keys_meant(text))


def names(db: Db, customers: Mapping[bytes, int]) -> dict[bytes, str]:
    """How products are called, each in an order of a customer who bought it."""
    found: dict[bytes, tuple[int, str]] = {}
    orders: dict[int, set[int]] = {}
    for customer, number in _orders(db, set(customers.values()), "o.id"):
        orders.setdefault(customer, set()).add(number)
    several = {n for numbers in orders.values() for n in numbers}
    carriers: dict[int, list[int]] = {}
    for record, head in db.rows(f"SELECT record, head FROM carrier WHERE head {db.among}", (db.pack(several),)):
        carriers.setdefault(head, []).append(record)
    loaded = facts.load(db, {*several, *(record for some in carriers.values() for record in some)})
    for key, customer in customers.items():
        for number in sorted(orders.get(customer, ())):
            for item in (loaded.get(one) for one in (number, *sorted(carriers.get(number, ())))):
                lines = item.fact.lines if item is not None and item.fact is not None else None
                name = name_of(key, lines or ())
                if name is not None and key not in found:
                    found[key] = (number, name)
    return {key: name for key, (_, name) in found.items()}


def _orders(db: Db, customers: Iterable[int], column: str) -> list[tuple[Any, ...]]:
    """A column of the counted orders of some customers, the customer before it."""
    packed = db.pack(customers)
    found: list[tuple[Any, ...]] = []
    for customer, join, where in (
        ("p.id", "", "p.customer IS NULL AND p.node IS NULL AND p.id"),
        ("p.customer", "", "p.customer"),
        ("n.customer", "JOIN person p ON p.node = n.id ", "n.customer"),
    ):
        start = f"FROM node n {join}" if join else "FROM person p "
        found += db.blobs(
            f"SELECT {customer}, {column} {start}JOIN orders o ON o.owner = p.id "
            f"WHERE {where} {db.among} AND {_BOUGHT}",
            (packed,),
        )
    return found


def _together(rows: Iterable[tuple[Any, ...]]) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {}
    for customer, keys in rows:
        if customer in found:
            found[customer].update(unpacked(keys))
        else:
            found[customer] = set(unpacked(keys))
    return found


__all__ = ["BETWEEN", "bitmap_of", "condition", "key_in", "keys_meant", "names", "of_all", "of_customers"]
