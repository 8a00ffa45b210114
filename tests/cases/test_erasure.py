"""Cases of persons' rights on both stores: erasure, household, export (T64, T65, T67; R56-R59)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from klientela.door import Caller, Item, Outcome, Ticket
from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow import consenting, correct, decide, inbox, remarks, withdraw
from klientela.flow.crowd import Whom
from klientela.flow.erase import carry_out, erase, release
from klientela.flow.importing import Into, import_records
from klientela.flow.newcomer import add
from klientela.flow.push import push
from klientela.flow.rebuild import rebuild
from klientela.flow.requests import answer, requests
from klientela.flow.retention import months_before, retain
from klientela.flow.stage import quarantine
from klientela.flow.sync import sync
from klientela.kit import Address, Consent, Gone, Letter, RecordRef, Redact, Rejected, Scan
from klientela.notices import Notice
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store, facts, ledger, open_store
from klientela.store import inbox as box
from klientela.store.backup import backup, restore
from tests.cases.seen import Desk, account, at, contact, guest_order, order
from tests.shops import Shop, bring, use
from tests.store.test_inbox import Crier, kept

HOME = Address(street="Ahornweg", house_number="3", zip="01099", city="Dresden", country="DE")
ANNA = account("1", "Anna", "Ahorn", email="anna@x.de", phone="+49 351 4712345", addresses=[HOME], created_at=1)
AGAIN = contact("9", "Anna", "Ahorn", email="anna@x.de", created_at=2)
BEN = account("2", "Ben", "Birke", email="anna@x.de", phone="+49 351 4712345", created_at=3)
CARLA = account("3", "Carla", "Buche", email="carla@x.de", created_at=4)
NO = Consent(channel="email", purpose="promotion", state="denied", basis="import")
SHOP = [ANNA, CARLA, order("o1", 1000, customer="1"), order("o2", 700, customer="3"), order("o3", 500, customer="1")]


def whole(store: Store) -> None:
    """What is stored is what follows, and the log's chain stands."""
    assert rebuild(store, check=True).differences == []
    with store.reading() as db:
        assert list(ledger.verify(db)) == []


def state(store: Store) -> list[Any]:
    """All that is stored, as far as facts, decisions and the log go."""
    with store.reading() as db:
        return [
            db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("record", "claim", "decision", "audit", "meta")
        ]


def imported(store: Store, records: list[Any]) -> int:
    """Import records as a list; how many were dropped."""
    return import_records(store, Into("L", "csv"), records, name="list.csv", digest="0").counts["suppressed"]


def revenue(store: Store) -> Any:
    with store.reading() as db:
        return db.rows("SELECT count(*), sum(gross), sum(ltv) FROM orders")


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


# What shops are asked (R57) -----------------------------------------------------------------------------------------


def _asked(store: Store, **said: Any) -> Crier:
    """A shop that passes on what it was asked; the messages wait."""
    crier = Crier(**said)
    kept(store, *(Notice(name, "customers/redact", name) for name in said))
    return crier


def test_R57_what_a_shop_was_asked_to_erase_is_erased_there_alone(store: Store) -> None:
    bring(store, "shop", SHOP)
    bring(store, "B", [AGAIN, contact("5", "Emil", "Erle", email="emil@x.de")])
    before = revenue(store)
    assert Desk(store).people() >= {frozenset(("shop/1", "B/9"))}
    crier = _asked(store, a=[Redact(customer="1", orders=["o1", "o77"])])
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.held, told.erased) == (1, 0, 1)
    assert Desk(store).people() == {frozenset(("B/9",)), frozenset(("shop/3",)), frozenset(("B/5",))}
    assert "4712345" not in repr(Desk(store).everything())
    assert revenue(store) == before
    assert bring(store, "shop", [*SHOP, order("o77", 100, email="anna@x.de")]).suppressed == 1
    assert bring(store, "B", [AGAIN]).suppressed == 0
    assert Desk(store).row("9", "B")["orders"] in (0, None)
    assert Desk(store).count("inbox WHERE state = 'done' AND body = ''") == 1
    whole(store)


