"""`klientela statistics`, as an operator types it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from klientela.store import operation
from tests.daemon.conftest import configure

NOW = datetime(2026, 6, 10, 8, tzinfo=UTC)
ROWS = (
    "id,Email,First Name,Last Name,created,order,placed,total\n"
    "1,a@x.example,Anna,Alt,2026-06-01T10:00:00Z,11,2026-06-02T10:00:00Z,10.00\n"
    "1,a@x.example,Anna,Alt,2026-06-01T10:00:00Z,12,2026-06-09T10:00:00Z,20.00\n"
    "2,b@x.example,Bernd,Neu,2026-04-01T10:00:00Z,13,2026-04-02T10:00:00Z,5.00\n"
    "3,c@x.example,Cora,Neu,2026-05-02T10:00:00Z,,,\n"
)
COLUMNS = """
[sources.list]
type = "csv"
path = "people.csv"
[sources.list.columns]
number = "id"
created_at = "created"
order_id = "order"
placed_at = "placed"
total = "total"
"""


@pytest.fixture
def house(run: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    moment = int(NOW.timestamp() * 1_000_000)
    monkeypatch.setattr(operation, "now", lambda: moment)
    (here / "people.csv").write_text(ROWS, "utf-8")
    configure(COLUMNS)
    code, out, err = run("sync")
    assert code == 0, out + err
    return here


def told(run: Any, *args: str) -> dict[str, Any]:
    code, out, err = run("statistics", *args, "--json")
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_cards_and_the_last_thirty_days(run: Any, house: Path) -> None:
    found = told(run)
    cards = {card["name"]: card for card in found["kpis"]}
    assert list(cards) == ["customers", "new", "repeat", "ltv"]
    assert (cards["customers"]["value"], cards["customers"]["trend"]["delta"]) == (3, 1)
    assert (cards["new"]["value"], cards["new"]["trend"]["before"]) == (1, 1)
    assert cards["repeat"]["value"] == "50.00"
    assert cards["repeat"]["trend"] == {"before": "0.00", "delta": "50.00", "percent": None, "direction": "up"}
    assert cards["ltv"]["value"] == [{"amount": "17.50", "currency": "EUR"}]
    assert cards["ltv"]["trend"]["percent"] == "250.00"
    customers, revenue, transactions = found["series"]
    assert (revenue["from"], revenue["to"], revenue["by"]) == ("2026-05-12", "2026-06-10", "day")
    assert revenue["lines"][0]["total"] == "30.00"
    assert transactions["lines"][0]["total"] == 2
    assert customers["lines"][0]["points"][-1]["standing"] == 3
    assert found["consents"]["customers"] == 3


def test_a_range_by_month(run: Any, house: Path) -> None:
    found = told(run, "--from", "2026-04-01", "--to", "2026-06-30", "--by", "month")
    points = found["series"][1]["lines"][0]["points"]
    assert [(point["from"], point["value"]) for point in points] == [
        ("2026-04-01", "5.00"),
        ("2026-05-01", "0.00"),
        ("2026-06-01", "30.00"),
    ]
    assert told(run, "--preset", "last_month")["series"][0]["before"] == {"from": "2026-04-01", "to": "2026-04-30"}
    assert told(run, "--from", "2026-06-09")["series"][2]["to"] == (NOW + timedelta(hours=2)).date().isoformat()


def test_people_read_it_too(run: Any, house: Path) -> None:
    code, out, err = run("statistics", "--preset", "last_7_days")
    assert code == 0, out + err
    assert "repeat buyers   50.00 %    ↑ 50.00" in out
    assert "2026-06-09" in out
    assert "in all" in out
    assert "promotion  any channel        0  0.00 %" in out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--preset", "yesterday"), "there is no period 'yesterday'"),
        (("--from", "2026-13-01"), "'2026-13-01' is no date"),
        (("--from", "2026-06-10", "--to", "2026-06-01"), "a period cannot end"),
        (("--to", "2026-06-01"), "--to needs --from"),
        (("--preset", "last_month", "--from", "2026-06-01"), "either --preset or --from"),
        (("--by", "hour"), "not told by 'hour'"),
        (("--view", "nobody"), "there is no view 'nobody'"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(run: Any, house: Path, args: tuple[str, ...], sentence: str) -> None:
    code, out, err = run("statistics", *args)
    assert code == 2
    assert out == ""
    assert sentence in err


def test_nobody_is_no_fault(run: Any, here: Path) -> None:
    configure('[sources.list]\ntype = "csv"\npath = "people.csv"\n')
    (here / "people.csv").write_text("Email\n", "utf-8")
    run("sync")
    found = told(run)
    assert [card["value"] for card in found["kpis"]] == [0, 0, None, None]
    assert run("statistics")[0] == 0
