"""R56 between everything else: whatever comes before and after an erasure, the state is the function of what may be kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from klientela.flow import work
from klientela.store import Store, cleaning, open_store
from tests.conftest import fresh_schema
from tests.properties.arena import Fresh, postgres_arena, sqlite_arena
from tests.properties.lifelines import LIFELINES
from tests.properties.lives import Life, lives
from tests.properties.test_order_independence import MANY
from tests.properties.worlds import Way

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worklist in tiny transactions; the files are other tests' business."""
    monkeypatch.setattr(work, "BATCH", 3)
    monkeypatch.setattr(cleaning, "clean", lambda store: None)


def through(fresh: Fresh, folder: Path, way: Way, seen: Counter[str] | None = None) -> None:
    """Go a way, and look."""
    Life(fresh(), folder, way, seen).walk(way.turns)


def test_the_ways_have_everything_around_their_erasures() -> None:
    """What the properties below say is only worth as much as the ways they go."""
    seen: Counter[str] = Counter()

    @settings(max_examples=100, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=QUIET)
    @given(lives())
    def run(way: Way) -> None:
        what = [turn.what for turn in way.turns]
        first = what.index("erase")
        for name in ("rules", "decide", "say", "import", "take back", "withdraw", "unsay", "redact", "release"):
            seen[f"{name} before"] += name in what[:first]
            seen[f"{name} after"] += name in what[first:]
        seen["left undone before"] += any(not turn.drain for turn in way.turns[:first])

    run()
    del seen["release before"]
    assert min(seen.values()) >= 3, seen
    assert min(seen[f"{name} after"] for name in ("rules", "decide", "say", "import", "take back")) >= 10, seen


def test_erasures_between_everything_else(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
        @given(lives())
        def run(way: Way) -> None:
            through(fresh, tmp_path, way, seen)

        run()
    assert min(seen["erasures"], seen["suppressed"]) >= 20, seen


@pytest.mark.slow
def test_erasures_between_everything_else_in_thousands_of_ways(tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:

        @settings(max_examples=MANY, deadline=None, suppress_health_check=QUIET)
        @given(lives(8))
        def run(way: Way) -> None:
            through(fresh, tmp_path, way)

        run()


@pytest.mark.parametrize("way", LIFELINES.values(), ids=[name.replace(" ", "-") for name in LIFELINES])
def test_nothing_brings_them_back(way: Way, tmp_path: Path) -> None:
    with sqlite_arena(tmp_path) as fresh:
        through(fresh, tmp_path, way)


def test_erasures_between_everything_else_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    opened: list[Store] = []

    def make() -> Store:
        opened.append(open_store(fresh_schema(postgres_url), key_file=tmp_path / "klientela.key"))
        return opened[-1]

    try:
        with postgres_arena(make) as fresh:
            for way in LIFELINES.values():
                through(fresh, tmp_path, way)

            @settings(max_examples=5, deadline=None, suppress_health_check=QUIET)
            @given(lives())
            def run(way: Way) -> None:
                through(fresh, tmp_path, way)

            run()
    finally:
        for store in opened:
            store.close()
