"""A whole account read over real HTTP: what is offered, what arrives, who was joined with whom, what `check` says."""

from __future__ import annotations

from typing import Any

import pytest
from billbee_helpers import Connect, SmallPages, known, orders, told, truth
from tests.sandboxes import pages, records
from tests.shops import use

from klientela.flow.sync import sync
from klientela.kit import (
    HOUR,
    Order,
    Person,
    Rejected,
    SourceBroken,
    SourceRefused,
    Window,
)
from klientela.plugins import find
from klientela.store import Store
from klientela_billbee.sandbox import Sandbox
from klientela_billbee.sandbox.shop import FIRST_ORDER
from klientela_billbee.source import BillbeeSource


def test_the_plugin_is_found_and_says_what_it_can() -> None:
    kind = find().types["billbee"]
    assert kind is BillbeeSource
    assert kind.guests == "merge"
    assert kind.capabilities.names() == ["orders", "test_orders", "deletions"]


def test_streams(connect: Connect) -> None:
    streams = connect(Sandbox()).streams()
    assert [(one.name, one.entity, one.sweep is not None, one.snapshot) for one in streams] == [
        ("customers", "customer", True, True),
        ("events", "order", False, False),
        ("orders", "order", False, False),
    ]
    assert min(one.overlap for one in streams[1:]) >= 2 * HOUR


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", [BillbeeSource, SmallPages])
def test_a_full_reading_is_the_truth(connect: Connect, seed: int, kind: type[BillbeeSource]) -> None:
    box = Sandbox(customers=60, seed=seed)
    source = connect(box, kind)
    here = {str(number) for number in box.customers}
    customers = records(source, "customers")
    bought = orders(source, Window(None, source.now()))
    found = {("customer", one.external_id): told(one, here) for one in customers}
    found |= {("order", name): told(one, here) for name, one in bought.items()}
    assert found == truth(box)
    assert source.remarks == []


def test_ids_beyond_what_floats_tell_apart_stay_exact(connect: Connect) -> None:
    box = Sandbox()
    made = [box.order(total="1.00").id for _ in range(3)]
    assert made == [FIRST_ORDER, FIRST_ORDER + 1, FIRST_ORDER + 2]
    assert set(orders(connect(box))) == {str(number) for number in made}
    huge = box.order(2**70 + 1, total="1.00").id
    assert str(huge) in orders(connect(box))


def test_only_what_changed_is_asked_for(connect: Connect) -> None:
    box = Sandbox(customers=40)
    source = connect(box)
    until = source.now()
    assert until is not None
    box.advance_clock(600)
    changed = [box.order(number, note="neu").id for number in sorted(box.orders)[:3]]
    box.advance_clock(60)
    found = orders(source, Window(until, source.now()))
    assert sorted(int(name) for name in found) == changed
    asked = box.server.requests[-1][1]
    assert asked["modifiedAtMax"][0].endswith("Z")
    assert asked["modifiedAtMin"][0].endswith(":00Z")  # by the minute, and before the window's beginning


@pytest.mark.parametrize("coarse", [False, True])
def test_the_edges_of_a_window_belong_to_it(connect: Connect, coarse: bool) -> None:
    """Also where the account counts filters by the minute: "newer than" is asked for a minute earlier."""
    box = Sandbox(start="2026-11-20T12:00:30Z")
    early = box.order(total="1.00")
    box.fault("coarse", 1.0 if coarse else 0.0)
    box.advance_clock(600)
    source = connect(box)
    assert list(orders(source, Window(early.modified_at, source.now()))) == [str(early.id)]


def test_windows_stay_frozen_while_they_are_paged(connect: Connect) -> None:
    """Orders that change leave the window and move the others up; none of those slips by."""
    box = Sandbox()
    ids = [box.order(total="1.00").id for _ in range(40)]
    source = connect(box, SmallPages)
    until = source.now()
    found: set[str] = set()
    for count, one in enumerate(
        next(s for s in source.streams() if s.name == "orders").read(Window(None, until), None)
    ):
        found |= {record.external_id for record in one.records if isinstance(record, Order)}
        box.order(ids[39 - count], note="changed")  # the newest, which the first page shows
        box.order(ids[count], note="changed")
    assert found >= {str(number) for number in ids[5:-6]}, "orders that never changed were passed over"
    later = orders(source, Window(until, source.now()))
    assert found | set(later) == {str(number) for number in ids}


