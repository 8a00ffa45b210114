"""Lists read whole by bulk operations: the same as by paging, from any place on, and paging when they fail."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shopify_helpers import Connect, Mirror, truth
from tests.sandboxes import pages, records

from klientela.kit import Interrupted, Page, SourceBroken, Window
from klientela.testing import hurry, serve
from klientela_shopify import bulk as bulk_module
from klientela_shopify import queries
from klientela_shopify.results import Damaged, Row, Scattered, Strays, rows_of
from klientela_shopify.sandbox import TOKEN, Sandbox
from klientela_shopify.source import ShopifySource

STREAMS = ("customers", "orders", "checkouts")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages of a small shop."""
    monkeypatch.setattr(bulk_module, "ROWS", 7)


class Waiting(ShopifySource):
    """A source whose waits pass on the shop's clock; things happen in the shop meanwhile."""

    box: Sandbox
    steps = 0
    waited: float

    def pause(self, seconds: float) -> None:
        if self.stop.is_set():
            raise Interrupted("asked to stop")
        self.waited = getattr(self, "waited", 0.0) + seconds
        self.box.advance(self.steps)
        self.box.advance_clock(max(1.0, seconds))


@pytest.fixture
def shop(connect: Connect) -> Iterator[Any]:
    """`shop(box)`: a source that reads whole lists by bulk operations; their results lie on another host."""
    servers = []

    def make(box: Sandbox, **options: Any) -> Waiting:
        server = serve(box.bulk.storage)
        servers.append(server)
        box.bulk.elsewhere = server.__enter__()
        source = connect(box, Waiting, **{"bulk": "always", **options})
        assert isinstance(source, Waiting)
        source.box = box
        return source

    yield make
    for server in servers:
        server.__exit__(None, None, None)


def whole(source: ShopifySource) -> Window:
    return Window(None, source.now())


def ids(found: list[Page]) -> list[str]:
    return [str(getattr(record, "external_id", "")) for page in found for record in page.records]


def asked(box: Sandbox) -> list[str]:
    """What was asked of lists and operations."""
    return [name for name, _ in box.server.requests]


def keep(found: list[Page], coming: Iterator[Page]) -> None:
    """What comes before a failure counts."""
    for page in coming:
        found.append(page)


# -- the same as by paging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, "bulk_scattered"])
@pytest.mark.parametrize("stream", STREAMS)
def test_a_list_comes_as_it_comes_by_paging(shop: Any, connect: Connect, stream: str, fault: str | None) -> None:
    box = Sandbox(customers=80 if stream != "checkouts" else 200, seed=4)
    for order in list(box.orders.values())[:3]:
        box.order(order.id, lines=[{"title": f"Tee {number}", "price": 100} for number in range(45)])
    plain = {one.external_id: one for one in records(connect(box), stream, Window())}
    if fault:
        box.fault(fault)
    source = shop(box)
    box.server.requests.clear()
    found = records(source, stream, whole(source))
    assert {one.external_id: one for one in found} == plain
    assert len(found) == len(plain) or fault
    assert source.remarks == []
    assert set(asked(box)) <= {"Clock", "BulkRun", "BulkLook"}
    assert box.bulk.leaks == []
    assert len(box.bulk.downloads) >= 1


