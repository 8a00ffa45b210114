"""A table as an Excel workbook: row by row in constant memory, and no cell of it is ever a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from klientela.errors import Misconfigured

LARGEST = 1_048_575
"""Rows that a sheet can hold below its header."""
_LONGEST = 32_767
"""Characters that a cell of a workbook can hold."""


def write(path: Path, rows: Iterable[Sequence[Any]], *, folder: Path | None = None) -> int:
    """Write rows to a workbook, the first of them as its header; how many came after that one. What it puts aside
    meanwhile lies in `folder`, else beside the file. Misconfigured for more than a sheet can hold.

    Texts stay texts whatever they begin with, whole numbers are numbers, yes and no are `true` and `false` as in a CSV.
    The same rows are the same bytes.
    """
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(folder or path.parent)}) as book:
        book.set_properties({"created": datetime(1980, 1, 1, tzinfo=UTC)})
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        place = 0
        for place, row in enumerate(rows):
            if place > LARGEST:
                raise Misconfigured(
                    f"an Excel sheet holds at most {LARGEST} customers, and these are more",
                    hint="Export them as csv, or fewer of them by a search or filter.",
                )
            for column, value in enumerate(row):
                if value is None or value == "":
                    continue
                if isinstance(value, int) and not isinstance(value, bool):
                    sheet.write_number(place, column, value)
                else:
                    text = str(value).lower() if isinstance(value, bool) else str(value)
                    sheet.write_string(place, column, text[:_LONGEST], bold if place == 0 else None)
    return place


__all__ = ["LARGEST", "write"]
