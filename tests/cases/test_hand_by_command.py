"""T38-T41, T53 and T73 through the command, with a Shopify shop over HTTP and a list, on both stores."""

from __future__ import annotations

import csv
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from klientela.testing import hurry, serve
from klientela_daemon.cli import main
from klientela_shopify.sandbox import TOKEN, Sandbox

Run = Callable[..., Any]
LIST = "external_id,email,first_name,last_name,company\n7,anna@x.de,Anna,Ahorn,Ahorn KG\n8,b@x.de,Bernd,Birke,\n"
HOME = {"address1": "Lindenstr. 5", "zip": "10969", "city": "Berlin", "country": "DE"}
ANNA = {"first_name": "Anna", "last_name": "Ahorn", "state": "ENABLED"}


@pytest.fixture
def box() -> Sandbox:
    """A pretend shop that knows Anna."""
    made = Sandbox()
    made.customer(1, email="anna@x.de", phone="+493055512345", addresses=[HOME], **ANNA)
    return made


@pytest.fixture
def run(
    box: Sandbox, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run a verb with --json in a house with the shop and the list, both synced; what it printed. `code`: expected."""
    for name in [name for name in os.environ if name.startswith("KLIENTELA")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    Path("list.csv").write_text(LIST, "utf-8")
    with serve(box.app) as url:

        def run(*args: str, code: int = 0, policy: str | None = None) -> Any:
            edit = f'[edit]\npolicy = "{policy}"\n' if policy else ""
            config = Path("klientela.toml")
            if not config.exists() or policy:
                config.write_text(
                    f'[store]\nurl = "{store_url}"\n[sources.main]\ntype = "shopify"\nshop = "s"\n'
                    f'access_token = "{TOKEN}"\nbase_url = "{url}"\n'
                    f'[sources.list]\ntype = "csv"\npath = "list.csv"\n{edit}'
                )
                config.chmod(0o600)
            with hurry():
                assert main([*args, "--json"]) == code, capsys.readouterr()
            said = capsys.readouterr()
            return json.loads(said.out or said.err)

        assert {one["status"] for one in run("sync")["runs"]} == {"ok"}
        yield run
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)


def anna(run: Run) -> dict[str, Any]:
    made: dict[str, Any] = run("customer", "main/customer/1")
    return made


def exported() -> bytes:
    assert main(["export", "--format", "jsonl", "-o", "export.jsonl"]) == 0
    return Path("export.jsonl").read_bytes()


def whole(run: Run) -> None:
    assert run("rebuild", "--check") == {"equal": True, "differences": [], "seq": None}
    assert run("audit", "verify")["whole"]


def test_T38_a_pinned_phone_is_shown_until_it_is_unpinned(run: Run, box: Sandbox) -> None:
    refused = run("pin", "main/customer/1", "phone", "+49 30 999888", code=1)["error"]
    assert "the phone comes from Shopify (main)" in refused["message"]
    run("pin", "main/customer/1", "phone", "+49 30 999888", policy="overlay")
    box.clock.advance(60)
    box.customer(1, phone="+493055567890")
    assert run("sync", "main")["runs"][0]["changed"] == 1
    told = anna(run)
    assert told["phone"] == "+49 30 999888"
    assert (told["provenance"]["phone"]["pinned"], told["provenance"]["phone"]["by"]) == (True, "operator")
    assert told["provenance"]["phone"]["beneath"]["value"] == "+493055567890"
    whole(run)
    run("unpin", "main/customer/1", "phone")
    assert anna(run)["phone"] == "+493055567890"
    whole(run)


def test_T39_the_city_of_a_shop_is_locked_and_the_company_of_a_list_is_not(run: Run, box: Sandbox) -> None:
    before = exported()
    refused = run("edit", "main/customer/1", "city=Dresden", "company=Neu", code=1)["error"]
    assert (refused["kind"], "the city comes from Shopify (main)" in refused["message"]) == ("conflict", True)
    assert exported() == before
    made = run("edit", "main/customer/1", "company=Neu")
    assert (anna(run)["company"], anna(run)["city"]) == ("Neu", "Berlin")
    run("undo", str(made["seq"]))
    assert exported() == before
    whole(run)


@pytest.mark.parametrize("who", ["main/customer/1", "list/customer/8"])
def test_T40_an_email_is_changed_by_no_command_and_no_file(run: Run, who: str) -> None:
    before = exported()
    public = run("customer", who)["id"]
    for words in (("edit", who, "company=Neu", "email=neu@x.de"), ("pin", who, "email", "neu@x.de")):
        assert "only by the sync of its own source" in run(*words, code=1)["error"]["message"]
    Path("rows.csv").write_text(f"klientela_id,email,company\n{public},neu@x.de,Neu\n", "utf-8")
    made = run("import", "rows.csv", "--into", "list", code=1)
    assert [(one["column"], one["key"]) for one in made["rejected"]] == [("email", public)]
    assert "nothing of this row is written" in made["rejected"][0]["reason"]
    assert (made["batch"], exported()) == (None, before)


def test_T41_an_email_that_changes_at_the_shop_is_the_new_one(run: Run, box: Sandbox) -> None:
    public = anna(run)["id"]
    assert len(anna(run)["records"]) == 2
    box.clock.advance(60)
    box.customer(1, email="neu@x.de")
    run("sync", "main")
    told = anna(run)
    assert (told["id"], told["email"], len(told["records"])) == (public, "neu@x.de", 1)
    assert {"value": "anna@x.de", "primary": False, "former": True} in told["emails"]
    (line,) = [one for one in told["history"] if one["field"] == "email"]
    assert (line["old"], line["new"], line["actor"], line["run"] is not None) == (
        "anna@x.de",
        "neu@x.de",
        "daemon",
        True,
    )
    whole(run)


def test_T53_an_export_comes_back_and_one_city_is_changed(run: Run) -> None:
    before = exported()
    assert main(["export", "--view", "autoletter", "--format", "csv", "-o", "rows.csv"]) == 0
    history = len(anna(run)["history"])
    made = run("import", "rows.csv", "--into", "list")
    assert (made["rejected"], made["unchanged"], made["changed"], made["batch"]) == ([], 2, 0, None)
    assert (exported(), len(anna(run)["history"])) == (before, history)
    rows = list(csv.DictReader(Path("rows.csv").read_text("utf-8-sig").splitlines()))
    for row in rows:
        row["city"] = "Dresden"
    with Path("rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made = run("import", "rows.csv", "--into", "list")
    assert [(one["column"], one["reason"]) for one in made["rejected"]] == [
        ("city", "the city comes from Shopify (main), so it changes there")
    ]
    bernd = run("customer", "list/customer/8")
    assert (bernd["city"], bernd["history"][0]["decision"], anna(run)["city"]) == ("Dresden", "edit", "Berlin")
    assert [one["id"] for one in made["customers"]] == [bernd["id"]]
    whole(run)
    run("import", "undo", str(made["batch"]))
    assert exported() == before
    whole(run)


def test_T73_a_renamed_source_keeps_ids_history_and_what_was_said_by_hand(run: Run) -> None:
    run("pin", "main/customer/1", "phone", "+49 30 999888", policy="overlay")
    run("edit", "list/customer/8", "company=Neu")
    before, ids = anna(run), [row["id"] for row in run("customers")["rows"]]
    run("sources", "rename", "main", "laden")
    after = run("customer", "laden/customer/1")
    assert (after["id"], [row["id"] for row in run("customers")["rows"]]) == (before["id"], ids)
    assert after["history"] == json.loads(
        json.dumps(before["history"]).replace("main/", "laden/").replace('"main"', '"laden"')
    )
    assert (after["sources"], after["phone"]) == (["laden", "list"], "+49 30 999888")
    runs = {one["source"]: (one["new"], one["changed"], one["error"]) for one in run("sync")["runs"]}
    assert runs == {"laden": (0, 0, None), "list": (0, 0, None)}
    whole(run)
