"""Seeded faults in what is copied of an earlier moment: the property of the past must notice each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from klientela.errors import StoreError
from klientela.flow import asof, rules
from klientela.store import Store, past
from tests.cases import test_as_of as cases
from tests.properties.arena import Fresh, sqlite_arena
from tests.properties.journeys import JOURNEYS
from tests.properties.test_as_of import hold, quick
from tests.properties.test_mutants import Check, Mutant, commit
from tests.properties.worlds import Plan, plans

__all__ = ["quick"]


def by_property(fresh: Fresh) -> None:
    """The property on worlds that are always the same ones."""

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(plans(7))
    def run(plan: Plan) -> None:
        hold(fresh, plan)

    run()


def by_return(fresh: Fresh) -> None:
    """The property where somebody goes and comes again."""
    hold(fresh, JOURNEYS["somebody is deleted in the shop, and comes again"])


def by_case(case: Callable[[Store], None]) -> Check:
    """One case."""
    return lambda fresh: case(fresh())


MUTANTS = [
    Mutant(
        "what came later was known before",
        past, "_live_of",
        "or row.seq > upto", "",
        by_property,
    ),
    Mutant(
        "what came at that moment was not known",
        past, "_live_of",
        "row.seq > upto", "row.seq >= upto",
        by_property,
    ),
    Mutant(
        "what was closed later was closed before",
        past._Then, "rows",
        "if one.to_seq is None or one.to_seq > self.upto]", "if one.to_seq is None]",
        by_property,
    ),
    Mutant(
        "what was closed at that moment still held",
        past._Then, "rows",
        "one.to_seq is None or one.to_seq > self.upto]", "one.to_seq is None or one.to_seq >= self.upto]",
        by_property,
    ),
    Mutant(
        "only one channel was known",
        past._Then, "rows",
        "others = [one for one in standing if one is not first]", "others = []",
        by_property,
    ),
    Mutant(
        "further channels were known before they spoke",
        past, "_side_by_side",
        "WHERE from_seq <= ?", "WHERE from_seq <= ? + 1000",
        by_property,
    ),
    Mutant(
        "what is gone was gone before",
        past._Then, "rows",
        "first.hash, first.gone,", "first.hash, row.gone,",
        by_return,
    ),
    Mutant(
        "what is there again was never gone",
        past._Then, "rows",
        "first.hash, first.gone,", "first.hash, 0,",
        by_return,
    ),
    Mutant(
        "an operator speaks in the place of sources",
        past._Then, "_first",
        "if one.channel not in self.operators", "",
        by_property,
    ),
    Mutant(
        "any channel knows what was gone",
        past._Then, "_first",
        "(since[one.channel], one.channel != row.channel)", "(-since[one.channel], one.channel != row.channel)",
        by_case(cases.test_gone_as_it_was_though_whoever_spoke_first_was_taken_back),
    ),
    Mutant(
        "a decision taken back later did not hold",
        past, "_unless_later",
        'f"CASE WHEN {column} <= {upto:d} THEN {column} END"', "column",
        by_property,
    ),
    Mutant(
        "decisions were made before they were",
        past, "copy_facts",
        't.decision, f"from_seq <= {upto:d}"', 't.decision, ""',
        by_property,
    ),
    Mutant(
        "the rules of today held",
        past, "copy_facts",
        "WHERE seq = ?", "WHERE seq = ? AND 1 = 0",
        by_property,
    ),
    Mutant(
        "who said it by another channel since stays as he is",
        past, "changed_since",
        "FROM claim WHERE from_seq > ? OR to_seq > ?", "FROM claim WHERE from_seq > ? AND to_seq > ?",
        by_property,
    ),
    Mutant(
        "what was taken back since is not put back",
        past, "turn_back",
        "WHERE {column} > ?", "WHERE {column} > ? + 1000",
        by_case(cases.test_decisions_of_then_hold_though_they_were_taken_back_since),
    ),
    Mutant(
        "other rules are taken for the same",
        asof, "_same_rules",
        "of_them[0].canonical() == of_them[1].canonical()", "True",
        by_property,
    ),
    Mutant(
        "a change of rules is written down under the old ones",
        rules, "apply",
        "put(step, goal)\n", "step.seq; put(step, goal)\n",
        by_property,
    ),
]  # fmt: skip


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Fresh]:
    with sqlite_arena(tmp_path) as fresh:
        yield fresh


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("mutant", MUTANTS, ids=[m.name.replace(" ", "-") for m in MUTANTS])
def test_the_property_notices(mutant: Mutant, arena: Fresh) -> None:
    with pytest.MonkeyPatch.context() as patch:
        commit(mutant, patch)
        with pytest.raises((AssertionError, StoreError)):
            mutant.caught(arena)


def test_without_a_fault_it_notices_nothing(arena: Fresh) -> None:
    by_property(arena)
