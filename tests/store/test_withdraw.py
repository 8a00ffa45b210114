"""Imports taken back: what is left is the store without them, byte for byte, whatever came in between (R50b)."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict, UnknownThing
from klientela.flow import decide, rules, withdraw, work
from klientela.flow.importing import Imported, Into, import_records, import_source
from klientela.flow.rebuild import rebuild
from klientela.flow.review import review
from klientela.flow.why import why
from klientela.kit import Gone, Order, Person, Record
from klientela.rules.whole import Decided
from klientela.settings.views import View
from klientela.store import Store, export, ids, invariants, ledger
from klientela.store.checkup import examine
from klientela.store.profile import profile, resolve_id
from klientela_csv import CsvSource
from tests.properties import arena
from tests.properties.states import public_of
from tests.shops import bring, use
from tests.store import test_shop20k as shop20k
from tests.store import test_undone as undone

VIEW = View(columns=("name", "email", "company", "ltv", "last_order", "status", "sources"))
LIST, MANUAL = Into("list", "csv"), Into("manual", "manual")


def jsonl(store: Store) -> str:
    with store.reading() as db:
        return "".join(export.export(db, VIEW, "jsonl", key=store.key))


def everything(store: Store) -> list[dict[str, Any]]:
    return [json.loads(line) for line in jsonl(store).splitlines()]


def load(store: Store, *records: Record, into: Into = LIST) -> int:
    made: Imported = import_records(store, into, records, name="people.csv", digest="d")
    assert made.batch is not None
    return made.batch


def whole(store: Store) -> None:
    """Nothing waits, everything is what follows from the facts, and the log holds together."""
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert work.left(db) == 0
        assert list(ledger.verify(db)) == []
        found = [f for f in invariants.invariants(db, store.key, "EUR") if f.level != "ok"]
        assert found == []


def people(seed: int, count: int, *, orders: bool = True) -> list[Record]:
    """Few names and mailboxes, so that everybody meets somebody."""
    r = random.Random(seed)
    made: list[Record] = []
    for number in r.sample(range(60), count):
        made.append(
            Person(
                external_id=str(number), kind=r.choice(("contact", "guest")), first_name=r.choice(("Ina", "Udo", None)),
                last_name=r.choice(("Roth", "Berg")), email=f"m{r.randint(0, 20)}@x.example", created_at=seed + number,
                phone=f"+49 30 90000{number % 20:02d}", company=r.choice((None, "ACME")), tags=[f"t{seed}"],
            )
        )  # fmt: skip
        if orders:
            made.append(Order(external_id=f"o{number}", customer=str(number), total=100 * number, currency="EUR"))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_an_import_taken_back_leaves_nothing(store: Store, seed: int) -> None:
    use(store, sources={"list": "merge", "shop": "merge"})
    bring(store, "shop", people(10, 30))
    before = jsonl(store)
    batches = [load(store, *people(seed, 40), into=into) for into in (LIST, MANUAL)]
    assert jsonl(store) != before
    random.Random(seed).shuffle(batches)
    for batch in batches:
        withdraw.undo(store, batch)
        whole(store)
    assert jsonl(store) == before


@pytest.mark.parametrize("at_once", [0, 10_000])
def test_what_came_in_between_stays(
    store: Store, new_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Syncs of the same and of other records, another import, decisions of operators: all but the batch."""
    monkeypatch.setattr(withdraw, "AT_ONCE", at_once)
    monkeypatch.setattr(work, "BATCH", 7)
    other = new_store()
    for one in (store, other):
        use(one, sources={"list": "merge", "shop": "per_order"})
        bring(one, "shop", people(1, 30))
        batch = load(one, *people(2, 40)) if one is store else 0
        bring(one, "shop", people(3, 30))
        kept = load(one, *people(4, 20))
        arena.decide(one, Decided("must", ("shop", "customer", "1"), ("shop", "customer", "2")))
        arena.decide(one, Decided("cannot", ("shop", "customer", "3"), ("shop", "customer", "4")))
        if one is store:
            withdraw.undo(store, batch)
            whole(store)
            assert jsonl(one) != ""
        bring(one, "shop", people(5, 30))
        assert kept
    whole(store)
    assert jsonl(store) == jsonl(other)