def test_R56_a_message_that_waits_is_not_lost_because_two_of_its_words_are_a_name(store: Store) -> None:
    bring(store, "S", SHOP)
    kept(store, Notice("n", "x", '{"name": "Anna Weber", "street": "Ahorn 3"}'), Notice("m", "x", "Anna, anna@x.de"))
    erase(store, Desk(store).public("1"), reason="asked")
    assert Desk(store).count("inbox WHERE state = 'new' AND body LIKE '%Weber%'") == 1
    assert Desk(store).count("inbox WHERE body LIKE '%anna@x.de%'") == 0


@pytest.mark.parametrize("after", ["before it is looked", "while the shop's request is read"])
def test_R57_what_waits_behind_the_request_is_taken_before_it_is_carried_out(
    store: Store, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_TOGETHER", 1)
    bring(store, "shop", SHOP)
    before = revenue(store)
    late = order("o9", 700, customer="1", email="anna@x.de")
    crier = _asked(store, a=[Redact(customer="1", orders=["o1", "o9"])])
    crier.said |= {"anna@x.de": [late]}  # the body names her, as that of every such message does
    notice = Notice("late", "orders/create", "anna@x.de")
    if after == "before it is looked":
        kept(store, notice)
    else:
        said = crier.said["a"]

        def meanwhile(recall: Any) -> Any:
            kept(store, notice)  # the second time it is known
            return said

        crier.said["a"] = meanwhile
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.erased) == (2, 1)
    assert revenue(store) == [(4, *(amount + 700 for amount in before[0][1:]))]
    assert "anna" not in repr(Desk(store).everything()).casefold()
    whole(store)


def test_R57_what_waits_of_another_source_is_left_to_it(store: Store) -> None:
    bring(store, "shop", SHOP)
    with store.step("inbox") as step:
        other = facts.ensure_source(step, "B", "memory")
        box.keep(step.db, [(other.id, Notice("late", "orders/create", "anna@x.de"))], step.at)
        quarantine(step, other.id, "all", [Rejected(reason="no sense", key="77", payload="anna@x.de")])
    before = revenue(store)
    assert inbox.apply(store, _asked(store, a=[Redact(customer="1", orders=["o1"])]), kept(store)).erased == 1
    assert Desk(store).count("quarantine") == 1
    late = Crier(**{"anna@x.de": [order("b9", 700, email="anna@x.de")]})
    assert inbox.apply(store, late, other).done == 1
    assert revenue(store) == [(3 + 1, *(amount + 700 for amount in before[0][1:]))]
    assert Desk(store).count("inbox WHERE body <> ''") == 0
    whole(store)


def test_R57_requests_are_not_put_off_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(store, "shop", SHOP)
    numbers = count()

    def flood(recall: Any) -> Any:
        kept(store, Notice(f"n{next(numbers)}", "orders/create", "o"))
        return [Redact(customer="1")]

    crier = _asked(store, a=flood, o=[order("o9", 700)])
    told = inbox.apply(store, crier, kept(store))
    assert told.erased == 1
    assert next(numbers) > 10


def test_R57_a_request_for_a_copy_and_one_for_everybody_wait(store: Store) -> None:
    bring(store, "shop", SHOP)
    crier = _asked(store, a=[Redact(customer="1", wants="disclosure")], b=[Redact(customer=None)])
    told = inbox.apply(store, crier, kept(store))
    assert (told.done, told.held, told.erased) == (0, 2, 0)
    assert (inbox.apply(store, crier, kept(store)).held, len(Desk(store).people())) == (0, 2)


def test_R57_a_request_that_was_kept_before_is_carried_out(store: Store) -> None:
    bring(store, "shop", SHOP)
    crier = _asked(store, a=[Redact(customer="1")])
    with store.step("as it was") as step:
        step.db.run("UPDATE inbox SET state = 'held'")
    assert inbox.apply(store, crier, kept(store)).erased == 1
    assert Desk(store).people() == {frozenset(("shop/3",))}


