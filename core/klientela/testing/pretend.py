"""A pretend shop to build a sandbox from: shelves of rows, a clock, lists by page, and every trouble a shop can have.

    class Corner(PretendShop):
        def routes(self):
            return {"/customers": self.customers}

        def customers(self, query):
            rows, more = self.by_place("customers", query.get("since"), query.get("until"), query.get("after"))
            return {"items": [self.show(row) for row in rows], "next": more}

A plugin says which addresses there are and how a row looks; `knows` says who is let in. Troubles are switched on by the
conformance suite (`conformance.PretendSubject`), faults of the wire by `Faults`, which is wrapped around `app`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from klientela.model.instants import MINUTE, SECOND, Instant, instant, iso, to_datetime
from klientela.testing.faults import Faults, parse_fault

Query = Mapping[str, str]
Answers = Callable[[Query], Any]

FIRST = ("Anna", "Bruno", "Clara", "Dörte", "Elif", "Fryderyk", "Gülay", "Hanna", "Ivo", "Jörn", "Katarzyna", "Łukasz")
LAST = ("Adler", "Böhm", "Czajka", "Dürr", "Eßer", "Fuß", "Głowacki", "Hoß", "Ilgen", "Jürgens", "Kraß", "Wiśniewska")

_OFFSETS = (timedelta(0), timedelta(hours=5, minutes=30), timedelta(hours=-8))


class Refused(Exception):
    """A request that the shop answers with an error: its status and what it says."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(status)
        self.status = status
        self.content = content


@dataclass(slots=True)
class Row:
    """One thing on a shelf: what the shop says of it in its own words, and since when.

    `odd` is said instead of what is true and `hidden` (`phone`, `billing.phone`) is not said at all, while in trouble.
    """

    id: str
    at: Instant
    born: Instant
    said: dict[str, Any] = field(default_factory=dict)
    odd: dict[str, Any] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)

    def shown(self) -> dict[str, Any]:
        """What is said of it now."""
        made = _merged(self.said, self.odd)
        for path in self.hidden:
            *way, last = path.split(".")
            place = made
            for step in way:
                place = place[step]
            place.pop(last, None)
        return made


