"""What a store says of an earlier moment is what it said at that moment, whatever came after (D26, data.md "As of S")."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from klientela.flow import rules, work
from klientela.flow.asof import beside, turned_back
from klientela.settings.views import View
from klientela.store import Store, export, open_store, scratch
from tests.cases.seen import Reading
from tests.conftest import fresh_schema
from tests.properties.arena import Fresh, _turn, postgres_arena, sqlite_arena
from tests.properties.journeys import JOURNEYS
from tests.properties.states import State, stored, unlike
from tests.properties.worlds import HERE, SOURCES, Plan, Way, plans
from tests.shops import bring

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
VIEW = View(columns=("name", "email", "ltv", "status", "sources"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The worklist in tiny transactions; and stores beside that are copies of one file, for making the schema costs
    more than a whole example."""
    monkeypatch.setattr(work, "BATCH", 3)
    model = tmp_path / "scratch.db"
    open_store(f"sqlite:///{model}", key_file=tmp_path / "klientela.key").close()

    def made(store: Store) -> None:
        assert store.path is not None
        shutil.copy(model, store.path)
        with store.step("empty") as step:
            for table in ("meta", "ruleset"):
                step.db.run(f"DELETE FROM {table}")

    monkeypatch.setattr(scratch, "upgrade", made)


def exported(store: Store) -> str:
    with store.reading() as db:
        return "".join(export.export(db, VIEW, "jsonl", key=store.key))


def newest(store: Store) -> int:
    with store.reading() as db:
        row = db.one("SELECT max(seq) FROM txn")
    return (row and row[0]) or 0


def remember(store: Store, way: Way) -> list[tuple[int, str, State]]:
    """Go a way, and write down what the store says after each turn that left nothing undone, and after which change."""
    assert rules.adopt(store, way.start)
    for name in (*SOURCES, HERE):  # names are those of today: what refers to a source finds it in the past too
        bring(store, name, [])
    batches: dict[str, int | None] = {}
    said: dict[int, tuple[int, str, State]] = {}
    for turn in sorted(way.turns, key=lambda one: one.what != "answer"):  # as are the answers of shops
        _turn(store, turn, batches)
        with store.reading() as db:
            waits = work.left(db)
        if not waits:
            said[newest(store)] = (newest(store), exported(store), stored(store))
    return list(said.values())


def hold(fresh: Fresh, plan: Plan) -> int:
    """What a store says of each moment is what it said then, by both roads; how often it could be turned back."""
    store = fresh()
    remembered = remember(store, plan.ways[0])
    before = exported(store), stored(store), newest(store)
    back = 0
    for seq, rows, state in remembered:
        with store.reading() as db, beside(store, db, seq) as past:
            assert exported(past) == rows, f"beside, {seq}"
            assert not unlike(stored(past), state), f"beside, {seq}"
        with turned_back(store, seq) as then:
            if then is not None:
                back += 1
                told: Any = Reading(store, then)
                assert exported(told) == rows, f"turned back, {seq}"
                assert not unlike(stored(told), state), f"turned back, {seq}"
    assert (exported(store), stored(store), newest(store)) == before, "nothing is written"
    return back


def test_most_worlds_can_be_turned_back(tmp_path: Path) -> None:
    """What is said of the other road is only worth as much as how often it is gone."""
    seen: list[int] = []
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=30, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=QUIET)
        @given(plans())
        def run(plan: Plan) -> None:
            seen.append(hold(fresh, plan))

        run()
    assert sum(one > 1 for one in seen) > 10, seen


def test_the_past_is_what_it_was(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
        @given(plans())
        def run(plan: Plan) -> None:
            hold(fresh, plan)

        run()


@pytest.mark.parametrize("journey", JOURNEYS.values(), ids=[name.replace(" ", "-") for name in JOURNEYS])
def test_the_past_of_a_journey_is_what_it_was(journey: Plan, tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:
        hold(fresh, journey)


def test_the_past_is_what_it_was_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    opened: list[Store] = []

    def make() -> Store:
        opened.append(open_store(fresh_schema(postgres_url), key_file=tmp_path / "klientela.key"))
        return opened[-1]

    try:
        with postgres_arena(make) as fresh:

            @settings(max_examples=5, deadline=None, suppress_health_check=QUIET)
            @given(plans())
            def run(plan: Plan) -> None:
                hold(fresh, plan)

            run()
    finally:
        for store in opened:
            store.close()
