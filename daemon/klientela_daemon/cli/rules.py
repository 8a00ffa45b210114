"""`klientela rules apply`: put the rules of the configuration in force."""

from __future__ import annotations

import typer

from klientela.flow import rules, work
from klientela.flow.diff import diff as difference
from klientela.model.words import agree
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.cli.sync import stopping
from klientela_daemon.opening import opened

app = typer.Typer(no_args_is_help=True, help="The rules in force and those of the configuration.")


@app.callback()
def _rules() -> None:
    """The rules in force and those of the configuration."""


@app.command("diff")
def diff(config: Config = None, as_json: Json = False) -> int:
    """What the configuration's rules would do: who would be joined, who would fall apart. Nothing is written.

    Another file with --config shows what its rules would do to its store.
    """
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store, render.bar() as bar:
        wanted = here.config.settings.ruleset(here.plugins.types)
        found = difference(store, wanted, progress=lambda left: bar.update("rules", 0, f"{left} records left"))
    if as_json:
        render.emit(found)
        return 0
    if not any(found[kind] for kind in ("joined", "split", "appeared", "vanished")):
        render.say("Nothing would change.")
        return 0
    for entry in found["joined"]:
        render.say(f"joined: {' + '.join(entry['customers'])} -> {entry['into']}  {_money(entry['revenue'])}")
    for entry in found["split"]:
        render.say(f"split: {entry['customer']} -> {' + '.join(entry['into'])}  {_money(entry['revenue'])}")
    for kind in ("appeared", "vanished"):
        if found[kind]:
            render.say(f"{kind}: {', '.join(found[kind])}")
    render.say(
        agree(len(found["joined"]), "{} [customer|customers] would be made of several, ")
        + f"{len(found['split'])} would fall apart. "
        "`klientela rules apply` does exactly that; nothing was written."
    )
    return 0


def _money(revenue: list[dict[str, str]]) -> str:
    return ", ".join(f"{one['amount']} {one['currency']}" for one in revenue)


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
            f"The rules {after} are in force instead of {before}; "
            + agree(done, "{} [record was|records were] looked at anew, ")
            + agree(len(customers), "{} [customer is another|customers are others] now.")
        )
    if left and not as_json:
        render.say(agree(left, "{} [record is|records are] left; the next sync goes on with [it|them]."))
    if not left:
        return 0
    return failures.FAILED if as_json else stop.code
