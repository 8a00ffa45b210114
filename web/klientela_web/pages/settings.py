"""Settings: who may use the page, tokens of the push API, the views there are, the language."""

from __future__ import annotations

from starlette.responses import Response

from klientela.errors import Conflict, KlientelaError, Misconfigured
from klientela.store import tokens, users
from klientela.store.users import ROLES
from klientela_web.asking import Asking
from klientela_web.ways import get, post


def show(asking: Asking) -> Response:
    """The settings; users and tokens for administrators only."""
    return _page(asking)


def _page(asking: Asking, *, wrong: str | None = None, status: int = 200) -> Response:
    admin = asking.person is not None and asking.person.may("admin")
    with asking.store.reading() as db:
        people = users.listed(db) if admin else []
        known = tokens.listed(db) if admin else []
    return asking.show(
        "settings.html",
        status=status,
        people=people,
        tokens=known,
        roles=ROLES,
        views=asking.house.config.settings.views,
        shop=asking.house.config.settings.shop,
        wrong=wrong,
        field=asking.field,
    )


def _tried(asking: Asking, said: str | None) -> Response:
    """Back to the settings with a sentence."""
    return asking.go("/settings", said)


def new(asking: Asking) -> Response:
    """Make a user."""
    name = asking.field("name")
    try:
        with asking.store.step("user new", actor=asking.actor) as step:
            users.add(step, name, asking.field("password"), asking.field("role"))
    except KlientelaError as error:
        return _page(asking, wrong=asking.told(error), status=400)
    return _tried(asking, asking.words("%(name)s may sign in now.", name=name.strip()))


def change(asking: Asking) -> Response:
    """Another role, another password, or nobody any more. Nobody shuts the last administrator out, themselves included."""
    name, what = asking.field("name"), asking.field("do")
    try:
        with asking.store.step(f"user {what}", actor=asking.actor) as step:
            if what == "role":
                users.change(step, name, role=asking.field("role"))
            elif what == "password":
                users.change(step, name, password=asking.field("password"))
            elif what in ("disable", "enable"):
                users.disable(step, name, off=what == "disable")
            else:
                raise Misconfigured("nothing was chosen to be done")
            if not any(one["role"] == "admin" and not one["disabled"] for one in users.listed(step.db)):
                raise Conflict("there must be an administrator who can sign in")
    except KlientelaError as error:
        return _page(asking, wrong=asking.told(error), status=400)
    return _tried(asking, asking.words("%(name)s was changed.", name=name))


def revoke(asking: Asking) -> Response:
    """End a token."""
    name = asking.field("name")
    try:
        with asking.store.step("token revoke", actor=asking.actor) as step:
            tokens.revoke(step, name)
    except KlientelaError as error:
        return _page(asking, wrong=asking.told(error), status=400)
    return _tried(asking, asking.words("The token %(name)s is worth nothing any more.", name=name))


WAYS = (
    get("/settings", "viewer", show),
    post("/settings/users", "admin", new),
    post("/settings/users/change", "admin", change),
    post("/settings/tokens/revoke", "admin", revoke),
)

__all__ = ["WAYS"]