@given(
    seed=st.integers(0, 10_000),
    customers=st.integers(0, 40),
    steps=st.integers(0, 6),
    seconds=st.sampled_from([0, 20, 90]),
    scattered=st.booleans(),
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_final_state_is_that_of_paging(
    shop: Any, connect: Connect, seed: int, customers: int, steps: int, seconds: int, scattered: bool
) -> None:
    """Whatever happens in the shop while an operation runs, the next windows bring it."""
    box = Sandbox(customers=customers, seed=seed)
    box.bulk.seconds = seconds
    if scattered:
        box.fault("bulk_scattered")
    source = shop(box)
    source.steps = steps
    mirror = Mirror(source)
    mirror.sync()
    box.advance(5)
    source.steps = 0  # the last one is not disturbed
    mirror.sync()
    paged = Mirror(connect(box))
    paged.sync()
    assert mirror.summary() == paged.summary() == truth(box)
    assert box.bulk.leaks == []


def test_what_changes_while_an_operation_runs_is_not_lost(shop: Any) -> None:
    """The high-water mark must not pass the operation's start, although its result holds newer rows."""
    box = Sandbox(customers=40)
    box.bulk.seconds = 7200
    source = shop(box)
    window = whole(source)
    first, last = min(box.customers), max(box.customers)
    changed: list[float] = []

    def pause(seconds: float) -> None:
        box.advance_clock(600)
        changed.append(seconds)
        if len(changed) == 6:
            box.customer(first, note="nach dem Lesen")  # was read long ago
            box.customer(last, note="vor dem Lesen")  # will be

    source.pause = pause
    found = {one.external_id: one for one in records(source, "customers", window)}
    assert found[str(first)].note != "nach dem Lesen"
    assert found[str(last)].note == "vor dem Lesen"
    assert window.until is not None
    assert found[str(last)].version > window.until
    (operation,) = box.bulk.operations.values()
    assert window.until <= operation.created_at
    later = records(source, "customers", Window(window.until - 600_000_000, source.now()))
    assert {one.external_id: one.note for one in later}[str(first)] == "nach dem Lesen"


# -- which lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "bulk"), [(19, False), (20, True), (21, True)])
def test_long_lists_alone(shop: Any, count: int, bulk: bool) -> None:
    box = Sandbox()
    for number in range(count):
        box.customer(email=f"a{number}@mail.example")
    source = shop(box, bulk="auto", bulk_from=20)
    assert len(records(source, "customers", whole(source))) == count
    assert ("BulkRun" in asked(box)) is bulk
    assert ("Customers" in asked(box)) is not bulk


def test_a_list_that_cannot_be_counted_is_paged(shop: Any) -> None:
    box = Sandbox(customers=10)
    source = shop(box, bulk="auto", bulk_from=1)
    window = whole(source)
    box.fault("internal", times=6)
    with hurry():
        assert len(records(source, "customers", window)) == 10
    assert "BulkRun" not in asked(box)


def test_never_and_increments_and_shops_without_a_clock_are_paged(shop: Any) -> None:
    box = Sandbox(customers=10)
    never, source = shop(box, bulk="never"), shop(box)
    records(never, "customers", whole(never))
    records(source, "customers", Window(1, source.now()))
    records(source, "customers", Window())
    assert not [name for name in asked(box) if "Bulk" in name or "Count" in name]


def test_an_empty_list_has_no_result(shop: Any) -> None:
    source = shop(Sandbox())
    assert records(source, "customers", whole(source)) == []
    assert source.remarks == []


def test_the_questions_keep_the_rules_of_bulk_operations() -> None:
    box = Sandbox(customers=1)
    for query in (queries.BULK_CUSTOMERS, queries.BULK_ORDERS, queries.BULK_CHECKOUTS):
        answer = box.server.answer(queries.BULK_RUN, {"query": query})
        assert answer["data"]["bulkOperationRunQuery"]["userErrors"] == []
    wrong = ("{ shop { id } }", "{ customers(first: 1) { nodes { id } } }", "{ shop {", "{ a: customers { edges } }")
    for query in (*wrong, queries.CUSTOMERS, queries.BULK_CUSTOMERS.replace("}\n}", "} shop { id } }")):
        answer = box.server.answer(queries.BULK_RUN, {"query": query})
        assert [one["code"] for one in answer["data"]["bulkOperationRunQuery"]["userErrors"]] == ["INVALID"], query


# -- going on ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("fault", [None, "bulk_scattered"])
@pytest.mark.parametrize("stream", STREAMS)
def test_reading_goes_on_at_every_page(shop: Any, stream: str, fault: str | None, ranges: bool) -> None:
    box = Sandbox(customers=60 if stream != "checkouts" else 200, seed=3)
    box.bulk.ranges = ranges
    if fault:
        box.fault(fault)
    window = whole(shop(box))
    found = pages(shop(box), stream, window)
    again = found[next(i for i, page in enumerate(found) if bool(page.position.get("scattered")) is bool(fault)) :]
    assert len(again) > 4
    for index, page in enumerate(again):
        position = json.loads(json.dumps(page.position))  # as it is stored
        source = shop(box)  # of a new process
        assert ids(pages(source, stream, window, position)) == ids(again[index + 1 :])
        assert source.remarks == []
    assert len(box.bulk.operations) == 1
    assert any(part is not None for part in box.bulk.downloads)


def test_the_operation_is_told_before_it_is_waited_for(shop: Any) -> None:
    box = Sandbox(customers=30)
    box.bulk.seconds = 3600
    source = shop(box)
    window = whole(source)
    coming = source.streams()[0].read(window, None)
    first = next(coming)
    assert (first.records, set(first.position)) == ([], {"bulk"})
    box.advance_clock(3600)
    assert len(records(shop(box), "customers", window, first.position)) == 30
    assert len(box.bulk.operations) == 1


def test_each_whole_reading_begins_an_operation_of_its_own(shop: Any) -> None:
    box = Sandbox(customers=10)
    source = shop(box)
    records(source, "customers", whole(source))
    late = box.customer(email="neu@mail.example")
    assert str(late.id) in {one.external_id for one in records(source, "customers", whole(source))}
    assert len(box.bulk.operations) == 2


def test_a_position_in_a_result_that_has_expired_means_paging_from_the_start(shop: Any) -> None:
    box = Sandbox(customers=30)
    source = shop(box)
    window = whole(source)
    found = pages(source, "customers", window)
    box.advance_clock(days=8)
    assert sorted(ids(pages(source, "customers", window, found[1].position))) == sorted(map(str, box.customers))
    assert "expired" in source.remarks[0]
    box.bulk.operations.clear()
    assert len(records(source, "customers", window, found[1].position)) == 30
    assert "does not know it" in source.remarks[1]


def test_a_position_of_paging_goes_on_paging(shop: Any) -> None:
    box = Sandbox(customers=250)
    plain, source = shop(box, bulk="never"), shop(box)
    window = whole(plain)
    found = pages(plain, "customers", window)
    assert len(found) > 1
    assert ids(pages(source, "customers", window, found[0].position)) == ids(found[1:])
    assert "BulkRun" not in asked(box)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_breaks_is_taken_up(shop: Any, ranges: bool) -> None:
    box = Sandbox(customers=120)
    box.bulk.ranges = ranges
    source = shop(box)
    for at in (20_000, 30_000, 40_000):
        box.bulk.storage.storm("reset", at=at)
    with hurry():
        assert len(records(source, "customers", whole(source))) == 120
    assert len(box.bulk.downloads) == 4
    assert source.remarks == []


def test_a_storage_that_fails_halfway_ends_the_run_and_the_next_goes_on(shop: Any) -> None:
    box = Sandbox(customers=120)
    source = shop(box)
    window = whole(source)
    box.bulk.storage.storm("reset", at=20_000)
    box.bulk.storage.storm("503", 20)
    found: list[Page] = []
    stream = source.streams()[0]
    with hurry(), pytest.raises(SourceBroken):
        keep(found, stream.read(window, None))
    assert 0 < len(ids(found)) < 120
    box.bulk.storage.calm()
    rest = pages(source, "customers", window, found[-1].position)
    assert sorted(ids(found) + ids(rest)) == sorted(map(str, box.customers))
    assert source.remarks == []


# -- paging instead ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("bulk_failed", "it failed with INTERNAL_SERVER_ERROR"),
        ("bulk_canceled", "somebody cancelled it"),
        ("bulk_gone", "its result is gone"),
        ("bulk_cut", "its result is cut off or damaged"),
        ("bulk_stuck", "it did not get on for 30 minutes"),
        ("bulk_crowded", "other bulk operations of the app are in progress"),
    ],
)
@pytest.mark.parametrize("stream", STREAMS)
def test_what_goes_wrong_means_paging(shop: Any, stream: str, fault: str, words: str) -> None:
    box = Sandbox(customers=60)
    box.fault(fault)
    source = shop(box)
    expected: dict[str, dict[int, Any]] = {"customers": box.customers, "orders": box.orders, "checkouts": box.checkouts}
    assert set(ids(pages(source, stream, whole(source)))) == set(map(str, expected[stream]))
    assert len(source.remarks) == 1
    assert words in source.remarks[0]
    if fault == "bulk_stuck":
        assert [one.status for one in box.bulk.operations.values()] == ["CANCELED"]


