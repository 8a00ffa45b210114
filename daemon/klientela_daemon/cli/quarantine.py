"""`klientela quarantine`: records that could not be taken, and why."""

from __future__ import annotations

from contextlib import ExitStack

import typer

from klientela.flow.retry import retry
from klientela.store.desk import quarantined
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, SourceName
from klientela_daemon.opening import opened

app = typer.Typer(help="Records that could not be taken, and why; `retry` tries them once more.")


@app.callback(invoke_without_command=True)
def quarantine(context: typer.Context, source: SourceName = None, config: Config = None, as_json: Json = False) -> None:
    """Records that could not be taken, with the reason. They leave the list when they come in a form that can."""
    if context.invoked_subcommand is not None:
        return
    here = house(config)
    if source is not None:
        here.chosen([source])
    with opened(here) as store, store.reading() as db:
        found = quarantined(db, source)
    if as_json:
        render.emit({"records": found})
        return
    if not found:
        render.say("The quarantine is empty.")
        return
    heads = ["source", "stream", "record", "line", "column", "reason", "since"]
    rows = [
        [one["source"], one["stream"], one["key"], one["line"], one["column"], one["reason"], one["first_seen"][:10]]
        for one in found
    ]
    render.table(heads, rows, right=["line"])
    render.say("Put them right at the source; the next sync takes them.")


@app.command("retry")
def retry_verb(config: Config = None, as_json: Json = False) -> int:
    """Try every record once more, for example after an update of its plugin; exits 1 when some are left."""
    here = house(config)
    logs.set_up(level="error")
    shop, settings = here.config.shop(), here.config.settings.sources
    with ExitStack() as stack:
        store = stack.enter_context(opened(here))
        sources = {name: here.plugins.make(name, one, shop=shop) for name, one in settings.items()}
        for source in sources.values():
            stack.callback(source.close)
        done = retry(store, sources)
    if as_json:
        render.emit(done)
    else:
        for one in done["entries"]:
            said = "taken" if one["taken"] else f"left: {one['reason']}"
            render.say(f"{one['source']} {one['stream']} {one['key'] or ''}: {said}")
        render.say(f"{done['taken']} taken, {done['left']} left")
    return failures.FAILED if done["left"] else 0
