"""The steps of the schema: the newest gives exactly the tables the code names, and a newer store is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from klientela.errors import StoreError
from klientela.store import Store, migrations, open_store, tables


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
