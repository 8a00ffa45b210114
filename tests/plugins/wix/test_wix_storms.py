"""A site in heavy weather: its runs end with a sentence and lose nothing, and nobody is taken for deleted."""

from __future__ import annotations

import random

import pytest
from tests.sandboxes import says_why, weather
from tests.shops import use
from wix_helpers import Connect, SmallPages, known, truth

from klientela.flow.sync import sync
from klientela.store import Store
from klientela_wix.sandbox import Sandbox

MISCHIEF = ("drift", "repeat", "expired", "throttled")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_storms_end_runs_with_a_sentence_and_lose_nothing(
    store: Store, connect: Connect, waits: list[float], seed: int
) -> None:
    use(store)
    dice = random.Random(seed)
    box = Sandbox(seed=seed, customers=60)
    statuses = set()
    for _ in range(12):
        weather(box, dice, MISCHIEF)
        report = sync(store, connect(box, SmallPages))
        statuses.add(says_why(report))
        box.advance(4)
        box.advance_clock(dice.choice((5, 600, 7200)))
    assert "partial" in statuses
    box.calm()
    quiet = sync(store, connect(box, SmallPages))
    assert quiet.status == "ok", quiet.error
    swept = sync(store, connect(box, SmallPages), full=True)
    assert swept.status == "ok", swept.error
    found, wanted = known(store), truth(box)
    assert found.keys() == wanted.keys()
    differ = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
    assert not differ, next(iter(differ.values()))


def test_changes_are_read_without_reading_all(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox(seed=4, customers=80)
    assert sync(store, connect(box)).status == "ok"
    box.advance_clock(7200)
    box.advance(10)
    box.server.asked.clear()
    report = sync(store, connect(box))
    assert report.status == "ok"
    assert 0 < report.read < 60
    missing = truth(box).keys() - known(store).keys()
    assert missing == set()


@pytest.mark.parametrize("seed", [1, 2])
def test_drifting_pages_pass_nobody_over(store: Store, connect: Connect, seed: int) -> None:
    use(store)
    box = Sandbox(seed=seed, customers=90)
    box.fault("drift", 0.7)
    first = sync(store, connect(box, SmallPages))
    assert first.status == "ok", first.error
    box.calm()
    assert sync(store, connect(box, SmallPages)).status == "ok"
    assert truth(box).keys() - known(store).keys() == set()


def test_rows_that_turn_up_late_are_found(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox(customers=20)
    assert sync(store, connect(box)).status == "ok"
    box.fault("late")
    box.advance(8)
    box.advance_clock(60)
    assert sync(store, connect(box)).status == "ok"
    box.advance_clock(600)
    assert sync(store, connect(box)).status == "ok"
    found = known(store)
    assert {name: found.get(name) for name in truth(box)} == truth(box)
