"""Words that only an erased person had are found everywhere before the erasure, and by the same look nowhere after it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from klientela.door import Caller, Item, Ticket
from klientela.flow import decide, hands, ordering, remarks, sending, withdraw
from klientela.flow.consenting import Whom, consent
from klientela.flow.erase import carry_out, erase
from klientela.flow.hands import Word
from klientela.flow.importing import Imported, Into, import_records
from klientela.flow.push import push
from klientela.flow.rebuild import rebuild
from klientela.kit import (
    Address,
    Booking,
    Checkout,
    Consent,
    File,
    Letter,
    Line,
    Message,
    Number,
    Page,
    Person,
    Rejected,
    Scan,
)
from klientela.notices import Notice
from klientela.settings.model import Mail
from klientela.store import Store, cleaning, facts, inbox, ledger, open_store, outbox, tokens
from klientela.store.backup import backup, restore
from tests.canaries import Found, scan
from tests.cases.seen import Desk, account, contact, order
from tests.shops import Shop, use

SHARED = "mehlbeerenpost@x.de"
CANARIES = {
    "first name": "Quendeline",
    "last name": "Zwergholunder",
    "e-mail": "quendel.eins@x.de",
    "former e-mail": "quendel.null@x.de",
    "second e-mail": "quendel.zwei@x.de",
    "mailbox key": "quendel.liste@x.de",
    "company": "Quendelwerke",
    "street": "Bibernellgasse",
    "city": "Wermutshausen",
    "note": "mag rosmarinkuchen",
    "tag": "schafgarbenfreundin",
    "crm id": "crm-beifuss-77",
    "number": "kd-salbei-4711",
    "order's mail": "quendel.bestellt@x.de",
    "order's street": "Ysopallee",
    "order's tag": "dostgeschenk",
    "letter": "liebe waldmeisterin",
    "file": "pdf ueber engelwurz",
    "message": "danke fuer den kerbel",
    "booking": "kommt mit liebstoeckel",
    "scan": "https://x.de/sauerampfer",
    "cart's mail": "quendel.korb@x.de",
    "evidence": "formular brennnessel",
    "quarantine": "kaputte zeile giersch",
    "webhook": "nachricht von vogelmiere",
    "reason": "sie ist die spitzwegerich",
    "operator's tag": "gundermanntag",
    "remark": "ruft nur im bachkressenmonat an",
    "operator's note": "hat taubnesseltee bestellt",
    "note's file": "foto einer ackerwinde",
    "operator's consent": "sagte ja am wegerichstand",
    "run error": "fehler bei huflattich",
    "pushed": "kasse-huflattichwurz",
    "file name": "gaensebluemchen.csv",
    "file named after her": "quendeline_zwergholunder.csv",
    "order's number": "2026-zwergholunder-01",
    "sent message": "lade zum huflattichkranz",
    "sent subject": "neues vom ackergauchheil",
    "voucher": "huflattich-gutschein",
    "refusal": "kein strandhafer an diesem ort",
    "shop's number": "2026-zwergholunder-02",
    "withdrawn": "sumpfdotterweg",
}  # fmt: skip
LINE = Line(title="Tee", quantity=2, total=1000)


def _anna(email: str, version: int) -> Person:
    return account(
        "1",
        CANARIES["first name"],
        CANARIES["last name"],
        email=email,
        emails=[SHARED, CANARIES["second e-mail"]],
        company=CANARIES["company"],
        phone="+49 351 4712345",
        addresses=[Address(street=CANARIES["street"], house_number="3", zip="01099", city=CANARIES["city"])],
        note=CANARIES["note"],
        tags=[CANARIES["tag"]],
        crm_id=CANARIES["crm id"],
        numbers=[Number(CANARIES["number"])],
        consents=[Consent(channel="email", purpose="promotion", state="granted", at=5, evidence=CANARIES["evidence"])],
        created_at=1,
        version=version,
    )


BEN = account("2", "Ben", "Birke", email=SHARED, created_at=2, version=1)


def _shop() -> list[Any]:
    return [
        _anna(CANARIES["e-mail"], 3),
        BEN,
        order(
            "o1",
            customer="1",
            email=CANARIES["order's mail"],
            tags=[CANARIES["order's tag"]],
            addresses=[Address(first_name="Q", street=CANARIES["order's street"], city="Ort")],
            lines=[LINE],
        ),
        order(CANARIES["shop's number"], 1000, customer="1", email=CANARIES["e-mail"]),
        order("o2", 2500, customer="2", email=SHARED),
        Checkout(external_id="c1", customer="1", email=CANARIES["cart's mail"], at=9, currency="EUR", value=500),
        Letter(external_id="l1", customer="1", title=CANARIES["letter"], file=File(content=_file())),
        Letter(external_id="l2", customer="2", title="an ben", file=File(content=b"%PDF an beide")),
        Letter(external_id="l3", customer="1", title="x", file=File(content=b"%PDF an beide")),
        Scan(external_id="s1", letter="l1", url=CANARIES["scan"], at=7),
        Message(external_id="m1", customer="1", by="email", text=CANARIES["message"], address=CANARIES["e-mail"]),
        Booking(external_id="b1", customer="1", note=CANARIES["booking"]),
    ]


def _file() -> bytes:
    return b"%PDF " + CANARIES["file"].encode()


class _Raw(Shop):
    """A shop that keeps what came, as it came."""

    def _read(self, window: Any, position: Any) -> Any:
        for page in super()._read(window, position):
            raws = [repr(record).encode() for record in page.records]
            yield Page(page.records, page.position, raws=raws)


def sync_raw(store: Store, name: str, records: list[Any]) -> Any:
    from klientela.flow.sync import sync

    report = sync(store, _Raw(name, records))
    assert report.status == "ok", report.error
    return report


def _listed(store: Store, name: str) -> Imported:
    return import_records(
        store,
        Into("L", "csv"),
        [
            contact(f"mail:{CANARIES['mailbox key']}", CANARIES["first name"], CANARIES["last name"],
                    email=CANARIES["mailbox key"], emails=[CANARIES["e-mail"]])
        ],
        name=name,
        digest="0",
    )  # fmt: skip


def _ordered(store: Store) -> Imported:
    """A file that is named after her, with an order whose number is too, and Ben's consent of which it is the evidence."""
    name = CANARIES["file named after her"]
    said = Consent(channel="post", purpose="promotion", state="denied", basis="import", evidence=f"{name}: No letters")
    return import_records(
        store,
        Into("L", "csv"),
        [
            order(CANARIES["order's number"], 700, number=CANARIES["order's number"], lines=[LINE],
                  first_name=CANARIES["first name"], last_name=CANARIES["last name"], email=CANARIES["e-mail"]),
            contact("b2", "Ben", "Birke", email=SHARED, consents=[said]),
        ],
        name=name,
        digest="1",
    )  # fmt: skip


