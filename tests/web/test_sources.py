"""Sources, runs, quarantine and settings: how things are doing, a run right now, who may use the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from klientela.kit import Rejected
from klientela.store import Store, users
from tests.cases.seen import account
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import CONFIG, PASSWORD, Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def shops(served: Served, store: Store, tmp_path: Path) -> Served:
    """A file as source, which was read once, and a shop that left the configuration with a record it could not tell."""
    (tmp_path / "people.csv").write_text("email\na@x.de\n", encoding="utf-8")
    served.configure(CONFIG + f'[sources.list]\ntype = "csv"\npath = "{tmp_path / "people.csv"}"\nevery = "5m"\n')
    bring(
        store,
        "old",
        [account("1", "Anna"), Rejected(reason="it has no id", key="7", payload='{"name": "<b>Bert</b>"}')],
    )
    return served


def test_sources_say_how_they_are_doing(shops: Served) -> None:
    page = shops.client("editor").get("/sources").text
    assert "never read" in page
    assert "not in the configuration" in page
    assert "1 record could not be taken" in page
    assert "every 5 minutes" in page


def test_a_source_is_run_now_by_who_may(shops: Served) -> None:
    assert shops.client("editor").post("/sources/list/sync").status_code == 403
    answer = shops.client("operator").post("/sources/list/sync")
    assert (answer.status_code, answer.headers["location"], shops.asked) == (303, "/sources", ["list"])
    assert shops.client("operator").post("/sources/old/sync").status_code == 404


def test_runs_are_told_newest_first_and_by_source(shops: Served, store: Store) -> None:
    for _ in range(60):
        bring(store, "old", [account("1", "Anna")])
    client = shops.client("viewer")
    page = client.get("/runs").text
    assert page.count("<time datetime") == 50
    older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert client.get(older).text.count("<time datetime") == 11
    assert "Nothing has run yet" in client.get("/runs", params={"source": "list"}).text


def test_the_quarantine_shows_what_came_as_words(shops: Served) -> None:
    page = shops.client("editor").get("/quarantine", params={"source": "old"}).text
    assert "it has no id" in page
    assert "&lt;b&gt;Bert&lt;/b&gt;" in page
    assert "Nothing is in quarantine" in shops.client("editor").get("/quarantine", params={"source": "list"}).text


def test_progress_is_told_as_a_document_and_as_a_stream(shops: Served) -> None:
    shops.running["list"] = {"stream": "people", "pages": 1, "read": 250, "new": 3, "changed": 0}
    client = shops.client("viewer")
    assert client.get("/sources/progress").json()["running"]["list"]["read"] == 250
    with client.stream("GET", "/sources/progress", headers={"accept": "text/event-stream"}) as stream:
        lines = stream.iter_lines()
        told = next(line for line in lines if line.startswith("data:"))
    assert json.loads(told[5:])["list"]["new"] == 3


@on_sqlite
def test_progress_moves_on_the_page(shops: Served, browse: Browse) -> None:
    shops.running["list"] = {"stream": "people", "pages": 1, "read": 250, "new": 3, "changed": 0}
    tab = browse("/sources")
    expect(tab.locator('[data-source="list"] [data-live-progress]')).to_have_text("250 read, 3 new")
    shops.running.clear()
    expect(tab.locator('[data-source="list"] [data-live-progress]')).to_have_text("")


def test_people_are_made_changed_and_shut_out_by_administrators(served: Served, store: Store) -> None:
    client = served.client("admin")
    assert (
        client.post("/settings/users", data={"name": "bert", "password": PASSWORD, "role": "editor"}).status_code == 303
    )
    for data, wrong in (
        ({"name": "bert", "password": PASSWORD, "role": "editor"}, "already"),
        ({"name": "carl", "password": "short", "role": "editor"}, "at least 10"),
        ({"name": "carl", "password": PASSWORD, "role": "king"}, "no role"),
    ):
        answer = client.post("/settings/users", data=data)
        assert answer.status_code == 400
        assert wrong in answer.text
    assert client.post("/settings/users/change", data={"name": "bert", "do": "disable"}).status_code == 303
    with store.reading() as db:
        people = {one["name"]: one for one in users.listed(db)}
    assert people["bert"]["disabled"]
    me = next(name for name, one in people.items() if one["role"] == "admin")
    for data in ({"do": "disable"}, {"do": "role", "role": "viewer"}):
        answer = client.post("/settings/users/change", data={"name": me, **data})
        assert (answer.status_code, "must be an administrator" in answer.text) == (400, True)
    assert client.get("/customers").status_code == 200, "nothing of it was written, so the session stands"


def test_only_administrators_see_people_and_tokens(served: Served) -> None:
    assert "New password" not in served.client("operator").get("/settings").text
    assert "New password" in served.client("admin").get("/settings").text


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@pytest.mark.parametrize("path", ["/sources", "/runs", "/quarantine", "/settings", "/sign-in?to=/x"])
@on_sqlite
def test_axe_finds_nothing(shops: Served, browse: Browse, way: dict[str, int], path: str) -> None:
    role = None if path.startswith("/sign-in") else "admin"
    assert violations(browse(path, role=role, **way)) == []
