"""`klientela person` on the command line: erase, restore, export, release, and what is wrong with it (T64, T67)."""

from __future__ import annotations

import json
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

from klientela.kit import Address, Consent, File, Letter, Message
from klientela.store import Store, open_store
from tests.cases.seen import account, contact, order
from tests.daemon.conftest import configure
from tests.daemon.house import Process
from tests.shops import bring

LIST = '[sources.list]\ntype = "csv"\npath = "people.csv"\n'
ROWS = "Email,First Name,Last Name,City,Country\n"
ANNA = "list/customer/mail:a@x.example"


def people(*rows: str) -> None:
    Path("people.csv").write_text(ROWS + "".join(f"{row}\n" for row in rows), "utf-8")


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)


@pytest.fixture
def house(run: Any, here: Path) -> Path:
    people("a@x.example,Anna,Ahorn,Berlin,DE", "b@x.example,Bernd,Neu,Wien,AT")
    configure(LIST)
    assert run("sync")[0] == 0
    return here


def test_T64_erased_synced_again_imported_again_and_restored(run: Any, house: Path) -> None:
    assert run("backup", "yesterday")[0] == 0
    anna = next(c for c in document(run, "customers")["rows"] if c["name"] == "Anna Ahorn")["id"]
    shown = document(run, "person", "erase", anna, "--reason", "asked by letter", "--dry-run")
    assert "seq" not in shown
    assert not (house / "klientela.tombstones").exists()
    made = document(run, "person", "erase", anna, "--reason", "asked by letter")
    assert (made["records"], {k: v for k, v in made.items() if k not in ("seq", "tombstone", "cleaned")}) == (1, shown)
    assert (house / "klientela.tombstones").stat().st_mode & 0o077 == 0
    (synced,) = document(run, "sync", "--full")["runs"]
    assert (synced["status"], synced["suppressed"]) == ("ok", 1)
    assert document(run, "import", "people.csv", "--into", "list")["suppressed"] == 1
    code, out, _ = run("restore", "yesterday")
    assert code == 0
    assert "1 record of people who were erased since was suppressed." in out
    assert [c["name"] for c in document(run, "customers")["rows"]] == ["Bernd Neu"]
    (synced,) = document(run, "sync", "--full")["runs"]
    assert synced["suppressed"] == 1
    assert document(run, "audit", "verify")["whole"]
    assert document(run, "person", "release", made["tombstone"], "--reason", "came back")["tombstone"]
    document(run, "sync", "--full")
    assert len(document(run, "customers")["rows"]) == 2


def test_T73_a_backup_of_before_a_renaming_brings_nobody_back(run: Any, house: Path) -> None:
    configure(LIST.replace("people.csv", "ids.csv"))
    Path("ids.csv").write_text("external_id,first_name,last_name\n7,Erna,Erle\n8,Fritz,Fichte\n", "utf-8")
    document(run, "sync")
    assert run("backup", "yesterday")[0] == 0
    document(run, "person", "erase", "list/customer/7", "--reason", "asked")
    document(run, "sources", "rename", "list", "people")
    assert document(run, "restore", "yesterday")["renamed"] == {"list": "people"}
    document(run, "sync", "--full")
    assert [one["source"] for one in document(run, "sources")["sources"]] == ["people"]
    names = [c["name"] for c in document(run, "customers")["rows"]]
    assert (names.count("Fritz Fichte"), names.count("Erna Erle")) == (1, 0)
    for left in Path().glob("klientela.db*"):
        left.unlink()  # the disk was lost: nobody knows the new name
    _, out, err = run("restore", "yesterday")
    assert "`klientela sources rename list NEW`" in out + err


