"""Reading over HTTP: the same documents as the command's, old ids, and a log of who looked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from tests.plugins.api.till import Till, customer, order, till

from klientela.errors import StoreError
from klientela.store.database import Store
from klientela_daemon.cli import main
from klientela_daemon.door import HouseDoor


def _people(shop: Till, many: int = 7) -> None:
    people = [
        customer(
            str(n),
            first_name="Anna",
            last_name=f"Berg{n}",
            email=f"a{n}@x.example",
            kind="registered",
            tags=["vip"] * (n % 2),
        )
        for n in range(many)
    ]
    shop.statuses("customers", people)
    shop.statuses("orders", [order(f"o{n}", f"{n}.00", customer=str(n)) for n in range(1, many)])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"page": 2, "size": 3},
        {"search": "berg3"},
        {"sort": "name:desc"},
        {"view": "cockpit"},
        {"source": "till", "size": 2},
        {"inactive": "true"},
        {"segment": "guest"},
        {"filter": ["status=registered", "sources=till"]},
        {"filter": ["tag=vip", "tag=none"], "search": "berg"},
        {"filter": ["country=DE"], "segment": "registered"},
    ],
)
def test_the_list_is_the_command_s(
    shop: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: dict[str, Any]
) -> None:
    _people(shop)
    options: list[str] = []
    for name, value in asked.items():
        if name == "inactive":
            options.append("--inactive")
        else:
            options += [
                part for one in (value if isinstance(value, list) else [value]) for part in (f"--{name}", str(one))
            ]
    capsys.readouterr()
    assert main(["customers", *options, "--json", "--config", str(tmp_path / "klientela.toml")]) == 0
    said = json.loads(capsys.readouterr().out)
    answer = shop.client.get("/customers", params=asked)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == said


def test_a_profile_is_the_command_s(shop: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _people(shop, 3)
    number = shop.rows()[2]["id"]
    capsys.readouterr()
    assert main(["customer", number, "--json", "--config", str(tmp_path / "klientela.toml")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert shop.client.get(f"/customers/{number}").json() == said
    assert [one["total"] for one in said["order_list"]] == ["2.00"]


def test_an_old_id_leads_to_the_customer(shop: Till) -> None:
    """R23, T34."""
    shop.statuses("customers", customer("1", first_name="Anna", last_name="Berg", created_at="2026-02-01T00:00:00Z"))
    before = shop.rows()[0]["id"]
    older = customer("2", first_name="Anna", last_name="Berg", email="a@x.example", created_at="2026-01-01T00:00:00Z")
    younger = customer("1", first_name="Anna", last_name="Berg", email="a@x.example", created_at="2026-02-01T00:00:00Z")
    shop.statuses("customers", [older, younger])
    (row,) = shop.rows()
    assert row["id"] != before
    moved = shop.client.get(f"/customers/{before}", params={"view": "cockpit"})
    assert moved.status_code == 308
    assert moved.headers["location"] == f"/api/v1/customers/{row['id']}?view=cockpit"
    assert shop.client.get(f"/customers/{before}", follow_redirects=True).json()["id"] == row["id"]
    assert shop.client.get(f"/customers/{row['id'].upper()}").status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/customers/fd68c59a-81aa-58f9-a116-da349450da4b", 404),
        ("/customers/nobody", 404),
        ("/customers/%00", 404),
        ("/customers?view=nowhere", 422),
        ("/customers?sort=phone", 422),
        ("/customers?source=nowhere", 404),
        ("/customers?page=0", 422),
        ("/customers?page=1.0", 422),
        ("/customers?page=1_0", 422),
        ("/customers?size=%2B1", 422),
        ("/customers?size=%D9%A1", 422),
        ("/customers?page=99999999999999999999", 422),
        ("/customers?size=1001", 422),
        ("/customers?search=%00", 422),
        ("/customers?segment=vips", 422),
        ("/customers?filter=vip", 422),
        ("/customers?filter=colour%3Dred", 422),
        ("/customers?filter=status%3Dmember", 422),
        ("/customers?filter=tag%3D%00", 422),
        ("/customers?filter=tag%3D" + 400 * "x", 422),
        ("/customers?page=9999999", 200),
        ("/customers?search=%F0%9F%98%80%20%25%27%22", 200),
    ],
)
def test_what_cannot_be_asked(shop: Till, path: str, status: int) -> None:
    _people(shop, 2)
    answer = shop.client.get(path)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()["error"]) == {"kind", "message", "hint"}


def test_who_looked_is_logged_and_nothing_of_what_he_saw(shop: Till) -> None:
    """R59."""
    _people(shop, 3)
    number = shop.rows()[0]["id"]
    with structlog.testing.capture_logs() as lines:
        shop.client.get("/customers", params={"search": "berg1"})
        shop.client.get(f"/customers/{number}")
    told = [{key: line[key] for key in line if key != "log_level"} for line in lines]
    assert told == [
        {"event": "customers were read", "token": "all", "view": "default", "rows": 1},
        {"event": "a customer was read", "token": "all", "view": "default", "customer": number},
    ]


def test_a_store_that_cannot_be_used_now(shop: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pushes is told to come again, and nothing is stored."""

    def locked(*_: object, **__: object) -> Any:
        raise StoreError("the database is locked by another program", hint="wait for it to finish and try again")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "step", locked)
        answer = shop.push("customers", customer("1"))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"]["kind"] == "store"
    assert shop.push("customers", customer("1")).status_code == 200


