"""Who may what: every way of the page times every role, held against a table that is written here once more."""

from __future__ import annotations

import re

import httpx
import pytest

from klientela.store.users import ROLES
from klientela_web.pages import every_way
from klientela_web.ways import Way
from tests.web.conftest import Served

NOBODY, VIEWER, EDITOR, OPERATOR, ADMIN = None, "viewer", "editor", "operator", "admin"

TAKES: dict[str, str | None] = {
    "GET /sign-in": NOBODY, "POST /sign-in": NOBODY, "GET /enter/{secret}": NOBODY, "GET /q/{token}": NOBODY,
    "POST /language": NOBODY, "POST /sign-out": VIEWER,
    "GET /": VIEWER, "GET /customers": VIEWER, "GET /customers/export": VIEWER, "POST /customers/bulk": VIEWER,
    "GET /customers/bulk": VIEWER,
    "GET /customers/{id}": VIEWER, "GET /customers/{id}/why": VIEWER, "GET /why/{id}": VIEWER,
    "GET /orders": VIEWER, "GET /orders/{key:path}": VIEWER, "GET /campaigns": VIEWER, "GET /campaigns/{key:path}": VIEWER,
    "GET /files/{sha256}": VIEWER, "GET /files/{sha256}/look": VIEWER, "GET /audit": VIEWER, "GET /settings": VIEWER,
    "GET /imports": VIEWER, "GET /imports/sample": VIEWER, "GET /sources": VIEWER, "GET /sources/progress": VIEWER,
    "GET /runs": VIEWER, "GET /find": VIEWER,
    "GET /customers/new": EDITOR, "POST /customers/new": EDITOR, "POST /customers/bulk/do": EDITOR, "POST /undo": EDITOR,
    "GET /orders/new": EDITOR, "POST /orders/new": EDITOR, "POST /orders/send": EDITOR,
    "POST /orders/edit": EDITOR, "POST /orders/pin": EDITOR, "POST /orders/unpin": EDITOR, "GET /merges": EDITOR,
    "GET /rules": EDITOR, "GET /quarantine": EDITOR,
    **{f"POST /customers/{{id}}/{form}": EDITOR for form in
       ("edit", "pin", "unpin", "remark", "note", "picture", "tag", "untag", "consent", "inactive", "active")},
    "GET /customers/{id}/message": EDITOR, "POST /customers/{id}/message": EDITOR,
    "POST /customers/{id}/message/{message}/again": EDITOR,
    "POST /orders/looked": OPERATOR,
    "POST /merges/decide": OPERATOR, "POST /merges/merge": OPERATOR, "POST /rules": OPERATOR,
    "POST /customers/{id}/split": OPERATOR, "POST /customers/{id}/export": OPERATOR, "POST /sources/{name}/sync": OPERATOR,
    "GET /imports/new": OPERATOR, "POST /imports/new": OPERATOR, "GET /imports/files/{token}": OPERATOR,
    "POST /imports/files/{token}": OPERATOR, "GET /imports/files/{token}/report": OPERATOR,
    "GET /imports/files/{token}/fix": OPERATOR, "GET /imports/{batch}/undo": OPERATOR, "POST /imports/{batch}/undo": OPERATOR,
    "POST /settings/users": ADMIN, "POST /settings/users/change": ADMIN, "POST /settings/tokens/revoke": ADMIN,
    "GET /persons/erase": ADMIN, "POST /persons/erase": ADMIN, "GET /customers/{id}/erase": ADMIN, "GET /_kit": ADMIN,
    "POST /customers/{id}/erase": ADMIN,
}  # fmt: skip
"""The smallest role that each way takes. Whoever adds a way writes it down here; until then `LEAST` holds for it."""

LEAST: tuple[tuple[str, str], ...] = (
    (r"erase|/settings/.", ADMIN),
    (r"^POST .*(merge|split|import|rules|sync|run)", OPERATOR),
    (r"^POST ", EDITOR),
    (r"^GET ", VIEWER),
)
"""What a way takes at least that nobody wrote down: erasing and accounts an administrator, deciding who is one person and
running an operator, any other change an editor."""

WAYS = list(every_way())


def name(way: Way) -> str:
    return f"{way.method} {way.path}"


def rank(role: str | None) -> int:
    return -1 if role is None else ROLES.index(role)


def test_the_table_is_about_ways_that_there_are() -> None:
    assert TAKES.keys() - {name(way) for way in WAYS} == set()


@pytest.mark.parametrize("way", WAYS, ids=name)
def test_a_way_takes_the_role_it_should(way: Way) -> None:
    told = name(way)
    if told in TAKES:
        assert way.role == TAKES[told]
    else:
        least = next(role for pattern, role in LEAST if re.search(pattern, told))
        assert rank(way.role) >= rank(least), f"{told} takes {way.role}: write it down in TAKES"


def asked(client: httpx.Client, way: Way) -> httpx.Response:
    path = re.sub(r"\{[^}]*\}", "1", way.path)
    headers = {"accept": "text/html"}
    if way.method == "GET":
        return client.get(path, headers=headers)
    return client.post(path, headers=headers, data={"x": "1"})


@pytest.mark.parametrize("role", [NOBODY, *ROLES])
def test_every_way_with_every_role(served: Served, role: str | None) -> None:
    """Too small a role is refused before anything is looked at; nobody is sent to the sign-in."""
    client = served.client(role)
    ends = {"POST /sign-out", "POST /sign-in", "GET /sign-in"}  # they end the session, or are for who has none
    for way in WAYS:
        if name(way) in ends or "progress" in way.path:
            continue
        status = asked(client, way).status_code
        if rank(role) >= rank(way.role):
            assert status not in (401, 403), f"{role}: {name(way)}"
            assert status < 500, f"{role}: {name(way)}"
        else:
            assert status == (403 if role is not None else 303 if way.method == "GET" else 401), f"{role}: {name(way)}"


def test_a_session_that_was_made_up_is_nobody(served: Served) -> None:
    client = served.client("admin")
    client.cookies.set("klientela", client.cookies["klientela"][:-1] + "x")
    for way in WAYS:
        if way.role is not None:
            assert asked(client, way).status_code in (303, 401), name(way)
