"""The rooms of the page; each says which ways lead to it."""

from __future__ import annotations

from collections.abc import Iterator

from klientela_web.pages import (
    bulk,
    campaigns,
    customers,
    export,
    files,
    finder,
    hands,
    imports,
    kit,
    leaving,
    merges,
    messages,
    newcomer,
    orders,
    parting,
    placing,
    profile,
    settings,
    signin,
    sources,
)
from klientela_web.ways import Nav, Way

ROOMS = (
    signin,
    export,
    newcomer,
    customers,
    bulk,
    placing,
    orders,
    campaigns,
    sources,
    imports,
    merges,
    settings,
    finder,
    kit,
    hands,
    messages,
    parting,
    leaving,
    files,
    profile,
)
"""A way of one place stands before one that any place fits: the profile is last."""


def every_way() -> Iterator[Way]:
    """All ways, each once."""
    seen: set[tuple[str, str]] = set()
    for room in ROOMS:
        for way in room.WAYS:
            if (way.method, way.path) in seen:
                raise ValueError(f"two rooms answer {way.method} {way.path}")
            seen.add((way.method, way.path))
            yield way


def at_the_side() -> list[Nav]:
    """What stands at the side of every page, those under one word together."""
    found = [nav for room in ROOMS for nav in getattr(room, "NAV", ())]
    return sorted(found, key=lambda nav: nav.group)


__all__ = ["ROOMS", "at_the_side", "every_way"]