def _withdrawn(store: Store) -> None:
    """A file with an order that nobody else tells of; it was taken back."""
    place = Address(first_name="Q", street=CANARIES["withdrawn"], city="Ort")
    name = {"first_name": CANARIES["first name"], "last_name": CANARIES["last name"]}
    bought = order("w1", 900, email=CANARIES["e-mail"], addresses=[place], lines=[LINE], **name)
    batch = import_records(store, Into("L", "csv"), [bought], name="orders.csv", digest="2").batch
    assert batch is not None
    withdraw.undo(store, batch)


def _ordered_here(store: Store, anna: str) -> None:
    """An order placed here and sent to the shop, which once refused it with her name, and then gave it a number of hers."""
    _, key = ordering.place(store, anna, [("Tee", "1", "10.00")], "EUR", voucher=CANARIES["voucher"])
    with store.step("test") as step:
        mine = step.db.one("SELECT id FROM record WHERE ext = ? AND entity = ?",
                           (key.rpartition("/")[2], facts.ORDER))  # fmt: skip
        source = step.db.one("SELECT id FROM source WHERE label = 'S'")
        assert mine is not None
        assert source is not None
        outbox.begin(step, mine[0], key, source[0])
        said = f"{CANARIES['refusal']}: {CANARIES['first name']} {CANARIES['last name']}"
        outbox.settle(step, mine[0], outbox.TAKEN, ext=CANARIES["shop's number"], error=said)


