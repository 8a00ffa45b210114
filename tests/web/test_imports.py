"""Imports on the page: brought, looked at, tried, written, told row by row, taken back."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import httpx
import pytest
import xlsxwriter
from playwright.sync_api import Page, expect

from klientela.errors import NotAllowed, UnknownThing
from klientela.flow.importing import Imported
from klientela.kit import Address
from klientela.store import Store
from klientela_web.asking import Asking
from klientela_web.pages import imports
from klientela_web.shelf import HOUR, MOST, Kept, Shelf
from tests.cases.seen import Desk, account
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
LIST = '[sources.list]\ntype = "csv"\npath = "none.csv"\n'


@pytest.fixture(autouse=True)
def empty_shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A shelf that is this test's own."""
    made = Shelf()
    monkeypatch.setattr(imports, "SHELF", made)
    yield made
    for one in list(made._kept.values()):
        made.drop(one)


@pytest.fixture
def client(served: Served) -> httpx.Client:
    """An operator's client of a house with a csv source."""
    served.configure(CONFIG + LIST)
    return served.client("operator")


def brought(client: httpx.Client, content: bytes | str, name: str = "people.csv", **fields: str) -> str:
    """The address where a file waits."""
    data = content.encode() if isinstance(content, str) else content
    form = {"into": "list", "headers": "lenient", **fields}
    answer = client.post("/imports/new", data=form, files={"file": (name, data)})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def acted(client: httpx.Client, place: str, do: str, **fields: object) -> httpx.Response:
    return client.post(place, data={"into": "list", "headers": "lenient", "do": do, **fields})


def written(client: httpx.Client, place: str, **fields: object) -> str:
    answer = acted(client, place, "write", **fields)
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["location"]).text


def refused(page: str) -> list[tuple[str, str]]:
    """Line and column of the refused rows that a page shows."""
    return re.findall(r'<tr><td class="num">([^<]*)</td><td>([^<]*)</td><td>', page)


TEN = "email\n" + "".join(f"p{n}@x.de\n" for n in range(10))


@pytest.mark.parametrize(("ticked", "state"), [({}, "unknown"), ({"subscribe": "1"}, "granted")])
def test_S33_S35_S36_T46_T47_subscribing_is_ticked_or_does_not_happen(
    client: httpx.Client, store: Store, ticked: dict[str, str], state: str
) -> None:
    place = brought(client, TEN)
    assert "checked" not in client.get(place).text.partition('name="subscribe"')[2].partition(">")[0]
    tried = acted(client, place, "dry", **ticked)
    assert "Customers: new</dt><dd>10" in tried.text
    assert Desk(store).rows() == [], "a try writes nothing"
    written(client, place, **ticked)
    rows = Desk(store).rows()
    assert [row["consents"]["email"]["promotion"] for row in rows] == [state] * 10
    if ticked:
        profile = Desk(store).by_id(rows[0]["id"])
        assert "people.csv, line " in str(profile["consent_events"]), "the file and the row are the evidence"


def test_S38_S39_T48_strict_refuses_the_whole_file_and_names_the_column(client: httpx.Client, store: Store) -> None:
    head = client.get("/imports/sample").content.decode("utf-8-sig").splitlines()[0]
    text = head + ",Loyalty\n1,Anna,,,a@x.de,,,,,,,,,7\n"
    place = brought(client, text, headers="strict")
    assert "Loyalty" in client.get(place).text
    answer = acted(client, place, "write", headers="strict")
    assert (answer.status_code, "Loyalty" in answer.text) == (400, True)
    assert "With the other choice of columns below it would be read" in answer.text
    nobody = brought(client, "Loyalty\n7\n", headers="strict")
    assert "With the other choice" not in client.get(nobody).text, "it would be refused all the same"
    assert Desk(store).count("batch") == 0
    page = written(client, place)  # T49: the same, lenient
    assert "Loyalty" in page
    assert len(Desk(store).rows()) == 1


def test_S37_S38_the_sample_is_taken_strictly(client: httpx.Client, store: Store) -> None:
    answer = client.get("/imports/sample")
    assert 'filename="sample.csv"' in answer.headers["content-disposition"]
    place = brought(client, answer.content, "sample.csv", headers="strict")
    written(client, place, headers="strict")
    assert {row["city"] for row in Desk(store).rows()} == {"Dresden", "Warszawa"}


