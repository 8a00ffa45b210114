"""A NUL character and other rubbish in what is pushed and asked is refused or harmless, on both databases; never a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.plugins.api.till import Till, customer, till

from klientela_api.translate import KINDS

NUL = "x\0y"
NEEDED = {
    "orders": {"placed_at": "2026-05-01T10:00:00Z", "total": "1.00"},
    "letters": {"customer": "1"}, "scans": {"at": "2026-05-01T10:00:00Z", "letter": "1"},
    "messages": {"customer": "1"}, "bookings": {"customer": "1"},
}  # fmt: skip
PARTS = {
    "addresses": ("street", "kind"), "numbers": ("value", "space"), "consents": ("evidence", "address"),
    "lines": ("title", "sku"), "file": ("name", "type", "base64"),
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path, store_url: str) -> Iterator[Till]:
    with till(tmp_path, url=store_url) as made:
        yield made


def items(stream: str) -> Iterator[dict[str, Any]]:
    """A thing for each field of the stream, which holds the character there, in every form that the field may take."""
    base = {"external_id": "", **NEEDED.get(stream, {})}
    for name in KINDS[stream][0].model_fields:
        forms: list[Any] = [NUL, [NUL], {"source": NUL, "entity": "customer", "external_id": "1"}]
        forms += [
            {"source": "till", "entity": NUL, "external_id": "1"},
            {"source": "till", "entity": "customer", "external_id": NUL},
        ]
        for part in PARTS.get(name, ()):
            made = (
                {"channel": "email", "purpose": "promotion", "state": "denied", part: NUL}
                if name == "consents"
                else {part: NUL}
            )
            forms += [made, [made]]
        for number, form in enumerate(forms):
            yield {**base, "external_id": f"{name}{number}", name: form}
    yield {**base, "external_id": "key", NUL: NUL}


def test_what_holds_a_nul_is_refused_by_itself(shop: Till) -> None:
    for stream in KINDS:
        sent = list(items(stream))
        answer = shop.push(stream, sent)
        assert answer.status_code == 200, answer.text
        told = answer.json()["items"]
        assert [(one, what) for one, what in zip(told, sent, strict=True) if one["status"] != "rejected"] == []
        assert all(one["reason"] for one in told)


def test_what_is_asked_holds_no_nul(shop: Till) -> None:
    shop.statuses("customers", customer("1", first_name="Anna", last_name="Berg"))
    (row,) = shop.rows()
    one = f"/customers/{row['id']}"
    for name in ("view", "search", "sort", "source", "segment", "filter", "page", "size", "inactive", "other"):
        for value in ("\0", "a\0b", "tag=\0", "\0=vip"):
            told = shop.client.get("/customers", params={name: value})
            assert told.status_code == (200 if name == "other" else 422), (name, told.text)
            assert shop.client.get(one, params={name: value}).status_code == (422 if name == "view" else 200)
    assert shop.client.get(one + "%00").status_code == 404
    assert shop.client.get("/customers", headers={"Authorization": "Bearer a\ufffdb".encode()}).status_code == 401


def test_what_could_not_be_read_is_asked_for_nowhere(shop: Till) -> None:
    """Bytes that are no UTF-8 arrive as U+FFFD, which SQLite's index takes for others and PostgreSQL does not."""
    people = [customer(str(n), last_name=name) for n, name in enumerate(("Mül\ufffdler", "Mül\uffff", "Berg"))]
    shop.statuses("customers", people)
    for asked, many in (
        ("%EF%BF%BD", 3),
        ("%FF", 3),
        ("M%C3%BCl%FFler", 1),
        ("%FFm%C3%BCl", 2),
        ("Berg%FF", 1),
        ("%FFle", 3),
    ):
        told = shop.client.get(f"/customers?search={asked}").json()
        assert (told["total"], len(told["rows"])) == (many, many), asked
