"""The indexes of the list while a source brings much: they make way, come back, and nobody builds them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from klientela.errors import StoreError
from klientela.flow import loading
from klientela.flow.loading import Loading
from klientela.flow.sync import sync
from klientela.kit import Page, Person, Position, Source, SourceSettings, Stream, Window
from klientela.store import Store, facts, operation
from klientela.store import tables as t
from tests.shops import use

LISTED = {index.name for index in t.LATE if index.walk or index.load}
OTHERS = {index.name for index in t.LATE if not (index.walk or index.load)}


class Heap(Source):
    """Brings some people, and looks around before each page."""

    type = "heap"
    title = "Heap"
    count = 40
    first = 0

    def streams(self) -> Sequence[Stream]:
        return [Stream("all", self._read)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        for start in range(self.first, self.first + self.count, 10):
            self.look()
            people = [
                Person(
                    external_id=str(n), version=1, first_name="Anna", last_name=f"Berg{n:03}", email=f"p{n}@example.com"
                )
                for n in range(start, start + 10)
            ]
            yield Page(people, start)

    def look(self) -> None:
        """What happens meanwhile."""


def heap(name: str, count: int, look: Callable[[], None] = lambda: None) -> Heap:
    made = Heap(name, SourceSettings(type="heap"))
    made.count = count
    made.look = look  # type: ignore[method-assign]
    return made


def indexes(store: Store) -> set[str]:
    with store.reading() as db:
        if db.sqlite:
            return {row[0] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'index'")}
        return {row[0] for row in db.rows("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")}


def meta(store: Store, name: str) -> str | None:
    with store.reading() as db:
        row = db.one("SELECT value FROM meta WHERE name = ?", (name,))
        return None if row is None else str(row[0])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, store: Store) -> Store:
    """A store where twenty records are a load already."""
    monkeypatch.setattr(loading, "LEAST", 20)
    use(store)
    assert sync(store, heap("one", 20)).new == 20
    assert indexes(store) >= LISTED | OTHERS
    return store


def test_a_second_source_that_brings_much_is_loaded_without_them(small: Store) -> None:
    seen: list[set[str]] = []
    report = sync(small, heap("two", 80, lambda: seen.append(indexes(small))))
    assert (report.status, report.new) == ("ok", 80)
    assert seen[0] >= LISTED
    assert not seen[-1] & LISTED
    assert seen[-1] >= OTHERS  # those that reading orders needs are kept
    assert indexes(small) >= LISTED | OTHERS
    assert (meta(small, "indexes"), meta(small, "loading")) == ("1", None)
    with small.reading() as db:
        assert db.rows("SELECT count(*) FROM customer")[0][0] == 80  # twenty of them are those of the first source


def test_what_was_known_is_no_load(small: Store) -> None:
    sync(small, heap("two", 80))
    seen: list[set[str]] = []
    assert sync(small, heap("two", 80, lambda: seen.append(indexes(small))), full=True).unchanged == 80
    assert all(found >= LISTED for found in seen)


def test_a_few_new_among_many_are_no_load(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "SHARE", 0.2)
    seen: list[set[str]] = []
    assert sync(small, heap("two", 80, lambda: seen.append(indexes(small)))).new == 80
    assert all(found >= LISTED for found in seen)


def test_nobody_builds_them_while_a_load_lives_and_the_next_run_does_when_it_died(small: Store) -> None:
    with small.step("test") as step:
        two = facts.ensure_source(step, "two", "heap").id
        three = facts.ensure_source(step, "three", "heap").id
    with operation.lease(small, two, "two"):
        Loading(small, two).watch(100)
        assert not indexes(small) & LISTED
        other = Loading(small, three)
        other.begin(orders=True)
        other.end()
        assert not indexes(small) & LISTED
        Loading(small, two).begin(orders=False)  # the same source again: it goes on without, and makes them at the end
        assert not indexes(small) & LISTED
    Loading(small, three).begin(orders=False)
    assert indexes(small) >= LISTED
    assert meta(small, "loading") is None


def test_the_list_is_the_same_either_way(
    small: Store, new_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(small, heap("two", 80))
    plain = new_store()
    use(plain)
    monkeypatch.setattr(loading, "LEAST", 10**9)
    sync(plain, heap("one", 20))
    sync(plain, heap("two", 80))
    what = "SELECT c.pub, c.s_name, c.n, c.facet, t.s_last FROM customer c JOIN tally t ON t.id = c.id ORDER BY c.pub"
    with small.reading() as one, plain.reading() as other:
        assert one.rows(what) == other.rows(what)


def test_a_list_that_is_being_read_keeps_them(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Loading) -> None:
        raise StoreError("the database refused a statement")

    monkeypatch.setattr(Loading, "_let_go", refused)
    report = sync(small, heap("two", 80))
    assert (report.status, report.new) == ("ok", 80)
    assert indexes(small) >= LISTED
