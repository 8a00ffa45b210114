"""`klientela run`: the daemon."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from klientela_daemon import logs
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config
from klientela_daemon.house import read
from klientela_daemon.run import Daemon


def verb(
    config: Config = None,
    level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level", help="What is logged, on stderr.")
    ] = "info",
) -> int:
    """Run the daemon: sources by their schedule, health and metrics over HTTP.

    SIGTERM and Ctrl-C finish or roll back the page in progress; SIGHUP reads the configuration again.
    """
    here = house(config, unused=True)
    logs.set_up(level=level)
    path = here.config.path
    return Daemon(here, lambda: read(path)).run()
