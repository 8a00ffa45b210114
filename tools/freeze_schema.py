"""Write the first step of the schema from the tables as they are; only while no store exists anywhere but here.

    python tools/freeze_schema.py

Once a version has landed, steps are written by hand and s0001 is never touched again.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from klientela.store import search, tables

TARGET = Path(__file__).parents[1] / "core/klientela/store/migrations/versions/s0001_first_schema.py"
HEAD = '''"""The first schema, as it was when it landed: a later step may change the tables, never this file."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

'''
TAIL = '''

def upgrade() -> None:
    """Create every table, the early indexes and the search index."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
'''


def statements(dialect: Any) -> list[str]:
    """CREATE TABLE and CREATE INDEX of everything, and the search index."""
    made = []
    for table in tables.METADATA.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        made += [
            str(CreateIndex(index).compile(dialect=dialect)).strip()
            for index in sorted(table.indexes, key=lambda i: str(i.name))
        ]
    return [re.sub(r"[ \t]+\n", "\n", one.replace("\t", "    ")) for one in [*made, *search.create(dialect.name)]]


def _block(name: str, lines: list[str]) -> str:
    body = "".join(f'    """\n{textwrap.indent(line, "    ")}\n    """,\n' for line in lines)
    return f"{name} = (\n{body})\n\n"


def main() -> None:
    """Write the step."""
    parts = [
        HEAD,
        _block("SQLITE", statements(sqlite.dialect())),
        _block("POSTGRESQL", statements(postgresql.dialect())),
    ]
    TARGET.write_text("".join(parts) + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
