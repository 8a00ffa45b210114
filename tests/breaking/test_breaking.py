"""Breaking the page on purpose: the test that is named for a row fails when the row is broken. A sample each time, and all of
the list with `make slow` or `python -m tests.breaking`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking.breakages import ROOT, Breakage, breakages
from tests.breaking.harness import Workshop, applied, missed, sample

ALL = breakages()
FEW = sample(ALL, 1, 0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A copy of the repository."""
    return Workshop(tmp_path_factory.mktemp("breaking"))


def test_the_list_has_breakages_of_every_part() -> None:
    assert len(ALL) >= 60
    assert {one.row[0] for one in FEW if one.row[1:].isdigit()} == set("ABSCX")
    assert len({(one.file, one.old, one.new, one.row) for one in ALL}) == len(ALL)


@pytest.mark.parametrize("breakage", FEW, ids=lambda one: one.name)
def test_a_broken_row_is_noticed(shop: Workshop, breakage: Breakage) -> None:
    assert not missed(told := shop.broken(breakage)), told.tail
    path = shop.root / breakage.file
    assert path.read_bytes() == (ROOT / breakage.file).read_bytes(), "whole again"


@pytest.mark.parametrize("breakage", ALL, ids=lambda one: one.name)
def test_it_still_fits(breakage: Breakage) -> None:
    text = (ROOT / breakage.file).read_text(encoding="utf-8")
    assert applied(breakage, text) != text


def test_what_does_not_fit_any_more_is_told() -> None:
    with pytest.raises(ValueError, match=r"fits core/x\.py 0 times"):
        applied(Breakage("A01", "core/x.py", "not there", "x"), "something else")


def test_a_breakage_that_breaks_nothing_is_missed(shop: Workshop, tmp_path: Path) -> None:
    nothing = Breakage("A01", "docs/features.md", "# Where each feature lives", "# Where every feature lives",
                       ("tests/breaking/test_breaking.py::test_what_does_not_fit_any_more_is_told",))  # fmt: skip
    told = shop.broken(nothing)
    assert missed(told)
    assert told.passed == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tests_pass_while_nothing_is_broken(shop: Workshop) -> None:
    told = shop.run(dict.fromkeys(test for one in ALL for test in one.asked))
    assert (told.failed, told.errors) == (0, 0), told.tail
    assert told.passed > len(ALL)


@pytest.mark.slow
@pytest.mark.parametrize("breakage", ALL, ids=lambda one: one.name)
def test_every_broken_row_is_noticed(shop: Workshop, breakage: Breakage) -> None:
    assert not missed(told := shop.broken(breakage)), told.tail