def test_a_list_that_shrinks_passes_nobody_over(connect: Connect) -> None:
    """Customers who leave move all behind them up by one; in one reading, without waiting for the next."""
    box = Sandbox()
    ids = [box.customer(first_name="Ada", addresses=[{"street": "Weg"}]).id for _ in range(40)]
    stream = connect(box, SmallPages).streams()[0]
    found: set[str] = set()
    for count, one in enumerate(stream.read(Window(), None)):
        found |= {record.external_id for record in one.records if isinstance(record, Person)}
        if count < 3:
            box.delete(box.customers[ids[2 * count]])
            box.delete(box.customers[ids[2 * count + 1]])
            box.customer(first_name="Neu")
    assert found >= {str(number) for number in ids[6:]}
    assert found >= {str(number) for number in box.customers}


def test_a_reading_that_goes_on_notices_that_the_list_shrank(connect: Connect) -> None:
    box = Sandbox()
    ids = [box.customer(first_name="Ada").id for _ in range(30)]
    first = pages(connect(box, SmallPages), "customers")[1]
    for number in ids[:3]:
        box.delete(box.customers[number])
    rest = {one.external_id for one in records(connect(box, SmallPages), "customers", None, first.position)}
    assert rest >= {str(number) for number in ids[14:]}


def test_a_sweep_finds_all_who_are_there(connect: Connect) -> None:
    box = Sandbox()
    ids = [box.customer(first_name="Ada").id for _ in range(40)]
    sweep = connect(box, SmallPages).streams()[0].sweep
    assert sweep is not None
    found: set[str] = set()
    for count, some in enumerate(sweep()):
        found.update(some)
        if count == 1:
            box.delete(box.customers[ids[0]])
    assert found == {str(number) for number in ids}
    box.bend = lambda rows: rows.__delitem__(slice(0, 1))
    with pytest.raises(SourceBroken, match="shows"):
        list(sweep())


def test_reading_goes_on_where_it_stopped(connect: Connect) -> None:
    box = Sandbox(customers=30)
    source = connect(box, SmallPages)
    window = Window(None, source.now())
    whole = pages(source, "orders", window)
    assert len(whole) > 6
    for cut in (2, 4):
        assert whole[cut].position == {**whole[cut].position, "back": True}
        rest = {one.external_id for page in whole[: cut + 1] for one in page.records if isinstance(one, Order)}
        rest |= {
            one.external_id for one in records(source, "orders", window, whole[cut].position) if isinstance(one, Order)
        }
        assert rest == {str(number) for number in box.orders}


def test_lists_without_paging_are_read_to_their_end(connect: Connect) -> None:
    box = Sandbox(customers=30)
    box.fault("unpaged")
    source = connect(box, SmallPages)
    assert len(records(source, "customers")) == len(box.customers)
    window = Window(None, source.now())
    whole = pages(source, "orders", window)
    first = {one.external_id for page in whole[:4] for one in page.records if isinstance(one, Order)}
    rest = {one.external_id for one in records(source, "orders", window, whole[3].position) if isinstance(one, Order)}
    assert 0 < len(first) < len(box.orders)
    assert first | rest == {str(number) for number in box.orders}


def test_a_living_account_is_followed(store: Store, connect: Connect) -> None:
    use(store)
    box = Sandbox(customers=30, seed=5)
    source = connect(box, SmallPages)
    for _ in range(5):
        report = sync(store, source, full=True)
        assert report.status == "ok", report.error
        assert known(store).keys() - truth(box).keys() <= {
            ("order", name) for name in stored_orders(store) - {str(number) for number in box.orders}
        }
        assert {name: one for name, one in known(store).items() if name in truth(box)} == truth(box)
        box.advance(20)
        box.advance_clock(3700)


