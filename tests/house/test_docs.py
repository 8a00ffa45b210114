"""The documentation says what the code says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "tools" / "make_reference.py"), run_name="reference")["PAGES"]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")])


@pytest.mark.parametrize("page", REFERENCE)
def test_the_reference_is_what_the_code_says(page: str) -> None:
    written = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert written == REFERENCE[page](), "run `python tools/make_reference.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


def test_every_decision_record_has_a_number_of_its_own() -> None:
    numbers = [p.name[:4] for p in (ROOT / "docs" / "decisions").glob("*.md")]
    assert len(numbers) == len(set(numbers))
    assert all(n.isdigit() for n in numbers)


def test_rules_have_their_page() -> None:
    """Each file of rules/ with a rule of its own is explained in docs/explanation."""
    text = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "explanation").glob("*.md"))
    for module in ("keys", "names", "identity", "precedence", "guests", "totals"):
        assert f"rules/{module}.py" in text, f"rules/{module}.py is explained nowhere"
