"""Merges and splits by ids, all taken back in any order: what is left is the store before them, byte for byte (D1, R24b)."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict
from klientela.flow import decide
from klientela.flow.rebuild import rebuild
from klientela.kit import Order, Person, Record
from klientela.settings.views import View
from klientela.store import Store, export
from tests.shops import bring
from tests.store import test_shop20k as shop20k

VIEW = View(columns=("name", "email", "ltv", "status", "sources"))


def jsonl(store: Store) -> str:
    with store.reading() as db:
        return "".join(export.export(db, VIEW, "jsonl", key=store.key))


def some(seed: int) -> dict[str, list[Record]]:
    """Three sources that share people; some of them share only a phone, or a name and an address."""
    r = random.Random(seed)
    made: dict[str, list[Record]] = {"a": [], "b": [], "c": []}
    for number in range(60):
        first, last = r.choice(("Ina", "Udo", "Ada")), r.choice(("Roth", "Berg", "Lang", "Amt"))
        for name in r.sample("abc", r.choice((1, 1, 2, 3))):
            made[name].append(
                Person(external_id=str(number), kind="contact", first_name=first, last_name=last,
                       email=f"m{number}@x.example", phone=f"+49 30 90000{number % 40:02d}", created_at=number)
            )  # fmt: skip
            made[name].append(Order(external_id=f"o{number}", customer=str(number), total=100 * number, currency="EUR"))
    return made


def decisions(store: Store, count: int, r: random.Random) -> list[int]:
    """Make so many merges and splits of random customers; the numbers of their changes."""
    made: list[int] = []
    people: list[dict[str, Any]] = []
    for turn in itertools.count():
        if len(made) == count:
            break
        if turn % 25 == 0:
            people = [json.loads(line) for line in jsonl(store).splitlines()]
        one, two = r.sample(people, 2)
        try:
            if len(one["records"]) > 1 and r.random() < 0.5:
                keys = ["/".join((x["source"], x["entity"], x["external_id"])) for x in one["records"]]
                done = decide.split(store, one["id"], r.sample(keys, r.randint(1, len(keys) - 1)), reason="apart")
            else:
                done = decide.merge(store, one["id"], two["id"], reason="one")
        except Conflict:
            continue  # they changed meanwhile, or it contradicts what stands
        assert done.seq is not None
        made.append(done.seq)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_decisions_taken_back_in_any_order_leave_nothing(store: Store, seed: int) -> None:
    r = random.Random(seed)
    for name, records in some(seed).items():
        bring(store, name, records)
    before = jsonl(store)
    made = decisions(store, 40, r)
    assert jsonl(store) != before
    assert rebuild(store, check=True).differences == []
    r.shuffle(made)
    for seq in made:
        decide.undo(store, seq)
    assert jsonl(store) == before
    assert rebuild(store, check=True).differences == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not shop20k.DATA.exists(), reason="the measured data set is not beside this checkout")
def test_five_hundred_decisions_on_twenty_thousand_records(store: Store, tmp_path: Path) -> None:
    r = random.Random(7)
    shop20k._load(store, tmp_path / "files", shop20k._rows())
    before = jsonl(store)
    made = decisions(store, 500, r)
    assert jsonl(store) != before
    r.shuffle(made)
    for seq in made:
        decide.undo(store, seq)
    assert jsonl(store) == before
