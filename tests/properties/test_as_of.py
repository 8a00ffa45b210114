"""What a store says of an earlier moment is what it said at that moment, whatever came after (D26, data.md "As of S")."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from klientela.flow import rules, work
from klientela.flow.asof import at_change
from klientela.settings.views import View
from klientela.store import Store, export, open_store, scratch
from tests.conftest import fresh_schema
from tests.properties.arena import Fresh, _turn, postgres_arena, sqlite_arena
from tests.properties.journeys import JOURNEYS
from tests.properties.states import State, stored, unlike
from tests.properties.worlds import SOURCES, Plan, Way, plans
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
    for name in SOURCES:  # names are those of today: what refers to a source finds it in the past too
        bring(store, name, [])
    batches: dict[str, int | None] = {}
    said: dict[int, tuple[int, str, State]] = {}
    for turn in way.turns:
        _turn(store, turn, batches)
        with store.reading() as db:
            waits = work.left(db)
        if not waits:
            said[newest(store)] = (newest(store), exported(store), stored(store))
    return list(said.values())


def hold(fresh: Fresh, plan: Plan) -> None:
    store = fresh()
    for seq, rows, state in remember(store, plan.ways[0]):
        with store.reading() as db, at_change(store, db, seq) as past:
            assert exported(past) == rows, seq
            assert not unlike(stored(past), state), seq


def test_the_past_is_what_it_was(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
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

            @settings(max_examples=8, deadline=None, suppress_health_check=QUIET)
            @given(plans())
            def run(plan: Plan) -> None:
                hold(fresh, plan)

            run()
    finally:
        for store in opened:
            store.close()
