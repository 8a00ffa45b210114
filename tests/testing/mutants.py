"""Broken connectors, one or more for each check of the conformance suite: the corner shop's, each with one mistake.

Those for the checks about orders are made from the one that writes (corner_writes.py); the others only read.

Every one of them is a mistake that somebody has made: it works on the day it is written, and loses customers later.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from pydantic import ConfigDict

from klientela.kit import (
    SECOND,
    UNSET,
    Capabilities,
    Checked,
    Gone,
    Http,
    NotKnown,
    Page,
    Person,
    Placed,
    Placing,
    Position,
    Record,
    RecordRejected,
    SourceRefused,
    Stream,
    Window,
    instant,
    iso,
    page,
)
from tests.testing import corner
from tests.testing.corner import Corner, CornerSettings
from tests.testing.corner_shop import CornerSubject
from tests.testing.corner_writes import WritingCorner, WritingSettings

Translate = Callable[[Any], Any]
Row = dict[str, Any]

MUTANTS: dict[str, tuple[str, type[Corner]]] = {}
"""Name of the mutant -> the check it must fail, and the connector."""


def fails(check: str) -> Callable[[type[Corner]], type[Corner]]:
    """Register a connector as the one that must fail this check."""

    def register(kind: type[Corner]) -> type[Corner]:
        MUTANTS[kind.__name__] = (check, kind)
        return kind

    return register


class Translating(Corner):
    """Reads like the original, but makes persons in its own way."""

    def person(self, row: Row) -> Record:
        """A customer."""
        return corner.person(row)

    def order(self, row: Row) -> Sequence[Record]:
        """An order."""
        return corner.order(row)

    def streams(self) -> Sequence[Stream]:
        """The same lists."""
        return [
            Stream("customers", partial(self.read, "/customers", self.person), sweep=self.ids),
            Stream("orders", partial(self.read, "/orders", self.order), entity="order"),
        ]


class Asking(Corner):
    """Reads like the original, but asks for a page in its own way."""

    def answer(self, path: str, query: Mapping[str, Any]) -> Any:
        """One page as it came."""
        return self.http.get_json(path, query)

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        """The pages of a list."""
        while True:
            answer = self.answer(path, {**span(window), "after": position})
            position = answer["next"]
            yield page(answer["items"], translate, position)
            if position is None:
                return


def span(window: Window) -> dict[str, Any]:
    """A window as the shop wants it."""
    return {"since": window.since and iso(window.since), "until": window.until and iso(window.until)}


# windows --------------------------------------------------------------------------------------------------------------


@fails("late_rows")
class NoOverlap(Corner):
    """Trusts that nothing ever turns up behind its own time."""

    def streams(self) -> Sequence[Stream]:
        return [replace(stream, overlap=0) for stream in super().streams()]


@fails("edge_of_the_window")
class LaterThan(Corner):
    """Asks for what is later than `since`, not for what is not earlier."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        since = None if window.since is None else window.since + SECOND
        return super().read(path, translate, Window(since, window.until), position)


@fails("equal_times")
class KnowsTheLast(Translating):
    """Leaves out the last record of the reading before: same id, same time, so it must be the same."""

    last: tuple[str, str] | None = None

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        known = self.last if window.since is not None else None

        def unless_known(row: Row) -> Any:
            here = (row["id"], row["updated_at"])
            self.last = here
            return None if here == known else translate(row)

        return super().read(path, unless_known, window, position)


@fails("ties_across_pages")
class PagesByTime(Corner):
    """Asks for the next page by the time of the last record: others of the same time fall between the pages."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        while True:
            since = {"since": position} if position else {}
            answer = self.http.get_json(path, {**span(window), **since})
            last = answer["next"] and answer["items"][-1]["updated_at"]
            position = last and iso(instant(last) + SECOND)
            yield page(answer["items"], translate, position)
            if position is None:
                return


@fails("mixed_offsets")
class ComparesText(Corner):
    """Makes sure that everything is new enough, by comparing how times are written."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        since = "" if window.since is None else iso(window.since)[:19]

        def new(row: Row) -> Any:
            return translate(row) if row["updated_at"][:19] >= since else None

        return super().read(path, new, window, position)


@fails("replay")
class TellsTheReading(Translating):
    """Notes in each record when it was read."""

    count = itertools.count()

    def person(self, row: Row) -> Record:
        made = corner.person(row)
        assert isinstance(made, Person)
        made.note = f"reading {next(self.count)}"
        return made


