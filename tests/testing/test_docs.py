"""The documentation shows the very source that is tested, and all checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from klientela.testing import conformance, quality

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["corner.py", "corner_writes.py"])
def test_the_source_in_the_documentation_is_the_one_that_is_tested(file: str) -> None:
    source = (ROOT / "tests" / "testing" / file).read_text(encoding="utf-8").strip()
    assert f"```python\n{source}\n```" in PAGE


def test_all_checks_are_in_the_documentation_with_their_promise() -> None:
    for name, check in conformance.CHECKS.items():
        assert check.__doc__
        promise = check.__doc__.strip().splitlines()[0]
        assert f"| `{name}` | {promise} |" in PAGE


def test_the_quality_checklist_is_in_the_documentation() -> None:
    for rule in quality.RULES:
        assert f"| {rule.name} | {'yes' if rule.needed else 'where the shop can'} |" in PAGE
