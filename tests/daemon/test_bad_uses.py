"""Wrong uses of the commands that decide and explain: one sentence, the right exit code, and not one byte is written."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure
from tests.daemon.verbs import LIST, document

NOBODY = "1b4e28ba-2fa1-51d2-883f-0016d3cca427"
ANNA, BEA, CLEO, DORA = (f"list/customer/{n}" for n in "1234")
TWINS = '[sources.list.columns]\nexternal_id = "No"\n'


def dump(folder: Path) -> list[str]:
    """Every row of every table, as SQL."""
    connection = sqlite3.connect(folder / "klientela.db")
    try:
        return [line for line in connection.iterdump() if not line.startswith('INSERT INTO "search')]
    finally:
        connection.close()


@pytest.fixture
def town(run: Any, here: Path) -> dict[str, str]:
    """Six people: Anna is one with Cleo and Dora by decision, and is not Bea; two accounts of one shop may be one
    person. The numbers of the decisions."""
    (here / "people.csv").write_text(
        "No,Email,First Name,Last Name,Phone,Kind\n"
        "1,a@x.example,Anna,Alt,,\n2,b@x.example,Bea,Berg,,\n3,c@x.example,Cleo,Cors,,\n4,d@x.example,Dora,Dorn,,\n"
        "5,e@x.example,Eva,Lang,+49 30 5731911,registered\n6,f@x.example,Eva,Lang,+49 30 5731911,registered\n"
    )
    configure(LIST + TWINS)
    document(run, "sync")
    found = {}
    for name, other in (("bea", BEA), ("cleo", CLEO), ("dora", DORA)):
        found[name] = str(document(run, "merge", ANNA, other, "--reason", "one")["seq"])
    split = document(run, "split", ANNA, "--record", CLEO, "--record", DORA, "--reason", "two")
    found["split"] = str(split["seq"])
    found["undone"] = str(document(run, "undo", found["bea"])["seq"])
    found["anna"] = document(run, "customer", ANNA)["id"]
    assert len(document(run, "review")["items"]) == 1
    return found


NUMBERS = ("1.0", "1_0", "1e1", "+1", " 1", "١")  # what a program may take for numbers, and people do not write
REASON = ("--reason", "x")
BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "merge: unknown id": (("merge", ANNA, NOBODY, *REASON), 1, "no customer has the id"),
    "merge: unknown key": (("merge", "list/customer/99", ANNA, *REASON), 1, "there is no record list/customer/99"),
    "merge: neither id nor key": (("merge", ANNA, "Bea", *REASON), 1, "neither the id of a customer nor the key"),
    "merge: far too long a word": (("merge", ANNA, "x" * 100_000, *REASON), 1, "is neither the id of a customer nor"),
    "merge: with himself": (("merge", ANNA, ANNA, *REASON), 1, "they are one customer already"),
    "merge: one already": (("merge", CLEO, DORA, *REASON), 1, "they are one customer already"),
    "merge: without reason": (("merge", ANNA, BEA), 2, "--reason"),
    "merge: empty reason": (("merge", ANNA, BEA, "--reason", " "), 2, "a decision needs a reason"),
    "merge: one id": (("merge", ANNA, *REASON), 2, "ID"),
    "merge: both marks": (("merge", ANNA, BEA, *REASON, "--inactive", "--active"), 2, "contradict each other"),
    "split: unknown id": (("split", NOBODY, "--record", ANNA, *REASON), 1, "no customer has the id"),
    "split: unknown record": (("split", CLEO, "--record", "list/customer/99", *REASON), 1, "there is no record"),
    "split: record of another": (("split", CLEO, "--record", ANNA, *REASON), 1, "is of another customer"),
    "split: all records": (("split", CLEO, "--record", CLEO, "--record", DORA, *REASON), 1, "these are all the records"),
    "split: no record": (("split", CLEO, *REASON), 2, "--record"),
    "split: without reason": (("split", CLEO, "--record", DORA), 2, "--reason"),
    "undo: unknown": (("undo", "4711"), 1, "there is no decision 4711"),
    "undo: no number": (("undo", "soon"), 2, "SEQ must be a whole number"),
    **{f"undo: {word!r}": (("undo", word), 2, "SEQ must be a whole number") for word in NUMBERS},
    **{f"import undo: {word!r}": (("import", "undo", word), 2, "BATCH must be a whole number") for word in NUMBERS},
    "customers: a page between pages": (("customers", "--page", "1_0"), 2, "--page must be a whole number from 1"),
    "edit: a version in other digits": (("edit", ANNA, "city=Ulm", "--as-of", "١"), 2, "must be a whole number"),
    "undo: too large a number": (("undo", "9" * 30), 1, "there is no decision 9"),
    "undo: a negative number": (("undo", "--", "-1"), 1, "there is no decision -1"),
    "import undo: too large a number": (("import", "undo", "9" * 30), 1, "there is no batch 9"),
    "import: a folder": (("import", ".", "--into", "manual"), 2, "cannot be read"),
    "undo: what the rules did": (("undo", "1"), 1, "is no operator's decision but what the rules did"),
    "undo: again": (("undo", "{bea}"), 1, "was taken back already"),
    "accept: no such item": (("review", "accept", "2"), 1, "there is no item 2"),
    "accept: item 0": (("review", "accept", "0"), 1, "there is no item 0"),
    "accept: no number": (("review", "accept", "first"), 2, "neither the number of an item nor its key"),
    "accept: no such key": (("review", "accept", "bcdfghjk"), 1, "no item of the review queue has the key bcdfghjk"),
    "accept: another queue": (("review", "accept", "1", "--as-of", "bcdfghjk"), 1, "another one than bcdfghjk"),
    "accept: empty reason": (("review", "accept", "1", "--reason", ""), 2, "a decision needs a reason"),
    "reject: no such item": (("review", "reject", "-7"), 2, "-7"),
    "reject: none": (("review", "reject"), 2, "N"),
    "reject: empty reason": (("review", "reject", "1", "--reason", " "), 2, "a decision needs a reason"),
    "diff: another file that is not there": (("rules", "diff", "--config", "other.toml"), 2, "other.toml"),
    "apply: another file that is not there": (("rules", "apply", "--config", "other.toml"), 2, "other.toml"),
    "rules: no such verb": (("rules", "aply"), 2, "aply"),
    "why: unknown id": (("why", NOBODY), 1, "no customer has the id"),
    "why: unknown other": (("why", ANNA, "list/customer/99"), 1, "there is no record"),
    "why: an order": (("why", "list/order/1"), 1, "there is no record list/order/1"),
    "why: three": (("why", ANNA, BEA, CLEO), 2, "list/customer/3"),
    "customers: a time to come": (("customers", "--as-of", "2999-01-01"), 2, "is yet to come"),
    "customers: no time": (("customers", "--as-of", "lunch"), 2, "'lunch' is no time"),
    "customers: too far a time": (("customers", "--as-of", "9" * 11), 2, "is yet to come"),
    "customers: before all time": (("customers", "--as-of", "0001-01-01"), 2, "'0001-01-01' is no time"),
    "audit: nobody": (("audit", "--customer", "no/customer/1"), 1, "there is no record no/customer/1"),
    "audit: no time": (("audit", "--since", "lunch"), 2, "'lunch' is no time"),
    "audit: before all time": (("audit", "--since", "0001-01-01"), 2, "'0001-01-01' is no time"),
    "customer: no time": (("customer", ANNA, "--as-of", "lunch"), 2, "'lunch' is no time"),
    "customer: not known then": (("customer", ANNA, "--as-of", "2001-01-01"), 1, "nothing was known of"),
    "customer: unknown then and now": (("customer", NOBODY, "--as-of", "2001-01-01"), 1, "no customer has the id"),
}  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_one_sentence_and_nothing_is_written(run: Any, here: Path, town: dict[str, str], as_json: bool) -> None:
    before = dump(here)
    for name, (args, code, words) in BAD.items():
        asked = [arg.format(**town) for arg in args]
        at = asked.index("--") if "--" in asked else len(asked)
        done, out, err = run(*asked[:at], *(["--json"] if as_json else []), *asked[at:])
        assert done == code, (name, out, err)
        if as_json:
            said = json.loads(out)["error"]
            assert set(said) == {"kind", "message", "hint"}, name
            assert words in said["message"] + (said["hint"] or ""), (name, said)
            assert said["message"].count("\n") == 0, name
            assert len(said["message"]) <= 1000, name
        else:
            assert out == "", name
            assert words in err, (name, err)
            assert len(err.splitlines()) <= 2, (name, err)
        assert dump(here) == before, name


def test_what_contradicts_is_refused_naming_what_stands(run: Any, here: Path, town: dict[str, str]) -> None:
    """Cleo is not Anna; Bea becomes one with Anna, then Cleo cannot become one with Bea."""
    document(run, "merge", ANNA, BEA, "--reason", "one")
    before = dump(here)
    code, out, err = run("merge", BEA, DORA, *REASON)
    assert (code, out) == (1, "")
    assert f"that contradicts decision {town['split']}: " in err
    assert f"`klientela undo {town['split']}` takes it back" in err
    assert dump(here) == before


def test_an_undo_that_would_contradict_is_refused(run: Any, here: Path, town: dict[str, str]) -> None:
    """Of an undo: that Cleo is not Anna may not hold again while both are one with Bea."""
    parted = str(document(run, "undo", town["split"])["seq"])
    document(run, "undo", town["cleo"])
    document(run, "merge", CLEO, BEA, "--reason", "one")
    document(run, "merge", ANNA, BEA, "--reason", "one")
    before = dump(here)
    code, out, err = run("undo", parted)
    assert (code, out) == (1, "")
    assert "that contradicts decision" in err
    assert dump(here) == before


def test_a_change_of_rules_is_no_decision(run: Any, here: Path, town: dict[str, str]) -> None:
    configure(LIST + TWINS + '[identity]\nrules = ["email"]\n')
    seq = document(run, "rules", "apply")["seq"]
    before = dump(here)
    code, out, err = run("undo", str(seq))
    assert (code, out) == (1, "")
    assert f"{seq} changed the rules" in err
    assert "rules apply" in err
    assert dump(here) == before


def test_asking_writes_nothing(run: Any, here: Path, town: dict[str, str]) -> None:
    before = dump(here)
    for args in (
        ("merge", ANNA, BEA, *REASON, "--dry-run"),
        ("split", CLEO, "--record", DORA, *REASON, "--dry-run"),
        ("undo", town["split"], "--dry-run"),
        ("review", "accept", "1", "--dry-run"),
        ("review", "reject", "1", "--dry-run"),
        ("rules", "diff"),
        ("rules", "apply", "--dry-run"),
        ("customers", "--as-of", "2001-01-01"),
        ("why", ANNA),
        ("why", ANNA, BEA),
        ("review",),
        ("audit",),
    ):
        assert "error" not in document(run, *args), args
        assert run(*args)[0] == 0
        assert dump(here) == before, args
