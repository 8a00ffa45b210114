"""Cases of persons' rights on both stores: erasure, household, backup (T64, T65; R56)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from klientela.door import Caller, Item, Outcome, Ticket
from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import decide
from klientela.flow.erase import carry_out, erase, release
from klientela.flow.importing import Into, import_records
from klientela.flow.newcomer import add
from klientela.flow.push import push
from klientela.flow.stage import quarantine
from klientela.kit import Gone, Letter, RecordRef, Rejected, Scan
from klientela.notices import Notice
from klientela.store import Store, facts, open_store
from klientela.store import inbox as box
from klientela.store.backup import backup, restore
from tests.cases.erased import AGAIN, ANNA, BEN, CARLA, SHOP, imported, revenue, state, whole
from tests.cases.seen import Desk, account, contact, guest_order, order
from tests.shops import bring, use


def test_T64_nobody_who_was_erased_comes_back_and_the_shops_totals_stay(store: Store) -> None:
    bring(store, "S", SHOP)
    bring(store, "B", [AGAIN])
    imported(store, [AGAIN])
    desk, before = Desk(store), revenue(store)
    made = erase(store, desk.public("1"), reason="asked by letter")
    assert (made.records, made.orders) == (3, 2)
    assert desk.people() == {frozenset(("S/3",))}
    assert revenue(store) == before
    whole(store)
    dropped = [bring(store, name, records).suppressed for name, records in (("S", SHOP), ("B", [AGAIN]))]
    assert [*dropped, imported(store, [AGAIN])] == [1, 1, 1]
    assert bring(store, "N", [contact("77", email="Anna@X.de"), contact("78", email="other@x.de")]).suppressed == 1
    assert desk.people() == {frozenset(("S/3",)), frozenset(("N/78",))}
    assert revenue(store) == before
    assert "Ahorn" not in repr(desk.everything())
    whole(store)


def test_T64_new_orders_of_an_erased_person_count_and_name_nobody(store: Store) -> None:
    bring(store, "S", SHOP)
    erase(store, Desk(store).public("1"), reason="asked")
    news = [
        order("o4", 2000, customer="1", email="anna@x.de"),
        order("o5", 300, guest=True, email="anna@x.de", first_name="Anna", last_name="Ahorn"),
        order("o1", 1000, customer="1", state="cancelled"),
    ]
    assert bring(store, "S", news).suppressed == 0
    ((count, gross, ltv),) = revenue(store)
    assert (count, gross, ltv) == (5, 4500, 3500), "o1 is cancelled now"
    assert Desk(store).people() == {frozenset(("S/3",))}
    assert bring(store, "S", news).changed == 0
    whole(store)


def test_T64_a_restored_backup_does_not_bring_back_what_could_not_be_taken(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    bring(store, "S", [CARLA])
    with store.step("desk") as step:
        row = facts.ensure_source(step, "S", "memory")
        bad = [
            Rejected(reason="no sense", key=key, payload=f"{key} {mail}")
            for key, mail in (("1", "anna@x.de"), ("8", "-"))
        ]
        quarantine(step, row.id, "all", bad)
        box.keep(step.db, [(row.id, Notice(mail, "x", mail)) for mail in ("anna@x.de", "carla@x.de")], step.at)
        step.db.run("UPDATE inbox SET state = 'failed'")
    backup(store, tmp_path / "yesterday")
    bring(store, "S", SHOP)
    erase(store, Desk(store).public("1"), reason="asked")
    store.close()
    key, tombstones = tmp_path / "klientela.key", tmp_path / "klientela.tombstones"
    restore(store_url, key, tmp_path / "yesterday")
    with open_store(store_url, key_file=key, tombstones=tombstones) as again:
        assert Desk(again).count("quarantine") == 2, "the backup knows what could not be taken"
        carry_out(again)
        assert "anna" not in repr(Desk(again).everything()).casefold()
        assert Desk(again).count("quarantine") == 1
        assert Desk(again).count("inbox WHERE body <> ''") == 1
        whole(again)


def test_T64_a_restored_backup_brings_nobody_back(store: Store, store_url: str, tmp_path: Path) -> None:
    bring(store, "S", SHOP)
    bring(store, "B", [AGAIN])
    backup(store, tmp_path / "yesterday")
    before = revenue(store)
    erase(store, Desk(store).public("1"), reason="asked")
    assert carry_out(store) == (0, 0), "nothing is left to do"
    store.close()
    key, tombstones = tmp_path / "klientela.key", tmp_path / "klientela.tombstones"
    restore(store_url, key, tmp_path / "yesterday")
    with open_store(store_url, key_file=key, tombstones=tombstones) as again:
        assert len(Desk(again).people()) == 2, "the backup knows her"
        assert carry_out(again) == (1, 2)
        assert Desk(again).people() == {frozenset(("S/3",))}
        assert revenue(again) == before
        assert carry_out(again) == (0, 0)
        assert bring(again, "S", SHOP).suppressed == 1
        whole(again)


def test_T65_who_shares_mailbox_and_phone_stays_whole(store: Store) -> None:
    bring(store, "S", [*SHOP, BEN])
    ben = Desk(store).profile("2")
    made = erase(store, Desk(store).public("1"), reason="asked")
    assert [one.record for one in made.others] == ["S/customer/2"]
    assert Desk(store).people() == {frozenset(("S/2",)), frozenset(("S/3",))}
    after = Desk(store).profile("2")
    assert [one.pop("shares") for one in (ben, after)] == [[{"rule": r, "with": made.customers[0]["id"]}
                                                            for r in ("email", "phone")], []]  # fmt: skip
    assert ben == after
    changed = account("2", "Ben", "Birke", email="anna@x.de", phone="+49 351 4712345", company="Birke KG", created_at=3)
    assert bring(store, "S", [ANNA, changed]).suppressed == 1
    assert Desk(store).row("2")["company"] == "Birke KG"
    family = contact("5", "Dora", "Birke", email="anna@x.de")
    assert bring(store, "N", [family, contact("6", "Anna", "Ahorn", email="anna@x.de")]).suppressed == 1
    assert Desk(store).people() == {frozenset(("S/2",)), frozenset(("S/3",)), frozenset(("N/5",))}
    whole(store)


def test_R56_who_is_there_is_never_dropped_whatever_he_says_later(store: Store) -> None:
    bring(store, "S", SHOP)
    erase(store, "S/customer/1", reason="asked")
    moved = account("3", "Anna", "Ahorn", email="anna@x.de", phone="+49 351 4712345", created_at=4)
    report = bring(store, "S", [moved, order("o2", 700, customer="3", email="anna@x.de")])
    assert report.suppressed == 0
    assert (Desk(store).row("3")["email"], Desk(store).row("3")["orders"]) == ("anna@x.de", 1)
    whole(store)


def test_R56_the_dry_run_proposes_who_carries_the_same_under_a_compatible_name(store: Store) -> None:
    use(store, sources={"G": "per_order"})
    bring(store, "S", [*SHOP, BEN])
    bring(store, "G", [guest_order("g1", "anna@x.de", first_name="A.", last_name="Ahorn"),
                       guest_order("g2", "anna@x.de", first_name="Berta", last_name="Linde")])  # fmt: skip
    before = state(store)
    shown = erase(store, Desk(store).public("1"), reason="asked", dry_run=True)
    assert [one.record for one in shown.proposed] == ["G/guest_order/g1"]
    assert [one.record for one in shown.others] == ["G/guest_order/g2", "S/customer/2"]
    assert shown.as_dict().keys() == {"customers", "records", "orders", "things", "proposed", "others"}
    assert state(store) == before, "a dry run writes nothing"
    with pytest.raises(Conflict, match="not proposed"):
        erase(store, Desk(store).public("1"), reason="asked", records=["G/guest_order/g2"])
    assert state(store) == before
    erase(store, Desk(store).public("1"), reason="asked", records=["G/guest_order/g1"])
    assert Desk(store).people() == {frozenset(("S/2",)), frozenset(("S/3",)), frozenset(("G/g2",))}
    whole(store)


def test_R56_a_decision_that_named_the_erased_person_leaves_the_other_as_if_it_had_never_been(store: Store) -> None:
    twin = contact("8", "Anna", "Ahorn", email="anna@x.de", created_at=9)
    bring(store, "S", [twin, *SHOP])
    parted = decide.split(store, Desk(store).public("1"), ["S/customer/8"], reason="twins").seq
    merged = decide.merge(store, "S/customer/8", "S/customer/3", reason="moved in").seq
    made = erase(store, "S/customer/1", reason="asked")
    assert Desk(store).people() == {frozenset(("S/3", "S/8"))}
    assert None not in (parted, merged, made.seq)
    for seq, said in ((parted, "erased since"), (made.seq, "cannot be undone")):
        with pytest.raises(Conflict, match=said):
            decide.undo(store, seq or 0)
    decide.undo(store, merged or 0)
    assert Desk(store).people() == {frozenset(("S/3",)), frozenset(("S/8",))}
    whole(store)


def test_R56_an_erasure_is_told_and_not_of_whom(store: Store) -> None:
    bring(store, "S", SHOP)
    public = Desk(store).public("1")
    made = erase(store, public, reason="asked by letter")
    (line,) = Desk(store).kinds("erased")
    assert line["customer"] is line["other"] is None
    assert line["detail"] == {"people": 1, "orders": 2, "reason": "asked by letter", "tombstone": made.tombstone}
    (founded,) = [one for one in Desk(store).audit() if one["customer"] == public]
    assert (founded["records"], founded["value"], founded["detail"]) == (None, None, None)


def test_R56_a_tombstone_that_is_lifted_lets_the_person_in_again(store: Store) -> None:
    bring(store, "S", SHOP)
    made = erase(store, "S/customer/1", reason="asked")
    for text in ("S/customer/1", Desk(store).public("1")):
        with pytest.raises(Conflict, match="erased already"):
            erase(store, text, reason="asked")
    with pytest.raises(UnknownThing):
        release(store, "S/customer/3", reason="why not")
    assert release(store, "S/customer/1", reason="came back")["tombstone"] == made.tombstone
    with pytest.raises(UnknownThing, match="no tombstone"):
        release(store, "S/customer/1", reason="twice")
    assert bring(store, "S", SHOP).suppressed == 0
    assert Desk(store).row("1")["orders"] == 2, "with all that the shop still knows"
    again = erase(store, "S/customer/1", reason="asked once more")
    assert again.tombstone != made.tombstone
    assert bring(store, "S", SHOP).suppressed == 1
    release(store, again.tombstone or "", reason="by its id")
    assert bring(store, "S", SHOP).suppressed == 0
    whole(store)


def test_R56_what_hangs_on_an_erased_person_stays_away_too(store: Store) -> None:
    letters = [
        Letter(external_id="l1", customer=RecordRef("S", "customer", "1"), title="an anna"),
        Scan(external_id="s1", letter="l1", at=5),
        Letter(external_id="l2", customer=RecordRef("S", "customer", "3"), title="an carla"),
    ]
    bring(store, "S", SHOP)
    bring(store, "P", letters)
    assert erase(store, "S/customer/1", reason="asked").things == 2
    news = [*letters, Letter(external_id="l4", order=RecordRef("S", "order", "o1")), Scan(external_id="s2", letter="l1"),
            Gone(entity="customer", external_id="1")]  # fmt: skip
    assert bring(store, "P", news).suppressed == 4
    assert bring(store, "S", [Gone(entity="customer", external_id="1")]).suppressed == 1
    assert [one["title"] for one in Desk(store).profile("3")["letters"]] == ["an carla"]
    whole(store)


def test_R56_rejects_of_an_erased_person_do_not_lie_in_the_quarantine(store: Store) -> None:
    bring(store, "S", SHOP)
    erase(store, "S/customer/1", reason="asked")
    bad = [
        Rejected(reason="a date is none", key="1", payload="..."),
        Rejected(reason="a date is none", key="x", payload='{"email": "ANNA@x.de"}'),
        Rejected(reason="a date is none", key="3", payload="carla@x.de"),
    ]
    report = bring(store, "S", bad)
    assert (report.suppressed, report.rejected) == (2, 1)
    assert Desk(store).count("quarantine") == 1


@pytest.mark.parametrize(
    "payload", ['{"first_name":"Anna","last_name":"Ahorn","email":"anna@x.de"}', "9,Anna,Ahorn,anna@x.de,nodate"]
)
def test_R56_rejects_that_bear_the_name_beside_a_shared_mailbox_go_too(store: Store, payload: str) -> None:
    """What came as JSON or CSV has no space between the mailbox and the name."""
    bring(store, "S", [*SHOP, BEN])
    others = '{"first_name":"Ben","last_name":"Birke","email":"anna@x.de"}'
    bad = [Rejected(reason="a date is none", key=key, payload=said) for key, said in (("9", payload), ("8", others))]
    assert bring(store, "S", bad).rejected == 2
    erase(store, "S/customer/1", reason="asked")
    with store.reading() as db:
        assert db.rows("SELECT key FROM quarantine") == [("8",)]


def test_R56_somebody_erased_is_not_added_by_hand(store: Store) -> None:
    bring(store, "S", SHOP)
    erase(store, "S/customer/1", reason="asked")
    before = state(store)
    for dry_run in (True, False):
        with pytest.raises(Conflict, match="was erased"):
            add(store, {"first_name": "Anna", "last_name": "Ahorn"}, email="anna@x.de", dry_run=dry_run)
    assert state(store) == before
    assert Desk(store).count("batch") == 0


def test_R56_what_a_batch_was_read_from_is_kept_under_the_key_only(store: Store) -> None:
    plain = sha256(b"anna@x.de").hexdigest()
    import_records(store, Into("L", "csv"), [ANNA], name="pasted list", digest=plain)
    add(store, {}, email="carla@x.de")
    with store.reading() as db:
        kept = [digest for (digest,) in db.rows("SELECT digest FROM batch ORDER BY id")]
    assert kept[0] == hmac.digest(store.key, f"batch\0{plain}".encode(), "sha256").hex()
    assert len(set(kept)) == 2


def test_R56_a_receipt_keeps_no_key_of_somebody_erased(store: Store) -> None:
    till = Caller(1, "till", "P")
    bring(store, "S", SHOP)
    push(store, till, "P", "customers", [Item(account("anna@x.de", "Anna", "Ahorn", email="anna@x.de"), b"{}")],
         Ticket("of anna@x.de", bytes(32)))  # fmt: skip
    push(store, till, "P", "customers", [Item(account("7", "Gil", "Erle"), b"{}")], Ticket("of Gil", bytes(32)))
    erase(store, "S/customer/1", reason="asked")
    assert _receipts(store) == {"of Gil": ["7"]}
    bad = Rejected(reason="a date is none", key="anna@x.de", payload="{}")
    again = [Item(account("anna@x.de", "Anna", "Ahorn", email="anna@x.de"), b"{}"), Item(bad, b"{}"),
             Item(account("7", "Gil", "Erle"), b"{}")]  # fmt: skip
    told = push(store, till, "P", "customers", again, Ticket("again", bytes(32)))
    assert [one.status for one in told.outcomes] == ["rejected", "rejected", "unchanged"]
    assert [one.key for one in told.outcomes] == ["anna@x.de", "anna@x.de", "7"]
    assert _receipts(store)["again"] == [None, None, "7"]


def _receipts(store: Store) -> dict[str, list[str | None]]:
    """The keys of things in each receipt that is kept."""
    read = msgspec.json.Decoder(list[Outcome]).decode
    with store.reading() as db:
        return {key: [one.key for one in read(answer)] for key, answer in db.rows("SELECT key, answer FROM receipt")}


@pytest.mark.parametrize("reason", ["", "  ", "Anna Ahorn asked", "anna@x.de asked", "see S/customer/1"])
def test_R56_an_erasure_needs_a_reason_that_names_nobody(store: Store, reason: str) -> None:
    bring(store, "S", SHOP)
    before = state(store)
    with pytest.raises(Misconfigured, match="reason"):
        erase(store, "S/customer/1", reason=reason)
    assert state(store) == before
    assert store.graves() is None


def test_R56_without_the_files_that_belong_to_it_a_store_does_not_open(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    bring(store, "S", SHOP)
    key, tombstones = tmp_path / "klientela.key", tmp_path / "klientela.tombstones"
    erase(store, "S/customer/1", reason="asked")
    store.close()
    one = tombstones.read_bytes()
    for content, said in ((b"", "is missing"), (one.replace(b"records", b"recards"), "older than this store")):
        tombstones.write_bytes(content)
        with pytest.raises(Misconfigured, match=said):
            open_store(store_url, key_file=key, tombstones=tombstones)
    tombstones.write_bytes(one + b'{"at": "20')  # a crash tore the last line
    open_store(store_url, key_file=key, tombstones=tombstones).close()
    secret = key.read_text()
    key.unlink()
    with pytest.raises(Misconfigured, match=r"key file .* is missing"):
        open_store(f"sqlite:///{tmp_path}/new.db", key_file=key, tombstones=tombstones)
    assert not key.exists(), "no other key is made"
    key.write_text(secret)
    open_store(store_url, key_file=key, tombstones=tombstones).close()
