"""`klientela demo`: see it work without an account anywhere."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from klientela import plugins
from klientela.flow.sync import Report
from klientela.flow.why_not import explain
from klientela.model.words import agree
from klientela.store.database import Store
from klientela.store.overview import listing
from klientela_daemon import failures, lists, logs, render
from klientela_daemon.cli import sync, why
from klientela_daemon.cli.options import Json, number
from klientela_daemon.demo import house as demo
from klientela_daemon.demo import till
from klientela_daemon.house import House, read
from klientela_daemon.opening import opened, settle
from klientela_daemon.run import Daemon

_ROWS = 10


def verb(
    once: Annotated[bool, typer.Option("--once", help="Sync, show, end; else go on as daemon.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where everything goes; default a new temporary folder.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", parser=number(0, 65535), help="Where the daemon listens.")
    ] = None,
    customers: Annotated[
        int, typer.Option("--customers", metavar="N", parser=number(1), help="How many the shop has.")
    ] = 200,
    as_json: Json = False,
) -> int:
    """Start pretend shops, write a configuration and a CSV file, sync them for real, show what happened, go on."""
    found = plugins.find()
    logs.set_up(level="error")
    say = _nothing if as_json else render.say
    with demo.shops(found, customers) as shops:
        here = demo.furnish(folder, shops, _free_port() if port is None else port)
        config = here.config.path
        for shop in shops:
            say(f"a pretend {found.types[shop.type].title} shop with {customers} customers listens on {shop.url}")
        say(f"configuration and file are in {config.parent}\n")
        with opened(here, create=True) as store, sync.stopping() as stop:
            settle(store, here)
            reports = sync.run(here, store, dict(here.config.settings.sources), full=False, stop=stop)
            told = till.push(here, store) if till.NAME in here.config.settings.sources else None
            if as_json:
                _emit(here, store, shops, reports, told)
            else:
                sync.show(reports)
                if told is not None:
                    counts = ", ".join(f"{count} {word}" for word, count in told.items())
                    render.say(f"\nA till pushed what it knows to the daemon's HTTP server: {counts}")
                _show(here, store)
        if any(report.status != "ok" for report in reports):
            return failures.FAILED
        if once:
            say(f"Look around: klientela --help; every verb takes --config {config}")
            return 0
        say(f"Going on as daemon; Ctrl-C ends it. In another window: klientela customers --config {config}\n")
        logs.set_up()
        with demo.life(shops):
            return Daemon(here, lambda: read(config), welcome=_whisper if as_json else _welcome).run()


def _nothing(text: str) -> None:
    """What is told to nobody: the document says it."""


def _emit(
    here: House, store: Store, shops: Sequence[demo.Shop], reports: Sequence[Report], told: Mapping[str, int] | None
) -> None:
    """The document of --json: where everything is, what was read and pushed, how many customers there are."""
    with store.reading() as db:
        total = listing(db, here.config.settings.views["default"], size=1).total
    render.emit({
        "configuration": str(here.config.path), "shops": [{"type": one.type, "url": one.url} for one in shops],
        "runs": [report.as_dict() for report in reports], "pushed": told, "customers": total,
    })  # fmt: skip
    sys.stdout.flush()


def _show(here: House, store: Store) -> None:
    """The best customers, those that both a shop and the file know, and why one of them is one customer."""
    settings = here.config.settings
    view, zone = settings.views["default"], ZoneInfo(settings.shop.timezone)
    wide = view.model_copy(update={"columns": (*view.columns, "sources")})
    with store.reading() as db:
        best = listing(db, view, size=_ROWS)
        known = listing(db, view, source=demo.LIST, size=100)
    render.say(f"\nThe {len(best.rows)} best of {best.total} customers:")
    lists.show(best.rows, wide, zone)
    both = [row for row in known.rows if len(row["sources"]) > 1]
    if both:
        render.say(
            agree(len(both), "\n{} [customer is|customers are] known to a shop and to the file, in two spellings:")
        )
        lists.show(both, wide, zone)
        render.say(f"\nWhy is {both[0]['name']} one customer? (klientela why {both[0]['id']})")
        why.show(explain(store, both[0]["id"]))
    render.say("")


def _whisper(address: str) -> None:
    """As `_welcome`, beside the document."""
    render.console(stderr=True).print(f"The page is at {address} (the address works once)")


def _welcome(address: str) -> None:
    render.say(f"The page is at {address}\n(the address works once; the page then knows this browser)\n")


def _free_port(first: int = 8000) -> int:
    """8000 if nobody has it, else any."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", first))
        except OSError:
            return 0
    return first
