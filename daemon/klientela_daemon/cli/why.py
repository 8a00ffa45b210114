"""`klientela why`: why these records are one customer, or why two customers are not."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from klientela.flow import work
from klientela.flow.why_not import explain
from klientela_daemon import render
from klientela_daemon.cli.common import house, tell_left
from klientela_daemon.cli.options import Config, Json, Reveal
from klientela_daemon.opening import opened


def verb(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    other: Annotated[str | None, typer.Argument(metavar="[ID2]", help="Another one: why are they not joined?")] = None,
    reveal: Reveal = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Why records are one customer: every edge with its rule, its value and the run. With two ids: why they are not."""
    here = house(config)
    with opened(here) as store:
        found = explain(store, customer, other, reveal=reveal)
        with store.reading() as db:
            found["left"] = work.left(db)
    tell_left(found["left"])
    if as_json:
        render.emit(found)
    elif other is None:
        show(found)
    elif found["joined"]:
        render.say("They are one customer.")
        show(found)
    else:
        show_not(found)
    return 0


def show(found: dict[str, Any]) -> None:
    """A customer's records and edges for people."""
    render.say(f"{found['id']} is {_count(len(found['records']), 'record')}:")
    render.table(["record", "status", "id"], [_record(one) for one in found["records"]])
    if found["edges"]:
        render.say("\nThey are joined by:")
        rows = [[*(edge[key] for key in ("rule", "value", "a", "b", "run")), _holds(edge)] for edge in found["edges"]]
        render.table(["rule", "value", "record", "record", "run", ""], rows, right=["run"])
    _decisions(found)


def show_not(found: dict[str, Any]) -> None:
    """Two customers and what keeps them apart, for people."""
    other = found["other"]
    render.say(f"{found['id']} ({_count(len(found['records']), 'record')}) and {other['id']}")
    render.say(f"({_count(len(other['records']), 'record')}) are two customers:")
    if not found["reasons"]:
        render.say("They share nothing that a rule looks at.")
    for reason in found["reasons"]:
        render.say(f"- {reason['sentence']}")
    _decisions(found)


def _record(one: dict[str, Any]) -> list[str]:
    kind = "gone at source" if one["gone"] else "registered" if one["registered"] else ""
    return [f"{one['source']}/{one['entity']}/{one['external_id']}", kind, one["id"]]


def _holds(edge: dict[str, Any]) -> str:
    """Edges beyond those that would suffice are told as such."""
    return "" if edge["holds"] else "as well"


def _decisions(found: dict[str, Any]) -> None:
    for one in found["decisions"]:
        render.say(f"decided by an operator: {one['kind']} {one['a']} {one['b'] or ''}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
