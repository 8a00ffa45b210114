"""The quality checklist of a source, as data: what a good plugin has, and what is found of it. `klientela plugins` shows it.

Nothing is run: the conformance record, the class, its settings and its distribution are looked at.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any, NamedTuple

from klientela.source import Source
from klientela.testing import conformance
from klientela.testing.conformance import record


class Looked(NamedTuple):
    """What is looked at: the source class, the name of its distribution, its conformance record."""

    kind: type[Source]
    distribution: str
    record: dict[str, Any] | None

    @property
    def deletions(self) -> list[str]:
        """The lists that find what was deleted, as recorded."""
        lists = self.record["streams"] if self.record else {}
        return [f"{name} ({one['deletions']})" for name, one in lists.items() if one.get("deletions")]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the list. `needed`: a good plugin has it; others depend on what the shop can do at all.

    `ask` answers whether it is met (None: cannot be told), and says why in a few words.
    """

    name: str
    promise: str
    needed: bool
    ask: Callable[[Looked], tuple[bool | None, str]]


def look(kind: type[Source], distribution: str) -> Looked:
    """A source as it is installed."""
    return Looked(kind, distribution, record.read(kind.__module__.partition(".")[0]))


def report(looked: Looked) -> list[dict[str, Any]]:
    """The checklist of a source: `[{"rule", "promise", "needed", "met": true|false|null, "words"}]`."""
    made = []
    for rule in RULES:
        met, words = rule.ask(looked)
        made.append({"rule": rule.name, "promise": rule.promise, "needed": rule.needed, "met": met, "words": words})
    return made


def checks(looked: Looked) -> dict[str, Any]:
    """What the suite found: how many passed, what is not applicable and why, which checks the record does not know."""
    known: dict[str, str] = looked.record["checks"] if looked.record else {}
    apart = {
        name: words.removeprefix(record.NOT_APPLICABLE)
        for name, words in known.items()
        if words.startswith(record.NOT_APPLICABLE)
    }
    return {
        "recorded": looked.record is not None,
        "passed": sum(known.get(name) == "passed" for name in conformance.CHECKS),
        "of": len(conformance.CHECKS),
        "not_applicable": apart,
        "missing": [name for name in conformance.CHECKS if known.get(name) != "passed" and name not in apart],
    }


def _capabilities(looked: Looked) -> tuple[bool, str]:
    names = looked.kind.capabilities.names()
    return bool(names), ", ".join(names) or "it declares none: what it cannot know is shown nowhere"


def _docs(looked: Looked) -> tuple[bool, str]:
    missing = [f"no description of {name}" for name, one in _own_settings(looked.kind).items() if not one.description]
    if not (looked.kind.__doc__ or "").strip():
        missing.append("no docstring of the source")
    try:
        readme = metadata(looked.distribution).get_payload() if looked.distribution else None  # type: ignore[attr-defined]
    except PackageNotFoundError:
        readme = None
    if not str(readme or "").strip():
        missing.append("no README in the distribution")
    return not missing, ", ".join(missing) or "README, every setting described"


def _own_settings(kind: type[Source]) -> dict[str, Any]:
    return dict(kind.Settings.model_fields)


def _conformance(looked: Looked) -> tuple[bool, str]:
    found = checks(looked)
    if not found["recorded"]:
        return False, f"no {record.FILE} in its package"
    counted = Counter({"not applicable": len(found["not_applicable"]), "missing": len(found["missing"])})
    said = [f"{count} {what}" for what, count in counted.items() if count]
    return not found["missing"], ", ".join([f"{found['passed']} of {found['of']} passed", *said])


def _sandbox(looked: Looked) -> tuple[bool, str]:
    if hasattr(looked.kind, "for_file"):
        return True, "it reads files: any file will do"
    if looked.record is not None and not looked.record["streams"]:
        return True, "none is needed: it asks nobody, it is told"
    if looked.kind.sandbox is None:
        return False, "none"
    place = looked.kind.sandbox.partition(":")[0]
    try:
        there = importlib.util.find_spec(place) is not None
    except (ImportError, ValueError):
        there = False
    return there, f"klientela sandbox {looked.kind.type}" if there else f"{place} is not there"


def _webhooks(looked: Looked) -> tuple[bool, str]:
    return looked.kind.webhooks, "yes" if looked.kind.webhooks else "none: read by polling"


def _sweep(looked: Looked) -> tuple[bool | None, str]:
    if looked.record is None:
        return (None, "not recorded") if looked.kind.capabilities.deletions else (False, "deletions are not found")
    found = looked.deletions
    return bool(found), ", ".join(found) or "deletions are not found"


RULES: tuple[Rule, ...] = (
    Rule("capabilities", "it says what it can know; the rest is absent, not zero (R33)", True, _capabilities),
    Rule("docs", "a README, a docstring, every setting described", True, _docs),
    Rule("conformance", "every check of the suite is passed, or not applicable with a reason", True, _conformance),
    Rule("sandbox", "a pretend shop to try it on", True, _sandbox),
    Rule("webhooks", "it takes the shop's own messages", False, _webhooks),
    Rule("sweep", "it finds what was deleted at the source (R57)", False, _sweep),
)
