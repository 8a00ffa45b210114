"""Verbs that bring something in: sync, rules, import."""

from __future__ import annotations

import itertools
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from klientela.testing import Faults, serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure
from tests.daemon.house import Process, until
from tests.daemon.verbs import LIST, document

# Sync -------------------------------------------------------------------------------------------------------------


def test_sync_tells_what_it_did(run: Any, house: Path) -> None:
    (first,) = document(run, "sync")["runs"]
    assert {"source", "status", "started", "finished", "duration_s", "pages", "read", "new", "changed", "unchanged",
            "rejected", "suppressed", "merged", "split", "cursor", "error", "remarks"} == set(first)  # fmt: skip
    assert (first["source"], first["status"], first["read"], first["new"], first["error"]) == ("list", "ok", 2, 2, None)
    (again,) = document(run, "sync", "list")["runs"]
    assert (again["new"], again["changed"]) == (0, 0)
    code, out, _ = run("sync")
    assert code == 0
    assert "list" in out
    assert "status" in out


def test_a_name_commands_no_terminal_and_breaks_no_table(run: Any, here: Path) -> None:
    Path("people.csv").write_bytes(
        b'email,first name,last name,\x1b[31mred\x07\r\na@x.de,\x1b[2JEve\x1b]0;x\x07,"O\r\nP",1\r\n'
    )
    configure(LIST)
    for args in (("sync",), ("customers",), ("customer", "list/customer/mail:a@x.de"), ("check",)):
        code, out, err = run(*args)
        assert code == 0
        assert not set(out + err) & {"\x1b", "\x07", "\r"}, args
    assert "Eve" in run("customers")[1]
    assert len(run("customers")[1].splitlines()) == 3  # heads, Eve, how many
    Path("people.csv").write_bytes(b"\x1b[31mred,\x1b[2Jblue\r\n1,2\r\n")
    for args in (("sync",), ("import", "people.csv", "--into", "list")):
        code, out, err = run(*args)
        assert code != 0
        assert "\x1b" not in out + err


def test_a_failed_source_is_told_and_the_other_goes_on(run: Any, house: Path) -> None:
    shop = '[sources.shop]\ntype = "shopify"\nshop = "s"\naccess_token = "t-o-k"\nbase_url = "http://127.0.0.1:9"\n'
    configure(LIST + shop)
    runs = {one["source"]: one for one in document(run, "sync", code=1)["runs"]}
    assert runs["list"]["status"] == "ok"
    assert runs["shop"]["status"] == "failed"
    assert runs["shop"]["error"]["kind"] == "broken"
    code, out, _ = run("sync", "shop")
    assert code == 1
    assert "✗ shop: " in out
    assert run("sync", "list")[0] == 0
    code, _, err = run("sync", "lits")
    assert (code, "Did you mean list?" in err) == (1, True)


def test_without_any_source_there_is_a_sentence(run: Any, here: Path) -> None:
    configure("")
    code, out, err = run("sync")
    assert (code, out, err) == (0, "There are no sources yet; add a table [sources.NAME].\n", "")
    assert document(run, "sync") == {"runs": []}


def test_check_says_of_another_shop_what_sync_will_say(run: Any, here: Path) -> None:
    shop = '[sources.s]\ntype = "shopify"\nshop = "s"\naccess_token = "{token}"\nbase_url = "{url}"\n'
    with serve(Sandbox(customers=5, seed=5).app) as url:
        configure(shop.format(token=TOKEN, url=url))
        assert document(run, "check")["sources"][0]["ok"]
        assert not (here / "klientela.db").exists()
        document(run, "sync")
        assert document(run, "check")["sources"][0]["ok"]
    with serve(Sandbox(customers=5, seed=6).app) as url:
        configure(shop.format(token=TOKEN, url=url))
        (checked,) = document(run, "check", code=1)["sources"]
        (synced,) = document(run, "sync", code=1)["runs"]
        assert checked["error"] == synced["error"]
        assert checked["error"]["kind"] == "changed"
        code, out, _ = run("check")
        assert code == 1
        assert "✗ s" in out
        assert "another shop answers under the name s" in out


