"""`klientela message`: what it sends over a real socket, what it prints, how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure
from tests.postman import Postman, postman

LIST = '[sources.list]\ntype = "csv"\npath = "people.csv"\nevery = "1h"\n'
ANNA = "list/customer/1"
SEND = ("message", "send", ANNA, "--subject", "Tea", "--purpose", "promotion")


@pytest.fixture
def post() -> Iterator[Postman]:
    with postman() as made:
        yield made


@pytest.fixture
def house(run: Any, here: Path, post: Postman) -> Path:
    (here / "people.csv").write_text("external_id,email,first_name,last_name\n1,a@x.example,Anna,Alt\n", "utf-8")
    configure(LIST + post.config())
    assert run("sync")[0] == 0
    return here


@pytest.fixture
def granted(run: Any, house: Path) -> Path:
    assert run("consent", ANNA, "email", "promotion", "granted", "--evidence", "asked at the fair")[0] == 0
    return house


def document(run: Any, *args: str, code: int = 0) -> Any:
    done, out, err = run(*args, "--json")
    assert done == code, out + err
    return json.loads(out)


def test_a_message_is_shown_first_and_sent(run: Any, granted: Path, post: Postman) -> None:
    dry = document(run, *SEND, "--text", "Fresh tea", "--dry-run")
    assert (dry["message"]["to"], "seq" in dry, post.took) == ("a@x.example", False, [])
    made = document(run, *SEND, "--text", "Fresh tea", "--language", "en")
    assert sorted(made) == ["customers", "message", "seq"]
    assert made["customers"] == dry["customers"]
    assert (made["message"]["state"], post.boxes) == ("sent", ["a@x.example"])
    (kept,) = document(run, "customer", ANNA)["messages"]
    assert (kept["record"], kept["status"]) == (made["message"]["record"], "sent")
    told = [line for line in document(run, "audit")["lines"] if line["kind"] == "messaged"]
    assert {line["actor"] for line in told} == {"operator"}
    assert "Fresh tea" not in str(told)
    code, out, err = run("undo", str(made["seq"]))
    assert (code, out) == (1, ""), "what was sent was sent"
    assert "Traceback" not in err


def test_the_text_comes_by_the_input(run: Any, granted: Path, post: Postman, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("Grüße\nvom Teehaus\n"))
    code, out, _ = run(*SEND)
    assert (code, "Sent to a@x.example" in out) == (0, True)
    assert "vom Teehaus" in post.mails()[0].get_content()


def test_what_the_server_refuses_is_told_and_tried_again(run: Any, granted: Path, post: Postman) -> None:
    post.refuse = {"RCPT": "550 <a@x.example> is unknown"}
    code, out, _ = run(*SEND, "--text", "Fresh tea")
    assert (code, "It was not sent: the mail server refused the address: 550" in out) == (1, True)
    assert "a@x.example" not in out
    key = out.partition("again ")[2].split()[1].strip("`")
    failed = document(run, "message", "again", ANNA, key, code=1)
    assert failed["message"]["state"] == "failed"
    post.refuse = {}
    assert document(run, "message", "again", ANNA, key)["message"]["state"] == "sent"
    code, out, err = run("message", "again", ANNA, key)
    assert (code, out, "was sent already" in err) == (1, "", True)
    assert len(post.took) == 1
    post.hang_up = "TEXT"
    code, out, _ = run(*SEND, "--text", "More tea")
    assert (code, "Nobody knows whether it was sent" in out) == (1, True)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((*SEND, "--text", "x"), 1, "never allowed promotion by email"),
        (("message", "send", "list/customer/none", *SEND[3:], "--text", "x"), 1, "no record"),
        ((*SEND[:-1], "contract", "--text", "x"), 2, "is tied to an order"),
        ((*SEND[:-1], "contract", "--order", "9", "--text", "x"), 1, "none of this customer's"),
        ((*SEND[:-1], "fun", "--text", "x"), 2, "fun"),
        ((*SEND, "--text", " "), 2, "needs a text"),
        ((*SEND[:4], "a\nBcc: b@x.example", *SEND[5:], "--text", "x"), 2, "one line"),
        (("message", "again", ANNA, "manual/message/none"), 1, "no such message"),
    ],
)
def test_bad_uses_are_told_and_send_nothing(
    run: Any, house: Path, post: Postman, args: tuple[str, ...], code: int, said: str
) -> None:
    before = document(run, "audit")
    done, out, err = run(*args)
    assert (done, out, said in err) == (code, "", True), err
    assert (document(run, "audit"), post.heard) == (before, [])


def test_without_a_mail_server_it_says_what_to_configure(run: Any, granted: Path) -> None:
    configure(LIST)
    done, out, err = run(*SEND, "--text", "x")
    assert (done, out) == (2, "")
    assert "no mail server is configured" in err
    assert "host and sender of [mail]" in err
