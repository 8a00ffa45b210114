"""`klientela sandbox NAME`: a plugin's pretend shop as a server on loopback."""

from __future__ import annotations

import errno
import importlib
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from starlette.types import ASGIApp

from klientela.errors import Misconfigured, UnknownThing
from klientela.plugins import Plugins, find
from klientela.settings.problems import near
from klientela.testing import run
from klientela_daemon import render


def verb(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source type, for example shopify.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free port.")] = 9001,
    customers: Annotated[int, typer.Option("--customers", min=0, help="How many people the shop starts with.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same shop.")] = 1,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="KIND[:RATE]", help="Inject a fault; may be repeated.")
    ] = None,
) -> int:
    """Serve a plugin's sandbox shop on 127.0.0.1 until Ctrl-C."""
    shop = application(find(), name, customers=customers, seed=seed, faults=fault or ())
    try:
        run(shop, port, lambda url: render.say(f"the {name} sandbox with {customers} customers listens on {url}"))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Misconfigured(
            f"port {port} is taken by another program", hint="Choose another with --port; 0 takes any free one."
        ) from error
    return 0


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
