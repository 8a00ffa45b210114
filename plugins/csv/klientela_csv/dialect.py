"""How a file is written: its encoding, its delimiter, its decimal separator.

Told from all its bytes, never from the first rows alone: the order of the rows must not decide. The order of proof is
byte order mark, strict UTF-8, then Central European (cp1250) or Western (cp1252) by their letters; settings win,
except over a byte order mark, which leaves nothing to decide. Where such a file holds rows of UTF-8 as well, each row
is read as what it is (mixed.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from klientela.kit import SourceBroken
from klientela_csv.cells import decimal_evidence
from klientela_csv.files import Look, Survey, unreadable
from klientela_csv.layouts import familiar
from klientela_csv.mixed import script
from klientela_csv.settings import CsvSettings

DELIMITERS = ",;\t|"
_SKIP = {"utf-8": 3, "utf-16-le": 2, "utf-16-be": 2}
_SEP = re.compile(r'"?sep=([,;\t|])"?\s*$', re.IGNORECASE)  # Excel's own line about the delimiter


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read one file, and how to write another like it.

    encoding   a Python codec, without byte order mark
    bom        how many bytes of mark the file begins with
    delimiter  one of , ; tab |
    clean      whether every byte is known to be a letter; otherwise each row is looked at
    nul        whether rows may hold zero characters
    mixed      whether some rows may be UTF-8 all the same
    """

    encoding: str = "utf-8"
    bom: int = 0
    delimiter: str = ","
    clean: bool = True
    nul: bool = False
    mixed: bool = False

    @property
    def errors(self) -> str:
        """What becomes of bytes that are no letters: a trace in the text, so that only their row is rejected."""
        return "replace" if self.encoding.startswith("utf-16") else "surrogateescape"

    def open(self, path: Path) -> TextIO:
        """The text after the byte order mark, its line ends untouched."""
        try:
            file = path.open("rb")
            file.seek(self.bom)
        except OSError as error:
            raise unreadable(path, error) from error
        return io.TextIOWrapper(file, encoding=self.encoding, errors=self.errors, newline="")

    def unreadable(self, text: str) -> bool:
        """Whether the text holds what was no letter in this encoding, or a zero."""
        return _TRACE.search(text) is not None or (self.errors == "replace" and "\ufffd" in text)

    def __str__(self) -> str:
        return f"{_DELIMITER_NAMES.get(self.delimiter, self.delimiter)} and {self.encoding}"


def storable(text: str) -> str:
    """The text as every database can store it: traces of bytes that were no letters, and zeros, become \ufffd."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "\ufffd")


_TRACE = re.compile("[\0\udc80-\udcff]")
_DELIMITER_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}


def detect(look: Look, settings: CsvSettings) -> Dialect:
    """The dialect of a file, by its bytes and the operator's overrides. SourceBroken for a file that is no text."""
    _refuse_others(look.path)
    encoding, bom, clean = _encoding(look, settings.encoding)
    probe = Dialect(encoding, bom, settings.delimiter or ",")
    with probe.open(look.path) as text:
        delimiter = settings.delimiter or _delimiter(text)
    mixed = not settings.encoding and encoding in _WINDOWS and look.survey.good > 0
    return Dialect(encoding, bom, delimiter, clean, look.survey.nul, mixed)


