"""Whole runs of the core by bulk operations: killed at any page, in heavy weather, while the shop lives on."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from shopify_helpers import Connect, known, truth
from tests.shops import use

from klientela.flow.fetch import fetch
from klientela.flow.sync import sync
from klientela.store import Store
from klientela.testing import serve
from klientela_shopify import bulk as bulk_module
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.source import ShopifySource

WEATHER = ("429", "html", "truncated", "500", "reset")
MISCHIEF = ("bulk_crowded", "bulk_failed", "bulk_canceled", "bulk_gone", "bulk_cut", "throttled", "internal")


class Killed(BaseException):
    """The process is gone."""


class Waiting(ShopifySource):
    """A source that waits on the shop's clock."""

    box: Sandbox
    steps = 0

    def pause(self, seconds: float) -> None:
        self.box.advance(self.steps)
        self.box.advance_clock(max(1.0, seconds))


def dying(left: int) -> Callable[..., Iterator[Any]]:
    """The core's fetching, whose process dies behind some pages.

    It does not die between the shop's answer that an operation has begun and its note: nobody can close that gap.
    """

    def pages(*asked: Any) -> Iterator[Any]:
        nonlocal left
        for page in fetch(*asked):
            if left <= 0 and page.records:
                raise Killed
            left -= 1
            yield page

    return pages


class Town:
    """A shop, its storage on another host, and sources that connect to it."""

    def __init__(self, connect: Connect, stack: ExitStack) -> None:
        self._connect = connect
        self._stack = stack

    def shop(self, customers: int, seed: int = 1) -> Sandbox:
        box = Sandbox(customers=customers, seed=seed)
        box.bulk.elsewhere = self._stack.enter_context(serve(box.bulk.storage))
        return box

    def source(self, box: Sandbox) -> Waiting:
        """A source of a new process."""
        source = self._connect(box, Waiting, bulk="always")
        assert isinstance(source, Waiting)
        source.box = box
        return source


@pytest.fixture
def town(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setattr(bulk_module, "ROWS", 7)
    with ExitStack() as stack:
        yield Town(connect, stack)


def place(store: Store, stream: str) -> dict[str, object] | None:
    """Where a stream's stored position stands."""
    with store.reading() as db:
        row = db.one("SELECT position FROM cursor WHERE stream = ?", (stream,))
    return json.loads(row[0]) if row and row[0] else None


@pytest.mark.parametrize("fault", [None, "bulk_scattered"])
def test_killed_at_any_page_it_goes_on_in_the_same_result(
    store: Store, town: Town, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    use(store)
    box = town.shop(customers=40)
    if fault:
        box.fault(fault)
    dice = random.Random(7)
    places = []
    for _ in range(200):
        monkeypatch.setattr(sys.modules[sync.__module__], "fetch", dying(dice.randint(1, 6)))
        try:
            report = sync(store, town.source(box))
        except Killed:
            places.append((place(store, "customers"), place(store, "orders"), place(store, "checkouts")))
            continue
        assert report.status == "ok", report.error
        break
    assert known(store, "main") == truth(box)
    assert any(one is not None and one["at"] for some in places for one in some), "it never died within a result"
    assert len({str(one) for some in places for one in some}) > 5
    lists = [one.kind for one in box.bulk.operations.values()]
    assert sorted(lists) == ["abandonedCheckouts", "customers", "orders"], "an operation was begun anew"


def test_what_happens_while_operations_run_comes_with_the_next_run(store: Store, town: Town) -> None:
    use(store)
    box = town.shop(customers=60)
    box.bulk.seconds = 3600  # far more than the overlap
    source = town.source(box)
    source.steps = 2
    assert sync(store, source).status == "ok"
    assert len(box.bulk.operations) == 3
    source.steps = 0
    assert sync(store, source).status == "ok"
    assert len(box.bulk.operations) == 3, "an increment is no matter for a bulk operation"
    here = {name: told for name, told in known(store, "main").items() if name[0] != "customer" or name in truth(box)}
    assert {name: told[0] for name, told in here.items()} == {name: told[0] for name, told in truth(box).items()}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_storms_lose_nothing(store: Store, town: Town, waits: list[float], seed: int) -> None:
    use(store)
    dice = random.Random(seed)
    box = town.shop(customers=50, seed=seed)
    remarks: set[str] = set()
    for number in range(10):
        box.bulk.ranges = dice.random() < 0.5
        for kind in box.mischief.rates:
            box.fault(kind, 0)
        for kind in dice.sample(MISCHIEF, 2):
            box.fault(kind, dice.uniform(0.1, 0.5))
        for side in (box.faults, box.bulk.storage):
            side.calm()
            side.always(dice.choice(WEATHER), dice.uniform(0.1, 0.4))
        report = sync(store, town.source(box), full=number > 4)
        remarks.update(report.remarks)
        assert report.status == "ok" or report.error is not None
        box.advance(3)
        box.advance_clock(60)
    box.faults.calm()
    box.bulk.storage.calm()
    for kind in box.mischief.rates:
        box.fault(kind, 0)
    report = sync(store, town.source(box), full=True)
    assert report.status == "ok", report.error
    assert known(store, "main") == truth(box)
    assert box.bulk.leaks == []
    assert any("page by page" in one for one in remarks)
