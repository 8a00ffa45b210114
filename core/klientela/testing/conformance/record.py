"""What the suite found, as a file in the plugin's package: `klientela plugins` reports it, the plugin's tests hold it true.

It is written by `klientela.testing.record`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from klientela.source import Source

FILE = "quality.json"
NOT_APPLICABLE = "not applicable: "


def read(package: str) -> dict[str, Any] | None:
    """What a package says of itself: `{"checks": {name: words}, "streams": {name: {…}}}`; None without a file."""
    try:
        text = files(package).joinpath(FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, ModuleNotFoundError, NotADirectoryError, TypeError):
        return None
    try:
        made = json.loads(text)
    except ValueError:
        return None
    whole = isinstance(made, dict) and all(isinstance(made.get(name), dict) for name in ("checks", "streams"))
    return made if whole else None


def streams(source: Source) -> dict[str, dict[str, Any]]:
    """The lists of a source, and how each finds what was deleted."""
    return {
        one.name: {
            "entity": one.entity,
            "incremental": not one.snapshot,
            "deletions": "sweep" if one.sweep is not None else "complete" if one.complete else None,
        }
        for one in source.streams()
    }


def streams_of(subject: Callable[[], Any]) -> dict[str, dict[str, Any]]:
    """The same for the source of a subject."""
    made = subject()
    try:
        source = made.source(threading.Event())
        try:
            return streams(source)
        finally:
            source.close()
    finally:
        made.close()


def text(checks: Mapping[str, str], lists: Mapping[str, Any]) -> str:
    """The file's content."""
    return json.dumps({"checks": dict(checks), "streams": lists}, indent=2, ensure_ascii=False) + "\n"
