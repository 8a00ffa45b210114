"""Tags, the one remark and notes with files: internal, by record, taken back like any decision (R24, R39, R40)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import correct, decide, remarks
from klientela.flow.desk import Decided
from klientela.flow.rebuild import rebuild
from klientela.kit import File
from klientela.store import Store, files, notes
from klientela.store.export import export
from tests.cases.seen import Desk, account, contact, order, view
from tests.shops import bring, use
from tests.store.test_correct import tables, whole

ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", created_at=1, version=5, tags=["shop"])
SEQUOIA = "Seltsam: S3QUOIA"


@pytest.fixture
def desk(store: Store) -> Desk:
    use(store)
    bring(store, "S", [ANNA, account("2", "Bernd", "Birke", email="b@x.de", created_at=2, version=1)])
    return Desk(store)


def seq(made: Decided) -> int:
    assert made.seq is not None
    return made.seq


# -- remarks -------------------------------------------------------------------------------------------------------------


def test_C22_a_customer_has_one_remark_and_the_newest_is_it(store: Store, desk: Desk) -> None:
    assert desk.profile("1")["remark"] is None
    remarks.remark(store, "S/customer/1", " Zuverlässig\r\nruft gern an ", actor="ada")
    told = desk.profile("1")["remark"]
    assert (told["text"], told["by"]) == ("Zuverlässig\nruft gern an", "ada")
    second = remarks.remark(store, "S/customer/1", "Zahlt spät")
    assert desk.profile("1")["remark"]["text"] == "Zahlt spät"
    assert remarks.remark(store, "S/customer/1", "Zahlt spät").seq is None, "it says so already"
    gone = remarks.remark(store, "S/customer/1", "  ")
    assert desk.profile("1")["remark"] is None
    assert remarks.remark(store, "S/customer/1", "").seq is None
    decide.undo(store, seq(gone))
    assert desk.profile("1")["remark"]["text"] == "Zahlt spät"
    decide.undo(store, seq(second))
    assert desk.profile("1")["remark"]["text"].startswith("Zuverlässig")
    lines = [(x["old"], x["new"], x["undone"]) for x in desk.profile("1")["history"] if x["field"] == "remark"]
    first = "Zuverlässig\nruft gern an"
    assert lines == [
        ("Zahlt spät", first, True),
        (None, "Zahlt spät", True),
        ("Zahlt spät", None, False),
        (first, "Zahlt spät", False),
        (None, first, False),
    ]
    whole(store)


def test_R24_what_is_said_of_a_record_stays_with_it(store: Store, desk: Desk) -> None:
    remarks.remark(store, "S/customer/1", "von Anna")
    remarks.note(store, "S/customer/2", "von Bernd")
    remarks.tag(store, ["S/customer/2"], "stamm")
    joined = decide.merge(store, "S/customer/1", "S/customer/2", reason="same")
    made = desk.profile("1")
    assert (made["remark"]["text"], [n["text"] for n in made["notes"]]) == ("von Anna", ["von Bernd"])
    assert made["tags"] == ["shop", "stamm"]
    remarks.note(store, "S/customer/2", "nach dem Verbinden")
    decide.undo(store, seq(joined))
    one, two = desk.profile("1"), desk.profile("2")
    assert (one["remark"]["text"], [n["text"] for n in one["notes"]]) == ("von Anna", ["nach dem Verbinden"])
    assert (two["remark"], [n["text"] for n in two["notes"]], two["tags"]) == (None, ["von Bernd"], ["stamm"])
    rebuild(store)
    assert desk.profile("2")["notes"] == two["notes"]
    whole(store)


def test_R40b_the_later_remark_is_told_of_the_earlier_one(store: Store, desk: Desk) -> None:
    version = desk.profile("1")["version"]
    remarks.remark(store, "S/customer/1", "eins", as_of=version, actor="ada")
    with pytest.raises(Conflict, match="the remark was changed meanwhile by ada"):
        remarks.remark(store, "S/customer/1", "zwei", as_of=version)
    assert desk.profile("1")["remark"]["text"] == "eins"


# -- notes ---------------------------------------------------------------------------------------------------------------


def test_notes_stand_beside_each_other_with_their_files(store: Store, desk: Desk) -> None:
    attached = [File(type="text/plain", name="brief.txt", content=b"hello"), File(name="a.pdf", content=b"%PDF-1")]
    first = remarks.note(store, "S/customer/1", "mit Dateien", attached)
    remarks.note(store, "S/customer/1", "ohne")
    made = desk.profile("1")
    assert [note["text"] for note in made["notes"]] == ["ohne", "mit Dateien"]
    named = made["notes"][1]["files"]
    assert [(f["name"], f["type"], f["size"]) for f in named] == [
        ("brief.txt", "text/plain", 5),
        ("a.pdf", "application/pdf", 6),
    ]
    assert made["files"] == [{**file, "record": "S/customer/1"} for file in named]
    with store.reading() as db:
        assert files.read(db, sha256(b"hello").hexdigest()) == ("text/plain", b"hello")
        told = notes.internal(db, [row[0] for row in db.rows("SELECT id FROM person")])
    assert [note["text"] for note in told["notes"]] == ["ohne", "mit Dateien"]
    assert told["files"] == made["files"]
    decide.undo(store, seq(first))
    made = desk.profile("1")
    assert ([note["text"] for note in made["notes"]], made["files"]) == (["ohne"], [])
    decide.undo(store, seq(first) + 2)
    assert [note["text"] for note in desk.profile("1")["notes"]] == ["mit Dateien", "ohne"]
    whole(store)


@pytest.mark.parametrize(
    ("text", "attached", "said"),
    [
        ("", [], "a note needs a text or a file"),
        ("x" * 10_001, [], "longer than 10000 characters"),
        ("a\x00b", [], "cannot be printed"),
        ("a", [File(name="leer.txt", content=b"")], "'leer.txt' is empty"),
        ("a", [File(name="f", content=b"x")] * 21, "at most 20 files"),
    ],
)
def test_a_note_that_cannot_be_kept(store: Store, desk: Desk, text: str, attached: list[File], said: str) -> None:
    before = tables(store)
    with pytest.raises(Misconfigured, match=said):
        remarks.note(store, "S/customer/1", text, attached)
    assert tables(store) == before


def test_R40_remarks_and_notes_are_in_no_export_and_no_log(store: Store, desk: Desk) -> None:
    remarks.remark(store, "S/customer/1", SEQUOIA)
    remarks.note(store, "S/customer/1", SEQUOIA, [File(name=SEQUOIA, content=SEQUOIA.encode())])
    with store.reading() as db:
        for form in ("csv", "json", "jsonl"):
            assert SEQUOIA not in "".join(export(db, view(), form, key=store.key))
        assert not [row for row in db.rows("SELECT body FROM audit_private") if SEQUOIA in row[0]]
    assert SEQUOIA in str(desk.profile("1"))


# -- tags ----------------------------------------------------------------------------------------------------------------


def test_a_tag_is_put_on_many_at_once_and_taken_back_at_once(store: Store, desk: Desk) -> None:
    before = desk.everything()
    made = remarks.tag(store, ["S/customer/1", "S/customer/2", desk.public("1")], "stamm")
    assert len(made.customers) == 2
    assert [row["tags"] for row in desk.everything()].count(["shop", "stamm"]) == 1
    assert remarks.tag(store, ["S/customer/1"], " stamm ").seq is None, "it has it already"
    assert remarks.tag(store, ["S/customer/1"], "shop").seq is None, "the shop says so already"
    off = remarks.untag(store, ["S/customer/2"], "stamm")
    assert desk.row("2")["tags"] == []
    decide.undo(store, seq(off))
    decide.undo(store, seq(made))
    assert desk.everything() != before, "the tag that was put back by hand is a decision of its own"
    remarks.untag(store, ["S/customer/2"], "stamm")
    assert desk.everything() == before
    whole(store)


def test_each_tag_names_whose_it_is(store: Store, desk: Desk) -> None:
    told = desk.profile("1")["provenance"]["tags"]
    assert (told["value"], told["record"], [part["by"] for part in told["parts"]]) == (["shop"], "S/customer/1", [None])
    remarks.tag(store, ["S/customer/1"], "stamm", actor="ada")
    bring(store, "T", [account("9", "Anna", "Ahorn", email="anna@x.de", created_at=9, version=1, tags=["shop", "neu"])])
    told = desk.profile("1")["provenance"]["tags"]
    assert (told["value"], told["record"]) == (["neu", "shop", "stamm"], None)
    assert [(part["value"], part["source"], part["by"]) for part in told["parts"]] == [
        ("shop", "S", None),
        ("stamm", "S", "ada"),
        ("neu", "T", None),
        ("shop", "T", None),
    ]


def test_a_tag_of_a_source_is_locked_and_nothing_is_taken_off(store: Store, desk: Desk) -> None:
    remarks.tag(store, ["S/customer/1", "S/customer/2"], "stamm")
    before = tables(store)
    with pytest.raises(Conflict, match="the tag 'shop' comes from S, so it is taken off there"):
        remarks.untag(store, ["S/customer/1"], "shop")
    with pytest.raises(Conflict, match="the customer S/customer/2 has no tag 'neu'"):
        remarks.untag(store, ["S/customer/2"], "neu")
    bring(store, "S", [account("2", "Bernd", "Birke", email="b@x.de", created_at=2, version=2, tags=["stamm"])])
    with pytest.raises(Conflict, match="comes from S"):
        remarks.untag(store, ["S/customer/1", "S/customer/2"], "stamm")
    assert desk.row("1")["tags"] == ["shop", "stamm"]
    assert tables(store)["decision"] == before["decision"]


@pytest.mark.parametrize(("name", "said"), [("", "at least one"), ("a,b", "no comma"), ("x" * 201, "longer than 200")])
def test_a_tag_that_is_none(store: Store, desk: Desk, name: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        remarks.tag(store, ["S/customer/1"], name)


def test_nobody_is_spoken_of_under_an_unknown_id(store: Store, desk: Desk) -> None:
    before = tables(store)
    ways: list[Any] = [
        lambda: remarks.remark(store, "S/customer/404", "x"),
        lambda: remarks.note(store, "S/customer/404", "x"),
        lambda: remarks.tag(store, ["S/customer/1", "S/customer/404"], "x"),
        lambda: remarks.untag(store, ["S/customer/404"], "x"),
    ]
    for way in ways:
        with pytest.raises(UnknownThing):
            way()
    with pytest.raises(Misconfigured, match="no customer is named"):
        remarks.tag(store, [], "x")
    assert tables(store) == before


# -- history -------------------------------------------------------------------------------------------------------------


def test_R39_the_history_tells_what_operators_said_and_took_back(store: Store, desk: Desk) -> None:
    bring(store, "S", [order("o1", number="#1", customer="1", version=1)])
    bring(store, "S", [order("o1", number="#1", customer="1", version=2, state="cancelled")])
    made = correct.pin(store, "S/customer/1", "phone", "+49 30 222", overlay=True, actor="ada")
    remarks.tag(store, ["S/customer/1"], "stamm", actor="bea")
    decide.undo(store, seq(made), actor="cis")
    joined = decide.merge(store, "S/customer/1", "S/customer/2", reason="same one")
    lines = desk.profile("1")["history"]
    told = [(x["decision"], x["undone"], x["actor"], x["field"], x["old"], x["new"]) for x in lines]
    assert told == [
        ("must", False, "operator", "records", None, "S/customer/2"),
        ("pin", True, "cis", "phone", "+49 30 222", None),
        ("tag", False, "bea", "tags", ["shop"], ["shop", "stamm"]),
        ("pin", False, "ada", "phone", None, "+49 30 222"),
        (None, False, "daemon", "state", "paid", "cancelled"),
        (None, False, "daemon", "order", None, "#1"),
    ]
    assert lines[0]["reason"] == "same one"
    assert lines[0]["seq"] == seq(joined) == desk.profile("1")["version"]
    assert [x["run"] is not None for x in lines] == [False] * 4 + [True] * 2
    assert {x["channel"] for x in lines} == {"operator", "all"}
    split = decide.split(store, "S/customer/1", ["S/customer/2"], reason="two")
    (line,) = [x for x in desk.profile("2")["history"] if x["seq"] == seq(split)]
    assert (line["decision"], line["old"], line["new"], line["record"]) == (
        "cannot",
        "S/customer/1",
        None,
        "S/customer/2",
    )


def test_R39_an_edit_tells_what_stood_before_also_where_the_source_changed_meanwhile(store: Store) -> None:
    use(store)
    bring(store, "S", [contact("1", "Anna", "Ahorn", email="a@x.de", phone="1111", version=1)])
    desk = Desk(store)
    made = correct.pin(store, "S/customer/1", "phone", "2222", overlay=True)
    bring(store, "S", [contact("1", "Anna", "Ahorn", email="a@x.de", phone="3333", version=2)])
    decide.undo(store, seq(made))
    told = [(x["field"], x["old"], x["new"]) for x in desk.profile("1")["history"]]
    assert told == [("phone", "2222", "3333"), ("phone", "1111", "3333"), ("phone", "1111", "2222")]
    assert [(one["value"], one["former"]) for one in desk.profile("1")["phones"]] == [("3333", False), ("1111", True)]
