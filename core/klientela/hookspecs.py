"""Every question the core asks its plugins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import pluggy

from klientela.door import Door
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
