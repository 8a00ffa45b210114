"""Applies breakages to a copy of the repository, one at a time, and runs the tests that must fail for each."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from os import environ
from pathlib import Path
from typing import NamedTuple

from tests.breaking.breakages import ROOT, Breakage

PARTS = ("core", "daemon", "web", "plugins", "tests", "docs", "tools", "pyproject.toml")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache")


class Told(NamedTuple):
    """What pytest said: how many tests failed, broke before they began, and passed; and its last lines."""

    failed: int
    errors: int
    passed: int
    tail: str


class Workshop:
    """A copy of the repository that may be broken."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "copy"
        self.root.mkdir()
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, self.root / part, ignore=_IGNORED)
            else:
                shutil.copy(source, self.root / part)
        if (ROOT.parent / "shared").exists():
            (folder / "shared").symlink_to(ROOT.parent / "shared")

    def run(self, tests: Iterable[str], *more: str) -> Told:
        """Run tests of the copy, on SQLite where a test asks for a store; `more`: further words for pytest."""
        places = [
            self.root / "core",
            self.root / "daemon",
            self.root / "web",
            *(self.root / "plugins").iterdir(),
            self.root,
        ]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line",
             "-k", "not postgresql", *more, *tests],
            cwd=self.root, capture_output=True, text=True, check=False,
            env={**environ, "PYTHONPATH": ":".join(map(str, places)), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        lines = done.stdout.strip().splitlines()
        last = lines[-1] if lines else ""
        failed, errors, passed = (
            int(found[1]) if (found := re.search(rf"(\d+) {word}", last)) else 0
            for word in ("failed", "error", "passed")
        )
        return Told(failed, errors, passed, "\n".join([*lines[-12:], *done.stderr.strip().splitlines()[-5:]]))

    def broken(self, breakage: Breakage) -> Told:
        """What the tests say while one thing is broken; afterwards it is whole again. ValueError where the breakage does
        not fit the file any more."""
        path = self.root / breakage.file
        whole = path.read_text(encoding="utf-8")
        path.write_text(applied(breakage, whole), encoding="utf-8")
        try:
            return self.run(breakage.asked, "-x")
        finally:
            path.write_text(whole, encoding="utf-8")


def applied(breakage: Breakage, text: str) -> str:
    """A file's text with the breakage in it. ValueError where its place is not there, or not the only one."""
    count = text.count(breakage.old)
    if count != 1:
        raise ValueError(f"{breakage.name} fits {breakage.file} {count} times; mend tests/breaking/breakages.toml")
    return text.replace(breakage.old, breakage.new)


def missed(told: Told) -> bool:
    """Whether nobody noticed: no test failed, or none was run at all."""
    return told.failed == 0


def sample(found: Sequence[Breakage], many: int, turn: int) -> list[Breakage]:
    """Some of each part of the list (A, B, S, C, X and the rest), others in each turn."""
    parts: dict[str, list[Breakage]] = {}
    for one in found:
        parts.setdefault(one.row[0] if re.fullmatch(r"[ABSCX]\d\d", one.row) else "-", []).append(one)
    return [some[(turn * many + n) % len(some)] for some in parts.values() for n in range(many)]


__all__ = ["Told", "Workshop", "applied", "missed", "sample"]
