"""The list of breakages: what is broken in which file, and the tests of which one must fail for it."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("breakages.toml")


class Breakage(NamedTuple):
    """One text of one file in the place of another. `row`: a row of docs/features.md, whose tests are asked, or a word
    for what `tests` name."""

    row: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """The tests of which one must fail."""
        return self.tests or named()[self.row]

    @property
    def name(self) -> str:
        """What it is called in a list."""
        return f"{self.row} {Path(self.file).name}: {' '.join(self.old.split())[:50]}"


@cache
def named() -> dict[str, tuple[str, ...]]:
    """The tests that docs/features.md names for each row."""
    text = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([ABSCX]\d\d) \| .+? \| (tests/.+?) \|$", text, re.MULTILINE)
    return {row: tuple(shown.split("<br>")) for row, shown in rows}


def breakages() -> list[Breakage]:
    """All of the list."""
    found = tomllib.loads(LIST.read_text(encoding="utf-8"))["breakage"]
    return [Breakage(**{**one, "tests": tuple(one.get("tests", ()))}) for one in found]


__all__ = ["ROOT", "Breakage", "breakages", "named"]
