"""Asking a source: lists that go round in circles, plugins that fall over, sources that are suddenly empty."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count, cycle
from typing import Any

import pytest

from klientela.flow.sync import Report, sync
from klientela.kit import (
    Interrupted,
    Page,
    Person,
    Position,
    Record,
    Source,
    SourceBroken,
    SourceSettings,
    Stream,
    Window,
)
from klientela.store import Store
from tests.shops import bring, use

Read = Callable[[Window, Position], Iterator[Page]]


class Odd(Source):
    """A source with one stream that reads as a test says."""

    type = "odd"
    title = "Odd"

    def __init__(self, read: Read, **stream: Any) -> None:
        super().__init__("odd", SourceSettings.model_validate({"type": "odd"}))
        self._stream = Stream("all", read, **stream)

    def streams(self) -> Sequence[Stream]:
        return [self._stream]


def person(number: int, version: int | None = None, name: str = "Anna") -> Person:
    return Person(external_id=str(number), version=version, first_name=name)


def pages(made: Iterator[tuple[list[Record], Position]]) -> Read:
    def read(window: Window, position: Position) -> Iterator[Page]:
        for records, after in made:
            yield Page(records, after)

    return read


def run(store: Store, read: Read, **stream: Any) -> Report:
    use(store)
    return sync(store, Odd(read, **stream))


ENDLESS: dict[str, Callable[[], Iterator[tuple[list[Record], Position]]]] = {
    "the same page and position": lambda: cycle([([person(1), person(2)], "x")]),
    "the same page, no position": lambda: cycle([([person(1), person(2)], None)]),
    "the same page, new positions": lambda: (([person(1, 5)], n) for n in count()),
    "a round of three pages": lambda: (([person(n % 3, 5)], n) for n in count()),
    "new times at the same position": lambda: (([person(1, n)], "x") for n in count()),
    "nothing, at the same position": lambda: cycle([([], "x")]),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_a_list_without_end_is_stopped_with_a_sentence(store: Store, what: str) -> None:
    report = run(store, pages(ENDLESS[what]()))
    assert report.status in ("partial", "failed")
    assert report.error is not None
    assert report.error["message"].startswith("the list all goes round in circles")
    assert report.pages < 15


FINITE: dict[str, list[tuple[list[Record], Position]]] = {
    "a page twice": [([person(1, 5)], 1), ([person(1, 5)], 1), ([person(2, 5)], 2)],
    "a window begun anew": [([person(n, 5)], n) for n in (1, 2, 3, 1, 2, 3, 4)],
    "other content of one time": [([person(1, 5, name)], n) for n, name in enumerate("ABCDEF")],
    "a thing that comes and goes": [([person(n % 3 and n, 5)], n) for n in range(12)],
    "a position that stays": [([person(n, 5)], "start") for n in range(6)],
    "pages without anything": [([], n) for n in range(6)],
}


@pytest.mark.parametrize("what", FINITE)
def test_a_list_that_only_looks_like_a_circle_is_read_to_its_end(store: Store, what: str) -> None:
    report = run(store, pages(iter(FINITE[what])))
    assert (report.status, report.error) == ("ok", None)
    assert report.pages == len(FINITE[what])


def _boom(*_: Any) -> Any:
    raise ValueError("token=hunter2 anna@example.com")


def test_whatever_a_plugin_raises_is_a_sentence_without_its_words(store: Store) -> None:
    use(store)

    class NoCheck(Odd):
        check = _boom

    class NoStreams(Odd):
        streams = _boom

    class NoTime(Odd):
        now = _boom

    quiet = pages(iter(()))
    broken = [
        NoCheck(quiet),
        NoStreams(quiet),
        NoTime(quiet),
        Odd(_boom),
        Odd(quiet, fingerprint=_boom),
        Odd(lambda w, p: iter(["no page"])),  # type: ignore[list-item]
        Odd(lambda w, p: iter([Page([], object())])),
    ]
    for source in broken:
        report = sync(store, source)
        assert (report.status, report.error and report.error["kind"]) == ("failed", "broken")
        assert report.error is not None
        assert "the source odd failed in" in report.error["message"]
        assert "hunter2" not in str(report.error)
        assert "anna@" not in str(report.error)
    assert "ValueError in test_fetch.py, line" in sync(store, Odd(_boom)).error["message"]  # type: ignore[index]


def test_pages_that_came_before_the_end_are_kept(store: Store) -> None:
    def read(window: Window, position: Position) -> Iterator[Page]:
        for number in range(position or 0, 5):
            if number == 4 and position is None:
                raise SourceBroken("the shop is down")
            yield Page([person(number, 5)], number + 1)

    report = run(store, read)
    assert (report.status, report.pages, report.new) == ("partial", 4, 4)
    again = sync(store, Odd(read))
    assert (again.status, again.pages, again.new) == ("ok", 1, 1)


def test_a_fault_of_ours_is_no_good_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    use(store)
    monkeypatch.setattr("klientela.flow.stage.Stage.page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bring(store, "main", [person(1)])
    with store.reading() as db:
        assert db.rows("SELECT status FROM run") == [("failed",)]


def test_a_stop_between_pages_is_heeded(store: Store) -> None:
    use(store)
    stop = threading.Event()

    def read(window: Window, position: Position) -> Iterator[Page]:
        yield Page([person(1)], 1)
        stop.set()
        yield Page([person(2)], 2)

    report = sync(store, Odd(read), stop=stop)
    assert (report.status, report.new) == ("partial", 1)
    assert report.error is not None
    assert report.error["kind"] == Interrupted.kind


def test_r61_a_snapshot_that_is_suddenly_empty_stops_and_is_read_again(store: Store) -> None:
    use(store)
    bring(store, "main", [person(n) for n in range(3)])
    empty = Odd(pages(iter(())), snapshot=True)
    empty.name, type(empty).type = "main", "memory"
    try:
        report = sync(store, empty)
    finally:
        Odd.type = "odd"
    assert (report.status, report.error and report.error["kind"]) == ("failed", "changed")
    assert bring(store, "main", [person(n) for n in range(3)]).unchanged == 3


def test_r61_a_full_reading_of_nothing_stops_and_a_quiet_window_does_not(store: Store) -> None:
    first: list[tuple[list[Record], Position]] = [([person(n, 5) for n in range(3)], None)]
    assert run(store, pages(iter(first))).new == 3
    assert run(store, pages(iter(()))).status == "ok"
    report = sync(store, Odd(pages(iter(()))), full=True)
    assert (report.status, report.error and report.error["kind"]) == ("failed", "changed")
