"""`klientela rebuild`: recompute everything from the stored records."""

from __future__ import annotations

from typing import Annotated

import typer

from klientela.flow.rebuild import rebuild
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened


def verb(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the result differs from what is stored.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Recompute everything from the stored records: customers, figures, search. With --check only compare."""
    here = house(config)
    logs.set_up(level="error")
    with opened(here) as store, render.bar() as bar:
        done = rebuild(store, check=check, progress=lambda left: bar.update("rebuild", 0, f"{left} records left"))
    if as_json:
        render.emit(done.as_dict())
    elif done.equal:
        render.say("equal: what is stored is what follows from the records")
    else:
        for sentence in done.differences:
            render.say(f"✗ {sentence}")
        render.say("`klientela rebuild` puts it right." if check else "Put right; what differed stands above.")
    return failures.FAILED if check and not done.equal else 0
