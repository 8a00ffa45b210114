"""One request as the pages see it: who asks, for what, in which language; and how it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment
from starlette.background import BackgroundTask
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from klientela.errors import KlientelaError, Misconfigured
from klientela.model.numbers import whole
from klientela.settings import View
from klientela.settings.problems import near
from klientela.store import Store
from klientela.store.users import Person
from klientela_web.frame import Frame, frame
from klientela_web.house import House
from klientela_web.questions import Questions
from klientela_web.words import Words


@dataclass
class Asking:
    """A request. Everything here may be asked in a worker thread; nothing of it waits for the network."""

    request: Request
    house: House
    templates: Environment
    words: Words
    questions: Questions
    person: Person | None = None
    secret: str | None = None  # of the session, to end or touch it
    form: FormData = field(default_factory=FormData)

    @property
    def store(self) -> Store:
        """The store."""
        return self.house.store

    @property
    def path(self) -> Mapping[str, str]:
        """What stands in the path."""
        return {name: plain(str(value)) for name, value in self.request.path_params.items()}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The shop's time zone: all dates of the page are its dates (R53)."""
        return ZoneInfo(self.house.config.settings.shop.timezone)

    @cached_property
    def frame(self) -> Frame:
        """What stands around the page."""
        return frame(self.house, self.words, self.questions.known)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What kind of source each type is, in the reader's words."""
        titles = {**self.house.plugins.titles, "manual": "By hand"}
        return {kind: self.words(title) for kind, title in titles.items()}

    @property
    def address(self) -> str:
        """Where this is, with all that was asked, for who shall come back to it."""
        query = self.request.url.query
        return quote(self.request.scope["path"]) + (f"?{query}" if query else "")

    @property
    def actor(self) -> str:
        """Who decides, as the log names it."""
        return "operator" if self.person is None else f"operator {self.person.name}"

    def may(self, role: str) -> bool:
        """Whether who asks has that role, or a larger one."""
        return self.person is not None and self.person.may(role)

    @property
    def fragment(self) -> str | None:
        """The part of the page that is wanted alone (`X-Fragment`)."""
        return self.request.headers.get("x-fragment")

    # -- what is asked ----------------------------------------------------------------

    def text(self, name: str, default: str = "") -> str:
        """A value of the query."""
        return plain(self.request.query_params.get(name, default))

    def texts(self, name: str) -> list[str]:
        """All values of a name in the query."""
        return [plain(value) for value in self.request.query_params.getlist(name)]

    def number(self, name: str, default: int) -> int:
        """A whole number of the query; the default for anything else, and for one below zero."""
        found = whole(self.text(name), longest=9)
        return default if found is None or found < 0 else found

    def field(self, name: str, default: str = "") -> str:
        """A field of the form."""
        value = self.form.get(name, default)
        return plain(value) if isinstance(value, str) else default

    def fields(self, name: str) -> list[str]:
        """All fields of a name."""
        return [plain(value) for value in self.form.getlist(name) if isinstance(value, str)]

    def view(self) -> tuple[str, View]:
        """The view that is asked for, or the default one."""
        views = self.house.config.settings.views
        name = self.text("view") or "default"
        if name not in views:
            meant = near(name, views)
            raise Misconfigured(f"there is no view {name!r}", hint=f"Did you mean {meant}?" if meant else None)
        return name, views[name]

    def at(self, address: str) -> Asking:
        """The same person asking for another address of the page, as the list that a form was sent from."""
        query = urlsplit(address).query.encode("utf-8", "replace")
        return replace(self, request=Request({**self.request.scope, "query_string": query}))

    def link(self, path: str, **values: Any) -> str:
        """An address of the page; empty values are left out, lists are repeated."""
        given = [
            (name, str(one))
            for name, value in values.items()
            for one in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])
            if one not in (None, "", False)
        ]
        return f"{path}?{urlencode(given)}" if given else path

    def told(self, error: KlientelaError) -> str:
        """What went wrong, in the reader's language."""
        return self.words.heard(error.message)

    # -- how it is answered ---------------------------------------------------------------

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page, or one fragment of it."""
        body = self.templates.get_template(template).render(
            asking=self, words=self.words, person=self.person, w=self.words, **values
        )
        answer = HTMLResponse(body, status, headers={"Vary": "X-Fragment, Cookie, Accept-Language"})
        if self.fragment is None and self.may("editor") and self.questions.due():
            answer.background = BackgroundTask(self.questions.count)  # for the pages after this one
        if self.fragment is None and "said" in self.request.cookies:
            answer.delete_cookie("said", path="/")  # it is shown now, and once
        return answer

    def go(self, path: str, said: str | None = None, *, undo: int | None = None) -> Response:
        """To another page, with one sentence that it shows once; `undo`: the decision that its button takes back."""
        answer = RedirectResponse(path, 303)
        if said is not None:
            answer.set_cookie(
                "said",
                urlencode({"text": said, **({"undo": str(undo)} if undo is not None else {})}),
                max_age=60,
                httponly=True,
                samesite="lax",
                path="/",
            )
        return answer


def plain(text: str) -> str:
    """What was sent, without the one character that PostgreSQL cannot be asked for."""
    return text.replace("\0", "")


__all__ = ["Asking", "plain"]