def test_a_store_that_was_copied_back_by_hand_is_told_too(run: Any, house: Path) -> None:
    assert run("backup", "yesterday")[0] == 0
    document(run, "person", "erase", ANNA, "--reason", "asked")
    for side in Path().glob("klientela.db-*"):
        side.unlink()
    Path("yesterday").replace("klientela.db")
    code, out, err = run("customers")
    assert code == 0
    assert "Anna" not in out
    assert "1 record suppressed (R56)" in err


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("erase", "nobody", "--reason", "x"), 1, "neither the id of a customer"),
        (("erase", "00000000-0000-5000-8000-000000000000", "--reason", "x"), 1, "no customer has the id"),
        (("erase", ANNA, "--reason", " "), 2, "needs a reason"),
        (("erase", ANNA, "--reason", "Anna Ahorn wrote"), 2, "names the person"),
        (("erase", ANNA, "--reason", "x", "--record", "list/customer/mail:b@x.example"), 1, "not proposed"),
        (("erase", ANNA), 2, "reason"),
        (("release", ANNA, "--reason", "x"), 1, "no tombstone"),
        (("release", ANNA, "--reason", ""), 2, "needs a reason"),
        (("export", "nobody", "-o", "x.zip"), 1, "neither the id of a customer"),
        (("export", ANNA, "-o", "no/such/folder.zip"), 2, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    run: Any, house: Path, args: tuple[str, ...], code: int, said: str
) -> None:
    before = document(run, "customers")
    done, out, err = run("person", *args)
    assert (done, out) == (code, "")
    assert said in err
    assert document(run, "customers") == before
    assert not (house / "klientela.tombstones").exists()


def test_an_erasure_is_not_undone_and_not_repeated(run: Any, house: Path) -> None:
    made = document(run, "person", "erase", ANNA, "--reason", "asked")
    for args in (("undo", str(made["seq"])), ("person", "erase", ANNA, "--reason", "again")):
        done, out, err = run(*args)
        assert (done, out) == (1, "")
        assert "cannot be undone" in err or "erased already" in err


def test_a_release_can_be_tried(run: Any, house: Path) -> None:
    made = document(run, "person", "erase", ANNA, "--reason", "asked")
    before = document(run, "audit"), (house / "klientela.tombstones").read_bytes()
    tried = document(run, "person", "release", ANNA, "--reason", "came back", "--dry-run")
    assert tried == {"customers": [], "tombstone": made["tombstone"]}
    assert "Nothing was written." in run("person", "release", ANNA, "--reason", "x", "--dry-run")[1]
    assert (document(run, "audit"), (house / "klientela.tombstones").read_bytes()) == before
    assert run("person", "release", "list/customer/none", "--reason", "x", "--dry-run")[0] == 1
    assert document(run, "person", "release", ANNA, "--reason", "came back")["tombstone"] == made["tombstone"]


def test_T64_who_was_erased_is_not_added_by_hand(run: Any, house: Path) -> None:
    document(run, "person", "erase", ANNA, "--reason", "asked")
    before = document(run, "import", "list"), document(run, "audit")
    for more in ([], ["--dry-run"]):
        done, out, err = run(
            "customer", "add", "--first-name", "Anna", "--last-name", "Ahorn", "--email", "A@x.example", *more
        )
        assert (done, out) == (1, "")
        assert "somebody who was erased" in err
        assert len(err.splitlines()) == 2
    assert (document(run, "import", "list"), document(run, "audit")) == before


POINTS = {
    "erasure.derived": "still there",
    "erasure.tombstoned": "carried out at the next opening",
    "erasure.committed": "to be cleaned",
    "erasure.cleaning": "to be cleaned",
}


@pytest.mark.parametrize("point", POINTS)
def test_an_erasure_that_is_killed_is_carried_out_or_never_was(run: Any, house: Path, point: str) -> None:
    victim = Process(house, "person", "erase", ANNA, "--reason", "asked", KLIENTELA_FAILPOINT=point)
    assert victim.wait() == -signal.SIGKILL, victim.lines
    code, out, err = run("customers")
    assert code == 0
    if point == "erasure.derived":
        assert "Anna" in out
        assert not (house / "klientela.tombstones").exists()
        assert run("person", "erase", ANNA, "--reason", "asked")[0] == 0
    assert ("1 record suppressed" in err) is (point == "erasure.tombstoned")
    assert "Anna" not in run("customers")[1]
    for file in house.glob("klientela.db*"):
        assert b"a@x.example" not in file.read_bytes(), file
    (synced,) = document(run, "sync", "--full")["runs"]
    assert synced["suppressed"] == 1
    assert document(run, "doctor")["ok"]


# The export ---------------------------------------------------------------------------------------------------------


