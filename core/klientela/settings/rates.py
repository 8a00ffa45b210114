"""Reads the rate file (`[rates] file`): the layout of the European Central Bank's eurofxref.csv and its history (R34).

A header `Date, USD, JPY, …` and rows of what one euro was; blanks and a comma at the end of lines come with it. Of
several rows the newest counts, as of its own date, whatever the order. A currency that is empty or N/A has no rate.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

from klientela.errors import Misconfigured
from klientela.rules.rates import BASE, Rates

_HINT = "It wants the European Central Bank's eurofxref.csv, or its history eurofxref-hist.csv, unpacked."
_LARGEST = 32 * 2**20  # bytes; the whole history since 1999 has two million
_CODE = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WRITTEN = re.compile(r"([0-9]{1,2}) ([A-Za-z]{3,9}) ([0-9]{4})")  # 20 November 2026, as the daily file has it
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NONE = ("", "N/A")

Row = tuple[int, list[str]]


class RateFile:
    """A rate file. It may be replaced at any time, by a download once a day for example."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: tuple[tuple[int, int], Rates] | None = None

    def read(self) -> Rates:
        """The newest rates it holds, read again when it changed. Misconfigured with a sentence when it is wrong."""
        try:
            found = self.path.stat()
            mark = (found.st_mtime_ns, found.st_size)
            if self._held is not None and self._held[0] == mark:
                return self._held[1]
            if found.st_size > _LARGEST:
                raise self._wrong("it is too large for one")
            text = self.path.read_text("utf-8-sig")
        except OSError as error:
            raise self._wrong((error.strerror or "it cannot be read").lower()) from error
        except UnicodeDecodeError as error:
            raise self._wrong("it is no text") from error
        made = self._of(text)
        self._held = (mark, made)
        return made

    @property
    def last(self) -> Rates | None:
        """What it held when it was last read well."""
        return self._held[1] if self._held is not None else None

    def _of(self, text: str) -> Rates:
        try:
            rows = list(_rows(text))
        except csv.Error as error:
            raise self._wrong("it is no CSV") from error
        if not rows:
            raise self._wrong("it is empty")
        codes = self._header(rows[0][1])
        dated = [(self._date(*row), row) for row in rows[1:]]
        if not dated:
            raise self._wrong("it has no row of rates")
        newest = max(day for day, _ in dated)
        (line, cells), *more = [row for day, row in dated if day == newest]
        if more:
            raise self._wrong(f"lines {line} and {more[0][0]} are both of {newest.isoformat()}")
        return Rates(newest.isoformat(), self._rates_of(line, codes, cells))

    def _header(self, cells: list[str]) -> list[str]:
        if cells[0].lower() != "date" or len(cells) < 2:
            raise self._wrong("its first line is no header `Date, USD, JPY, …`")
        for code in cells[1:]:
            if not _CODE.fullmatch(code):
                raise self._wrong(f"its header names {code[:20]!r}, which is no currency")
        if len(set(cells)) != len(cells):
            raise self._wrong("its header names a currency twice")
        return cells[1:]

    def _date(self, line: int, cells: list[str]) -> date:
        found = _day(cells[0])
        if found is None:
            raise self._wrong(f"line {line} begins with no date")
        return found

    def _rates_of(self, line: int, codes: list[str], cells: list[str]) -> dict[str, Decimal]:
        if len(cells) - 1 > len(codes):
            raise self._wrong(f"line {line} has more rates than the header has currencies")
        made = {}
        for code, cell in zip(codes, cells[1:], strict=False):
            if cell in _NONE:
                continue
            if not _RATE.fullmatch(cell) or not Decimal(cell):
                raise self._wrong(f"line {line} has no rate for {code} that is a number above zero")
            made[code] = Decimal(cell)
        if made.pop(BASE, Decimal(1)) != 1:
            raise self._wrong(f"line {line} tells no rates for one {BASE}")
        if not made:
            raise self._wrong(f"line {line}, the newest, has no rates")
        return made

    def _wrong(self, why: str) -> Misconfigured:
        return Misconfigured(f"the rate file {self.path} cannot be used: {why}", hint=_HINT)


def _rows(text: str) -> Iterator[Row]:
    """The lines that hold anything, with their numbers; what is empty at their ends left out."""
    reader = csv.reader(StringIO(text, newline=""))
    for cells in reader:
        made = [cell.strip() for cell in cells]
        while made and not made[-1]:
            made.pop()
        if made:
            yield reader.line_num, made


def _day(text: str) -> date | None:
    """2026-11-20, or 20 November 2026."""
    written = _WRITTEN.fullmatch(text)
    try:
        if written is None:
            return date.fromisoformat(text) if _ISO.fullmatch(text) else None
        return date(int(written[3]), _MONTHS.index(written[2][:3].lower()) + 1, int(written[1]))
    except ValueError:
        return None


__all__ = ["RateFile"]
