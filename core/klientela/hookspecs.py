"""Every question the core asks its plugins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

import pluggy

from klientela.door import Door
from klientela.proposals import Proposals, Somebody
from klientela.source import Source

_Event = MutableMapping[str, Any]
ASGIApp = Callable[
    [_Event, Callable[[], Awaitable[_Event]], Callable[[_Event], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application, as Starlette, FastAPI and others make them."""

hookspec = pluggy.HookspecMarker("klientela")
hookimpl = pluggy.HookimplMarker("klientela")


@hookspec
def klientela_sources() -> list[type[Source]]:  # type: ignore[empty-body]
    """The kinds of source this plugin brings; the core makes one object for each configured connection."""


@hookspec
def klientela_routes(door: Door) -> Mapping[str, ASGIApp]:  # type: ignore[empty-body]
    """ASGI applications for the daemon's HTTP server, each by the prefix of its paths, such as `/api`."""


@hookspec
def klientela_proposals(people: Iterable[Somebody]) -> Proposals:  # type: ignore[empty-body]
    """Pairs of customers that may be one person though no rule joins them, for the review queue (R24c).

    `people` are read once, sorted by their ids. Asked whenever somebody looks at the queue: compare within blocks, never
    everybody with everybody, and give the same pairs for the same people.
    """
