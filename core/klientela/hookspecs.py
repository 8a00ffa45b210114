"""Every question the core asks its plugins."""

from __future__ import annotations

import pluggy

from klientela.source import Source

hookspec = pluggy.HookspecMarker("klientela")
hookimpl = pluggy.HookimplMarker("klientela")


@hookspec
def klientela_sources() -> list[type[Source]]:  # type: ignore[empty-body]
    """The kinds of source this plugin brings; the core makes one object for each configured connection."""
