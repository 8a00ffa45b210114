"""Rows are cut one by one; a bad one costs itself only."""

from __future__ import annotations

import pytest
from csv_helpers import Reader

from klientela.kit import Person, Rejected

HEAD = "Id,LastName,Note\r\n"


def outcome(records: list[Person | Rejected]) -> list[str]:
    """`1` for a person of that id, `line 3: reason` for a rejected row."""
    return [f"line {one.line}: {one.reason}" if isinstance(one, Rejected) else one.external_id for one in records]


def test_line_ends_in_cells_and_the_lines_after_them(reader: Reader) -> None:
    records = reader.read(HEAD + '1,"a\r\nb","c\n\nd"\r\n\r\n2,x\r\n3,y,z\r\n')
    assert (records[0].last_name, records[0].note) == ("a\r\nb", "c\n\nd")
    assert outcome(records) == ["1", "line 7: the row has too few cells: 2 where the header has 3", "3"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end(reader: Reader, end: str) -> None:
    records = reader.read(end.join(["Id,LastName", "1,a", "2", "3,c"]))
    assert outcome(records) == ["1", "line 3: the row has too few cells: 1 where the header has 2", "3"]


def test_ragged_rows_keep_their_id_and_their_text(reader: Reader) -> None:
    records = reader.read(HEAD + "1,a\r\n2,b,c,d\r\n3,e,f\r\n")
    assert outcome(records) == [
        "line 2: the row has too few cells: 2 where the header has 3",
        "line 3: the row has too many cells: 4 where the header has 3",
        "3",
    ]
    assert [(one.key, one.payload) for one in records[:2]] == [("1", "1,a"), ("2", "2,b,c,d")]


def test_blank_rows_are_none(reader: Reader) -> None:
    assert outcome(reader.read(HEAD + "\r\n,,\r\n , ,\r\n1,a,b\r\n,,,,,,\r\n\r\n")) == ["1"]


def test_a_nul_byte_costs_its_row(reader: Reader) -> None:
    records = reader.read(HEAD + "1,a,b\r\n2,c\0,d\r\n3,e,f\r\n")
    assert outcome(records) == ["1", "line 3: the row holds a NUL byte, which is no character", "3"]
    assert "\0" not in records[1].payload


@pytest.mark.parametrize("column", [0, 1, 2])
def test_an_open_quote_costs_one_row_wherever_it_stands(reader: Reader, column: int) -> None:
    cells = ["2", "b", "n"]
    cells[column] = '"' + cells[column]
    rows = [f"{n},x,y" for n in range(10, 20)]
    records = reader.read(HEAD + "1,a,n\r\n" + ",".join(cells) + "\r\n" + "\r\n".join(rows) + "\r\n")
    assert outcome(records) == ["1", "line 3: a quote is opened and never closed", *[str(n) for n in range(10, 20)]]


def test_an_open_quote_before_a_quoted_cell(reader: Reader) -> None:
    records = reader.read(HEAD + '1,"a,n\r\n2,"b","c"\r\n3,d,e\r\n')
    assert outcome(records)[1:] == ["2", "3"]
    assert isinstance(records[0], Rejected)
    assert records[0].payload == '1,"a,n'


def test_an_open_quote_that_some_later_one_closes(reader: Reader) -> None:
    records = reader.read(HEAD + '1,"a,n\r\n2,b,n\r\n3",c,n\r\n4,d,n\r\n')
    assert outcome(records) == ["line 2: a quote is opened and never closed", "2", '3"', "4"]


def test_an_open_quote_far_from_the_end_costs_one_row(reader: Reader) -> None:
    rows = [f"{n},somebody with a long name,and a note" for n in range(10_000)]
    records = reader.read(HEAD + '1x,"a,n\r\n' + "\r\n".join(rows))
    assert len(records) == 10_001
    assert [one.line for one in records if isinstance(one, Rejected)] == [2]


def test_many_open_quotes_cost_their_rows(reader: Reader) -> None:
    rows = [f'{n},"x,y' if n % 3 == 0 else f"{n},x,y" for n in range(31)]
    records = reader.read(HEAD + "\r\n".join(rows))
    taken = {one.external_id for one in records if isinstance(one, Person)}
    assert taken == {str(n) for n in range(31) if n % 3}
    assert [one.line for one in records if isinstance(one, Rejected)] == [n + 2 for n in range(31) if n % 3 == 0]


def test_a_bare_quote_inside_quotes_is_not_guessed_at(reader: Reader) -> None:
    records = reader.read(HEAD + '1,"Firma "Kern" GmbH",n\r\n2,Kern 5" Rohre,n\r\n')
    assert outcome(records) == [
        "line 2: a quote stands in the middle of a cell; inside quotes it must be doubled",
        "2",
    ]
    assert records[1].last_name == 'Kern 5" Rohre'


def test_a_real_ragged_row_of_several_lines_stays_whole(reader: Reader) -> None:
    records = reader.read(HEAD + '1,"a\r\nb"\r\n2,c,d\r\n')
    assert outcome(records) == ["line 2: the row has too few cells: 2 where the header has 3", "2"]
    assert records[0].payload == '1,"a\r\nb"'


def test_reasons_hold_nothing_of_the_row(reader: Reader) -> None:
    content = "Id,Email,Updated,Kind\r\n1,geheim,,\r\n2,,geheim,\r\n3,,,geheim\r\n"
    records = reader.read(content)
    assert [one.column for one in records] == ["Email", "Updated", "Kind"]
    assert not any("geheim" in one.reason for one in records)
    assert all("geheim" in one.payload for one in records)
