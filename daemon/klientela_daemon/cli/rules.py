"""`klientela rules apply`: put the rules of the configuration in force."""

from __future__ import annotations

from typing import Any

import typer

from klientela.flow import rules, work
from klientela.flow.diff import diff as difference
from klientela.flow.diff import preview
from klientela.model.words import agree
from klientela.rules.ruleset import Ruleset
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.deciding import DryRun
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.cli.sync import stopping
from klientela_daemon.house import House
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
def apply(dry_run: DryRun = False, config: Config = None, as_json: Json = False) -> int:
    """Put the configuration's rules, policies and priorities in force, and bring every customer up to date.

    Stopped in between, nothing is lost: the daemon, a sync or this command go on with what is left.
    """
    here = house(config)
    logs.set_up(level="error")
    wanted = here.config.settings.ruleset(here.plugins.types)
    if dry_run:
        return _dry(here, wanted, as_json)
    with opened(here) as store, stopping() as stop:
        with store.reading() as db:
            before, begun = store.ruleset(db).digest, rules.unfinished(db)
        seq = rules.apply(store, wanted)
        done = work.drain(store, stop=stop)
        with store.reading() as db:
            after, left = store.ruleset(db).digest, work.left(db)
        since = seq if seq is not None else begun
        customers = rules.touched(store, since) if since is not None else []
    document = {
        "seq": since,
        "customers": customers,
        "ruleset": {"from": before, "to": after},
        "records": done,
        "left": left,
    }
    if as_json:
        render.emit(document)
    else:
        _tell(document, seq)
    if not left:
        return 0
    return failures.FAILED if as_json else stop.code


def _dry(here: House, wanted: Ruleset, as_json: bool) -> int:
    with opened(here) as store, render.bar() as bar:
        found = preview(store, wanted, progress=lambda left: bar.update("rules", 0, f"{left} records left"))
    if as_json:
        render.emit(found)
    else:
        render.say(
            agree(len(found["customers"]), "{} [customer|customers] would be other than now; nothing was written. ")
            + "`klientela rules diff` shows who would be joined and who would fall apart."
        )
    return 0


def _tell(document: dict[str, Any], seq: int | None) -> None:
    """What was done, for people. `seq`: of this very change; None where the rules are in force already."""
    looked = agree(document["records"], "{} [record was|records were] looked at anew, ") + agree(
        len(document["customers"]), "{} [customer is another|customers are others] now."
    )
    before, after = document["ruleset"]["from"], document["ruleset"]["to"]
    if seq is not None:
        render.say(f"The rules {after} are in force instead of {before}; {looked}")
    elif document["seq"] is not None:
        render.say(f"The rules {after} are in force since change {document['seq']}; {looked}")
    else:
        render.say("The rules of the configuration are in force already.")
    if document["left"]:
        render.say(agree(document["left"], "{} [record is|records are] left; the next sync goes on with [it|them]."))