# pages ----------------------------------------------------------------------------------------------------------------


@fails("page_drift")
class PagesByNumber(Corner):
    """Counts how many records it has seen and asks for those behind them."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        seen = position or 0
        while True:
            answer = self.http.get_json(path, {**span(window), "offset": seen})
            seen += CornerSubject.page_size
            yield page(answer["items"], translate, seen)
            if answer["next"] is None:
                return


@fails("duplicate_pages")
class NeverTwice(Corner):
    """Is sure that no record comes twice."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        seen: set[str] = set()
        for one in super().read(path, translate, window, position):
            names = {record.external_id for record in one.records if isinstance(record, Person)}
            if names & seen:
                raise ValueError("a record came twice")
            seen |= names
            yield one


@fails("looping_pages")
class SkipsWhatItKnows(Corner):
    """Leaves out records that came before, and asks on until there is something new."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        seen: set[str] = set()
        while True:
            answer = self.http.get_json(path, {**span(window), "after": position})
            position = answer["next"]
            new = [row for row in answer["items"] if row["id"] not in seen]
            seen.update(row["id"] for row in new)
            if new or position is None:
                yield page(new, translate, position)
            if position is None:
                return


@fails("crash_at_every_page")
class OneAhead(Corner):
    """Fetches the next page while this one is stored, and hands out the position behind both."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        answer = self.http.get_json(path, {**span(window), "after": position})
        while True:
            ahead = answer["next"] and self.http.get_json(path, {**span(window), "after": answer["next"]})
            yield page(answer["items"], translate, ahead and ahead["next"])
            if not ahead:
                return
            answer = ahead


@fails("stop")
class Deaf(Corner):
    """Does not hand the stop event to its client."""

    def __init__(self, name: str, settings: CornerSettings, **house: Any) -> None:
        super().__init__(name, settings, **house)
        self.http.close()
        token = settings.token.get_secret_value()
        self.http = Http(settings.base_url, headers={"Authorization": f"Bearer {token}"})


# answers --------------------------------------------------------------------------------------------------------------


@fails("html_page")
class NothingInHtml(Asking):
    """Takes an answer that is no JSON at all for one without records."""

    def answer(self, path: str, query: Mapping[str, Any]) -> Any:
        reply = self.http.get(path, query)
        return {"items": [], "next": None} if reply.content.startswith(b"<") else reply.json()


@fails("truncated_body")
class SavesWhatItCan(Asking):
    """Takes the records that can still be read from an answer that is cut off."""

    def answer(self, path: str, query: Mapping[str, Any]) -> Any:
        reply = self.http.get(path, query)
        try:
            return msgspec.json.decode(reply.content)
        except msgspec.DecodeError:
            if not reply.content.startswith(b"{"):
                return reply.json()
            whole = re.findall(rb'\{"id"[^{}]*\}', reply.content)
            return {"items": [msgspec.json.decode(one) for one in whole], "next": None}


@fails("retry_after")
class AsksAtOnce(Asking):
    """Tries again and again while the shop is busy."""

    def answer(self, path: str, query: Mapping[str, Any]) -> Any:
        while self.http.get(path, query, accept={429}).status == 429:
            self.pause(0.01)
        return self.http.get_json(path, query)


@fails("unknown_enum")
class KnowsAllKinds(Translating):
    """Looks a status up in a table and has nothing for one that is not there."""

    def person(self, row: Row) -> Record:
        made = corner.person(row)
        assert isinstance(made, Person)
        made.kind = corner.KINDS[row["status"]]  # type: ignore[assignment]
        return made


@fails("unknown_field")
class KnowsAllFields(Translating):
    """Refuses what it does not know."""

    def person(self, row: Row) -> Record:
        if row.keys() - {"id", "updated_at", "status", "first_name", "last_name", "email", "phone"}:
            raise RecordRejected("the record has a field that is not known")
        return corner.person(row)


@fails("missing_field")
class MissingIsCleared(Translating):
    """Takes what is not there for null."""

    def person(self, row: Row) -> Record:
        made = corner.person(row)
        assert isinstance(made, Person)
        made.phone = row.get("phone")
        return made


@fails("cleared_field")
class ClearedIsMissing(Translating):
    """Takes null for what is not there."""

    def person(self, row: Row) -> Record:
        made = corner.person(row)
        assert isinstance(made, Person)
        made.phone = row.get("phone") or UNSET
        return made


