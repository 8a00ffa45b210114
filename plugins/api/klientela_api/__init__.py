"""The push API: systems that know customers and orders tell us of them, and read what became of them.

source.py     what an operator writes, and what a pushed source is
shapes.py     customers and orders, as JSON
things.py     letters, campaigns, scans, messages, bookings: as JSON, and into records
translate.py  customers and orders into records
words.py      times, money, addresses, of all of them
intake.py     one push: body, items, answer
app.py        the routes and their description (OpenAPI)
replies.py    errors as everybody gets them
"""

from __future__ import annotations

from collections.abc import Mapping

from klientela.kit import ASGIApp, Door, Source, hookimpl
from klientela_api.source import ApiSource


@hookimpl
def klientela_sources() -> list[type[Source]]:
    """The one kind of source this plugin brings."""
    return [ApiSource]


@hookimpl
def klientela_routes(door: Door) -> Mapping[str, ASGIApp]:
    """The push API, below /api."""
    from klientela_api.app import application  # here: FastAPI costs every command half a second at start

    return {"/api": application(door)}
