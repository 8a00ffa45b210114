"""Signing in and out: by name and password, slowed down after wrong ones, or by the demo's link that works once."""

from __future__ import annotations

import threading
import time
from collections import deque

from starlette.responses import RedirectResponse, Response

from klientela.errors import NotAdmitted
from klientela.store import users
from klientela_web import guard
from klientela_web.asking import Asking
from klientela_web.ways import get, post
from klientela_web.words import LANGUAGES

TRIES, SPAN = 10, 300.0
"""So many wrong tries in so many seconds, for one name and for one address each; after them even the right one waits."""


class Tries:
    """Wrong tries of the last minutes, by what was tried. In memory: whoever restarts the daemon owns it anyway."""

    def __init__(self, most: int = TRIES) -> None:
        self.most = most
        self._times: dict[str, deque[float]] = {}
        self._turn = threading.Lock()

    def too_many(self, *keys: str) -> bool:
        """Whether any of these was tried too often lately."""
        now = time.monotonic()
        with self._turn:
            return any(len(self._recent(key, now)) >= self.most for key in keys)

    def wrong(self, *keys: str) -> None:
        """Another wrong try."""
        now = time.monotonic()
        with self._turn:
            for key in keys:
                self._times.setdefault(key, deque()).append(now)
            if len(self._times) > 10_000:
                self._times = {key: times for key in self._times if (times := self._recent(key, now))}

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times.get(key, deque())
        while times and times[0] < now - SPAN:
            times.popleft()
        return times


_tries = Tries()


def inside(path: str) -> str:
    """A path of this page, or the front door: a link that signs in must lead nowhere else."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def _form(asking: Asking, wrong: str | None = None, status: int = 200) -> Response:
    with asking.store.reading() as db:
        known = users.any_user(db)
    to = inside(asking.field("to") or asking.text("to"))
    return asking.show("sign_in.html", status=status, wrong=wrong, name=asking.field("name"), to=to, known=known)


def ask(asking: Asking) -> Response:
    """The form; for who is signed in already, the list."""
    return RedirectResponse("/", 303) if asking.person is not None else _form(asking)


def sign_in(asking: Asking) -> Response:
    """Name and password. The answer to a wrong one does not say which of both it was."""
    name = asking.field("name")
    client = asking.request.client.host if asking.request.client else ""
    keys = (f"name {name.strip().casefold()}", f"host {client}")
    if _tries.too_many(*keys):
        return _form(asking, asking.words("There were too many wrong tries. Wait a few minutes."), 429)
    try:
        with asking.store.reading() as db:
            account = users.right(db, name, asking.field("password"))
    except NotAdmitted:
        _tries.wrong(*keys)
        return _form(asking, asking.words("Name or password is wrong."), 401)
    with asking.store.step("sign in", actor=f"operator {name.strip()}") as step:
        secret = users.begin(step, account)
    return guard.sign(asking.request, RedirectResponse(inside(asking.field("to")), 303), secret)


def enter(asking: Asking) -> Response:
    """The demo's link."""
    with asking.store.step("sign in") as step:
        secret = users.enter(step, asking.path["secret"])
    return guard.sign(asking.request, RedirectResponse("/", 303), secret)


def sign_out(asking: Asking) -> Response:
    """End the session, here and in the store."""
    if asking.secret is not None:
        with asking.store.step("sign out") as step:
            users.end(step, asking.secret)
    return guard.leave(asking.request, RedirectResponse("/sign-in", 303))


def speak(asking: Asking) -> Response:
    """Choose the language."""
    language = asking.field("language")
    answer = RedirectResponse(inside(asking.field("to")), 303)
    if language in LANGUAGES:
        if asking.person is not None and asking.person.account is not None:
            with asking.store.step("language") as step:
                users.speak(step, asking.person.account, language)
        answer.set_cookie("language", language, max_age=365 * 86400, samesite="lax", path="/", httponly=True)
    return answer


WAYS = (
    get("/sign-in", None, ask),
    post("/sign-in", None, sign_in),
    get("/enter/{secret}", None, enter),
    post("/sign-out", "viewer", sign_out),
    post("/language", None, speak),
)

__all__ = ["SPAN", "TRIES", "WAYS", "Tries", "inside"]
