"""The journey on both databases: records in, one list out."""

from __future__ import annotations

from klientela.kit import Line, Order, Person
from klientela.store import Store
from tests.shops import bring, use


def _rows(store: Store) -> list[tuple[object, ...]]:
    with store.reading() as db:
        return db.rows(
            "SELECT c.first_name, c.last_name, c.email, c.n, t.orders, t.ltv FROM customer c "
            "JOIN tally t ON t.id = c.id ORDER BY c.s_name, c.pub8"
        )


def test_two_sources_and_an_order_make_one_customer(store: Store) -> None:
    use(store)
    bring(store, "main", [Person(external_id="1", kind="account", first_name="Max", email="Max@Example.com ")])
    bring(
        store,
        "list",
        [Person(external_id="9", kind="contact", first_name="Max", last_name="Muster", email="max@example.com")],
    )
    order = Order(
        external_id="77", customer="1", total=1250, currency="EUR", placed_at=5, lines=[Line(title="Tea", total=1250)]
    )
    bring(store, "main", [order])
    assert _rows(store) == [("Max", "Muster", "max@example.com", 2, 1, 1250)] or _rows(store) == [
        ("Max", "Muster", "Max@Example.com", 2, 1, 1250)
    ]
    report = bring(store, "main", [order])
    assert (report.new, report.changed, report.unchanged) == (0, 0, 1)


def test_an_order_may_come_before_its_customer(store: Store) -> None:
    use(store)
    bring(store, "main", [Order(external_id="77", customer="1", total=1250, currency="EUR", placed_at=5)])
    assert _rows(store) == []
    bring(store, "main", [Person(external_id="1", kind="account", first_name="Max")])
    assert _rows(store) == [("Max", None, None, 1, 1, 1250)]
