"""Letters and scans: T63's half of the store, and what a profile shows of everything else that hangs on a customer."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from klientela.kit import Booking, Campaign, File, Letter, Message, RecordRef, Scan
from klientela.store import Store, files
from tests.cases.seen import Desk, account, at, contact, order
from tests.shops import bring, use

PDF = b"%PDF-1.7\n" + Random(63).randbytes(40_000) + b"\x00\xff\r\n%%EOF\n"
ANNA = RecordRef("S", "customer", "A")


def _posted(store: Store) -> Desk:
    use(store)
    bring(store, "S", [account("A", "Anna", "Adam", email="anna@x.de"), order("7", customer="A")])
    bring(
        store,
        "push",
        [
            Campaign(external_id="spring", title="Spring 2026"),
            Letter(
                external_id="L1",
                customer=ANNA,
                campaign="spring",
                order=RecordRef("S", "order", "7"),
                title="Welcome back",
                status="sent",
                sent_at=at("2026-03-02 09:00"),
                file=File(name="letter.pdf", content=PDF),
            ),
            Scan(external_id="1", letter="L1", at=at("2026-03-05 18:30"), url="https://shop.example/q"),
            Scan(external_id="2", letter="L1", at=at("2026-03-09 07:15")),
        ],
    )
    return Desk(store)


def test_T63_a_letter_scanned_twice(store: Store) -> None:
    desk = _posted(store)
    latest, first = "2026-03-09T06:15:00Z", "2026-03-05T17:30:00Z"
    assert desk.row("A")["qr_scanned"] == latest
    assert [row["qr_scanned"] for row in desk.everything()] == [latest], "in exports too"
    profile = desk.profile("A")
    (letter,) = profile["letters"]
    assert letter == {
        "id": desk.public("L1", "push", "letter"),
        "source": "push",
        "record": "push/letter/L1",
        "gone": False,
        "title": "Welcome back",
        "status": "sent",
        "error": None,
        "sent_at": "2026-03-02T08:00:00Z",
        "campaign": {"id": desk.public("spring", "push", "campaign"), "title": "Spring 2026"},
        "order": profile["order_list"][0]["id"],
        "scans": [latest, first],
        "effect": None,
        "file": {
            "sha256": sha256(PDF).hexdigest(),
            "name": "letter.pdf",
            "type": "application/pdf",
            "size": len(PDF),
        },
    }
    assert [(scan["at"], scan["letter"], scan["url"]) for scan in profile["scans"]] == [
        (latest, letter["id"], None),
        (first, letter["id"], "https://shop.example/q"),
    ]
    assert profile["files"] == [{**letter["file"], "record": "push/letter/L1"}]
    with store.reading() as db:
        assert files.read(db, letter["file"]["sha256"]).content == PDF


def test_nobody_else_has_them_and_records_are_persons_only(store: Store) -> None:
    desk = _posted(store)
    bring(store, "S", [account("B", "Ben", "Berg")])
    assert [record["entity"] for record in desk.row("A")["records"]] == ["customer"]
    assert desk.row("B")["qr_scanned"] is None
    profile = desk.profile("B")
    assert [profile[name] for name in ("letters", "scans", "messages", "bookings", "files")] == [[]] * 5


def test_a_join_shows_both_and_a_split_gives_them_back(store: Store) -> None:
    """R24: nothing moves on a join; the profile shows the union."""
    desk = _posted(store)
    bring(store, "list", [contact("B", "Anna", "Adam", email="old@x.de", version=1)])
    bring(store, "push", [Letter(external_id="L2", customer=RecordRef("list", "customer", "B"), title="Older")])
    assert [letter["title"] for letter in desk.profile("A")["letters"]] == ["Welcome back"]
    bring(store, "list", [contact("B", "Anna", "Adam", email="anna@x.de", version=2)])
    assert [letter["title"] for letter in desk.profile("A")["letters"]] == ["Welcome back", "Older"]
    assert len(desk.rows()) == 1
    bring(store, "list", [contact("B", "Anna", "Adam", email="old@x.de", version=3)])
    assert [letter["title"] for letter in desk.profile("B", "list")["letters"]] == ["Older"]
    assert desk.row("B", "list")["qr_scanned"] is None


def test_another_file_for_a_letter_does_not_unsay_what_was_sent(store: Store) -> None:
    desk = _posted(store)
    bring(store, "push", [Letter(external_id="L1", customer=ANNA, version=1, file=File(content=b"%PDF new"))])
    profile = desk.profile("A")
    assert profile["letters"][0]["file"]["size"] == 8
    assert {file["size"] for file in profile["files"]} == {8, len(PDF)}


def test_messages_and_bookings(store: Store) -> None:
    desk = _posted(store)
    starts = at("2026-04-01 18:00")
    bring(
        store,
        "push",
        [
            Message(external_id="m1", customer=ANNA, by="email", direction="in", subject="Hi", at=starts, order="nope"),
            Message(external_id="m2", customer=ANNA, campaign="unknown", text="..."),
            Booking(external_id="b1", customer=ANNA, title="Yoga", status="booked", starts_at=starts, people=2),
        ],
    )
    profile = desk.profile("A")
    first, second = profile["messages"]
    assert (first["by"], first["direction"], first["subject"], first["order"]) == ("email", "in", "Hi", None)
    assert (first["at"], first["campaign"]) == ("2026-04-01T17:00:00Z", None)
    assert second["campaign"] == {"id": desk.public("unknown", "push", "campaign"), "title": None}
    (booking,) = profile["bookings"]
    assert (booking["title"], booking["status"], booking["people"], booking["ends_at"]) == ("Yoga", "booked", 2, None)
    assert booking["starts_at"] == "2026-04-01T17:00:00Z"