_OTHERS = (
    (b"PK\x03\x04", "an Excel workbook (or another zip archive)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
)
"""How files begin that people take for CSV."""


def _refuse_others(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise unreadable(path, error) from error
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for sign, what in _OTHERS:
        if start.startswith(sign.lower()):
            raise SourceBroken(f"{path.name} is {what}, not a CSV file", hint="Export it as CSV, best in UTF-8.")


def _encoding(look: Look, said: str | None) -> tuple[str, int, bool]:
    """(encoding, length of the mark, whether all bytes are known to be letters)."""
    seen = look.survey
    bom = _SKIP.get(seen.bom, 0)
    if seen.bom.startswith("utf-16") or (seen.bom and _is_utf8(seen)):
        return seen.bom, bom, seen.bad == 0
    if said is not None:
        # "utf-16" without a mark: Windows writes the little end first
        name = "utf-16-le" if said == "utf-16" else said
        return name, bom, name == "utf-8" and seen.bad == 0 and not seen.wide
    if seen.wide:
        return seen.wide, 0, seen.bad == 0
    if _is_utf8(seen):
        return "utf-8", bom, seen.bad == 0
    return _windows(look.path, bom), bom, False


def _is_utf8(seen: Survey) -> bool:
    """UTF-8, be it with a broken letter here and there: those rows are rejected, the others are not garbled."""
    return seen.bad == 0 or seen.good > 50 * seen.bad


def _delimiter(text: TextIO) -> str:
    """The delimiter that cuts the header into the most names we know, then into the most names at all."""
    lines = first_lines(text)
    head = next(lines, "")
    said = _SEP.match(head)
    if said:
        return said[1]
    cuts = {delimiter: next(csv.reader([head], delimiter=delimiter), []) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: (familiar(cuts[delimiter]), len(cuts[delimiter])))


def first_lines(text: TextIO) -> Iterator[str]:
    """The lines from the first that is not blank; 64 KB at most each, a header is shorter."""
    while line := text.readline(65536):
        if line.strip():
            yield line
            break
    while line := text.readline(65536):
        yield line


def sep_line(line: str) -> bool:
    """Whether this is Excel's own line about the delimiter, not the header."""
    return _SEP.match(line) is not None


def decimal_comma(amounts: Iterable[str], delimiter: str) -> bool | None:
    """Whether amounts that leave it open (1.187) have a decimal comma, by the majority of those that do not.

    Without any: yes for a file cut at semicolons (it needs the comma for something else), else None, unknown.
    """
    votes = {",": 0, ".": 0}
    for cell in amounts:
        sign = decimal_evidence(cell)
        if sign is not None:
            votes[sign] += 1
    if votes[","] == votes["."]:
        return True if delimiter == ";" and not votes[","] else None
    return votes[","] > votes["."]


# --- cp1250 or cp1252 --------------------------------------------------------------------------------------------
# The two share ä ö ü ß é á í ó ú ý š ž and differ in the bytes below. Each pattern is a place in a word where one of
# the two makes no sense; it is written in cp1250 and read as cp1252 by somebody who knows neither:
# "Pawe³" has a cube in it, "Dvoøák" an ø beside an á, "Mu\u0144oz" an ń before a vowel.

_L = rb"A-Za-z\x8a\x8c-\x8f\x9a\x9c-\x9f\xa3\xa5\xaa\xaf\xb3\xb9\xbf-\xff"  # letters of cp1250
_V = rb"aeiouyAEIOUY\xe1\xe9\xed\xf3\xfa\xfd\xe4\xf6\xfc"
_CENTRAL_1250: tuple[tuple[bytes, int], ...] = (
    (rb"[" + _L + rb"][\xb3\xb9\xbf\xa3\xa5\xaf\x9f\x8f\x9d\x8d](?=[" + _L + rb"])", 3),  # ł ą ż Ł Ą Ż ź Ź ť Ť
    (rb"[\xa3\xaf\x8f\x8d](?=[a-z])", 3),  # Łukasz, Żaneta
    (rb"[a-z][\xb3\xb9\xbf\x9f](?![" + _L + rb"])", 1),  # Paweł, są; but also m³
    (rb"[\x9c\x8c](?=[a-tv-zA-Z])", 2),  # ś before anything but u: œuvre, cœur
    (rb"[\xf1\xd1](?![" + _V + rb"])", 2),  # ń ends a syllable: Gdańsk, Poznań
    (rb"\xe6(?![" + _L + rb"])", 2),  # Jovanović
    (rb"[" + _V + rb"][\xf8]|[\xf8\xd8](?=[" + _V + rb"])", 2),  # Dvořák, Jiří, Řezník
    (rb"\xe8(?=[" + _V + rb"])|\xc8(?=[a-z])", 2),  # Kučera, Černý
    (rb"[\xec\xf9](?=[a-z])", 2),  # Němec, Růžička: inside a word
    (rb"i\xea|\xea(?=[ck])", 1),  # Więcek
    (rb"[\x9a\x9e\x8a\x8e]", 1),  # š and ž exist in both, hardly in the West
)
_WESTERN_1252: tuple[tuple[bytes, int], ...] = (
    (rb"[\xf1\xd1](?=[" + _V + rb"])", 2),  # Muñoz, Peña
    (rb"\xe6(?=[" + _L + rb"])", 1),  # Kærgaard
    (rb"[bcdfghjklmnprstvw][\xf8](?=[bcdfghjklmnprstvw])", 1),  # Sørensen
    (rb"\xe8(?=[bcdfgjlmnprstv])", 1),  # Hélène
    (rb"[\xe0\xe3\xe5\xf5\xef\xf2\xfb\xf0\xc0\xc3\xc5]", 1),  # à ã å õ ï ò û ð
    (rb"\xea(?=[tmv])", 1),  # Forêt
    (rb"[\xec\xf9](?![" + _L + rb"])", 1),  # Forlì
    (rb"[\x9c\x8c](?=u)", 2),  # Cœur
    (rb"[0-9]\xb3|[0-9 ][\xa3\xa5]|[\xa3\xa5] ?[0-9]", 1),  # ³ £ ¥ beside digits
)
_WINDOWS = ("cp1250", "cp1252")
_WEIGHED = [(re.compile(p), w) for p, w in _CENTRAL_1250] + [(re.compile(p), -w) for p, w in _WESTERN_1252]


def _windows(path: Path, bom: int) -> str:
    """cp1250 or cp1252, by every word with a letter beyond ASCII; cp1252 when nothing tells."""
    score = 0
    with path.open("rb") as file:
        file.seek(bom)
        while lines := file.readlines(1 << 20):
            for line in lines:
                if not line.isascii() and script(line) != "utf-8":
                    score += sum(weight * len(pattern.findall(line)) for pattern, weight in _WEIGHED)
    return "cp1250" if score > 0 else "cp1252"


def empty(path: Path) -> SourceBroken:
    """The sentence for a file without a single line."""
    return SourceBroken(f"{path.name} is empty", hint="It should begin with the names of its columns.")