HOME = Address(street="Ahornweg", house_number="3", zip="01099", city="Dresden", country="DE")
TWIN = contact("8", "Anna", "Ahorn", email="anna@x.de", company="Zwillings GmbH", birthday="1990-12-24", created_at=9)
BEN = account("2", "Ben", "Birke", email="ben@x.de", phone="+49 351 4712345", created_at=3)


def shop(store: Store) -> None:
    """A merged profile, a twin who was parted from it, and somebody who shares a phone with it."""
    early = account("1", "Anna", "Ahorn", email="frueher@x.de", created_at=1, version=1)
    anna = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 351 4712345", addresses=[HOME], created_at=1,
                   consents=[Consent(channel="email", purpose="promotion", state="granted", at=5)], version=2)  # fmt: skip
    bring(store, "S", [early])
    bring(store, "S", [anna, BEN, order("o1", 1000, customer="1", number="#1001")])
    bring(store, "B", [contact("7", "A.", "Ahorn", email="anna@x.de", company="Ahorn KG", created_at=2), TWIN])
    pdf = File(content=b"%PDF what was sent", name="gruss.pdf")
    bring(store, "S", [Letter(external_id="l1", customer="1", title="Gruss", file=pdf),
                       Message(external_id="m1", customer="1", by="email", text="Danke")])  # fmt: skip


def test_T67_the_export_of_a_merged_profile_holds_everything_and_nobody_else(run: Any, here: Path) -> None:
    configure("")
    with open_store("sqlite:///klientela.db", key_file=Path("klientela.key")) as store:
        shop(store)
    document(run, "split", "S/customer/1", "--record", "B/customer/8", "--reason", "twin of BEN")
    document(run, "note", "S/customer/1", "likes tea")
    told = document(run, "person", "export", "S/customer/1", "-o", "anna.zip")
    assert Path("anna.zip").stat().st_size == told["bytes"]
    assert Path("anna.zip").stat().st_mode & 0o077 == 0
    with zipfile.ZipFile("anna.zip") as archive:
        data = json.loads(archive.read("person.json"))
        page = archive.read("person.html").decode()
        (letter,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(letter) == b"%PDF what was sent"
    assert {(one["source"], one["external_id"]) for one in data["records"]} == {("S", "1"), ("B", "7")}
    assert [e["rule"] for e in data["joined"]["because"]] == ["email"]
    assert data["joined"]["because"][0]["value"] == "anna@x.de"
    assert data["profile"]["provenance"]["company"]["record"] == "B/customer/7"
    assert [note["text"] for note in data["internal"]["notes"]] == ["likes tea"]
    for text in (json.dumps(data), page):
        for said in ("Ahornweg", "frueher@x.de", "Ahorn KG", "#1001", "Gruss", "Danke", "granted", letter, "likes tea"):
            assert said in text, said
        for other in ("Zwillings", "1990-12-24", "B/customer/8", "Birke", "ben@x.de", "BEN", "shares"):
            assert other not in text, other
    exports = [line for line in document(run, "audit")["lines"] if line["kind"] == "exported"]
    assert [(line["detail"]["view"], line["detail"]["rows"]) for line in exports] == [("person", 1)]


def test_R59_nothing_is_told_of_what_was_not_handed_out(run: Any, house: Path) -> None:
    assert run("person", "export", ANNA, "-o", "no/such/anna.zip")[0] == 2
    assert run("export", "-o", "no/such/list.csv")[0] == 2
    assert run("export", "--format", "xlsx", "-o", "no/such/list.xlsx")[0] == 2
    assert run("export", "--filter", "colour=red", "-o", "list.csv")[0] == 2
    assert not (house / "list.csv").exists()
    assert [line for line in document(run, "audit")["lines"] if line["kind"] == "exported"] == []
    assert [path.name for path in house.iterdir() if path.name.endswith(".part")] == []


def test_R59_an_export_of_the_list_is_told_too(run: Any, house: Path) -> None:
    assert run("export", "--search", "anna", "--format", "json", "-o", "out.json")[0] == 0
    (line,) = [line for line in document(run, "audit")["lines"] if line["kind"] == "exported"]
    assert line["detail"] == {"view": "default", "rows": 1, "format": "json"}
    assert line["actor"].startswith("operator")
