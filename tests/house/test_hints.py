"""Every hint in the code begins like a sentence: with a capital letter, a command or a name that is looked up."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted(path for top in ("core", "daemon", "plugins", "web") for path in (ROOT / top).rglob("*.py"))
CODE = [path for path in CODE if "templates" not in path.parts]


def constants(trees: Mapping[Path, ast.Module]) -> dict[str, list[ast.expr]]:
    """What modules call their texts: name -> values."""
    found: dict[str, list[ast.expr]] = {}
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def hints(tree: ast.AST) -> Iterator[ast.expr]:
    """The expressions that become hints: arguments, and entries of dictionaries, of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (one.value for one in node.keywords if one.arg == "hint")
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "hint")


def beginnings(node: ast.expr, known: Mapping[str, list[ast.expr]]) -> Iterator[str]:
    """How the text of an expression may begin, as far as the code tells."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from beginnings(node.values[0], known)
    elif isinstance(node, ast.FormattedValue):
        yield from beginnings(node.value, known)
    elif isinstance(node, ast.IfExp):
        yield from (*beginnings(node.body, known), *beginnings(node.orelse, known))
    elif isinstance(node, ast.BinOp):
        yield from beginnings(node.left, known)
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in beginnings(value, known))
    elif isinstance(node, ast.Name):
        yield from (text for value in known.get(node.id, []) for text in beginnings(value, known))


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str]]:
    """Where each hint stands, and how it begins."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in CODE}
    everywhere = constants(trees)
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", text)
        for path, tree in trees.items()
        for known in [{**everywhere, **constants({path: tree})}]
        for node in hints(tree)
        for text in beginnings(node, known)
    ]


def test_hints_begin_with_a_capital_letter(told: list[tuple[str, str]]) -> None:
    assert len(told) > 200
    assert [f"{place}: {text}" for place, text in told if text[:1].islower()] == []


def test_a_hint_in_small_letters_is_found() -> None:
    tree = ast.parse('NEXT = "wait"\nError("x", hint=NEXT if a else f"{NEXT} more")\nshow({"hint": "look" + b})')
    known = constants({ROOT: tree})
    assert [text for node in hints(tree) for text in beginnings(node, known)] == ["wait", "wait", "look"]
