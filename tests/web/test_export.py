"""Exports of the page: exactly the list or the chosen ones, harmless in a spreadsheet, told in the log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from zipfile import ZipFile

import httpx
import pytest
from playwright.sync_api import Page
from python_calamine import CalamineWorkbook

from klientela.kit import Address
from klientela.store import Store
from tests.cases.seen import Desk, account, order
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

HOSTILE = ("=cmd()|' /C calc'!A0", "+49 30 1", "-2+3", "@SUM(A1)", "'=1", "<script>alert(1)</script>")


@pytest.fixture
def town(store: Store) -> Store:
    """Seven accounts, five in Berlin; one bought twice."""
    bring(
        store,
        "main",
        [
            account(str(n), "Anna", company=name, email=f"p{n}@x.de", addresses=[Address(city="Berlin" if n < 5 else "Wien")])
            for n, name in enumerate((*HOSTILE, "Ordinary"))
        ]
        + [order("o1", 1000, customer="1"), order("o2", 2500, customer="1")],
    )  # fmt: skip
    return store


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def table(answer: httpx.Response) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()  # type: ignore[return-value]


def test_S32_X03_the_current_list_goes_out_and_nothing_else(served: Served, town: Store) -> None:
    client = served.client("viewer")
    assert len(rows(client.get("/customers/export?format=csv"))) == 7
    found = rows(client.get("/customers/export", params={"format": "csv", "q": "Wien"}))
    assert {row["city"] for row in found} == {"Wien"}
    assert len(found) == 2
    (only,) = rows(client.get("/customers/export?format=csv&segment=repeat&size=10&page=9"))
    assert only["orders"] == "2"
    assert only["ltv"] == "35.00 EUR"
    assert "35.00 EUR" not in client.get("/customers/export?format=csv&segment=guest").text


def test_X03_chosen_customers_go_out_alone(served: Served, town: Store) -> None:
    client = served.client("viewer")
    chosen = sorted(row["klientela_id"] for row in rows(client.get("/customers/export?format=csv")))[2:4]
    answer = client.post("/customers/bulk", data={"do": "export", "id": chosen, "to": "/customers?view=site123"})
    assert answer.status_code == 303
    page = client.get(answer.headers["location"])
    assert "2 customers are chosen" in page.text
    assert "view=site123" in page.text
    found = rows(client.get("/customers/export", params={"format": "csv", "id": chosen}))
    assert [row["klientela_id"] for row in found] == chosen
    assert client.get("/customers/export?format=csv&id=nobody").status_code == 404
    assert client.get("/customers/export?format=csv", params={"id": [str(n) for n in range(1001)]}).status_code == 400


def test_R51_a_csv_holds_no_formula_and_gives_every_value_back(served: Served, town: Store) -> None:
    answer = served.client("viewer").get("/customers/export?format=csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="customers.csv"' in answer.headers["content-disposition"]
    cells = [cell for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    told = {row["company"] for row in rows(answer)}
    assert {"'=cmd()|' /C calc'!A0", "'-2+3", "''=1", "<script>alert(1)</script>"} <= told


def test_S32_a_workbook_has_texts_for_texts_and_no_formula(served: Served, town: Store) -> None:
    answer = served.client("viewer").get("/customers/export?format=xlsx")
    head, *lines = table(answer)
    companies = {str(line[head.index("company")]) for line in lines}
    assert companies == {*HOSTILE, "Ordinary"}
    assert {line[head.index("orders")] for line in lines} == {0.0, 2.0}
    with ZipFile(io.BytesIO(answer.content)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    assert not [name for name, part in parts.items() if b"<f>" in part or b"<f " in part or b"hyperlink" in part]


def test_json_carries_the_records(served: Served, town: Store) -> None:
    answer = served.client("viewer").get("/customers/export?format=json&q=Ordinary")
    (row,) = json.loads(answer.text)
    assert row["records"][0]["source"] == "main"
    assert json.loads(served.client("viewer").get("/customers/export?format=json&q=nobody").text) == []


def test_R59_the_log_tells_who_took_which_view_and_how_many(served: Served, town: Store) -> None:
    client = served.client("viewer")
    for form, query in (("csv", ""), ("xlsx", "&q=Wien"), ("json", "&view=site123&q=nobody")):
        assert client.get(f"/customers/export?format={form}{query}").status_code == 200
    client.get("/customers/export")  # the choice alone takes nothing
    lines = [line["detail"] for line in Desk(town).kinds("exported")]
    assert [(one["view"], one["rows"], one["format"]) for one in lines] == [
        ("default", 7, "csv"), ("default", 2, "xlsx"), ("site123", 0, "json"),
    ]  # fmt: skip
    assert all(line["actor"].startswith("operator viewer") for line in Desk(town).kinds("exported"))


def test_what_cannot_be_exported_is_a_sentence_and_not_in_the_log(served: Served, town: Store) -> None:
    answer = served.client("viewer").get("/customers/export?format=pdf")
    assert (answer.status_code, "no export format" in answer.text) == (400, True)
    assert Desk(town).kinds("exported") == []


@on_sqlite
def test_S31_the_arrow_beside_adding_leads_to_export_and_import(town: Store, browse: Browse) -> None:
    tab = browse("/customers", role="operator")
    tab.fill("#q", "Wien")
    tab.wait_for_url("**q=Wien*")
    tab.click("summary[aria-label='Import and export']")
    assert tab.get_by_role("link", name="Import …").get_attribute("href") == "/imports/new"
    with tab.expect_download() as coming:
        tab.get_by_role("link", name="Export as CSV").click()
    with coming.value.path().open(encoding="utf-8-sig", newline="") as file:
        assert {row["city"] for row in csv.DictReader(file)} == {"Wien"}, "the list as it is now, not as it was loaded"


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_axe_finds_nothing(town: Store, browse: Browse, way: dict[str, int]) -> None:
    assert violations(browse("/customers/export?q=Wien", **way)) == []
