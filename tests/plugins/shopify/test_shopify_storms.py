"""Two shops, one in heavy weather: its runs end with a sentence and lose nothing, and the other does not notice."""

from __future__ import annotations

import base64
import json
import random
import threading
from dataclasses import replace

import pytest
from shopify_helpers import Connect, known, truth
from tests.sandboxes import says_why, weather
from tests.shops import use

from klientela.flow.sync import Report, sync
from klientela.store import Store, facts
from klientela.testing import hurry
from klientela_shopify.reading import Listing
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.source import ShopifySource

MISCHIEF = ("drift", "repeat", "expired", "throttled", "internal", "partial")
SHELVES = {"customers": "customer", "orders": "order", "checkouts": "checkout"}


def never_ahead(store: Store, box: Sandbox, name: str) -> int:
    """Whatever lies before a stored cursor is stored too; how many objects do."""
    looked_at = 0
    with store.reading() as db:
        cursors = db.rows(
            "SELECT c.stream, c.since, c.until, c.position FROM cursor c JOIN source s ON s.id = c.source "
            "WHERE s.label = ? AND c.open = 1 AND c.position IS NOT NULL",
            (name,),
        )
        for stream, since, until, position in cursors:
            if (cursor := json.loads(position).get("after")) is None:
                continue
            place = json.loads(base64.b64decode(cursor))
            stored: dict[str, int] = dict(
                db.rows(
                    "SELECT r.ext, r.version FROM record r JOIN source s ON s.id = r.source WHERE s.label = ? "
                    "AND r.entity = ?",
                    (name, facts.NUMBER_OF[SHELVES[stream]]),
                )
            )
            for one in getattr(box, stream).values():
                value = one.id if place["sort"] == "ID" else one.indexed
                passed = (value, one.id) <= (place["last_value"], place["last_id"])
                if passed and (since or 0) <= one.indexed < until:
                    looked_at += 1
                    assert stored.get(str(one.id), 0) >= one.updated_at, f"{stream} {one.id} was passed over"
    return looked_at


@pytest.mark.parametrize("seed", [1, 2])
def test_storms_end_runs_with_a_sentence_and_lose_nothing(
    store: Store, connect: Connect, waits: list[float], seed: int
) -> None:
    use(store)
    dice = random.Random(seed)
    box = Sandbox(seed=seed, customers=60)
    statuses, looked_at = set(), 0
    for _ in range(15):
        weather(box, dice, MISCHIEF, wire=(0.15, 0.4), inside=(0.1, 0.5))
        report = sync(store, small(connect, box))
        statuses.add(says_why(report))
        looked_at += never_ahead(store, box, "main")
        box.advance(3)
        box.advance_clock(dice.choice((5, 600, 7200)))
    assert "partial" in statuses
    assert looked_at > 10, "no run was broken off in the middle of a list"
    box.calm()
    quiet = sync(store, small(connect, box))
    assert quiet.status == "ok", quiet.error
    swept = sync(store, small(connect, box), full=True)
    assert swept.status == "ok", swept.error
    assert known(store, "main") == truth(box)


class SmallPages(ShopifySource):
    """The source with a few rows on a page, so that a list has many."""

    def _listings(self) -> tuple[Listing, Listing, Listing]:
        customers, orders, checkouts = super()._listings()
        return replace(customers, size=7), replace(orders, size=7), replace(checkouts, size=7)


def small(connect: Connect, box: Sandbox) -> ShopifySource:
    """A source of a new process."""
    return connect(box, SmallPages)


def test_one_shop_waits_and_the_other_is_read(store: Store, connect: Connect) -> None:
    use(store)
    busy, calm_one = Sandbox(seed=1, customers=30), Sandbox(seed=2, customers=30)
    first, second = small(connect, busy), small(connect, calm_one)
    second.name = "other"
    busy.faults.always("429", wait=60)
    ended: list[Report] = []
    waiting = threading.Thread(target=lambda: ended.append(sync(store, first, stop=first.stop)))
    waiting.start()
    try:
        while not busy.faults.injected and waiting.is_alive():
            waiting.join(0.01)
        report = sync(store, second)
        assert report.status == "ok", report.error
        assert known(store, "other") == truth(calm_one)
        assert waiting.is_alive(), "the busy shop's run ended before the other's"
    finally:
        first.stop.set()
        waiting.join(30)
    assert ended[0].status == "failed"
    assert ended[0].error is not None
    assert ended[0].error["kind"] == "interrupted"
    busy.faults.calm()
    first.stop.clear()
    with hurry():  # the shop has said how long it wants to be left alone
        assert sync(store, first).status == "ok"
    assert known(store, "main") == truth(busy)
