"""Letters, scans, messages and bookings find their customers, whoever comes first; the last scan follows every move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from klientela.flow import work
from klientela.flow.rebuild import rebuild
from klientela.kit import Booking, Campaign, Gone, Letter, Message, Order, Record, RecordRef, Scan
from klientela.model.instants import iso
from klientela.store import Store
from klientela.store.checkup import examine
from klientela.store.naming import rename
from tests.cases.seen import Desk, account, contact, guest_order
from tests.shops import bring, use

NOON = 1_772_000_000_000_000
HOUR = 3_600_000_000


def _scanned(store: Store) -> dict[str, str | None]:
    """The last scan of each row, by the first name; everything must also be what follows from the facts."""
    work.drain(store)
    assert rebuild(store, check=True).differences == []
    assert [one for one in examine(store) if one.level == "error"] == []
    return {row["first_name"] or row["name"]: row["qr_scanned"] for row in Desk(store).rows()}


def _to(ref: Any, letter: str = "L", *, version: int | None = None) -> Letter:
    return Letter(external_id=letter, customer=ref, version=version)


def _scan(ext: str, at: int, letter: str | None = "L", **more: Any) -> Scan:
    return Scan(external_id=ext, letter=letter, at=at, **more)


ANNA = RecordRef("S", "customer", "A")


@pytest.mark.parametrize("turns", list(permutations(range(3))))
def test_whatever_comes_first(store: Store, turns: Sequence[int]) -> None:
    use(store)
    steps: list[tuple[str, list[Record]]] = [
        ("S", [account("A", "Anna", "Adam")]),
        ("push", [_to(ANNA)]),
        ("push", [_scan("1", NOON), _scan("2", NOON + HOUR)]),
    ]
    for turn in turns:
        bring(store, *steps[turn])
    assert _scanned(store) == {"Anna": iso(NOON + HOUR)}


def test_all_on_one_page_of_one_source(store: Store) -> None:
    use(store)
    bring(store, "push", [_scan("1", NOON), _to("A"), account("A", "Anna"), Campaign(external_id="C")])
    assert _scanned(store) == {"Anna": iso(NOON)}


def test_a_letter_to_another_takes_its_scans_along(store: Store) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), account("B", "Ben"), _to("A", version=1), _to("A", "M")])
    bring(store, "push", [_scan("1", NOON + HOUR), _scan("2", NOON, "M")])
    assert _scanned(store) == {"Anna": iso(NOON + HOUR), "Ben": None}
    bring(store, "push", [_to("B", version=2)])
    assert _scanned(store) == {"Anna": iso(NOON), "Ben": iso(NOON + HOUR)}
    bring(store, "push", [_to(None, version=3)])
    assert _scanned(store) == {"Anna": iso(NOON), "Ben": None}


def test_a_scan_that_is_corrected(store: Store) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), _to("A"), _scan("1", NOON), _scan("2", NOON + HOUR, version=1)])
    bring(store, "push", [_scan("2", NOON - HOUR, version=2)])
    assert _scanned(store) == {"Anna": iso(NOON)}
    bring(store, "push", [Scan(external_id="1", version=1, at=None)])
    assert _scanned(store) == {"Anna": iso(NOON - HOUR)}


def test_a_scan_without_its_letter_counts_for_whom_it_names_until_the_letter_tells_better(store: Store) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), account("B", "Ben")])
    bring(store, "push", [_scan("1", NOON, customer="A"), _scan("2", NOON + HOUR, None, customer=ANNA)])
    assert _scanned(store) == {"Anna": iso(NOON), "Ben": None}, "nobody has connected the source S"
    bring(store, "push", [_to("B")])
    assert _scanned(store) == {"Anna": None, "Ben": iso(NOON)}


def test_joins_and_splits_move_the_last_scan(store: Store) -> None:
    use(store)
    bring(store, "S", [contact("A", "Anna", "Adam", email="a@x.example", version=1)])
    bring(store, "T", [contact("A", "Anna", "Adam", email="b@x.example")])
    bring(store, "push", [_to(ANNA), _scan("1", NOON)])
    bring(store, "push", [_to(RecordRef("T", "customer", "A"), "M"), _scan("2", NOON + HOUR, "M")])
    assert sorted(filter(None, (row["qr_scanned"] for row in Desk(store).rows()))) == [iso(NOON), iso(NOON + HOUR)]
    bring(store, "S", [contact("A", "Anna", "Adam", email="b@x.example", version=2)])
    assert _scanned(store) == {"Anna": iso(NOON + HOUR)}
    bring(store, "S", [contact("A", "Anna", "Adam", email="c@x.example", version=3)])
    assert _scanned(store).keys() == {"Anna"}
    assert sorted(filter(None, (row["qr_scanned"] for row in Desk(store).rows()))) == [iso(NOON), iso(NOON + HOUR)]


def test_a_letter_to_a_guest_who_has_not_ordered_yet(store: Store) -> None:
    use(store, sources={"S": "per_order"})
    bring(store, "S", [])
    bring(store, "push", [_to(RecordRef("S", "guest_order", "7")), _scan("1", NOON)])
    assert _scanned(store) == {}
    bring(store, "S", [guest_order("7", "g@x.example", first_name="Greta")])
    assert _scanned(store) == {"Greta": iso(NOON)}


def test_a_source_that_is_connected_or_renamed_later(store: Store) -> None:
    use(store)
    bring(store, "push", [_to(ANNA), _scan("1", NOON)])
    bring(store, "push", [_to(RecordRef("New name", "customer", "A"), "M"), _scan("2", NOON + HOUR, "M")])
    bring(store, "S", [account("A", "Anna")])
    assert _scanned(store) == {"Anna": iso(NOON)}
    rename(store, "S", "New name")
    assert _scanned(store) == {"Anna": iso(NOON + HOUR)}


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (_to(RecordRef("push", "order", "A")), "customer refers to a record of the kind 'order'; it can refer to"),
        (_to(RecordRef("push", "nobody", "A")), "customer refers to a record of the kind 'nobody'"),
        (Scan(external_id="1", letter=ANNA), "letter refers to a record of the kind 'customer'"),
        (Letter(external_id="1", campaign=ANNA), "campaign refers to a record of the kind 'customer'"),
        (Booking(external_id="1", order=ANNA), "order refers to a record of the kind 'customer'"),
    ],
)
def test_references_to_another_kind_of_record_are_refused(store: Store, thing: Record, reason: str) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), thing])
    assert _scanned(store) == {"Anna": None}
    with store.reading() as db:
        ((told,),) = db.rows("SELECT reason FROM quarantine")
    assert told.startswith(reason)


def test_orders_and_scans_go_their_own_ways(store: Store) -> None:
    use(store)
    bring(store, "S", [account("A", "Anna"), Order(external_id="1", customer="A", total=500, placed_at=NOON)])
    bring(store, "push", [_to(ANNA), _scan("1", NOON)])
    bring(store, "S", [Order(external_id="2", customer="A", total=700, placed_at=NOON + HOUR, version=1)])
    bring(store, "S", [Order(external_id="2", customer="A", total=700, placed_at=NOON - HOUR, version=2)])
    assert _scanned(store) == {"Anna": iso(NOON)}
    (row,) = Desk(store).rows()
    assert (row["orders"], row["ltv"][0]["amount"]) == (2, "12.00")


def test_what_is_gone_at_the_source_still_happened(store: Store) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), _to("A"), _scan("1", NOON)])
    bring(store, "push", [Gone(entity="scan", external_id="1"), Gone(entity="letter", external_id="L")])
    assert _scanned(store) == {"Anna": iso(NOON)}


def test_messages_and_bookings_are_of_somebody_and_move_no_figure(store: Store) -> None:
    use(store)
    bring(store, "push", [account("A", "Anna"), Message(external_id="1", customer="A", campaign="C", at=NOON)])
    bring(store, "push", [Booking(external_id="1", customer="A", starts_at=NOON)])
    assert _scanned(store) == {"Anna": None}
    with store.reading() as db:
        assert len(db.rows("SELECT id FROM thing WHERE owner IS NOT NULL AND at = ?", (NOON,))) == 2