def test_R57_an_operator_answers_what_waits(store: Store) -> None:
    bring(store, "shop", SHOP)
    bring(store, "B", [contact("5", "Emil", "Erle", email="emil@x.de")])
    before = revenue(store)
    crier = _asked(store, a=[Redact(customer="1", orders=["o1"], wants="disclosure")], b=[Redact(customer=None)])
    inbox.apply(store, crier, kept(store))
    copy, end = requests(store, {"shop": crier})
    assert (copy.as_dict()["customer"], copy.as_dict()["wants"]) == ("shop/customer/1", "disclosure")
    assert (end.as_dict()["customer"], end.as_dict()["wants"]) == (None, "erasure")
    for number, sources, said in ((10_000, {"shop": crier}, "no request"), (end.entry.id, {}, "nobody can read")):
        with pytest.raises((UnknownThing, Conflict), match=said):
            answer(store, sources, number, reason="done")
    waits = requests(store, {"shop": crier})
    for one, erased in ((copy, 0), (end, 2)):
        told = answer(store, {"shop": crier}, one.entry.id, reason="what if", dry_run=True)
        assert told == {"customers": [], "request": one.entry.id, "erased": erased}
    assert (requests(store, {"shop": crier}), len(Desk(store).people())) == (waits, 3)
    assert answer(store, {"shop": crier}, copy.entry.id, reason="sent by mail")["erased"] == 0
    assert len(Desk(store).people()) == 3
    assert answer(store, {"shop": crier}, end.entry.id, reason="we left the shop")["erased"] == 2
    assert Desk(store).people() == {frozenset(("B/5",))}
    assert revenue(store) == before
    assert requests(store, {"shop": crier}) == []
    assert bring(store, "shop", SHOP).suppressed == 2
    whole(store)


# Retention (R59) ----------------------------------------------------------------------------------------------------


def test_R59_the_order_of_who_comes_back_is_taken_though_it_waited(store: Store) -> None:
    use(store, sources={"shop": "per_order"})
    bring(store, "shop", [guest_order("g1", "gustav@x.de", placed_at=at("2024-01-31 10:00"))])
    late = guest_order("g2", "gustav@x.de", placed_at=at("2026-01-10 10:00"))
    row = kept(store, Notice("late", "orders/create", "gustav@x.de"))
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 1
    assert inbox.apply(store, Crier(**{"gustav@x.de": [late]}), row).done == 1
    assert Desk(store).people() == {frozenset(("shop/g2",))}
    assert Desk(store).count("inbox WHERE body <> ''") == 0
    whole(store)


def test_R59_guest_rows_are_erased_when_their_newest_order_is_old_enough(store: Store) -> None:
    use(store, sources={"G": "per_order", "H": "per_source"})
    old, new = at("2024-01-31 10:00"), at("2026-01-10 10:00")
    who = {"first_name": "Gustav", "last_name": "Ginster"}
    rows = [
        guest_order("g1", "gustav@x.de", placed_at=old, **who),
        guest_order("g2", "gustav@x.de", placed_at=new, **who),
    ]
    again = [guest_order("h1", "hanna@x.de", placed_at=old), guest_order("h2", "hanna@x.de", placed_at=new)]
    bring(
        store, "G", [*rows, account("1", "Anna", "Ahorn", email="anna@x.de"), order("o1", customer="1", placed_at=old)]
    )
    bring(store, "H", again)
    before = revenue(store)
    assert retain(store, months_before(at("2026-01-30 10:00"), 24)) == 0, "a day too early"
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 1
    assert Desk(store).people() == {frozenset(("G/g2",)), frozenset(("G/1",)), frozenset(("H/h1", "H/h2"))}
    assert revenue(store) == before
    late = guest_order("g3", "gustav@x.de", placed_at=at("2026-02-02 10:00"), **who)
    assert bring(store, "G", [*rows, late]).suppressed == 0
    assert Desk(store).people() >= {frozenset(("G/g2",)), frozenset(("G/g3",))}, "who comes back is welcome"
    assert frozenset(("G/g1",)) not in Desk(store).people()
    (line,) = Desk(store).kinds("erased")
    assert (line["actor"], line["detail"]["reason"], line["detail"]["people"]) == ("daemon", "retention", 1)
    assert retain(store, months_before(at("2026-02-01 10:00"), 24)) == 0
    whole(store)


@pytest.mark.parametrize(
    ("now", "months", "then"),
    [("2026-03-31 12:00Z", 1, "2026-02-28 12:00Z"), ("2026-01-15 12:00Z", 13, "2024-12-15 12:00Z"),
     ("2026-12-01 12:00Z", 12, "2025-12-01 12:00Z")],
)  # fmt: skip
def test_R59_months_are_those_of_the_calendar(now: str, months: int, then: str) -> None:
    assert months_before(at(now), months) == at(then)


