"""`klientela user`: who may use the page."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from klientela.errors import Misconfigured
from klientela.store import users
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened, settle

app = typer.Typer(help="People who use the page: make one, list them, change or end one.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the person signs in with.")]
Role = Annotated[
    str, typer.Option("--role", metavar="ROLE", help=f"{', '.join(users.ROLES)}; each may what those before may.")
]
Password = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]


def _password(from_stdin: bool) -> str:
    """Asked twice on a terminal; the first line of standard input otherwise."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise Misconfigured("there is no terminal to ask for the password", hint="Give it with --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


@app.command("new")
def new(name: Name, role: Role, password_stdin: Password = False, config: Config = None, as_json: Json = False) -> int:
    """Make a user. The password is asked for, and only its hash is kept."""
    here = house(config)
    with opened(here, create=True) as store:
        settle(store, here)
        secret = _password(password_stdin)
        with store.step("user new", actor="operator") as step:
            users.add(step, name, secret, role)
    if as_json:
        render.emit({"name": name.strip(), "role": role})
    else:
        render.say(f"{name.strip()} may sign in as {role}.")
    return 0


@app.command("list")
def list_verb(config: Config = None, as_json: Json = False) -> int:
    """All users with their role."""
    with opened(house(config)) as store, store.reading() as db:
        found = users.listed(db)
    if as_json:
        render.emit({"users": found})
        return 0
    render.table(
        ["name", "role", "since", "disabled"],
        [[one["name"], one["role"], one["created"][:10], (one["disabled"] or "")[:10]] for one in found],
    )
    return 0


@app.command("role")
def role_verb(
    name: Name, role: Annotated[str, typer.Argument(metavar="ROLE")], config: Config = None, as_json: Json = False
) -> int:
    """Give a user another role; sessions end, so that it holds at once."""
    with opened(house(config)) as store, store.step("user role", actor="operator") as step:
        users.change(step, name, role=role)
    if as_json:
        render.emit({"name": name, "role": role})
    else:
        render.say(f"{name} is {role} now.")
    return 0


@app.command("password")
def password_verb(name: Name, password_stdin: Password = False, config: Config = None, as_json: Json = False) -> int:
    """Give a user another password; sessions end."""
    with opened(house(config)) as store:
        secret = _password(password_stdin)
        with store.step("user password", actor="operator") as step:
            users.change(step, name, password=secret)
    if as_json:
        render.emit({"name": name})
    else:
        render.say(f"{name} has a new password.")
    return 0


@app.command("disable")
def disable(
    name: Name,
    again: Annotated[bool, typer.Option("--again", help="Let the person in again instead.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Nobody signs in under this name any more; sessions end at once."""
    with opened(house(config)) as store, store.step("user disable", actor="operator") as step:
        users.disable(step, name, off=not again)
    if as_json:
        render.emit({"name": name, "disabled": not again})
    else:
        render.say(f"{name} may sign in again." if again else f"{name} cannot sign in any more.")
    return 0
