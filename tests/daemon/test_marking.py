"""`inactive`, `active`, `consent` and `may-contact` as an operator types them: JSON, sentences, exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from klientela_daemon.cli import deciding
from tests.daemon.conftest import configure

ROWS = (
    "Email,First Name,Last Name,City\n"
    "a@x.example,Anna,Alt,Berlin\nb@x.example,Bernd,Neu,Wien\nc@x.example,Cora,Neu,Wien\n"
)
ANNA, BERND, CORA = (f"list/customer/mail:{letter}@x.example" for letter in "abc")


@pytest.fixture
def house(run: Any, here: Path) -> Path:
    (here / "people.csv").write_text(ROWS, "utf-8")
    configure('[sources.list]\ntype = "csv"\npath = "people.csv"\n')
    assert run("sync")[0] == 0
    return here


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)


def total(run: Any, *args: str) -> int:
    return int(document(run, "customers", *args)["total"])


def test_a_mark_and_its_undo(run: Any, house: Path) -> None:
    made = document(run, "inactive", ANNA)
    assert (set(made), len(made["customers"]), made["already"]) == ({"seq", "customers", "already"}, 1, 0)
    assert (total(run), total(run, "--inactive")) == (2, 1)
    assert document(run, "customer", ANNA)["inactive"] is True
    assert document(run, "undo", str(made["seq"]))["seq"] > made["seq"]
    assert (total(run), total(run, "--inactive")) == (3, 0)


def test_many_at_once_by_a_search(run: Any, house: Path) -> None:
    tried = document(run, "inactive", "--search", "wien", "--dry-run")
    assert ("seq" in tried, len(tried["customers"]), total(run)) == (False, 2, 3)
    code, out, _ = run("inactive", "--search", "wien")
    assert (code, "take" in out, BERND in out, CORA in out) == (0, True, True, True)
    code, out, _ = run("active", "--search", "bernd", "--dry-run")
    assert (code, "Nothing was written." in out) == (0, True)
    assert document(run, "active", BERND, CORA)["already"] == 0
    assert total(run) == 3


def test_many_at_once_by_the_filters_of_the_list(run: Any, house: Path) -> None:
    assert len(document(run, "tag", ANNA, BERND, "vip")["customers"]) == 2
    assert len(document(run, "tag", "fair", "--search", "wien", "--filter", "tag=vip")["customers"]) == 1
    assert document(run, "customer", BERND)["tags"] == ["fair", "vip"]
    assert [document(run, "customer", who)["tags"] for who in (ANNA, CORA)] == [["vip"], []]
    off = document(run, "untag", "vip", "--segment", "all", "--filter", "sources=list")
    assert len(off["customers"]) == 2, "who has it not is left alone"
    assert "none of them has the tag" in run("untag", "vip", "--filter", "sources=list")[2]
    assert document(run, "inactive", "--filter", "tag=fair")["already"] == 0
    assert (total(run), total(run, "--inactive")) == (2, 1)
    made = document(run, "active", "--filter", "tag=fair")
    assert len(made["customers"]) == 1
    said = ("email", "promotion", "granted", "--evidence", "a form")
    assert document(run, "consent", *said, "--filter", "tag=fair")["basis"] == "bulk"
    assert document(run, "customer", BERND)["consents"]["email"]["promotion"] == "granted"


@pytest.mark.parametrize(
    ("args", "sentence", "code"),
    [
        (("inactive", ANNA, "--filter", "tag=vip"), "named and searched for at the same time", 2),
        (("inactive", "--filter", "tag=vip"), "nobody in the list is found by these filters", 1),
        (("inactive", "--filter", "vip"), "'vip' is no filter", 2),
        (("inactive", "--segment", "vips"), "there is no segment 'vips'", 2),
        (("tag", "vip"), "tag needs a customer and a tag", 2),
        (("tag", "vip", "--filter", "colour=red"), "cannot be filtered by 'colour'", 2),
        (("tag", ANNA, "vip", "--search", "wien"), "named and searched for at the same time", 2),
        (("untag", "vip", "--search", "wien"), "none of them has the tag 'vip'", 1),
    ],
)
def test_a_wrong_crowd_is_a_sentence(run: Any, house: Path, args: tuple[str, ...], sentence: str, code: int) -> None:
    before = document(run, "audit")
    done, out, err = run(*args)
    assert (done, out) == (code, "")
    assert sentence in err
    assert document(run, "audit") == before


def test_R42_T43_a_sync_tells_in_json_who_ordered_again(run: Any, here: Path) -> None:
    rows = "Customer Number,Email,First Name,Last Name,Order ID,Total,Currency\nK1,a@x.example,Anna,Alt,{},5.00,EUR\n"
    (here / "people.csv").write_text(rows.format("1"), "utf-8")
    configure('[sources.list]\ntype = "csv"\npath = "people.csv"\n')
    assert not [one for one in document(run, "sync")["runs"][0]["remarks"] if "inactive" in one]
    (row,) = document(run, "customers")["rows"]
    document(run, "inactive", row["id"])
    (here / "people.csv").write_text(rows.format("2"), "utf-8")
    (first,) = document(run, "sync")["runs"]
    (remark,) = [one for one in first["remarks"] if "inactive" in one]
    assert remark.startswith("1 customer marked inactive ordered again and stays inactive")
    assert row["id"] in remark


def test_of_very_many_the_first_are_shown(run: Any, here: Path) -> None:
    rows = "".join(f"n{n}@x.example,N{n},Viel,Berlin\n" for n in range(25))
    (here / "people.csv").write_text(ROWS.splitlines(keepends=True)[0] + rows, "utf-8")
    configure('[sources.list]\ntype = "csv"\npath = "people.csv"\n')
    assert run("sync")[0] == 0
    code, out, _ = run("inactive", "--search", "viel")
    assert (code, "… and 5 more: 25 customers in all." in out) == (0, True)
    assert (total(run), total(run, "--inactive")) == (0, 25)


def test_a_consent_and_what_it_allows(run: Any, house: Path) -> None:
    made = document(run, "consent", ANNA, "email", "promotion", "denied", "--evidence", "called us")
    assert made["basis"] == "operator"
    assert document(run, "customer", ANNA)["consents"]["email"]["promotion"] == "denied"
    shown = run("customer", ANNA)[1]
    assert re.search(r"consent: email promotion denied on \S+ \(by hand, called us\)", shown), shown
    bulk = document(run, "consent", ANNA, BERND, "email", "promotion", "granted", "--evidence", "fair")
    assert (bulk["basis"], bulk["objections"]) == ("bulk", 1)
    code, out, _ = run("consent", "--search", "x.example", "email", "promotion", "granted", "--evidence", "fair")
    assert (code, "1 objection still stands" in out) == (0, True)
    answer = document(run, "may-contact", ANNA, "email", "promotion", code=1)
    assert (set(answer), answer["allowed"]) == ({"id", "channel", "purpose", "order", "allowed", "reason"}, False)
    assert run("may-contact", BERND, "email", "promotion")[:2][0] == 0
    document(run, "consent", ANNA, "email", "promotion", "granted", "--evidence", "signed form")
    code, out, _ = run("may-contact", ANNA, "email", "promotion")
    assert (code, out.startswith("yes: the customer allowed promotion by email since ")) == (0, True)


def test_a_merge_asks_what_becomes_of_the_mark(run: Any, house: Path) -> None:
    document(run, "inactive", CORA)
    refused = document(run, "merge", BERND, CORA, "--reason", "x", code=1)["error"]
    assert (refused["kind"], "--active" in refused["hint"]) == ("conflict", True)
    assert document(run, "merge", BERND, CORA, "--reason", "x", "--inactive", "--active", code=2)["error"]
    tried = document(run, "merge", BERND, CORA, "--reason", "x", "--inactive", "--dry-run")
    assert len(tried["customers"]) == 1
    made = document(run, "merge", BERND, CORA, "--reason", "x", "--active")
    assert (total(run), total(run, "--inactive")) == (2, 0)
    document(run, "undo", str(made["seq"]))
    assert (total(run), total(run, "--inactive")) == (2, 1)


def test_on_a_terminal_a_merge_asks(run: Any, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document(run, "inactive", CORA)
    asked: list[str] = []
    answers: list[bool] = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr(deciding, "asks", lambda *_: True)
    monkeypatch.setattr("typer.confirm", confirm)
    answers[:] = [True, False]
    code, _, err = run("merge", BERND, CORA, "--reason", "x")
    assert (code, "nothing was written" in err) == (1, True)
    assert asked == ["One of the two is marked inactive. Take the mark off?", "Write this?"]
    assert (total(run), total(run, "--inactive")) == (2, 1)
    answers[:] = [False, True]
    assert run("merge", BERND, CORA, "--reason", "x")[0] == 0
    assert (total(run), total(run, "--inactive")) == (1, 1), "the mark stays"


def test_of_an_erased_person_nothing_is_said_any_more(run: Any, house: Path) -> None:
    anna = document(run, "customer", ANNA)["id"]
    marked = str(document(run, "inactive", anna)["seq"])
    answer = str(document(run, "consent", anna, "email", "promotion", "denied", "--evidence", "S3QUOIA")["seq"])
    document(run, "person", "erase", anna, "--reason", "asked for it", "--yes")
    before = run("export", "--format", "jsonl")[1]
    for words in (
        ("inactive", anna),
        ("active", anna),
        ("consent", anna, "email", "promotion", "granted", "--evidence", "x"),
        ("may-contact", anna, "email", "promotion"),
        ("inactive", BERND, anna),
        ("undo", marked),
        ("undo", answer),
    ):
        code, out, err = run(*words)
        assert code == 1, (words, out)
        assert "S3QUOIA" not in out + err
    assert run("export", "--format", "jsonl")[1] == before
    assert "S3QUOIA" not in run("audit", "--json")[1]


BAD = [
    (("inactive",), 2, "nobody is named"),
    (("inactive", "list/customer/none"), 1, "there is no record list/customer/none"),
    (("inactive", "list/customer/mail:a@x.example", "--search", "anna"), 2, "named and searched for"),
    (("inactive", "--search", " "), 2, "would mean everybody"),
    (("inactive", "--search", "zzz"), 1, "nobody in the list is found by 'zzz'"),
    (("inactive", "--search", "anna", "--view", "nope"), 2, "there is no view 'nope'"),
    (("active", ANNA), 1, "this customer is not marked inactive"),
    (("active", "--search", "anna"), 1, "nobody in the inactive list"),
    (("consent", ANNA, "email", "promotion", "granted"), 2, "--evidence"),
    (("consent", ANNA, "email", "promotion", "granted", "--evidence", " "), 2, "needs evidence"),
    (("consent", ANNA, "fax", "promotion", "granted", "--evidence", "x"), 2, "'fax'"),
    (("consent", ANNA, "email", "fun", "granted", "--evidence", "x"), 2, "'fun'"),
    (("consent", ANNA, "email", "promotion", "perhaps", "--evidence", "x"), 2, "'perhaps'"),
    (("consent", "email", "promotion", "granted", "--evidence", "x"), 2, "nobody is named"),
    (("consent", "nobody", "email", "promotion", "granted", "--evidence", "x"), 1, "neither the id of a customer"),
    (("may-contact", "list/customer/none", "email", "promotion"), 1, "there is no record"),
    (("may-contact", ANNA, "email", "contract"), 2, "tied to an order"),
    (("may-contact", ANNA, "email", "promotion", "--order", "1"), 2, "only what the contract needs"),
]


@pytest.mark.parametrize(("args", "code", "said"), BAD)
def test_a_bad_use_is_one_sentence_and_writes_nothing(
    run: Any, house: Path, args: tuple[str, ...], code: int, said: str
) -> None:
    before = run("audit")[1]
    error = document(run, *args, code=code)["error"]
    assert said in error["message"], error
    assert error["hint"]
    assert run("audit")[1] == before


def test_an_undone_decision_is_told_by_its_number(run: Any, house: Path) -> None:
    seq = str(document(run, "inactive", ANNA)["seq"])
    document(run, "undo", seq)
    error = document(run, "undo", seq, code=1)["error"]
    assert "was taken back already" in error["message"]
    again = document(run, "inactive", ANNA, BERND)
    assert (
        document(run, "inactive", ANNA, BERND, code=1)["error"]["message"] == "all of them are marked inactive already"
    )
    assert again["already"] == 0
