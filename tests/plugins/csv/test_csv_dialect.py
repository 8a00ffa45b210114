"""How a file is written is told from its bytes."""

from __future__ import annotations

import codecs
import csv
import io
import tempfile
from pathlib import Path

import pytest
from csv_helpers import Reader
from hypothesis import given, settings
from hypothesis import strategies as st

from klientela.kit import Person, Rejected
from klientela_csv.dialect import Dialect, decimal_comma, detect
from klientela_csv.files import look
from klientela_csv.rows import Rows
from klientela_csv.settings import CsvSettings


def told(path: Path, content: bytes, **settings: str) -> Dialect:
    path.write_bytes(content)
    return detect(look(path), CsvSettings(type="csv", path="x.csv", **settings))


GERMAN = "Vorname;Nachname;Ort\r\nJörg;Weiß;Köln\r\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (codecs.BOM_UTF8 + GERMAN.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "utf-16-be"),
        (GERMAN.encode("utf-16-le"), "utf-16-le"),
        (GERMAN.encode("utf-16-be"), "utf-16-be"),
        (GERMAN.encode(), "utf-8"),
        (GERMAN.encode("cp1252"), "cp1252"),
        (b"Vorname;Nachname\r\nJan;Berg\r\n", "utf-8"),
        (codecs.BOM_UTF8 + GERMAN.encode("cp1252"), "cp1252"),  # a mark that lies
    ],
)
def test_encoding(reader: Reader, content: bytes, encoding: str) -> None:
    path = reader.folder / "x.csv"
    dialect = told(path, content)
    assert (dialect.encoding, dialect.delimiter) == (encoding, ";")
    with dialect.open(path) as text:
        assert (Rows(text, dialect).header() or [""])[0] == "Vorname"


CENTRAL = [
    "Paweł Dąbrowski, Łódź",
    "Małgorzata Wójcik",
    "Łukasz Żak",
    "Jakub Wiśniewski, Poznań",
    "Michał",
    "Stanisław Więcek",
    "Katarzyna Świątek",
    "Jiří Dvořák",
    "Petr Černý",
    "Jana Kučerová",
    "Pavel Němec",
    "Marie Růžičková",
    "Řezník, Ostrava",
    "Goran Jovanović",
    "Kraków, ul. Gdańska",
    "Šťastný",
]
WESTERN = [
    "Jörg Müller-Lüdenscheidt, Weißenfels",
    "Hélène Lefèvre",
    "José Muñoz, La Coruña",
    "Søren Kærgaard, Malmö",
    "François Forêt",
    "Björn Åkesson, Århus",
    "João Guimarães",
    "Forlì",
    "Raumhöhe 3 m, 40 m³, 5 £",
    "Cœur de Lion",
    "Straße 5 ½",
    "Loïc",
]


@pytest.mark.parametrize("text", CENTRAL)
def test_central_european_letters_decide(reader: Reader, text: str) -> None:
    assert told(reader.folder / "x.csv", f"Name;Ort\r\n{text};x\r\n".encode("cp1250")).encoding == "cp1250"


@pytest.mark.parametrize("text", WESTERN)
def test_western_letters_decide(reader: Reader, text: str) -> None:
    assert told(reader.folder / "x.csv", f"Name;Ort\r\n{text};x\r\n".encode("cp1252")).encoding == "cp1252"


def test_the_majority_of_a_file_decides_wherever_it_stands(reader: Reader) -> None:
    rows = [*WESTERN[:1], *CENTRAL]
    for order in (rows, rows[::-1]):
        content = ("Name\r\n" + "\r\n".join(order)).encode("cp1250", "replace")
        assert told(reader.folder / "x.csv", content).encoding == "cp1250"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_by_the_header(reader: Reader, delimiter: str) -> None:
    content = delimiter.join(["Vorname", "Nachname", "E-Mail"]) + "\r\n" + "a,b;c\td|e" * 3
    assert told(reader.folder / "x.csv", content.encode()).delimiter == delimiter


def test_delimiter_in_a_header_cell_does_not_mislead(reader: Reader) -> None:
    content = b'"Name, Vorname, Titel, Zusatz";E-Mail;PLZ\n'
    assert told(reader.folder / "x.csv", content).delimiter == ";"


def test_names_we_know_count_more_than_many_names(reader: Reader) -> None:
    assert told(reader.folder / "x.csv", b"Id;Groups (a, b, c, d, e);E-Mail;PLZ\n").delimiter == ";"


def test_no_other_delimiter_is_ever_guessed(reader: Reader) -> None:
    assert told(reader.folder / "x.csv", b"email:name:city\n").delimiter == ","


