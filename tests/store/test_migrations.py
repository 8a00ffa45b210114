"""The steps of the schema: the newest gives exactly the tables the code names, and a newer store is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from klientela.errors import StoreError
from klientela.flow import work
from klientela.flow.rebuild import rebuild
from klientela.kit import Person
from klientela.settings.views import View
from klientela.store import (
    Store,
    bitmaps,
    export,
    ids,
    ledger,
    locate,
    mapping,
    migrations,
    open_store,
    tables,
)
from klientela.store.database import Db, make_engine
from klientela.store.housekeeping import MUCH, settle
from klientela.store.matches import LIMITS
from klientela.store.overview import listing
from tests import town
from tests.shops import bring


def test_the_head_is_the_newest_step() -> None:
    files = sorted(p.name for p in (Path(migrations.__file__).parent / "versions").glob("s*.py"))
    assert files[-1].startswith(f"s{migrations.HEAD}_")


def test_the_steps_make_the_tables_the_code_names(store: Store) -> None:
    found = sa.inspect(store.engine)
    names = {name for name in found.get_table_names() if not name.startswith(("search", "sqlite_", "alembic_"))}
    assert names == {table.name for table in tables.METADATA.sorted_tables}
    for table in tables.METADATA.sorted_tables:
        columns = {column["name"]: bool(column["nullable"]) for column in found.get_columns(table.name)}
        assert columns.keys() == {c.name for c in table.columns}, table.name
        defaults = {column["name"] for column in found.get_columns(table.name) if column["default"] is not None}
        made = {c.name for c in table.columns if c.server_default is not None or c.autoincrement is True}
        assert defaults <= made, table.name
        assert defaults >= {c.name for c in table.columns if isinstance(c.server_default, sa.DefaultClause)}, table.name
        wanted = {c.name: bool(c.nullable) and not c.primary_key for c in table.columns}
        required = {name for name, nullable in wanted.items() if not nullable and not table.c[name].primary_key}
        assert {name for name, nullable in columns.items() if not nullable} >= required, table.name
        indexes = {i["name"] for i in found.get_indexes(table.name) if not i.get("duplicates_constraint")}
        assert indexes == {i.name for i in table.indexes}, table.name


def test_opening_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    with open_store(store.url, key_file=tmp_path / "klientela.key") as again, again.reading() as db:
        assert db.rows("SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


def test_a_newer_store_is_refused(store: Store, tmp_path: Path) -> None:
    with store.step("test") as step:
        step.db.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer klientela"):
        open_store(store.url, key_file=tmp_path / "klientela.key")


# -- stores of earlier versions ---------------------------------------------------------------------------------------

PAST = Path(__file__).parent / "past"
KEY = "5a" * 32


@pytest.fixture(params=sorted(p.stem for p in PAST.glob("*.json")))
def old_url(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> str:
    """A store as an earlier version left it, with the people of the town in it (tools/freeze_store.py)."""
    (tmp_path / "klientela.key").write_text(KEY + "\n", encoding="ascii")
    store = Store(make_engine(store_url), store_url, b"")
    migrations.upgrade(store, to=request.param)
    found: dict[str, Any] = json.loads((PAST / f"{request.param}.json").read_text(encoding="utf-8"))
    with store.engine.begin() as connection:
        for name, held in found.items():
            if name.startswith("search_") and store.dialect != "sqlite":
                continue
            if name.startswith("search_") or held["rows"]:
                connection.exec_driver_sql(f"DELETE FROM {name}")
            marks = ", ".join("?" if store.dialect == "sqlite" else "%s" for _ in held["columns"])
            columns = ", ".join(held["columns"])
            for row in held["rows"]:
                values = tuple(bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for v in row)
                connection.exec_driver_sql(f"INSERT INTO {name} ({columns}) VALUES ({marks})", values)
    store.close()
    return store_url


@pytest.fixture
def upgraded(old_url: str, tmp_path: Path) -> Iterator[Store]:
    """That store, opened by the code of today."""
    with open_store(old_url, key_file=tmp_path / "klientela.key") as store:
        yield store


def test_every_version_but_the_newest_is_frozen() -> None:
    steps = sorted(p.name[1:5] for p in (Path(migrations.__file__).parent / "versions").glob("s*.py"))
    assert {p.stem for p in PAST.glob("*.json")} >= set(steps[:-1])


def test_an_older_store_is_brought_up_to_date(upgraded: Store) -> None:
    """Nothing is lost, what follows is what would follow today, and the chain of the log stands."""
    work.drain(upgraded)
    found = rebuild(upgraded, check=True)
    assert found.equal, found.differences
    with upgraded.reading() as db:
        assert list(ledger.verify(db)) == []
        assert db.rows("SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]


def test_an_older_store_lives_on(upgraded: Store, new_store: Callable[[], Store]) -> None:
    """What arrives after the upgrade leads where it leads in a store that was always of today."""
    exports = []
    for store in (upgraded, town.live(new_store())):
        work.drain(store)
        bring(store, "list", [Person(external_id="10", first_name="Ida", last_name="Roth", email="familie@y.example")])
        with store.reading() as db:
            exports.append(
                list(
                    export.customers(db, View(columns=("name", "email", "ltv", "status")), key=store.key, records=True)
                )
            )
    assert exports[0] == exports[1]


def test_an_older_list_gets_the_indexes_that_came_since(upgraded: Store, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["old_url"] >= "0012":
        pytest.skip("a store of that version had them with all others; what is frozen are its rows")
    with upgraded.reading() as db:
        standing = db.one("SELECT 1 FROM meta WHERE name = 'indexes'") is not None
        catalogue = "sqlite_master WHERE type = 'index'" if db.sqlite else "pg_indexes"
        found = {row[0] for row in db.rows(f"SELECT {'name' if db.sqlite else 'indexname'} FROM {catalogue}")}
    assert standing
    assert {"orders_placed", "customer_number"} <= found


def test_every_member_is_found_before_and_after_the_aliases_are_written(upgraded: Store) -> None:
    for _ in range(2):
        with upgraded.reading() as db:
            for record, customer in _publics(db, upgraded.key).items():
                assert locate.locate(db, upgraded.key, record).customer == customer
        work.drain(upgraded)


def _publics(db: Db, key: bytes) -> dict[str, int]:
    """The public id of every person record, and its customer."""
    rows = db.rows(
        "SELECT r.id, s.uid, r.entity, r.ext FROM person p JOIN record r ON r.id = p.id JOIN source s ON s.id = r.source"
    )
    customers = locate.customers_of(db, [row[0] for row in rows])
    return {
        ids.text(ids.public_id(uid, tables.ENTITIES[entity], ext, key)): customers[n] for n, uid, entity, ext in rows
    }


def test_an_older_list_gets_its_bitmaps_when_it_is_looked_after(
    upgraded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step makes room for them; the next run fills it, and the list answers out of them as it did before."""
    view = View(sort="name")
    queries = (None, "roth", "y.example", "a")
    with upgraded.reading() as db:
        assert bitmaps.state(db) is None
        before = [listing(db, view, search=query) for query in queries]
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
    monkeypatch.setattr(LIMITS, "near", -1_000_000)
    settle(upgraded, MUCH)
    with upgraded.reading() as db:
        assert bitmaps.state(db) is not None
        assert [listing(db, view, search=query) for query in queries] == before
        assert mapping.check(db) == []
    assert before[0].total > before[1].total > 0
