"""What people wrote of somebody erased: remarks, names of files, numbers of orders (R56), on both stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from klientela.flow import consenting, correct, decide, remarks, withdraw
from klientela.flow.crowd import Whom
from klientela.flow.erase import carry_out, erase
from klientela.flow.importing import Into, import_records
from klientela.flow.sync import sync
from klientela.kit import Rejected
from klientela.rules.ruleset import Ruleset, SourceRules
from klientela.store import Store, facts, open_store
from klientela.store.backup import backup, restore
from tests.cases.erased import AGAIN, NO, imported, state, whole
from tests.cases.seen import Desk, account, contact, guest_order, order
from tests.shops import Shop, bring, use


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
