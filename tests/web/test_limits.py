"""What may be sent to the page: so many bytes, fields and files, and nothing that unpacks to more."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from klientela.store import Store
from klientela_web import app
from tests.cases.seen import Desk, account
from tests.shops import bring
from tests.web.conftest import Served

on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@on_sqlite
@pytest.mark.parametrize("length", [str(app.LARGEST + 1), "9" * 30, "-1", "many", None])
def test_a_body_that_is_too_large_is_not_even_read(served: Served, length: str | None) -> None:
    """Only the head is sent: an answer comes although the body never does. Without a length nothing is taken either."""
    client = served.client("operator")
    place = urlsplit(served.url)
    head = [f"POST /imports/new HTTP/1.1\r\nHost: {place.netloc}\r\nX-Form: {client.headers['x-form']}\r\n"
            f"Cookie: klientela={client.cookies['klientela']}\r\nContent-Type: multipart/form-data; boundary=x\r\n"]  # fmt: skip
    head.append("Transfer-Encoding: chunked\r\n\r\n" if length is None else f"Content-Length: {length}\r\n\r\n")
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as line:
        line.sendall("".join(head).encode())
        answer = line.recv(4096).decode("latin-1")
    assert answer.split()[1] in ("400", "403"), answer[:200]


@pytest.mark.parametrize(
    ("fields", "files", "taken"), [(1990, 0, True), (2001, 0, False), (0, 19, True), (0, 21, False)]
)
@on_sqlite
def test_a_form_has_so_many_fields_and_files_and_no_more(
    served: Served, store: Store, fields: int, files: int, taken: bool
) -> None:
    bring(store, "main", [account("1", "Anna", "Ahorn")])
    home = f"/customers/{Desk(store).public('1', 'main')}"
    client = served.client("editor")
    sent = [("file", (f"{n}.txt", b"x")) for n in range(files)] or [("file", ("", b""))]
    answer = client.post(f"{home}/note", data={"text": "hello", **{f"f{n}": "" for n in range(fields)}}, files=sent)
    assert answer.status_code == (303 if taken else 403)
    assert len(Desk(store).profile("1", "main")["notes"]) == int(taken)


@on_sqlite
def test_a_field_has_so_many_bytes_and_no_more(served: Served, store: Store) -> None:
    bring(store, "main", [account("1", "Anna", "Ahorn")])
    home = f"/customers/{Desk(store).public('1', 'main')}"
    client = served.client("editor")
    files = [("file", ("", b""))]
    assert client.post(f"{home}/note", data={"text": "x" * (2**20 + 1)}, files=files).status_code == 403
    assert client.post(f"{home}/note", data={"text": "x" * 10_001}, files=files).status_code == 400
    assert Desk(store).profile("1", "main")["notes"] == []


@on_sqlite
def test_addresses_are_pasted_up_to_a_size(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from klientela_web.pages import imports

    monkeypatch.setattr(imports, "LARGEST", 100)
    answer = served.client("operator").post("/imports/new", data={"into": "manual", "emails": "a@x.de, " * 50})
    assert (answer.status_code, "too much" in answer.text) == (400, True)


@on_sqlite
def test_nothing_that_is_no_form_is_taken_for_one(served: Served) -> None:
    client = served.client("operator")
    for kind, body in (("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\n"), ("multipart/form-data", b"x"),
                       ("application/json", b"{}"), ("text/plain", b"into=list")):  # fmt: skip
        answer = client.post("/imports/new", content=body, headers={"content-type": kind})
        assert answer.status_code in (400, 403), kind
