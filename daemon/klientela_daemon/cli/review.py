"""`klientela review`: what the rules would not join by themselves."""

from __future__ import annotations

from klientela.flow.review import review
from klientela_daemon import render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json, Reveal
from klientela_daemon.opening import opened


def verb(reveal: Reveal = False, config: Config = None, as_json: Json = False) -> int:
    """Pairs of customers and values that a person may want to decide; reading changes nothing."""
    here = house(config)
    with opened(here) as store:
        found = review(store, reveal=reveal)
    if as_json:
        render.emit(found)
        return 0
    items = found["items"]
    if not items:
        render.say("There is nothing to review.")
        return 0
    rows = [[number, one["sentence"], " ".join(one["customers"][:4])] for number, one in enumerate(items, 1)]
    render.table(["no.", "why", "customers"], rows, right=["no."])
    return 0