@fails("partial_payload")
class MentionIsAll(Translating):
    """Takes what an order says of its buyer for all there is to say."""

    def order(self, row: Row) -> Sequence[Record]:
        made = corner.order(row)
        assert isinstance(made[1], Person)
        made[1].first_name = row["customer"].get("first_name")
        made[1].last_name = row["customer"].get("last_name")
        return made


@fails("broken_record")
class AllOrNothing(Asking):
    """Translates a page as a whole: one bad record, and none is taken."""

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        while True:
            answer = self.answer(path, {**span(window), "after": position})
            position = answer["next"]
            made = [translate(row) for row in answer["items"]]
            yield Page([record for one in made for record in (one if isinstance(one, list) else [one])], position)
            if position is None:
                return


# shops ----------------------------------------------------------------------------------------------------------------


@fails("deletions")
class NeverSweeps(Corner):
    """Reads what changed; what was deleted does not come, and nobody notices."""

    def streams(self) -> Sequence[Stream]:
        return [replace(stream, sweep=None) for stream in super().streams()]


@fails("suddenly_empty")
class DeletesUnseen(Corner):
    """Remembers whom it has seen, and after a full reading calls everybody gone who did not come."""

    def __init__(self, name: str, settings: CornerSettings, **house: Any) -> None:
        super().__init__(name, settings, **house)
        self.known: set[str] = set()

    def read(self, path: str, translate: Translate, window: Window, position: Position) -> Iterator[Page]:
        came: set[str] = set()
        for one in super().read(path, translate, window, position):
            came |= {record.external_id for record in one.records if isinstance(record, Person)}
            yield one
        if path == "/customers" and window.since is None and position is None:
            yield Page([Gone(entity="customer", external_id=name) for name in sorted(self.known - came)])
        self.known |= came


@fails("another_shop")
class AddressIsIdentity(Corner):
    """Takes the address for the identity of the shop behind it."""

    def check(self) -> Checked:
        return Checked("corner shop at its address", super().check().title)


@fails("wrong_credentials")
class ChecksNothing(Corner):
    """Takes a refusal for a shop that does not tell its name."""

    def check(self) -> Checked:
        try:
            return super().check()
        except SourceRefused:
            return Checked()


@fails("capabilities")
class SaysNothing(Corner):
    """Knows accounts and orders, and tells nobody."""

    capabilities = Capabilities()


@fails("secrets")
class ShowsTheKey(Corner):
    """Wants to be helpful."""

    def check(self) -> Checked:
        try:
            return super().check()
        except SourceRefused as error:
            token = self.settings.token.get_secret_value()
            raise SourceRefused(f"the shop does not take the key {token}", hint="copy it again, please") from error


class _AnyKey(CornerSettings):
    model_config = ConfigDict(extra="ignore", frozen=True)


@fails("unknown_settings")
class TakesAnyKey(Corner):
    """Lets typing errors pass."""

    Settings = _AnyKey


# orders ---------------------------------------------------------------------------------------------------------------


@fails("order_placed")
class AnswersItsNumber(WritingCorner):
    """Answers the number that people call the order by, and not the id it has in the lists."""

    def place(self, order: Placing) -> Placed:
        return Placed(external_id=f"#{super().place(order).external_id}")


@fails("order_placed")
class ForgetsTheDiscount(WritingCorner):
    """Writes the lines, and nothing of what was taken off."""

    def place(self, order: Placing) -> Placed:
        return super().place(msgspec.structs.replace(order, discount=0))


@fails("order_lost")
class AsksAgain(WritingCorner):
    """Tries again where no answer comes, as if it only read."""

    def place(self, order: Placing) -> Placed:
        try:
            return super().place(order)
        except NotKnown:
            return super().place(order)


@fails("order_lost")
class ForgetsTheMark(WritingCorner):
    """Relies on the answer: an order whose answer was lost comes back as a stranger's second one."""

    def streams(self) -> Sequence[Stream]:
        return Corner.streams(self)


@fails("order_refused")
class NothingIsSure(WritingCorner):
    """Says of everything that went wrong that nobody knows."""

    def place(self, order: Placing) -> Placed:
        try:
            return super().place(order)
        except SourceRefused as error:
            raise NotKnown(error.message, hint=error.hint) from error


class _Eager(WritingSettings):
    write_orders: bool = True


@fails("order_refused")
class WritesUnasked(WritingCorner):
    """Writes unless somebody forbids it."""

    Settings = _Eager
