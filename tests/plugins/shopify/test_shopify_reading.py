"""Paging: every place to go on from, expired cursors, lists that are too deep, lists that move while they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shopify_helpers import Connect, Mirror, truth
from tests.sandboxes import pages, records

from klientela.kit import Page, SourceBroken, Window
from klientela_shopify import source as source_module
from klientela_shopify.reading import Place, Reader
from klientela_shopify.sandbox import Sandbox
from klientela_shopify.source import ShopifySource


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages of a small shop."""
    for name in ("_CUSTOMERS", "_ORDERS", "_CHECKOUTS", "_IDS"):
        monkeypatch.setattr(source_module, name, 7)


class Shallow(ShopifySource):
    """A source that believes lists to end after twenty rows."""

    depth = 20


def ids(found: list[Page]) -> list[str]:
    return [record.external_id for page in found for record in page.records]


@pytest.mark.parametrize("stream", ["customers", "orders", "checkouts"])
@pytest.mark.parametrize("kind", [ShopifySource, Shallow])
def test_reading_goes_on_at_every_page(connect: Connect, stream: str, kind: type[ShopifySource]) -> None:
    box = Sandbox(customers=60 if stream != "checkouts" else 200)
    source = connect(box, kind)
    window = Window(None, source.now())
    whole = pages(source, stream, window)
    assert len(whole) > 4
    for index, page in enumerate(whole):
        position = json.loads(json.dumps(page.position))  # as it is stored
        rest = pages(source, stream, window, position)
        assert set(ids(whole[index + 1 :])) <= set(ids(rest))
        assert set(ids(whole[: index + 1]) + ids(rest)) == set(ids(whole))
        if kind is ShopifySource:
            assert ids(rest) == ids(whole[index + 1 :])


def test_a_position_of_another_kind_means_the_beginning(connect: Connect) -> None:
    source = connect(Sandbox(customers=20))
    positions: list[Any] = ["garbage", {"after": 17}, 5, []]
    for position in positions:
        assert len(records(source, "customers", position=position)) == 20


# -- expired cursors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["customers", "orders", "checkouts"])
def test_an_expired_position_starts_the_window_again(connect: Connect, stream: str) -> None:
    box = Sandbox(customers=60 if stream != "checkouts" else 200)
    source = connect(box)
    window = Window(None, source.now())
    whole = pages(source, stream, window)
    box.expire_cursors()
    assert ids(pages(source, stream, window, whole[2].position)) == ids(whole)


def test_a_cursor_that_expires_while_reading(connect: Connect) -> None:
    box = Sandbox(customers=60)
    source = connect(box)
    stream = source.streams()[0]
    window = Window(None, source.now())
    found = []
    for index, page in enumerate(stream.read(window, None)):
        found.append(page)
        if index == 3:
            box.expire_cursors()
    assert set(ids(found)) == {str(number) for number in box.customers}
    assert len(found) == 4 + 9  # the window was read again from its beginning


def test_cursors_that_always_expire_are_an_error(connect: Connect) -> None:
    box = Sandbox(customers=60)
    box.fault("expired")
    with pytest.raises(SourceBroken, match="cursors expire") as caught:
        pages(connect(box), "customers")
    assert caught.value.hint


# -- lists that are too deep -------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", ["customers", "orders", "checkouts"])
def test_a_list_that_is_too_deep_is_cut(connect: Connect, stream: str) -> None:
    box = Sandbox(customers=100 if stream != "checkouts" else 300)
    box.depth = 20
    source = connect(box, Shallow)
    found = ids(pages(source, stream, Window(None, source.now())))
    shelf: dict[str, dict[int, Any]] = {"customers": box.customers, "orders": box.orders, "checkouts": box.checkouts}
    assert set(found) == {str(number) for number in shelf[stream]}


def test_without_cutting_it_would_fail(connect: Connect) -> None:
    box = Sandbox(customers=100)
    box.depth = 20
    with pytest.raises(SourceBroken):
        pages(connect(box), "customers")


