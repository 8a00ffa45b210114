"""`klientela restore FILE`: put a backup in the place of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klientela.model.words import agree
from klientela.store.backup import restore
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import erased_again


def verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `klientela backup` wrote.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Put a backup in the place of the store. No daemon or sync may be running; the old SQLite file is kept aside."""
    here = house(config)
    key = here.config.file(here.config.settings.privacy.key_file)
    aside = restore(here.config.store_url(), key, file.absolute())
    again = erased_again(here)
    if as_json:
        kept = str(aside) if aside else None
        render.emit({"file": str(file.absolute()), "kept": kept, "suppressed": again.records})
    else:
        render.say(f"restored {file}")
        if again.records:
            render.say(
                agree(again.records, "{} [record|records] of people who were erased since [was|were] suppressed.")
            )
        if aside:
            render.say(f"The old store was kept as {aside}.")
        render.say("The next sync brings what changed since the backup.")
    return 0