def test_excels_line_about_the_delimiter(reader: Reader) -> None:
    (person,) = reader.read("sep=;\r\nE-Mail;Ort\r\na@x.de;Ulm, Donau\r\n")
    assert (person.email, person.addresses[0].city) == ("a@x.de", "Ulm, Donau")


def test_settings_win(reader: Reader) -> None:
    path = reader.folder / "x.csv"
    dialect = told(path, "Name;Ort\r\nPaweł;Łódź\r\n".encode("cp1250"), encoding="cp1252", delimiter="|")
    assert (dialect.encoding, dialect.delimiter) == ("cp1252", "|")
    assert told(path, GERMAN.encode("utf-16-le"), encoding="utf-16").encoding == "utf-16-le"


def test_a_byte_order_mark_leaves_nothing_to_decide(reader: Reader) -> None:
    path = reader.folder / "x.csv"
    assert told(path, codecs.BOM_UTF8 + GERMAN.encode(), encoding="cp1252").encoding == "utf-8"
    assert told(path, codecs.BOM_UTF16_LE + GERMAN.encode("utf-16-le"), encoding="cp1252").encoding == "utf-16-le"


def test_a_broken_letter_in_utf8_costs_its_row_only(reader: Reader) -> None:
    good = "".join(f"{n};Jörg Weißmüller\r\n" for n in range(100))
    content = b"Id;Nachname\r\n" + good.encode() + b"100;J\xf6rg\r\n" + "101;Łukasz\r\n".encode()
    records = reader.read(content)
    bad = records[100]
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.key, bad.reason) == (102, "100", "the row holds bytes that are no letters in utf-8")
    assert bad.payload == "100;J\ufffdrg"
    assert records[101].last_name == "Łukasz"
    assert all(isinstance(one, Person) for one in records[:100])


def glued(*rows: tuple[str, str], head: str = "Id;Vorname;Nachname;Straße", how: str = "utf-8") -> bytes:
    """Rows that are each written in an encoding of their own, under a header in `how`."""
    lines = [(head, how), *((f"{n};{text}", encoding) for n, (text, encoding) in enumerate(rows))]
    return b"".join(f"{line}\r\n".encode(encoding) for line, encoding in lines)


@pytest.mark.parametrize("how", ["utf-8", "cp1252"])
@pytest.mark.parametrize("turned", [False, True])
def test_rows_of_two_encodings_are_each_read_as_what_they_are(reader: Reader, how: str, turned: bool) -> None:
    rows = [
        ("Jürgen;Groß;Grünweg 5", "utf-8"),
        ("Jörg;Weiß;Am Bächle 3", "cp1252"),
        ("Zoë;Müller-Lüdenscheidt;„Hof“ 5 – Süd", "utf-8"),
        ("Anna;Berg;Weg 1", "ascii"),
        ("Søren;Kærgaard;Malmö", "cp1252"),
        ("À;Álvarez;Öde", "utf-8"),
    ]
    rows = rows[::-1] if turned else rows
    source = reader.source()
    records = reader.read(glued(*rows, how=how))
    assert [f"{one.first_name};{one.last_name};{one.addresses[0].street}" for one in records] == [r[0] for r in rows]
    assert reader.records(source) == records
    assert source.remarks == [
        "customers.csv: 3 rows are UTF-8, the others cp1252; each was read as what it is",
    ]


def test_polish_and_german_rows_of_three_encodings(reader: Reader) -> None:
    rows = [
        ("Paweł;Dąbrowski;Łąkowa 5", "cp1250"),
        ("RÓŻA;RÓŻYCKI;ul. Różana 1", "cp1250"),  # D3 AF would be a letter of UTF-8, of another script
        ("Paweł;Żółć;Łąkowa 5", "utf-8"),
    ]
    records = reader.read(glued(*rows))
    assert [f"{one.first_name};{one.last_name};{one.addresses[0].street}" for one in records] == [r[0] for r in rows]


def test_a_row_of_both_encodings_is_rejected(reader: Reader) -> None:
    content = glued(("Jörg;Weiß;Weg 1", "cp1252")) + b"7;J\xfcrgen;M\xc3\xbcller;Weg 2\r\n"
    (person, bad) = reader.read(content)
    assert person.last_name == "Weiß"
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.key, bad.reason) == (3, "7", "the row holds letters of UTF-8 and of cp1252")


def test_a_letter_of_utf8_that_the_other_encoding_lacks(reader: Reader) -> None:
    # Ý is C3 9D, and 9D is no letter of cp1252
    records = reader.read(glued(("Jörg;Weiß;Weg 1", "cp1252"), ("Ýrr;Weiß;Weg 1", "utf-8")))
    assert [one.first_name for one in records] == ["Jörg", "Ýrr"]