def fill(store: Store) -> None:
    """Everything a store may know of somebody."""
    use(store)
    sync_raw(store, "S", [_anna(CANARIES["former e-mail"], 2), BEN])
    sync_raw(store, "S", _shop())
    with store.alone() as db:
        if db.sqlite:
            db.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # some of it in the file, what follows in the log beside it
    bad = Rejected(reason="a date is none", key="1", payload=f"1;{CANARIES['quarantine']};{CANARIES['e-mail']}")
    sync_raw(store, "S", [bad, *_shop()])
    _listed(store, f"quendel.eins@x.de {CANARIES['file name']}")
    _ordered(store)
    desk = Desk(store)
    decide.split(store, desk.public("1"), ["L/customer/mail:" + CANARIES["mailbox key"]], reason=CANARIES["reason"])
    decide.merge(store, desk.public("1"), f"L/customer/mail:{CANARIES['mailbox key']}", reason=CANARIES["reason"])

    def tag(step: Any) -> list[Word]:
        row = step.db.one("SELECT id FROM record WHERE ext = '1' AND entity = 0")
        return [Word("tag", row[0], {"tag": CANARIES["operator's tag"]})]

    hands.say(store, "tag", tag, {})
    anna = desk.public("1")
    remarks.remark(store, anna, CANARIES["remark"])
    remarks.note(store, anna, CANARIES["operator's note"], [File(content=CANARIES["note's file"].encode())])
    remarks.note(store, desk.public("2"), "an ben", [File(content=b"bleibt")])
    _withdrawn(store)
    _ordered_here(store, anna)
    consent(store, Whom((anna,)), "sms", "promotion", "granted", evidence=CANARIES["operator's consent"])
    sending.send(store, anna, subject=CANARIES["sent subject"], text=CANARIES["sent message"], purpose="promotion",
                 mail=Mail(host="127.0.0.1", port=1, sender="post@x.example", security="none"))  # fmt: skip
    with store.step("test") as step:
        source = step.db.one("SELECT id FROM source WHERE label = 'S'")
        assert source is not None
        body = f'{{"note": "{CANARIES["webhook"]}", "email": "{CANARIES["e-mail"].upper()}"}}'
        inbox.keep(step.db, [(source[0], Notice("n1", "customers/update", body))], step.at)
        tokens.new(step, "till", ["push"], None)
        said = f"{CANARIES['run error']} {CANARIES['e-mail']}"
        error = json.dumps({"kind": "broken", "message": said, "hint": None})
        step.db.run("UPDATE run SET error = ? WHERE id = 1", (error,))
    person = account(CANARIES["pushed"], CANARIES["first name"], CANARIES["last name"], email=CANARIES["e-mail"])
    push(store, Caller(1, "till", "P"), "P", "customers", [Item(person, b"{}")], Ticket("once", bytes(32)))


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store)
    return store


def test_every_word_is_found_before_and_none_after(filled: Store, tmp_path: Path) -> None:
    before = scan(filled, [*CANARIES.values(), SHARED])
    lost = set(CANARIES.values()) - set().union(*before.values())
    assert not lost, "the look finds what is there"
    places = {"payloads", "quarantine", "audit", "export csv", "export json", "profiles", "search", "table inbox"}
    assert places <= before.keys()
    if filled.path is not None:
        assert {"database", "log of the database"} <= before.keys()
    made = erase(filled, Desk(filled).public("1"), reason="asked by letter")
    assert made.records == 6
    after = scan(filled, [*CANARIES.values(), SHARED], [tmp_path / "klientela.tombstones"])
    assert _but(after, SHARED) == {}
    assert after["profiles"] == {SHARED}, "who shares it keeps it"
    assert rebuild(filled, check=True).differences == []
    with filled.reading() as db:
        assert list(ledger.verify(db)) == []
        assert db.rows("SELECT count(*) FROM file") == [(2,)], "a file that another has too stays"


def test_no_word_comes_back_by_syncs_imports_or_yesterdays_backup(
    filled: Store, store_url: str, tmp_path: Path
) -> None:
    backup(filled, tmp_path / "yesterday")
    erase(filled, Desk(filled).public("1"), reason="asked by letter")
    for _ in range(2):
        report = sync_raw(filled, "S", [Rejected(reason="x", key="1", payload=CANARIES["quarantine"]), *_shop()])
        assert report.suppressed == 7, "the reject, the person, two letters, a scan, a message, a booking"
        assert _listed(filled, "list.csv").counts["suppressed"] == 1
        assert _but(scan(filled, [*CANARIES.values(), SHARED]), SHARED) == {}
    filled.close()
    key, tombstones = tmp_path / "klientela.key", tmp_path / "klientela.tombstones"
    restore(store_url, key, tmp_path / "yesterday")
    with open_store(store_url, key_file=key, tombstones=tombstones) as again:
        assert carry_out(again) == (1, 6)
        found = scan(again, [*CANARIES.values(), SHARED])
        assert _but(found, SHARED) == {}
        assert found["profiles"] == {SHARED}
        assert rebuild(again, check=True).differences == []


def test_who_reads_meanwhile_holds_up_the_cleaning_and_not_the_erasure(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "PATIENCE", 50)
    with filled.reading() as db:
        assert db.rows("SELECT count(*) FROM record")
        made = erase(filled, Desk(filled).public("1"), reason="asked")
    with filled.reading() as db:
        assert cleaning.owed(db) is (not made.cleaned)
    assert made.cleaned is (filled.path is None), "PostgreSQL waits for nobody"
    carry_out(filled)
    assert _but(scan(filled, [*CANARIES.values(), SHARED]), SHARED) == {}
    with filled.reading() as db:
        assert not cleaning.owed(db)


def _but(found: Found, word: str) -> Found:
    return {place: words - {word} for place, words in found.items() if words - {word}}
