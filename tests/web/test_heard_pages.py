"""Whatever goes wrong in the page is told in the reader's language, on every way that there is and on the pages of faults."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from klientela.flow import correct, decide, newcomer, remarks
from klientela.kit import Address, Rejected
from klientela.store import Store
from klientela_web.pages import every_way, imports
from klientela_web.shelf import Shelf
from klientela_web.words import Words
from tests.cases.seen import Desk, account, contact
from tests.shops import bring
from tests.web.conftest import CONFIG, Served
from tests.web.test_heard import english

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
SPOKEN = pytest.mark.parametrize("language", ["de", "pl"])
QUIET = re.compile(r"<(script|style|code|pre|select|option|svg|title)\b.*?</\1>|<!--.*?-->", re.DOTALL)
COMMANDS = re.compile(r"`[^`]*`|klientela [a-z. ]+|edit\.policy = \S+|\S+/\S+")


@pytest.fixture(autouse=True)
def empty_shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    made = Shelf()
    monkeypatch.setattr(imports, "SHELF", made)
    yield made
    for one in list(made._kept.values()):
        made.drop(one)


def words(page: str) -> str:
    """What somebody reads of a page, and hears of it."""
    names = re.findall(r'(?:aria-label|title|placeholder|data-tip)="([^"]*)"', page)
    text = re.sub(r"<[^>]+>", " ", QUIET.sub(" ", page))
    return COMMANDS.sub(" ", html.unescape(" ".join([text, *names])))


@pytest.fixture
def known(served: Served, store: Store) -> Served:
    """Some customers, a source, a record in quarantine."""
    served.configure(CONFIG + '[sources.list]\ntype = "csv"\npath = "none.csv"\n')
    home = [Address(street="Lindenstr. 5", zip="10969", city="Berlin", country="DE")]
    bring(store, "S", [
        account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 30 9135728", addresses=home),
        account("2", "Anna", "Ahorn", email="ahorn@y.de", phone="+49 30 9135728"),
        contact("3", "Anna Ahorn", email="info@z.de"), contact("4", "Zora Zander", email="zora@z.de"),
        Rejected(reason="a field has a value of the wrong kind (Expected `str`)", key="7", payload="{}", line=3),
        Rejected(reason="the amount can be read in two ways: "
                 'set decimal = "," or decimal = "." for the file', key="8", payload="{}"),
    ])  # fmt: skip
    return served


@on_sqlite
@SPOKEN
def test_no_way_answers_a_wrong_request_in_english(known: Served, language: str) -> None:
    """Every way, asked for things that do not exist, with a form that says nothing and one that says nonsense."""
    client = known.client("admin", language)
    told = 0
    for way in every_way():
        path = re.sub(r"\{[a-z]+(:path)?\}", "1", way.path)
        if path in ("/sign-out", "/language", "/sources/progress"):
            continue
        for form in ({}, {"id": "1", "do": "tag", "tag": ",", "one": "1", "two": "1", "customer": "1", "seq": "999"}):
            answer = client.post(path, data=form) if way.write else client.get(path, params=form)
            if answer.status_code >= 400 and "html" in answer.headers["content-type"]:
                told += 1
                assert english(words(answer.text)) == [], (way.path, form, words(answer.text))
    assert told > 40


@on_sqlite
@SPOKEN
def test_what_is_wrong_with_a_form_is_told_beside_it(known: Served, store: Store, language: str) -> None:
    client = known.client("admin", language)
    one = Desk(store).rows()[0]["id"]
    tries: list[tuple[str, Mapping[str, object]]] = [
        (f"/customers/{one}/edit", {"country": "Atlantis", "phone": "x", "birthday": "gestern", "version": "99999999"}),
        (f"/customers/{one}/edit", {"country": "Atlantis", "phone": "x", "birthday": "gestern"}),
        (f"/customers/{one}/edit", {"first_name": "x" * 300}),
        (f"/customers/{one}/pin", {"field": "email", "value": "a@b.de"}),
        (f"/customers/{one}/pin", {"field": "shoe_size", "value": "43"}),
        (f"/customers/{one}/unpin", {"field": "city"}),
        (f"/customers/{one}/remark", {"text": "x" * 10_001}),
        (f"/customers/{one}/note", {"text": ""}),
        (f"/customers/{one}/tag", {"tag": "a,b"}),
        (f"/customers/{one}/untag", {"tag": "nie"}),
        (f"/customers/{one}/consent", {"channel": "email", "purpose": "promotion", "state": "granted", "evidence": ""}),
        (f"/customers/{one}/consent", {"channel": "taube", "purpose": "promotion", "state": "granted", "evidence": "x"}),
        (f"/customers/{one}/active", {}),
        (f"/customers/{one}/picture", {}),
        (f"/customers/{one}/split", {"record": [], "reason": "", "dry": "1"}),
        (f"/customers/{one}/erase", {"reason": "", "sure": "1"}),
        (f"/customers/{one}/erase", {"reason": "Anna Ahorn", "sure": "1"}),
        (f"/customers/{one}/erase", {"reason": "x"}),
        ("/customers/bulk/do", {"do": "tag", "id": one, "tag": ""}),
        ("/customers/bulk/do", {"do": "consent", "id": one, "channel": "sms", "purpose": "promotion", "state": "granted"}),
        ("/customers/bulk/do", {"do": "active", "id": one}),
        ("/customers/new", {"first_name": ""}),
        ("/customers/new", {"first_name": "A", "email": "keine"}),
        ("/customers/new", {"first_name": "A", "subscribe": "1"}),
        ("/merges/merge", {"one": one, "two": one, "reason": "x"}),
        ("/merges/merge", {"one": "zz", "two": one, "reason": "x"}),
        ("/settings/users", {"name": "", "password": "x", "role": "admin"}),
        ("/settings/users", {"name": "A", "password": "x", "role": "admin"}),
        ("/settings/users/change", {"name": "keiner", "do": "role", "role": "editor"}),
        ("/imports/new", {"into": "list", "emails": ""}),
        ("/orders/new", {"customer": one}),
        (f"/customers/{one}/message", {"subject": "", "text": "x", "purpose": "promotion", "language": "de"}),
        ("/undo", {"seq": "1", "to": "/audit"}),
        ("/customers?segment=keins", {}), ("/customers?sort=keins", {}), ("/customers?view=defalt", {}),
        ("/customers?consent=x", {}), ("/orders?customer=keiner", {}), ("/audit?customer=keiner", {}),
        ("/customers?from=2026-02-01&to=2026-01-01&show=panel", {}), (f"/customers/{one}0", {}), ("/nirgends", {}),
    ]  # fmt: skip
    told = 0
    for path, form in tries:
        answer = client.get(path) if "?" in path or path.endswith(("0", "/nirgends")) else client.post(path, data=form)
        told += answer.status_code >= 400
        assert english(words(answer.text)) == [], (path, form, answer.status_code, words(answer.text)[-700:])
    assert told > 30


@on_sqlite
@SPOKEN
def test_an_imports_rows_are_refused_in_the_readers_language(known: Served, language: str) -> None:
    client = known.client("operator", language)
    table = (
        "email,total,currency,placed_at,order_id\n"
        "keine,1,EUR,2026-01-01,1\na@x.de,viel,EUR,2026-01-01,2\nb@x.de,1,Taler,gestern,3\nc@x.de,1\n"
    )
    for content in (table, "", "a,b\n1,2\n", "%PDF-1.4", "email\nkeine\nb@x.de\n", table.replace("total", "Umsatz")):
        for headers in ("strict", "lenient"):
            sent = client.post(
                "/imports/new",
                data={"into": "list", "headers": headers},
                files={"file": ("leute.csv", content.encode())},
            )
            assert english(words(sent.text)) == [], words(sent.text)
            if sent.status_code != 303:
                continue
            place = sent.headers["location"]
            for answer in (
                client.get(place),
                client.post(place, data={"into": "list", "headers": headers, "do": "dry"}),
            ):
                assert english(_without_cells(answer)) == [], (content, headers, _without_cells(answer))


def _without_cells(answer: httpx.Response) -> str:
    return words(re.sub(r'<datalist.*?</datalist>|<th scope="row">.*?</th>', "", answer.text, flags=re.DOTALL))


@on_sqlite
@SPOKEN
def test_quarantine_runs_queue_and_reasons_are_told_in_the_readers_language(
    known: Served, store: Store, language: str, tmp_path: Path
) -> None:
    with store.step("test") as step:
        fault = {"kind": "broken", "message": "https://x.example could not be reached, after 6 tries",
                 "hint": "Check the address and the network. The next run tries again; if it stays so, look at the shop's "
                 "status page"}  # fmt: skip
        step.db.run("UPDATE run SET error = ?, status = 'failed'", (json.dumps(fault),))
    client = known.client("admin", language)
    rows = [row["id"] for row in Desk(store).rows()]
    for path in ("/quarantine", "/runs", "/sources", "/merges", "/audit?verify=1", "/rules", "/imports", "/settings",
                 *(f"/why/{rows[0]}?other={other}" for other in rows[1:]),
                 *(f"/customers/{one}/{page}" for one in rows for page in ("why", "message"))):  # fmt: skip
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 200
        assert english(words(answer.text)) == [], (path, words(answer.text))


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_who_did_it_is_said_in_the_readers_language(served: Served, store: Store) -> None:
    bring(store, "S", [account("1", "Anna", "Ahorn", email="a@x.de"), account("2", "Bernd", "Birke", email="b@x.de")])
    key, public = "S/customer/1", Desk(store).public("1", "S")
    remarks.remark(store, key, "ruft an", actor="operator paula")
    remarks.note(store, key, "zahlt spät", actor="operator paula")
    remarks.tag(store, [key], "stamm", actor="operator paula")
    correct.pin(store, key, "company", "Hand AG", overlay=True, actor="operator paula")
    decide.merge(store, key, "S/customer/2", reason="one", actor="operator paula")
    newcomer.add(store, {"first_name": "Hanna"}, actor="operator paula")
    for language, who in (("de", "Mitarbeiter paula"), ("pl", "pracownik paula"), ("en", "operator paula")):
        client = served.client("operator", language)
        for path in (f"/customers/{public}", f"/customers/{public}/why", "/audit", "/imports"):
            page = client.get(path).text
            assert who in page, (language, path)
            assert language == "en" or "operator paula" not in page, (language, path)
    wording = Words("de", ZoneInfo("Europe/Berlin"))
    assert [wording.actor(one) for one in ("operator", "token till", "ada", None)] == [
        "Mitarbeiter",
        "Token till",
        "ada",
        "–",
    ]
