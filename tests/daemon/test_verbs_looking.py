"""Verbs that look: the list, the profile, exports."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from klientela.testing import serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure
from tests.daemon.house import Process
from tests.daemon.verbs import document, people


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
