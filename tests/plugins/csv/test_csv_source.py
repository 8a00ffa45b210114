"""The source as the core uses it: looking, reading, going on, importing one file."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec
import pytest
from csv_helpers import Reader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import klientela_csv
from klientela.kit import Interrupted, KlientelaError, Misconfigured, Order, Person, Rejected, SourceBroken
from klientela_csv import CsvSource, files, open_file

COLUMNS = {"external_id": "rec_id", "first_name": "first", "last_name": "last", "updated_at": "updated"}


def table(count: int, start: int = 0) -> str:
    rows = [f"{n},Berg{n},b{n}@x.de,0{n:04}" for n in range(start, start + count)]
    return "\r\n".join(["Id,LastName,Email,ZIP", *rows, ""])


def body(text: str) -> str:
    """A table without its header."""
    return text.split("\n", 1)[1]


def ids(records: list[Any]) -> list[str]:
    return [record.external_id if not isinstance(record, Rejected) else f"!{record.key}" for record in records]


def test_the_plugin_is_found_by_its_entry_point() -> None:
    (entry,) = entry_points(group="klientela", name="csv")
    assert entry.load() is klientela_csv
    assert klientela_csv.klientela_sources() == [CsvSource]


def test_what_the_source_says_of_itself(reader: Reader) -> None:
    (stream,) = reader.source(complete=True).streams()
    assert (stream.snapshot, stream.complete, stream.entity, stream.sweep) == (True, True, "customer", None)
    assert reader.source().streams()[0].complete is False
    assert "checkouts" not in CsvSource.capabilities.names()
    assert CsvSource.guests == "merge"


# --- the fingerprint: an unchanged file costs one look ---------------------------------------------------------------


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read through, each time."""
    seen: list[str] = []
    real = files.survey

    def counted(file: Any, stop: Any = None) -> files.Survey:
        seen.append(Path(file.name).name)
        return real(file, stop)

    monkeypatch.setattr(files, "survey", counted)
    return seen


def fingerprint(source: CsvSource) -> str | None:
    look = source.streams()[0].fingerprint
    assert look is not None
    return look()


def aged(path: Path, seconds: float = 60) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this very moment count as old: their inode's time cannot be set back."""
    monkeypatch.setattr(files, "_TOO_YOUNG", -3600 * 10**9)