def test_a_fault_of_ours_is_a_sentence(shop: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("secret@x.example")

    monkeypatch.setattr(HouseDoor, "customers", broken)
    answer = httpx.get(f"{shop.url}/api/v1/customers", headers={"Authorization": f"Bearer {shop.token}"})
    assert answer.status_code == 500
    assert answer.json()["error"]["kind"] == "fault"
    assert "secret" not in answer.text


def test_rates_are_read_again_and_a_wrong_file_harms_no_reader(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("Date,CHF\n2026-11-19,1\n")
    with till(tmp_path, '[rates]\nfile = "rates.csv"\n') as shop, structlog.testing.capture_logs() as logs:
        shop.statuses("customers", [customer("1", last_name="Berg", email="a@x.example", kind="registered")])
        shop.statuses("orders", [order("e", customer="1"), order("c", customer="1", currency="CHF")])

        def about() -> tuple[str, str]:
            (row,) = shop.rows()
            profile = shop.client.get(f"/customers/{row['id']}").json()
            assert profile["totals"]["ltv_approx"] == row["ltv_approx"]
            return row["ltv_approx"]["amount"], row["ltv_approx"]["rates"]

        assert about() == ("20.00", "2026-11-19")
        file.write_text("Date,CHF\n2026-11-20,0.50\n")
        assert about() == ("30.00", "2026-11-20")
        file.write_text("come back later")
        assert about() == ("30.00", "2026-11-20")
        told = [one["reason"] for one in logs if one["event"] == "the rates stay as they were"]
        assert len(told) == 1, "one line, not one for each reader"
        assert "its first line is no header" in told[0]


def test_R40_what_operators_wrote_for_themselves_is_read_by_no_other_system(
    shop: Till, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.statuses("customers", customer("1", first_name="Anna", email="a@x.example", note="from the till"))
    number = shop.rows()[0]["id"]
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.4 x")
    config = ("--json", "--config", str(tmp_path / "klientela.toml"))
    for words in (
        ("remark", number, "S3QUOIA remark"),
        ("note", number, "S3QUOIA note", "--file", str(tmp_path / "scan.pdf")),
        ("tag", number, "stamm"),
    ):
        assert main([*words, *config]) == 0
    capsys.readouterr()
    assert main(["customer", number, *config]) == 0
    said = json.loads(capsys.readouterr().out)
    told = shop.client.get(f"/customers/{number}").json()
    assert said["remark"]["text"] == "S3QUOIA remark"
    assert len(said["files"]) == 1
    assert "S3QUOIA" not in json.dumps(told)
    assert (told["remark"], told["files"], [one["text"] for one in told["notes"]]) == (None, [], ["from the till"])
    assert [one["field"] for one in told["history"]] == ["tags"]
    assert {name for name in said if said[name] != told[name]} == {"remark", "notes", "files", "history"}
