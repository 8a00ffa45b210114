"""`klientela run`: the daemon."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Annotated, Literal

import typer

from klientela_daemon import logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import read
from klientela_daemon.run import Daemon

_PATIENCE = 1.0  # seconds for threads that are about to end


def verb(
    config: Config = None,
    level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option("--log-level", help="What is logged, on stderr.")
    ] = "info",
    as_json: Json = False,
) -> int:
    """Run the daemon: sources by their schedule, health and metrics over HTTP.

    With --json the document says where it listens, as soon as it does.

    SIGTERM and Ctrl-C finish or roll back the page in progress; SIGHUP reads the configuration again.
    """
    here = house(config, unused=True)
    logs.set_up(level=level)
    path = here.config.path
    code = Daemon(here, lambda: read(path), ready=_ready if as_json else None).run()
    _leave_behind(code)
    return code


def _ready(address: str) -> None:
    render.emit({"pid": os.getpid(), "listens": address})
    sys.stdout.flush()  # it goes on for long


def _leave_behind(code: int) -> None:
    """End now if a plugin hangs in a thread that Python would wait for, at the proof of a webhook for example."""
    until = time.monotonic() + _PATIENCE
    while threading.active_count() > 1:
        if time.monotonic() > until:
            logging.shutdown()
            os._exit(code)
        time.sleep(0.02)