def test_an_unchanged_file_is_read_once(reader: Reader, readings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    reader.write(table(3))
    first = fingerprint(reader.source())
    assert [fingerprint(reader.source()) for _ in range(5)] == [first] * 5
    assert readings == ["customers.csv"]


def test_a_file_that_changed_is_read_again(
    reader: Reader, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    reader.write(table(3))
    first = fingerprint(reader.source())
    reader.write(table(4))
    assert fingerprint(reader.source()) != first
    assert len(readings) == 2


def test_within_one_tick_of_the_clock_no_stamp_is_believed(
    reader: Reader, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.write(table(3))
    now = time.time_ns()
    monkeypatch.setattr(files, "stamp", lambda file: (1, now, now, 1))  # a clock that stands still
    first = fingerprint(reader.source())
    reader.write(table(3).replace("Berg1", "Burg1"))
    assert fingerprint(reader.source()) != first
    assert len(readings) == 2


def test_a_young_file_is_not_believed_by_its_time(reader: Reader, readings: list[str]) -> None:
    path = reader.write(table(3))
    source = reader.source()
    first = fingerprint(source)
    stat = path.stat()
    path.write_text(table(3).replace("Berg1", "Burg1"), newline="")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # written within one tick of the clock
    assert fingerprint(source) != first
    assert len(readings) == 2


def test_a_new_time_with_the_same_content_is_the_same(reader: Reader, readings: list[str]) -> None:
    path = reader.write(table(3))
    first = fingerprint(reader.source())
    aged(path)
    assert fingerprint(reader.source()) == first
    path.unlink()
    reader.write(table(3))
    assert fingerprint(reader.source()) == first
    assert len(readings) == 3


def test_another_way_of_reading_is_another_fingerprint(reader: Reader) -> None:
    reader.write(table(3))
    prints = [
        fingerprint(reader.source()),
        fingerprint(reader.source(columns={"note": "ZIP"})),
        fingerprint(reader.source(numbers="shop")),
        fingerprint(reader.source(on_duplicate="last")),
        fingerprint(reader.source(timezone="UTC")),
        fingerprint(reader.source(every="5m", priority=3)),  # this is not
    ]
    assert len(set(prints[:5])) == 5
    assert prints[5] == prints[0]


def test_a_new_file_of_the_pattern_is_noticed(reader: Reader) -> None:
    reader.write(table(1), "a.csv")
    first = fingerprint(reader.source("*.csv"))
    reader.write(table(1, 5), "b.csv")
    assert fingerprint(reader.source("*.csv")) != first


# --- reading and going on ---------------------------------------------------------------------------------------------


def orders(count: int) -> str:
    head = "Name,Email,Financial Status,Total,Lineitem quantity,Lineitem name,Id"
    rows = []
    for n in range(count):
        rows.append(f"#{n},o{n}@x.de,paid,10.00,1,Vase,{n}")
        rows += [f"#{n},,,,{k},Band," for k in range(n % 4)]
    return "\n".join([head, *rows, ""])


@pytest.mark.parametrize("policy", ["first", "last", "error"])
@pytest.mark.parametrize(
    "content",
    [
        table(40)
        + table(30, 20).split("\r\n", 1)[1]
        + "x,y\r\n"
        + '"open,a,b,c\r\n'
        + table(7, 90).split("\r\n", 1)[1],
        orders(25) + body(orders(3)),
    ],
    ids=["persons", "orders"],
)
def test_going_on_after_any_page_brings_the_same(reader: Reader, content: str, policy: str) -> None:
    reader.write(content, "a.csv")
    reader.write(content.replace("b2", "c2").replace("o2", "p2"), "b.csv")
    for path in ("a.csv", "*.csv"):
        source = reader.source(path, on_duplicate=policy)
        source.page_size = 7
        pages = list(reader.pages(source))
        assert len(pages) > 4
        whole = [record for page in pages for record in page.records]
        assert all(len(page.records) == len(page.raws or ()) for page in pages)
        for n, page in enumerate(pages):
            position = json.loads(json.dumps(page.position))
            rest = list(reader.pages(source, position))
            assert rest == pages[n + 1 :]
        source.page_size = 1000
        assert reader.records(source) == whole


def test_a_position_in_a_file_that_changed_starts_anew(reader: Reader) -> None:
    reader.write(table(20))
    source = reader.source()
    source.page_size = 5
    position = list(reader.pages(source))[1].position
    assert len(list(reader.pages(source, position))) == 2
    reader.write(table(21))
    assert ids([record for page in reader.pages(source, position) for record in page.records]) == [
        str(n) for n in range(21)
    ]


def test_a_file_that_is_written_while_it_is_read_stops_the_run(reader: Reader) -> None:
    path = reader.write(table(2000))
    source = reader.source()
    pages = reader.pages(source)
    next(pages)
    with path.open("a") as file:
        file.write("late,Berg,l@x.de,1\r\n")
    with pytest.raises(SourceBroken, match=r"customers\.csv changed while it was read"):
        list(pages)


def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end(reader: Reader) -> None:
    path = reader.write(table(2000))
    source = reader.source()
    before = fingerprint(source)
    pages = reader.pages(source)
    first = list(next(pages).records)
    reader.write(table(1), "new.csv").replace(path)
    assert len(first) + sum(len(page.records) for page in pages) == 2000
    assert fingerprint(source) != before


def test_a_stop_is_heeded_before_the_first_page(reader: Reader) -> None:
    reader.write(table(3000))
    source = reader.source(on_duplicate="last")
    fingerprint(source)
    source.stop.set()
    with pytest.raises(Interrupted):
        next(reader.pages(source))


def test_raws_are_the_rows_as_they_came(reader: Reader) -> None:
    content = 'Id;OrderId;Note;Total\r\n1;9;"a\r\nb";5\r\n2;;;\r\n'
    reader.write(content)
    (page,) = reader.pages(reader.source())
    assert [type(record) for record in page.records] == [Person, Order, Person]
    assert page.raws == [b'1;9;"a\r\nb";5\r\n', b"", b"2;;;\r\n"]


PIECES = st.sampled_from(
    [
        b"1,a,a@x.de,5\r\n",
        b"2,",
        b'"',
        b'""',
        b"\r",
        b"\n",
        b"\0",
        b"\xff\xfe",
        b"\xc3",
        b"\xc3\xbc",
        b",",
        b"'=",
        b"\xb3",
    ]
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mark=st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe"]),
    head=st.sampled_from([b"Id,LastName,Email,Tags\r\n", b"Name,Lineitem name,Financial Status,Total\r\n", b""]),
    rest=st.lists(PIECES | st.binary(max_size=9), max_size=30).map(b"".join),
)
def test_no_bytes_bring_it_down(reader: Reader, mark: bytes, head: bytes, rest: bytes) -> None:
    """Whatever the file holds: records that any database can store, or a sentence."""
    reader.write(mark + head + rest)
    try:
        records = reader.records(reader.source())
    except KlientelaError:
        return
    said = msgspec.json.encode(records)
    assert b"\\u0000" not in said.replace(rb"\\", b"")  # an escaped backslash before u0000 is six letters of text
    lines = [one.line or 0 for one in records if isinstance(one, Rejected)]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Id,LastName", "1.23E+11,a"),
        ("Id,CustomerNumber,LastName", "7," + '"1,23E+11"' + ",a"),
        ("CustomerNumber,LastName", "1e+5,a"),
        ("Order ID,Email", "4.5E+12,a@x.de"),
    ],
)
def test_an_id_that_a_spreadsheet_rounded_names_nobody(reader: Reader, header: str, row: str) -> None:
    """Many ids become one: taken, their rows would be one customer, and no name guards a number (R16)."""
    (bad,) = reader.read(f"{header}\r\n{row}\r\n")
    assert isinstance(bad, Rejected)
    assert "spreadsheet has rounded" in bad.reason
    assert bad.line == 2
    for fine in ("E+11", "1E5", "12E+", "A1.2E+3", "1.23E+11x"):
        (one,) = reader.read(f"Id,LastName\r\n{fine},a\r\n")
        assert isinstance(one, Person)


# --- duplicates (R50) -------------------------------------------------------------------------------------------------


TWICE = "Id,LastName\r\n1,a\r\n2,b\r\n1,c\r\n1,d\r\n"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("first", ["1 a", "2 b"]),
        ("last", ["2 b", "1 d"]),
        ("error", ["1 a", "2 b", "line 4 repeats the id of line 2", "line 5 repeats the id of line 2"]),
    ],
)
def test_duplicates_in_a_file(reader: Reader, policy: str, expected: list[str]) -> None:
    reader.write(TWICE)
    source = reader.source(on_duplicate=policy)
    found = [
        f"line {one.line} {one.reason.removeprefix('the row ')}"
        if isinstance(one, Rejected)
        else f"{one.external_id} {one.last_name}"  # type: ignore[union-attr]
        for one in reader.records(source)
    ]
    assert found == expected
    assert source.remarks == ([] if policy == "error" else ["2 rows repeat the id of another row and were left out"])


