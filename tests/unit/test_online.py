"""What the kit does for sources that speak HTTP: fields that stay absent, pages that go on, one client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from klientela.kit import UNSET, Checked, Http, HttpSource, Person, Rejected, SourceSettings, Stream, pages, take
from klientela.testing import serve


def test_take_keeps_absent_cleared_and_values_apart() -> None:
    row = {"email": "a@post.example", "tel": None, "ort": "", "other": 1}
    assert take(row, "email", "last_name", phone="tel", city="ort", zip="plz") == {
        "email": "a@post.example", "phone": None, "city": None,
    }  # fmt: skip
    made = Person(external_id="1", **take(row, "last_name"))
    assert made.last_name is UNSET


def test_pages_go_on_where_the_answer_says_and_name_what_they_refuse() -> None:
    lists: dict[Any, tuple[list[Any], Any]] = {
        None: ([{"nr": "1"}, {"nr": "2", "bad": True}], 7),
        7: ([], 9),
        9: ([], None),
    }
    asked = []

    def ask(position: Any) -> tuple[list[Any], Any]:
        asked.append(position)
        return lists[position]

    def person(row: dict[str, Any]) -> Person:
        if "bad" in row:
            raise ValueError("no good")
        return Person(external_id=row["nr"])

    made = list(pages(ask, person, key=lambda row: row["nr"]))
    assert asked == [None, 7, 9]
    assert [one.position for one in made] == [7, 9, None]
    first, second = made[0].records
    assert isinstance(first, Person)
    assert isinstance(second, Rejected)
    assert second.key == "2"
    assert next(iter(pages(ask, person, 9))).position is None


class Clocked(HttpSource):
    """A source that counts its clients."""

    type = "clocked"
    title = "Clocked"
    made = 0

    def connect(self) -> Http:
        self.made += 1
        return Http(self.name, stop=self.stop)

    def check(self) -> Checked:
        return Checked(self.http.get_json("/")["id"])

    def streams(self) -> Sequence[Stream]:
        return []


def test_one_client_is_made_when_it_is_needed_and_tells_the_shops_time() -> None:
    def root(request: Any) -> JSONResponse:
        return JSONResponse({"id": "x"}, headers={"Date": "Sun, 01 Mar 2026 08:00:00 GMT"})

    with serve(Starlette(routes=[Route("/", root)])) as url:
        source = Clocked(url, SourceSettings(type="clocked"))
        source.close()  # nothing was made, nothing is let go of
        assert source.made == 0
        assert source.now() == 1_772_352_000_000_000
        assert source.check() == Checked("x")
        assert source.made == 1
        source.close()


def test_a_source_without_connect_says_so_at_once() -> None:
    with pytest.raises(NotImplementedError):
        HttpSource("x", SourceSettings(type="x")).http  # noqa: B018
