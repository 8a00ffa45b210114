"""Letters and what comes with them: staged like everything else, their files kept once and byte for byte."""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import Any

import msgspec
import pytest

from klientela.errors import UnknownThing
from klientela.flow import enclosed
from klientela.flow.sync import sync
from klientela.kit import Booking, Campaign, File, Gone, Letter, Message, Record, RecordRef, Scan
from klientela.store import Store, facts, files
from tests.shops import Shop, bring, use

PDF = b"%PDF-1.7\n" + Random(5).randbytes(100_000) + b"\x00\n%%EOF"
DIGEST = sha256(PDF).hexdigest()


def _letter(ext: str = "1", **more: Any) -> Letter:
    return Letter(external_id=ext, customer="A", file=File(name="letter.pdf", content=PDF), **more)


def _count(store: Store, table: str) -> int:
    with store.reading() as db:
        row = db.one(f"SELECT count(*) FROM {table}")
        assert row is not None
        return int(row[0])


def _standing(store: Store, entity: int, ext: str = "1") -> Any:
    with store.reading() as db:
        (number,) = (r.id for r in facts.known(db, 1, entity, [ext]).values())
        return facts.load(db, [number])[number].fact


def _refused(store: Store, record: Record) -> str:
    report = sync(store, Shop("push", [record]))
    assert (report.status, report.rejected, report.new) == ("ok", 1, 0)
    with store.reading() as db:
        ((payload, reason),) = db.rows("SELECT payload, reason FROM quarantine")
    assert len(payload) < 2000, "the file's bytes do not belong into the quarantine"
    return str(reason)


def test_every_kind_of_thing_is_kept_as_it_came(store: Store) -> None:
    use(store)
    ref = RecordRef("main", "guest_order", "77")
    things: list[Any] = [
        Campaign(external_id="1", title="Spring", at=1, until=2, note="n"),
        Letter(
            external_id="1",
            customer="A",
            campaign="1",
            order=RecordRef("main", "order", "77"),
            title="Hello",
            status="sent",
            sent_at=5,
        ),
        Scan(external_id="1", letter="1", customer=ref, at=6, url="https://x.example/"),
        Message(external_id="1", customer=ref, by="email", direction="out", subject="s", text="t", status="ok", at=7),
        Booking(external_id="1", customer="A", title="Yoga", status="booked", starts_at=8, ends_at=9, people=2),
    ]
    report = bring(store, "push", things)
    assert (report.read, report.new, report.rejected) == (5, 5, 0)
    assert [_standing(store, facts.ENTITY_OF[type(thing)]) for thing in things] == things
    again = bring(store, "push", things)
    assert (again.new, again.changed, again.unchanged) == (0, 0, 5)
    bring(store, "push", [Letter(external_id="1", version=1, status="failed", error="no paper")])
    assert _standing(store, facts.LETTER).error == "no paper"


def test_a_file_is_kept_once_byte_for_byte_and_never_in_the_claim(store: Store) -> None:
    use(store)
    bring(store, "push", [_letter("1"), _letter("2", title="again")])
    assert _standing(store, facts.LETTER).file == File(name="letter.pdf", sha256=DIGEST, size=len(PDF))
    with store.reading() as db:
        assert files.read(db, DIGEST) == ("application/pdf", PDF)
        assert max(len(body) for (body,) in db.rows("SELECT body FROM record WHERE body IS NOT NULL")) < 500
    assert (_count(store, "file"), _count(store, "attachment")) == (1, 2)
    assert bring(store, "push", [_letter("1")]).unchanged == 1
    assert bring(store, "push", [Letter(external_id="3", file=File(sha256=DIGEST, name="b.pdf"))]).new == 1
    assert _standing(store, facts.LETTER, "3").file.size == len(PDF)
    assert (_count(store, "file"), _count(store, "attachment")) == (1, 3)


def test_what_was_sent_stays_when_another_file_comes(store: Store) -> None:
    use(store)
    bring(store, "push", [_letter(version=1)])
    bring(store, "push", [_letter(version=2, title="x"), Letter(external_id="1", version=3, file=File(content=b"two"))])
    bring(store, "push", [Letter(external_id="1", version=2, file=File(content=b"too late"))])
    with store.reading() as db:
        kept = {bytes(row[0]) for row in db.rows("SELECT bytes FROM file")}
    assert kept == {PDF, b"two"}, "a claim that came too late brings no file"
    assert _count(store, "attachment") == 2


def test_two_channels_on_one_page_keep_both_files(store: Store) -> None:
    use(store)
    one, two = _letter(channel="a"), Letter(external_id="1", channel="b", file=File(content=b"two"))
    bring(store, "push", [one, two])
    assert (_count(store, "file"), _count(store, "attachment")) == (2, 2)


def test_files_that_cannot_be_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    use(store)
    monkeypatch.setattr(enclosed, "LARGEST", 1000)
    for file, reason in (
        (File(content=PDF), "the file is larger than 1000 bytes"),
        (File(content=b""), "the file has no content"),
        (File(content="text"), "the file has no content"),  # type: ignore[arg-type]
        (File(content=b"x", sha256=DIGEST), "the file is not the one its digest names"),
        (File(sha256=DIGEST), "the file's content is missing, and no file of its digest has come before"),
        (File(sha256="x"), "the file's content is missing, and no file of its digest has come before"),
        (File(), "the file's content is missing, and no file of its digest has come before"),
        (File(content=b"x", type="no type"), "a field has a value of the wrong kind"),
    ):
        assert _refused(store, Letter(external_id="1", file=file)).startswith(reason)
        with store.step("again") as step:
            step.db.run("DELETE FROM quarantine")
    assert _count(store, "file") == 0


def test_a_status_that_nobody_knows_and_times_without_end_are_refused(store: Store) -> None:
    use(store)
    assert "wrong kind" in _refused(store, Letter(external_id="1", status="posted"))  # type: ignore[arg-type]
    with store.step("again") as step:
        step.db.run("DELETE FROM quarantine")
    assert _refused(store, Booking(external_id="1", starts_at=2**62)) == "a time is out of range"


def test_a_letter_can_be_gone(store: Store) -> None:
    use(store)
    bring(store, "push", [_letter()])
    assert bring(store, "push", [Gone(entity="letter", external_id="1")]).changed == 1
    with store.reading() as db:
        assert db.rows("SELECT gone FROM record WHERE entity = ?", (facts.LETTER,)) == [(1,)]


def test_an_unknown_file_is_told(store: Store) -> None:
    for digest in (DIGEST, "", "zz"):
        with store.reading() as db, pytest.raises(UnknownThing):
            files.read(db, digest)


def test_a_file_is_printed_without_its_bytes() -> None:
    assert repr(_letter()).count("%PDF") == 0
    assert msgspec.json.decode(facts.encode(Letter(external_id="1", file=File(sha256=DIGEST)))) == {
        "external_id": "1",
        "file": {"sha256": DIGEST},
    }
