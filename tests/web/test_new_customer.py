"""Adding a customer by hand on the page: who is written, who is warned, what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from klientela.store import Store
from tests.cases.seen import Desk, account
from tests.shops import bring
from tests.web.axe import violations
from tests.web.conftest import Served

Browse = Callable[..., Page]
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)

ANNA = {"first_name": "Anna", "last_name": "Neu", "email": "anna@neu.example", "city": "Köln", "country": "Deutschland"}


def test_S28_S29_X02_a_customer_is_added_with_a_tag_and_taken_back(served: Served, store: Store) -> None:
    client = served.client("editor")
    assert client.get("/customers").text.count('href="/customers/new"') == 1
    answer = client.post("/customers/new", data={**ANNA, "tag": "vip"})
    assert answer.status_code == 303, answer.text
    (row,) = Desk(store).rows()
    assert answer.headers["location"] == f"/customers/{row['id']}"
    assert (row["name"], row["status"], row["tags"], row["country"]) == ("Anna Neu", "registered", ["vip"], "DE")
    (line,) = Desk(store).kinds("imported")
    assert line["actor"].startswith("operator editor")
    assert client.post("/undo", data={"seq": str(line["seq"]), "to": "/customers"}).status_code == 303
    assert Desk(store).rows() == []


@pytest.mark.parametrize(("ticked", "state"), [({}, "unknown"), ({"subscribe": "1"}, "granted")])
def test_S30_the_mailing_list_is_entered_only_when_ticked(
    served: Served, store: Store, ticked: dict[str, str], state: str
) -> None:
    page = served.client("editor").get("/customers/new").text
    assert "checked" not in page
    assert served.client("editor").post("/customers/new", data=ANNA | ticked).status_code == 303
    (row,) = Desk(store).rows()
    assert row["consents"]["email"]["promotion"] == state


def test_S28_who_exists_already_is_named_before_anything_is_written(served: Served, store: Store) -> None:
    bring(store, "shop", [account("1", "Anna", "Alt", email="ANNA@neu.example", phone="+49 30 1234567")])
    client = served.client("editor")
    answer = client.post("/customers/new", data=ANNA)
    assert answer.status_code == 409
    assert "Anna Alt" in answer.text
    assert "same e-mail" in answer.text
    assert Desk(store).count("batch") == 0
    sure = answer.text.partition('name="sure" value="')[2].partition('"')[0]
    other = client.post("/customers/new", data={**ANNA, "sure": "x"})
    assert other.status_code == 409, "a yes to somebody else is no yes to Anna"
    assert client.post("/customers/new", data={**ANNA, "sure": sure}).status_code == 303
    assert Desk(store).count("batch") == 1


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({}, "nothing says who"),
        ({"city": "Köln"}, "nothing says who"),
        ({"email": "anna"}, "no e-mail address"),
        ({"first_name": "Anna", "phone": "abc"}, "phone"),
        ({"first_name": "Anna", "country": "Utopia"}, "country"),
        ({"first_name": "Anna", "subscribe": "1"}, "without an e-mail"),
        ({"first_name": "Anna", "tag": "a,b"}, "tag"),
        ({"first_name": "A" * 201}, "longer than 200"),
    ],
)
def test_what_is_wrong_is_told_beside_what_was_typed(
    served: Served, store: Store, form: dict[str, str], wrong: str
) -> None:
    answer = served.client("editor").post("/customers/new", data=form)
    assert answer.status_code == 400
    assert wrong in answer.text.lower()
    assert form.get("first_name", "") in answer.text
    assert Desk(store).count("batch") == 0


def test_viewers_add_nobody(served: Served, store: Store) -> None:
    client = served.client("viewer")
    assert "/customers/new" not in client.get("/customers").text
    assert client.post("/customers/new", data=ANNA).status_code == 403


def test_hostile_values_are_words(served: Served) -> None:
    hostile = '"><script>alert(1)</script>'
    page = served.client("editor").post("/customers/new", data={"first_name": hostile, "country": hostile}).text
    assert hostile not in page
    assert "&#34;&gt;&lt;script&gt;" in page


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_axe_finds_nothing(served: Served, browse: Browse, way: dict[str, int]) -> None:
    assert violations(browse("/customers/new", role="editor", **way)) == []
