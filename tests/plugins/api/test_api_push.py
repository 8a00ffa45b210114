"""Pushing over real HTTP: what is stored, what is answered, what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.plugins.api.till import Till, customer, order

from klientela.door import STREAMS
from klientela.flow.rebuild import rebuild
from klientela.store.desk import quarantined

ANNA = customer("1", first_name="Anna", last_name="Berg", email="anna@x.example", kind="registered")


def test_an_object_or_an_array(shop: Till) -> None:
    assert shop.statuses("customers", ANNA) == ["accepted"]
    assert shop.statuses("customers", [ANNA, customer("2", first_name="Ben", last_name="Tal")]) == [
        "unchanged",
        "accepted",
    ]
    assert [row["name"] for row in shop.rows()] == ["Anna Berg", "Ben Tal"]
    assert shop.statuses("customers", []) == []


def test_one_bad_item_harms_nobody_else(shop: Till) -> None:
    answer = shop.push(
        "customers",
        [ANNA, customer("2", emial="b@x.example"), 7, {"first_name": "Cleo"}, customer("5", email="e@x.de")],
    ).json()
    assert (answer["accepted"], answer["unchanged"], answer["rejected"]) == (2, 0, 3)
    assert [(one["index"], one["status"], one["external_id"]) for one in answer["items"]] == [
        (0, "accepted", "1"),
        (1, "rejected", "2"),
        (2, "rejected", None),
        (3, "rejected", None),
        (4, "accepted", "5"),
    ]
    assert [one["reason"] for one in answer["items"]] == [
        None,
        "there is no field emial; did you mean email?",
        "this is no JSON object",
        "external_id is missing",
        None,
    ]
    with shop.store.reading() as db:
        kept = quarantined(db, "till")
    assert {(one["key"], one["stream"]) for one in kept} == {("2", "customers"), (None, "customers")}
    assert shop.statuses("customers", customer("2", email="b@x.example")) == ["accepted"]
    with shop.store.reading() as db:
        assert not [one for one in quarantined(db, "till") if one["key"] == "2"]  # mended


def test_the_ids_that_are_answered_lead_to_the_customer(shop: Till) -> None:
    answer = shop.push("customers", [ANNA, customer("2", first_name="Anna", last_name="Berg", email="Anna@x.example")])
    ids = {one["id"] for one in answer.json()["items"]}
    row = shop.rows()[0]
    assert len(ids) == 2
    assert row["id"] in ids
    for one in ids:
        found = shop.client.get(f"/customers/{one}", follow_redirects=True)
        assert found.json()["id"] == row["id"]


def test_a_customer_may_come_after_his_orders(shop: Till) -> None:
    assert shop.statuses("orders", [order("o1", customer="1"), order("o2", "5.50", customer="1")]) == ["accepted"] * 2
    assert shop.rows() == []  # nobody knows yet who that is (R0d, T71)
    assert shop.statuses("customers", ANNA) == ["accepted"]
    (row,) = shop.rows()
    assert (row["name"], row["orders"], row["ltv"]) == ("Anna Berg", 2, [{"amount": "15.50", "currency": "EUR"}])


def test_guests_without_customer_are_rows_of_their_own(shop: Till) -> None:
    """R12: a pushed order with guest: true and no customer stands under per_order; others merge."""
    shop.statuses("customers", ANNA)
    shop.statuses("orders", [order(f"g{n}", guest=True, email="anna@x.example", last_name="Berg") for n in range(2)])
    shop.statuses("orders", [order(f"c{n}", email="anna@x.example", last_name="Berg") for n in range(2)])
    found = [(row["name"], row["status"], row["orders"]) for row in shop.rows()]
    assert found == [("Anna Berg", "registered", 2), ("Berg", "guest", 1), ("Berg", "guest", 1)]
    assert rebuild(shop.store, check=True).equal


def test_an_older_push_changes_nothing(shop: Till) -> None:
    shop.statuses("customers", {**ANNA, "updated_at": "2026-05-02T00:00:00Z"})
    older = {**ANNA, "last_name": "Alt", "updated_at": "2026-05-02T01:00:00+02:00"}
    assert shop.statuses("customers", older) == ["unchanged"]
    assert shop.statuses("customers", {**older, "updated_at": "2026-05-02T03:00:00+02:00"}) == ["accepted"]
    assert shop.rows()[0]["last_name"] == "Alt"


def test_the_same_record_twice_in_one_request(shop: Till) -> None:
    newer = {**ANNA, "updated_at": "2026-05-02T00:00:00Z"}
    older = {**ANNA, "last_name": "Alt", "updated_at": "2026-05-01T00:00:00Z"}
    assert shop.statuses("customers", [newer, older, newer]) == ["accepted", "unchanged", "unchanged"]
    assert shop.rows()[0]["last_name"] == "Berg"


def test_what_is_left_out_is_not_known_and_null_clears(shop: Till) -> None:
    shop.statuses("customers", {**ANNA, "phone": "+49301234567"})
    shop.statuses("customers", {**ANNA, "phone": None})
    assert shop.rows()[0]["phone"] is None


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        ({"total": "12.34"}, {"amount": "12.34", "currency": "EUR"}),
        ({"total": {"minor": 1234}, "currency": "CHF"}, {"amount": "12.34", "currency": "CHF"}),
        ({"total": "1234", "currency": "JPY"}, {"amount": "1234", "currency": "JPY"}),
        ({"total": "99.90", "refunded": "9.90"}, {"amount": "90.00", "currency": "EUR"}),
    ],
)
def test_money(shop: Till, money: dict[str, Any], shown: dict[str, str]) -> None:
    shop.statuses("customers", ANNA)
    assert shop.statuses("orders", {**order("o", customer="1"), **money}) == ["accepted"]
    assert shown in shop.rows()[0]["ltv"]


@pytest.mark.parametrize("total", [12.34, 12, True, "12,34", "1e3", " 1", "", None, {"minor": 1.5}, {"minor": 2**60}])
def test_what_is_no_money(shop: Till, total: Any) -> None:
    (item,) = shop.push("orders", order("o", total)).json()["items"]
    assert item["status"] == "rejected"
    assert item["reason"].startswith("total")


def test_letters_scans_and_the_rest(shop: Till) -> None:
    shop.statuses("customers", ANNA)
    pdf = b"%PDF-1.4 " + bytes(range(256))
    letter = {
        "external_id": "l1",
        "customer": "1",
        "campaign": "c1",
        "title": "Spring",
        "status": "sent",
        "sent_at": "2026-05-01T10:00:00Z",
        "file": {"name": "spring.pdf", "base64": base64.b64encode(pdf).decode()},
    }
    assert shop.statuses("campaigns", {"external_id": "c1", "title": "Spring"}) == ["accepted"]
    assert shop.statuses("letters", [letter, letter]) == ["accepted", "unchanged"]
    assert shop.statuses("scans", {"external_id": "s1", "letter": "l1", "at": "2026-05-03T10:00:00Z"}) == ["accepted"]
    about = {"customer": {"source": "till", "entity": "customer", "external_id": "1"}}
    assert shop.statuses("messages", {"external_id": "m1", "subject": "Hello", **about}) == ["accepted"]
    assert shop.statuses("bookings", {"external_id": "b1", "title": "Course", "people": 2, **about}) == ["accepted"]
    with shop.store.reading() as db:
        (kept,) = db.rows("SELECT sha256, bytes FROM file")
        assert not [row for row in db.rows("SELECT body FROM record") if b"JVBERi0" in bytes(row[0] or b"")]
    assert bytes(kept[0]) == hashlib.sha256(pdf).digest()
    assert bytes(kept[1]) == pdf


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ({"base64": "äöü"}, "file.base64: this is no base64"),
        ({"base64": "A"}, "file.base64: this is no base64"),
        ({}, "file: neither base64 nor sha256 is there"),
        ({"sha256": "0" * 64}, "the file's content is missing, and no file of its digest has come before"),
        ({"base64": "QUJD", "sha256": "0" * 64}, "the file is not the one its digest names"),
    ],
)
def test_files_that_cannot_be_taken(shop: Till, file: dict[str, str], reason: str) -> None:
    (item,) = shop.push("letters", {"external_id": "l", "file": file}).json()["items"]
    assert (item["status"], item["reason"]) == ("rejected", reason)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"external_id": NaN}', 400),
        (b"[" * 100_000, 400),
        (b'"text"', 422),
        (b"null", 422),
        (b"12", 422),
        (json.dumps([{}] * 1001).encode(), 413),
    ],
)
def test_bodies_that_are_no_push(shop: Till, body: bytes, status: int) -> None:
    answer = shop.client.post("/customers", content=body)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"kind", "message", "hint"}
    assert shop.count("record") == 0
    assert shop.count("quarantine") == 0


def test_a_body_that_is_too_large_is_not_read(shop: Till) -> None:
    told = shop.client.post("/customers", content=b" " * (9 * 2**20))
    assert told.status_code == 413

    def parts() -> Any:  # without a length
        for _ in range(9):
            yield b" " * 2**20

    assert shop.client.post("/customers", content=parts()).status_code == 413


def test_halves_of_characters_and_other_rubbish(shop: Till) -> None:
    raw = (
        b'[{"external_id":"\\ud800"},{"external_id":"a","\\ud800\\u0000":1},'
        b'{"external_id":"b\\u0000"},{"external_id":"c","note":"\\u0000"}]'
    )
    answer = shop.client.post("/customers", content=raw)
    assert answer.status_code == 200, answer.text
    assert [one["status"] for one in answer.json()["items"]] == ["rejected"] * 4


def test_a_client_that_hangs_up_half_way_changes_nothing(shop: Till) -> None:
    host, port = httpx.URL(shop.url).host, httpx.URL(shop.url).port
    assert port is not None
    with socket.create_connection((host, port)) as line:
        head = f"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.token}\r\n"
        line.sendall(head.encode() + b'Content-Length: 100\r\n\r\n{"external_id"')
    assert shop.statuses("customers", ANNA) == ["accepted"]
    assert shop.count("record") == 1


def test_the_description_is_there(shop: Till) -> None:
    found = httpx.get(f"{shop.url}/api/openapi.json").json()
    assert set(found["paths"]) == {
        *(f"/v1/{name}" for name in ("customers", "orders", "letters", "campaigns", "scans", "messages", "bookings")),
        "/v1/customers/{id}",
    }
    assert found["components"]["schemas"]["CustomerIn"]["additionalProperties"] is False


def test_addresses_that_are_none(shop: Till) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/customers", 405), ("GET", "/orders", 405)):
        answer = shop.client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"kind", "message", "hint"}


def test_the_manual_is_right(shop: Till) -> None:
    """What docs/push.md shows can be pushed as it stands there, in its order."""
    text = (Path(__file__).parents[3] / "docs" / "push.md").read_text("utf-8")
    shown = re.findall(r"`POST /api/v1/(\w+)`\n\n```json\n(.*?)```", text, re.S)
    assert {stream for stream, _ in shown} == set(STREAMS)
    for stream, body in shown:
        answer = shop.client.post(f"/{stream}", content=body.encode())
        assert {one["status"] for one in answer.json()["items"]} == {"accepted"}, answer.text
    assert [row["status"] for row in shop.rows()] == ["registered", "guest"]
