"""Opens the sandbox that a plugin brings: `Source.sandbox` names its module and factory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp

from klientela.errors import Misconfigured, UnknownThing
from klientela.plugins import Plugins
from klientela.settings.problems import near


def application(plugins: Plugins, name: str, *, customers: int, seed: int, faults: Sequence[str] = ()) -> ASGIApp:
    """The sandbox of a source type as an ASGI application."""
    kind = plugins.types.get(name)
    if kind is None:
        meant = near(name, plugins.types)
        known = ", ".join(sorted(one for one, kind in plugins.types.items() if kind.sandbox)) or "none"
        raise UnknownThing(
            f"there is no source type {name!r}", hint=f"Did you mean {meant}?" if meant else f"Sandboxes: {known}."
        )
    if kind.sandbox is None:
        raise Misconfigured(f"the source type {name} has no sandbox", hint="`klientela plugins` lists those that have.")
    factory = _factory(name, kind.sandbox)
    try:
        return factory(customers=customers, seed=seed, faults=list(faults))
    except ValueError as error:
        raise Misconfigured(str(error), hint="Faults are written KIND or KIND:RATE, like 429:0.1.") from error


def _factory(name: str, sandbox: str) -> Callable[..., ASGIApp]:
    """The factory of `module:factory`."""
    place, _, factory = sandbox.partition(":")
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"the sandbox of {name} needs the package {error.name}",
            hint='Install it with: pip install "klientela[sandbox]"',
        ) from error
    made: Callable[..., ASGIApp] = getattr(module, factory)
    return made
