"""Reads a list whole by one bulk operation, where paging would take hours: run it, wait for it, read its result.

The window is frozen before the operation begins, so its high-water mark never passes the operation's start: what
changes while it runs is read again by the next window. Whatever goes wrong in the operation is no reason to fail:
`NoBulk` says why, and the list is paged through instead.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from klientela.kit import Http, Page, Position, SourceBroken, SourceRefused, Window, page
from klientela_shopify import queries, translate
from klientela_shopify.client import Admin
from klientela_shopify.nodes import BulkLookAnswer, BulkRunAnswer, CountAnswer, OperationNode
from klientela_shopify.reading import Listing
from klientela_shopify.results import Damaged, Row, Scattered, Strays, rows_of
from klientela_shopify.settings import ShopifySettings

ROWS = 250
"""Rows of a page made out of a result."""

PATIENCE = 1800.0
"""Seconds an operation may go without getting on."""

CROWDED = 300.0
"""Seconds to wait for other operations of the app to end."""

_FIRST_WAIT, _LONGEST_WAIT, _GROWTH = 1.0, 30.0, 1.5
_BUSY = frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELED", "EXPIRED"})


class NoBulk(Exception):
    """The list cannot be read this way; the words say why, as a part of a sentence."""


class Spot(Struct, omit_defaults=True):
    """A position: the operation, the byte of its result, and whether parts stand away from their rows there."""

    bulk: str
    at: int = 0
    scattered: bool = False


class Bulk:
    """Bulk operations of one shop. `pause` waits some seconds, but not past a stop."""

    def __init__(
        self, admin: Admin, settings: ShopifySettings, *, pause: Callable[[float], None], stop: threading.Event
    ) -> None:
        self._admin = admin
        self._mode = settings.bulk
        self._large = settings.bulk_from
        self._secure = settings.origin.startswith("https:")
        self._pause = pause
        self._stop = stop

    def takes(self, listing: Listing, window: Window, position: Position) -> bool:
        """Whether a reading is one for a bulk operation: of a whole list that is long, or already begun so.

        Without the shop's own clock there is no telling what changed while an operation ran: then it is paging.
        """
        if self._mode == "never" or window.since is not None or window.until is None:
            return False
        if position is not None:
            return _spot(position) is not None
        return self._mode == "always" or self._is_large(listing)

    def pages(self, listing: Listing, position: Position) -> Iterator[Page]:
        """The pages of a whole list. NoBulk, SourceBroken, Interrupted."""
        spot = _spot(position)
        if spot is None:
            operation = self._begin(listing)
            spot = Spot(operation.id)
            yield Page([], msgspec.to_builtins(spot))  # it may take hours: a later run shall find it
        else:
            operation = self._look(spot.bulk)
        operation = self._wait(operation)
        if operation.url is None:
            if _number(operation.object_count):
                raise NoBulk("its result has no address")
            return
        _check_address(operation.url, self._secure)
        result = _File(operation.url, _number(operation.file_size), self._stop)
        try:
            yield from self._pages(listing, spot, result)
            return
        except Scattered:
            spot = Spot(spot.bulk, scattered=True)
        yield from self._pages(listing, spot, result)

    # -- the operation -------------------------------------------------------------------------------------------

    def _is_large(self, listing: Listing) -> bool:
        try:
            answer = self._admin.ask(listing.count, {"limit": self._large}, CountAnswer)
        except (SourceBroken, SourceRefused):
            return False  # if it is more than the count that fails, paging will say so
        return answer.count is not None and answer.count.count >= self._large

    def _begin(self, listing: Listing) -> OperationNode:
        waited, wait = 0.0, _FIRST_WAIT
        while True:
            try:
                answer = self._admin.ask(queries.BULK_RUN, {"query": listing.bulk}, BulkRunAnswer)
            except (SourceRefused, SourceBroken):
                raise NoBulk("the shop does not run it") from None  # if it is down, paging says so
            made = answer.bulk_operation_run_query
            if made is not None and made.bulk_operation is not None and not made.user_errors:
                return made.bulk_operation
            codes = {error.code for error in made.user_errors} if made is not None else set()
            if not codes & _BUSY:
                raise NoBulk("the shop does not take the query")
            if waited >= CROWDED:
                raise NoBulk("other bulk operations of the app are in progress")
            self._pause(wait)
            waited, wait = waited + wait, _longer(wait)

    def _look(self, gid: str) -> OperationNode:
        found = self._admin.ask(queries.BULK_LOOK, {"id": gid}, BulkLookAnswer).bulk_operation
        if found is None:
            raise NoBulk("the shop does not know it any more")
        return found

    def _wait(self, operation: OperationNode) -> OperationNode:
        """The operation once it is completed. NoBulk when it is not, and will not be."""
        quiet, wait = 0.0, _FIRST_WAIT
        while operation.status not in _ENDED:
            if quiet >= PATIENCE:
                self._cancel(operation)
                raise NoBulk(f"it did not get on for {PATIENCE / 60:.0f} minutes")
            self._pause(wait)
            before, operation = operation, self._look(operation.id)
            got_on = (before.status, before.object_count) != (operation.status, operation.object_count)
            quiet, wait = 0.0 if got_on else quiet + wait, _longer(wait)
        if operation.status == "COMPLETED":
            return operation
        if operation.status == "FAILED":
            raise NoBulk(f"it failed{f' with {operation.error_code}' if operation.error_code else ''}")
        raise NoBulk("its result has expired" if operation.status == "EXPIRED" else "somebody cancelled it")

    def _cancel(self, operation: OperationNode) -> None:
        """Take back what nobody waits for any more, if that can be done."""
        try:
            self._admin.ask(queries.BULK_CANCEL, {"id": operation.id}, Raw)
        except (SourceBroken, SourceRefused):
            return

    # -- its result ----------------------------------------------------------------------------------------------

    def _pages(self, listing: Listing, spot: Spot, result: _File) -> Iterator[Page]:
        try:
            if not spot.scattered:
                yield from _paged(listing, spot, result.rows(spot.at, None))
                return
            with Strays() as strays:
                strays.collect(result.lines(0))
                yield from _paged(listing, spot, result.rows(spot.at, strays))
        except Damaged:
            raise NoBulk("its result is cut off or damaged") from None
        except sqlite3.Error:
            raise NoBulk("there is no room for the scattered parts of its result") from None
        except SourceRefused:
            raise NoBulk("its result is gone") from None
        except SourceBroken:
            if result.reached:
                raise  # the next run goes on where this one stands
            raise NoBulk("its result cannot be reached") from None


class _File:
    """A result where it lies. That is not the shop: nothing that is sent there proves who we are."""

    def __init__(self, url: str, size: int | None, stop: threading.Event) -> None:
        self._url = url
        self._size = size
        self._stop = stop
        self.reached = False

    def rows(self, place: int, strays: Strays | None) -> Iterator[Row]:
        return rows_of(self.lines(place), place=place, size=self._size, strays=strays)

    def lines(self, place: int) -> Iterator[tuple[bytes, int]]:
        parts = urlsplit(self._url)
        with Http(f"{parts.scheme}://{parts.netloc}", stop=self._stop) as storage:
            for found in storage.lines(self._url, offset=place):
                self.reached = True
                yield found


def _paged(listing: Listing, spot: Spot, rows: Iterator[Row]) -> Iterator[Page]:
    """Pages of some rows each."""
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == ROWS:
            yield _page(listing, spot, some)
            some = []
    if some:
        yield _page(listing, spot, some)


def _page(listing: Listing, spot: Spot, rows: list[Row]) -> Page:
    place = msgspec.to_builtins(Spot(spot.bulk, rows[-1].place, spot.scattered))
    return page([row.whole(listing.inner) for row in rows], listing.translate, place, key=translate.key, raw=bytes)


def _spot(position: Position) -> Spot | None:
    """A position of ours; None for one of paging, or none."""
    try:
        return msgspec.convert(position, Spot)
    except msgspec.ValidationError:
        return None


def _check_address(url: str, secure: bool) -> None:
    """Personal data comes from there: a shop that is asked over https may not send us to plain http."""
    try:
        parts = urlsplit(url)
        safe = bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        safe = False
    if not safe or parts.scheme not in (("https",) if secure else ("https", "http")):
        raise NoBulk("the address of its result is not safe")


def _number(text: str | int | None) -> int | None:
    """An UnsignedInt64; None where there is none, or something else."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _longer(wait: float) -> float:
    return min(wait * _GROWTH, _LONGEST_WAIT)
