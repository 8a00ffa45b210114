"""Signing in: by password, by the demo's link, never from another site; every way asks who it is."""

from __future__ import annotations

import re

import httpx
import pytest

from klientela.store import Store, users
from klientela_daemon.page import door, first_steps
from klientela_web.pages import every_way
from klientela_web.pages.signin import TRIES
from klientela_web.ways import Way
from tests.web.conftest import PASSWORD, Served

WAYS = [way for way in every_way() if way.role is not None]


def _path(way: Way) -> str:
    return re.sub(r"\{[^}]*\}", "1", way.path)


def sign_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    return client.post("/sign-in", data={"name": name, "password": password, "to": "/customers?page=2"})


@pytest.fixture
def anna(store: Store) -> str:
    with store.step("test") as step:
        users.add(step, "anna", PASSWORD, "viewer")
    return "anna"


def test_a_person_signs_in_and_out(served: Served, anna: str) -> None:
    client = served.client()
    assert client.get("/customers").headers["location"] == "/sign-in?to=%2Fcustomers"
    answer = sign_in(client, anna, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers?page=2")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/customers").status_code == 200
    form = re.search(r'name="form" content="([^"]+)"', client.get("/customers").text)
    assert form is not None
    secret = client.cookies["klientela"]
    assert client.post("/sign-out", data={"form": form[1]}).headers["location"] == "/sign-in"
    client.cookies.set("klientela", secret)
    assert client.get("/customers").status_code == 303, "the session ended in the store too"


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong words entirely"), ("bert", PASSWORD), ("anna", "")])
def test_a_wrong_name_or_password_is_told_alike(served: Served, anna: str, name: str, password: str) -> None:
    answer = sign_in(served.client(), name, password)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "set-cookie" not in answer.headers


def test_after_many_wrong_tries_even_the_right_password_waits(
    served: Served, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from klientela_web.pages import signin

    monkeypatch.setattr(signin, "_tries", signin.Tries())
    client = served.client()
    for _ in range(TRIES):
        assert sign_in(client, "carl", "guess guess").status_code == 401
    assert sign_in(client, anna, PASSWORD).status_code == 429
    monkeypatch.setattr(signin, "_tries", signin.Tries())
    assert sign_in(client, anna, PASSWORD).status_code == 303


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
def test_signing_in_leads_nowhere_else(served: Served, anna: str, to: str) -> None:
    answer = served.client().post("/sign-in", data={"name": anna, "password": PASSWORD, "to": to})
    assert answer.headers["location"] == "/"


def test_a_link_of_the_demo_works_once(served: Served, store: Store) -> None:
    address = door(store, served.url)
    one, two = served.client(), served.client()
    assert one.get(address).status_code == 303
    assert one.get("/customers").status_code == 200
    assert two.get(address).status_code in (303, 401)
    assert two.get("/customers").status_code == 303


def test_a_disabled_person_is_out_at_once(served: Served, store: Store, anna: str) -> None:
    client = served.client()
    sign_in(client, anna, PASSWORD)
    with store.step("test") as step:
        users.disable(step, anna)
    assert client.get("/customers").status_code == 303
    assert sign_in(served.client(), anna, PASSWORD).status_code == 401


def test_the_first_start_says_how_to_make_a_user(store: Store) -> None:
    told = first_steps(store, "http://127.0.0.1:8000")
    assert told is not None
    assert "klientela user new" in told
    with store.step("test") as step:
        users.add(step, "anna", PASSWORD, "admin")
    assert first_steps(store, "http://127.0.0.1:8000") is None


def test_a_form_without_our_token_or_from_another_site_does_nothing(served: Served) -> None:
    client = served.client("admin")
    right = client.headers["x-form"]
    wrong = right[:-1] + ("y" if right[-1] == "x" else "x")
    ways = [way for way in WAYS if way.write]
    assert len(ways) > 20
    for way in ways:
        for headers in ({"x-form": ""}, {"x-form": wrong}, {"x-form": right, "sec-fetch-site": "cross-site"},
                        {"x-form": right, "origin": "https://elsewhere.example"}):  # fmt: skip
            status = client.post(_path(way), headers=headers, data={"x": "1"}).status_code
            assert status == 403, f"{way.method} {way.path} {headers}"


def test_every_answer_has_a_strict_policy_and_is_kept_by_nobody(served: Served) -> None:
    client = served.client("viewer")
    for path in ("/customers", "/sign-in", "/nowhere", "/customers?view=none"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert " style=" not in answer.text
        assert " onclick" not in answer.text
