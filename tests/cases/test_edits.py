"""T53 and T40 by file: rows that carry a klientela_id are edits under R37 and R38, undoable with their batch (R51)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Conflict
from klientela.flow import correct, decide, remarks, withdraw
from klientela.flow.importing import Imported, Into, import_records, import_source
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Address, Number, Person
from klientela.settings.views import PRESETS, View
from klientela.store import Store, ledger
from klientela.store.export import export
from klientela_csv import open_file
from tests.cases.seen import Desk, account, contact
from tests.shops import Shop, bring, use

TITLES = {"memory": "Shopify", "csv": "CSV"}
Row = dict[str, str]


class File(Shop):
    """A list, which operators may edit."""

    type = "csv"
    title = "CSV"


@pytest.fixture
def desk(store: Store) -> Desk:
    """Anna of a shop, Bernd of a list, and Carla of both."""
    use(store)
    home = Address(street="Lindenstr.", house_number="5", zip="10969", city="Berlin", country="Germany")
    bring(store, "SH", [
        account("1", "Anna", "Ahorn", email="Anna@X.de", phone="+49 30 111222", tags=["b2b", "vip"], addresses=[home],
                numbers=[Number("K-1")], created_at=1, version=1),
        account("3", "Carla", "Cello", email="c@x.de", created_at=3, version=1),
    ])  # fmt: skip
    listed = [
        contact("2", "Bernd", "Birke", email="b@x.de", company="=Birke", addresses=[home], created_at=2, crm_id="B2"),
        contact("9", "Carla", "Cello", email="c@x.de", company="Cello KG", created_at=4),
    ]
    assert sync(store, File("list", listed)).status == "ok"
    return Desk(store)


@pytest.fixture
def edit(store: Store, tmp_path: Path) -> Callable[..., Imported]:
    """Export a view, change what the rows say, and import it again."""

    def edit(change: Callable[[dict[str, Row]], object] = lambda rows: None, *, name: str = "autoletter",
             columns: tuple[str, ...] = (), **options: Any) -> Imported:  # fmt: skip
        chosen = View.model_validate({**PRESETS[name], **({"columns": columns} if columns else {})})
        with store.reading() as db:
            text = "".join(export(db, chosen, "csv", key=store.key))
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        change({row["first_name"]: row for row in rows})
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        file = tmp_path / "export.csv"
        file.write_text(out.getvalue(), "utf-8")
        reader = open_file(file, name="list", edits=True)
        return import_source(store, Into("list", "csv"), reader, name=file.name, digest="d", titles=TITLES, **options)

    return edit


def lines(store: Store) -> tuple[int, ...]:
    with store.reading() as db:
        return tuple(db.rows(f"SELECT count(*) FROM {t}")[0][0] for t in ("txn", "audit", "decision", "claim", "batch"))


def whole(store: Store) -> None:
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


@pytest.mark.parametrize("view", [name for name in PRESETS if name != "cockpit"])  # which lists orderers only
def test_T53_an_export_that_comes_back_unchanged_is_no_change(
    store: Store, desk: Desk, edit: Callable[..., Imported], view: str
) -> None:
    remarks.tag(store, ["SH/customer/1"], "stamm")
    correct.pin(store, "SH/customer/1", "phone", "+49 30 333444", overlay=True)
    before, told, counted = desk.everything(), desk.profile("1", "SH"), lines(store)
    made = edit(name=view, columns=("name", "email", "phone", "company", "location", "tags", "customer_number", "crm_id",
                                    "promotion", "status", "sources", "joined", "ltv"))  # fmt: skip
    assert (made.rejected, made.counts["unchanged"], made.counts["changed"]) == ([], 3, 0)
    assert (made.batch, made.seq, made.customers) == (None, None, [])
    assert (desk.everything(), desk.profile("1", "SH"), lines(store)) == (before, told, counted)


def test_T53_a_city_changed_on_a_shops_row_is_one_refused_field(
    store: Store, desk: Desk, edit: Callable[..., Imported]
) -> None:
    before, counted = desk.everything(), lines(store)
    made = edit(lambda rows: rows["Anna"].update(city="Dresden"))
    (one,) = made.rejected
    assert (one.column, one.key) == ("city", desk.public("1", "SH"))
    assert one.reason == "the city comes from Shopify (SH), so it changes there"
    assert (made.counts["unchanged"], made.batch) == (2, None)
    assert (desk.everything(), lines(store)) == (before, counted)


def test_T53_a_city_changed_on_a_lists_row_is_an_edit_that_goes_with_its_batch(
    store: Store, desk: Desk, edit: Callable[..., Imported]
) -> None:
    before = desk.everything()

    def change(rows: dict[str, Row]) -> None:
        rows["Bernd"].update(city="Dresden", company="Neu, & Söhne")
        rows["Anna"].update(last_name="Neu")

    dry = edit(change, dry_run=True)
    assert desk.everything() == before
    made = edit(change)
    assert [one.column for one in made.rejected] == ["last_name"] == [one.column for one in dry.rejected]
    assert (made.counts["changed"], len(made.customers), dry.customers) == (1, 1, made.customers)
    told = desk.profile("2", "list")
    assert (told["city"], told["company"]) == ("Dresden", "Neu, & Söhne")
    assert told["addresses"][0]["street"] == "Lindenstr."
    assert {(line["field"], line["decision"], line["actor"]) for line in told["history"]} == {
        ("address", "edit", "operator"),
        ("company", "edit", "operator"),
    }
    whole(store)
    assert made.seq is not None
    assert made.batch is not None
    with pytest.raises(Conflict, match=f"{made.seq} is the import {made.batch}"):
        decide.undo(store, made.seq)
    back = withdraw.undo(store, made.batch)
    assert desk.everything() == before
    assert [one["id"] for one in back.customers] == [told["id"]]
    assert len(desk.profile("2", "list")["history"]) == 4, "both lines of each"
    whole(store)
    assert back.seq is not None
    with pytest.raises(Conflict, match="took the import"):
        decide.undo(store, back.seq)


def test_edits_of_a_batch_go_also_after_later_syncs_and_edits(
    store: Store, desk: Desk, edit: Callable[..., Imported]
) -> None:
    made = edit(lambda rows: rows["Bernd"].update(company="Eins", city="Dresden"))
    correct.edit(store, "list/customer/2", {"company": "Zwei"})
    bring(store, "SH", [account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1, version=2)])
    assert made.batch is not None
    withdraw.undo(store, made.batch)
    row = desk.row("2", "list")
    assert (row["company"], row["city"]) == ("Zwei", "Berlin")
    whole(store)


def test_R38_a_mixed_customer_is_decided_field_by_field(
    store: Store, desk: Desk, edit: Callable[..., Imported]
) -> None:
    made = edit(lambda rows: rows["Carla"].update(company="Neu", first_name="Karla", country="Polen"))
    assert [(one.column, "Shopify" in one.reason) for one in made.rejected] == [("first_name", True)]
    row = desk.row("3", "SH")
    assert (row["company"], row["first_name"], row["country"]) == ("Neu", "Carla", "PL")
    told = desk.profile("3", "SH")["provenance"]
    assert {told[field]["record"] for field in ("company", "country")} == {"list/customer/9"}
    whole(store)


@pytest.mark.parametrize(("email", "also"), [("new@x.de", "Neu"), ("", "Neu"), ("new@x.de", "")])
def test_T40_a_row_with_another_email_is_refused_whole(
    store: Store, desk: Desk, edit: Callable[..., Imported], email: str, also: str
) -> None:
    before, counted = desk.everything(), lines(store)
    made = edit(lambda rows: rows["Bernd"].update(email=email, **({"company": also} if also else {})))
    (one,) = made.rejected
    assert one.column == "email"
    assert "only by the sync of its own source (R37), so nothing of this row is written" in one.reason
    assert (desk.everything(), lines(store)) == (before, counted)


@pytest.mark.parametrize(
    ("change", "column", "said"),
    [
        ({"country": "Narnia"}, "country", "'Narnia' is no country"),
        ({"phone": "call"}, "phone", "at least 3 digits"),
        ({"company": "x" * 201}, "company", "longer than 200"),
        ({"customer_number": "K-9"}, "number", "given by its source"),
    ],
)
def test_what_cannot_be_is_refused_and_the_rest_of_the_row_is_written(
    store: Store, desk: Desk, edit: Callable[..., Imported], change: Row, column: str, said: str
) -> None:
    columns = ("name", "phone", "company", "location", "customer_number")
    made = edit(lambda rows: rows["Bernd"].update(change, last_name="Buche"), columns=columns)
    (one,) = made.rejected
    assert one.column == column
    assert said in one.reason
    assert desk.row("2", "list")["last_name"] == "Buche"
    whole(store)


def test_tags_are_put_on_and_never_taken_off_by_a_file(store: Store, desk: Desk, edit: Callable[..., Imported]) -> None:
    made = edit(lambda rows: rows["Bernd"].update(tags="stamm"), columns=("name", "tags"))
    assert (made.rejected, desk.row("2", "list")["tags"]) == ([], ["stamm"])
    made = edit(lambda rows: rows["Anna"].update(tags="neu, vip"), columns=("name", "tags"))
    assert [(one.column, "leaves out b2b" in one.reason) for one in made.rejected] == [("tags", True)]
    assert desk.row("1", "SH")["tags"] == ["b2b", "vip"]
    whole(store)


def test_R51_a_city_that_another_record_supplements_is_no_edit(
    store: Store, desk: Desk, edit: Callable[..., Imported]
) -> None:
    """The list shows the city of the chosen address, else the first known one (R27)."""
    bring(store, "SH", [account("5", "Emil", "Esche", email="e@x.de", addresses=[Address(zip="1")], created_at=5)])
    rows = [contact("55", "Emil", "Esche", email="e@x.de", addresses=[Address(city="Ulm")], company="E", created_at=6)]
    assert sync(store, File("other", rows)).status == "ok"
    assert desk.row("5", "SH")["city"] == "Ulm"
    made = edit(lambda rows: rows["Emil"].update(company="F"))
    assert made.rejected == []
    assert (desk.row("5", "SH")["company"], desk.row("5", "SH")["city"]) == ("F", "Ulm")
    assert [line["field"] for line in desk.profile("5", "SH")["history"] if line["decision"]] == ["company"]


def test_two_rows_about_one_customer_follow_each_other(store: Store, desk: Desk) -> None:
    public = desk.public("2", "list")
    places = [Address(city="Dresden")]
    rows = [Person(external_id=public, channel="edit", company=name, addresses=places) for name in ("Eins", "Zwei")]
    made = import_records(store, Into("list", "csv"), rows, name="two", digest="d")
    assert (made.counts["changed"], made.rejected) == (2, [])
    row = desk.row("2", "list")
    assert (row["company"], row["city"]) == ("Zwei", "Dresden")
    assert len([x for x in desk.profile("2", "list")["history"] if x["field"] == "address"]) == 1
    whole(store)


def test_new_rows_and_edits_are_one_batch(store: Store, desk: Desk, tmp_path: Path) -> None:
    before = desk.everything()
    file = tmp_path / "both.csv"
    text = f"klientela_id,external_id,email,company\n{desk.public('2', 'list')},,b@x.de,Neu\n,77,dora@x.de,Dora KG\n"
    file.write_text(text, "utf-8")
    made = import_source(store, Into("list", "csv"), open_file(file, name="list", edits=True), name="two", digest="d")
    assert (made.counts["changed"], made.counts["new"], len(made.customers)) == (1, 1, 2)
    assert desk.row("77", "list")["company"] == "Dora KG"
    assert made.batch is not None
    withdraw.undo(store, made.batch)
    assert desk.everything() == before
    whole(store)


def test_T40_a_record_with_another_email_is_refused_whole(store: Store) -> None:
    use(store)
    assert sync(store, File("list", [contact("2", "Bernd", email="b@x.de", company="Alt")])).status == "ok"
    desk = Desk(store)
    row = Person(external_id=desk.public("2", "list"), channel="edit", company="Neu", email="new@x.de")
    made = import_records(store, Into("list", "csv"), [row], name="one", digest="d")
    assert [one.column for one in made.rejected] == ["email"]
    assert (desk.row("2", "list")["company"], desk.row("2", "list")["email"]) == ("Alt", "b@x.de")


def test_R50b_edits_leave_with_their_batch(store: Store) -> None:
    use(store)
    assert sync(store, File("list", [contact("2", "Bernd", email="b@x.de", company="Alt")])).status == "ok"
    desk = Desk(store)
    row = Person(external_id=desk.public("2", "list"), channel="edit", company="Neu")
    made = import_records(store, Into("list", "csv"), [row], name="one", digest="d")
    assert desk.row("2", "list")["company"] == "Neu"
    assert made.batch is not None
    withdraw.undo(store, made.batch)
    assert desk.row("2", "list")["company"] == "Alt"
    whole(store)
