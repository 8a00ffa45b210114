"""Runs beside each other: a source that appears while another is being read is known to it from the next page on."""

from __future__ import annotations

from collections.abc import Iterator

from klientela.flow.sync import sync
from klientela.kit import Page, Person, Position, Window
from klientela.store import Store
from tests.shops import Shop, bring, use


def person(number: int) -> Person:
    return Person(
        external_id=str(number),
        kind="contact",
        first_name="Anna",
        last_name=f"Nr{number}",
        email=f"a{number}@x.example",
    )


class Interrupting(Shop):
    """Another source, that nobody knew before, is synced between the first and the second page."""

    store: Store

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        for place, page in enumerate(super()._read(window, position)):
            if place == 1:
                bring(self.store, "late", [person(number) for number in range(20)])
            yield page


def test_a_source_that_appears_during_a_run(store: Store) -> None:
    use(store)
    shop = Interrupting("main", [person(number) for number in range(20)], size=5)
    shop.store = store
    report = sync(store, shop)
    assert (report.status, report.error, report.new) == ("ok", None, 20)
    with store.reading() as db:
        assert db.rows("SELECT count(*), min(n), max(n) FROM customer") == [(20, 2, 2)]
