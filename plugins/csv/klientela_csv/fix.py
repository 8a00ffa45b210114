"""The file of just the bad rows: to be mended in a spreadsheet and imported again (R48, D29).

It has the header and the dialect of the file the rows came from and one more last column, `klientela_error`, with the
line, the column and the reason. That column is known and ignored when the file is read, so nobody has to remove it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from klientela.kit import Rejected
from klientela_csv.dialect import Dialect
from klientela_csv.fields import OUR_ERROR
from klientela_csv.layouts import fold


def write_fix_file(
    path: Path,
    header: Sequence[str],
    dialect: Dialect,
    rejected: Iterable[Rejected],
    say: Callable[[str], str] = str,
) -> int:
    """Write the rows that could not be taken to `path`; how many rejections it holds. `say` puts a sentence into the words
    of whoever mends it.

    It is UTF-8 with a byte order mark whatever the original was: a few rows may not tell their encoding again, the
    mark does, and spreadsheets know it.
    """
    old = next((i for i, column in enumerate(header) if fold(column) == fold(OUR_ERROR)), None)
    columns = [column for i, column in enumerate(header) if i != old]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dialect.delimiter)
    writer.writerow([*columns, OUR_ERROR])
    count = 0
    for one in rejected:
        count += 1
        for line in _mended(one, say(_told(one)), len(header), old, dialect.delimiter):
            text.write(line)
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    return count


def _told(one: Rejected) -> str:
    """Where it is and why, in one sentence."""
    if one.line and one.column:
        return f"line {one.line}, column {one.column}: {one.reason}"
    if one.line:
        return f"line {one.line}: {one.reason}"
    return f"column {one.column}: {one.reason}" if one.column else one.reason


def _mended(one: Rejected, reason: str, width: int, old: int | None, delimiter: str) -> Iterator[str]:
    """The lines of one rejection; only the first row of an order says why."""
    try:
        rows = list(csv.reader(io.StringIO(one.payload, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        # It cannot be cut into cells, so it stays as it is: with its quote mended the last column is the reason.
        yield one.payload.rstrip("\r\n") + delimiter + _row([reason], delimiter)
        return
    for cells in rows:
        if old is not None and len(cells) == width:
            del cells[old]
        yield _row([*cells, reason], delimiter)
        reason = ""


def _row(cells: Sequence[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue()
