"""Every sentence in the code of the core and the plugins that may stand in the page: read from the source, not from a list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]

SILENT = {
    "core/klientela/settings": "the configuration is read when a program starts; its faults are told there",
    "core/klientela/testing": "for authors of plugins",
    "core/klientela/hookspecs.py": "for authors of plugins",
    "core/klientela/notices.py": "names of metrics",
    "core/klientela/failpoints.py": "for tests",
    "core/klientela/flow/asof.py": "`customers --as-of`",
    "core/klientela/flow/handover.py": "`person export -o`",
    "core/klientela/flow/rebuild.py": "`rebuild`",
    "core/klientela/flow/requests.py": "`person requests`",
    "core/klientela/flow/rules.py": "`rules apply`",
    "core/klientela/flow/push.py": "the names of its steps; its one sentence is that of the stage",
    "core/klientela/plugins.py": "plugins are loaded when a program starts",
    "core/klientela/mail/letter.py": "what stands beneath a message, in the language of the message",
    "core/klientela/rules/geo_data.py": "names of countries and cities",
    "core/klientela/rules/names.py": "names",
    "core/klientela/store/backup.py": "`backup` and `restore`",
    "core/klientela/store/checkup.py": "`doctor`",
    "core/klientela/store/cleaning.py": "`cleanup`",
    "core/klientela/store/comparison.py": "`rebuild --check`",
    "core/klientela/store/invariants.py": "`doctor`",
    "core/klientela/store/migrations": "told when a program starts",
    "core/klientela/store/naming.py": "`source rename`",
    "core/klientela/store/receipts.py": "pushing over HTTP",
    "core/klientela/store/search.py": "`doctor`",
    "core/klientela/store/tables.py": "names of columns",
    "core/klientela/store/tokens.py": "`token new`",
    "plugins/csv/klientela_csv/sample.py": "the sample file",
    "plugins/api/klientela_api/app.py": "pushing over HTTP",
    "plugins/api/klientela_api/intake.py": "pushing over HTTP",
    "plugins/api/klientela_api/replies.py": "pushing over HTTP",
    "plugins/api/klientela_api/shapes.py": "pushing over HTTP",
    "plugins/api/klientela_api/source.py": "`doctor`",
    "plugins/csv/klientela_csv/layouts.py": "names of columns",
    "plugins/fuzzy/klientela_fuzzy/__init__.py": "its remark names figures for the command",
    "plugins/shopify/klientela_shopify/queries.py": "questions to the shop",
    "plugins/shopify/klientela_shopify/bulk.py": "questions to the shop, and remarks of the command",
}
"""Rooms whose sentences never stand in the page, and why."""

SQL = re.compile(
    r"^\s*\(?(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|DROP|ALTER|ANALYZE|PRAGMA|VACUUM)\b"
    r"|\b(SELECT|WHERE|IS NULL|NULLS LAST|AND|OR|LIMIT|ORDER BY|GROUP BY|JOIN|FROM|ANY|IN|BEGIN|SET)\b"
)
LOG = frozenset(("debug", "info", "warning", "error", "exception", "critical"))
WORD = re.compile(r"['’A-Za-z-]{2,}[.,:;]?")
FORMS = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")
PLACE = re.compile(r"\{\w*(!r)?(?::[^}]*)?\}")


def rooms() -> Iterator[Path]:
    """The files whose sentences may stand in the page."""
    for top in ("core", "plugins"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if "sandbox" in name or path.name in ("settings.py",) or any(name.startswith(one) for one in SILENT):
                continue
            yield path


def sentences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts of a module that are sentences or parts of them, with their lines; values are `{}`, quoted ones `{!r}`."""
    passed = set(_unsaid(tree))
    for node in ast.walk(tree):
        if id(node) in passed or not isinstance(node, (ast.Constant, ast.JoinedStr)):
            continue
        for text in _texts(node):
            if _is_sentence(text):
                forms = {FORMS.sub(r"\1", text), FORMS.sub(r"\2", text)}
                yield from ((node.lineno, plain(one)) for one in sorted(forms))


def _is_sentence(text: str) -> bool:
    """Two words at least, and three with its values; neither a statement nor a line of the log."""
    tokens = text.split()
    words = sum(WORD.fullmatch(one) is not None for one in tokens)
    values = sum("{" in one for one in tokens)
    return words >= 2 and words + values >= 3 and not SQL.search(text) and "%s" not in text


def plain(text: str) -> str:
    """A template without the names of its values."""
    return PLACE.sub(lambda found: "{!r}" if found[1] else "{}", text)


def raised(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What a module of the page gives to errors: their first arguments and hints, however short."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            said = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "hint")]
            yield from ((node.lineno, plain(text)) for one in said for part in _parts(one) for text in _texts(part))


ERRORS = frozenset(("Misconfigured", "UnknownThing", "Conflict", "NotAdmitted", "NotAllowed", "StoreError"))


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.IfExp):
        yield from (*_parts(node.body), *_parts(node.orelse))
    elif isinstance(node, ast.BoolOp):
        for one in node.values:
            yield from _parts(one)
    else:
        yield node


def _texts(node: ast.AST) -> Iterator[str]:
    """What a text may be: each choice between two plain texts in it is made both ways."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
        return
    if not isinstance(node, ast.JoinedStr):
        return
    parts: list[tuple[str, ...]] = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append((str(part.value),))
        elif isinstance(part, ast.FormattedValue):
            choice = part.value
            if isinstance(choice, ast.IfExp) and all(
                isinstance(one, ast.Constant) for one in (choice.body, choice.orelse)
            ):
                parts.append((str(choice.body.value), str(choice.orelse.value)))  # type: ignore[attr-defined]
            else:
                parts.append(("{!r}" if part.conversion == ord("r") else "{}",))
    yield from ("".join(one) for one in product(*parts))


def _unsaid(tree: ast.AST) -> Iterator[int]:
    """Parts of f-strings, which are read with the whole; documentation; the log; descriptions of settings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from (id(one) for one in ast.walk(node) if one is not node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG:
            yield from (id(one) for argument in node.args for one in ast.walk(argument))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_words":
            yield from (id(one) for one in node.args)  # what cells may hold
        elif isinstance(node, ast.keyword) and node.arg == "description":
            yield id(node.value)


__all__ = ["ROOT", "plain", "raised", "rooms", "sentences"]
