"""R0: the stored state is the one function of claims, decisions and rules, whatever came first and however it came."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from klientela.flow import work
from klientela.flow.rebuild import rebuild
from klientela.store import Store
from tests.properties.arena import Fresh, oracle, postgres_arena, sqlite_arena, walk
from tests.properties.journeys import JOURNEYS
from tests.properties.replay import lost_ids, replayed, standing
from tests.properties.states import broken, differences, expected, stored, unlike
from tests.properties.worlds import Plan, plans

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
MANY = int(os.environ.get("KLIENTELA_EXAMPLES", "5000"))


def hold(fresh: Fresh, plan: Plan) -> None:
    """Go every way of a plan; each ends in the state the function says, and they end alike. The log alone says who is
    whom, and every id leads there."""
    states = []
    for way in plan.ways:
        store = fresh()
        walk(store, way)
        says = stored(store)
        assert not differences(says, expected(oracle(plan, store), plan.ruleset, store))
        assert not broken(store)
        assert replayed(store) == standing(store)
        assert not lost_ids(store)
        states.append(says)
    for other in states[1:]:
        assert not unlike(states[0], other)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worklist in tiny transactions, so that its own order shows."""
    monkeypatch.setattr(work, "BATCH", 3)


def test_the_ways_have_decisions_and_rules_between_their_pages() -> None:
    """What the properties below say is only worth as much as the worlds they see."""
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=QUIET)
    @given(plans())
    def run(plan: Plan) -> None:
        turns = plan.ways[0].turns
        pages = [place for place, turn in enumerate(turns) if turn.what == "bring"]
        between = turns[pages[0] : pages[-1]]
        what = {turn.what for turn in between}
        seen["both"] += what >= {"decide", "rules"}
        seen["taken back"] += "withdraw" in what
        seen["left undone"] += any(not turn.drain for turn in between)

    run()
    assert min(seen["both"], seen["taken back"], seen["left undone"]) >= 15, seen


def test_the_state_is_one_function_of_what_was_said(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
        @given(plans())
        def run(plan: Plan) -> None:
            hold(fresh, plan)

        run()


@pytest.mark.slow
def test_the_state_is_one_function_in_thousands_of_worlds(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=MANY, deadline=None, suppress_health_check=QUIET)
        @given(plans(8))
        def run(plan: Plan) -> None:
            hold(fresh, plan)

        run()


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=[name.replace(" ", "-") for name in JOURNEYS])
def test_a_change_takes_back_what_another_brought(journey: Plan, tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:
        hold(fresh, journey)


def test_the_state_is_the_same_function_on_postgresql(
    postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from klientela.store import open_store
    from tests.conftest import fresh_schema

    opened: list[Store] = []

    def make() -> Store:
        opened.append(open_store(fresh_schema(postgres_url), key_file=tmp_path / "klientela.key"))
        return opened[-1]

    with postgres_arena(make) as fresh:

        @settings(max_examples=15, deadline=None, suppress_health_check=QUIET)
        @given(plans())
        def run(plan: Plan) -> None:
            hold(fresh, plan)

        run()
    for store in opened:
        store.close()


def test_incremental_is_rebuild(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=20, deadline=None, suppress_health_check=QUIET)
        @given(plans())
        def run(plan: Plan) -> None:
            store = fresh()
            walk(store, plan.ways[0])
            assert rebuild(store, check=True).differences == []

        run()
