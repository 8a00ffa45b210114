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
    privacy = here.config.settings.privacy
    key, tombstones = here.config.file(privacy.key_file), here.config.file(privacy.tombstones)
    keep = [key, tombstones] if tombstones.exists() else [key]
    if as_json:
        render.emit({"file": str(file.absolute()), "bytes": size, "also_keep": [str(one) for one in keep]})
    else:
        render.say(f"wrote {file} ({size / 2**20:.1f} MiB)")
        render.say(f"Keep {key} too, in another place: without it no id of a restored store can be trusted.")
        if tombstones in keep:
            render.say(f"Keep the newest {tombstones} with it: it is why nobody who was erased comes back.")
    return 0
