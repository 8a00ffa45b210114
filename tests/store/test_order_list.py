"""The list of orders walks its index, newest first, whatever it is narrowed to, and finds the orders of a few by their owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from klientela.model.instants import SECOND
from klientela.settings.views import PRESETS, View
from klientela.store import Store, orderlist, rows
from klientela.store.database import Db
from klientela.store.orderlist import Cursor
from tests.cases.seen import account, at, order
from tests.shops import bring

COUNT = 230


@pytest.fixture
def shop(store: Store) -> Store:
    """Orders of two customers, some without a date, some at the same moment."""
    people = [account(name, name, "Ahorn", email=f"{name}@x.de") for name in ("anna", "ben")]
    orders = [
        order(
            f"o{n}", 1000 + n, customer="ben" if n % 10 == 0 else "anna", number=str(n), test=n % 40 == 3,
            placed_at=None if n % 50 == 7 else at("2026-01-01 12:00") + n // 2 * SECOND, state="open" if n % 9 == 0 else "paid",
        )
        for n in range(COUNT)
    ]  # fmt: skip
    bring(store, "main", [*people, *orders])
    return store


def walked(store: Store, size: int = 40, **asked: Any) -> list[tuple[bool, Any, str]]:
    """All pages, one after the other: whether it has a date, when, and its number."""
    found: list[tuple[bool, Any, str]] = []
    after: Cursor | None = None
    with store.reading() as db:
        lens = rows.lens(db, View.model_validate(PRESETS["default"]))
        while True:
            page = orderlist.orders(db, lens, key=store.key, after=after, size=size, **asked)
            found += [(one["placed_at"] is not None, one["placed_at"], one["number"]) for one in page.orders]
            after = page.after
            if after is None:
                return found


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, COUNT),
        ({"state": "open"}, 26),
        ({"test": True}, 6),
        ({"test": False, "state": "paid"}, len([n for n in range(COUNT) if n % 40 != 3 and n % 9])),
    ],
)
def test_every_order_stands_on_one_page_newest_first_undated_last(
    shop: Store, asked: dict[str, Any], wanted: int
) -> None:
    found = walked(shop, **asked)
    assert len({number for *_, number in found}) == len(found) == wanted
    assert [one[:2] for one in found] == sorted(
        (one[:2] for one in found), key=lambda o: (o[0], o[1] or ""), reverse=True
    )


def test_the_orders_of_one_are_the_same_by_another_road(shop: Store) -> None:
    assert [number for *_, number in walked(shop, size=7, customer="main/customer/ben")] == [
        number for *_, number in walked(shop) if int(number) % 10 == 0
    ]


def plan(asking: Callable[[], object]) -> str:
    """How SQLite answers what is asked of the orders."""
    said: list[str] = []
    real = Db.rows

    def noted(self: Db, sql: str, params: Any = ()) -> list[Any]:
        if "FROM orders o WHERE" in sql:
            said.extend(str(row[3]) for row in real(self, f"EXPLAIN QUERY PLAN {sql}", params))
        return real(self, sql, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Db, "rows", noted)
        asking()
    return "; ".join(said)


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_pages_walk_the_index_and_customers_are_asked_by_theirs(shop: Store) -> None:
    with shop.reading() as db:
        lens = rows.lens(db, View.model_validate(PRESETS["default"]))

        def pages() -> None:
            first = orderlist.orders(db, lens, key=shop.key, size=40, state="paid")
            orderlist.orders(db, lens, key=shop.key, size=40, state="paid", after=first.after)

        walk = plan(pages)
        assert re.fullmatch(
            r"SCAN o USING COVERING INDEX orders_placed; SEARCH o USING COVERING INDEX orders_placed .*", walk
        )
        assert "TEMP B-TREE" not in walk
        few = plan(lambda: orderlist.orders(db, lens, key=shop.key, customer="main/customer/ben"))
        assert "SEARCH o USING INDEX orders_owner" in few
        number = db.rows("EXPLAIN QUERY PLAN SELECT id FROM customer WHERE number = ? ORDER BY id LIMIT ?", ("K", 20))
        assert "INDEX customer_number (number=?)" in number[0][3]
