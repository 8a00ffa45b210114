"""The verbs of hand work on a real store: a shop over HTTP and a file; what they refuse and that they can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from klientela.testing import serve
from klientela_shopify.sandbox import TOKEN, Sandbox
from tests.daemon.conftest import configure

LIST = '[sources.list]\ntype = "csv"\npath = "people.csv"\nevery = "1h"\n'
ROWS = "external_id,email,first_name,last_name,company,city,country\n"
ANNA, BERND = "list/customer/1", "list/customer/2"


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)


@pytest.fixture
def house(run: Any, here: Path) -> Path:
    rows = "1,a@x.example,Anna,Alt,Alt KG,Berlin,DE\n2,b@x.example,Bernd,Neu,,Wien,AT\n"
    (here / "people.csv").write_text(ROWS + rows, "utf-8")
    configure(LIST)
    assert run("sync")[0] == 0
    return here


def exported(run: Any) -> str:
    code, out, _ = run("export", "--format", "jsonl")
    assert code == 0
    return str(out)


def decided(run: Any) -> int:
    """The lines of the log but those that tell of exports (R59)."""
    return sum(line["kind"] != "exported" for line in document(run, "audit")["lines"])


# -- edits and pins ------------------------------------------------------------------------------------------------------


def test_an_edit_is_shown_first_written_and_taken_back(run: Any, house: Path) -> None:
    before = exported(run)
    dry = document(run, "edit", ANNA, "company=Neu GmbH", "city=Dresden", "--dry-run")
    assert sorted(dry) == ["customers"]
    assert exported(run) == before
    made = document(run, "edit", ANNA, "company=Neu GmbH", "city=Dresden")
    assert (sorted(made), made["customers"]) == (["customers", "seq"], dry["customers"])
    told = document(run, "customer", ANNA)
    assert (told["company"], told["city"], told["version"]) == ("Neu GmbH", "Dresden", made["seq"])
    assert {line["field"] for line in told["history"]} == {"company", "address"}
    document(run, "undo", str(made["seq"]))
    assert exported(run) == before
    assert len(document(run, "customer", ANNA)["history"]) == 4, "both lines of each"
    code, out, err = run("edit", ANNA, "company=Alt KG")
    assert (code, err) == (0, "")
    assert "so already" in out


def test_T39_a_shops_field_is_locked_in_words_that_name_it(run: Any, here: Path) -> None:
    with serve(Sandbox(customers=3, seed=5).app) as url:
        shop = f'[sources.main]\ntype = "shopify"\nshop = "s"\naccess_token = "{TOKEN}"\nbase_url = "{url}"\n'
        configure(shop)
        document(run, "sync")
        (one, *_) = document(run, "customers")["rows"]
        before = exported(run)
        for field in ("last_name=Neu", "city=Kleinbüttel", "company=X"):
            error = document(run, "edit", one["id"], field, code=1)["error"]
            assert error["kind"] == "conflict"
            assert "Shopify" in error["message"] or "left to the shops" in error["message"]
        assert "comes from Shopify (main)" in run("edit", one["id"], "last_name=Neu")[2]
        assert "comes from Shopify (main)" in run("pin", one["id"], "last_name", "Neu")[2]
        assert exported(run) == before
        configure(shop + '[edit]\npolicy = "overlay"\n')
        pinned = document(run, "pin", one["id"], "last_name", "Neu")
        told = document(run, "customer", one["id"])
        assert (told["last_name"], told["provenance"]["last_name"]["beneath"]["value"]) == ("Neu", one["last_name"])
        assert "pinned: last name, over" in run("customer", one["id"])[1]
        assert document(run, "sync")["runs"][0]["status"] == "ok"
        assert document(run, "customer", one["id"])["last_name"] == "Neu"
        document(run, "unpin", one["id"], "first_name")
        assert exported(run) == before
        assert document(run, "undo", str(pinned["seq"]), code=1)["error"]["kind"] == "conflict"


def test_R40b_the_later_of_two_saves_is_told(run: Any, house: Path) -> None:
    version = str(document(run, "customer", ANNA)["version"])
    document(run, "edit", ANNA, "company=Eins", "--as-of", version)
    error = document(run, "edit", ANNA, "company=Zwei", "--as-of", version, code=1)["error"]
    assert "the company was changed meanwhile by operator" in error["message"]
    assert "save again" in error["hint"]
    assert document(run, "customer", ANNA)["company"] == "Eins"


# -- tags, remark, notes -------------------------------------------------------------------------------------------------


def test_R38_an_order_is_edited_pinned_and_taken_back_by_its_key(run: Any, here: Path) -> None:
    row = "1,2026-03-01,10.00,EUR,paid,{},Anna,a@x.example\n"
    (here / "orders.csv").write_text(
        "order_id,placed_at,total,currency,state,company,first_name,email\n" + row.format("Alt KG")
    )
    configure('[sources.list]\ntype = "csv"\npath = "orders.csv"\nevery = "1h"\n')
    assert run("sync")[0] == 0
    key = "list/order/1"
    before, lines = exported(run), decided(run)
    dry = document(run, "edit", key, "state=cancelled", "--dry-run")
    assert sorted(dry) == ["customers", "order"]
    assert (exported(run), decided(run)) == (before, lines)
    made = document(run, "edit", key, "state=cancelled", "company=Neu")
    assert (made["order"], len(made["customers"])) == (key, 1)
    (order,) = document(run, "customer", made["customers"][0]["id"])["order_list"]
    assert (order["state"], order["why_not"]) == ("cancelled", "cancelled")
    document(run, "pin", key, "phone", "+49 30 123")
    for words, code, said in (
        (("edit", key, "phone=+49 30 5"), 1, "the phone is pinned"),
        (("edit", key, "email=b@x.example"), 1, "changes only by the sync"),
        (("edit", key, "total=5"), 2, "no field 'total'"),
        (("edit", key, "company=X", "--as-of", "1"), 1, "was changed meanwhile"),
        (("unpin", key, "state"), 1, "the state is not pinned"),
        (("edit", "list/order/7", "state=paid"), 1, "there is no order list/order/7"),
        (("undo", "99999"), 1, "there is no decision"),
    ):
        found, _, err = run(*words)
        assert (found, said in err, err.count("Traceback")) == (code, True, 0), err
    assert "The order list/order/1" in run("unpin", key, "phone")[1]
    document(run, "undo", str(made["seq"]))
    assert exported(run) == before
    assert document(run, "undo", str(made["seq"]), code=1)["error"]["kind"] == "conflict"


def test_tags_remark_and_notes(run: Any, house: Path) -> None:
    before = exported(run)
    (house / "brief.pdf").write_bytes(b"%PDF-1.4 x")
    seqs = [
        document(run, "tag", ANNA, BERND, "stamm")["seq"],
        document(run, "remark", ANNA, "zuverlässig")["seq"],
        document(run, "note", ANNA, "rief an", "--file", "brief.pdf")["seq"],
    ]
    told = document(run, "customer", ANNA)
    assert (told["tags"], told["remark"]["text"], told["notes"][0]["text"]) == (["stamm"], "zuverlässig", "rief an")
    assert [(file["name"], file["type"]) for file in told["files"]] == [("brief.pdf", "application/pdf")]
    out = run("customer", ANNA)[1]
    assert "remark: zuverlässig" in out
    assert "note (operator): rief an [brief.pdf]" in out
    document(run, "untag", BERND, "stamm")
    assert document(run, "customer", BERND)["tags"] == []
    for seq in reversed(seqs):
        document(run, "undo", str(seq))
    assert exported(run) == before
    told = document(run, "customer", ANNA)
    assert (told["tags"], told["remark"], told["notes"], told["files"]) == ([], None, [], [])


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("edit", ANNA, "email=new@x.example"), 1, "changes only by the sync of its own source"),
        (("edit", ANNA, "company=X", "email=new@x.example"), 1, "changes only by the sync of its own source"),
        (("edit", ANNA, "company"), 2, "'company' is no FIELD=VALUE"),
        (("edit", ANNA, "company=a", "company=b"), 2, "company is given twice"),
        (("edit", ANNA, "colour=red"), 2, "there is no field 'colour'"),
        (("edit", ANNA, "phone=call"), 2, "a phone number has at least 3 digits"),
        (("edit", ANNA), 2, "FIELD=VALUE is missing"),
        (("edit", "list/customer/9", "company=X"), 1, "there is no record list/customer/9"),
        (("edit", "1b4e28ba-2fa1-51d2-883f-0016d3cca427", "company=X"), 1, "no customer has the id"),
        (("edit", ANNA, "company=X", "--as-of", "999"), 1, "there is no version 999 yet"),
        (("pin", ANNA, "email", "new@x.example"), 1, "changes only by the sync of its own source"),
        (("pin", ANNA, "company", ""), 2, "a pin needs a value"),
        (("pin", ANNA, "country", "Narnia"), 2, "is no country"),
        (("unpin", ANNA, "company"), 1, "the company is not pinned"),
        (("tag", ANNA), 2, "tag needs a customer and a tag"),
        (("tag", ANNA, "list/customer/9", "x"), 1, "there is no record list/customer/9"),
        (("untag", ANNA, "stamm"), 1, "has no tag 'stamm'"),
        (("remark", "list/customer/9", "x"), 1, "there is no record"),
        (("note", ANNA), 2, "a note needs a text or a file"),
        (("note", ANNA, "x", "--file", "absent.pdf"), 2, "absent.pdf cannot be read"),
    ],
)
def test_a_wrong_use_is_one_sentence_and_writes_nothing(
    run: Any, house: Path, args: tuple[str, ...], code: int, said: str
) -> None:
    before = exported(run), decided(run)
    error = document(run, *args, code=code)["error"]
    assert said in error["message"]
    assert (exported(run), decided(run)) == before


# -- T73 -----------------------------------------------------------------------------------------------------------------


def test_T73_a_source_is_renamed_by_the_command(run: Any, house: Path) -> None:
    document(run, "edit", ANNA, "company=Neu GmbH")
    document(run, "pin", ANNA, "birthday", "1980-12-31")
    document(run, "remark", BERND, "zuverlässig")
    ids = [(row["id"], row["company"]) for row in document(run, "customers")["rows"]]
    told = document(run, "customer", ANNA)
    document(run, "sources", "rename", "list", "newsletter")
    rows = document(run, "customers")["rows"]
    assert [(row["id"], row["company"]) for row in rows] == ids
    assert {tuple(row["sources"]) for row in rows} == {("newsletter",)}
    now = document(run, "customer", "newsletter/customer/1")
    assert now["id"] == told["id"]
    assert now["history"] == json.loads(
        json.dumps(told["history"]).replace("list/", "newsletter/").replace('"list"', '"newsletter"')
    )
    assert now["provenance"]["birthday"]["record"] == "newsletter/customer/1"
    assert document(run, "customer", "newsletter/customer/2")["remark"]["text"] == "zuverlässig"
    (synced,) = document(run, "sync")["runs"]
    assert (synced["source"], synced["new"], synced["changed"]) == ("newsletter", 0, 0)
    document(run, "edit", "newsletter/customer/1", "company=Zwei")
    error = document(run, "customer", ANNA, code=1)["error"]
    assert "list/customer/1" in error["message"]


# -- customer add --------------------------------------------------------------------------------------------------------


def test_R3_a_customer_is_added_by_hand_and_taken_back(run: Any, house: Path) -> None:
    before = exported(run)
    words = ("customer", "add", "--first-name", "Dora", "--last-name", "Dorn", "--email", "d@x.example", "--phone",
             "+49 351 4455667", "--company", "Dorn KG", "--street", "Ulmenweg 12 b", "--zip", "01067", "--city", "Dresden",
             "--country", "Germany", "--tag", "stamm", "--tag", "neu", "--subscribe")  # fmt: skip
    dry = document(run, *words, "--dry-run")
    assert (sorted(dry), len(dry["customers"]), exported(run)) == (["batch", "customers", "exists"], 1, before)
    made = document(run, *words)
    assert made["exists"] == []
    told = document(run, "customer", made["customers"][0]["id"])
    assert (told["name"], told["status"], told["sources"]) == ("Dora Dorn", "registered", ["manual"])
    assert (told["tags"], told["consents"]["email"]["promotion"]) == (["neu", "stamm"], "granted")
    (place,) = told["addresses"]
    assert (place["street"], place["house_number"], place["country"]) == ("Ulmenweg", "12 b", "DE")
    assert told["joined"] is not None
    assert [(line["decision"], line["field"]) for line in told["history"]] == [("tag", "tags")] * 2
    key = told["records"][0]["external_id"]
    document(run, "edit", f"manual/manual/{key}", "company=Dorn GmbH")
    document(run, "untag", told["id"], "neu")
    document(run, "import", "undo", str(made["batch"]))
    assert exported(run) == before
    assert run("rebuild", "--check")[0] == 0


def test_somebody_who_exists_already_is_named_and_the_rules_decide(run: Any, house: Path) -> None:
    anna = document(run, "customer", ANNA)["id"]
    code, out, err = run("customer", "add", "--first-name", "Anna", "--last-name", "Alt", "--email", "A@x.example")
    assert (code, "Anna Alt exists already with this email and is the same customer by the rules" in err) == (0, True)
    assert f"The customer is {document(run, 'customer', anna)['id']}" in out, "any id ever shown goes on to resolve"
    assert len(document(run, "customers")["rows"]) == 2
    made = document(
        run, "customer", "add", "--first-name", "Otto", "--last-name", "Zink", "--email", "a@x.example", "--dry-run"
    )
    assert [(one["rule"], one["joined"], one["name"]) for one in made["exists"]] == [("email", False, "Anna Alt")]
    document(run, "customer", "add", "--first-name", "Otto", "--last-name", "Zink", "--email", "a@x.example")
    assert len(document(run, "customers")["rows"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing says who the customer is"),
        (("--city", "Dresden"), "nothing says who the customer is"),
        (("--first-name", "A", "--email", "foo"), "'foo' is no e-mail address"),
        (("--first-name", "A", "--phone", "x"), "at least 3 digits"),
        (("--first-name", "A", "--country", "Narnia"), "is no country"),
        (("--first-name", "A", "--subscribe"), "without an e-mail address nobody subscribes"),
        (("--first-name", "A", "--tag", "a,b"), "no comma"),
        (("--first-name", "x" * 201), "longer than 200"),
    ],
)
def test_who_cannot_be_added(run: Any, house: Path, words: tuple[str, ...], said: str) -> None:
    before = exported(run), decided(run)
    error = document(run, "customer", "add", *words, code=2)["error"]
    assert said in error["message"]
    assert (exported(run), decided(run)) == before


def test_of_an_erased_person_nothing_is_said_any_more(run: Any, house: Path) -> None:
    anna = document(run, "customer", ANNA)["id"]
    edited = document(run, "edit", ANNA, "company=Neu GmbH")["seq"]
    document(run, "remark", ANNA, "S3QUOIA")
    document(run, "person", "erase", anna, "--reason", "asked for it", "--yes")
    before = exported(run)
    for words in (
        ("edit", anna, "company=X"),
        ("pin", anna, "company", "X"),
        ("unpin", anna, "company"),
        ("tag", anna, "x"),
        ("remark", anna, "x"),
        ("note", anna, "x"),
        ("undo", str(edited)),
    ):
        code, out, err = run(*words)
        assert code == 1, (words, out)
        assert "S3QUOIA" not in out + err
        assert "Neu GmbH" not in out + err
    assert exported(run) == before