def test_H8_T50_headers_encoding_and_delimiter_are_detected_and_can_be_said(client: httpx.Client, store: Store) -> None:
    text = "FIRSTNAME;lastname;EMAIL;zip;City\nJürgen;Groß;j@x.de;01067;Dresden\n"
    place = brought(client, text.encode("cp1252"))
    page = client.get(place).text
    assert "Read as cp1252, cut at semicolon" in page
    assert re.search(r'scope="row">FIRSTNAME</th>\s*<td><code>first_name</code>', page)
    assert '<span class="b">01067</span>' in page
    other = client.get(acted(client, place, "look", encoding="cp1250", delimiter=";").headers["location"]).text
    assert "Read as cp1250" in other
    written(client, place)
    (row,) = Desk(store).rows()
    assert (row["name"], row["city"]) == ("Jürgen Groß", "Dresden")
    assert Desk(store).by_id(row["id"])["addresses"][0]["zip"] == "01067"


def test_a_column_is_what_the_operator_says(client: httpx.Client, store: Store) -> None:
    place = brought(client, "Kontakt,Spitzname\na@x.de,Anni\n")
    assert "none of them says who a customer is" in client.get(place).text.replace("&#39;", "'")
    said = {"header": ["Kontakt", "Spitzname"], "field": ["email", "first_name"]}
    assert "<code>email</code>" in acted(client, place, "dry", **said).text
    written(client, place, **said)
    (row,) = Desk(store).rows()
    assert (row["email"], row["name"]) == ("a@x.de", "Anni")


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_the_report_and_the_file_to_mend_speak_the_readers_language(served: Served, store: Store) -> None:
    served.configure(CONFIG + LIST)
    rows = "id,email,created_at\n1,a@x.de,03/04/2026\n2,nobody,2026-01-06\n3,,03/04/2026\n4,d@x.de,2026-01-06,\n"
    for language, header, begins in (
        ("de", "Zeile,Spalte,Datensatz,Grund", "Zeile "), ("pl", "Wiersz,Kolumna,Rekord,Powód", "wiersz "),
    ):  # fmt: skip
        client = served.client("operator", language)
        place = brought(client, rows)
        written(client, place)
        report = client.get(place + "/report").content.decode("utf-8-sig").splitlines()
        fix = client.get(place + "/fix").content.decode("utf-8-sig")
        told = [line[-1] for line in csv.reader(io.StringIO(fix))]
        assert (report[0], told[0], len(told), len(report)) == (header, "klientela_error", 5, 5)
        assert all(one.startswith(begins) for one in told[1:]), told
        assert not re.search(r"\b(line|column|the|row|is)\b", "\n".join([*report, *told[1:]])), (report, told)
        mended = fix.replace("03/04/2026", "2026-04-03").replace("nobody", f"{language}@x.de")
        written(client, brought(client, mended, "mended.csv"))
        assert f"{language}@x.de" in {row["email"] for row in Desk(store).rows()}, (
            "what it says is no matter to an import"
        )


def test_H8_T51_bad_rows_are_told_and_the_mended_file_brings_only_them(client: httpx.Client, store: Store) -> None:
    rows = [f"{n},p{n}@x.de,2026-01-0{n}" for n in range(1, 9)]
    rows[1] = "2,p2@x.de,03/04/2026"
    rows[5] = "6,nobody,2026-01-06"
    place = brought(client, "id,email,created_at\n" + "\n".join(rows) + "\n")
    told = [("3", "created_at"), ("7", "email")]
    assert refused(acted(client, place, "dry").text) == told
    page = written(client, place)
    assert refused(page) == told
    assert len(Desk(store).rows()) == 6
    report = list(csv.reader(io.StringIO(client.get(place + "/report").content.decode("utf-8-sig"))))
    assert [(line[0], line[1]) for line in report[1:]] == told
    assert all(line[3] for line in report[1:])
    fix = client.get(place + "/fix")
    assert 'filename="people.rejected.csv"' in fix.headers["content-disposition"]
    mended = fix.content.decode("utf-8-sig").replace("03/04/2026", "2026-04-03").replace("nobody", "p6@x.de")
    page = written(client, brought(client, mended, "mended.csv"))
    assert "New records</dt><dd>2</dd>" in page
    assert "Rows refused</dt><dd>0</dd>" in page
    assert len(Desk(store).rows()) == 8


