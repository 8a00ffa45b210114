"""Other rules on the measured data set: the diff is what `apply` does, and the way back leaves no trace (D4, T68)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from klientela.flow import rules, work
from klientela.flow.diff import diff, preview
from klientela.flow.rebuild import rebuild
from klientela.store import Store
from tests.shops import use
from tests.store import test_shop20k as shop20k
from tests.store.test_undone import jsonl

pytestmark = shop20k.pytestmark

People = dict[str, frozenset[str]]
"""Customers by id, with their records."""


def people(store: Store) -> People:
    """Who is who, as the export says."""
    return {
        row["id"]: frozenset("/".join((r["source"], r["entity"], r["external_id"])) for r in row["records"])
        for row in map(json.loads, jsonl(store).splitlines())
    }


def moved(before: People, after: People) -> dict[str, set[Any]]:
    """What happened between two lists, by looking at their members: who was joined, who was split, who is another."""
    old = {record: customer for customer, members in before.items() for record in members}
    new = {record: customer for customer, members in after.items() for record in members}
    olds, news = ({customer: set[str]() for customer in side} for side in (after, before))
    for record in old.keys() & new.keys():
        olds[new[record]].add(old[record])
        news[old[record]].add(new[record])
    return {
        "joined": {(tuple(sorted(some)), into) for into, some in olds.items() if len(some) > 1},
        "split": {(customer, tuple(sorted(into))) for customer, into in news.items() if len(into) > 1},
        "others": {customer for customer, members in after.items() if before.get(customer) != members},
    }


def there_and_back(
    store: Store, other: Store, folder: Path, rows: list[dict[str, str]], later: list[dict[str, str]]
) -> None:
    """Switch `address` off, sync what comes later, switch it on again; `other` never changes its rules."""
    ruleset = use(store, **shop20k._measured())
    shop20k._load(store, folder / "first", rows)
    before, wanted = people(store), replace(ruleset, rules=tuple(r for r in ruleset.rules if r != "address"))
    found = diff(store, wanted)
    assert people(store) == before, "a diff writes nothing"
    would = preview(store, wanted)
    seq = rules.apply(store, wanted)
    assert seq is not None
    work.drain(store)
    after = people(store)
    happened = moved(before, after)
    assert {(tuple(one["customers"]), one["into"]) for one in found["joined"]} == happened["joined"]
    assert {(one["customer"], tuple(one["into"])) for one in found["split"]} == happened["split"]
    assert len(happened["split"]) > len(rows) / 100, "the rule joins somebody"
    assert (found["appeared"], found["vanished"]) == ([], [])
    touched = rules.touched(store, seq)
    assert [one["id"] for one in touched] == sorted(happened["others"])
    assert would["customers"] == touched
    for one in touched:
        assert {"/".join((r["source"], r["entity"], r["external_id"])) for r in one["records"]} == after[one["id"]]

    shop20k._load(store, folder / "later", [*rows, *later])
    assert len(people(store)) > len(after)
    rules.apply(store, ruleset)
    work.drain(store)

    use(other, **shop20k._measured())
    shop20k._load(other, folder / "first", rows)
    shop20k._load(other, folder / "later", [*rows, *later])
    assert jsonl(store) == jsonl(other), "byte for byte"
    with store.reading() as one, other.reading() as two:
        assert one.rows("SELECT name, part, day, value FROM figure WHERE value <> 0 ORDER BY 1, 2, 3") == two.rows(
            "SELECT name, part, day, value FROM figure WHERE value <> 0 ORDER BY 1, 2, 3"
        )


def test_address_off_and_on_again_is_as_if_it_had_never_been(
    store: Store, new_store: Callable[[], Store], tmp_path: Path
) -> None:
    rows = shop20k._rows()
    many = 6_000 if store.dialect == "sqlite" else 2_500
    there_and_back(store, new_store(), tmp_path, rows[:many], rows[many : many + many // 10])
    assert rebuild(store, check=True).differences == []


@pytest.mark.slow
def test_address_off_and_on_again_on_twenty_thousand_records(
    store: Store, new_store: Callable[[], Store], tmp_path: Path
) -> None:
    rows = shop20k._rows()
    there_and_back(store, new_store(), tmp_path, rows[:18_000], rows[18_000:])
