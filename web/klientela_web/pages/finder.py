"""What the command palette finds: customers by name or e-mail, pages by name, and what can be done from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast
from urllib.parse import quote

from starlette.responses import Response

from klientela.store.overview import listing
from klientela_web.asking import Asking
from klientela_web.ways import Nav, get

MOST = 6
"""Customers that are shown."""


class Found(NamedTuple):
    """One thing to choose. `href`: where it leads; `post`: what is asked for by a form; `do`: what the page does by itself."""

    kind: str  # customer, page, command
    name: str
    icon: str
    beside: str = ""
    href: str = ""
    post: str = ""
    do: str = ""


class Verb(NamedTuple):
    """Something to do, and the role it takes."""

    name: str
    icon: str
    role: str
    href: str = ""
    do: str = ""


PAGES = (
    ("Rules", "adjustments", "/rules"),
    ("Records that could not be taken", "alert-triangle", "/quarantine"),
    ("Settings", "settings", "/settings"),
)
"""Pages that do not stand at the side."""
VERBS = (
    Verb("Add customer", "user-plus", "editor", "/customers/new"),
    Verb("Import customers", "upload", "operator", "/imports/new"),
    Verb("Export the list", "download", "viewer", "/customers/export"),
    Verb("Join two customers", "git-merge", "operator", "/merges"),
    Verb("Light or dark", "moon", "viewer", do="theme"),
    Verb("Show the keys", "keyboard", "viewer", do="keys"),
)


def show(asking: Asking) -> Response:
    """The options for what was typed; pages and commands where nothing was."""
    text = asking.text("q").strip()[:200]
    return asking.show("_found.html", found=[*_customers(asking, text), *_pages(asking, text), *_verbs(asking, text)])


def _customers(asking: Asking, text: str) -> Iterator[Found]:
    if not text:
        return
    with asking.store.reading() as db:
        rows = listing(db, asking.house.config.settings.views["default"], search=text, size=MOST).rows
    for row in rows:
        beside = row["email"] if row["email"] != row["name"] else row["city"]
        yield Found("customer", row["name"], "user", beside or "", href=f"/customers/{row['id']}")


def _pages(asking: Asking, text: str) -> Iterator[Found]:
    ways = cast(Sequence[Nav], asking.templates.globals["ways"])
    takes = cast(Mapping[str, str], asking.templates.globals["takes"])
    for name, icon, path in (*((nav.name, nav.icon, nav.path) for nav in ways), *PAGES):
        said = asking.words(name)
        if asking.may(takes[path]) and _meant(text, said):
            yield Found("page", said, icon, href=path)


def _verbs(asking: Asking, text: str) -> Iterator[Found]:
    for verb in VERBS:
        said = asking.words(verb.name)
        if asking.may(verb.role) and _meant(text, said):
            yield Found("command", said, verb.icon, href=verb.href, do=verb.do)
    if asking.may("operator") and text:
        for name, one in sorted(asking.house.config.settings.sources.items()):
            said = asking.words("Read %(name)s now", name=name)
            if one.type != "api" and _meant(text, said):
                yield Found("command", said, "refresh", post=f"/sources/{quote(name, safe='')}/sync")


def _meant(text: str, said: str) -> bool:
    """Whether every word that was typed begins one of what is said."""
    parts = said.casefold().replace("-", " ").split()
    return all(any(part.startswith(word) for part in parts) for word in text.casefold().split())


WAYS = (get("/find", "viewer", show),)

__all__ = ["MOST", "PAGES", "VERBS", "WAYS", "Found"]