def test_letters_that_were_encoded_twice_are_told(reader: Reader) -> None:
    twice = "Jürgen;Groß;Weg 1".encode().decode("cp1252")
    source = reader.source()
    (first, second) = reader.read(glued(("Jörg;Weiß;Weg 1", "utf-8"), (twice, "utf-8")))
    assert (first.first_name, second.first_name) == ("Jörg", "JÃ¼rgen")
    reader.records(source)
    assert source.remarks == [
        "customers.csv: 1 row looks as if its letters had been encoded twice; look at how it was made"
    ]
    told_wrong = reader.source(encoding="cp1252")
    reader.read(glued(("Jörg;Weiß;Weg 1", "utf-8")))
    reader.records(told_wrong)
    assert "encoded twice" in told_wrong.remarks[-1]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.text("äöüßÄÖÜéçab -", min_size=1, max_size=8), st.sampled_from(["utf-8", "cp1252"])),
        min_size=1,
        max_size=6,
    )
)
def test_no_western_name_is_garbled_wherever_it_stands(names: list[tuple[str, str]]) -> None:
    content = glued(*((f"x{text};Berg;Weg 1", encoding) for text, encoding in names))
    with tempfile.TemporaryDirectory() as folder:
        found = Reader(Path(folder)).read(content)
    assert [one.first_name if isinstance(one, Person) else None for one in found] == [f"x{text}" for text, _ in names]


def test_bytes_that_the_said_encoding_lacks_cost_their_row_only(reader: Reader) -> None:
    records = reader.read(b"Id;Nachname\r\n1;Wei\xdf\r\n2;a\x81b\r\n3;Berg\r\n", encoding="cp1252")
    assert [type(one).__name__ for one in records] == ["Person", "Rejected", "Person"]


def test_half_a_letter_at_the_end_of_utf16(reader: Reader) -> None:
    content = codecs.BOM_UTF16_LE + "Id;Nachname\r\n1;Weiß\r\n2;Berg".encode("utf-16-le") + b"\x41"
    records = reader.read(content)
    assert [type(one).__name__ for one in records] == ["Person", "Rejected"]


@pytest.mark.parametrize(
    ("amounts", "delimiter", "comma"),
    [
        (["1.187", "49,90"], ",", True),
        (["1.187", "49.90"], ";", False),
        (["1.187"], ";", True),
        (["1.187"], ",", None),
        (["49,90", "49.90", "1.187"], ";", None),
        (["49,90", "48,90", "49.90"], ",", True),
    ],
)
def test_decimal_comma(amounts: list[str], delimiter: str, comma: bool | None) -> None:
    assert decimal_comma(amounts, delimiter) is comma


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=12) | st.sampled_from(
    ["01067", "007", '"', '""', "a\nb", "a\r\nb", "a\rb", ";,|\t", "'=1+1", " x ", "=1", "1.187,40"]
)


@settings(max_examples=150, deadline=None)
@given(
    table=st.lists(st.tuples(CELL, CELL, CELL), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_table_is_read_back_identically(
    table: list[tuple[str, str, str]], delimiter: str, encoding: str, end: str, quoting: int
) -> None:
    """Cells, leading zeros, quotes and line ends in them; what the encoding cannot say is left out beforehand."""
    narrow = encoding.startswith("cp")
    if narrow:
        table = [tuple(cell.encode(encoding, "ignore").decode(encoding) for cell in row) for row in table]  # type: ignore[misc]
    # a row of blanks is no row, and the first cell keeps the others from being one
    table = [(f"{n}", b, c) for n, (_, b, c) in enumerate(table)] + [("end", a, a) for a, _, _ in table]
    if any("\r" in cell for row in table for cell in row):
        quoting = csv.QUOTE_ALL  # Python's writer forgets to quote a lone CR where lines end with LF
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["Id", "Nachname", "Ort"])
    writer.writerows(table)
    said = CsvSettings(type="csv", path="x.csv", encoding=encoding if narrow or encoding[-2] in "lb" else None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.csv")
        path.write_bytes(text.getvalue().encode(encoding))
        dialect = detect(look(path), said)
        with dialect.open(path) as opened:
            rows = Rows(opened, dialect)
            assert rows.header() == ["Id", "Nachname", "Ort"]
            found = list(rows.rows(3))
    assert [row.trouble for row in found] == [None] * len(table)
    assert [tuple(row.cells) for row in found] == table
    assert "".join(row.text for row in found) == text.getvalue().split(end, 1)[1]
