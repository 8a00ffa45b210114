"""`klientela config schema`: the configuration for editors."""

from __future__ import annotations

import typer

from klientela.plugins import find
from klientela.settings import schema
from klientela_daemon import render
from klientela_daemon.cli.options import Config, Json

app = typer.Typer(no_args_is_help=True, help="The configuration's JSON Schema, for editors.")


@app.callback()
def _config() -> None:
    """The configuration's JSON Schema, for editors."""


@app.command("schema")
def schema_verb(config: Config = None, as_json: Json = False) -> int:
    """Print the JSON Schema of klientela.toml, with the keys of all installed plugins. It hangs on no configuration."""
    render.emit(schema(find().types))
    return 0
