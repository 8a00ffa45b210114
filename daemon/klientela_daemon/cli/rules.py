"""`klientela rules apply`: put the rules of the configuration in force."""

from __future__ import annotations

import typer

from klientela.flow import rules, work
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.cli.sync import stopping
from klientela_daemon.opening import opened

app = typer.Typer(no_args_is_help=True, help="The rules in force and those of the configuration.")


@app.callback()
def _rules() -> None:
    """The rules in force and those of the configuration."""


@app.command("apply")
def apply(config: Config = None, as_json: Json = False) -> int:
    """Put the configuration's rules, policies and priorities in force, and bring every customer up to date.

    Stopped in between, nothing is lost: the daemon, a sync or this command go on with what is left.
    """
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store, stopping() as stop:
        with store.reading() as db:
            before = store.ruleset(db).digest
        seq = rules.apply(store, here.config.settings.ruleset(here.plugins.types))
        done = work.drain(store, stop=stop)
        with store.reading() as db:
            after, left = store.ruleset(db).digest, work.left(db)
        customers = rules.touched(store, seq) if seq is not None else []
    document = {
        "seq": seq,
        "customers": customers,
        "ruleset": {"from": before, "to": after},
        "records": done,
        "left": left,
    }
    if as_json:
        render.emit(document)
    elif seq is None:
        render.say("The rules of the configuration are in force already.")
    else:
        render.say(
            f"The rules {after} are in force instead of {before}; {done} records were looked at anew, "
            f"{len(customers)} customers are others now."
        )
    if left and not as_json:
        render.say(f"{left} records are left; the next sync goes on with them.")
    if not left:
        return 0
    return failures.FAILED if as_json else stop.code
