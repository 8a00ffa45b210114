"""docs/features.md takes every row of the four products to where it lives and to a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from klientela_web.pages import every_way

ROOT = Path(__file__).parents[2]
COUNTS = {"A": 30, "B": 20, "S": 42, "C": 34, "X": 27}
ROWS = re.findall(
    r"^\| ([ABSCX]\d\d) \| (.+?) \| (.+?) \|$", (ROOT / "docs/features.md").read_text(encoding="utf-8"), re.MULTILINE
)


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_row_is_there_once() -> None:
    assert [row for row, _, _ in ROWS] == [
        f"{letter}{n:02}" for letter, count in COUNTS.items() for n in range(1, count + 1)
    ]


@pytest.mark.parametrize(("row", "where", "shown"), ROWS, ids=[row for row, _, _ in ROWS])
def test_a_row_has_a_test_or_says_why_not(row: str, where: str, shown: str) -> None:
    if where == "–":
        assert len(shown.split()) >= 3, f"{row} is left out without a reason"
        return
    for one in shown.split("<br>"):
        file, _, name = one.partition("::")
        assert name in named_in(file), f"{row} names a test that is not there: {one}"


WAYS = [
    re.sub(r"\\{\w+:path\\}", ".+", re.sub(r"\\{\w+\\}", "[^/]+", re.escape(way.path)))
    for way in every_way()
    if way.method == "GET"
]


def test_each_address_can_be_opened() -> None:
    """What a row names is a page that is got, not where a form goes; the push API has addresses of its own."""
    named = [
        (row, address)
        for row, where, _ in ROWS
        for address in re.findall(r"(?<!\S)/[^\s,;()#?]*", re.sub(r"`[^`]*`", "", where))
        if not address.startswith("/api/")
    ]
    assert len(named) > 100
    assert [one for one in named if not any(re.fullmatch(way, one[1]) for way in WAYS)] == []