def test_rows_with_a_version_are_the_cores_business(reader: Reader) -> None:
    content = "Id,LastName,updated_at\r\n1,a,2026-01-02\r\n1,b,2026-01-01\r\n1,c,\r\n1,d,\r\n"
    for policy, last in (("first", "c"), ("last", "d")):
        assert [one.last_name for one in reader.read(content, on_duplicate=policy)] == ["a", "b", last]


@pytest.mark.parametrize(("policy", "expected"), [("first", "c"), ("last", "d")])
def test_of_two_files_of_a_pattern_the_later_holds(reader: Reader, policy: str, expected: str) -> None:
    reader.write("Id,LastName\r\n1,a\r\n1,b\r\n2,x\r\n", "2026-01.csv")
    reader.write("Id,LastName\r\n1,c\r\n1,d\r\n", "2026-02.csv")
    records = reader.records(reader.source("2026-*.csv", on_duplicate=policy))
    assert {one.external_id: one.last_name for one in records if isinstance(one, Person)} == {"1": expected, "2": "x"}
    assert len(records) == 2


def test_a_rejected_row_shadows_no_good_one(reader: Reader) -> None:
    good, bad = "1,a@x.de\r\n", "1,foo\r\n"
    for policy, rows in (("first", bad + good), ("last", good + bad)):
        records = reader.read("Id,Email\r\n" + rows, on_duplicate=policy)
        assert Counter(type(one) for one in records) == {Rejected: 1, Person: 1}


def test_an_order_that_comes_again(reader: Reader) -> None:
    content = "OrderId,Email,Total\r\n1,a@x.de,5\r\n2,b@x.de,6\r\n1,a@x.de,7\r\n"
    assert [one.total for one in reader.read(content)] == [500, 600]
    assert [one.total for one in reader.read(content, on_duplicate="last")] == [600, 700]
    assert reader.rejected(content, on_duplicate="error").reason == "the row repeats the id of line 2"


