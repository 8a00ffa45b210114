"""An account in heavy weather: its runs end with a sentence, and what they passed over in the storm comes after it."""

from __future__ import annotations

import random

import pytest
from billbee_helpers import Connect, SmallPages, known, truth
from tests.sandboxes import says_why, weather
from tests.shops import use

from klientela.flow.sync import sync
from klientela.store import Store
from klientela_billbee.sandbox import Sandbox

MISCHIEF = ("busy", "internal", "message", "unpaged", "drift", "repeat", "loop")


@pytest.mark.parametrize("seed", [1, 2])
def test_storms_end_runs_with_a_sentence_and_lose_nothing(
    store: Store, connect: Connect, waits: list[float], seed: int
) -> None:
    """The orders' quiet run afterwards reads what is new alone, so nothing may lie behind its cursor unread."""
    use(store)
    dice = random.Random(seed)
    box = Sandbox(seed=seed, customers=60)
    statuses: set[str] = set()
    for _ in range(15):
        weather(box, dice, MISCHIEF)
        report = sync(store, connect(box, SmallPages))
        statuses.add(says_why(report))
        assert report.error is None or report.error["hint"]
        box.advance(3)
        box.advance_clock(dice.choice((5, 600, 7200)))
    assert "partial" in statuses
    box.calm()
    for _ in range(2):  # the first may finish the window of a run that was broken off
        quiet = sync(store, connect(box, SmallPages))
        assert quiet.status == "ok", quiet.error
    true = truth(box)
    assert {name: one for name, one in known(store).items() if name in true} == true
    swept = sync(store, connect(box, SmallPages), full=True)
    assert swept.status == "ok", swept.error
    assert known(store) == true
    assert sum(waits) > 60


def test_an_account_that_is_busy_for_ever_ends_the_run(store: Store, connect: Connect, waits: list[float]) -> None:
    use(store)
    box = Sandbox(customers=5)
    box.fault("busy")
    report = sync(store, connect(box))
    assert report.status == "failed"
    assert report.error is not None
    assert "429" in report.error["message"]
    assert sum(waits) > 60, "one who counts by the minute is not outlasted"
