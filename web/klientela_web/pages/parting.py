"""Why a customer is one person, by which edges; parting it again, shown with its effect first (R24b, R39)."""

from __future__ import annotations

from starlette.responses import Response

from klientela.errors import Conflict, KlientelaError, Misconfigured
from klientela.flow import decide
from klientela.flow.desk import Decided
from klientela.flow.why import why
from klientela.store.locate import locate
from klientela.store.rows import lens, rows
from klientela_web.asking import Asking
from klientela_web.ways import get, post


def show(asking: Asking) -> Response:
    """Every record, every edge with its rule and masked value, every decision."""
    return _page(asking)


def split(asking: Asking) -> Response:
    """Some records are another person: with `dry` only what would become of it."""
    dry = bool(asking.field("dry"))
    try:
        made = decide.split(
            asking.store,
            asking.path["id"],
            asking.fields("record"),
            reason=asking.field("reason"),
            actor=asking.actor,
            dry_run=dry,
        )
    except (Conflict, Misconfigured) as error:
        return _page(asking, wrong=error, status=409 if isinstance(error, Conflict) else 400)
    if dry:
        return _page(asking, told=made)
    said = asking.words.several("%(count)s customer now.", "They are %(count)s customers now.", len(made.customers))
    return asking.go(f"/customers/{asking.path['id']}/why", said, undo=made.seq)


def _page(
    asking: Asking, told: Decided | None = None, wrong: KlientelaError | None = None, status: int = 200
) -> Response:
    _, view = asking.view()
    with asking.store.reading() as db:
        number = locate(db, asking.store.key, asking.path["id"]).customer
        reason = why(db, asking.store, number)
        (row,) = rows(db, [number], lens(db, view))
    return asking.show("parting.html", status=status, row=row, why=reason, made=told, wrong=wrong)


WAYS = (
    get("/customers/{id}/why", "viewer", show),
    post("/customers/{id}/split", "operator", split),
)

__all__ = ["WAYS"]
