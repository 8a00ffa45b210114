"""Bringing a store's schema up to date: Alembic steps, each tested from the version before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from klientela.errors import StoreError

if TYPE_CHECKING:
    from klientela.store.database import Store

HEAD = "0013"
"""The newest step; a test holds it against the files in versions/."""


def upgrade(store: Store, to: str = HEAD) -> None:
    """Run the steps a store lacks; `to` an older one in tests only. StoreError for a store from a newer klientela."""
    current = _current(store)
    if current == HEAD:
        return
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(__file__).parent))
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise StoreError(
            f"this store was written by a newer klientela (schema {current}, known {HEAD})",
            hint="Install that version, or restore a backup made with this one",
        )
    if current is not None and store.path is not None:
        _backup(store, current)

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs(to, revision)

    with store.engine.connect() as connection:
        if store.dialect == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        from alembic.config import Config

        environment = EnvironmentContext(Config(), script, fn=steps)
        environment.configure(connection=connection, target_metadata=None, transactional_ddl=False)
        with environment:
            environment.run_migrations()
        if store.dialect == "sqlite":
            connection.exec_driver_sql("COMMIT")
        else:
            connection.commit()


def _current(store: Store) -> str | None:
    if not sa.inspect(store.engine).has_table("alembic_version"):
        return None
    with store.reading() as db:
        row = db.one("SELECT version_num FROM alembic_version")
    return row[0] if row else None


def _backup(store: Store, version: str) -> None:
    assert store.path is not None  # noqa: S101 - asked by the caller
    target = store.path.with_name(f"{store.path.name}.before-{HEAD}-from-{version}")
    if not target.exists():
        with store.reading() as db:
            db.connection.rollback()
            db.run("VACUUM INTO ?", (str(target),))
