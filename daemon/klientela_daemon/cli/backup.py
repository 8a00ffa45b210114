"""`klientela backup FILE`: a copy of the store, while everybody goes on working."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klientela.store.backup import backup
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened


def verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the backup goes.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Back up the store into one file. The daemon may go on; the key is kept apart."""
    here = house(config)
    with opened(here) as store:
        size = backup(store, file.absolute(), replace=force)
    key = here.config.file(here.config.settings.privacy.key_file)
    if as_json:
        render.emit({"file": str(file.absolute()), "bytes": size, "also_keep": [str(key)]})
    else:
        render.say(f"wrote {file} ({size / 2**20:.1f} MiB)")
        render.say(f"Keep {key} too, in another place: without it no id of a restored store can be trusted.")
    return 0
