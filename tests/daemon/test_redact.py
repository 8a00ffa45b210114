"""Canaries: secrets and personal data that go in anywhere come out nowhere."""

from __future__ import annotations

import io
import json
import logging
import threading
from base64 import b64encode
from typing import Any

import pytest

from klientela.errors import SourceRefused
from klientela_daemon import failures, logs, redact

SECRET = "kanarien/vogel+7%"
PEOPLE = (
    "erika.musterfrau@example.org",
    "Jörg+shop@müller-söhne.de",
    "+49 172 4074501",
    "0049 (172) 4074501",
    "01724074501",
    "0172 4074501",
    "0341/123 456 78",
    "shpat_0123456789abcdef",
)


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_values", set())
    monkeypatch.setattr(redact, "_secrets", None)
    redact.hide([SECRET, "ab"])


@pytest.fixture(params=["json", "console"])
def out(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    logs.set_up(as_json=request.param == "json", stream=stream, level="debug")
    return stream


@pytest.mark.parametrize("canary", PEOPLE)
def test_people_are_not_in_texts(canary: str) -> None:
    text = redact.clean(f"before {canary}, after (and <{canary}>)")
    assert canary not in text
    assert text.startswith("before [")


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-14T10:23:45Z read=250 of 1000 in 0.25 s",
        "http://127.0.0.1:9001/admin/api/2026-07/graphql.json answered 200",
        "gid://shopify/Customer/7210448301122",
        "version 3.11.3, page 17 of 40, 00:00:12",
        "source main: 12345678 records",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact.clean(text) == text


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        "kanarien%2Fvogel%2B7%25",
        json.dumps({"x": SECRET}),
        f"https://user:{SECRET}@shop.example/",
        "Authorization: Basic " + b64encode(f"me:{SECRET}".encode()).decode(),
        "Authorization: Bearer abcdefghijkl",
    ],
)
def test_secrets_are_hidden_in_every_form(form: str) -> None:
    text = redact.clean(f"GET {form} failed")
    assert "[hidden]" in text
    for trace in (SECRET, "kanarien", "abcdefgh", b64encode(f"me:{SECRET}".encode()).decode()):
        assert trace not in text


def test_short_values_do_not_blacken_the_rest() -> None:
    assert redact.clean("table and cab") == "table and cab"


def _explode() -> None:
    raise ValueError(f"token {SECRET} of {PEOPLE[0]} is wrong")


def test_no_canary_reaches_the_log(out: io.StringIO) -> None:
    log = logs.logger("klientela.test")
    for canary in (SECRET, *PEOPLE):
        log.info(f"saw {canary}", where={"deep": [canary, {"deeper": canary}]}, note=canary)
        logging.getLogger("klientela.stranger").warning("stranger saw %s", canary, extra={"mine": canary})
    log.info("by key", access_token="xyzzy-1", email="xyzzy-2", nested={"Phone": "xyzzy-3", "api_key": ["xyzzy-4"]})
    try:
        _explode()
    except ValueError:
        log.exception("failed")
        logging.getLogger("klientela.stranger").exception("failed")
    text = out.getvalue()
    assert text.count("\n") > 10
    assert "saw [" in text
    assert "_explode" in text  # the traceback is there, without what it carries
    for canary in (SECRET, "kanarien", *PEOPLE, "xyzzy"):
        assert canary not in text


def test_json_lines_are_json(out: io.StringIO, request: pytest.FixtureRequest) -> None:
    logs.logger("klientela.test").info("sync ended", source="größe", read=250)
    (line,) = out.getvalue().splitlines()
    if request.node.callspec.params["out"] == "json":
        document = json.loads(line)
        assert document | {"timestamp": ""} == {
            "event": "sync ended", "level": "info", "read": 250, "source": "größe", "timestamp": ""
        }  # fmt: skip
        assert document["timestamp"].endswith("Z")
    else:
        assert "sync ended" in line
        assert "größe" in line


def test_unhandled_errors_of_threads_are_logged_and_clean(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", logs._unhandled_in_thread)
    thread = threading.Thread(target=_explode, name="worker")
    thread.start()
    thread.join()
    assert "unexpected error in a thread" in out.getvalue()
    assert SECRET not in out.getvalue()
    assert PEOPLE[0] not in out.getvalue()


def test_no_canary_reaches_an_error_report(capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refused = SourceRefused(f"the shop refused {SECRET}", hint=f"ask {PEOPLE[0]}")
    assert failures.report(refused, as_json=False) == 1
    assert failures.report(refused, as_json=True) == 1
    with pytest.raises(ValueError, match="is wrong") as caught:
        _explode()
    assert failures.report(caught.value, as_json=False) == 1
    assert failures.report(caught.value, as_json=True, debug=True) == 1
    (kept,) = tmp_path.iterdir()
    assert "_explode" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    said = capsys.readouterr()
    for text in (said.out, said.err, kept.read_text()):
        assert text
        for canary in (SECRET, PEOPLE[0]):
            assert canary not in text
