"""`klientela inactive`, `active` and `consent`: what operators say of persons, of one or of many (R41-R45)."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from klientela.flow import consenting
from klientela.flow import inactive as marks
from klientela.flow.desk import Decided
from klientela.model.words import agree
from klientela.store import Store
from klientela_daemon import render
from klientela_daemon.cli.deciding import DryRun, Yes, act, whom_of
from klientela_daemon.cli.options import Config, Filters, Json, Search, Segment, ViewName

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Customers' ids, or records' keys; or give --search or --filter."),
]


def inactive(
    ids: Ids = None,
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    view: ViewName = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Mark customers inactive: they stand in the inactive list only, until `active` takes the mark off."""
    whom = whom_of(ids, search, segment, filters, view, config)
    return act(lambda store, dry: marks.deactivate(store, whom, dry_run=dry), dry_run, yes, config, as_json)


def active(
    ids: Ids = None,
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    view: ViewName = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Take the inactive marks off customers; a search or filter looks through the inactive list."""
    whom = whom_of(ids, search, segment, filters, view, config)
    return act(lambda store, dry: marks.activate(store, whom, dry_run=dry), dry_run, yes, config, as_json)


def consent(
    *,
    ids: Ids = None,
    channel: Annotated[
        Literal["email", "post", "sms", "phone", "whatsapp"],
        typer.Argument(metavar="CHANNEL", help="How to be reached."),
    ],
    purpose: Annotated[
        Literal["promotion", "system"],
        typer.Argument(metavar="PURPOSE", help="What for: advertising, or news of ours."),
    ],
    answer: Annotated[
        Literal["granted", "denied"], typer.Argument(metavar="granted|denied", help="What the customer said.")
    ],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="How the customer said so; it is kept.")],
    search: Search = None,
    segment: Segment = "all",
    filters: Filters = None,
    view: ViewName = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Write down that customers grant or deny a purpose on a channel. Of several at once it lifts no objection."""
    whom = whom_of(ids, search, segment, filters, view, config)

    def way(store: Store, dry: bool) -> Decided:
        return consenting.consent(store, whom, channel, purpose, answer, evidence=evidence, dry_run=dry)

    return act(way, dry_run, yes, config, as_json, told=_objections)


def _objections(made: Decided) -> None:
    answered, count = made.about.get("lifted", 0), made.about.get("objections", 0)
    if answered:
        render.say(agree(answered, "{} [objection|objections] without a time [is|are] lifted by it."))
    if not count:
        return
    why = "only the customer at the shop, or an operator with evidence for that customer alone, lifts one."
    if made.about["basis"] == "operator":
        why = "what it says is later than now; the source that tells of it must take it back."
    render.say(agree(count, "{} [objection still stands|objections still stand]: ") + why)
