"""An Excel workbook as a table of text that sources of files can read. It is opened in a process of its own with little
memory and time, for a few kilobytes can unpack to anything."""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from klientela.errors import Misconfigured
from klientela.model.cells import safe

LARGEST = 400 * 2**20
"""Bytes that a workbook may say it unpacks to."""
_MEMORY = 1536 * 2**20
_SECONDS = 60
_SIGN = b"PK\x03\x04"


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook (or another archive of its kind), by its first bytes and never by its name."""
    with path.open("rb") as file:
        return file.read(len(_SIGN)) == _SIGN


def as_csv(path: Path, out: Path, *, name: str, most: int) -> int:
    """Write the first sheet of a workbook that holds anything to `out`, as CSV in UTF-8; how many rows it has, at most
    `most`. A row keeps its number: it is the line of the CSV. Misconfigured, and nothing is left, where that cannot be.

    `name` is what its owner calls it.
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
            [sys.executable, "-P", "-m", "klientela.flow.sheets", str(path), str(out), str(most)],
            capture_output=True,
            timeout=4 * _SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        out.unlink(missing_ok=True)
        raise _too_large(name) from error
    try:
        answer: dict[str, int] = json.loads(told.stdout) if told.returncode == 0 else {}
    except ValueError:
        answer = {}
    if "rows" not in answer:
        out.unlink(missing_ok=True)
        raise _unreadable(name) if told.returncode in (0, 1) else _too_large(name)
    if answer["rows"] > most:
        out.unlink(missing_ok=True)
        raise Misconfigured(f"{name} has {answer['rows']} rows; at most {most} can be taken at once", hint="Part it.")
    return answer["rows"]


def _unreadable(name: str) -> Misconfigured:
    return Misconfigured(f"{name} is no Excel workbook that can be read", hint="Save it as .xlsx or as CSV once more.")


def _too_large(name: str) -> Misconfigured:
    return Misconfigured(f"{name} unpacks to more than can be read at once", hint="Save its rows as CSV, or part it.")


# -- in the process of its own ---------------------------------------------------------------------------------------


def _read(path: str, out: str, most: int) -> int:
    from python_calamine import CalamineWorkbook

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    book = CalamineWorkbook.from_path(path)
    for sheet in map(book.get_sheet_by_index, range(len(book.sheet_names))):
        if sheet.start is None:
            continue
        rows: int = sheet.start[0] + sheet.height
        if rows <= most:
            with Path(out).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                for row in sheet.iter_rows():  # also the empty ones above the first
                    cells = [safe(_text(cell)) for cell in row]
                    writer.writerow(cells if any(cells) else [])
        return rows
    Path(out).write_bytes(b"")
    return 0


def _text(cell: Any) -> str:
    """What a cell shows, as files say it: whole numbers without a point, days and moments by ISO 8601, in one line."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return (cell.date() if cell.time() == time() else cell).isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return " ".join(str(cell).splitlines()) if cell is not None else ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"rows": _read(sys.argv[1], sys.argv[2], int(sys.argv[3]))}))

__all__ = ["LARGEST", "as_csv", "is_workbook"]