def _words(store: Store) -> str:
    """Everything that stands anywhere in the store where operators' words could."""
    found = []
    with store.reading() as db:
        found += db.rows("SELECT detail FROM decision")
        found += [(bytes(body),) for (body,) in db.rows("SELECT body FROM claim WHERE body IS NOT NULL")]
        found += [(bytes(body),) for (body,) in db.rows("SELECT body FROM record WHERE body IS NOT NULL")]
        found += db.rows("SELECT body FROM audit_private")
    return str(found)


def _say_everything(store: Store, key: str, word: str) -> None:
    """All that operators can say of a record, each with that word in it."""
    remarks.note(store, key, f"{word}-note")
    remarks.tag(store, [key], f"{word}-tag")
    correct.pin(store, key, "company", f"{word}-company", overlay=True)
    consenting.consent(store, Whom([key]), "email", "promotion", "denied", evidence=f"{word}-evidence")


def test_R56_words_on_guest_rows_that_another_policy_made_nobody_go_too(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [guest_order("o1", "g@x.de", first_name="Gerd", last_name="Gast")])
    _say_everything(store, "S/guest_order/o1", "canary")
    assert "canary" in _words(store)
    bring(store, "S", [account("7", "Gerd", "Gast", email="g@x.de")])
    bring(store, "S", [guest_order("o1", "g@x.de", customer="7", first_name="Gerd", last_name="Gast", version=9)])
    Desk(store).apply(Ruleset(sources={"S": SourceRules(guests="merge")}))
    erase(store, "S/customer/7", reason="asked", everybody=True)
    assert "canary" not in _words(store)
    assert "Gerd" not in _words(store)
    whole(store)


def test_R56_words_on_what_an_import_brought_that_was_taken_back_go_too(store: Store) -> None:
    bring(store, "S", [account("1", "Gerd", "Gast", email="g@x.de")])
    twin = [contact("z", "Gerd", "Gast", email="g@x.de")]
    batch = import_records(store, Into("L", "csv"), twin, name="list.csv", digest="0").batch
    assert batch is not None
    made = decide.split(store, "S/customer/1", ["L/customer/z"], reason="for now")
    _say_everything(store, "L/customer/z", "canary")
    assert made.seq is not None
    decide.undo(store, made.seq)
    withdraw.undo(store, batch)
    assert "canary" in _words(store), "they are dormant"
    erase(store, "S/customer/1", reason="asked", everybody=True)
    assert "canary" not in _words(store)
    assert "g@x.de" not in _words(store)
    whole(store)


def test_R56_an_order_that_only_a_withdrawn_import_had_goes_with_the_person_it_speaks_of(store: Store) -> None:
    bring(store, "S", [account("1", "Gerd", "Gast", email="g@x.de")])
    bought = [
        guest_order("o1", "g@x.de", first_name="Gerd", last_name="Gast"),
        guest_order("o2", "g@x.de", first_name="Hanna", last_name="Haus"),  # another of the same household
        guest_order("o3", "g@x.de", customer="gone", first_name="Gerd", last_name="Gast"),
    ]
    batch = import_records(store, Into("L", "csv"), bought, name="list.csv", digest="0").batch
    assert batch is not None
    withdraw.undo(store, batch)
    told = erase(store, "S/customer/1", reason="asked", dry_run=True)
    assert (told.records, told.orders) == (2, 2), "the account, the row of o1, and both orders"
    erase(store, "S/customer/1", reason="asked")
    with store.reading() as db:
        left = str(db.rows("SELECT r.ext, c.body FROM claim c JOIN record r ON r.id = c.record ORDER BY r.ext"))
    assert "Gerd" not in left
    assert "Hanna" in left
    import_records(store, Into("L", "csv"), bought, name="again.csv", digest="1")
    with store.reading() as db:
        back = str(db.rows(f"SELECT ext, body FROM record WHERE entity = {facts.ORDER} ORDER BY ext"))
    assert "o1" in back
    assert "Gerd" not in back
    assert "g@x.de" not in back
    whole(store)


