"""One-off imports: files and pasted lists into csv and manual sources, whole or not at all, on both databases."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Any

import pytest

from klientela.errors import Misconfigured
from klientela.flow import importing
from klientela.flow.importing import Imported, Into, import_records, import_source
from klientela.flow.rebuild import rebuild
from klientela.flow.sync import sync
from klientela.kit import Consent, Number, Order, Person, RecordRejected, Rejected, Source
from klientela.model.records import Record
from klientela.store import Store, ids, ledger
from klientela_csv import CsvSource, open_file
from klientela_csv.paste import paste
from tests.shops import Shop, bring, use

LIST = Into("list", "csv")
MANUAL = Into("manual", "manual")
ROWS = "external_id,first_name,last_name,email\n"


def write(tmp_path: Path, text: str, name: str = "people.csv") -> Path:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def load(store: Store, file: Path, into: Into = LIST, *, reader: Source | None = None, **options: Any) -> Imported:
    """Import a file as the command does."""
    subscribe = options.get("subscribe", False)
    entity: Any = "manual" if into == MANUAL else "customer"
    made = reader or open_file(file, name=into.name, entity=entity, subscribe=subscribe, edits=True)
    return import_source(store, into, made, name=file.name, digest="d", **options)


def counts(store: Store) -> dict[str, int]:
    tables = ("record", "claim", "customer", "audit", "batch", "txn", "quarantine", "source", "channel")
    with store.reading() as db:
        return {table: db.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def emails(store: Store) -> list[str]:
    with store.reading() as db:
        return sorted(row[0] for row in db.rows("SELECT email FROM customer"))


def test_an_import_is_a_batch_with_a_line_and_its_customers(store: Store, tmp_path: Path) -> None:
    use(store)
    made = load(store, write(tmp_path, ROWS + "1,Anna,Alt,a@x.example\n2,Bernd,Neu,b@x.example\n")).as_dict()
    assert (made["read"], made["new"], made["rejected"], made["ignored"]) == (2, 2, [], [])
    assert [sorted(one) for one in made["customers"]] == [["effect", "id", "records"]] * 2
    first = made["customers"][0]
    assert {record["source"] for record in first["records"]} == {"list"}
    assert first["id"] in {ids.text(ids.public_id("list", "customer", ext, store.key)) for ext in "12"}
    with store.reading() as db:
        keyed = hmac.digest(store.key, b"batch\0d", "sha256").hex()
        assert db.rows("SELECT id, name, digest, subscribe, from_seq, withdrawn_seq FROM batch") == [
            (made["batch"], "people.csv", keyed, 0, made["seq"], None)
        ]
        assert db.rows("SELECT name, rank FROM channel") == [(f"import:{made['batch']}", 1_000_000 - made["batch"])]
        assert db.rows("SELECT actor FROM txn WHERE seq = ?", (made["seq"],)) == [("operator",)]
        assert [row[0] for row in db.rows("SELECT kind FROM audit ORDER BY seq, n")] == ["founded"] * 2 + ["imported"]
        assert list(ledger.verify(db)) == []
        assert db.one("SELECT 1 FROM meta WHERE name = 'indexes'")  # the list can be read at once
    assert rebuild(store, check=True).equal


def test_r50_the_same_file_twice_changes_no_customer(store: Store, tmp_path: Path) -> None:
    use(store)
    file = write(tmp_path, ROWS + "1,Anna,Alt,a@x.example\n2,Bernd,Neu,b@x.example\n")
    load(store, file)
    with store.reading() as db:
        before = db.rows("SELECT * FROM customer ORDER BY id"), db.rows("SELECT * FROM tally ORDER BY id")
    again = load(store, file)
    assert (again.customers, again.batch) == ([], 2)
    assert (again.counts["changed"], again.counts["unchanged"]) == (0, 2)
    with store.reading() as db:
        assert (db.rows("SELECT * FROM customer ORDER BY id"), db.rows("SELECT * FROM tally ORDER BY id")) == before
        assert db.rows("SELECT count(*) FROM claim WHERE to_seq IS NULL") == [(2,)]  # R50b: said by the new batch too
        assert db.rows("SELECT kind FROM audit WHERE seq = ?", (again.seq,)) == [("imported",)]


def test_later_imports_outrank_earlier_ones_and_the_source_itself_outranks_both(store: Store, tmp_path: Path) -> None:
    use(store)
    for number, name in enumerate(("Anna", "Berta")):
        load(store, write(tmp_path, ROWS + f"1,{name},Alt,a@x.example\n", f"{number}.csv"))
    with store.reading() as db:
        assert db.rows("SELECT first_name FROM customer") == [("Berta",)]
    (tmp_path / "own.csv").write_text(ROWS + "1,Clara,Alt,a@x.example\n", "utf-8")
    own = open_file(tmp_path / "own.csv", name="list")
    assert sync(store, own).status == "ok"
    load(store, write(tmp_path, ROWS + "1,Dora,Alt,a@x.example\n", "3.csv"))
    with store.reading() as db:
        assert db.rows("SELECT first_name FROM customer") == [("Clara",)]
    assert rebuild(store, check=True).differences == []


def test_a_file_that_turns_an_import_back_is_a_change(store: Store, tmp_path: Path) -> None:
    use(store)
    for name in ("Anna", "Berta", "Anna"):
        made = load(store, write(tmp_path, ROWS + f"1,{name},Alt,a@x.example\n"))
    assert (made.counts["changed"], made.counts["unchanged"]) == (1, 0)
    with store.reading() as db:
        assert db.rows("SELECT first_name FROM customer") == [("Anna",)]


def test_a_dry_run_says_the_same_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    use(store)
    load(store, write(tmp_path, ROWS + "1,Anna,Alt,a@x.example\n", "before.csv"))
    before = counts(store)
    file = write(tmp_path, ROWS + "1,Anna,Neu,a@x.example\n2,Bernd,Neu,b@x.example\n3,No,Mail,no mail\n")
    fix = tmp_path / "fix.csv"
    dry = load(store, file, dry_run=True, fix_file=fix).as_dict()
    assert counts(store) == before
    assert not fix.exists()
    assert "seq" not in dry
    done = load(store, file, fix_file=fix).as_dict()
    assert done.pop("seq") > 0
    assert done.pop("fix_file") == str(fix)
    assert dry.pop("fix_file") is None
    assert dry == done
    assert len(dry["customers"]) == 2


def test_each_customer_is_told_with_the_effect(store: Store) -> None:
    """Anna gains a record, Ben and Bernd come together by a third record, Cora's value changes, Dora is new; Emil's two
    records come in one file, so he is new as well."""
    use(store)
    cora = Person(external_id="c", first_name="Cora", email="c@x.de")
    import_records(store, LIST, [cora], name="n", digest="d")
    bring(store, "shop", [
        Person(external_id="1", first_name="Anna", email="a@x.de"),
        Person(external_id="2", first_name="Ben", email="b@x.de"),
        Person(external_id="3", first_name="Ben", email="bb@x.de"),
    ])  # fmt: skip
    file: list[Record] = [
        Person(external_id="a", first_name="Anna", email="a@x.de", created_at=1),
        Person(external_id="b", first_name="Ben", email="b@x.de", emails=["bb@x.de"]),
        Person(external_id="c", first_name="Cora", email="c@x.de", company="ACME"),
        Person(external_id="d", first_name="Dora", email="d@x.de"),
        Person(external_id="e", first_name="Emil", email="e@x.de"),
        Person(external_id="f", first_name="Emil", email="f@x.de"),
        Person(external_id="g", first_name="Emil", email="e@x.de", emails=["f@x.de"]),
    ]
    for size in (250, 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importing, "_PAGE", size)
            made = import_records(store, LIST, file, name="n", digest="d", dry_run=True)
        effects = {
            frozenset(record["external_id"] for record in one["records"]): one["effect"] for one in made.customers
        }
        assert effects == {
            frozenset("1a"): "joined",
            frozenset("23b"): "joined",
            frozenset("c"): "changed",
            frozenset("d"): "new",
            frozenset("efg"): "new",
        }


def test_a_dry_run_into_an_empty_store_leaves_it_empty(store: Store, tmp_path: Path) -> None:
    use(store)
    before = counts(store)
    assert load(store, write(tmp_path, ROWS + "1,Anna,Alt,a@x.example\n"), MANUAL, dry_run=True).customers
    assert counts(store) == before


def test_t48_a_strict_header_refuses_the_whole_file(store: Store, tmp_path: Path) -> None:
    use(store)
    file = write(tmp_path, "Loyalty," + ROWS + "gold,1,Anna,Alt,a@x.example\n")
    reader = open_file(file, name="list", headers="strict", edits=True)
    before = counts(store)
    with pytest.raises(Misconfigured, match="Loyalty"):
        load(store, file, reader=reader)
    assert counts(store) == before


def test_t49_lenient_takes_the_rows_and_reports_the_column(store: Store, tmp_path: Path) -> None:
    use(store)
    made = load(store, write(tmp_path, "Loyalty," + ROWS + "gold,1,Anna,Alt,a@x.example\n"))
    assert len(made.customers) == 1
    assert [said for said in made.ignored if "Loyalty" in said]


def test_t51_bad_rows_are_told_and_their_mended_file_brings_only_them(store: Store, tmp_path: Path) -> None:
    use(store)
    rows = [f"{n},Name{n},Berg,p{n}@x.example" for n in range(1, 10)]
    rows[1] = "2,Name2,Berg,no mail"  # line 3
    rows[5] = "6,Name6,Berg"  # line 7
    fix = tmp_path / "people.fix.csv"
    made = load(store, write(tmp_path, ROWS + "\n".join(rows) + "\n"), fix_file=fix)
    assert [(one.line, one.column, one.key) for one in made.rejected] == [(3, "email", "2"), (7, None, "6")]
    assert all(one.reason for one in made.rejected)
    assert made.fix_file == str(fix)
    assert len(emails(store)) == 7
    assert counts(store)["quarantine"] == 0
    text = (
        fix.read_text("utf-8-sig").replace("no mail", "p2@x.example").replace("Name6,Berg", "Name6,Berg,p6@x.example")
    )
    again = load(store, write(tmp_path, text, "mended.csv"), fix_file=fix)
    assert again.rejected == []
    assert (again.counts["new"], again.counts["read"]) == (2, 2)
    assert len(again.customers) == 2
    assert len(emails(store)) == 9


def test_the_file_of_bad_rows_never_overwrites_one_that_is_being_mended(store: Store, tmp_path: Path) -> None:
    use(store)
    fix = tmp_path / "fix.csv"
    fix.write_text("mine", "utf-8")
    made = load(store, write(tmp_path, ROWS + "1,Anna,Alt,no mail\n"), fix_file=fix)
    assert made.fix_file == str(tmp_path / "fix-2.csv")
    assert fix.read_text("utf-8") == "mine"
    with pytest.raises(Misconfigured, match="cannot be written"):
        load(store, write(tmp_path, ROWS + "1,Anna,Alt,no mail\n"), fix_file=tmp_path / "no" / "fix.csv")


def test_t52_pasted_addresses(store: Store) -> None:
    use(store)
    pasted = paste("a@x.de, A@x.de ,b@x.de, foo", entity="manual")
    made = import_records(store, MANUAL, pasted.persons, pasted.rejected, name="pasted list", digest="d")
    assert emails(store) == ["a@x.de", "b@x.de"]
    assert len(made.customers) == 2
    assert [one.key for one in made.rejected] == ["foo"]
    with store.reading() as db:
        assert db.rows("SELECT DISTINCT status, manual FROM customer") == [(1, 1)]  # R3
        assert db.rows("SELECT uid, type FROM source") == [("manual", "manual")]


@pytest.mark.parametrize(("subscribe", "state"), [(False, "unknown"), (True, "granted")])
def test_t46_t47_an_import_grants_only_where_auto_subscribe_is_ticked(
    store: Store, tmp_path: Path, subscribe: bool, state: str
) -> None:
    use(store)
    text = "external_id,email,consent_email\n" + "".join(f"{n},p{n}@x.example,yes\n" for n in range(10))
    load(store, write(tmp_path, text), subscribe=subscribe)
    with store.reading() as db:
        said = [row[0] for row in db.rows("SELECT consents FROM customer")]
        evidence = db.rows("SELECT body FROM record")
    assert len(said) == 10
    assert all(("granted" in (one or "")) is (state == "granted") for one in said)
    assert all((b"people.csv" in bytes(body[0])) is subscribe for body in evidence)


def test_an_objection_in_the_file_counts_also_without_auto_subscribe(store: Store) -> None:
    use(store)
    both = [
        Consent(channel="email", purpose="promotion", state="denied", at=5),
        Consent(channel="sms", purpose="promotion", state="granted", basis="import"),
    ]
    person = Person(external_id="1", entity="manual", email="a@x.de", consents=both)
    import_records(store, MANUAL, [person], name="n", digest="d")
    with store.reading() as db:
        assert db.rows("SELECT consents FROM customer") == [('{"email": {"promotion": "denied"}}',)]


def test_what_staging_refuses_is_told_and_not_left_in_the_quarantine(store: Store) -> None:
    use(store)
    odd: list[Record] = [Person(external_id="", email="a@x.de"), Order(external_id="o", total=2**60, currency="EUR")]
    made = import_records(store, LIST, [*odd, Person(external_id="2", email="b@x.de")], name="n", digest="d")
    assert len(made.rejected) == 2
    assert counts(store)["quarantine"] == 0
    assert emails(store) == ["b@x.de"]


def test_imports_go_into_csv_api_and_manual_sources_only(store: Store) -> None:
    use(store)
    with pytest.raises(Misconfigured, match="takes no imports"):
        import_records(store, Into("main", "shopify"), [Person(external_id="1")], name="n", digest="d")
    bring(store, "main", [Person(external_id="1", email="a@x.de")])
    with pytest.raises(Misconfigured, match="connected as memory"):
        import_records(store, Into("main", "csv"), [Person(external_id="1")], name="n", digest="d")
    import_records(store, Into("push", "api"), [Person(external_id="1", email="c@x.de")], name="n", digest="d")
    assert emails(store) == ["a@x.de", "c@x.de"]


def test_orders_count_and_their_buyers_are_named(store: Store) -> None:
    use(store)
    import_records(store, LIST, [Person(external_id="1", email="a@x.de")], name="n", digest="d")
    made = import_records(
        store, LIST, [Order(external_id="o", customer="1", total=500, currency="EUR")], name="n", digest="d"
    )
    assert [one["records"][0]["external_id"] for one in made.customers] == ["1"]
    with store.reading() as db:
        assert db.rows("SELECT orders, ltv FROM tally") == [(1, 500)]


class Broken(Shop):
    """Falls over in the middle."""

    def _read(self, *args: Any) -> Any:
        yield from super()._read(*args)
        raise RecordRejected("the file ends in the middle")


def test_a_file_that_breaks_in_the_middle_is_not_imported_at_all(store: Store) -> None:
    use(store)
    people = [Person(external_id=str(n), email=f"p{n}@x.de") for n in range(10)]
    before = counts(store)
    with pytest.raises(RecordRejected):
        import_source(store, LIST, Broken("list", people, size=3), name="n", digest="d")
    assert counts(store) == before


def test_nothing_but_bad_rows_makes_no_batch(store: Store) -> None:
    use(store)
    made = import_records(store, MANUAL, [], [Rejected(reason="no mail", key="foo")], name="n", digest="d").as_dict()
    assert (made["seq"], made["batch"], made["customers"]) == (None, None, [])


# -- edits (R51) -----------------------------------------------------------------------------------------------------


@pytest.fixture
def anna(store: Store) -> str:
    use(store)
    bring(store, "main", [
        Person(external_id="7", kind="account", first_name="Anna", last_name="Alt", email="Anna@x.example",
               phone="+49 351 123", tags=["vip", "b2b"], numbers=[Number("K-7")], company=None),
    ])  # fmt: skip
    return ids.text(ids.public_id("main", "customer", "7", store.key))


def test_t53_what_was_exported_comes_back_unchanged(store: Store, tmp_path: Path, anna: str) -> None:
    before = counts(store)
    text = "klientela_id,first_name,last_name,email,phone,company,tags\n"
    text += f'{anna},Anna,Alt,Anna@x.example,\'+49 351 123,,"b2b,vip"\n'
    made = load(store, write(tmp_path, text))
    assert made.rejected == []
    assert (made.counts["unchanged"], made.customers, made.batch) == (1, [], None)
    assert {**counts(store), "source": 0} == {**before, "source": 0}  # at most the source is known now


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("email", "new@x.example", "R37"), ("city", "Dresden", "city"), ("company", "ACME", "company")],
)
def test_an_edit_is_refused_field_by_field_with_the_reason(
    store: Store, tmp_path: Path, anna: str, column: str, value: str, said: str
) -> None:
    text = f"klientela_id,first_name,{column}\n{anna},Anna,{value}\n"
    (one,) = load(store, write(tmp_path, text)).rejected
    assert said in one.reason
    assert (one.key, one.line) == (anna, 2)
    assert emails(store) == ["Anna@x.example"]


def test_an_unknown_klientela_id_is_rejected(store: Store, tmp_path: Path, anna: str) -> None:
    text = f"klientela_id,email\n{anna[:-4]}0000,a@x.example\nnonsense,b@x.example\n"
    made = load(store, write(tmp_path, text))
    assert [(one.line, one.column, one.reason) for one in made.rejected] == [
        (line, "klientela_id", "no customer has this klientela_id") for line in (2, 3)
    ]


def test_what_staging_refuses_names_its_line_too(store: Store, tmp_path: Path) -> None:
    use(store)
    text = "email,order_id,total\na@x.example,1,5.00\nb@x.example,2,99999999999999.00\n"
    made = load(store, write(tmp_path, text))
    assert [(one.line, one.key) for one in made.rejected] == [(3, "2")]
    assert emails(store) == ["a@x.example"]


def test_a_configured_csv_source_reads_its_own_way(store: Store, tmp_path: Path) -> None:
    use(store)
    settings = CsvSource.Settings.model_validate(
        {"type": "csv", "path": "x.csv", "columns": {"email": "post"}, "delimiter": ";"}
    )
    file = write(tmp_path, "post;first\na@x.example;Anna\n")
    reader = CsvSource("list", settings).for_file(file, edits=True)
    assert len(load(store, file, reader=reader).customers) == 1
    assert emails(store) == ["a@x.example"]
