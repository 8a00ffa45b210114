"""Cuts a text into rows, with the line each begins at; a row that cannot be cut comes with the reason.

A quote that is never closed swallows everything after it. Such a row is given up after its first line, and the lines
it swallowed are read again as rows of their own: one bad row costs one row.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, TextIO

from klientela.kit import RecordRejected
from klientela_csv.dialect import Dialect, sep_line
from klientela_csv.mixed import Script, healed, script, twice


class Row(NamedTuple):
    """One row of a file: the line it begins at (1 is the first line), its cells, its text as it stands there.

    `trouble` says why it cannot be taken; `cells` are then what could be cut, perhaps nothing.
    """

    line: int
    cells: list[str]
    text: str
    trouble: str | None


class Rows:
    """The rows of one open text: the header first, then the others.

    `utf8` counts the rows that were UTF-8 in a file of another encoding, `twice` those that look encoded twice.
    """

    def __init__(self, text: TextIO, dialect: Dialect) -> None:
        self._text = text
        self._dialect = dialect
        self.utf8 = 0
        self.twice = 0
        self._again: deque[str] = deque()  # lines to read once more
        self._held: list[str] = []  # the lines of the row at hand
        self._line = 1  # where the row at hand begins
        self._csv = self._reader()

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._dialect.delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        held, again = self._held, self._again
        while again:
            held.append(again.popleft())
            yield held[-1]
        for line in self._text:
            held.append(line)
            yield line

    def header(self) -> list[str] | None:
        """The cells of the first line that is not blank; None for a text without any. RecordRejected if uncuttable."""
        while True:
            try:
                cells = next(self._csv, None)
            except csv.Error as error:
                raise RecordRejected(_sentence(error), line=self._line) from error
            if cells is None:
                return None
            if self._dialect.mixed and self._script("".join(self._held)) == "utf-8":
                cells = healed(cells, self._dialect.encoding)
            blank = not any(cell.strip() for cell in cells)
            excel = sep_line("".join(self._held))
            self._done()
            if not blank and not excel:
                return cells

    def _done(self) -> None:
        self._line += len(self._held)
        self._held.clear()

    def rows(self, width: int) -> Iterator[Row]:
        """The rows after the header, of `width` cells each; blank ones are left out."""
        held = self._held
        watch = not self._dialect.clean or self._dialect.nul
        while True:
            try:
                for cells in self._csv:
                    if not any(cells) or (not cells[0].strip() and not "".join(cells).strip()):
                        self._done()
                        continue
                    text = held[0] if len(held) == 1 else "".join(held)
                    if len(cells) != width:
                        yield self._ragged(cells, text, width)
                        if not held:  # given up: a new reader begins with the lines to read again
                            break
                    elif watch and self._unreadable(text):
                        yield Row(self._line, cells, text, self._garbled())
                    elif text.isascii():
                        yield Row(self._line, cells, text, None)
                    else:
                        yield self._beyond_ascii(cells, text)
                    self._line += len(held)
                    held.clear()
                else:
                    return
            except csv.Error as error:
                yield Row(self._line, [], self._give_up(), _sentence(error))
            self._csv = self._reader()

    def _beyond_ascii(self, cells: list[str], text: str) -> Row:
        """A whole row with letters that encodings write differently."""
        encoding = self._dialect.encoding
        if self._dialect.mixed:
            written = self._script(text)
            if written == "both":
                return Row(self._line, cells, text, f"the row holds letters of UTF-8 and of {encoding}")
            if written == "utf-8":
                self.utf8 += 1
                cells, (text,) = healed(cells, encoding), healed([text], encoding)
        if twice(text):
            self.twice += 1
        return Row(self._line, cells, text, None)

    def _script(self, text: str) -> Script:
        return script(text.encode(self._dialect.encoding, "surrogateescape"))

    def _ragged(self, cells: list[str], text: str, width: int) -> Row:
        """A row of another width; swallowed lines are read again if one of them is a whole row."""
        few = "few" if len(cells) < width else "many"
        reason = f"the row has too {few} cells: {len(cells)} where the header has {width}"
        line = self._line
        if len(self._held) > 1 and self._holds_row(width):
            return Row(line, [], self._give_up(), "a quote is opened and never closed")
        return Row(line, cells, text, reason)

    def _holds_row(self, width: int) -> bool:
        try:
            return any(
                len(cells) == width
                for cells in csv.reader(self._held[1:], delimiter=self._dialect.delimiter, strict=True)
            )
        except csv.Error:
            return False

    def _give_up(self) -> str:
        """Let go of the row but for its first line; the others are to be read again."""
        first = self._held[0]
        self._again.extendleft(reversed(self._held[1:]))
        self._held.clear()
        self._line += 1
        return first

    def _unreadable(self, text: str) -> bool:
        if not self._dialect.unreadable(text):
            return False
        # half of a letter of UTF-8 may well be none of the other encoding
        return "\0" in text or not self._dialect.mixed or self._script(text) == "own"

    def _garbled(self) -> str:
        if self._dialect.nul and "\0" in "".join(self._held):
            return "the row holds a NUL byte, which is no character"
        return f"the row holds bytes that are no letters in {self._dialect.encoding}"


def _sentence(error: csv.Error) -> str:
    said = str(error)
    if "field larger" in said:
        return "a cell is longer than 131,072 characters; perhaps a quote is opened and never closed"
    if "unexpected end" in said:
        return "a quote is opened and never closed"
    if "expected after" in said:
        return "a quote stands in the middle of a cell; inside quotes it must be doubled"
    return "the row cannot be cut into cells"