# -- names of files, numbers of orders ---------------------------------------------------------------------------------


class Listing(Shop):
    """A list that is read again and again."""

    type = "csv"


def numbers(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as db:
        return db.rows("SELECT number, ltv FROM orders ORDER BY ltv")


def files(store: Store) -> list[str]:
    with store.reading() as db:
        return [row[0] for row in db.rows("SELECT name FROM batch ORDER BY id")]


def bought(ext: str, total: int, **more: Any) -> Any:
    return order(ext, total, number=ext, first_name="Anna", last_name="Ahorn", email="anna@x.de", **more)


def test_R56_an_orders_number_goes_where_it_names_the_person_and_stays_where_it_does_not(store: Store) -> None:
    use(store)
    listed = [bought("AHORN-1", 700), bought("1001", 500)]
    imported(store, listed)
    (anna,) = Desk(store).rows()
    made = erase(store, anna["id"], reason="asked by letter")
    assert made.orders == 2
    hidden, plain = numbers(store)[::-1]
    assert (plain, hidden[1], hidden[0][:7]) == (("1001", 500), 700, "erased:")
    whole(store)
    before = state(store)
    assert imported(store, listed) == 0
    assert Desk(store).rows() == []
    assert numbers(store)[::-1] == [hidden, plain], "the same file finds the same orders"
    assert [row[:4] for row in state(store)[0]] == [row[:4] for row in before[0]], "no other record came of it"
    whole(store)


def test_R56_a_hidden_number_is_hidden_from_yesterdays_backup_too(store: Store, store_url: str, tmp_path: Path) -> None:
    use(store)
    imported(store, [bought("AHORN-1", 700)])
    backup(store, tmp_path / "yesterday")
    (anna,) = Desk(store).rows()
    erase(store, anna["id"], reason="asked by letter")
    stood = numbers(store)
    store.close()
    restore(store_url, tmp_path / "klientela.key", tmp_path / "yesterday")
    tombstones = tmp_path / "klientela.tombstones"
    with open_store(store_url, key_file=tmp_path / "klientela.key", tombstones=tombstones) as again:
        assert numbers(again) == [("AHORN-1", 700)]
        carry_out(again)
        assert numbers(again) == stood
        whole(again)
        rejected = Rejected(reason="bad total", key="AHORN-1", payload="AHORN-1;x")
        sync(again, Listing("L", [bought("AHORN-1", 700), rejected]))
        assert numbers(again) == stood
        with again.reading() as db:
            assert db.rows("SELECT key FROM quarantine") == []


@pytest.mark.parametrize(
    ("name", "goes"),
    [("anna-ahorn.csv", True), ("Anna_Ahorn (2).xlsx", True), ("AhornAnna.csv", True), ("Frau Ahorn.csv", True),
     ("ahornblatt.csv", False), ("customers.csv", False)],
)  # fmt: skip
def test_R56_a_files_name_goes_where_it_names_the_person_and_with_it_others_evidence(
    store: Store, name: str, goes: bool
) -> None:
    use(store)
    evidence = msgspec.structs.replace(NO, evidence=f"{name}: Newsletter")
    ben = contact("b", "Ben", "Birke", email="ben@x.de", consents=[evidence])
    import_records(store, Into("L", "csv"), [AGAIN, ben], name=name, digest="1")
    import_records(
        store, Into("L", "csv"), [contact("c", "Cora", "Ulme", email="cora@x.de")], name="Ahorn.csv", digest="2"
    )
    consenting.consent(store, Whom(("L/customer/b",)), "email", "promotion", "granted", evidence="form")
    erase(store, "L/customer/9", reason="asked by letter")
    assert files(store) == ["erased" if goes else name, "Ahorn.csv"], "a namesake's file is another matter"
    told = [line["detail"] for line in Desk(store).kinds("imported")]
    assert [one and one["file"] for one in told] == [None if goes else name, "Ahorn.csv"]
    events = {one["evidence"] for one in Desk(store).profile("b", "L")["consent_events"]}
    assert events == {"form", "erased: Newsletter" if goes else f"{name}: Newsletter"}
    assert Desk(store).profile("b", "L")["consents"]["email"]["promotion"] in ("granted", "denied")
    whole(store)
