"""What a plugin author provides so that his source can be tried: a shop that can be changed, and put into trouble."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from klientela.http import budget
from klientela.model.instants import MINUTE, Instant
from klientela.source import Source
from klientela.testing.faults import Faults, Seen
from klientela.testing.serving import serve

if TYPE_CHECKING:
    from klientela.flow.sync import Report
    from klientela.store import Store

FIELDS = ("first_name", "last_name", "email", "phone")
"""The fields of a person that the checks set and compare."""

Wire = Literal["html", "cut", "half", "down", "busy", "busy_until", "busy_long", "lost", "unsure", "denied"]
Trouble = Literal[
    Wire,
    "repeat",
    "loop",
    "emptied",
    "other_shop",
    "refused",
    "offsets",
    "unknown_enum",
    "unknown_field",
    "missing_field",
    "broken_record",
    "mention",
]
"""What a check may ask a shop to do, from then on until `calm`.

of the wire (`HttpSubject` does them)
    html           answers are a login page, with status 200
    cut            the connection breaks in the middle of an answer
    half           an answer is whole on the wire, but its content ends in the middle
    down           nothing but status 500
    busy           the next answer is 429 with Retry-After: 30
    busy_until     the same with Retry-After as a date, 30 seconds ahead
    busy_long      nothing but 429 with Retry-After: 60
of the wire, but only for the request that writes an order (`HttpSubject.writes` tells which one that is)
    lost           the shop takes the order, and its answer never arrives
    unsure         the answer is status 500, and no order is there
    denied         the answer is status 400, and no order is there
of the shop
    repeat         each page begins with the records of the page before it
    loop           a list says that there is more, and the next page is the same page again
    emptied        all lists are empty
    other_shop     another shop answers under this address
    refused        the credentials are not valid
    offsets        times are written with different UTC offsets, by turns
of one record (`key` says which)
    unknown_enum   some status of it has a value that nobody has heard of
    unknown_field  it has a field that nobody has heard of
    missing_field  its phone is not there: neither a value nor null
    broken_record  something without which it cannot be taken is unreadable, its id is not
    mention        the source tells a part of it once more, as an order does that holds its buyer's e-mail alone
"""


class Failure(AssertionError):
    """A check that the plugin does not pass; the sentence says what happened."""


class NotApplicable(Exception):
    """A check that this kind of source cannot have, with the reason."""


class Subject(ABC):
    """One shop of its own for each check: how to make the source, how to change what is there.

    page_size       records on a page; the source must be made to read pages of that many
    lateness        how far behind its own time a record may turn up in this vendor's lists
    secrets         words that must never be shown; tokens, passwords
    not_applicable  checks that this kind of source cannot have, each with the reason
    """

    page_size: int = 3
    lateness: Instant = 2 * MINUTE
    secrets: Sequence[str] = ()
    not_applicable: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def source(self, stop: threading.Event) -> Source:
        """A new source, as a new process would make it. It gives `stop` to `Source.__init__`."""

    @abstractmethod
    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        """Make a person, or change these fields of one (`FIELDS`; None clears); its external id.

        `when` is the time of change the source will tell, in whole seconds; sources without such times ignore it.
        The shop's own clock stands just after the latest `when`.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Take a person away, as the vendor does."""

    def trouble(self, kind: Trouble, key: str = "") -> None:
        """Do what the kind says until `calm`; `key` names the person, where it is about one."""
        raise Failure(f"the subject cannot do {kind!r}: write it, or declare the check as not applicable with a reason")

    def calm(self) -> None:  # noqa: B027 - a subject without troubles needs none
        """No more trouble, records included."""

    def push(self, store: Store) -> Report | None:
        """For a source that is told and asks nobody: hand over everything there is, and count what became of it.

        None, the default: the source is read.
        """
        return None

    def writer(self, stop: threading.Event) -> Source:
        """For a source that writes: the same as `source`, with `write_orders = true`."""
        raise Failure("the subject makes no source that may write orders: write its `writer`")

    def written(self) -> int:
        """For a source that writes: how many orders were placed in the shop through it, drafts among them."""
        raise Failure("the subject cannot tell how many orders were placed: write its `written`")

    def accept(self) -> None:  # noqa: B027 - most shops take an order as an order
        """For a source that writes drafts: somebody in the shop makes them orders."""

    def close(self) -> None:  # noqa: B027 - nor anything to let go of
        """Let go of servers and files."""

    @property
    def requests(self) -> int:
        """How often the shop was asked so far; 0 where nothing is asked."""
        return 0

    def waited(self) -> float:
        """Seconds between the last 429 and the request after it, on the clock that the checks turn."""
        raise Failure("the subject cannot tell how long its source waited")


class HttpSubject(Subject):
    """A subject whose shop is an ASGI application, served over real HTTP at `url`. It does the troubles of the wire.

    `now` is the shop's clock in Unix seconds.
    """

    def __init__(self, app: ASGIApp, *, now: Callable[[], float] = time.time) -> None:
        self.faults = app if isinstance(app, Faults) else Faults(app, now=now)
        self._watch = _Watch(self.faults)
        self._stack = ExitStack()
        self.url = self._stack.enter_context(serve(self._watch))

    def trouble(self, kind: Trouble, key: str = "") -> None:
        """The troubles of the wire."""
        if kind in ("busy", "busy_until"):
            self.faults.storm("429" if kind == "busy" else "429-date", 1, wait=BUSY)
        elif kind == "busy_long":
            self.faults.always("429", wait=2 * BUSY)
        elif kind in _FAULTS:
            self.faults.always(_FAULTS[kind])
        elif kind in _WRITING:
            self.faults.on(_WRITING[kind], when=self.writes)
        else:
            super().trouble(kind, key)

    def writes(self, seen: Seen) -> bool:
        """Whether a request writes an order. Default: every POST does."""
        return seen.method == "POST"

    def calm(self) -> None:
        self.faults.calm()

    def close(self) -> None:
        self._stack.close()

    @property
    def requests(self) -> int:
        return len(self._watch.answers)

    def waited(self) -> float:
        answers = self._watch.answers
        last = max((place for place, (_, status) in enumerate(answers) if status == 429), default=None)
        if last is None:
            raise Failure("the shop never had the occasion to say that it is busy")
        return answers[last + 1][0] - answers[last][0] if last + 1 < len(answers) else 0.0


BUSY = 30.0
"""Seconds a busy shop asks for."""

_FAULTS: Mapping[Trouble, str] = {"html": "html", "cut": "truncated", "half": "truncated-json", "down": "500"}
_WRITING: Mapping[Trouble, str] = {"lost": "reset", "unsure": "500", "denied": "400"}
WIRE: frozenset[str] = frozenset(get_args(Wire))


class _Watch:
    """Notes when each request came, on the clock of the patient clients, and with which status it was answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.answers: list[tuple[float, int]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        came = budget.patience.now()

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers.append((came, message["status"]))
            await send(message)

        await self.app(scope, receive, note)
