"""`doctor` finds every kind of damage by its name, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from klientela.kit import Order, Person
from klientela.store import Store
from klientela.store.checkup import examine
from klientela.store.database import Db
from klientela.store.invariants import invariants
from tests import town
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


LAST = "WHERE id = (SELECT max(id) FROM customer)"
DAMAGE = {
    "UPDATE person SET name = 'x|y' WHERE node IS NOT NULL": "identity",
    "UPDATE node SET n = n + 1": "identity",
    "UPDATE node SET first = first + 1": "identity",
    "UPDATE person SET customer = 2 WHERE customer = 1": "identity",
    "UPDATE person SET customer = 99999 WHERE customer = 1": "identity",
    f"DELETE FROM customer {LAST}": "identity",
    f"UPDATE customer SET n = n + 1 {LAST}": "identity",
    f"UPDATE customer SET anchor = 1 {LAST}": "identity",
    f"UPDATE customer SET pub8 = 1 {LAST}": "identity",
    "DELETE FROM mark WHERE handle > 0": "identity",
    "UPDATE mark SET handle = 99999 WHERE handle < 0": "identity",
    "UPDATE apart SET a = 99999": "identity",
    "UPDATE comp SET handle = handle + 100000": "identity",
    "DELETE FROM orders WHERE ltv = 1000": "orders",
    "UPDATE orders SET owner = 4711": "orders",
    "DELETE FROM tally WHERE id = (SELECT max(id) FROM tally)": "figures",
    "UPDATE tally SET last = 1 WHERE orders > 1": "figures",
    "UPDATE tally SET other = NULL": "figures",
    "UPDATE tally SET inactive = 1": "figures",
    "UPDATE figure SET value = value + 1 WHERE name = 'customers' AND part = ''": "figures",
    "UPDATE figure SET value = value + 1 WHERE part = 'status:guest'": "figures",
    "UPDATE figure SET value = value - 1 WHERE name = 'ltv' AND part = ''": "figures",
    "UPDATE figure SET value = value - 1 WHERE name = 'buyers' AND part = '2'": "figures",
    "DELETE FROM figure WHERE name = 'revenue'": "figures",
    "DELETE FROM figure WHERE name = 'first'": "figures",
    "UPDATE figure SET value = value + 1 WHERE name = 'ltv_over'": "figures",
    "UPDATE tally SET second = NULL": "figures",
    "UPDATE tally SET gross_first = 1 WHERE orders > 1": "figures",
    "DELETE FROM figure WHERE name = 'consents'": "figures",
    "UPDATE figure SET value = value + 1 WHERE name = 'consents'": "figures",
    "UPDATE objection SET record = 99999": "identity",
    "DELETE FROM figure WHERE name = 'segment' AND part = 'repeat'": "figures",
    "DELETE FROM posting WHERE customer = 1": "badges",
    "INSERT INTO posting (source, customer) VALUES (1, 99999)": "badges",
    f"UPDATE customer SET sources = '[]' {LAST}": "badges",
    "UPDATE audit_private SET body = '{}' WHERE n = 1": "audit",
    "UPDATE audit SET kind = 'split' WHERE n = 2": "audit",
    "DELETE FROM audit WHERE n = 2": "audit",
    "UPDATE alembic_version SET version_num = '0000'": "schema",
    "INSERT INTO work (kind, subject, reason) VALUES ('person', 1, 'test')": "worklist",
}


@pytest.mark.parametrize(("sql", "check"), DAMAGE.items())
def test_every_kind_of_damage_is_named(store: Store, sql: str, check: str) -> None:
    town.build(store)
    with store.step("damage") as step:
        assert step.db.run(sql) >= 1
    assert check in wrong(store)


@pytest.mark.parametrize("later", [town.build, town.live])
def test_a_town_full_of_trouble_is_well(store: Store, later: Callable[[Store], Store]) -> None:
    later(store)
    assert wrong(store) == {}


def test_a_sample_looks_at_few_customers_and_still_spreads(store: Store) -> None:
    town.build(store)
    with store.step("damage") as step:
        step.db.run("UPDATE tally SET tests = 5")
    with store.reading() as db:
        found = {n: _sums_wrong(db, store.key, n) for n in (1, 5, 50_000)}
    assert 0 < found[1] < found[5] < found[50_000]


def _sums_wrong(db: Db, key: bytes, sample: int) -> int:
    found = invariants(db, key, "EUR", sample=sample)
    return sum(one.count for one in found if "those of their orders" in one.message)


def test_r19_a_blocked_value_is_one_finding_and_says_nothing_of_whom(store: Store) -> None:
    use(store, sources={"shop": "per_order"})
    boxes = [Person(external_id=str(n), kind="contact", first_name="Zoe", email="info@firma.de") for n in range(7)]
    alone = [Person(external_id="a", kind="contact", email="info@werk.de", emails=["zoe@werk.de"])]
    bring(store, "list", [*boxes, *alone])
    bring(store, "shop", [Order(external_id=str(n), guest=True, email="info@firma.de") for n in range(3)])
    (said,) = [one for one in examine(store) if one.check == "blocked values"]
    assert (said.level, said.count) == ("note", 7)
    assert "firma" not in said.message


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
