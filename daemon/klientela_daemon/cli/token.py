"""`klientela token`: who may push and read over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from klientela.door import SCOPES
from klientela.errors import Misconfigured, UnknownThing
from klientela.settings.problems import near
from klientela.store import facts, tokens
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.door import TYPE
from klientela_daemon.house import House
from klientela_daemon.opening import opened, settle

app = typer.Typer(help="Tokens of the push API: make one, list them, end one.", no_args_is_help=True)

_ALL = "push"


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What logs and the list call it.")],
    scope: Annotated[
        list[str], typer.Option("--scope", metavar="SCOPE", help=f"What it is good for: {', '.join(SCOPES)}, or push.")
    ],
    into: Annotated[
        str | None, typer.Option("--into", metavar="SOURCE", help="The source of type api it pushes into.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Make a token. It is shown once and kept nowhere; --scope may be given several times, `push` means all pushes."""
    if not (name.isprintable() and name == name.strip() and 0 < len(name) <= 64):
        raise Misconfigured(f"{name!r} cannot name a token", hint="Use 1 to 64 visible characters.")
    scopes = _scopes(scope)
    here = house(config)
    source = _source(here, into, scopes)
    with opened(here, create=True) as store:
        settle(store, here)
        with store.step("token new", actor="operator") as step:
            row = facts.ensure_source(step, source, TYPE) if source is not None else None
            secret = tokens.new(step, name, scopes, row.id if row else None)
    if as_json:
        render.emit({"name": name, "source": source, "scopes": scopes, "token": secret})
        return 0
    render.say(secret)
    where = f", into {source}" if source is not None else ""
    render.say(f"This is the token {name}, good for {', '.join(scopes)}{where}. It will not be shown again.")
    return 0


@app.command("list")
def list_verb(config: Config = None, as_json: Json = False) -> int:
    """All tokens: what they are good for, when each was used last (to the hour), and which were revoked."""
    here = house(config)
    with opened(here) as store, store.reading() as db:
        found = tokens.listed(db)
    if as_json:
        render.emit({"tokens": found})
        return 0
    rows = [
        [one["name"], one["source"], ", ".join(one["scopes"]), one["created"][:10], one["used"], one["revoked"]]
        for one in found
    ]
    render.table(["name", "into", "good for", "made", "last used", "revoked"], rows)
    return 0


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which token.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """End a token for ever; the next request with it is refused, also by a running daemon."""
    here = house(config)
    with opened(here) as store, store.step("token revoke", actor="operator") as step:
        tokens.revoke(step, name)
    if as_json:
        render.emit({"name": name, "revoked": True})
    else:
        render.say(f"the token {name} is not valid any more")
    return 0


def _scopes(asked: list[str]) -> list[str]:
    """The scopes asked for, in the order of `SCOPES`."""
    known = (*SCOPES, _ALL)
    for one in asked:
        if one not in known:
            meant = near(one, known)
            hint = f"Did you mean {meant}?" if meant else f"The scopes are {', '.join(known)}."
            raise Misconfigured(f"there is no scope {one!r}", hint=hint)
    return [one for one in SCOPES if one in asked or (_ALL in asked and one.startswith("push:"))]


def _source(here: House, into: str | None, scopes: list[str]) -> str | None:
    """The source to push into: the one named, else the only one there is; None for a token that only reads."""
    pushes = any(one.startswith("push:") for one in scopes)
    takers = [name for name, one in here.config.settings.sources.items() if one.type == TYPE]
    if into is not None:
        if into not in takers:
            here.chosen([into])
            raise Misconfigured(
                f"{into} is no source of type api, and takes no pushes",
                hint=f"Those that do are {', '.join(takers)}." if takers else _HOW,
            )
        return into if pushes else None
    if not pushes:
        return None
    if not takers:
        raise UnknownThing("no source takes pushes", hint=_HOW)
    if len(takers) > 1:
        raise Misconfigured("several sources take pushes", hint=f"Say which with --into: {', '.join(takers)}.")
    return takers[0]


_HOW = 'Write a table [sources.NAME] with type = "api" into the configuration.'
