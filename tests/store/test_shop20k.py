"""The measured data set, where it lies beside the checkout: quality, guests, and that order decides nothing."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import klientela_fuzzy
from klientela.flow.proposing import Proposer
from klientela.flow.rebuild import rebuild
from klientela.flow.review import review
from klientela.flow.sync import sync
from klientela.rules.ruleset import Ruleset
from klientela.settings import Settings
from klientela.source import Shop
from klientela.store import Store
from klientela.store import rows as customer_rows
from klientela_csv.source import CsvSource
from tests.conftest import SHARED
from tests.shops import use

DATA = SHARED / "data" / "shop20k.csv"
NAMES = ("shopify", "billbee", "csv", "wix")
COLUMNS = {
    "external_id": "rec_id",
    "first_name": "first",
    "last_name": "last",
    "company": "company",
    "email": "email",
    "phone": "phone",
    "street": "street",
    "zip": "zip",
    "city": "city",
    "country": "country",
    "kind": "kind",
    "updated_at": "updated",
}

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the measured data set is not beside this checkout (../shared/data)"),
    pytest.mark.timeout(900),
]


def _rows() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _load(
    store: Store, folder: Path, rows: list[dict[str, str]], *, names: tuple[str, ...] = NAMES, size: int = 250
) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        file = folder / f"{name}.csv"
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["source"] == name)
        settings = CsvSource.Settings(type="csv", path=file.name, columns=COLUMNS)
        source = CsvSource(name, settings, shop=Shop(folder=str(folder)))
        source.page_size = size
        report = sync(store, source)
        assert report.status == "ok", report.error


def _export(store: Store) -> list[str]:
    """What everybody sees of the list, sorted by id."""
    with store.reading() as db:
        ids = [row[0] for row in db.rows("SELECT id FROM customer ORDER BY pub8")]
        by = customer_rows.lens(db, Settings().views["default"])
        made: list[dict[str, Any]] = []
        for start in range(0, len(ids), 500):
            made += customer_rows.rows(db, ids[start : start + 500], by, records=True, key=store.key)
    for row in made:
        row.pop("first_seen", None)
    return [json.dumps(row, sort_keys=True) for row in made]


def _clusters(store: Store) -> list[list[tuple[str, str]]]:
    return [[(r["source"], r["external_id"]) for r in json.loads(line)["records"]] for line in _export(store)]


def _quality(store: Store, rows: list[dict[str, str]]) -> tuple[float, float, int]:
    truth = {row["rec_id"]: row["truth"] for row in rows}
    right = wrong = mixed = 0
    for cluster in _clusters(store):
        people = Counter(truth[ext] for _, ext in cluster)
        pairs = len(cluster) * (len(cluster) - 1) // 2
        same = sum(n * (n - 1) // 2 for n in people.values())
        right, wrong, mixed = right + same, wrong + pairs - same, mixed + (len(people) > 1)
    total = sum(n * (n - 1) // 2 for n in Counter(truth.values()).values())
    return right / (right + wrong), right / total, mixed


def _measured(same_source: str = "merge", guests: str = "merge") -> dict[str, Any]:
    return {"same_source": same_source, "sources": dict.fromkeys(NAMES, guests)}


def test_precision_recall_and_review(store: Store, tmp_path: Path) -> None:
    rows = _rows()
    use(store, **_measured())
    _load(store, tmp_path / "files", rows)
    precision, recall, mixed = _quality(store, rows)
    assert precision >= 0.98
    assert recall >= 0.95
    assert mixed <= 50
    share = len(_clusters(store)) / 100
    assert len(review(store)["items"]) < share
    _proposals(store, rows, share)


def _proposals(store: Store, rows: list[dict[str, str]], share: float) -> None:
    """With the fuzzy plugin the queue stays below its share, and nearly all that it proposes is right."""
    made = review(store, proposers=[Proposer("fuzzy", lambda given: [klientela_fuzzy.klientela_proposals(given)])])
    truth = {row["rec_id"]: row["truth"] for row in rows}
    proposed = [item["records"] for item in made["items"] if item["kind"] == "proposed"]
    right = [len({truth[key.rpartition("/")[2]] for key in records}) == 1 for records in proposed]
    assert len(made["items"]) < share
    assert len(proposed) >= 50
    assert sum(right) >= 0.95 * len(right)


def test_rows_sources_and_pages_in_another_order_give_the_same_export(
    store: Store, new_store: Callable[[], Store], tmp_path: Path
) -> None:
    rows = _rows()[: 20_000 if store.dialect == "sqlite" else 4_000]
    use(store, **_measured())
    _load(store, tmp_path / "files", rows)
    expected = _export(store)
    dice = random.Random(20)
    other = new_store()
    use(other, **_measured())
    shuffled, turned = rows.copy(), list(NAMES)
    dice.shuffle(shuffled)
    dice.shuffle(turned)
    _load(other, tmp_path / "shuffled", shuffled, names=tuple(turned), size=97)
    assert _export(other) == expected
    assert rebuild(other, check=True).differences == []


def test_per_order_guests_are_joined_to_nothing(store: Store, tmp_path: Path) -> None:
    rows = _rows()[:6_000]
    guests = {row["rec_id"] for row in rows if row["kind"] == "guest"}
    use(store, **_measured(guests="per_order"))
    _load(store, tmp_path / "files", rows)
    sizes: dict[str, int] = defaultdict(int)
    for cluster in _clusters(store):
        for _, ext in cluster:
            sizes[ext] = len(cluster)
    assert {sizes[ext] for ext in guests} == {1}


def test_with_the_defaults_accounts_of_a_shop_stay_apart(store: Store, tmp_path: Path) -> None:
    rows = _rows()[:6_000]
    assert Ruleset().same_source == "review"
    use(store, sources=dict.fromkeys(NAMES, "merge"))
    _load(store, tmp_path / "files", rows)
    precision, _, _ = _quality(store, rows)
    assert precision >= 0.98
    accounts = {(row["source"], row["rec_id"]): row for row in rows if row["kind"] == "registered"}
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM apart WHERE reason = 'same_source'") != (0,)
    assert accounts
