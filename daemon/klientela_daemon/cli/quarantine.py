"""`klientela quarantine`: records that could not be taken, and why."""

from __future__ import annotations

from klientela.store.desk import quarantined
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, SourceName
from klientela_daemon.opening import opened


def verb(source: SourceName = None, config: Config = None, as_json: Json = False) -> int:
    """Records that could not be taken, with the reason. They leave the list when they come in a form that can."""
    here = house(config)
    if source is not None:
        here.chosen([source])
    with opened(here) as store, store.reading() as db:
        found = quarantined(db, source)
    if as_json:
        render.emit({"records": found})
        return 0
    if not found:
        render.say("The quarantine is empty.")
        return 0
    heads = ["source", "stream", "record", "line", "column", "reason", "since"]
    rows = [
        [one["source"], one["stream"], one["key"], one["line"], one["column"], one["reason"], one["first_seen"][:10]]
        for one in found
    ]
    render.table(heads, rows, right=["line"])
    render.say("Put them right at the source; the next sync takes them.")
    return 0
