"""Verbs that keep a store well and explain it: sources, backup, quarantine, rebuild, log, why, review, doctor."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from klientela.testing import serve
from klientela_daemon.cli import deciding, main
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure
from tests.daemon.verbs import LIST, document, people


def test_sources_and_their_names(run: Any, house: Path) -> None:
    (one,) = document(run, "sources")["sources"]
    assert (one["source"], one["state"], one["guests"], one["schedule"]) == ("list", "never ran", "merge", "1h")
    document(run, "sync")
    (one,) = document(run, "sources")["sources"]
    assert (one["state"], one["uid"], one["stale"]) == ("ok", "list", False)
    before = document(run, "customers")["rows"]
    renamed = document(run, "sources", "rename", "list", "newsletter")
    assert renamed == {"source": "newsletter", "was": "list", "configuration_changed": True}
    document(run, "sync")
    after = document(run, "customers")["rows"]
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert after[0]["sources"] == ["newsletter"]
    (one,) = document(run, "sources")["sources"]
    assert (one["source"], one["uid"]) == ("newsletter", "list")
    assert run("sources", "rename", "newsletter", "a/b")[0] == 2
    assert run("sources", "rename", "nobody", "x")[0] == 1
    assert run("sources", "rename", "newsletter", "manual")[0] == 2
    configure("")
    (one,) = document(run, "sources")["sources"]
    assert (one["source"], one["state"], one["connected"]) == ("newsletter", "disconnected", False)
    assert len(document(run, "customers")["rows"]) == 2
    code, out, _ = run("sources")
    assert code == 0
    assert "disconnected" in out


def test_backup_and_restore(run: Any, house: Path) -> None:
    document(run, "sync")
    told = document(run, "backup", "b.sqlite")
    assert told["bytes"] == (house / "b.sqlite").stat().st_size
    assert str(house / "klientela.key") in told["also_keep"]
    assert run("backup", "b.sqlite")[0] == 1
    assert run("backup", "b.sqlite", "--force")[0] == 0
    people(house, "c@x.example,Carla,Cap,Bern,CH")
    document(run, "sync")
    assert document(run, "customers")["total"] == 3
    assert Path(document(run, "restore", "b.sqlite")["kept"]).exists()
    assert document(run, "customers")["total"] == 2
    assert run("restore", "people.csv")[0] == 2


def test_the_quarantine(run: Any, house: Path) -> None:
    document(run, "sync")
    code, out, _ = run("quarantine")
    assert (code, out) == (0, "The quarantine is empty.\n")
    configure(LIST + '[sources.list.columns]\ncreated_at = "Since"\n')
    (house / "people.csv").write_text("Email,Since\na@x.example,2026-01-01\nb@x.example,yesterday\n")
    (one,) = document(run, "sync")["runs"]
    assert one["rejected"] == 1
    (bad,) = document(run, "quarantine")["records"]
    assert (bad["source"], bad["line"], bad["column"]) == ("list", 3, "Since")
    assert "no time we can read" in bad["reason"]
    assert "yesterday" in bad["payload"]
    code, out, _ = run("quarantine", "--source", "list")
    assert code == 0
    assert "no time we can read" in out
    assert "could not be taken" in str(document(run, "doctor")["findings"])
    again = document(run, "quarantine", "retry", code=1)  # a file's row is read again with its file
    assert (again["taken"], again["left"]) == (0, 1)
    assert "left: " in run("quarantine", "retry")[1]
    (house / "people.csv").write_text("Email,Since\na@x.example,2026-01-01\nb@x.example,2026-02-01\n")
    document(run, "sync")
    assert document(run, "quarantine")["records"] == []
    assert document(run, "quarantine", "retry") == {"seq": None, "taken": 0, "left": 0, "entries": []}


def test_the_bad_rows_of_a_source_are_written_to_be_mended(run: Any, house: Path) -> None:
    document(run, "sync")
    assert run("quarantine", "fix", "list", "fix.csv")[1] == "The quarantine holds no rows of list.\n"
    assert not (house / "fix.csv").exists()
    rows = "a@x.example;Anna;Alt\nfoo;Jürgen;Neu\nc@x.example;Carla\nd@x.example;Dora;Dick\n"
    (house / "people.csv").write_text("Email;Vorname;Nachname\n" + rows, "cp1252")
    assert document(run, "sync")["runs"][0]["rejected"] == 2
    assert "klientela quarantine fix list FILE" in run("quarantine")[1]
    told = document(run, "quarantine", "fix", "list", "fix.csv")
    assert (told["rejected"], told["file"]) == (2, str(house / "fix.csv"))
    head, first, second = (house / "fix.csv").read_text("utf-8-sig").splitlines()
    assert head == "Email;Vorname;Nachname;klientela_error"
    assert first.startswith("foo;Jürgen;Neu;line 3, column Email: ")
    assert second.startswith("c@x.example;Carla;line 4: ")
    code, _, err = run("quarantine", "fix", "list", "fix.csv")
    assert code == 1
    assert "there already" in err
    mended = f"{head}\nj@x.example;Jürgen;Neu;\nc@x.example;Carla;Cap;\n"
    (house / "fix.csv").write_text(mended, "utf-8")
    assert document(run, "import", "fix.csv", "--into", "list")["new"] == 2
    assert document(run, "customers", "--search", "jürgen")["total"] == 1


def test_only_sources_of_files_have_rows_to_mend(run: Any, house: Path) -> None:
    configure(LIST + '[sources.s]\ntype = "shopify"\nshop = "s"\naccess_token = "t"\n')
    code, _, err = run("quarantine", "fix", "s", "fix.csv")
    assert code == 2
    assert "s is read from no file" in err
    assert run("quarantine", "fix", "nobody", "fix.csv")[0] == 1


def test_rebuild(run: Any, house: Path) -> None:
    document(run, "sync")
    before = document(run, "customers")
    assert document(run, "rebuild", "--check") == {"equal": True, "differences": [], "seq": None}
    connection = sqlite3.connect(house / "klientela.db")
    connection.execute("UPDATE customer SET city = 'Atlantis'")
    connection.commit()
    connection.close()
    code, out, _ = run("rebuild", "--check")
    assert code == 1
    assert "✗ " in out
    assert document(run, "customers") != before
    assert run("rebuild")[0] == 0
    assert document(run, "customers") == before
    code, out, _ = run("rebuild", "--check")
    assert code == 0
    assert "equal" in out


def test_the_audit(run: Any, house: Path) -> None:
    (house / "people.csv").write_text("Customer Number,Email,Last Name\n1,a@x.example,Alt\n2,A@x.example,Alt\n")
    document(run, "sync")
    lines = document(run, "audit")["lines"]
    assert [line["kind"] for line in lines] == ["founded", "joined"]
    assert lines[1]["rule"] == "email"
    assert document(run, "audit", "--customer", lines[0]["customer"])["lines"] == lines
    assert document(run, "audit", "--since", "2100-01-01")["lines"] == []
    assert run("audit", "--since", "soon")[0] == 2
    code, out, _ = run("audit")
    assert code == 0
    assert "joined" in out
    whole = document(run, "audit", "verify")
    assert (whole["whole"], whole["lines"], whole["head"]) == (True, 2, lines[1]["hash"])
    connection = sqlite3.connect(house / "klientela.db")
    connection.execute("UPDATE audit SET rule = 'phone' WHERE rule = 'email'")
    connection.commit()
    connection.close()
    assert document(run, "audit", "verify", code=1)["whole"] is False
    assert "✗ line" in run("audit", "verify")[1]


def test_why_and_why_not(run: Any, house: Path) -> None:
    (house / "people.csv").write_text(
        "Customer Number,Email,First Name,Last Name\n"
        "1,a@x.example,Anna,Alt\n2,A@x.example,A.,Alt\n3,a@x.example,Ben,Alt\n"
    )
    document(run, "sync")
    found = document(run, "why", "list/customer/2")
    assert [one["external_id"] for one in found["records"]] == ["1", "2"]
    assert found["edges"][0]["rule"] == "email"
    assert "a@x.example" not in json.dumps(found["edges"])  # masked
    assert "a@x.example" in json.dumps(document(run, "why", found["id"], "--reveal")["edges"]).lower()
    code, out, _ = run("why", found["id"])
    assert code == 0
    assert "They are joined by:" in out
    code, out, _ = run("why", "list/customer/1", "list/customer/3")
    assert code == 0
    assert "two customers" in out
    assert "R17b" in out
    assert "They are one customer" in run("why", "list/customer/1", "list/customer/2")[1]
    assert run("why", "list/customer/77")[0] == 1
    assert run("why", "nobody")[0] == 1
    assert document(run, "review")["items"] == []
    assert "nothing to review" in run("review")[1]


ALIKE = "Email,First Name,Last Name,Street,Zip,Country\n{}"


def test_the_review_queue(run: Any, here: Path) -> None:
    shop = Sandbox(customers=0)
    for email in ("a@x.example", "b@x.example"):
        shop.customer(first_name="Jörg", last_name="Weiß", email=email, phone="+493012345670")
    with serve(shop.app) as url:
        configure(f'[sources.s]\ntype = "shopify"\nshop = "s"\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n')
        document(run, "sync")
    (item,) = document(run, "review")["items"]
    assert item["kind"] == "same_source"
    assert "R20b" in run("review")[1]
    assert item["key"] in run("review")[1]


def test_an_item_is_named_by_its_key_wherever_it_stands(run: Any, here: Path) -> None:
    rows = "".join(
        f"{mail}{n}@x.example,Sedat,Brunn{n}schmidt,Rosenstr. 9{n},{place},DE\n"
        for n in (1, 2, 3) for mail, place in (("a", "20875"), ("b", "20857"))
    )  # fmt: skip
    Path("people.csv").write_text(ALIKE.format(rows))
    configure(LIST)
    document(run, "sync")
    before = document(run, "review")
    first, second, third = before["items"]
    assert len({first["key"], second["key"], third["key"]}) == 3
    assert document(run, "review", "reject", "1", "--as-of", before["version"])["item"] == first["key"]
    after = document(run, "review")
    assert [one["key"] for one in after["items"]] == [second["key"], third["key"]]
    code, _, err = run("review", "accept", "2", "--as-of", before["version"])
    assert (code, "the review queue is another one" in err) == (1, True)
    assert run("review", "accept", first["key"])[0] == 1, "it was decided"
    made = document(run, "review", "accept", second["key"])
    assert made["item"] == second["key"]
    assert {one["external_id"] for customer in made["customers"] for one in customer["records"]} == {
        key.split("/", 2)[2] for key in second["records"]
    }
    assert document(run, "customers")["total"] == 5


@pytest.mark.parametrize("place", [0, 1])
def test_what_was_shown_before_the_question_is_what_is_written(
    run: Any, here: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    rows = "".join(
        f"{mail}{n}@x.example,Sedat,Brunn{n}schmidt,Rosenstr. 9{n},{zip_},DE\n"
        for n in (1, 2) for mail, zip_ in (("a", "20875"), ("b", "20857"))
    )  # fmt: skip
    Path("people.csv").write_text(ALIKE.format(rows))
    configure(LIST)
    document(run, "sync")
    items = document(run, "review")["items"]

    def somebody_else(_question: str) -> bool:
        monkeypatch.setattr(deciding, "asks", lambda *_: False)
        assert main(["review", "reject", items[place]["key"]]) == 0
        return True

    monkeypatch.setattr(deciding, "asks", lambda *_: True)
    monkeypatch.setattr("typer.confirm", somebody_else)
    code, out, err = run("review", "accept", "2")
    told = [line["detail"]["decision"] for line in document(run, "audit")["lines"] if line["kind"] == "decided"]
    if place == 0:
        assert (code, told) == (0, ["reject", "accept"]), err
        assert document(run, "why", *items[1]["records"])["joined"]
        assert not document(run, "why", *items[0]["records"])["joined"]
    else:
        assert (code, told) == (1, ["reject"]), out
        assert "was decided meanwhile" in err


def test_the_fuzzy_plugin_proposes(run: Any, here: Path) -> None:
    rows = (
        "s@x.example,Sedat,Brunnschmidt,Rosenstr. 92,20875,DE",
        "b@x.example,Sedat,Brunnschmidt,Rosenstr. 92,20857,DE",
    )
    Path("people.csv").write_text(ALIKE.format("\n".join(rows)))
    configure(LIST)
    document(run, "sync")
    told = document(run, "review")
    (item,) = told["items"]
    assert (item["kind"], item["plugin"], told["remarks"], told["failed"]) == ("proposed", "fuzzy", [], [])
    assert "the plugin fuzzy proposes them: the same name" in run("review")[1]
    configure(LIST + "[review]\nfuzzy = false\n")
    assert document(run, "review")["items"] == []
    code, _, err = run("review", "accept", "1")
    assert (code, "there is no item 1" in err) == (1, True)
    configure(LIST)
    made = document(run, "review", "accept", "1", "--dry-run")
    assert ("seq" in made, document(run, "customers")["total"]) == (False, 2)
    made = document(run, "review", "accept", "1")
    assert document(run, "customers")["total"] == 1
    document(run, "undo", str(made["seq"]))
    document(run, "review", "reject", "1")
    assert (document(run, "customers")["total"], run("review")[1]) == (2, "There is nothing to review.\n")


def test_doctor(run: Any, house: Path) -> None:
    assert document(run, "doctor")["ok"] is True
    document(run, "sync")
    healthy = document(run, "doctor")
    assert healthy["ok"] is True
    assert {found["level"] for found in healthy["findings"]} == {"ok"}
    assert "apscheduler" in healthy["versions"]
    connection = sqlite3.connect(house / "klientela.db")
    connection.execute("UPDATE audit SET kind = 'split'")
    connection.commit()
    connection.close()
    assert document(run, "doctor", code=1)["ok"] is False
    code, out, _ = run("doctor")
    assert code == 1
    assert "✗ audit: " in out
