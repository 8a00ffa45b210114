"""`klientela import` of workbooks, and of what nothing can be taken from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from klientela_csv.sample import sample
from tests.daemon.conftest import configure
from tests.daemon.verbs import LIST, document


@pytest.fixture
def house(here: Path) -> Path:
    (here / "people.csv").write_text("Email\n", "utf-8")
    configure(LIST + 'delimiter = ";"\nencoding = "cp1252"\ndecimal = ","\n')
    return here


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    with xlsxwriter.Workbook(str(path)) as made:
        for name, rows in sheets.items():
            sheet = made.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def emails(run: Any) -> list[str]:
    return sorted(row["email"] for row in document(run, "customers")["rows"])


FAIR: list[list[Any]] = [
    ["Email", "First Name", "ZIP", "Order ID", "Total", "Currency"],
    ["ö@x.de", "Jörg; Ä", "01067", 7, 118.7, "EUR"],
]


@pytest.mark.parametrize("into", ["list", "manual"])
def test_S33_a_workbook_is_imported_whatever_the_sources_files_are_like(run: Any, house: Path, into: str) -> None:
    book(house / "fair.xlsx", Fair=FAIR, Notes=[["Email"], ["b@x.de"]])
    assert "seq" not in document(run, "import", "fair.xlsx", "--into", into, "--dry-run")
    made = document(run, "import", "fair.xlsx", "--into", into)
    assert made["rejected"] == []
    assert made["ignored"][-1] == "fair.xlsx: the sheet Fair was read; Notes was not"
    (row,) = document(run, "customers")["rows"]
    assert (row["email"], row["first_name"], row["ltv"][0]["amount"]) == ("ö@x.de", "Jörg; Ä", "118.70")
    (batch,) = document(run, "import", "list")["imports"]
    assert batch["file"] == "fair.xlsx"


def test_a_sheet_is_chosen_and_a_wrong_one_is_a_sentence(run: Any, house: Path) -> None:
    book(house / "fair.xlsx", Fair=[["Email"], ["a@x.de"]], Notes=[["Email"], ["b@x.de"]])
    for args, sentence in (
        (("import", "fair.xlsx", "--sheet", "Shop"), "has no sheet 'Shop'"),
        (("import", "people.csv", "--sheet", "1"), "people.csv is no Excel workbook"),
        (("import", "--emails", "a@x.de", "--sheet", "1"), "only an Excel workbook has sheets"),
    ):
        code, out, err = run(*args, "--into", "list")
        assert (code, out) == (2, "")
        assert sentence in err
    assert document(run, "import", "list")["imports"] == []
    made = document(run, "import", "fair.xlsx", "--into", "list", "--sheet", "notes")
    assert (made["new"], made["ignored"]) == (1, [])
    assert emails(run) == ["b@x.de"]


def test_R51_an_export_as_a_workbook_comes_back_unchanged(run: Any, house: Path) -> None:
    (house / "first.csv").write_text('Email;First Name;Last Name;Company\na@x.de;=1+1;"Roth\nII";\'=x\n', "utf-8")
    document(run, "import", "first.csv", "--into", "list")
    assert run("export", "--format", "xlsx", "-o", "out.xlsx")[0] == 0
    made = document(run, "import", "out.xlsx", "--into", "list")
    assert (made["unchanged"], made["changed"], made["new"], made["rejected"], made["batch"]) == (1, 0, 0, [], None)


def test_R49_a_paste_without_any_address_is_told_and_exits_1(run: Any, house: Path) -> None:
    for text, refused, sentence in (
        ("foo, bar", ["foo", "bar"], "none of what was pasted is an e-mail address"),
        (" ,; ", [], "nothing was pasted"),
    ):
        code, out, err = run("import", "--emails", text, "--into", "manual")
        assert code == 1
        assert sentence in err
        assert all(one in out for one in refused)
        for more in ((), ("--dry-run",)):
            told = document(run, "import", "--emails", text, "--into", "manual", *more, code=1)
            assert len(told["rejected"]) == len(refused)
            assert sentence in told["error"]["message"]
            assert set(told["error"]) == {"kind", "message", "hint"}
    assert document(run, "import", "list")["imports"] == []
    assert document(run, "import", "--emails", "foo, a@x.de", "--into", "manual")["new"] == 1


def test_R48_a_file_of_which_no_row_can_be_taken_exits_1(run: Any, house: Path) -> None:
    book(house / "bad.xlsx", One=[["Email"], ["nobody"], ["noone"]])
    told = document(run, "import", "bad.xlsx", "--into", "list", code=1)
    assert "none of the rows of bad.xlsx" in told["error"]["message"]
    assert [(one["line"], one["column"]) for one in told["rejected"]] == [(2, "Email"), (3, "Email")]
    assert told["fix_file"] == str(Path("bad.rejected.csv"))
    assert "nobody" in Path("bad.rejected.csv").read_text("utf-8")
    (house / "empty.csv").write_text("Email\n", "utf-8")
    assert json.loads(run("import", "empty.csv", "--into", "list", "--json")[1])["read"] == 0
    assert run("import", "empty.csv", "--into", "list")[0] == 0


MAPPED = """
[sources.crm]
type = "csv"
path = "crm.csv"
[sources.crm.columns]
external_id = "rec_id"
first_name = "first"
last_name = "last"
email = "mail"
city = "town"
kind = "kind"
updated_at = "updated"
number = "no"
total = "sum"
order_number = "order"
"""


def test_R51_R47_an_export_comes_back_into_a_strict_source(run: Any, here: Path) -> None:
    (here / "list.csv").write_text(sample(), "utf-8")
    configure('[sources.list]\ntype = "csv"\npath = "list.csv"\nheaders = "strict"\n')
    document(run, "sync")
    assert run("export", "-o", "out.csv")[0] == 0
    made = document(run, "import", "out.csv", "--into", "list")
    assert (made["unchanged"], made["changed"], made["rejected"]) == (2, 0, [])


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_R51_T53_an_export_comes_back_into_a_source_with_mapped_columns(run: Any, here: Path, form: str) -> None:
    (here / "crm.csv").write_text(
        "rec_id,first,last,mail,town,kind,updated,no,order,sum\n"
        "7,Anna,Ahorn,a@x.de,Berlin,registered,2026-01-01,K-1,1001,10.00\n",
        "utf-8",
    )
    configure(MAPPED)
    document(run, "sync")
    assert run("export", "--format", form, "-o", f"out.{form}")[0] == 0
    made = document(run, "import", f"out.{form}", "--into", "crm")
    assert (made["unchanged"], made["changed"], made["new"], made["rejected"]) == (1, 0, 0, [])
    assert run("export", "-o", "out.csv")[0] == 0
    text = Path("out.csv").read_text("utf-8-sig")
    Path("out.csv").write_text(text.replace("Berlin", "Dresden").replace("Ahorn", "Birke"), "utf-8")
    made = document(run, "import", "out.csv", "--into", "crm")
    assert (made["changed"], made["new"], made["rejected"]) == (1, 0, [])
    (row,) = document(run, "customers")["rows"]
    assert (row["city"], row["last_name"]) == ("Dresden", "Birke")
    Path("out.csv").write_text(text.replace("a@x.de", "new@x.de").replace("Berlin", "Ulm"), "utf-8")
    made = document(run, "import", "out.csv", "--into", "crm", code=1)
    assert [one["column"] for one in made["rejected"]] == ["email"]
    assert document(run, "customers")["rows"][0]["city"] == "Dresden"
    own = "klientela_id,rec_id,first,mail,town\n" + f"{row['id']},7,Anna,a@x.de,Wien\n"
    Path("own.csv").write_text(own, "utf-8")
    assert document(run, "import", "own.csv", "--into", "crm")["changed"] == 1
    assert document(run, "customers")["rows"][0]["city"] == "Wien"