def test_check_goes_on_where_the_store_cannot_be_read(run: Any, house: Path) -> None:
    (house / "klientela.db").write_text("no database at all")
    told = document(run, "check")
    assert told["sources"][0]["ok"]
    assert "cannot be told" in told["warnings"][0]


def test_wrong_headers_are_a_sentence(run: Any, house: Path) -> None:
    (house / "people.csv").write_text("Colour,Size\nred,1\n")
    (failed,) = document(run, "sync", code=1)["runs"]
    assert failed["status"] == "failed"
    assert "people.csv" in failed["error"]["message"]


def test_a_source_in_progress_is_skipped(run: Any, house: Path) -> None:
    document(run, "sync")
    connection = sqlite3.connect(house / "klientela.db")
    connection.execute("INSERT INTO lease (source, holder, until) VALUES (1, 'elsewhere|1|1|x', 9e18)")
    connection.commit()
    connection.close()
    (skipped,) = document(run, "sync")["runs"]
    assert (skipped["status"], skipped["error"]["kind"]) == ("skipped", "busy")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
def test_a_stopped_sync_keeps_what_it_has(here: Path, run: Any, how: signal.Signals, code: int) -> None:
    shop = Faults(Sandbox(customers=600, seed=5).app)
    with serve(shop) as url:
        configure(f'[sources.s]\ntype = "shopify"\nshop = "s"\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n')
        requests = itertools.count()
        shop.on("429", when=lambda seen: next(requests) >= 4, wait=200)
        process = Process(here, "sync")
        until(lambda: shop.injected["429"] >= 1, "the shop's refusal")
        assert process.end(how) == code
        assert any("partial" in line for line in process.out)
        shop.calm()
        kept = document(run, "customers")["total"]
        assert kept > 0
        assert document(run, "sync")["runs"][0]["status"] == "ok"
        assert document(run, "customers")["total"] > kept


def test_a_change_of_rules_is_said_and_waits(run: Any, house: Path) -> None:
    document(run, "sync")
    configure(LIST + '[identity]\nrules = ["phone"]\n')
    code, _, err = run("sync")
    assert code == 0
    assert "rules apply" in err


def test_rules_apply_puts_them_in_force(run: Any, house: Path) -> None:
    (house / "people.csv").write_text("Customer Number,Email,Last Name\n1,a@x.example,Alt\n2,A@x.example,Alt\n")
    document(run, "sync")
    assert document(run, "customers")["total"] == 1
    assert document(run, "rules", "apply")["seq"] is None
    configure(LIST + '[identity]\nrules = ["phone"]\n')
    document(run, "sync")
    assert document(run, "customers")["total"] == 1  # nothing acts by itself
    told = document(run, "rules", "apply")
    assert told["seq"] > 0
    assert told["ruleset"]["from"] != told["ruleset"]["to"]
    assert told["left"] == 0
    assert document(run, "customers")["total"] == 2
    code, _, err = run("sync")
    assert (code, "rules apply" in err) == (0, False)
    configure(LIST)
    assert run("rules", "apply")[0] == 0
    assert document(run, "customers")["total"] == 1


# Import -----------------------------------------------------------------------------------------------------------


def test_a_file_is_imported_into_a_source_or_by_hand(run: Any, house: Path) -> None:
    (house / "more.csv").write_text("Email,Last Name\nc@x.example,Cee\nfoo,Dee\na@x.example,Alt\n")
    document(run, "sync")
    dry = document(run, "import", "more.csv", "--into", "list", "--dry-run")
    assert "seq" not in dry
    assert dry["new"] == 1
    assert document(run, "customers")["total"] == 2
    done = document(run, "import", "more.csv", "--into", "list")
    assert done["seq"] > 0
    assert [(bad["line"], bad["column"]) for bad in done["rejected"]] == [(3, "Email")]
    assert "foo" in Path(done["fix_file"]).read_text()
    assert document(run, "customers")["total"] == 3
    code, out, _ = run("import", "more.csv", "--into", "manual")
    assert code == 0
    assert "1 not taken" in out
    rows = {row["email"]: row for row in document(run, "customers")["rows"]}
    assert rows["c@x.example"]["sources"] == ["list", "manual"]
    (by_hand,) = [one for one in document(run, "sources")["sources"] if one["type"] == "manual"]
    assert (by_hand["state"], by_hand["connected"]) == ("by hand", True)


