"""The verbs on a real store: files and shops in, tables, JSON and exit codes out."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from klientela.testing import Faults, serve
from klientela_daemon.cli import deciding, main
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure
from tests.daemon.house import Process, until

LIST = '[sources.list]\ntype = "csv"\npath = "people.csv"\nevery = "1h"\n'
ROWS = "Email,First Name,Last Name,City,Country\n"


def people(folder: Path, *rows: str) -> None:
    (folder / "people.csv").write_text(ROWS + "".join(f"{row}\n" for row in rows), "utf-8")


@pytest.fixture
def house(here: Path) -> Path:
    people(here, "a@x.example,Anna,Alt,Berlin,DE", "b@x.example,Bernd,Neu,Wien,AT")
    configure(LIST)
    return here


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)


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


# Looking ----------------------------------------------------------------------------------------------------------


def test_verbs_that_look_need_a_store(run: Any, house: Path) -> None:
    for verb in ("customers", "backup"):
        args = [verb, "file"] if verb == "backup" else [verb]
        assert document(run, *args, code=1)["error"]["kind"] == "store"
    assert not (house / "klientela.db").exists()


def test_the_list(run: Any, house: Path) -> None:
    document(run, "sync")
    page = document(run, "customers", "--view", "ecdp", "--size", "1", "--sort", "name")
    assert (page["view"], page["total"], page["page"], page["size"]) == ("ecdp", 2, 1, 1)
    assert page["rows"][0]["name"] == "Anna Alt"
    assert [row["name"] for row in document(run, "customers", "--search", "wien")["rows"]] == ["Bernd Neu"]
    assert document(run, "customers", "--view", "cockpit")["total"] == 0  # nobody has ordered (K6)
    code, out, _ = run("customers", "--view", "autoletter")
    assert code == 0
    assert "Berlin, DE" in out
    assert "1-2 of 2 customers" in out
    assert "did you mean" in run("customers", "--view", "cockpitt")[2].lower()
    assert run("customers", "--view", "cockpitt")[0] == 2
    assert run("customers", "--sort", "colour")[0] == 2
    assert run("customers", "--page", "0")[0] == 2


RATED = """Order ID,Email,Last Name,Total,Currency,Financial Status,Created at
1,a@x.example,Alt,10.00,EUR,paid,2026-03-01 10:00:00 +0100
2,a@x.example,Alt,10.00,CHF,paid,2026-03-02 10:00:00 +0100
3,b@x.example,Neu,10.00,GBP,paid,2026-03-03 10:00:00 +0100
"""
ORDERS = """[sources.list]
type = "csv"
path = "people.csv"
guests = "merge"
[sources.list.columns]
order_id = "Order ID"
total = "Total"
currency = "Currency"
placed_at = "Created at"
[rates]
file = "rates.csv"
"""


def test_rates_say_what_sums_of_several_currencies_come_to(run: Any, here: Path) -> None:
    Path("people.csv").write_text(RATED)
    Path("rates.csv").write_text("Date, CHF, \n20 November 2026, 0.9312, \n")
    configure(ORDERS)
    assert document(run, "check")["rates"] == {"rates": "2026-11-20", "currencies": ["CHF"]}
    assert "rates: of 2026-11-20, 1 currency for one EUR" in run("check")[1]
    document(run, "sync")
    rows = {row["last_name"]: row for row in document(run, "customers")["rows"]}
    assert rows["Alt"]["ltv_approx"] == {"amount": "20.74", "currency": "EUR", "rates": "2026-11-20"}
    assert rows["Neu"]["rates_missing"] == ["GBP"]
    shown = run("customers")[1]
    assert "10.00 EUR + 10.00 CHF ≈ 20.74 EUR" in shown
    assert shown.endswith("The rate file of 2026-11-20 has no rate for GBP; those sums stand without ≈.\n")
    shown = run("customer", rows["Alt"]["id"])[1]
    assert "LTV 10.00 EUR + 10.00 CHF ≈ 20.74 EUR in 2 orders" in shown
    assert "≈: by the rates of 2026-11-20" in shown
    assert "no rate for GBP" in run("customer", rows["Neu"]["id"])[1]
    assert "≈" not in run("export")[1]
    configure(ORDERS + '[views.default]\ncolumns = ["last_name", "ltv_approx"]\n')
    assert "Alt,20.74 EUR" in run("export")[1]
    shown = run("customers")[1]
    assert ("ltv ≈" in shown, "≈ 20.74 EUR" in shown) == (True, True)


def test_a_wrong_rate_file_is_told_where_it_matters(run: Any, here: Path) -> None:
    Path("people.csv").write_text(RATED)
    configure(ORDERS)
    for args in (("check",), ("run",), ("customers",)):
        code, out, err = run(*args)
        assert (code, out) == (2, ""), args
        assert "rates.csv cannot be used: no such file" in err
    assert document(run, "sync")["runs"][0]["status"] == "ok", "a sync needs no rates"
    Path("rates.csv").write_text("Date,CHF\n2026-11-20,1\n")
    configure(ORDERS + '[shop]\ncurrency = "RUB"\n')
    told = document(run, "check")
    assert any("no rate for RUB, the shop's currency" in one for one in told["warnings"])
    configure('[views.default]\ncolumns = ["ltv_approx"]\n')
    code, _, err = run("check")
    assert (code, "the column ltv_approx of the view default needs exchange rates" in err) == (2, True)


def test_one_of_a_thing_is_told_as_one(run: Any, house: Path) -> None:
    (house / "people.csv").write_text("Email\na@x.example\nfoo\n")
    told = str(document(run, "check")["sources"])
    assert "1 column" in told
    assert "1 columns" not in told
    document(run, "sync")
    assert "1-1 of 1 customer\n" in run("customers")[1]
    (one,) = [found for found in document(run, "doctor")["findings"] if found["check"] == "quarantine"]
    assert one["message"].startswith("1 record could not be taken")
    (house / "more.csv").write_text("Email\nb@x.example\n")
    assert "1 row read" in run("import", "more.csv", "--into", "list")[1]


def test_the_profile(run: Any, here: Path) -> None:
    shop = Sandbox(customers=0)
    anna = shop.customer(first_name="Anna", last_name="Öztürk", email="anna@x.example", phone="+493012345670")
    for number in range(12):
        shop.order(customer=anna, total=1000 + number, test=number == 3)
    shop.checkout(customer=anna, total=8000)
    with serve(shop.app) as url:
        configure(f'[sources.s]\ntype = "shopify"\nshop = "s"\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n')
        document(run, "sync")
    (row,) = document(run, "customers")["rows"]
    found = document(run, "customer", row["id"])
    assert found["emails"][0]["value"] == "anna@x.example"
    assert len(found["order_list"]) == 12
    assert found["checkouts"][0]["badge"] == "abandoned"
    code, out, _ = run("customer", row["id"])
    assert code == 0
    assert "Anna Öztürk (registered)" in out
    assert "and 2 older orders" in out
    assert "abandoned" in out
    assert "and 9 older orders" in run("customer", row["id"], "--view", "cockpit")[1]
    code, _, err = run("customer", "1b4e28ba-2fa1-51d2-883f-0016d3cca427")
    assert code == 1
    assert "no customer has the id" in err


def test_exports(run: Any, house: Path) -> None:
    document(run, "sync")
    assert run("export", "--format", "jsonl", "-o", "list.jsonl")[0] == 0
    rows = [json.loads(line) for line in (house / "list.jsonl").read_text().splitlines()]
    assert sorted(row["name"] for row in rows) == ["Anna Alt", "Bernd Neu"]
    assert rows[0]["records"][0]["source"] == "list"
    assert (house / "list.jsonl").stat().st_mode & 0o077 == 0
    assert run("export", "-o", "list.csv", "--view", "autoletter", "--search", "wien")[0] == 0
    head, row = (house / "list.csv").read_text("utf-8-sig").splitlines()
    assert head.startswith("klientela_id,")
    assert "Bernd" in row
    assert (house / "klientela.db").stat().st_mode & 0o077 == 0
    assert run("export", "--format", "pdf")[0] == 2
    assert run("export", "-o", "none/list.csv")[0] == 2
    code, _, said = run("export", "-o", ".")
    assert (code, said.splitlines()[0]) == (2, "error: . is a folder")
    assert run("export", "--view", "nope")[0] == 2


def test_an_export_as_a_workbook_holds_the_same_table(run: Any, house: Path) -> None:
    people(house, "a@x.example,=cmd(),Alt,Berlin,DE", "b@x.example,Bernd,Neu,Wien,AT")
    document(run, "sync")
    made = document(run, "export", "--format", "xlsx", "-o", "list.xlsx")
    assert made == {"view": "default", "format": "xlsx", "rows": 2, "file": "list.xlsx"}
    assert (house / "list.xlsx").stat().st_mode & 0o077 == 0
    whole = (house / "list.xlsx").read_bytes()
    table = CalamineWorkbook.from_filelike(io.BytesIO(whole)).get_sheet_by_index(0).to_python()
    lines = list(csv.reader(io.StringIO(run("export")[1].removeprefix("\ufeff"))))
    assert [str(cell) for cell in table[0]] == lines[0]
    first = lines[0].index("first_name")
    assert {(row[0], row[first]) for row in table[1:]} == {(row[0], row[first].removeprefix("'")) for row in lines[1:]}
    assert "=cmd()" in {row[first] for row in table[1:]}
    assert run("export", "--format", "xlsx", "-o", "again.xlsx")[0] == 0
    assert (house / "again.xlsx").read_bytes() == whole, "the same customers give the same bytes"
    code, out, err = run("export", "--json")
    assert (code, json.loads(out)["error"]["kind"]) == (2, "misconfigured"), err


def test_the_inactive_list_and_one_source_can_be_exported(run: Any, house: Path) -> None:
    document(run, "sync")
    assert run("inactive", "list/customer/mail:a@x.example")[0] == 0

    def names(*args: str) -> list[str]:
        code, out, err = run("export", "--format", "jsonl", *args)
        assert code == 0, err
        return sorted(json.loads(line)["name"] for line in out.splitlines())

    assert names() == ["Bernd Neu"]
    assert names("--inactive") == names("--segment", "inactive") == ["Anna Alt"]
    assert names("--source", "list") == ["Bernd Neu"]
    assert run("export", "--source", "lits")[0] == 1


def test_an_export_to_stdout_is_utf8_whatever_the_terminal(house: Path, run: Any) -> None:
    people(house, "ö@x.example,Jörg,Weiß,Köln,DE")
    document(run, "sync")
    process = Process(house, "export", "--format", "json", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert process.wait() == 0
    assert json.loads("\n".join(process.out))[0]["name"] == "Jörg Weiß"


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


# Whole ------------------------------------------------------------------------------------------------------------


def test_two_shops_one_of_which_misbehaves(run: Any, here: Path) -> None:
    well, ill = Sandbox(customers=40, seed=1), Sandbox(customers=40, seed=2, name="Other")
    with serve(well.app) as one, serve(ill.app) as two:
        table = '[sources.{}]\ntype = "shopify"\nshop = "s"\naccess_token = "' + TOKEN + '"\nbase_url = "{}"\n'
        configure(table.format("well", one) + table.format("ill", two))
        ill.closed = 402
        runs = {one["source"]: one for one in document(run, "sync", code=1)["runs"]}
        assert runs["well"]["status"] == "ok"
        assert runs["ill"]["status"] == "failed"
        assert runs["ill"]["error"]["hint"]
        ill.closed = None
        runs = {one["source"]: one for one in document(run, "sync")["runs"]}
        assert runs["ill"]["status"] == "ok"
        assert document(run, "doctor")["ok"] is True


def test_the_demo_once(tmp_path: Path) -> None:
    process = Process(tmp_path, "demo", "--once", "--dir", "shop", "--customers", "60")
    code = process.wait()
    out = "\n".join(process.out)
    assert code == 0, out
    assert re.search(r"^shopify +ok", out, re.M)
    assert re.search(r"^list +ok", out, re.M)
    assert "A till pushed what it knows to the daemon's HTTP server: 18 accepted, 0 unchanged, 0 rejected" in out
    assert "best of" in out
    assert "They are joined by:" in out
    assert (tmp_path / "shop" / "customers.csv").exists()
    connection = sqlite3.connect(tmp_path / "shop" / "klientela.db")
    pushed = connection.execute(
        "SELECT c.status, count(*), max(json_array_length(c.sources)) FROM customer c WHERE EXISTS ("
        "SELECT 1 FROM json_each(c.sources) e JOIN source s ON s.id = e.value WHERE s.label = 'till') "
        "GROUP BY c.status ORDER BY c.status"
    ).fetchall()
    assert [(status, count) for status, count, _ in pushed] == [(0, 2), (1, 6)]  # two guests of one address are two
    assert pushed[1][2] > 1  # whom a shop knows too is one customer
    both = connection.execute(
        "SELECT count(*) FROM customer c WHERE json_array_length(c.sources) > 1 AND EXISTS ("
        "SELECT 1 FROM json_each(c.sources) e JOIN source s ON s.id = e.value WHERE s.label = 'list')"
    ).fetchone()[0]
    connection.close()
    assert both >= 8  # customers of the shop who stand in the file too, in other spellings
    again = Process(
        tmp_path, "demo", "--once", "--dir", "shop", "--customers", "60", "--json"
    )  # once more, same folder
    assert again.wait() == 0
    told = json.loads("\n".join(again.out))
    assert told["configuration"] == str(tmp_path / "shop" / "klientela.toml")
    assert {one["status"] for one in told["runs"]} == {"ok"}
    assert (told["pushed"]["rejected"], told["customers"] > 60, bool(told["shops"][0]["url"])) == (0, True, True)


def test_the_demo_refuses_another_house(run: Any, here: Path) -> None:
    configure(LIST)
    code, _, err = run("demo", "--once", "--dir", ".")
    assert code == 1
    assert "no configuration of the demo" in err
    assert Path("klientela.toml").read_text() == LIST


def test_the_demo_goes_on_as_daemon(tmp_path: Path) -> None:
    process = Process(tmp_path, "demo", "--dir", "shop", "--customers", "30", "--port", "0")
    try:
        process.wait_for("klientela is running")
        process.wait_for("sync ended", source="shopify")
        assert process.end(signal.SIGINT) == 0
    finally:
        process.end(signal.SIGKILL)
