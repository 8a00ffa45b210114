"""Changes the configuration file as a careful hand would: only the words that must change, comments stay."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from klientela.settings.places import places

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"""^\s*\[(?:[^\]"'#]|"(?:\\.|[^"\\])*"|'[^']*')*\](?P<rest>.*)$""", re.DOTALL)


def rename_source(path: Path, old: str, new: str) -> bool:
    """Rename the tables of a source in the file, and the views that name it. False when that cannot be done safely.

    Tables written as inline tables or dotted keys are left to the operator. OSError when the file cannot be written.
    """
    text = path.read_text("utf-8")
    changed = renamed(text, old, new)
    if changed is None:
        return False
    mode = path.stat().st_mode
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(changed)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def renamed(text: str, old: str, new: str) -> str | None:
    """The text with the source renamed; None when a plain replacement would not give exactly that."""
    lines = text.splitlines(keepends=True)
    for path, number in places(text).items():
        line = lines[number - 1]
        if path[:2] == ("sources", old) and line.lstrip().startswith("["):
            lines[number - 1] = _header(line, (path[0], new, *path[2:]))
        elif len(path) == 3 and path[0] == "views" and path[2] == "crm_source":
            lines[number - 1] = re.sub(rf"""(=\s*)(["']){re.escape(old)}\2""", lambda m: m[1] + json.dumps(new), line)
    done = "".join(lines)
    try:
        return done if tomllib.loads(done) == _expected(tomllib.loads(text), old, new) else None
    except tomllib.TOMLDecodeError:
        return None


def _header(line: str, path: tuple[Any, ...]) -> str:
    found = _HEADER.match(line)
    rest = found["rest"] if found else "\n"
    keys = ".".join(key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False) for key in map(str, path))
    return f"[{keys}]{rest}"


def _expected(data: dict[str, Any], old: str, new: str) -> dict[str, Any] | None:
    sources = data.get("sources")
    if not isinstance(sources, dict) or old not in sources or new in sources:
        return None
    views = {
        name: {**view, "crm_source": new} if isinstance(view, dict) and view.get("crm_source") == old else view
        for name, view in data.get("views", {}).items()
    }
    made = {**data, "sources": {new if name == old else name: table for name, table in sources.items()}}
    return {**made, "views": views} if "views" in data else made