def test_an_import_is_listed_and_taken_back(run: Any, house: Path) -> None:
    (house / "more.csv").write_text("Email,Last Name\nc@x.example,Cee\na@x.example,Alt\n")
    document(run, "sync")
    assert document(run, "import", "list") == {"imports": []}
    assert "Nothing was imported" in run("import", "list")[1]
    before = run("export", "--format", "jsonl")[1]
    dry = document(run, "import", "more.csv", "--into", "manual", "--dry-run")
    assert sorted(one["effect"] for one in dry["customers"]) == ["joined", "new"]
    assert run("import", "more.csv", "--into", "manual", "--dry-run")[1].count("would be") == 4
    done = document(run, "import", "more.csv", "--into", "manual")
    (listed,) = document(run, "import", "list")["imports"]
    assert (listed["batch"], listed["source"], listed["file"], listed["read"]) == (
        done["batch"], "manual", "more.csv", 2,
    )  # fmt: skip
    assert listed["undone"] is None
    assert "more.csv" in run("import", "list")[1]
    assert run("export", "--format", "jsonl")[1] != before
    number = str(done["batch"])
    planned = document(run, "import", "undo", number, "--dry-run")
    assert "Nothing was written" in run("import", "undo", number, "--dry-run")[1]
    told = document(run, "import", "undo", number)
    assert told == {**planned, "seq": told["seq"]}
    assert (told["batch"], len(told["customers"]), len(told["vanished"]), told["dormant"]) == (done["batch"], 1, 1, [])
    assert run("export", "--format", "jsonl")[1] == before
    assert document(run, "rebuild", "--check")["equal"]
    (listed,) = document(run, "import", "list")["imports"]
    assert listed["undone"]["seq"] == told["seq"]
    withdrawn = [line for line in document(run, "audit")["lines"] if line["kind"] == "withdrawn"]
    assert [line["detail"]["batch"] for line in withdrawn] == [done["batch"]]
    for batch in (number, "77"):
        code, _, err = run("import", "undo", batch)
        assert code == 1
        assert f"batch {batch}" in err
    assert run("import", "undo", "one")[0] == 2


def test_addresses_are_pasted(run: Any, house: Path) -> None:
    done = document(run, "import", "--emails", "a@x.de, A@x.de ,b@x.de, foo", "--into", "manual")
    assert len(done["customers"]) == 2
    assert [bad["key"] for bad in done["rejected"]] == ["foo"]
    assert run("import", "people.csv", "--emails", "a@x.de", "--into", "manual")[0] == 2
    assert run("import", "--into", "manual")[0] == 2
    assert document(run, "customers")["total"] == 2


def test_imports_that_cannot_be(run: Any, house: Path) -> None:
    configure(LIST + '[sources.shop]\ntype = "shopify"\nshop = "s"\naccess_token = "t-o-k"\n')
    (house / "songs.csv").write_text("Title,Length\nx,1\n")
    assert "takes no imports" in run("import", "people.csv", "--into", "shop")[2]
    assert run("import", "people.csv", "--into", "shop")[0] == 2
    assert run("import", "none.csv", "--into", "list")[0] == 2
    assert run("import", "people.csv", "--into", "lits")[0] == 1
    assert run("import", "people.csv")[0] == 2
    code, _, err = run("import", "songs.csv", "--into", "manual")
    assert code in (1, 2)
    assert "songs.csv" in err
    assert document(run, "customers")["total"] == 0