# --- several files ----------------------------------------------------------------------------------------------------


def test_a_pattern_reads_its_files_by_name_and_names_them(reader: Reader) -> None:
    reader.write("Id;Nachname\r\n1;ä\r\n", "b.csv", "cp1252")
    reader.write("Id,Email\r\n2,foo\r\n", "a.csv")
    (reader.folder / "c.csv").mkdir()
    source = reader.source("*.csv")
    bad, good = reader.records(source)
    assert isinstance(bad, Rejected)
    assert bad.reason.startswith("a.csv: the e-mail address is none")
    assert isinstance(good, Person)
    assert good.last_name == "ä"
    assert [note.split(":")[0] for note in source.check().notes] == ["a.csv", "b.csv"]


def test_a_path_with_brackets_is_a_file_if_there_is_one(reader: Reader) -> None:
    assert ids(reader.read(table(1), name="list [2026].csv")) == ["0"]


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("missing.csv", SourceBroken, "missing.csv does not exist"),
        ("*.tsv", SourceBroken, "no file matches *.tsv"),
        (".", Misconfigured, ". is a folder, not a file"),
    ],
)
def test_no_file(reader: Reader, path: str, kind: type[Exception], sentence: str) -> None:
    source = reader.source(path)
    for attempt in (source.check, lambda: fingerprint(source), lambda: list(reader.pages(source))):
        with pytest.raises(kind) as caught:
            attempt()
        assert sentence in str(caught.value)
        assert caught.value.hint  # type: ignore[attr-defined]


def test_what_is_missing_from_a_complete_file_is_what_the_file_lists(reader: Reader) -> None:
    reader.write(table(1), "people.csv")
    reader.write(orders(1), "orders.csv")
    reader.write("Id,OrderId,Total\r\n1,2,3\r\n", "both.csv")
    swept = {
        name: reader.source(f"{name}.csv", complete=True).streams()[0].entity
        for name in ("people", "orders", "both", "missing")
    }
    assert swept == {"people": "customer", "orders": "order", "both": "customer", "missing": "customer"}


# --- T51 and one-off imports ------------------------------------------------------------------------------------------


def test_t51_the_bad_rows_come_back_as_a_file_and_only_they_are_read_again(reader: Reader) -> None:
    rows = [f"{n};Müller{n};m{n}@x.de;0{n}067" for n in range(1, 10)]
    rows[2] = "3;Müller3;m3-x.de;01067"
    rows[6] = '7;"Müller7;m7@x.de;01067'
    reader.write("\r\n".join(["Id;Nachname;E-Mail;PLZ", *rows, ""]), written := "customers.csv", "cp1252")
    source = reader.source(written)
    records = reader.records(source)
    assert [one.external_id for one in records if isinstance(one, Person)] == ["1", "2", "4", "5", "6", "8", "9"]
    bad = [one for one in records if isinstance(one, Rejected)]
    assert [(one.line, one.column) for one in bad] == [(4, "E-Mail"), (8, None)]

    fix = reader.folder / "fix.csv"
    assert source.write_fix_file(fix, bad) == 2
    text = fix.read_text("utf-8-sig")
    assert text.splitlines()[0] == "Id;Nachname;E-Mail;PLZ;klientela_error"
    assert text.splitlines()[1].startswith("3;Müller3;m3-x.de;01067;line 4, column E-Mail: the e-mail address is none")
    assert [type(one) for one in reader.records(source.for_file(fix))] == [Rejected, Rejected]

    mended = text.replace("m3-x.de", "m3@x.de").replace('"Müller7', "Müller7")
    fix.write_text(mended, "utf-8-sig", newline="")
    again = source.for_file(fix)
    people = reader.records(again)
    assert [(one.external_id, one.last_name, one.addresses[0].zip) for one in people] == [  # type: ignore[union-attr,index]
        ("3", "Müller3", "01067"),
        ("7", "Müller7", "01067"),
    ]
    assert again.remarks == []


def test_a_fix_file_of_a_fix_file_has_one_column_of_reasons(reader: Reader) -> None:
    reader.write("Id,Email,klientela_error\r\n1,foo,old reason\r\n2,b@x.de,\r\n")
    source = reader.source()
    fix = reader.folder / "fix.csv"
    source.write_fix_file(fix, [one for one in reader.records(source) if isinstance(one, Rejected)])
    head, row = fix.read_text("utf-8-sig").splitlines()
    assert head == "Id,Email,klientela_error"
    assert row.startswith('1,foo,"line 2, column Email: the e-mail address')


