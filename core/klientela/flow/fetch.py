"""Ask one source what changed: its pages as they come, and every way in which a plugin may fail as one sentence."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from klientela.errors import Interrupted, KlientelaError, SourceBroken
from klientela.flow import answers
from klientela.model.records import Rejected
from klientela.source import Page, Position, Source, Stream, Window

_END = object()


def fetch(
    source: Source, stream: Stream, window: Window, position: Position, stop: threading.Event
) -> Iterator[Page | KlientelaError]:
    """The pages of a stream. What ends its reading early comes as the last item: the pages before it count."""
    circles = _Circles(stream.name)
    what = f"its stream {stream.name}"
    try:
        with asking(source, what):
            pages = iter(stream.read(window, position))
        while True:
            with asking(source, what):
                came = next(pages, _END)
                if came is _END:
                    return
                if stop.is_set():
                    raise Interrupted(f"{source.name} was asked to stop", hint="The next run goes on here")
                page = answers.page(source, stream, came)
                circles.check(page)
            yield page
    except KlientelaError as error:
        yield error


@contextmanager
def asking(source: Source, what: str) -> Iterator[None]:
    """While a plugin is asked for something: whatever it raises becomes SourceBroken, and nobody falls over.

    That goes for SystemExit and its like too: a plugin ends its own run, never the process. Only a Ctrl-C, which comes
    in the main thread of a command, passes. The sentence says where, in the plugin's own code, and not the error's
    words: they may hold tokens or personal data.
    """
    try:
        yield
    except KlientelaError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise
        place = _place(source, error.__traceback__)
        raise SourceBroken(
            f"the source {source.name} failed in {what} ({type(error).__name__} in {place})", hint=answers.OF_THE_PLUGIN
        ) from error


def _place(source: Source, trace: TracebackType | None) -> str:
    """The innermost line of the plugin that an error went through."""
    here = "its code"
    package = type(source).__module__.partition(".")[0]
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] == package:
            here = f"{Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return here


_EXTERNAL_ID: Callable[[Any], Hashable] = attrgetter("external_id")


class _Circles:
    """Notices a list that goes round in circles, within a few rounds, however long a round is.

    Either the same records come at the same position for the third time; twice is a plugin that began its window anew.
    Or the same content comes again and again with nothing new in between: some shops give a new cursor each time, or
    answer any number of a page behind the last one with the last one. A page that is merely sent twice is no circle.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._placed: Counter[int] = Counter()
        self._shown: set[int] = set()
        self._again: dict[int, tuple[int, int]] = {}  # content -> how much was new when it came last, and its strikes
        self._news = 0

    def check(self, page: Page) -> None:
        """SourceBroken when it comes again and again."""
        names = _names(page.records)
        if page.position is not None:
            place = hash((json.dumps(page.position), names))
            self._placed[place] += 1
            if self._placed[place] > 2:
                raise self._circle()
        if names:
            self._look(page, names)

    def _look(self, page: Page, names: tuple[Hashable, ...]) -> None:
        # names and versions first, for they cost next to nothing; the whole content only where those are equal
        shown = hash((names, tuple([getattr(record, "version", None) for record in page.records])))
        if shown not in self._shown:
            self._shown.add(shown)
            self._news += 1
            return
        content = hash(_content(page))
        if content not in self._again:
            self._news += 1
            self._again[content] = (self._news, 0)
            return
        then, strikes = self._again[content]
        strikes = strikes + 1 if then == self._news else 0
        if strikes > 1:
            raise self._circle()
        self._again[content] = (self._news, strikes)

    def _circle(self) -> SourceBroken:
        return SourceBroken(
            f"the list {self._stream} goes round in circles: the same page came again and again",
            hint="The next run goes on from the last stored page; if it stays so, the shop's paging is broken",
        )


def _names(records: Sequence[Any]) -> tuple[Hashable, ...]:
    try:
        return tuple(map(_EXTERNAL_ID, records))
    except AttributeError:  # a Rejected among them
        return tuple(map(_name, records))


def _name(record: Any) -> Hashable:
    if type(record) is Rejected:
        return record  # frozen; most have no other name
    return getattr(record, "external_id", None)


def _content(page: Page) -> Hashable:
    if page.raws is not None and any(page.raws):
        return tuple(page.raws)
    return msgspec.json.encode(page.records, enc_hook=repr)
