"""`klientela sources`: how the sources are doing; `sources rename` gives one another label."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from klientela.errors import Misconfigured
from klientela.model.instants import iso
from klientela.settings.edit import rename_source
from klientela.settings.model import check_name
from klientela.store import operation
from klientela.store.naming import rename
from klientela.store.operation import SourceState
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.door import TYPE
from klientela_daemon.house import House
from klientela_daemon.jobs import stale
from klientela_daemon.opening import opened, settle

app = typer.Typer(help="How the sources are doing; `rename` gives one another label.")


@app.callback(invoke_without_command=True)
def sources(context: typer.Context, config: Config = None, as_json: Json = False) -> None:
    """How the sources are doing: when each ran last, how that went, whether it is stale."""
    if context.invoked_subcommand is not None:
        return
    here = house(config)
    found = describe(here)
    if as_json:
        render.emit({"sources": found})
        return
    rows = [
        [one["source"], one["type"], one["state"], one["schedule"], one["guests"], one["last_run"], one["last_success"]]
        for one in found
    ]
    render.table(["source", "type", "state", "runs", "guests", "last run", "last success"], rows)
    for one in found:
        if one["error"]:
            render.say(f"✗ {one['source']}: {one['error']['message']}")


@app.command("rename")
def rename_verb(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The name it has.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name it shall have.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Give a source another name. Its ids, its history and its customers stay; only the badge changes."""
    try:
        check_name(new)
    except ValueError as error:
        raise Misconfigured(str(error), hint="Choose another name.") from error
    here = house(config)
    with opened(here) as store:
        rename(store, old, new)
    in_file = old in here.config.settings.sources and _in_file(here, old, new)
    if as_json:
        render.emit({"source": new, "was": old, "configuration_changed": in_file})
    else:
        render.say(f"{old} is now called {new}")
        if not in_file:
            render.say(f"Rename the table [sources.{old}] in {here.config.path} (or its variables) too.")
        render.say("A running daemon learns of it by SIGHUP.")
    return 0


def _in_file(here: House, old: str, new: str) -> bool:
    try:
        return rename_source(here.config.path, old, new)
    except OSError as error:
        failures.warn(f"{here.config.path} could not be changed: {(error.strerror or '').lower()}")
        return False


def describe(here: House) -> list[dict[str, Any]]:
    """The sources as `sources --json` shows them: those of the configuration and those the store remembers."""
    known: dict[str, SourceState] = {}
    if here.config.store_exists():  # else nothing was synced yet
        with opened(here) as store:
            settle(store, here)
            known = {state.name: state for state in operation.states(store)}
    now = operation.now()
    late = stale(here.plans(), known, now, now)
    return [_one(here, name, known.get(name), name in late) for name in sorted({*here.config.settings.sources, *known})]


def _one(here: House, name: str, state: SourceState | None, late: bool) -> dict[str, Any]:
    settings = here.config.settings.sources.get(name)
    last = state.last if state else None
    connected = settings is not None or (state is not None and state.type == "manual")
    guests = (settings.guests or here.plugins.types[settings.type].guests) if settings else None
    return {
        "source": name,
        "uid": state.uid if state else name,
        "type": settings.type if settings else (state.type if state else None),
        "connected": connected,
        "state": _word(connected, state, late),
        "busy": state.busy if state else False,
        "stale": late,
        "schedule": (settings.every or settings.cron) if settings else None,
        "guests": guests,
        "identity": state.identity if state else None,
        "last_run": iso(last.started) if last else None,
        "last_success": iso(state.success) if state and state.success is not None else None,
        "error": last.error if last else None,
    }


def _word(connected: bool, state: SourceState | None, late: bool) -> str:
    if not connected:
        return "disconnected"
    if state is not None and state.type == TYPE:
        return "pushed"
    if state is None or state.last is None:
        return "by hand" if state is not None and state.type == "manual" else "never ran"
    if state.busy:
        return "running"
    return "stale" if late else state.last.status
