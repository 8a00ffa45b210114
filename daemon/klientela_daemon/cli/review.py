"""`klientela review`: what the rules would not join by themselves, and what an operator says to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from klientela.errors import Misconfigured
from klientela.flow import decide, work
from klientela.flow.desk import Decided
from klientela.flow.review import is_key, review
from klientela.model.numbers import whole
from klientela.store import Store
from klientela_daemon import render
from klientela_daemon.cli.common import house, tell_left
from klientela_daemon.cli.deciding import Active, DryRun, Inactive, Yes, act, staying
from klientela_daemon.cli.options import Config, Json, Reveal
from klientela_daemon.house import read
from klientela_daemon.opening import opened

app = typer.Typer(help="What the rules would not join by themselves; `accept` and `reject` decide an item.")
Which = Annotated[
    str, typer.Argument(metavar="N|KEY", help="The item's number in `klientela review`, or its key, which never moves.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="V", help="The queue's `version` you looked at; refused if it is another one."),
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept in the log.")]


@app.callback(invoke_without_command=True)
def show(context: typer.Context, reveal: Reveal = False, config: Config = None, as_json: Json = False) -> None:
    """Pairs of customers and values that a person may want to decide; reading changes nothing."""
    if context.invoked_subcommand is not None:
        return
    here = house(config)
    with opened(here) as store:
        found = review(store, reveal=reveal, proposers=here.proposers())
        with store.reading() as db:
            left = work.left(db)
    tell_left(left)
    if as_json:
        render.emit({**found, "left": left})
        return
    _show(found["items"], found["version"])
    for remark in found["remarks"]:
        render.say(remark)


def _show(items: list[dict[str, Any]], version: str) -> None:
    if not items:
        render.say("There is nothing to review.")
        return
    rows = [
        [number, one["key"], one["sentence"], " ".join(one["customers"][:4])] for number, one in enumerate(items, 1)
    ]
    render.table(["no.", "key", "why", "customers"], rows, right=["no."])
    render.say(
        "`klientela review accept KEY` joins them, `klientela review reject KEY` takes the item off for good; numbers move "
        f"when others decide, unless --as-of {version} stands beside them."
    )


@app.command("accept")
def accept(
    which: Which,
    reason: Why = "reviewed",
    as_of: AsOf = None,
    inactive: Inactive = False,
    active: Active = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """They are one person: join them, as `merge` does."""
    stay = staying(inactive, active)
    proposers = read(config).proposers()

    def way(store: Store, item: int | str, asked: str | None, dry: bool) -> Decided:
        return decide.accept(store, item, reason=reason, as_of=asked, inactive=stay, dry_run=dry, proposers=proposers)

    return act(_same_item(way, which, as_of), dry_run, yes, config, as_json)


@app.command("reject")
def reject(
    which: Which,
    reason: Why = "reviewed",
    as_of: AsOf = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """They are two, or the value is as it should be: the item never comes back."""
    proposers = read(config).proposers()

    def way(store: Store, item: int | str, asked: str | None, dry: bool) -> Decided:
        return decide.reject(store, item, reason=reason, as_of=asked, dry_run=dry, proposers=proposers)

    return act(_same_item(way, which, as_of), dry_run, yes, config, as_json)


def _same_item(
    way: Callable[[Store, int | str, str | None, bool], Decided], text: str, as_of: str | None
) -> Callable[[Store, bool], Decided]:
    """What was shown before the question is what is written after it, wherever it stands by then."""
    item: int | str
    numbered = whole(text, longest=99)
    if numbered is not None:
        item = numbered
    elif is_key(text):
        item = text
    else:
        raise Misconfigured(
            f"{text!r} is neither the number of an item nor its key", hint="`klientela review` shows both."
        )

    def same(store: Store, dry: bool) -> Decided:
        nonlocal item, as_of
        made = way(store, item, as_of, dry)
        item, as_of = made.about["item"], None
        return made

    return same