class PretendShop:
    """The shop: `shelves` hold its rows by id, `clock` is its time, `app` its server, `faults` the wire's mischief.

    customers  how many people it begins with, made from `seed`
    most       rows on a page at most
    """

    type: ClassVar[str] = ""
    """The source type it is a sandbox of."""
    key: ClassVar[str] = "sandbox-key"
    """What lets one in."""

    def __init__(
        self,
        *,
        customers: int = 0,
        seed: int = 1,
        faults: Sequence[str] = (),
        start: str = "2026-03-01T07:00:00Z",
        most: int = 100,
    ) -> None:
        self.most = most
        self.clock = instant(start)
        self.dice = random.Random(seed)
        self.shelves: dict[str, dict[str, Row]] = {}
        self.troubles: set[str] = set()
        self._last = 100
        routes = [Route(path, self._door(answers)) for path, answers in self.routes().items()]
        routes += [
            Route("/_sandbox/settings", self._settings),
            Route("/_sandbox/advance", self._advance, methods=["POST"]),
        ]
        self.faults = Faults(
            Starlette(routes=routes),
            seed=seed,
            now=lambda: self.clock / SECOND,
            faults=tuple(parse_fault(text) for text in faults),
        )
        self.app = self.faults
        for _ in range(customers):
            self.settle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The shop as an ASGI application, so that `Source.sandbox` may name its class."""
        await self.app(scope, receive, send)

    # -- what a plugin says of its shop ------------------------------------------------------

    def routes(self) -> Mapping[str, Answers]:
        """Path -> what is answered there: any JSON, or a starlette Response. `Refused` is an error."""
        raise NotImplementedError

    def knows(self, headers: Mapping[str, str], query: Query) -> bool:
        """Whether these credentials are let in; lower-case names. Default: `Authorization: Bearer KEY`."""
        return headers.get("authorization") == f"Bearer {self.key}"

    def stranger(self) -> Response:
        """What somebody without valid credentials is told."""
        return JSONResponse({"error": "unauthorized"}, 401)

    def settings(self, base_url: str) -> dict[str, Any]:
        """What to write into the configuration to connect to it."""
        return {"type": self.type, "base_url": base_url}

    def said(self, fields: Mapping[str, str | None]) -> dict[str, Any]:
        """Our fields of a person (first_name, last_name, email, phone) in the shop's words. Default: the same."""
        return dict(fields)

    def settle(self) -> Row:
        """Somebody new, and what comes with him."""
        return self.put("customers", self.said(self.somebody()))

    def happen(self) -> None:
        """Something that happens in a shop. Default: somebody new, or somebody moves to another phone."""
        rows = list(self.shelves.get("customers", {}).values())
        if rows and self.dice.random() < 0.5:
            row = self.dice.choice(rows)
            self.put("customers", self.said({"phone": self._phone()}), row.id)
        else:
            self.settle()

    # -- its state ---------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """Who this is; another one while in the trouble `other_shop`."""
        return "shop-2" if "other_shop" in self.troubles else "shop-1"

    def somebody(self) -> dict[str, str | None]:
        """A person who never lived; nearly all have a phone."""
        first, last = self.dice.choice(FIRST), self.dice.choice(LAST)
        mail = f"person{self.dice.randrange(10**6)}@post.example"
        return {
            "first_name": first,
            "last_name": last,
            "email": mail,
            "phone": self._phone() if self.dice.random() < 0.9 else None,
        }

    def _phone(self) -> str:
        return f"+493023125{self.dice.randrange(1000):03}"  # numbers kept for fiction in Germany

    def put(self, shelf: str, said: Mapping[str, Any], id: str | None = None, at: Instant | None = None) -> Row:  # noqa: A002
        """Make a row, or change what is said of one; `at`: when, by default a minute after the last time."""
        if at is None:
            at = self.clock = self.clock + MINUTE
        self.clock = max(self.clock, at + SECOND)
        rows = self.shelves.setdefault(shelf, {})
        row = rows.get(id) if id is not None else None
        if row is None:
            self._last += 1
            row = Row(id or str(self._last), at, at)
            rows[row.id] = row
        row.at, row.said = at, _merged(row.said, said)
        return row

    def drop(self, shelf: str, id: str) -> None:  # noqa: A002
        """It is not there any more; the shop says nothing of it."""
        del self.shelves[shelf][id]

    def advance(self, steps: int = 1) -> None:
        """Let things happen, a minute after each other."""
        for _ in range(steps):
            self.happen()

    def calm(self) -> None:
        """No troubles, no faults."""
        self.faults.calm()
        self.troubles.clear()
        for row in (row for rows in self.shelves.values() for row in rows.values()):
            row.odd.clear()
            row.hidden.clear()

    # -- its lists ---------------------------------------------------------------------------

    def rows(self, shelf: str, since: Instant | None = None, until: Instant | None = None) -> list[Row]:
        """What changed within [since, until), oldest change first; nothing while `emptied`."""
        if "emptied" in self.troubles:
            return []
        found = [
            row
            for row in self.shelves.get(shelf, {}).values()
            if (since is None or row.at >= since) and (until is None or row.at < until)
        ]
        return sorted(found, key=lambda row: (row.at, row.id))

    def by_place(
        self, shelf: str, since: str | None, until: str | None, after: str | None
    ) -> tuple[list[Row], str | None]:
        """A page of what changed within [since, until), and the place of its last row, where the next one goes on."""
        rows = self.rows(shelf, (since and instant(since)) or None, (until and instant(until)) or None)
        begin = sum(_place(row) <= after for row in rows) if after else 0
        shown, more = self.cut(rows, begin)
        if not more:
            return shown, None
        return shown, after if "loop" in self.troubles and after else _place(shown[-1])

    def cut(self, rows: Sequence[Row], begin: int, size: int | None = None) -> tuple[list[Row], bool]:
        """`size` rows from a place on, never more than `most`, and whether there are more behind them."""
        size = min(size or self.most, self.most)
        if "loop" in self.troubles and begin:
            begin = min(begin, size)
        shown = list(rows[begin : begin + size])
        if "repeat" in self.troubles:
            shown = list(rows[max(0, begin - size) : begin + size])
        more = begin + size < len(rows) or ("loop" in self.troubles and begin > 0)
        return shown, more and bool(shown)

    def show(self, row: Row) -> dict[str, Any]:
        """A row as JSON: its id, when it changed (`updated_at`), what is said of it."""
        return {"id": row.id, "updated_at": self.time(row), **row.shown()}

    def time(self, row: Row) -> str:
        """When a row changed, in ISO 8601; with different offsets, by turns, while in that trouble."""
        if "offsets" not in self.troubles:
            return iso(row.at)
        return to_datetime(row.at).astimezone(timezone(_OFFSETS[sum(map(ord, row.id)) % 3])).isoformat()

    # -- its doors ---------------------------------------------------------------------------

    def _door(self, answers: Answers) -> Callable[[Request], Any]:
        async def open_(request: Request) -> Response:
            headers, query = dict(request.headers), dict(request.query_params)
            if "refused" in self.troubles or not self.knows(headers, query):
                made: Any = self.stranger()
            else:
                try:
                    made = answers(query)
                except Refused as refused:
                    made = JSONResponse(refused.content, refused.status)
            answer = made if isinstance(made, Response) else JSONResponse(made)
            answer.headers["Date"] = f"{to_datetime(self.clock):%a, %d %b %Y %H:%M:%S GMT}"
            return answer

        return open_

    async def _settings(self, request: Request) -> Response:
        return JSONResponse(self.settings(str(request.base_url).rstrip("/")))

    async def _advance(self, request: Request) -> Response:
        await run_in_threadpool(self.advance, int((await request.json()).get("steps", 1)))
        return JSONResponse({"clock": iso(self.clock)})


def _place(row: Row) -> str:
    return f"{iso(row.at)} {row.id}"


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the new over the old; tables within tables likewise."""
    made = {name: _merged(value, {}) if isinstance(value, dict) else value for name, value in old.items()}
    for name, value in new.items():
        inner = made.get(name)
        made[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return made
