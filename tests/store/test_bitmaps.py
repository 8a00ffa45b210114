"""The bitmaps of a large list: every question is answered as without them, whatever changed since they were made."""

from __future__ import annotations

import random
from dataclasses import replace as with_
from types import SimpleNamespace

import pytest

from klientela.flow.rebuild import rebuild
from klientela.kit import Letter, Order, Person, Scan
from klientela.settings.views import PRESETS, View
from klientela.store import Store, bitmaps, checkup, facts, ids, mapping
from klientela.store.database import late_indexes
from klientela.store.finder import Finder
from klientela.store.matches import LIMITS
from klientela.store.overview import listing
from klientela.store.sorting import SORTABLE
from tests.shops import bring, use
from tests.store.lists import WORDS, Row, ask, expected, invent, put, replace

AUTOLETTER = View(**PRESETS["autoletter"])  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any list is large, and every page is far from the ends."""
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 1))
    monkeypatch.setattr(LIMITS, "near", -1_000_000)


def spread(count: int, seed: int) -> list[Row]:
    """Rows whose ids lie in several parts."""
    return [with_(row, id=row.id * 997, pub=row.pub) for row in invent(count, seed)]


def state(store: Store) -> bitmaps.State | None:
    with store.reading() as db:
        return bitmaps.state(db)


def waiting(store: Store) -> int:
    with store.reading() as db:
        return len(db.rows("SELECT DISTINCT id FROM unmapped"))


def hold(store: Store, rows: list[Row], seed: int, monkeypatch: pytest.MonkeyPatch, rounds: int = 120) -> None:
    """The list answers random questions as a plain filter and sort does, and out of the bitmaps."""
    asked = 0
    whole_way = Finder.picked

    def picked(self: Finder, *args: object) -> object:
        nonlocal asked
        found = whole_way(self, *args)  # type: ignore[arg-type]
        asked += found is not None
        return found

    monkeypatch.setattr(Finder, "picked", picked)
    r = random.Random(seed)
    public = {row.id: row for row in rows}
    with store.reading() as db:
        sources = facts.sources(db)
        for _ in range(rounds):
            query = " ".join(r.choice(WORDS) for _ in range(r.choice((0, 1, 1, 1, 2, 3)))) or None
            sort = r.choice(SORTABLE) + r.choice(("", ":asc", ":desc"))
            include, totals = r.choice(("all", "orderers_and_manual")), r.choice(("ltv", "gross"))
            view = SimpleNamespace(sort=sort, totals=totals, include=include, crm_source=None)
            source = r.choice((None, None, None, 1, 2, 3))
            inactive = r.random() < 0.2
            segment, asked_for = ask(r)
            size, page = r.choice((1, 3, 25)), r.choice((1, 1, 2, 5, 12))
            whole = expected(
                rows, query=query, sort=sort, totals=totals, listed=include != "all", source=source, inactive=inactive,
                sources=sources, segment=segment, asked=asked_for,
            )  # fmt: skip
            label = None if source is None else sources[source].label
            found = listing(
                db, view, search=query, page=page, size=size, source=label, inactive=inactive, segment=segment,
                filters=asked_for,
            )  # fmt: skip
            where = f"{query!r} by {sort} ({totals}, {include}) of {label}, page {page} of {size}, {inactive}"
            where += f", {segment}, {asked_for}"
            shown = [row["id"] for row in found.rows]
            assert shown == [ids.text(public[n].pub) for n in whole[(page - 1) * size : page * size]], where
            assert found.total == (LIMITS.few if found.total_capped else len(whole)), where
            assert not found.total_capped or LIMITS.few < len(whole), where
    assert asked == rounds
    monkeypatch.setattr(Finder, "picked", whole_way)


@pytest.mark.parametrize("few", [10_000, 4], ids=["counted", "capped"])
@pytest.mark.parametrize("frequent", [0.0, 0.15, 2.0], ids=["all", "frequent", "none"])
def test_the_list_equals_a_plain_filter_and_sort(
    store: Store, few: int, frequent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMITS, "few", few)
    monkeypatch.setattr(LIMITS, "read", few // 2)
    monkeypatch.setattr(bitmaps.LIMITS, "frequent", frequent)
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 10)
    rows = spread(90, seed=few)
    put(store, rows)
    late_indexes(store)
    mapping.upkeep(store)
    now = state(store)
    assert now is not None
    assert (now.upto, now.last) == (None, 90 * 997 // bitmaps.SPAN)
    hold(store, rows, 1, monkeypatch)

    # others in the place of some, some gone, new ones beyond the last part
    others = {row.id: row for row in spread(140, seed=few + 1)}
    r = random.Random(few)
    hit = {row.id for row in r.sample(rows, 25)}
    gone = set(r.sample(sorted(hit), 5))
    new = [others[number] for number in sorted((hit - gone) | {n * 997 for n in range(91, 141)})]
    replace(store, [row for row in rows if row.id in hit], new)
    rows = sorted([*(row for row in rows if row.id not in hit), *new], key=lambda row: row.id)
    assert waiting(store) == 75
    hold(store, rows, 2, monkeypatch)

    mapping.upkeep(store)
    assert waiting(store) == 0
    hold(store, rows, 3, monkeypatch)
    with store.reading() as db:
        assert mapping.check(db) == []


def test_the_doctor_looks_at_a_sample_of_the_bitmaps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_PARTS", 2)
    put(store, invent(20, seed=4))
    with store.reading() as db:
        assert bitmaps.state(db) is None
    mapping.upkeep(store)
    assert [one.level for one in checkup.examine(store) if one.check == "bitmaps"] == ["ok"]
    with store.step("test") as step:
        step.db.run("DELETE FROM bitmap WHERE part = 0 AND name = 'live'")
    (finding,) = [one for one in checkup.examine(store) if one.check == "bitmaps"]
    assert finding.level == "error"
    assert "1 bitmap of the list does not say what its rows say (live)" in finding.message


@pytest.mark.parametrize(
    ("last", "most", "looked"),
    [(0, None, [0]), (3, None, [0, 1, 2, 3]), (3, 8, [0, 1, 2, 3]), (31, 4, [0, 10, 20, 31]), (99, 2, [0, 99])],
)
def test_a_sample_is_spread_over_all(last: int, most: int | None, looked: list[int]) -> None:
    assert list(mapping._spread(last, most)) == looked


def test_where_too_many_changed_the_other_roads_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "most", 3)
    rows = invent(30, seed=8)
    put(store, rows)
    mapping.upkeep(store)
    with store.step("test") as step:
        bitmaps.touch(step.db, range(1, 5), range(3, 8))
    with store.reading() as db:
        whole = expected(
            rows, query="an", sort="name", totals="ltv", listed=False, source=None, inactive=False,
            sources=facts.sources(db),
        )  # fmt: skip
        found = listing(db, AUTOLETTER, search="an", sort="name", size=100)
        assert [row["id"] for row in found.rows] == [ids.text(rows[number - 1].pub) for number in whole]


def test_an_order_that_grows_at_an_end_is_divided_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1)
    monkeypatch.setattr(mapping, "_USED", 8)
    monkeypatch.setattr(bitmaps.LIMITS, "frequent", 2.0)
    rows = [row for row in invent(60, seed=9) if not row.inactive]
    put(store, rows)
    late_indexes(store)
    mapping.upkeep(store)
    with store.reading() as db:
        before = bitmaps.scales(db, ["since", "list"])
    day = 86_400_000_000
    for turn in range(3):  # everybody comes later and spends more than all before
        later = [with_(row, joined=(100 * turn + row.id) * day, ltv=1000 * turn + row.id) for row in rows]
        replace(store, rows, later)
        rows = later
        mapping.upkeep(store)
        hold(store, rows, turn, monkeypatch, rounds=40)
        with store.reading() as db:
            assert mapping.check(db) == []
    with store.reading() as db:
        after = bitmaps.scales(db, ["since", "list"])
    assert after["since"].there.bounds != before["since"].there.bounds
    assert after["list"].there.bounds != before["list"].there.bounds


def test_a_mapping_that_was_interrupted_goes_on_where_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = spread(90, seed=11)
    put(store, rows)
    late_indexes(store)
    seen = []

    def stop(left: int) -> None:
        seen.append(left)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mapping.upkeep(store, stop)
    half = state(store)
    assert half is not None
    assert (half.upto, seen) == (1, [half.last])
    replace(store, rows[:3], [with_(row, city="Essen", company="Late GmbH") for row in rows[:3]])
    rows = [with_(row, city="Essen", company="Late GmbH") if place < 3 else row for place, row in enumerate(rows)]
    with store.reading() as db:  # half of the list is mapped: nobody looks there
        assert listing(db, AUTOLETTER, search="late").total == sum(not row.inactive for row in rows[:3])
    mapping.upkeep(store)
    now = state(store)
    assert now is not None
    assert now.upto is None
    hold(store, rows, 12, monkeypatch)


def test_a_small_list_has_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "least", dict.fromkeys(("sqlite", "postgresql"), 31))
    put(store, invent(30, seed=8))
    mapping.upkeep(store)
    assert state(store) is None
    with store.step("test") as step:
        bitmaps.touch(step.db, [1, 2], [3])
    assert waiting(store) == 0


def test_the_journey_notes_who_changed_and_a_rebuild_makes_them_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1000)
    use(store)
    late_indexes(store)
    bring(
        store,
        "main",
        [
            Person(external_id=str(n), kind="account", last_name=f"Berg{n}", email=f"p{n}@example.com")
            for n in range(20)
        ],
    )
    mapping.upkeep(store)
    assert waiting(store) == 0
    bring(store, "main", [Order(external_id="o1", customer="3", total=100, currency="EUR", placed_at=5)])
    assert waiting(store) == 1
    bring(store, "main", [Person(external_id="7", version=2, kind="account", last_name="Tal", email="p8@example.com")])
    bring(store, "main", [Person(external_id="99", kind="account", last_name="Neu", email="new@example.com")])
    bring(
        store,
        "main",
        [
            Person(external_id="100", kind="account", last_name="Also", email="also@example.com"),
            Order(external_id="o2", customer="100", total=100, currency="EUR", placed_at=5),
            Order(external_id="o1", customer="3", total=300, currency="EUR", placed_at=5, version=2),
        ],
    )
    bring(store, "main", [Letter(external_id="L", customer="5"), Scan(external_id="1", letter="L", at=9)])
    with store.reading() as db:
        assert mapping.check(db) == []  # whoever changed is noted
        assert [row["last_name"] for row in listing(db, AUTOLETTER, segment="scanned").rows] == ["Berg5"]
        found = listing(db, AUTOLETTER, search="example", size=100)
        assert (found.total, [row["last_name"] for row in found.rows[:2]]) == (22, ["Berg3", "Also"])
    assert rebuild(store, check=True).equal
    monkeypatch.setattr(bitmaps.LIMITS, "merge", 1)
    mapping.upkeep(store)
    with store.reading() as db:
        assert mapping.check(db) == []
    with store.step("harm") as step:
        step.db.run("DELETE FROM bitmap WHERE name = 'listed'")
    wrong = rebuild(store, check=True)
    assert not wrong.equal
    assert "1 bitmap of the list" in wrong.differences[-1]
    rebuild(store)
    assert rebuild(store, check=True).equal
    assert state(store) is not None


def test_bits_and_numbers_are_each_others_inverse() -> None:
    r = random.Random(5)
    for count in (0, 1, 40, 499, 500, 9000):
        places = sorted(r.sample(range(bitmaps.SPAN), count))
        bits = bitmaps.bits_of(places)
        assert bits == sum(1 << place for place in places)
        assert bitmaps.numbers(bits) == places
        assert bitmaps.unpack(bitmaps.pack(bits)) == bits
        assert [number for some in bitmaps.batches(bits << 200_000, 7) for number in some] == [
            place + 200_000 for place in places
        ]
