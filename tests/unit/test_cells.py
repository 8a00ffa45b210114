"""Cells for spreadsheets: nothing becomes a formula, everything comes back; and workbooks are read as files say them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
import xlsxwriter

from klientela.errors import Misconfigured
from klientela.flow import sheets
from klientela.model.cells import safe
from klientela.store import workbook
from klientela_csv.cells import unquote


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-5", "@x", "\tx", "\rx", "'=1", "''-1", "'t Hart", "", "x=1", "'"])
def test_R51_a_safe_cell_is_no_formula_and_comes_back(text: str) -> None:
    assert not safe(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unquote(safe(text)) == text


def test_other_values_are_words() -> None:
    assert [safe(one) for one in (None, True, False, 7)] == ["", "true", "false", "7"]


def test_a_workbook_written_and_read_is_the_same_table(tmp_path: Path) -> None:
    rows = [["id", "text", "yes"], [1, "=cmd()", True], [2, "'=x", False], [3, None, None]]
    assert workbook.write(tmp_path / "a.xlsx", rows) == 3
    assert sheets.is_workbook(tmp_path / "a.xlsx")
    assert sheets.as_csv(tmp_path / "a.xlsx", tmp_path / "a.csv", name="a.xlsx", most=10) == (4, "Sheet1", [])
    assert (tmp_path / "a.csv").read_text("utf-8") == "id,text,yes\n1,'=cmd(),true\n2,''=x,false\n3,,\n"


def test_numbers_and_days_are_read_as_files_say_them(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
        book.add_worksheet()  # an empty one before
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [4915112345678, 1.5, datetime(2026, 1, 2), datetime(2026, 1, 2, 3, 4), "two\nlines"])  # noqa: DTZ001 - as it stands in a cell
    sheets.as_csv(tmp_path / "a.xlsx", tmp_path / "a.csv", name="a.xlsx", most=10)
    assert (tmp_path / "a.csv").read_text(
        "utf-8"
    ).strip() == "4915112345678,1.5,2026-01-02,2026-01-02T03:04:00,two lines"
    told = [sheets._text(one) for one in (date(2026, 1, 2), time(3, 4), timedelta(hours=30), True, None)]
    assert told == ["2026-01-02", "03:04:00", "1 day, 6:00:00", "true", ""]


def test_a_workbook_of_too_many_rows_leaves_nothing(tmp_path: Path) -> None:
    workbook.write(tmp_path / "a.xlsx", [["x"]] * 5)
    with pytest.raises(Misconfigured, match="5 rows"):
        sheets.as_csv(tmp_path / "a.xlsx", tmp_path / "a.csv", name="a.xlsx", most=4)
    assert not (tmp_path / "a.csv").exists()


def test_three_decimals_are_no_thousands() -> None:
    assert [sheets._text(one) for one in (1.187, -12.345, 1.5, 1187.0)] == ["1.1870", "-12.3450", "1.5", "1187"]


def test_a_sheet_is_found_by_its_name_or_number(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx")) as book:
        for name, text in (("Blank", ""), ("People", "one"), ("2", "two"), ("Rest", "three")):
            sheet = book.add_worksheet(name)
            if text:
                sheet.write_string(0, 0, text)

    def read(sheet: str | None) -> tuple[str | None, str]:
        table = sheets.as_csv(tmp_path / "a.xlsx", tmp_path / "a.csv", name="a.xlsx", most=10, sheet=sheet)
        return table.sheet, (tmp_path / "a.csv").read_text("utf-8").strip()

    assert read(None) == read("people") == ("People", "one")
    assert read("2") == ("2", "two"), "the name before the number"
    assert read("4") == read("Rest") == ("Rest", "three")
    assert read("1") == ("Blank", "")
    for wrong in ("nobody", "0", "5", "-1"):
        with pytest.raises(Misconfigured, match="has no sheet") as told:
            read(wrong)
        assert told.value.hint == "It has People, 2, Rest."
        assert not (tmp_path / "a.csv").exists()
