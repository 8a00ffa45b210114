"""Keeping what came: several versions of one record within one step, by one channel or by two."""

from __future__ import annotations

import pytest

from klientela.kit import Gone, Person, Record
from klientela.store import Store, facts
from klientela.store.changes import history
from tests.shops import bring, use

MANY = 12  # pages: the first steps hold one, two and four of them


def _standing(store: Store) -> tuple[str, str, int]:
    with store.reading() as db:
        rows = db.rows("SELECT id, gone FROM record WHERE ext = '1'")
        fact = facts.load(db, [rows[0][0]])[rows[0][0]].fact
    return fact.first_name, fact.phone, rows[0][1]


def _versions(store: Store) -> int:
    with store.reading() as db:
        row = db.one("SELECT count(*) FROM claim WHERE to_seq IS NULL OR to_seq > from_seq")
        whole = db.one("SELECT count(*) FROM claim")
    assert row == whole, "a claim that lived for no moment"
    return int(row[0]) if row else 0


def _own(number: int) -> Person:
    return Person(external_id="1", version=number, first_name=f"Anna{number}", phone="+49 30 111111")


def _embedded(number: int) -> Person:
    return Person(external_id="1", version=number, channel="embedded", phone=f"+49 30 22{number:04}")


def test_many_versions_of_a_record_in_one_step(store: Store) -> None:
    use(store)
    bring(store, "main", [_own(n) for n in range(1, MANY)], size=1)
    assert _standing(store) == ("Anna11", "+49 30 111111", 0)
    assert 1 <= _versions(store) < MANY


def test_many_versions_by_a_second_channel_in_one_step(store: Store) -> None:
    use(store)
    bring(store, "main", [_own(1), *(_embedded(n) for n in range(2, MANY))], size=1)
    assert _standing(store) == ("Anna1", "+49 30 220011", 0)
    _versions(store)


def test_gone_and_back_in_one_step(store: Store) -> None:
    use(store)
    records: list[Record] = []
    for number in range(1, MANY):
        records += [_own(number), Gone(entity="customer", external_id="1")]
    bring(store, "main", records, size=1)
    assert _standing(store) == ("Anna11", "+49 30 111111", 1)
    bring(store, "main", [_own(MANY)], size=1)
    assert _standing(store) == ("Anna12", "+49 30 111111", 0)
    _versions(store)


def _flag(store: Store) -> list[tuple[object, object]]:
    """What the history says of the flag, oldest first: its old and its new value."""
    with store.reading() as db:
        (number,) = [row[0] for row in db.rows("SELECT id FROM record WHERE ext = '1'")]
        said = history(db, [number], facts.sources(db), []).lines
    return [(one["old"], one["new"]) for one in reversed(said) if one["field"] == "gone"]


@pytest.mark.parametrize("first", [_own(1), _embedded(1)])
def test_a_mere_mention_brings_nobody_back(store: Store, first: Person) -> None:
    use(store)
    bring(store, "main", [first, _own(2)])
    bring(store, "main", [Gone(entity="customer", external_id="1")])
    bring(store, "main", [_embedded(3)])
    bring(store, "main", [Person(external_id="1", channel="merged", merged_into="2")])
    assert _standing(store)[2] == 1
    assert _flag(store) == [(False, True)]
    bring(store, "main", [_own(4)])
    assert _standing(store) == ("Anna4", "+49 30 111111", 0)
    assert _flag(store) == [(False, True), (True, False)]


@pytest.mark.parametrize("first", [_own(1), _embedded(1)])
def test_whoever_stands_in_the_list_again_unchanged_is_back(store: Store, first: Person) -> None:
    use(store)
    bring(store, "main", [first, _own(2)])
    bring(store, "main", [Gone(entity="customer", external_id="1")])
    report = bring(store, "main", [_own(2), _own(2)])
    assert (report.changed, report.unchanged) == (1, 1)
    assert _standing(store)[2] == 0
    assert _flag(store) == [(False, True), (True, False)]


def test_another_stream_of_the_source_may_speak_for_the_list(store: Store) -> None:
    use(store)
    bring(store, "main", [_own(1), Gone(entity="customer", external_id="1")])
    bring(store, "main", [Person(external_id="1", version=3, channel="all", first_name="Anna3")])
    assert _standing(store)[2] == 0
