"""T46-T52 and T77: one-off imports and taking them back, through the command, on both stores."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from klientela_daemon.cli import main

Run = Callable[..., Any]
TEN = "Id,Email,First Name,Last Name\n" + "".join(f"{n},p{n}@x.de,Ina,Berg{n}\n" for n in range(1, 11))
COLUMNS = 'columns = { external_id = "Id" }'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder; the command's own logging is put away afterwards."""
    for name in [name for name in os.environ if name.startswith("KLIENTELA")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield tmp_path
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before
    logging.captureWarnings(False)


@pytest.fixture
def run(here: Path, store_url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb with --json in a house with two files, `list` and `other`; what it printed. `code`: the one expected."""
    config = here / "klientela.toml"
    config.write_text(
        f'[store]\nurl = "{store_url}"\n[sources.list]\ntype = "csv"\npath = "list.csv"\n{COLUMNS}\n'
        f'[sources.other]\ntype = "csv"\npath = "other.csv"\n{COLUMNS}\n[sources.strict]\ntype = "csv"\n'
        'path = "strict.csv"\nheaders = "strict"\n'
    )
    config.chmod(0o600)

    def run(*args: str, code: int = 0) -> Any:
        assert main([*args, "--json"]) == code, capsys.readouterr()
        said = capsys.readouterr()
        return json.loads(said.out or said.err)

    return run


def write(text: str, name: str = "people.csv") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def rows(run: Run) -> dict[str, dict[str, Any]]:
    """The list by e-mail."""
    return {row["email"]: row for row in run("customers", "--size", "100")["rows"]}


def exported(run: Run) -> bytes:
    assert main(["export", "--format", "jsonl", "-o", "export.jsonl"]) == 0
    return Path("export.jsonl").read_bytes()


def whole(run: Run) -> None:
    """What is stored is what follows, and the log's chain stands."""
    assert run("rebuild", "--check") == {"equal": True, "differences": [], "seq": None}
    assert run("audit", "verify")["whole"]


def test_T46_without_auto_subscribe_nobody_is_granted_anything(run: Run) -> None:
    head, *lines = TEN.splitlines()
    made = run(
        "import", write(f"{head},consent_email\n" + "".join(f"{line},yes\n" for line in lines)), "--into", "list"
    )
    assert made["new"] == 10
    states = [row["consents"]["email"]["promotion"] for row in rows(run).values()]
    assert states == ["unknown"] * 10
    assert run("customer", "list/customer/3")["consent_events"] == []


def test_T47_with_auto_subscribe_file_row_operator_and_time_are_the_evidence(run: Run) -> None:
    dry = run("import", write(TEN), "--into", "list", "--subscribe", "--dry-run")
    assert (len(dry["customers"]), rows(run)) == (10, {})
    made = run("import", "people.csv", "--into", "list", "--subscribe")
    assert [row["consents"]["email"]["promotion"] for row in rows(run).values()] == ["granted"] * 10
    for number in range(1, 11):
        (event,) = run("customer", f"list/customer/{number}")["consent_events"]
        assert (event["evidence"], event["basis"]) == (f"people.csv, line {number + 1}", "import")
        assert (event["address"], event["import"]["batch"]) == (f"p{number}@x.de", made["batch"])
        assert (event["import"]["actor"], event["import"]["at"][:2]) == ("operator", "20")
    run("import", "undo", str(made["batch"]))
    assert rows(run) == {}


def test_T48_a_strict_header_names_the_column_and_writes_nothing(run: Run) -> None:
    said = run("import", write("Loyalty," + TEN), "--into", "strict", code=2)
    assert "Loyalty" in said["error"]["message"]
    assert run("import", "list") == {"imports": []}
    assert rows(run) == {}


def test_T49_lenient_takes_the_rows_and_reports_the_column(run: Run) -> None:
    said = run("import", write(TEN.replace("Id,", "Id,Loyalty,").replace(",p", ",gold,p")), "--into", "list")
    assert (said["new"], len(rows(run))) == (10, 10)
    assert [remark for remark in said["ignored"] if "Loyalty" in remark]


def test_T51_bad_rows_are_told_and_the_mended_file_brings_only_them(run: Run) -> None:
    lines = TEN.splitlines()
    lines[2], lines[6] = "2,no mail,Ina,Berg2", "6,p6@x.de"  # lines 3 and 7
    said = run("import", write("\n".join(lines) + "\n"), "--into", "list")
    assert [(bad["line"], bad["column"], bad["key"]) for bad in said["rejected"]] == [(3, "Email", "2"), (7, None, "6")]
    assert all(bad["reason"] for bad in said["rejected"])
    assert len(rows(run)) == 8
    mended = Path(said["fix_file"]).read_text("utf-8-sig").replace("no mail", "p2@x.de")
    said = run("import", write(mended.replace("6,p6@x.de", "6,p6@x.de,Ina,Berg6"), "mended.csv"), "--into", "list")
    assert (said["read"], said["new"], said["rejected"]) == (2, 2, [])
    assert len(rows(run)) == 10


def test_T52_pasted_addresses_make_each_mailbox_once(run: Run) -> None:
    said = run("import", "--emails", "a@x.de, A@x.de ,b@x.de, foo", "--into", "list")
    assert [bad["key"] for bad in said["rejected"]] == ["foo"]
    assert sorted(rows(run)) == ["a@x.de", "b@x.de"]
    assert [one["effect"] for one in said["customers"]] == ["new", "new"]
    again = run("import", "--emails", "b@x.de;\nc@x.de", "--into", "list", "--subscribe")
    assert sorted(row["consents"]["email"]["promotion"] for row in rows(run).values()) == [
        "granted", "granted", "unknown",
    ]  # fmt: skip
    run("import", "undo", str(again["batch"]))
    assert {row["consents"]["email"]["promotion"] for row in rows(run).values()} == {"unknown"}
    run("import", "undo", str(said["batch"]))
    assert rows(run) == {}
    whole(run)


def test_T77_what_a_sync_delivered_too_stays_and_the_rest_goes(run: Run) -> None:
    """Row 1 is delivered by the source's own sync later, row 2 and 3 join people of another source, row 4 is nobody
    else's. An operator's merge on row 4 sleeps, and holds again when the row comes back."""
    write("Id,Email,First Name,Last Name,Phone\n9,p3@x.de,Ina,Berg3,+49 30 999001\n2,p2@x.de,Ina,Berg2,\n", "other.csv")
    write("Id,Email,First Name,Last Name\n", "list.csv")
    run("sync", "other", "list")
    batch = str(run("import", write("".join(TEN.splitlines(keepends=True)[:5])), "--into", "list")["batch"])
    write("Id,Email,First Name,Last Name\n1,new1@x.de,Ina,Berg1\n", "list.csv")
    run("sync", "list")
    found = rows(run)
    assert sorted(found) == ["new1@x.de", "p2@x.de", "p3@x.de", "p4@x.de"]
    merged = run("merge", "list/customer/4", "other/customer/9", "--reason", "sisters")["seq"]
    planned = run("import", "undo", batch, "--dry-run")
    made = run("import", "undo", batch)
    assert made == {**planned, "seq": made["seq"]}
    assert [(one["seq"], one["kind"], one["records"]) for one in made["dormant"]] == [
        (merged, "must", ["list/customer/3", "list/customer/4"])
    ]
    assert sorted(rows(run)) == ["new1@x.de", "p2@x.de", "p3@x.de"]
    assert rows(run)["new1@x.de"]["sources"] == ["list"]
    whole(run)
    before = exported(run)
    assert run("customer", "list/customer/4", code=1)["error"]["kind"] == "unknown"
    run("import", "people.csv", "--into", "list")
    assert {one["external_id"] for one in run("customer", "list/customer/4")["records"]} == {"3", "4", "9"}
    whole(run)
    latest = run("import", "list")["imports"][0]["batch"]
    run("import", "undo", str(latest))
    run("undo", str(merged))
    assert exported(run) == before


def test_an_undo_that_cannot_be_writes_nothing(run: Run) -> None:
    batch = str(run("import", write(TEN), "--into", "list")["batch"])
    done = run("import", "undo", batch)["seq"]
    lines = run("audit")["lines"]
    said = run("import", "undo", batch, code=1)["error"]
    assert (said["kind"], f"by {done}" in said["message"]) == ("conflict", True)
    said = run("import", "undo", "99", code=1)["error"]
    assert (said["kind"], "klientela import list" in said["hint"]) == ("unknown", True)
    assert run("undo", str(done), code=1)["error"]["kind"] == "conflict"
    assert run("audit")["lines"] == lines
