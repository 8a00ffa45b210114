"""`klientela sandbox NAME`: a plugin's pretend shop as a server on loopback."""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from klientela.errors import Misconfigured
from klientela.plugins import find
from klientela.testing import run
from klientela_daemon import render
from klientela_daemon.cli.options import Config, Json, number
from klientela_daemon.sandboxes import application


def verb(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source type, for example shopify.")],
    port: Annotated[
        int, typer.Option("--port", metavar="N", parser=number(0, 65535), help="0 takes any free port.")
    ] = 9001,
    customers: Annotated[
        int, typer.Option("--customers", metavar="N", parser=number(0), help="How many people the shop starts with.")
    ] = 200,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", parser=number(), help="The same seed gives the same shop.")
    ] = 1,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="KIND[:RATE]", help="Inject a fault; may be repeated.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Serve a plugin's sandbox shop on 127.0.0.1 until Ctrl-C. With --json the document says where it listens."""

    def ready(url: str) -> None:
        if as_json:
            render.emit({"sandbox": name, "url": url, "customers": customers, "seed": seed})
            sys.stdout.flush()
        else:
            render.say(f"the {name} sandbox with {customers} customers listens on {url}")

    shop = application(find(), name, customers=customers, seed=seed, faults=fault or ())
    try:
        run(shop, port, ready)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Misconfigured(
            f"port {port} is taken by another program", hint="Choose another with --port; 0 takes any free one."
        ) from error
    return 0