def test_too_many_at_the_same_moment_is_said(connect: Connect) -> None:
    box = Sandbox()
    for _ in range(50):
        box.customer(email="a@mail.example", updated_at="2026-11-19T00:00:00Z")
    with pytest.raises(SourceBroken, match="same moment"):
        pages(connect(box, Shallow), "customers", Window())


def test_a_row_that_is_newer_than_the_index_knows_does_not_cut_too_far(connect: Connect) -> None:
    box = Sandbox(start="2026-11-20T12:00:00Z")
    for minute in range(60):
        box.customer(email="a@mail.example", updated_at=f"2026-11-19T10:{minute:02}:00Z")
    box.lag = 1e9  # from now on the index stands still
    for number in sorted(box.customers)[16:21]:
        box.customer(number, note="eben geändert")
    source = connect(box, Shallow)
    found = ids(pages(source, "customers", Window(None, source.now())))
    assert set(found) == {str(number) for number in box.customers}


# -- lists that move ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("faults", [("drift",), ("repeat",), ("late", "drift"), ("drift", "repeat", "late")])
def test_what_moves_while_it_is_read_is_found_by_the_next_run(
    connect: Connect, faults: tuple[str, ...], seed: int
) -> None:
    box = Sandbox(customers=30, seed=seed)
    mirror = Mirror(connect(box))
    for fault in faults:
        box.fault(fault, 1.0 if fault == "late" else 0.5)
    for _ in range(4):
        mirror.sync()
        box.advance(6)
        box.advance_clock(60)
    for fault in faults:
        box.fault(fault, 0)
    box.advance_clock(400)
    mirror.sync()
    assert mirror.summary() == truth(box)


def test_late_rows_within_the_overlap_are_found(connect: Connect) -> None:
    box = Sandbox(customers=10)
    mirror = Mirror(connect(box))
    mirror.sync()
    box.fault("late")  # the index learns of it five minutes later
    late = box.customer(email="spaet@mail.example")
    box.advance_clock(60)
    prompt = box.customer(email="sofort@mail.example")
    prompt.indexed = prompt.updated_at
    mirror.sync()
    assert ("customer", str(late.id)) not in mirror.known
    assert mirror.newest["customers"] > late.updated_at
    box.advance_clock(600)
    mirror.sync()
    assert ("customer", str(late.id)) in mirror.known


def test_rows_that_come_twice_are_the_same_rows(connect: Connect) -> None:
    box = Sandbox(customers=40)
    plain = Mirror(connect(box))
    plain.sync()
    box.fault("repeat")
    twice = Mirror(connect(box))
    twice.sync()
    assert twice.summary() == plain.summary()
    assert twice.read > plain.read


# -- details -----------------------------------------------------------------------------------------------------


def test_positions_are_small(connect: Connect) -> None:
    source = connect(Sandbox(customers=20))
    for page in pages(source, "customers"):
        assert set(page.position) <= {"after", "depth"}


def test_the_shop_is_asked_in_quotes(connect: Connect) -> None:
    box = Sandbox(customers=1)
    source = connect(box)
    pages(source, "orders", Window(1_700_000_000_500_000, 1_800_000_000_500_000))
    _, variables = box.server.requests[-1]
    assert variables["query"] == "updated_at:>='2023-11-14T22:13:20Z' AND updated_at:<'2027-01-15T08:00:01Z'"


def test_everything_is_asked_without_a_filter(connect: Connect) -> None:
    box = Sandbox(customers=1)
    pages(connect(box), "orders", Window())
    assert box.server.requests[-1][1]["query"] is None


def test_a_page_size_that_shrinks_keeps_the_place(connect: Connect) -> None:
    box = Sandbox(customers=30)
    source = connect(box)
    window = Window(None, source.now())
    whole = pages(source, "customers", window)
    box.purse.most = 20
    rest = pages(source, "customers", window, whole[0].position)
    assert ids(rest) == ids(whole[1:])
    assert len(rest[0].records) < 7


def test_a_place_is_json() -> None:
    assert Place("x", 1, 2, 3).__struct_fields__ == ("after", "since", "above", "depth")
    assert Reader.__doc__
