"""A process that dies while it writes an order into a shop leaves a question, and nobody but a person who looked sends it
again: over real HTTP, into a pretend account that knows how many orders it was given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict
from klientela.flow import placing, work
from klientela.flow.ordering import place
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.store import Store, outbox
from klientela.store.checkup import examine
from klientela.testing import serve
from klientela_billbee.sandbox import API_KEY, PASSWORD, USER, Sandbox
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.source import BillbeeSource
from tests.cases.seen import Desk
from tests.shops import use

SENDS = """
import json, sys
from pathlib import Path
from klientela.flow.placing import send
from klientela.store import open_store
from klientela_billbee.settings import BillbeeSettings
from klientela_billbee.source import BillbeeSource

url, folder, key, settings = sys.argv[1:]
names = {"key_file": Path(folder, "klientela.key"), "tombstones": Path(folder, "klientela.tombstones")}
with open_store(url, **names) as store:
    send(store, key, BillbeeSource("bb", BillbeeSettings.model_validate(json.loads(settings))))
"""


@pytest.fixture
def box() -> Sandbox:
    """Anna has one order of 10.00."""
    made = Sandbox()
    anna = made.customer(first_name="Anna", last_name="Ahorn", email="anna@example.com", addresses=[{"city": "Berlin"}])
    made.order(customer=anna, total="10.00")
    return made


@pytest.fixture
def source(settings: dict[str, Any]) -> Iterator[BillbeeSource]:
    with closing(BillbeeSource("bb", BillbeeSettings.model_validate(settings))) as made:
        yield made


@pytest.fixture
def settings(box: Sandbox) -> Iterator[dict[str, Any]]:
    """What connects to it, allowed to write."""
    with serve(box.app) as url:
        way_in = {"user": USER, "password": PASSWORD, "api_key": API_KEY, "spacing": 0}
        yield {"type": "billbee", "base_url": url, **way_in, "write_orders": True, "write_shop": box.home.id}


def killed(url: str, folder: Path, key: str, settings: dict[str, Any], point: str) -> None:
    """Send an order in a process of its own that dies at a failpoint."""
    done = subprocess.run(
        [sys.executable, "-c", SENDS, url, str(folder), key, json.dumps(settings)],
        env={**os.environ, "KLIENTELA_FAILPOINT": point}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stdout + done.stderr


@pytest.mark.parametrize("point", ["placing.sending", "placing.answered"])
def test_S19_what_a_process_that_died_has_sent_is_sent_again_by_nobody_but_who_looked(
    store: Store, store_url: str, tmp_path: Path, box: Sandbox, settings: dict[str, Any], source: BillbeeSource,
    point: str,
) -> None:  # fmt: skip
    there = int(point == "placing.answered")  # the account has it, and nobody here heard so
    use(store)
    assert sync(store, source).status == "ok"
    (anna,) = box.customers
    key = place(store, f"bb/customer/{anna}", [("Tea", "2", "12.50")], "EUR")[1]
    killed(store_url, tmp_path, key, settings, point)

    def orders() -> int:
        return len(box.orders) - 1

    def refused(words: str, *, looked: bool = False) -> None:
        with pytest.raises(Conflict, match=words):
            placing.send(store, key, source, looked=looked)
        assert orders() == there

    with store.reading() as db:
        handed = outbox.handed(db, placing.record_of(db, key))
    assert handed is not None
    assert (handed.state, handed.source, handed.ext) == ("sending", "bb", None), "it may be in the shop"
    refused("may still be on its way to bb")
    refused("may still be on its way to bb", looked=True)  # the process may be slow, and not dead
    with store.step("test") as step:  # a quarter of an hour goes by
        step.db.run("UPDATE outbox SET at = at - ?", (outbox.UNDERWAY,))
    work.drain(store)
    assert [one.level for one in examine(store) if one.check == "outbox"] == ["warning"]
    refused("nobody knows whether bb has taken this order")
    if not there:
        assert sync(store, source).status == "ok"
        refused("nobody knows whether bb has taken this order")
        assert placing.send(store, key, source, looked=True).state == "taken"
    assert sync(store, source).status == "ok"
    assert orders() == 1
    with pytest.raises(Conflict):
        placing.send(store, key, source, looked=True)
    with pytest.raises(Conflict, match="is in the shop"):
        placing.settle(store, key, there=False)
    (row,) = Desk(store).rows()
    (worth,) = row["ltv"] if isinstance(row["ltv"], list) else (row["ltv"],)
    assert (row["orders"], worth["amount"]) == (2, "35.00")
    assert rebuild(store, check=True).differences == []