def test_S34_T52_addresses_are_pasted(client: httpx.Client, store: Store) -> None:
    form = {"into": "manual", "emails": "a@x.de, A@x.de ,b@x.de, foo"}
    place = client.post("/imports/new", data=form).headers["location"]
    tried = acted(client, place, "dry", into="manual").text
    assert "this is no e-mail address" in tried
    assert "foo" in tried
    done = written(client, place, into="manual")
    assert sorted(re.findall(r'<a class="a" href="/customers/[^"]+">([^<]+)</a>', done)) == ["a@x.de", "b@x.de"], (
        "by name"
    )
    assert {row["email"] for row in Desk(store).rows()} == {"a@x.de", "b@x.de"}


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_T53_an_export_comes_back_unchanged_and_an_edit_of_a_shop_is_refused(
    client: httpx.Client, store: Store, form: str
) -> None:
    people = [
        account("1", "Anna", "=Neu", email="a@x.de", addresses=[Address(city="Berlin", country="DE", zip="01067")])
    ]
    bring(store, "shop", people)
    log = len(Desk(store).audit())
    content = client.get(f"/customers/export?format={form}").content
    log += 1  # the export itself
    place = brought(client, content, f"customers.{form}")
    tried = acted(client, place, "dry").text
    assert "Changed records</dt><dd>0</dd>" in tried
    assert "Rows refused</dt><dd>0</dd>" in tried
    written(client, place)
    assert len(Desk(store).audit()) == log
    if form == "csv":
        text = content.decode("utf-8-sig").replace("Berlin", "Hamburg")
        page = written(client, brought(client, text, "customers.csv"))
        assert [column for _, column in refused(page)] == ["city"]
        assert Desk(store).rows()[0]["city"] == "Berlin"


def workbook(path: Path, rows: list[list[object]], above: int = 0) -> bytes:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows, above):
            sheet.write_row(number, 0, row)
    return path.read_bytes()


def test_S33_a_workbook_keeps_its_values_and_its_lines(client: httpx.Client, store: Store, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Id", "Email", "FirstName", "ZIP"],
        [7, "a@x.de", "Anna\nMaria", "01067"],
        [8, "bad", "", ""],
    ]
    place = brought(client, workbook(tmp_path / "a.xlsx", rows, above=2), "list.xlsx")
    page = written(client, place)
    assert refused(page) == [("5", "Email")]
    (row,) = Desk(store).rows()
    assert row["name"] == "Anna Maria"
    assert row["records"][0]["external_id"] == "7"


def test_another_sheet_of_a_workbook_can_be_chosen(client: httpx.Client, store: Store, tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "a.xlsx")) as book:
        for name, rows in (
            ("Fair", [["Email"], ["a@x.de"]]),
            ("Empty", []),
            ("<Shop>", [["Mail", "Id"], ["b@x.de", "7"]]),
        ):
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    place = brought(client, (tmp_path / "a.xlsx").read_bytes(), "a.xlsx")
    page = client.get(place).text
    assert re.findall(r"<option (?:selected)?>([^<]*)</option>", page) == ["Fair", "&lt;Shop&gt;"]
    assert 'name="delimiter"' not in page
    assert "a@x.de" in page
    acted(client, place, "look", sheet="<Shop>")
    assert "b@x.de" in client.get(place).text
    acted(client, place, "look", sheet="none of it")
    written(client, place, sheet="<Shop>")
    assert [row["email"] for row in Desk(store).rows()] == ["b@x.de"]


def test_archives_that_are_no_workbook_or_too_much_are_refused(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(content: bytes) -> str:
        answer = client.post("/imports/new", data={"into": "list"}, files={"file": ("a.xlsx", content)})
        assert answer.status_code == 400
        return answer.text

    assert "no Excel workbook" in told(b"PK\x03\x04 but then nothing")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 1000)
    assert "no Excel workbook" in told(made.getvalue())
    with (
        zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(401):
            part.write(b"0" * 2**20)
    assert "unpacks to more" in told((tmp_path / "bomb.xlsx").read_bytes())
    with xlsxwriter.Workbook(str(tmp_path / "wide.xlsx")) as book:  # two cells, and 17 thousand million between them
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, "email")
        sheet.write_string(1_048_575, 16_383, "x")
    assert re.search("unpacks to more|no Excel workbook|at most", told((tmp_path / "wide.xlsx").read_bytes()))
    monkeypatch.setattr(imports, "MOST_ROWS", 3)
    assert "at most 3" in told(workbook(tmp_path / "long.xlsx", [["email"]] * 5))
    assert "more than 3 lines" in told(b"email\n" * 6)
    monkeypatch.setattr(imports, "LARGEST", 10)
    assert "too much" in told(b"email\nlonger than ten\n")


def test_what_is_brought_must_be_one_thing_for_a_source_that_takes_it(client: httpx.Client, store: Store) -> None:
    both = client.post("/imports/new", data={"into": "list", "emails": "a@x.de"}, files={"file": ("a.csv", b"email\n")})
    neither = client.post("/imports/new", data={"into": "list"})
    assert (both.status_code, neither.status_code) == (400, 400)
    place = brought(client, TEN)
    assert acted(client, place, "write", into="nowhere").status_code == 400
    written(client, place)
    assert acted(client, place, "write").status_code == 400, "not twice"
    assert Desk(store).count("batch") == 1


