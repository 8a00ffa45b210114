"""Trying quarantined records again: what the plugin can read now is taken, the rest stays and says why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from klientela.flow.rebuild import rebuild
from klientela.flow.retry import retry
from klientela.flow.sync import sync
from klientela.kit import (
    Page,
    Person,
    Position,
    Record,
    RecordRejected,
    Source,
    SourceSettings,
    Stream,
    Window,
    page,
)
from klientela.store import Store
from tests.shops import use


class Picky(Source):
    """Reads items of JSON; what `refuses` says yes to cannot be taken."""

    type = "picky"
    title = "Picky"

    def __init__(self, items: Sequence[dict[str, Any]] = (), *, refuses: str = "", reads_again: bool = True) -> None:
        super().__init__("picky", SourceSettings(type="picky"))
        self.items = items
        self.refuses = refuses
        self.reads_again = reads_again

    def streams(self) -> Sequence[Stream]:
        return [Stream("all", self._read, snapshot=True)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        yield page(self.items, self._person, 1, raw=lambda item: json.dumps(item).encode())

    def _person(self, item: dict[str, Any]) -> Record:
        if item["id"] == self.refuses:
            raise RecordRejected("the letter is illegible")
        return Person(external_id=item["id"], email=item["email"])

    def retranslate(self, stream: str, payload: str) -> Iterable[Record] | None:
        return [self._person(json.loads(payload))] if self.reads_again else super().retranslate(stream, payload)


ITEMS = [{"id": "a", "email": "a@x.example"}, {"id": "b", "email": "b@x.example"}, {"id": "c"}]


def entries(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as db:
        return db.rows("SELECT key, attempts FROM quarantine ORDER BY key")


def people(store: Store) -> list[str]:
    with store.reading() as db:
        return [row[0] for row in db.rows("SELECT email FROM customer ORDER BY email")]


def filled(store: Store) -> Store:
    use(store)
    report = sync(store, Picky(ITEMS, refuses="b"))
    assert (report.status, report.new, report.rejected) == ("ok", 1, 2)
    return store


def test_what_can_be_read_now_is_taken(store: Store) -> None:
    filled(store)
    made = retry(store, {"picky": Picky()})
    assert (made["taken"], made["left"]) == (1, 1)
    assert isinstance(made["seq"], int)
    told = {one["key"]: (one["taken"], one["reason"]) for one in made["entries"]}
    assert told["b"] == (True, None)
    assert told["c"][0] is False
    assert "KeyError" in str(told["c"][1]) or "failed" in str(told["c"][1])
    assert people(store) == ["a@x.example", "b@x.example"]
    assert entries(store) == [("c", 2)]
    assert rebuild(store, check=True).equal
    again = sync(store, Picky(ITEMS[:2]))  # the same content by the stream itself: nothing new
    assert (again.new, again.changed) == (0, 0)


def test_what_cannot_be_read_again_stays_and_says_what_brings_it(store: Store) -> None:
    filled(store)
    made = retry(store, {"picky": Picky(reads_again=False)})
    assert (made["taken"], made["left"], made["seq"]) == (0, 2, None)
    assert {one["reason"] for one in made["entries"]} == {
        "it cannot be read again from what was kept; the next full sync brings it"
    }
    assert entries(store) == [("b", 2), ("c", 2)]


def test_what_is_still_refused_stays_with_the_reason(store: Store) -> None:
    filled(store)
    made = retry(store, {"picky": Picky(refuses="b")})
    assert [one["reason"] for one in made["entries"] if one["key"] == "b"] == ["the letter is illegible"]
    assert people(store) == ["a@x.example"]


def test_what_staging_refuses_stays_one_entry(store: Store) -> None:
    use(store)
    long = {"id": "x" * 600, "email": "a@x.example"}
    assert sync(store, Picky([long])).rejected == 1
    made = retry(store, {"picky": Picky()})
    assert (made["taken"], made["left"]) == (0, 1)
    assert "id" in made["entries"][0]["reason"]
    assert [row[1] for row in entries(store)] == [2]


def test_a_source_that_left_the_configuration_is_told(store: Store) -> None:
    filled(store)
    assert "not in the configuration" in retry(store, {})["entries"][0]["reason"]


def test_an_empty_quarantine_is_no_work(store: Store) -> None:
    use(store)
    assert retry(store, {}) == {"seq": None, "taken": 0, "left": 0, "entries": []}
