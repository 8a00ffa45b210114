"""A person's rights on the profile: erased, several at once, everything that is kept (R56, R58)."""

from __future__ import annotations

import re
from io import BytesIO
from zipfile import ZipFile

from klientela.store import Store
from tests.cases.seen import account
from tests.shops import bring
from tests.web.conftest import Served
from tests.web.profiles import path, post, seen
from tests.web.someone import PDF, everything, mixed


def test_X24_X05_erasing_shows_what_goes_and_asks_twice(served: Served, store: Store) -> None:
    desk = everything(store)
    bring(store, "S", [account("B", "Anna", "Ahorn", phone="+49 30 111222", email="other@x.de")])
    client = served.client("admin")
    html = seen(client, path(desk) + "/erase")
    assert "main/customer/A, list/customer/7" in html
    assert "13 orders and carts stay without the person" in html
    assert post(client, path(desk) + "/erase", reason="asked for it").status_code == 400, "nobody ticked the box"
    named = post(client, path(desk) + "/erase", reason="Anna Ahorn asked", sure="1")
    assert named.status_code == 400
    assert "The reason names the person" in named.text
    assert desk.row("A", "main")["name"] == "Anna Ahorn"
    answer = post(client, path(desk) + "/erase", reason="asked for it", sure="1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers")
    assert client.get(path(desk)).status_code == 404
    assert "anna@x.de" not in str(desk.everything())


def test_X05_several_people_are_erased_after_one_look(served: Served, store: Store) -> None:
    desk = mixed(store)
    bring(store, "S", [account("1", "Ben", "Berg", email="ben@x.de"), account("2", "Cleo", "Roth", email="cleo@x.de")])
    client = served.client("admin")
    ids = [desk.public("A", "main"), desk.public("1", "S")]
    html = seen(client, f"/persons/erase?id={ids[0]}&id={ids[1]}")
    assert "main/customer/A, list/customer/7" in html
    assert "S/customer/1" in html
    form = {"id": ids, "reason": "asked for it"}
    assert client.post("/persons/erase", data=form).status_code == 400, "nobody ticked the box"
    assert len(desk.people()) == 3
    named = client.post("/persons/erase", data={**form, "reason": "Ben Berg asked", "sure": "1"})
    assert named.status_code == 400
    assert "1 person is erased." in named.text, "and which are not is still asked"
    assert re.findall(r'name="id" value="([^"]+)"', named.text) == [ids[1]]
    answer = client.post("/persons/erase", data={"id": ids[1:], "reason": "asked for it", "sure": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/customers")
    assert desk.people() == {frozenset({"S/2"})}
    assert client.get("/persons/erase").status_code == 400


def test_X05_whom_a_colleague_erased_meanwhile_keeps_nobody_else(served: Served, store: Store) -> None:
    desk = mixed(store)
    bring(store, "S", [account("1", "Ben", "Berg", email="ben@x.de"), account("2", "Cleo", "Roth", email="cleo@x.de")])
    client = served.client("admin")
    ids = [desk.public("A", "main"), desk.public("1", "S"), desk.public("2", "S")]
    said = {"reason": "asked for it", "sure": "1"}
    assert client.post(f"/customers/{ids[1]}/erase", data=said).status_code == 303
    told = client.post("/persons/erase", data={"id": ids, **said})
    assert (told.status_code, "was erased already" in told.text) == (400, True)
    assert "1 person is erased." in told.text
    assert re.findall(r'name="id" value="([^"]+)"', told.text) == ids[2:], "the other one is still asked about"


def test_R58_everything_kept_for_the_person(served: Served, store: Store) -> None:
    desk = everything(store)
    client = served.client("operator")
    answer = client.post(path(desk) + "/export", data={})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    with ZipFile(BytesIO(answer.content)) as archive:
        names = archive.namelist()
        assert {"person.json", "person.html"} <= set(names)
        letter = next(name for name in names if name.endswith("letter.pdf"))
        assert archive.read(letter) == PDF
    (line,) = desk.kinds("exported")
    assert line["actor"].startswith("operator operator"), "who took it stands in the log (R59)"
