"""Write a small lived-in store of this version as a file, so that later versions can be tested on what they will meet.

    python tools/freeze_store.py

Run it just before a step of the schema is added; the file is named after the version it holds and never written again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
KEY = "5a" * 32
"""The instance key of all frozen stores; public ids of mailboxes hang on it."""


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def main() -> None:
    """Bring the people of the small town into a store on SQLite and write down every table, the search index too."""
    from tests import town

    from klientela.store import migrations, open_store

    target = ROOT / "tests/store/past" / f"{migrations.HEAD}.json"
    if target.exists():
        sys.exit(f"{target.name} is frozen already")
    tables: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        key = Path(folder, "klientela.key")
        key.write_text(KEY + "\n", encoding="ascii")
        with open_store(f"sqlite:///{folder}/klientela.db", key_file=key) as store:
            town.live(store)
            with store.reading() as db:
                for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
                    if name in ("search", "alembic_version") or name.startswith("sqlite_"):
                        continue
                    columns = [row[1] for row in db.rows(f"PRAGMA table_info({name})")]
                    rows = [
                        [_plain(value) for value in row] for row in db.rows(f"SELECT {', '.join(columns)} FROM {name}")
                    ]
                    tables[name] = {"columns": columns, "rows": rows}
    target.parent.mkdir(exist_ok=True)
    body = ",\n".join(f'"{name}": {json.dumps(made, ensure_ascii=False)}' for name, made in tables.items())
    target.write_text("{\n" + body + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
