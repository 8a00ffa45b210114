"""Exports: the view that was asked for, by id, the same bytes whatever came when; cells no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Misconfigured
from klientela.flow import handout, history
from klientela.kit import Address, Order, Person, Record
from klientela.model.cells import safe
from klientela.settings.views import PRESETS, View
from klientela.store import Store, export, ids, matches, workbook
from klientela.store.database import late_indexes
from klientela.store.overview import how_many, listing
from klientela_csv.cells import unquote
from tests.shops import bring, use
from tests.store.lists import invent, put

VIEW = View(columns=("name", "email", "location", "ltv", "sources", "status"))


def text(store: Store, form: str, view: View = VIEW, search: str | None = None) -> str:
    with store.reading() as db:
        return "".join(export.export(db, view, form, search=search, key=store.key))


def some() -> dict[str, list[Record]]:
    """Two shops that share people, with orders and a guest."""
    main: list[Record] = []
    other: list[Record] = []
    for i in range(40):
        name = f"P{i}"
        place = [Address(city="Köln" if i % 2 else "Bonn", country="DE")]
        main.append(
            Person(
                external_id=str(i),
                kind="account",
                version=i,
                created_at=i * 1000,
                first_name=name,
                last_name="Roth",
                email=f"p{i}@example.com",
                addresses=place,
                tags=["b", "a"],
            )
        )
        if i % 3 == 0:
            main.append(
                Order(external_id=f"o{i}", version=i, customer=str(i), total=100 * i, currency="EUR", placed_at=i)
            )
        if i % 4 == 0:
            other.append(
                Person(external_id=f"x{i}", kind="account", version=i, first_name=name, email=f"p{i}@example.com")
            )
    return {"main": main, "other": other}


def test_the_same_records_in_any_order_give_the_same_bytes(new_store: Callable[[], Store]) -> None:
    texts = []
    for seed in (1, 2):
        store, r, records = new_store(), random.Random(seed), some()
        use(store)
        for source in sorted(records, reverse=seed == 2):
            r.shuffle(records[source])
            bring(store, source, records[source], size=seed * 7)
        texts.append({form: text(store, form) for form in export.FORMATS})
    assert texts[0] == texts[1]
    rows = [json.loads(line) for line in texts[0]["jsonl"].splitlines()]
    assert json.loads(texts[0]["json"]) == rows
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == 40
    assert all(list(row) == sorted(row) for row in rows)
    two = [row for row in rows if len(row["records"]) == 2]
    assert len(two) == 10
    assert all([r["source"] for r in row["records"]] == ["main", "other"] for row in two)  # other has no creation time
    assert {row["tags"][0] for row in rows} == {"a"}
    assert "first_seen" not in texts[0]["jsonl"]


def test_an_empty_export_is_a_document_too(store: Store) -> None:
    use(store)
    assert text(store, "jsonl") == ""
    assert json.loads(text(store, "json")) == []
    assert text(store, "csv") == "\ufeffklientela_id,first_name,last_name,email,city,country,ltv,sources,status\r\n"
    with pytest.raises(Misconfigured, match="no export format 'xls'"):
        text(store, "xls")


def test_csv_holds_the_columns_of_the_view_and_the_id(store: Store) -> None:
    use(store)
    person = Person(
        external_id="1",
        kind="account",
        first_name='Ann, "the" one',
        last_name="Roth\nII",
        email="a@example.com",
        addresses=[Address(city="Łódź", country="Polska")],
    )
    bring(store, "main", [person, Order(external_id="o", customer="1", total=1050, currency="EUR", placed_at=1)])
    whole = text(store, "csv")
    assert whole.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(whole.removeprefix("\ufeff"), newline=""))
    with store.reading() as db:
        (pub,) = db.one("SELECT pub FROM customer") or ()
    assert row == {
        "klientela_id": ids.text(bytes(pub)),
        "first_name": 'Ann, "the" one',
        "last_name": "Roth\nII",
        "email": "a@example.com",
        "city": "Łódź",
        "country": "PL",
        "ltv": "10.50 EUR",
        "sources": "main",
        "status": "registered",
    }


@pytest.mark.parametrize(
    "value", ["=1+1", "+49 30", "-5", "@sum", "\tx", "\rx", "'=1", "''+1", "'t Hart", "''", "'", "O'Neil", "a=b", ""]
)
def test_no_cell_is_a_formula_and_each_comes_back(value: str) -> None:
    cell = safe(value)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unquote(cell) == value


def test_a_view_and_a_search_choose_who_is_exported(store: Store) -> None:
    rows = invent(80, seed=9)
    put(store, rows)
    late_indexes(store)
    cockpit = View(**PRESETS["cockpit"])  # type: ignore[arg-type]

    def listed(view: View, search: str | None = None) -> list[str]:
        return [json.loads(line)["id"] for line in text(store, "jsonl", view, search).splitlines()]

    def wanted(**which: bool) -> list[str]:
        return sorted(
            ids.text(row.pub)
            for row in rows
            if not row.inactive
            and (not which.get("orderers") or row.manual or row.gross_orders)
            and (not which.get("berlin") or "berlin" in row.hay)
        )

    assert listed(VIEW) == wanted()
    assert listed(cockpit) == wanted(orderers=True)
    assert listed(VIEW, "berlin") == wanted(berlin=True)
    assert listed(cockpit, "berlin") == wanted(orderers=True, berlin=True)
    assert len(wanted(orderers=True, berlin=True)) > 3


def test_an_export_needs_the_memory_of_a_batch_only(store: Store) -> None:
    put(store, invent(6000, seed=2))
    late_indexes(store)
    peaks = []
    with store.reading() as db:
        for count in (1500, 5000):
            tracemalloc.start()
            made = export.export(db, VIEW, "jsonl", key=store.key)
            for _ in range(count):
                next(made)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            made.close()  # type: ignore[attr-defined]
    assert peaks[1] < peaks[0] * 1.5


def test_an_export_holds_exactly_who_the_question_of_the_list_finds(store: Store) -> None:
    rows = invent(60, seed=21)
    put(store, rows)
    late_indexes(store)
    questions: list[dict[str, Any]] = [
        {"segment": "repeat"},
        {"segment": "inactive"},
        {"filters": {"tag": ["vip", "best"]}},
        {"filters": {"tag": ["vip"], "country": ["DE"]}, "search": "an"},
        {"source": "news"},
        {"inactive": True, "filters": {"status": ["guest"]}},
    ]
    with store.reading() as db:
        for question in questions:
            listed = listing(db, VIEW, size=1000, **question)
            pieces = export.export(db, VIEW, "jsonl", key=store.key, **question)
            found = [json.loads(line)["id"] for line in "".join(pieces).splitlines()]
            assert found
            assert (len(found), found) == (listed.total, sorted(row["id"] for row in listed.rows)), question
        with pytest.raises(Misconfigured, match="no segment"):
            export.export(db, VIEW, "csv", key=store.key, segment="vips")


@pytest.mark.parametrize("form", handout.FORMATS)
def test_R59_the_number_that_is_told_is_the_true_one_however_many_there_are(
    store: Store, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(store)
    bring(store, "main", [Person(external_id=str(n), kind="account", first_name="Ann", email=f"p{n}@x.de")
                          for n in range(9)])  # fmt: skip
    monkeypatch.setattr(matches.LIMITS, "few", 3)
    counts = {}
    for search in ("ann", "nobody"):
        asked = handout.Asked("default", VIEW, form, search=search)
        with store.reading() as db:
            counts[search] = handout.write(db, store.key, asked, tmp_path / "out")
            assert how_many(db, VIEW, search=search) == counts[search]
            assert listing(db, VIEW, search="ann", size=1).total_capped
        handout.tell(store, asked, counts[search], actor="somebody")
    assert counts == {"ann": 9, "nobody": 0}
    with store.reading() as db:
        told = [line["detail"] for line in history.lines(db, store.key) if line["kind"] == "exported"]
    assert [(one["rows"], one["format"]) for one in told] == [(9, form), (0, form)]


def test_R59_what_could_not_be_given_is_not_told(store: Store) -> None:
    use(store)

    def give() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        handout.tell(store, handout.Asked("default", VIEW, "csv"), 1, actor="somebody", give=give)
    with store.reading() as db:
        assert [line for line in history.lines(db, store.key) if line["kind"] == "exported"] == []


def test_more_than_a_sheet_can_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LARGEST", 2)
    assert workbook.write(tmp_path / "a.xlsx", [["id"], ["1"], ["2"]]) == 2
    with pytest.raises(Misconfigured, match="at most 2"):
        workbook.write(tmp_path / "b.xlsx", [["id"], ["1"], ["2"], ["3"]])
