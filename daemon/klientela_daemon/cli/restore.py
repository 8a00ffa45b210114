"""`klientela restore FILE`: put a backup in the place of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from klientela.errors import KlientelaError
from klientela.model.words import agree
from klientela.store import facts
from klientela.store.backup import restore
from klientela.store.database import open_store
from klientela.store.naming import BUILT_IN, rename
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.opening import erased_again, opened


def verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `klientela backup` wrote.")],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Put a backup in the place of the store. No daemon or sync may be running; the old SQLite file is kept aside."""
    here = house(config)
    key = here.config.file(here.config.settings.privacy.key_file)
    names = _names(here, key)
    aside = restore(here.config.store_url(), key, file.absolute())
    again = erased_again(here)
    renamed = _named_again(here, names)
    if as_json:
        kept = str(aside) if aside else None
        render.emit({"file": str(file.absolute()), "kept": kept, "suppressed": again.records, "renamed": renamed})
    else:
        render.say(f"restored {file}")
        if again.records:
            render.say(
                agree(again.records, "{} [record|records] of people who were erased since [was|were] suppressed.")
            )
        for old, new in renamed.items():
            render.say(f"The source {old} of the backup is called {new} again, as it was until now.")
        if aside:
            render.say(f"The old store was kept as {aside}.")
        render.say("The next sync brings what changed since the backup.")
    return 0


def _names(here: House, key: Path) -> dict[str, str]:
    """What the sources of the store that is replaced are called, by uid; nothing where it cannot be read any more."""
    try:
        with open_store(here.config.store_url(), key_file=key, create=False) as store, store.reading() as db:
            return {row.uid: row.label for row in facts.sources(db).values()}
    except KlientelaError:
        return {}


def _named_again(here: House, names: dict[str, str]) -> dict[str, str]:
    """Give sources that were renamed since the backup the names they have in the configuration: by the old ones the next
    sync would take them for others, and everybody of theirs, also whom somebody erased, for somebody new (R23, R56)."""
    configured = here.config.settings.sources
    renamed: dict[str, str] = {}
    with opened(here) as store:
        with store.reading() as db:
            lost = [row for row in facts.sources(db).values() if row.type != BUILT_IN and row.label not in configured]
            known = {row.label for row in facts.sources(db).values()}
        for row in lost:
            name = names.get(row.uid, "")
            if name in configured and name not in known:
                rename(store, row.label, name)
                renamed[row.label] = name
    strange = sorted(configured.keys() - known - set(renamed.values()))
    for row in lost:
        if row.label not in renamed and strange:
            failures.warn(
                f"the backup knows a source {row.label}, the configuration {', '.join(strange)}: if it was renamed since, "
                f"write `klientela sources rename {row.label} NEW` before the next sync"
            )
    return renamed
