"""`rebuild`: what is stored is what follows from the facts; every kind of damage is seen, named and put right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from klientela.flow.rebuild import MOST, rebuild
from klientela.rules.precedence import Summary
from klientela.rules.publish import Canon
from klientela.store import Store, ledger, open_store
from klientela.store import tables as t
from klientela.store.identity import _ENCODE
from tests import town
from tests.conftest import fresh_schema
from tests.shops import bring

UNEQUAL = {
    "person": ["UPDATE person SET name = 'otto|x' WHERE id = 1", "DELETE FROM person WHERE id = 1",
               "UPDATE person SET customer = 2 WHERE customer = 1"],
    "node": ["UPDATE node SET n = n + 1", "UPDATE node SET name = 'otto|x'", "DELETE FROM node",
             "UPDATE person SET node = NULL, customer = 1 WHERE node IS NOT NULL"],
    "mark": ["DELETE FROM mark WHERE handle = 1", "UPDATE mark SET name = 'x|' WHERE handle = 1",
             "UPDATE mark SET handle = 77777 WHERE handle < 0"],
    "crowded": ["DELETE FROM crowded", "INSERT INTO crowded (key, kind) VALUES (5, 0)"],
    "comp": ["DELETE FROM comp", "UPDATE comp SET comp = comp + 1"],
    "apart": ["DELETE FROM apart", "UPDATE apart SET reason = 'decision'"],
    "link": ["INSERT INTO link (a, b, reason) VALUES (1, 2, 'upstream')"],
    "orders": ["UPDATE orders SET ltv = 1 WHERE number IS NULL", "DELETE FROM orders",
               "UPDATE orders SET owner = 2 WHERE owner = 1"],
    "order_key": ["DELETE FROM order_key"],
    "carrier": ["DELETE FROM carrier", "UPDATE carrier SET head = record"],
    "paper": ["DELETE FROM paper", "UPDATE paper SET target = 1"],
    "checkout": ["DELETE FROM checkout", "UPDATE checkout SET owner = 2"],
    "thing": ["DELETE FROM thing", "UPDATE thing SET owner = 2 WHERE owner IS NOT NULL",
              "UPDATE thing SET part_of = NULL"],
    "customer": ["UPDATE customer SET email = 'other@x.example' WHERE id = 1", "DELETE FROM customer WHERE id = 1",
                 "UPDATE customer SET inactive = 1 WHERE id = 1", "UPDATE customer SET s_name = 'zz' WHERE id = 1"],
    "tally": ["UPDATE tally SET ltv = ltv + 1 WHERE id = 1", "DELETE FROM tally WHERE id = 1",
              "UPDATE tally SET scanned = 5 WHERE id = 1"],
    "alias": ["INSERT INTO alias (pub8, record) VALUES (5, 2)"],
    "posting": ["DELETE FROM posting WHERE customer = 1", "INSERT INTO posting (source, customer) VALUES (2, 1)"],
    "objection": ["DELETE FROM objection", "INSERT INTO objection (key, record) VALUES (5, 2)"],
    "figure": ["UPDATE figure SET value = value + 1 WHERE name = 'customers' AND part = ''", "DELETE FROM figure"],
}  # fmt: skip


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("town")
    url = f"sqlite:///{folder / 'town.db'}"
    if request.param == "postgresql":
        url = fresh_schema(request.getfixturevalue("postgres_url"))
    with open_store(url, key_file=folder / "key") as made:
        yield town.posted(made)


@pytest.fixture
def lived(town_store: Store) -> Iterator[Store]:
    """The town, whole; made whole again after each test, which costs less than building it."""
    yield town_store
    rebuild(town_store)


def lines(store: Store) -> list[tuple[object, ...]]:
    with store.reading() as db:
        return db.rows("SELECT seq, n, kind FROM audit ORDER BY seq, n")


def seen(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.reading() as db:
        return {table: db.rows(f"SELECT id, seen FROM {table} ORDER BY id") for table in ("person", "customer")}


def test_the_town_has_something_in_every_table(lived: Store) -> None:
    with lived.reading() as db:
        empty = {table.name for table in t.DERIVED if db.one(f"SELECT 1 FROM {table.name}") is None}
    assert not empty


@pytest.mark.parametrize("size", [1, 3, 250])
def test_incremental_is_rebuild(store: Store, size: int) -> None:
    town.posted(store, size=size)
    assert rebuild(store, check=True).differences == []
    before, when = lines(store), seen(store)
    made = rebuild(store)
    assert (made.equal, made.seq) == (True, None)
    assert lines(store) == before
    assert seen(store) == when  # when somebody first came is no matter of a rebuild
    assert rebuild(store, check=True).equal


@pytest.mark.parametrize(("table", "harm"), [(table, harm) for table, several in UNEQUAL.items() for harm in several])
def test_damage_is_seen_named_and_repaired(lived: Store, table: str, harm: str) -> None:
    with lived.step("harm") as step:
        assert step.db.run(harm) >= 1, "this test would prove nothing"
    told = rebuild(lived, check=True)
    assert not told.equal
    assert any(sentence.startswith(f"{table}: ") for sentence in told.differences) or "person" in harm
    rebuild(lived)
    assert rebuild(lived, check=True) == rebuild(lived)  # equal, and nothing left to do
    with lived.reading() as db:
        assert list(ledger.verify(db)) == []


def test_every_derived_table_is_harmed() -> None:
    assert set(UNEQUAL) == {table.name for table in t.DERIVED}


def test_only_members_that_really_move_are_written_down(lived: Store) -> None:
    before = lines(lived)
    with lived.step("harm") as step:
        step.db.run(
            "UPDATE customer SET pub = anchor || pub, email = 'x'" if step.db.sqlite else "DELETE FROM customer"
        )
        step.db.run("DELETE FROM mark")
    assert rebuild(lived).seq is None
    assert lines(lived) == before
    with lived.step("harm") as step:
        row = step.db.one("SELECT id, customer FROM person WHERE customer IS NOT NULL AND customer <> id")
        assert row is not None
        step.db.run("UPDATE person SET customer = NULL WHERE id = ?", (row[0],))
    made = rebuild(lived)
    assert made.seq is not None
    fresh = [line for line in lines(lived) if line not in before]
    assert [(line[0], line[2]) for line in fresh] == [(made.seq, "merged")]


def test_a_tampered_summary_of_a_node_is_seen(lived: Store) -> None:
    blob = _ENCODE(Summary(Canon(1, "main", "customer", "nobody")))
    with lived.step("harm") as step:
        assert step.db.run("UPDATE node SET summary = ?", (blob,))
    told = rebuild(lived, check=True)
    assert told.differences
    assert all(sentence.startswith("node: ") for sentence in told.differences)
    assert "summary" in told.differences[0]


def test_a_node_left_with_one_record_is_fine_unless_it_was_harmed(store: Store) -> None:
    town.build(store)
    bring(store, "list", [town.Person(external_id="2", kind="contact", first_name="Bernd", email="b@x.example")])
    assert rebuild(store, check=True).differences == []
    with store.step("harm") as step:
        assert step.db.run("UPDATE node SET summary = ? WHERE n = 1", (_ENCODE(Summary(Canon(1, "a", "b", "c"))),))
    assert [said.split(":")[0] for said in rebuild(store, check=True).differences] == ["node"]


def test_an_emptied_search_index_is_seen_and_filled_again(lived: Store) -> None:
    if lived.dialect != "sqlite":
        pytest.skip("PostgreSQL's index follows its table by itself")
    with lived.step("harm") as step:
        step.db.run("INSERT INTO search (search) VALUES ('delete-all')")
    assert any("search index" in said for said in rebuild(lived, check=True).differences)
    rebuild(lived)
    assert rebuild(lived, check=True).equal


def test_what_is_left_to_do_is_no_damage_but_is_said(lived: Store) -> None:
    with lived.step("work") as step:
        step.db.run("INSERT INTO work (kind, subject, reason) VALUES ('person', 1, 'test')")
    told = rebuild(lived, check=True)
    assert told.differences == ["1 record waits on the worklist: `klientela sync` finishes that first"]
    assert rebuild(lived).equal
    assert rebuild(lived, check=True).equal


def test_differences_are_few_and_name_nobody(lived: Store) -> None:
    with lived.step("harm") as step:
        step.db.run("DELETE FROM customer")
        step.db.run("DELETE FROM tally")
        step.db.run("DELETE FROM mark")
    told = rebuild(lived, check=True).differences
    assert len(told) == MOST
    assert "@" not in " ".join(told)


def test_a_check_writes_nothing(lived: Store) -> None:
    def everything() -> list[object]:
        with lived.reading() as db:
            return [sorted(map(repr, db.rows(f"SELECT * FROM {table.name}"))) for table in t.METADATA.sorted_tables]

    before = everything()
    rebuild(lived, check=True)
    assert everything() == before
