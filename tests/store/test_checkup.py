"""`doctor` finds every kind of damage by its name, and nothing where all is well."""

from __future__ import annotations

import pytest

from klientela.kit import Order, Person
from klientela.store import Store
from klientela.store.checkup import examine
from tests.shops import bring, use


@pytest.fixture
def filled(store: Store) -> Store:
    use(store)
    people = [
        Person(external_id=str(n), kind="account", first_name=f"Anna{n}", last_name="Berg", email=f"a{n}@x.example")
        for n in range(5)
    ]
    again = [Person(external_id="9", kind="contact", first_name="Anna1", last_name="Berg", email="A1@x.example")]
    orders = [Order(external_id="o1", customer="1", total=1250, currency="EUR", placed_at=5)]
    bring(store, "main", [*people, *orders])
    bring(store, "list", again)
    return store


def wrong(store: Store) -> dict[str, int]:
    return {found.check: found.count for found in examine(store) if found.level in ("warning", "error")}


def test_a_store_that_is_well(filled: Store) -> None:
    assert wrong(filled) == {}
    assert {found.level for found in examine(filled)} == {"ok"}


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("DELETE FROM tally WHERE id = (SELECT max(id) FROM tally)", "figures"),
        ("DELETE FROM customer WHERE id = (SELECT max(id) FROM customer)", "figures"),
        ("UPDATE customer SET n = n + 1 WHERE id = (SELECT max(id) FROM customer)", "figures"),
        ("UPDATE orders SET owner = 4711", "figures"),
        ("UPDATE figure SET value = value + 1 WHERE name = 'customers' AND part = ''", "figures"),
        ("UPDATE figure SET value = value - 1 WHERE name = 'ltv' AND part = ''", "figures"),
        ("UPDATE audit_private SET body = '{}' WHERE n = 1", "audit"),
        ("UPDATE audit SET kind = 'split' WHERE n = 2", "audit"),
        ("DELETE FROM audit WHERE n = 2", "audit"),
        ("UPDATE alembic_version SET version_num = '0000'", "schema"),
        ("INSERT INTO work (kind, subject, reason) VALUES ('person', 1, 'test')", "worklist"),
    ],
)
def test_every_kind_of_damage_is_named(filled: Store, sql: str, check: str) -> None:
    with filled.step("damage") as step:
        assert step.db.run(sql) >= 1
    assert check in wrong(filled)


def test_a_customer_of_too_many_names_wants_a_look(filled: Store) -> None:
    with filled.step("damage") as step:
        for number in range(21):
            step.db.run(
                "INSERT INTO person (id, name, keys, flags, customer, seen) VALUES (?, ?, ?, 4, 1, 1)",
                (1000 + number, f"name{number}|x", b""),
            )
            step.db.run(
                "INSERT INTO record (id, source, entity, ext, gone, seq, more, channel) "
                "VALUES (?, 1, 0, ?, 0, 1, 0, 1)",
                (1000 + number, f"x{number}"),
            )
        step.db.run("UPDATE customer SET n = n + 21 WHERE id = 1")
    assert wrong(filled)["names"] == 1
