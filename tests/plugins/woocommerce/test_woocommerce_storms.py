"""A shop in heavy weather: its runs end with a sentence and lose nothing, and nobody is taken for deleted."""

from __future__ import annotations

import random

import pytest
from tests.sandboxes import WEATHER, says_why
from tests.shops import use
from woocommerce_helpers import Connect, known, truth

from klientela.flow.sync import sync
from klientela.kit import SECOND
from klientela.store import Store
from klientela_woocommerce.sandbox import WooCommerceSandbox


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_storms_end_runs_with_a_sentence_and_lose_nothing(
    store: Store, connect: Connect, waits: list[float], seed: int
) -> None:
    use(store)
    dice = random.Random(seed)
    box = WooCommerceSandbox(seed=seed, customers=60, most=7)
    statuses = set()
    for _ in range(12):
        box.faults.calm()
        for kind in dice.sample(WEATHER, 3):
            box.faults.always(kind, dice.uniform(0.15, 0.4))
        report = sync(store, connect(box, customers_every=0))
        statuses.add(says_why(report))
        box.advance(5)
    assert statuses & {"partial", "failed"}
    box.faults.calm()
    assert sync(store, connect(box, customers_every=0)).status == "ok"
    swept = sync(store, connect(box, customers_every=0), full=True)
    assert swept.status == "ok", swept.error
    found, wanted = known(store), truth(box)
    differ = {name: (found.get(name), wanted[name]) for name in wanted if found.get(name) != wanted[name]}
    assert not differ, next(iter(differ.items()))
    # of an account that was closed an order may still have told: it stays a stub that no claim speaks of
    assert found.keys() == wanted.keys()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_orders_that_change_while_they_are_paged_pass_nobody_over(store: Store, connect: Connect, seed: int) -> None:
    """Each change takes an order out of the frozen window: all behind it move one place forward."""
    use(store)
    dice = random.Random(seed)
    box = WooCommerceSandbox(seed=seed, most=5)
    buyers = [box.account(first_name="Ida", last_name=f"Nr{number}") for number in range(3)]
    orders = [box.order(dice.choice(buyers)) for _ in range(40)]
    first = sync(store, connect(box))
    assert first.status == "ok", first.error
    for order in orders:  # all of them are in the next window
        box.say(order, status="completed")
    source = connect(box)
    (stream,) = [one for one in source.streams() if one.name == "orders"]
    plain, asked = source._read, 0

    def read(*args: object) -> object:
        nonlocal asked
        for page in plain(*args):  # type: ignore[arg-type]
            yield page
            asked += 1
            for order in dice.sample(orders[: 5 * asked], 3):  # of those that were read already
                box.say(order, status="processing")

    source._read = read  # type: ignore[method-assign, assignment]
    report = sync(store, source)
    assert report.status == "ok", report.error
    assert asked > 5
    assert stream.overlap > 0
    quiet = sync(store, connect(box))
    assert quiet.status == "ok"
    found = known(store)
    assert {name: found.get(name) for name in truth(box)} == truth(box)


def test_changes_are_read_without_reading_all(store: Store, connect: Connect) -> None:
    use(store)
    box = WooCommerceSandbox(seed=4, customers=80)
    assert sync(store, connect(box, customers_every=100_000)).status == "ok"
    box.clock += 1800 * SECOND
    order = box.order(None, billing={"email": "new@post.example", "last_name": "Neu"})
    report = sync(store, connect(box, customers_every=100_000))
    assert report.status == "ok"
    assert report.new == 1
    assert report.read < 30  # what the overlap reaches back for, of some two hundred
    assert ("order", order.id) in known(store)
    assert known(store) == truth(box)
