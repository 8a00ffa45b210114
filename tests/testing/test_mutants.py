"""Each check of the conformance suite catches a mistake of its own, and takes no other for it."""

from __future__ import annotations

from functools import partial

import pytest

from klientela.testing import conformance
from tests.testing.corner_shop import CornerSubject
from tests.testing.mutants import MUTANTS

ORDERS = ("order_placed", "order_lost", "order_refused")


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_fails_its_own_check_and_no_other(name: str) -> None:
    check, kind = MUTANTS[name]
    outcomes = list(conformance.examine(partial(CornerSubject, kind)))
    assert {outcome.check for outcome in outcomes if outcome.status == "failed"} == {check}, "\n".join(
        map(str, outcomes)
    )
    assert len(outcomes) == len(conformance.CHECKS)
    apart = {outcome.check: outcome.words for outcome in outcomes if outcome.status == "not applicable"}
    assert apart == ({} if kind.writes else dict.fromkeys(ORDERS, "it only reads"))


def test_every_check_has_a_mutant_of_its_own() -> None:
    assert {check for check, _ in MUTANTS.values()} == set(conformance.CHECKS)