def test_no_room_for_scattered_parts_means_paging(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Sandbox(customers=30)
    box.fault("bulk_scattered")
    source = shop(box)

    def full(_self: Strays, _lines: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Strays, "collect", full)
    assert {one.external_id for one in records(source, "customers", whole(source))} == set(map(str, box.customers))
    assert "no room" in source.remarks[0]


def test_a_shop_that_does_not_run_operations_is_paged(shop: Any) -> None:
    box = Sandbox(customers=10)
    source = shop(box)
    box.faults.on("500", body="BulkRun")
    with hurry():
        assert len(records(source, "customers", whole(source))) == 10
    assert "does not run it" in source.remarks[0]


def test_others_are_waited_for(shop: Any) -> None:
    box = Sandbox(customers=10)
    box.fault("bulk_crowded", times=4)
    source = shop(box)
    assert len(records(source, "customers", whole(source))) == 10
    assert source.remarks == []
    assert asked(box).count("BulkRun") == 5


def test_the_limit_of_running_operations(shop: Any) -> None:
    box = Sandbox(customers=10)
    box.bulk.seconds, box.bulk.limit = 60, 1
    box.server.answer(queries.BULK_RUN, {"query": queries.BULK_ORDERS})
    source = shop(box)
    assert len(records(source, "customers", whole(source))) == 10
    assert source.remarks == []
    assert len(box.bulk.operations) == 2


def test_a_storage_that_cannot_be_reached_means_paging(shop: Any) -> None:
    box = Sandbox(customers=10)
    source = shop(box)
    box.bulk.storage.always("503")
    with hurry():
        assert len(records(source, "customers", whole(source))) == 10
    assert "cannot be reached" in source.remarks[0]


@pytest.mark.parametrize(
    "address", ["ftp://storage.example/x", "file:///etc/passwd", "http://u@storage.example/x", "x"]
)
def test_a_strange_address_is_not_followed(shop: Any, address: str) -> None:
    box = Sandbox(customers=10)
    source = shop(box)
    box.bulk._address = lambda one: address  # type: ignore[method-assign]
    assert len(records(source, "customers", whole(source))) == 10
    assert "not safe" in source.remarks[0]


def test_a_shop_over_https_may_not_send_us_to_plain_http() -> None:
    with pytest.raises(bulk_module.NoBulk):
        bulk_module._check_address("http://storage.example/x", True)
    bulk_module._check_address("https://storage.example/x", True)


def test_a_missing_scope_is_told_by_paging(shop: Any) -> None:
    box = Sandbox(customers=10)
    box.scopes = ("read_customers",)
    source = shop(box)
    with pytest.raises(Exception, match="does not let the app read"):
        pages(source, "orders", whole(source))
    assert "ACCESS_DENIED" in source.remarks[0]


def test_stop_ends_the_waiting(connect: Connect) -> None:
    box = Sandbox(customers=10)
    box.bulk.seconds = 3600
    source = connect(box, bulk="always")
    window = whole(source)
    threading.Timer(0.2, source.stop.set).start()
    with pytest.raises(Interrupted):
        pages(source, "customers", window)


def test_secrets_stay_home(shop: Any) -> None:
    box = Sandbox(customers=10)
    source = shop(box)
    records(source, "customers", whole(source))
    (seen,) = box.bulk.downloads
    assert seen is None
    assert box.bulk.leaks == []
    assert TOKEN not in json.dumps([page.position for page in pages(source, "customers", whole(source))])


# -- files -------------------------------------------------------------------------------------------------------


def a_file(text: bytes) -> list[tuple[bytes, int]]:
    found, place = [], 0
    for line in text.splitlines(keepends=True):
        place += len(line)
        found.append((line.rstrip(b"\n"), place))
    return found


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_order_in_which_parts_follow_their_rows(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 4), max_size=6))
    dice = random.Random(data.draw(st.integers(0, 1000)))
    waiting = [
        [b'{"id":"R%d"}' % n, *(b'{"v":%d,"__parentId":"R%d"}' % (m, n) for m in range(size))]
        for n, size in enumerate(sizes)
    ]
    lines: list[bytes] = []
    while waiting:  # parts after their row, in their order, and otherwise anyhow
        some = dice.choice(waiting)
        lines.append(some.pop(0))
        waiting = [one for one in waiting if one]
    text = b"".join(line + b"\n" for line in lines)
    with Strays() as strays:
        strays.collect(a_file(text))
        rows = list(rows_of(a_file(text), size=len(text), strays=strays))
    got = {
        json.loads(row.line)["id"]: [part["v"] for part in json.loads(bytes(row.whole("x")))["x"]["nodes"]]
        for row in rows
    }
    assert got == {f"R{n}": list(range(size)) for n, size in enumerate(sizes)}
    try:
        plain = list(rows_of(a_file(text), size=len(text)))
    except Scattered:
        return
    assert plain == rows


def test_every_cut_is_noticed() -> None:
    text = b'{"id":"A"}\n{"v":1,"__parentId":"A"}\n{"id":"B"}\n'
    assert next(iter(rows_of(a_file(text), size=len(text)))) == Row(b'{"id":"A"}', [b'{"v":1,"__parentId":"A"}'], 36)
    for cut in range(len(text)):
        with pytest.raises(Damaged):
            list(rows_of(a_file(text[:cut]), size=len(text)))
