"""A person's rights: erasure, shown with all it takes first, and everything that is kept as a download (R56, R58)."""

from __future__ import annotations

from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured, UnknownThing
from klientela.flow import erase as erasing
from klientela.flow import handover
from klientela.flow.disclose import disclose, files_of, note_export
from klientela_web.asking import Asking
from klientela_web.ways import get, post

MOST = 50
"""So many people may be erased at once."""


def ask(asking: Asking) -> Response:
    """What an erasure would take, and who else may be the same person."""
    return _page(asking)


def erase(asking: Asking) -> Response:
    """Erase; it cannot be undone, so it is asked for twice."""
    try:
        if not asking.field("sure"):
            raise Misconfigured("nobody said that this is meant", hint="Tick the box above the button.")
        erasing.erase(
            asking.store,
            asking.path["id"],
            reason=asking.field("reason"),
            records=asking.fields("record"),
            actor=asking.actor,
        )
    except UnknownThing:
        raise
    except KlientelaError as error:
        return _page(asking, error, 400)
    return asking.go("/customers", asking.words("The person is erased."))


def _page(asking: Asking, wrong: KlientelaError | None = None, status: int = 200) -> Response:
    told = erasing.erase(asking.store, asking.path["id"], reason="-", dry_run=True)
    return asking.show("erase.html", status=status, plan=told, wrong=wrong, id=asking.path["id"])


def ask_several(asking: Asking) -> Response:
    """What erasing chosen people would take; who may be the same person as one of them is asked on that one's page."""
    return _several(asking, asking.texts("id"))


def erase_several(asking: Asking) -> Response:
    """Erase chosen people, each for itself. Where one cannot be erased, it is told how many were."""
    ids, done = asking.fields("id"), 0
    try:
        if not asking.field("sure"):
            raise Misconfigured("nobody said that this is meant", hint="Tick the box above the button.")
        for one in dict.fromkeys(ids):
            erasing.erase(asking.store, one, reason=asking.field("reason"), actor=asking.actor)
            done += 1
    except UnknownThing:
        raise
    except KlientelaError as error:
        return _several(asking, list(dict.fromkeys(ids))[done:], error, 400, done)
    return asking.go("/customers", _said(asking, done))


def _said(asking: Asking, done: int) -> str:
    return asking.words.several("%(count)s person is erased.", "%(count)s people are erased.", done)


def _several(
    asking: Asking, ids: list[str], wrong: KlientelaError | None = None, status: int = 200, done: int = 0
) -> Response:
    chosen = list(dict.fromkeys(ids))
    if not chosen:
        raise Misconfigured("nobody was chosen", hint="Tick the customers it is about.")
    if len(chosen) > MOST:
        raise Misconfigured(f"at most {MOST} people can be erased at once")
    plans = []
    for one in chosen:
        try:
            plans.append((one, erasing.erase(asking.store, one, reason="-", dry_run=True)))
        except KlientelaError:
            if wrong is None:
                raise  # else it is who could not be erased: the others stay to be asked about
    said = _said(asking, done) if done else None
    return asking.show("erase_several.html", status=status, plans=plans, wrong=wrong, done=said)


def export(asking: Asking) -> Response:
    """The ZIP of a person's own export. That it was taken stands in the log."""
    _, view = asking.view()
    with asking.store.reading() as db:
        document = disclose(db, asking.store, asking.path["id"], view, asking.house.config.rates())
        contents = files_of(db, document)
    with asking.store.step("person export", actor=asking.actor) as step:
        note_export(step, view="person", count=1, form="zip", customer=document["id"])
    return Response(
        handover.packed(document, contents),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="person-{document["id"][:8]}.zip"'},
    )


WAYS = (
    get("/persons/erase", "admin", ask_several),
    post("/persons/erase", "admin", erase_several),
    get("/customers/{id}/erase", "admin", ask),
    post("/customers/{id}/erase", "admin", erase),
    post("/customers/{id}/export", "operator", export),
)

__all__ = ["MOST", "WAYS"]