def test_a_living_account_is_followed_by_what_changed(store: Store, connect: Connect) -> None:
    """Without a full run: only customers who left without a word stay, until the next sweep."""
    use(store)
    box = Sandbox(customers=30, seed=6)
    assert sync(store, connect(box, SmallPages)).status == "ok"
    for _ in range(6):
        box.advance(15)
        box.advance_clock(3700)
        report = sync(store, connect(box, SmallPages))
        assert report.status == "ok", report.error
        true = truth(box)
        assert {name: one for name, one in known(store).items() if name in true} == true
        extra = {name for name in known(store) if name not in true}
        assert all(kind == "customer" for kind, _ in extra)


def stored_orders(store: Store) -> set[str]:
    return {name for kind, name in known(store) if kind == "order"}


# -- check -------------------------------------------------------------------------------------------------------


def test_check_tells_shops_and_what_is_missing(connect: Connect) -> None:
    box = Sandbox()
    found = connect(box).check()
    assert found.identity == f"billbee:{box.home.id}"
    assert found.title == "Eigener Shop, Marktplatz"
    assert any("same_as" in note and str(box.home.id) in note for note in found.notes)
    assert any("relay" in note for note in found.notes)
    mapped = {str(box.home.id): "main", str(box.market.id): "other"}
    assert not [note for note in connect(box, same_as=mapped).check().notes if "same_as" in note]
    wrong = connect(box, same_as={"1": "main"}).check().notes
    assert any("does not have: 1;" in note for note in wrong)


def test_check_refuses_shops_the_account_does_not_have(connect: Connect) -> None:
    box = Sandbox()
    with pytest.raises(SourceRefused, match="no shop 12") as caught:
        connect(box, shops=[box.home.id, 12]).check()
    assert str(box.market.id) in str(caught.value.hint)


def test_orders_of_some_shops_alone(connect: Connect) -> None:
    box = Sandbox()
    mine = box.order(total="1.00", store=box.market)
    box.order(total="1.00", store=box.home)
    source = connect(box, shops=[box.market.id])
    assert list(orders(source)) == [str(mine.id)]
    assert any("list of customers" in note for note in source.check().notes)


def test_a_total_nobody_can_explain_is_told(connect: Connect) -> None:
    box = Sandbox()
    odd = box.order(total="10.00", shipping_cost=490)
    box.order(total="10.00", shipping_cost=490)

    def spoil(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row.get("BillBeeOrderId") == odd.id:
                row["TotalCost"] = 3.21
            elif "TotalCost" in row:
                row["TotalCost"] = 10.00  # as documented: without shipping

    box.bend = spoil
    source = connect(box)
    assert {one.total for one in orders(source).values()} == {1490}
    (remark,) = source.remarks
    assert str(odd.id) in remark
    assert "1 orders" in remark


# -- again, from what was kept ---------------------------------------------------------------------------------------


def test_rejected_items_are_translated_again(connect: Connect) -> None:
    box = Sandbox()
    one = box.customer(
        first_name="Ada", last_name="Alt", addresses=[{"street": "Weg", "first_name": "Ada", "last_name": "Alt"}]
    )
    order = box.order(customer=one, total="1.00")
    source = connect(box)
    for stream, name in (("customers", str(one.id)), ("orders", str(order.id))):
        last = pages(source, stream)[-1]
        assert last.raws
        again = list(source.retranslate(stream, last.raws[0].decode()) or ())
        assert again[0] == last.records[0]
        assert again[0].external_id == name  # type: ignore[union-attr]
    assert source.retranslate("events", "{}") is None


def test_a_broken_order_goes_alone(connect: Connect) -> None:
    box = Sandbox(customers=10)
    box.fault("wrong_type", times=1)
    source = connect(box)
    records(source, "customers")  # the customer of that row
    box.fault("wrong_type", times=1)
    found = records(source, "orders")
    (bad,) = [one for one in found if isinstance(one, Rejected)]
    assert bad.key
    assert len([one for one in found if isinstance(one, Order)]) == len(box.orders) - 1
