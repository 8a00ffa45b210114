"""The cases of files: T06, T48-T51, through the CSV source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from klientela.flow.sync import Report, sync
from klientela.source import Shop
from klientela.store import Store
from klientela_csv.source import CsvSource
from tests.cases.desk import names, one, rows
from tests.shops import use


def pull(store: Store, file: Path, **settings: Any) -> tuple[Report, CsvSource]:
    """Sync one file as source `list`."""
    made = CsvSource.Settings(type="csv", path=file.name, **settings)
    source = CsvSource("list", made, shop=Shop(folder=str(file.parent)))
    return sync(store, source), source


def test_T48_strict_refuses_an_extra_column_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    from klientela_csv.sample import sample

    use(store)
    header, *lines = sample().splitlines()
    file = tmp_path / "people.csv"
    file.write_text("\n".join([header + ",Loyalty", *(line + ",gold" for line in lines)]), encoding="utf-8")
    report, _ = pull(store, file, headers="strict")
    assert report.status == "failed"
    assert report.error is not None
    assert "Loyalty" in str(report.error["message"])
    with store.reading() as db:
        assert db.one("SELECT count(*) FROM record") == (0,)


def test_T49_lenient_reports_the_column_and_takes_the_rows(store: Store, tmp_path: Path) -> None:
    use(store)
    file = tmp_path / "people.csv"
    file.write_text("FirstName,LastName,Email,Loyalty\nMax,Muster,m@x.de,gold\n", encoding="utf-8")
    report, _ = pull(store, file)
    assert report.status == "ok", report.error
    assert names(store) == ["Max Muster"]
    assert " ".join(report.remarks).count("Loyalty") == 1, "told, and told once"


def test_T50_another_programs_file_reads_right(store: Store, tmp_path: Path) -> None:
    use(store)
    file = tmp_path / "people.csv"
    text = "FIRSTNAME;lastname;E-Mail;Straße;PLZ;Ort;Land\r\nJürgen;Groß;j@x.de;Hauptstr. 1;01067;Dresden;DE\r\n"
    file.write_bytes(text.encode("cp1252"))
    report, _ = pull(store, file)
    assert report.status == "ok", report.error
    row = one(store)
    assert (row["name"], row["city"], row["country"]) == ("Jürgen Groß", "Dresden", "DE")
    with store.reading() as db:
        (body,) = db.rows("SELECT body FROM record")
    assert b'"zip":"01067"' in bytes(body[0])
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert pull(store, file)[0].changed == 0


def test_T51_bad_rows_wait_with_a_reason_and_the_fixed_file_brings_only_them(store: Store, tmp_path: Path) -> None:
    use(store)
    rows_ = [["id", "FirstName", "LastName", "Email", "updated_at"]]
    rows_ += [[str(n), "Max", f"Muster {n}", f"m{n}@x.de", "2026-01-01T00:00:00Z"] for n in range(1, 11)]
    rows_[3][4] = "the day after"
    rows_[7][3] = "no address"
    file = tmp_path / "people.csv"
    file.write_text("\n".join(",".join(row) for row in rows_), encoding="utf-8")
    columns = {"external_id": "id", "updated_at": "updated_at"}
    report, _ = pull(store, file, columns=columns)
    assert (report.status, report.new, report.rejected) == ("ok", 8, 2)
    with store.reading() as db:
        found = db.rows("SELECT line, col, reason FROM quarantine ORDER BY line")
    assert [(line, column) for line, column, _ in found] == [(4, "updated_at"), (8, "Email")]
    rows_[3][4], rows_[7][3] = "2026-01-01T00:00:00Z", "m7@x.de"
    file.write_text("\n".join(",".join(row) for row in rows_), encoding="utf-8")
    report, _ = pull(store, file, columns=columns)
    assert (report.new, report.changed, report.unchanged) == (2, 0, 8)
    with store.reading() as db:
        assert db.rows("SELECT reason FROM quarantine") == []
    assert len(rows(store)) == 10


def _waiting(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as db:
        return db.rows("SELECT line, reason FROM quarantine ORDER BY line")


def test_a_mended_row_leaves_the_quarantine_also_where_it_has_no_id_or_says_what_it_said_before(
    store: Store, tmp_path: Path
) -> None:
    use(store)
    file = tmp_path / "people.csv"
    for text, rejected in (
        ("Id,Email\n1,a@x.de\n,foo\n", 1),
        ("Id,Email\n1,nothing\n,b@x.de\n", 1),  # mended, though nobody can know which record it was; and a fresh one
        ("Id,Email\n1,a@x.de\n,b@x.de\n", 0),  # as it was: no news
        ("Id,Email\n1,a@x.de\n,foo\n", 1),
        ("Id,Email\n9,c@x.de\n1,a@x.de\n,foo\n", 1),  # the same row, further down
        ("Id,Email\n1,a@x.de\n", 0),  # removed
    ):
        file.write_text(text, encoding="utf-8")
        report, _ = pull(store, file, columns={"external_id": "Id"})
        assert (report.status, report.rejected, len(_waiting(store))) == ("ok", rejected, rejected), text


def test_a_row_that_repeats_an_id_waits_where_that_is_an_error_and_is_told_where_not(
    store: Store, tmp_path: Path
) -> None:
    use(store)
    file = tmp_path / "people.csv"
    file.write_text("Id,Email\n1,a@x.de\n1,b@x.de\n", encoding="utf-8")
    report, _ = pull(store, file, columns={"external_id": "Id"})
    assert "1 row repeats the id of another row and was left out" in report.remarks
    report, _ = pull(store, file, columns={"external_id": "Id"}, on_duplicate="error")
    assert (report.rejected, _waiting(store)) == (1, [(3, "the row repeats the id of line 2")])


def test_an_unchanged_file_costs_one_look(store: Store, tmp_path: Path) -> None:
    use(store)
    file = tmp_path / "people.csv"
    file.write_text("FirstName,LastName,Email\nMax,Muster,m@x.de\n", encoding="utf-8")
    pull(store, file)
    report, _ = pull(store, file)
    assert (report.status, report.pages, report.read) == ("ok", 0, 0)