def test_a_bad_order_is_in_the_fix_file_with_all_its_lines(reader: Reader) -> None:
    reader.write(orders(5).replace("#3,,,,1,Band", "#3,,,,x,Band"))
    source = reader.source()
    (bad,) = (one for one in reader.records(source) if isinstance(one, Rejected))
    fix = reader.folder / "fix.csv"
    source.write_fix_file(fix, [bad])
    assert [line.split(",")[0] for line in fix.read_text("utf-8-sig").splitlines()] == ["Name", *["#3"] * 4]
    fix.write_text(fix.read_text("utf-8-sig").replace(",x,", ",1,"), "utf-8-sig")
    (order,) = reader.records(source.for_file(fix))
    assert isinstance(order, Order)
    assert (order.external_id, len(order.lines or ())) == ("3", 4)


def test_a_letter_that_nobody_mended_is_not_taken_for_one(reader: Reader) -> None:
    reader.write(b"Id,LastName\r\n" + "".join(f"{n},Weiß\r\n" for n in range(99)).encode() + b"99,M\xfcller\r\n")
    source = reader.source()
    bad = [one for one in reader.records(source) if isinstance(one, Rejected)]
    fix = reader.folder / "fix.csv"
    source.write_fix_file(fix, bad)
    (still,) = reader.records(source.for_file(fix))
    assert isinstance(still, Rejected)
    assert "could not be read" in still.reason
    fix.write_text(fix.read_text("utf-8-sig").replace("\ufffd", "ü"), "utf-8-sig")
    (person,) = reader.records(source.for_file(fix))
    assert isinstance(person, Person)
    assert person.last_name == "Müller"


def test_files_that_differ_have_no_fix_file_in_common(reader: Reader) -> None:
    reader.write("Id,Email\r\n1,foo\r\n", "a.csv")
    reader.write("Id;Email\r\n1;foo\r\n", "b.csv")
    source = reader.source("*.csv")
    with pytest.raises(Misconfigured, match=r"a\.csv and b\.csv"):
        source.write_fix_file(reader.folder / "fix.csv", [])


def test_another_file_is_read_as_the_source_reads_its_own(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.write("nr|Nachname\r\n5|x\r\n", "other.csv")
    source = reader.source("missing.csv", columns={"external_id": "nr"}, delimiter="|", complete=True, numbers="shop")
    monkeypatch.chdir(reader.folder)
    other = source.for_file("other.csv")
    assert ids(reader.records(other)) == ["5"]
    assert other.streams()[0].complete is False  # one file more never says what is missing
    with pytest.raises(Misconfigured, match="unknown column Nachname"):
        reader.records(source.for_file("other.csv", headers="strict"))


def test_a_file_for_the_manual_source(reader: Reader) -> None:
    path = reader.write(table(1))
    (person,) = reader.records(open_file(path, name="manual", entity="manual"))
    assert isinstance(person, Person)
    assert (person.entity, person.external_id) == ("manual", "0")


def test_the_same_file_twice_is_the_same(reader: Reader) -> None:
    reader.write(table(20))
    assert reader.records(reader.source()) == reader.records(reader.source())


# --- the shared material ----------------------------------------------------------------------------------------------


def test_shop20k_whatever_the_order_of_its_rows(reader: Reader, shared: Callable[[str], Path]) -> None:
    lines = shared("data/shop20k.csv").read_text("utf-8").splitlines()
    source = reader.source(columns=COLUMNS)
    reader.write("\n".join(lines))
    records = reader.records(source)
    assert len(records) == 20_000
    people = {one.external_id: one for one in records if isinstance(one, Person)}
    assert len(people) == 20_000
    assert Counter(one.kind for one in people.values()) == {"account": 13_860, "guest": 6_140}
    assert sum(one.version is not None for one in people.values()) == 20_000
    assert source.remarks == ["customers.csv: these columns are not known and were ignored: source, truth"]
    rows = lines[1:]
    random.Random(7).shuffle(rows)
    reader.write("\n".join([lines[0], *rows]))
    source.page_size = 999
    assert {one.external_id: one for one in reader.records(source) if isinstance(one, Person)} == people