def test_a_file_is_its_sessions_own_and_its_name_is_only_a_name(served: Served, client: httpx.Client) -> None:
    place = brought(client, "email\na@x.de\n", "../../etc/<script>passwd.csv")
    page = client.get(place).text
    assert "_script_passwd.csv" in page
    assert "etc/" not in page
    assert served.client("operator").get(place).status_code == 404
    assert served.client("editor").get(place).status_code == 403


def test_a_form_that_is_sent_twice_writes_one_batch(
    client: httpx.Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = brought(client, TEN)
    both, once = Barrier(2), imports._import

    def together(asking: Asking, kept: Kept, *, dry_run: bool) -> Imported:
        with suppress(BrokenBarrierError):
            both.wait(0.5)
        return once(asking, kept, dry_run=dry_run)

    monkeypatch.setattr(imports, "_import", together)
    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda _: acted(client, place, "write").status_code, range(2)))
    assert sorted(codes) == [303, 400]
    assert Desk(store).count("batch") == 1


def test_the_shelf_forgets_after_an_hour_and_keeps_few() -> None:
    now = [0.0]
    shelf = Shelf(lambda: now[0])
    kept = shelf.put("me", "a.csv", io.BytesIO(b"x"), 10)
    with pytest.raises(UnknownThing):
        shelf.get("you", kept.token)
    now[0] = HOUR - 1
    assert shelf.get("me", kept.token).path.read_bytes() == b"x"
    now[0] = HOUR
    with pytest.raises(UnknownThing):
        shelf.get("me", kept.token)
    assert not kept.folder.exists()
    many = [
        shelf.put("me", name, io.BytesIO(b"x"), 10)
        for name in ["..", ".bashrc", "a" * 300, f"{'𝐀' * 90}.{'漢' * 90}", *"bc"]
    ]
    assert len(many) == MOST + 1
    assert not many[0].folder.exists()
    assert all(one.path.parent == one.folder and len(one.name) < 100 for one in many)
    with pytest.raises(NotAllowed):
        shelf.put("me", "a.csv", io.BytesIO(b"x" * 11), 10)


def test_S33_a_batch_is_taken_back_after_a_look(client: httpx.Client, served: Served, store: Store) -> None:
    written(client, brought(client, TEN))
    page = client.get("/imports").text
    assert "people.csv" in page
    (undo,) = re.findall(r'href="(/imports/\d+/undo)"', page)
    assert "10 customers would be gone" in client.get(undo).text
    assert len(Desk(store).rows()) == 10
    assert "/undo" not in served.client("editor").get("/imports").text
    assert served.client("editor").post(undo).status_code == 403
    assert client.post(undo).status_code == 303
    assert Desk(store).rows() == []
    assert "taken back" in client.get("/imports").text
    assert client.post(undo).status_code == 409
    assert client.get("/imports/99/undo").status_code == 404


def test_undo_of_an_import_takes_an_operator(client: httpx.Client, served: Served, store: Store) -> None:
    written(client, brought(client, TEN))
    (line,) = Desk(store).kinds("imported")
    assert served.client("editor").post("/undo", data={"seq": str(line["seq"]), "to": "/imports"}).status_code == 403
    assert client.post("/undo", data={"seq": str(line["seq"]), "to": "/imports"}).status_code == 303
    assert Desk(store).rows() == []


def test_hostile_cells_are_words(client: httpx.Client) -> None:
    place = brought(client, "email,<script>alert(1)</script>\n<script>alert(2)</script>,=cmd()\n")
    for page in (client.get(place).text, acted(client, place, "dry").text, written(client, place)):
        assert "<script>alert" not in page
    assert "\n=cmd" not in client.get(place + "/report").text


@on_sqlite
def test_S31_S33_an_import_by_keyboard_alone(
    client: httpx.Client, store: Store, browse: Browse, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(TEN + "nobody\n", encoding="utf-8")
    tab = browse("/imports/new", role="operator")
    tab.set_input_files("[name=file]", str(file))
    tab.get_by_label("whatever is known").focus()
    tab.keyboard.press("Space")
    tab.get_by_role("button", name="Continue").press("Enter")
    expect(tab.get_by_role("heading", name="Import people.csv")).to_be_visible()
    tab.get_by_role("button", name="Show what would happen").press("Enter")
    expect(tab.get_by_role("heading", name="Rows that would be refused")).to_be_visible()
    assert violations(tab) == []
    tab.get_by_role("button", name="Import now").press("Enter")
    expect(tab.get_by_role("heading", name="Imported: people.csv")).to_be_visible()
    assert violations(tab) == []
    assert len(Desk(store).rows()) == 10


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("path", ["/imports", "/imports/new", "/imports/1/undo"])
@on_sqlite
def test_axe_finds_nothing(client: httpx.Client, browse: Browse, way: dict[str, int], path: str) -> None:
    written(client, brought(client, TEN))
    assert violations(browse(path, **way)) == []
