"""`klientela quarantine`: records that could not be taken, and why."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from klientela.errors import Conflict, Misconfigured
from klientela.flow.importing import Mender
from klientela.flow.retry import retry
from klientela.model.records import Rejected
from klientela.store.desk import quarantined
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, SourceName
from klientela_daemon.house import House
from klientela_daemon.opening import opened

app = typer.Typer(
    help="Records that could not be taken, and why; `retry` tries them once more, `fix` writes their rows."
)


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
    for name in dict.fromkeys(one["source"] for one in found):
        if isinstance(_source(here, name), Mender):
            render.say(f"`klientela quarantine fix {name} FILE` writes just the bad rows of {name} into a file.")


@app.command("fix")
def fix_verb(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A csv source of yours.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where its bad rows go.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Write just the bad rows of a source into a file, each with its reason in the last column, to be mended there."""
    here = house(config)
    here.chosen([source])
    made = _source(here, source)
    names = {stream.name for stream in made.streams()}
    if not isinstance(made, Mender):
        raise Misconfigured(
            f"{source} is read from no file, so its records are in no rows",
            hint=f"`klientela quarantine --source {source}` lists them.",
        )
    if file.exists():
        raise Conflict(f"{file} is there already", hint="Name another file; somebody may be mending this one.")
    with opened(here) as store, store.reading() as db:
        found = [_rejected(one) for one in quarantined(db, source) if one["stream"] in names]
    rows = made.write_fix_file(file, found) if found else 0
    if as_json:
        render.emit({"source": source, "file": str(file.absolute()) if found else None, "rejected": rows})
    elif not found:
        render.say(f"The quarantine holds no rows of {source}.")
    else:
        which = f"1 row of {source} is" if rows == 1 else f"{rows} rows of {source} are"
        render.say(f"{which} in {file}, each with the reason why it could not be taken.")
        render.say(
            f"Mend them there, then `klientela import {file} --into {source}`, or put the source's own file right."
        )
    return 0


def _source(here: House, name: str) -> Any:
    one = here.config.settings.sources.get(name)
    return None if one is None else here.plugins.make(name, one, shop=here.config.shop())


def _rejected(one: dict[str, Any]) -> Rejected:
    return Rejected(
        reason=one["reason"], key=one["key"], payload=one["payload"], line=one["line"], column=one["column"]
    )


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