def test_merges_and_splits_of_its_records_sleep(store: Store) -> None:
    """Operators joined and parted records of the batch: without it the store is as it was, and the decisions are
    listed; when the file comes again they hold again."""
    use(store, sources={"list": "merge", "shop": "merge"})
    bring(store, "shop", people(1, 30))
    before = jsonl(store)
    file = people(2, 40)
    batch = load(store, *file)
    made = undone.decisions(store, 30, random.Random(5))
    active = [seq for seq in made if _still_names(store, seq, "list")]
    for seq in made:  # what only touches the shop's records is no matter of the batch
        if seq not in active:
            decide.undo(store, seq)
    with_them = jsonl(store)
    planned = withdraw.undo(store, batch, dry_run=True).as_dict()
    done = withdraw.undo(store, batch).as_dict()
    assert {item["seq"] for item in done["dormant"]} == set(active)
    assert {**planned, "seq": done["seq"]} == done
    whole(store)
    assert jsonl(store) == before
    load(store, *file)
    whole(store)
    assert jsonl(store) == with_them


def _still_names(store: Store, seq: int, source: str) -> bool:
    """Whether every pair of that change names a record of the source."""
    with store.reading() as db:
        rows = db.rows(
            "SELECT s.label, u.label FROM decision d JOIN record a ON a.id = d.a JOIN source s ON s.id = a.source "
            "JOIN record b ON b.id = d.b JOIN source u ON u.id = b.source WHERE d.from_seq = ?",
            (seq,),
        )
    return all(source in row for row in rows)


def test_another_channel_takes_its_place(store: Store) -> None:
    """Three channels speak of a record that is gone at its source by now: without the first the next stands in its row,
    and when it was gone stays where it is in the history."""
    use(store)
    batch = load(store, Person(external_id="1", email="a@x.example", company="ACME"), into=Into("shop", "csv"))
    with store.step("the shop is connected") as step:
        step.db.run("UPDATE source SET type = 'memory'")
    bring(store, "shop", [Person(external_id="1", email="a@x.example"), Person(external_id="2", email="b@x.example")])
    bring(store, "shop", [Person(external_id="1", channel="embedded", phone="030 998877")])
    bring(store, "shop", [Gone(entity="customer", external_id="1")])
    with store.reading() as db:
        known = db.one("SELECT seq, gone FROM record WHERE ext = '1'")
        (came,) = db.rows("SELECT from_seq FROM claim c JOIN channel h ON h.id = c.channel WHERE h.name = 'all'")
    assert known is not None
    withdraw.undo(store, batch)
    whole(store)
    with store.reading() as db:
        assert db.rows(
            "SELECT h.name, r.seq, r.gone, r.more FROM record r JOIN channel h ON h.id = r.channel WHERE r.ext = '1'"
        ) == [("all", *known, 1)]
        assert db.rows(
            "SELECT c.from_seq, c.to_seq, c.gone FROM claim c JOIN channel h ON h.id = c.channel WHERE h.name = 'all'"
        ) == [(*came, known[0], 0)]
    bring(store, "shop", [Person(external_id="1", email="a@x.example", company="Acme GmbH")])
    whole(store)
    assert {row["email"]: (row["company"], row["records"][0]["gone"]) for row in everything(store)} == {
        "a@x.example": ("Acme GmbH", False),
        "b@x.example": (None, False),
    }


def test_the_log_says_by_what_id_the_rest_goes_now(store: Store) -> None:
    """The oldest record of a customer leaves: the others go by the id of the next (R23)."""
    use(store)
    bring(store, "shop", [Person(external_id="1", first_name="Ina", email="a@x.example", created_at=5)])
    batch = load(store, Person(external_id="9", first_name="Ina", email="a@x.example", created_at=1))
    oldest, next_one = (public_of(store, *key) for key in (("list", "customer", "9"), ("shop", "customer", "1")))
    assert [row["id"] for row in everything(store)] == [ids.text(oldest)]
    made = withdraw.undo(store, batch)
    assert ([one["id"] for one in made.customers], made.vanished) == ([ids.text(next_one)], [ids.text(oldest)])
    with store.reading() as db:
        assert [
            (kind, bytes(customer), None if other is None else bytes(other))
            for kind, customer, other in db.rows(
                "SELECT kind, customer, other FROM audit WHERE seq = ? AND kind <> 'withdrawn' ORDER BY n", (made.seq,)
            )
        ] == [("renamed", next_one, oldest), ("left", oldest, None)]


def test_bad_uses_write_nothing(store: Store) -> None:
    use(store)
    batch = load(store, Person(external_id="1", email="a@x.example"))
    with pytest.raises(UnknownThing, match="there is no batch 7"):
        withdraw.undo(store, 7)
    seq = withdraw.undo(store, batch).seq
    with store.reading() as db:
        before = db.rows("SELECT count(*) FROM txn"), db.rows("SELECT count(*) FROM audit")
    with pytest.raises(Conflict, match=f"batch {batch} was taken back already, by {seq}"):
        withdraw.undo(store, batch)
    with pytest.raises(Conflict, match="was taken back already"):
        withdraw.undo(store, batch, dry_run=True)
    with store.reading() as db:
        assert (db.rows("SELECT count(*) FROM txn"), db.rows("SELECT count(*) FROM audit")) == before


