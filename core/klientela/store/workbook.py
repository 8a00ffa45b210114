"""A table as an Excel workbook: row by row in constant memory, and no cell of it is ever a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

_LONGEST = 32_767
"""Characters that a cell of a workbook can hold."""


def write(path: Path, rows: Iterable[Sequence[Any]]) -> int:
    """Write rows to a workbook, the first of them as its header; how many came after that one.

    Texts stay texts whatever they begin with, whole numbers are numbers, yes and no are `true` and `false` as in a CSV.
    """
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        place = 0
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                if value is None or value == "":
                    continue
                if isinstance(value, int) and not isinstance(value, bool):
                    sheet.write_number(place, column, value)
                else:
                    text = str(value).lower() if isinstance(value, bool) else str(value)
                    sheet.write_string(place, column, text[:_LONGEST], bold if place == 0 else None)
    return place


__all__ = ["write"]
