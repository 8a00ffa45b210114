"""What sources that speak HTTP have in common, so that a plugin writes only what is its own: who asks, pages, fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from klientela.http import Http
from klientela.model.instants import Instant
from klientela.model.records import Record
from klientela.source import Page, Position, Source, page

Ask = Callable[[Position], tuple[Iterable[Any], Position]]
"""Asks for one page: from where on -> its items, and where the next page begins (None: that was the last)."""


class HttpSource(Source):
    """A source behind one HTTP address. A plugin writes `connect`, `check` and `streams`.

    `http` is made once, when it is first needed, and let go of with the source. `now` is the `Date` of the shop's
    answer to `check`, so a shop that is asked by this class always has a clock.
    """

    _http: Http | None = None

    def connect(self) -> Http:
        """The client with its address and credentials: `return Http(self.settings.base_url, …, stop=self.stop)`."""
        raise NotImplementedError

    @property
    def http(self) -> Http:
        """The one patient client of this source."""
        if self._http is None:
            self._http = self.connect()
        return self._http

    def now(self) -> Instant | None:
        """The shop's own clock, asked for anew."""
        self.check()
        return self.http.server_time

    def close(self) -> None:
        """Let go of connections."""
        if self._http is not None:
            self._http.close()


def pages(
    ask: Ask,
    translate: Callable[[Any], Record | Iterable[Record] | None],
    position: Position = None,
    *,
    key: Callable[[Any], str | None] | None = None,
) -> Iterator[Page]:
    """All pages from a position on: ask, translate item by item (`page`), go on where the answer says."""
    while True:
        items, position = ask(position)
        yield page(items, translate, position, key=key)
        if position is None:
            return


def take(row: Mapping[str, Any], *same: str, **renamed: str) -> dict[str, Any]:
    """The fields of a row that are there, for a record: `Person(…, **take(row, "email", first_name="vorname"))`.

    `same` are called alike on both sides, `renamed` is our name = theirs. What is not in the row stays absent, null
    is cleared, and so is an empty text, which most shops write for what is not known (R0b).
    """
    names = {**dict(zip(same, same, strict=True)), **renamed}
    return {ours: None if row[theirs] == "" else row[theirs] for ours, theirs in names.items() if theirs in row}


__all__ = ["Ask", "HttpSource", "pages", "take"]
