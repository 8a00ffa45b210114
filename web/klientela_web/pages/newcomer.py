"""Adding a customer by hand: a form, a warning before somebody is written twice, a batch of its own (S28-S30, X02)."""

from __future__ import annotations

from starlette.responses import Response

from klientela.errors import KlientelaError
from klientela.flow.newcomer import FIELDS, Added, add
from klientela_web.asking import Asking
from klientela_web.ways import get, post

ENTRIES = (
    "first_name", "last_name", "company", "email", "phone", "street", "house_number", "line2", "zip", "city", "region",
    "country",
)  # fmt: skip
"""What the form asks for."""


def show(asking: Asking) -> Response:
    """The empty form."""
    return _form(asking)


def write(asking: Asking) -> Response:
    """Add the customer; where somebody is there already, say so first and write on the second word only."""
    try:
        made = _add(asking, dry_run=True)
        if made.exists and asking.field("sure") != _named(made):
            return _form(asking, exists=made, status=409)
        made = _add(asking, dry_run=False)
    except KlientelaError as error:
        return _form(asking, wrong=asking.told(error), status=400)
    (one,) = made.imported.customers
    said = asking.words("The customer was added.")
    return asking.go(f"/customers/{one['id']}", said, undo=made.imported.seq)


def _add(asking: Asking, *, dry_run: bool) -> Added:
    tag = asking.field("tag").strip()
    return add(
        asking.store,
        {name: asking.field(name) for name in FIELDS},
        email=asking.field("email"),
        tags=[tag] if tag else [],
        subscribe=bool(asking.field("subscribe")),
        actor=asking.actor,
        dry_run=dry_run,
    )


def _named(made: Added) -> str:
    """Whom the warning named: a yes to it is no yes to others."""
    return " ".join(sorted(str(one["id"]) for one in made.exists))


def _form(asking: Asking, *, exists: Added | None = None, wrong: str | None = None, status: int = 200) -> Response:
    return asking.show(
        "new_customer.html",
        status=status,
        names=ENTRIES,
        field=asking.field,
        wrong=wrong,
        exists=exists.exists if exists is not None else [],
        sure=_named(exists) if exists is not None else "",
    )


WAYS = (
    get("/customers/new", "editor", show),
    post("/customers/new", "editor", write),
)

__all__ = ["ENTRIES", "WAYS"]
