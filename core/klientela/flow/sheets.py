"""An Excel workbook as a table of text that sources of files can read. It is opened in a process of its own with little
memory and time, for a few kilobytes can unpack to anything."""

from __future__ import annotations

import csv
import json
import re
import resource
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from klientela.errors import Misconfigured
from klientela.model.cells import safe
from klientela.model.words import agree

LARGEST = 400 * 2**20
"""Bytes that a workbook may say it unpacks to."""
_MEMORY = 1536 * 2**20
_SECONDS = 60
_SIGN = b"PK\x03\x04"
_LIKE_THOUSANDS = re.compile(r"-?\d+\.\d{3}")
"""1.187 could be read as 1187 in a file of decimal commas; 1.1870 cannot."""


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook (or another archive of its kind), by its first bytes and never by its name."""
    with path.open("rb") as file:
        return file.read(len(_SIGN)) == _SIGN


DIALECT: Mapping[str, str] = MappingProxyType({"delimiter": ",", "encoding": "utf-8"})
"""How the CSV is written: settings of a source that say otherwise are about its own files."""


class Table(NamedTuple):
    """The sheet that was read: how many rows it has, its name, and the names of the others that hold anything."""

    rows: int
    sheet: str | None
    others: list[str]

    def remark(self, name: str) -> str | None:
        """What an operator should know who named no sheet; None where there was no choice."""
        if not self.others:
            return None
        return f"{name}: the sheet {self.sheet} was read; {', '.join(self.others)} {agree(len(self.others), '[was|were]')} not"


def as_csv(path: Path, out: Path, *, name: str, most: int, sheet: str | None = None) -> Table:
    """Write a sheet of a workbook, else the first one that holds anything, to `out`, as CSV in UTF-8; it may have `most`
    rows. A row keeps its number: it is the line of the CSV. Misconfigured, and nothing is left, where that cannot be.

    `name` is what its owner calls it, `sheet` the name of a sheet, or its number from 1 on.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise _unreadable(name) from error
    if unpacked > LARGEST:
        raise _too_large(name)
    try:
        told = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", "klientela.flow.sheets", str(path), str(out), str(most), sheet or ""],
            capture_output=True,
            timeout=4 * _SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        out.unlink(missing_ok=True)
        raise _too_large(name) from error
    try:
        answer: dict[str, Any] = json.loads(told.stdout) if told.returncode == 0 else {}
    except ValueError:
        answer = {}
    if "rows" not in answer:
        out.unlink(missing_ok=True)
        if "sheets" in answer:
            raise _no_sheet(name, sheet or "", answer["sheets"])
        raise _unreadable(name) if told.returncode in (0, 1) else _too_large(name)
    if answer["rows"] > most:
        out.unlink(missing_ok=True)
        raise Misconfigured(f"{name} has {answer['rows']} rows; at most {most} can be taken at once", hint="Part it.")
    return Table(answer["rows"], answer["sheet"], [one for one in answer["sheets"] if one != answer["sheet"]])


def _no_sheet(name: str, sheet: str, sheets: list[str]) -> Misconfigured:
    known = f"It has {', '.join(sheets)}." if sheets else "None of its sheets holds anything."
    return Misconfigured(f"{name} has no sheet {sheet!r}", hint=known)


def _unreadable(name: str) -> Misconfigured:
    return Misconfigured(f"{name} is no Excel workbook that can be read", hint="Save it as .xlsx or as CSV once more.")


def _too_large(name: str) -> Misconfigured:
    return Misconfigured(f"{name} unpacks to more than can be read at once", hint="Save its rows as CSV, or part it.")


# -- in the process of its own ---------------------------------------------------------------------------------------


def _read(path: str, out: str, most: int, wanted: str) -> dict[str, Any]:
    from python_calamine import CalamineWorkbook

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    book = CalamineWorkbook.from_path(path)
    first: tuple[str, Any] | None = None
    filled: list[str] = []
    names = list(book.sheet_names)
    chosen = _chosen(names, wanted)
    for name in names:
        sheet = book.get_sheet_by_name(name)
        if sheet.start is None and name != chosen:
            continue
        filled.append(name)
        if name == chosen or (first is None and not wanted):
            first = (name, sheet)
    if wanted and first is None:
        return {"sheets": filled}
    Path(out).write_bytes(b"")
    if first is None or first[1].start is None:
        return {"rows": 0, "sheet": first[0] if first else None, "sheets": filled}
    name, sheet = first
    rows: int = sheet.start[0] + sheet.height
    if rows <= most:
        with Path(out).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for row in sheet.iter_rows():  # also the empty ones above the first
                cells = [safe(_text(cell)) for cell in row]
                writer.writerow(cells if any(cells) else [])
    return {"rows": rows, "sheet": name, "sheets": filled}


def _chosen(names: list[str], wanted: str) -> str | None:
    """The sheet that is meant: by its name, whatever its case, else by its number."""
    for name in names:
        if name == wanted:
            return name
    for name in names:
        if wanted and name.casefold() == wanted.strip().casefold():
            return name
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return names[int(wanted) - 1]
    return None


def _text(cell: Any) -> str:
    """What a cell shows, as files say it: whole numbers without a point, days and moments by ISO 8601, in one line."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        text = repr(cell)
        return f"{text}0" if _LIKE_THOUSANDS.fullmatch(text) else text
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell).isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return " ".join(str(cell).splitlines()) if cell is not None else ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_read(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))

__all__ = ["DIALECT", "LARGEST", "Table", "as_csv", "is_workbook"]
