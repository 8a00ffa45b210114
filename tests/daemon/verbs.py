"""A list in a file, and a verb's answer as a document, for the tests of verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LIST = '[sources.list]\ntype = "csv"\npath = "people.csv"\nevery = "1h"\n'
ROWS = "Email,First Name,Last Name,City,Country\n"


def people(folder: Path, *rows: str) -> None:
    (folder / "people.csv").write_text(ROWS + "".join(f"{row}\n" for row in rows), "utf-8")


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)