def test_a_dry_run_waits_for_the_worklist(store: Store) -> None:
    use(store)
    batch = load(store, *people(1, 5))
    with store.step("rules") as step:
        rules.everything(step, "test")
    with pytest.raises(Conflict, match="10 records wait on the worklist"):
        withdraw.undo(store, batch, dry_run=True)
    assert withdraw.undo(store, batch).seq is not None
    whole(store)


UNDO = """
import sys
from pathlib import Path
from klientela.flow import withdraw, work
from klientela.store import open_store
withdraw.AT_ONCE, work.BATCH = int(sys.argv[4]), 7
with open_store(sys.argv[1], key_file=Path(sys.argv[2])) as store:
    withdraw.undo(store, int(sys.argv[3]))
"""


@pytest.mark.parametrize(
    ("point", "at_once", "stands"),
    [
        ("undo.derived", 1_000, True),
        ("step.derived:3", 1_000, True),
        ("step.before_commit", 0, True),
        ("undo.committed", 0, False),
        ("work.before_commit:2", 0, False),
        ("work.after_commit:3", 0, False),
    ],
)
def test_a_death_on_the_way_leaves_the_batch_or_takes_it(
    store: Store, store_url: str, tmp_path: Path, point: str, at_once: int, stands: bool
) -> None:
    """Until the claims are closed nothing has happened; from then on what is left waits on the worklist."""
    use(store)
    bring(store, "shop", people(1, 30))
    before = jsonl(store)
    batch = load(store, *people(2, 40))
    with_it = jsonl(store)
    key = str(tmp_path / "klientela.key")
    done = subprocess.run(
        [sys.executable, "-c", UNDO, store_url, key, str(batch), str(at_once)],
        env={**os.environ, "KLIENTELA_FAILPOINT": point},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    if stands:
        assert jsonl(store) == with_it
        withdraw.undo(store, batch)
    else:
        with store.reading() as db:
            assert work.left(db) > 0
        with pytest.raises(Conflict, match="was taken back already"):
            withdraw.undo(store, batch)
        work.drain(store)
    whole(store)
    assert jsonl(store) == before


def test_the_list_can_be_read_while_records_wait_to_leave(store: Store) -> None:
    """Between the closing of the claims and the worklist's turn a customer may be made of records nobody speaks of."""
    use(store, sources={"list": "merge", "shop": "merge"})
    bring(store, "shop", people(1, 30))
    batch = load(store, *people(2, 40))
    with store.step("import undo") as step:
        withdraw.begin(step, batch)
    with store.reading() as db:
        shown = {row["id"]: {record["source"] for record in row["records"]} for row in everything(store)}
        for public, sources in shown.items():
            customer = resolve_id(db, store.key, public)
            assert why(db, store, customer)["id"] == public
            if sources == {"list"}:
                with pytest.raises(UnknownThing, match="no source says anything of this customer"):
                    profile(db, customer, VIEW, key=store.key)
            else:
                assert profile(db, customer, VIEW, key=store.key)["id"] == public
        assert {"list"} in shown.values()
    assert review(store)["items"] is not None
    assert [one.check for one in examine(store) if one.level == "warning"] == ["worklist"]
    assert "wait" in rebuild(store, check=True).differences[0]
    work.drain(store)
    whole(store)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not shop20k.DATA.exists(), reason="the measured data set is not beside this checkout")
def test_half_of_twenty_thousand_records_taken_back(
    store: Store, new_store: Callable[[], Store], tmp_path: Path
) -> None:
    """Ten thousand rows of the measured set come by a file between two syncs of the others, and go again."""
    rows = shop20k._rows()
    r = random.Random(20)
    r.shuffle(rows)
    file, before, after = rows[:10_000], rows[10_000:17_000], rows[17_000:]
    settings = CsvSource.Settings(type="csv", path="half.csv", columns=shop20k.COLUMNS)
    with (tmp_path / "half.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(file)
    other = new_store()
    batch = 0
    for one in (store, other):
        use(one, **shop20k._measured())
        shop20k._load(one, tmp_path / "files", before)
        if one is store:
            source = CsvSource("list", settings).for_file(tmp_path / "half.csv", edits=True)
            batch = import_source(one, LIST, source, name="half.csv", digest="d").batch or 0
        shop20k._load(one, tmp_path / "files", [*before, *after])
    told = withdraw.undo(store, batch)
    assert told.records == 10_000
    whole(store)
    assert jsonl(store) == jsonl(other)
