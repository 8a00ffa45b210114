"""`customers --as-of` and `customer --as-of` as commands: what was known then, and every way to ask wrongly."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure
from tests.daemon.house import Process
from tests.daemon.verbs import LIST, document

COLUMNS = '[sources.list.columns]\nexternal_id = "No"\n'
ANNA = "list/customer/1"


def people(folder: Path, *rows: str) -> None:
    (folder / "people.csv").write_text("No,Email,First Name,Last Name,City\n" + "".join(f"{row}\n" for row in rows))


def now() -> str:
    """This moment; what is done next is later, and what was done is not."""
    at = datetime.now(UTC)
    while datetime.now(UTC) == at:
        time.sleep(0.001)
    return at.isoformat()


@pytest.fixture
def days(run: Any, here: Path) -> dict[str, str]:
    """A list that came, changed, and was put right by hand; the moments in between."""
    configure(LIST + COLUMNS)
    found = {}
    people(here, "1,a@x.example,Anna,Alt,Berlin", "2,a2@x.example,Anna,Alt,Berlin")
    found["before"] = now()
    document(run, "sync")
    found["came"] = now()
    document(run, "merge", ANNA, "list/customer/2", "--reason", "one")
    found["merged"] = now()
    people(here, "1,a@x.example,Anna,Alt,Wien", "2,a2@x.example,Anna,Alt,Berlin", "3,b@x.example,Bernd,Neu,Wien")
    document(run, "sync")
    return found


def test_the_list_of_each_moment(run: Any, days: dict[str, str]) -> None:
    assert document(run, "customers", "--as-of", days["before"])["rows"] == []
    assert document(run, "customers", "--as-of", days["before"])["as_of"] == {"seq": None, "at": None}
    came = document(run, "customers", "--as-of", days["came"])
    assert sorted(row["email"] for row in came["rows"]) == ["a2@x.example", "a@x.example"]
    merged = document(run, "customers", "--as-of", days["merged"])
    (anna,) = merged["rows"]
    assert anna["city"] == "Berlin"
    assert anna["id"] in {row["id"] for row in came["rows"]}
    assert merged["as_of"]["seq"] > came["as_of"]["seq"]
    assert merged["as_of"]["at"] < days["merged"]
    assert document(run, "customers", "--as-of", days["merged"], "--search", "wien")["rows"] == []
    today = document(run, "customers")
    assert (today["total"], "as_of" in today, today["left"]) == (2, False, 0)
    code, out, err = run("customers", "--as-of", days["merged"])
    assert (code, err) == (0, "")
    assert f"1-1 of 1 customer as of change {merged['as_of']['seq']}, " in out


def test_the_profile_of_each_moment(run: Any, days: dict[str, str]) -> None:
    came = document(run, "customer", ANNA, "--as-of", days["came"])
    assert (came["city"], len(came["records"]), came["history"]) == ("Berlin", 1, [])
    merged = document(run, "customer", ANNA, "--as-of", days["merged"])
    assert (merged["city"], len(merged["records"])) == ("Berlin", 2)
    assert [one["field"] for one in merged["history"]] == ["records"], "that they were joined, not that one has moved"
    assert (
        document(run, "customer", ANNA, "--as-of", now())["history"] == document(run, "customer", ANNA)["history"] != []
    )
    today = document(run, "customer", came["id"])
    assert (today["city"], len(today["records"])) == ("Wien", 2)
    for one in came, merged:
        assert json.dumps(one).count("Wien") == 0
    code, out, err = run("customer", ANNA, "--as-of", days["came"])
    assert (code, err) == (0, "")
    assert f", as of change {came['as_of']['seq']}, " in out


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("customers", "--as-of", "2999-01-01"), 2, "is yet to come"),
        (("customers", "--as-of", "yesterday"), 2, "'yesterday' is no time"),
        (("customers", "--as-of", ""), 2, "'' is no time"),
        (("customers", "--as-of", "2026-02-30"), 2, "is no time"),
        (("customer", ANNA, "--as-of", "2999-01-01"), 2, "is yet to come"),
        (("customer", ANNA, "--as-of", "soon"), 2, "'soon' is no time"),
        (("customer", ANNA, "--as-of", "2001-01-01"), 1, "nothing was known of"),
        (("customer", "list/customer/99", "--as-of", "2001-01-01"), 1, "there is no record"),
        (("customer", "nonsense", "--as-of", "2001-01-01"), 1, "neither the id of a customer nor"),
        (("customers", "--as-of"), 2, "--as-of"),
    ],
)
def test_what_cannot_be_asked(run: Any, days: dict[str, str], args: tuple[str, ...], code: int, words: str) -> None:
    done, out, err = run(*args)
    assert (done, out) == (code, "")
    assert words in err
    assert len(err.splitlines()) <= 2, "a sentence, and what to do next"


def test_who_came_later_is_not_known_by_any_of_his_names(run: Any, days: dict[str, str]) -> None:
    bernd = next(row for row in document(run, "customers")["rows"] if row["first_name"] == "Bernd")
    for name in (bernd["id"], "list/customer/3"):
        said = document(run, "customer", name, "--as-of", days["merged"], code=1)["error"]
        assert said["kind"] == "unknown"
        assert said["message"].startswith(f"nothing was known of {name} on ")
        assert said["hint"] == f"`klientela audit --customer {name}` says since when"


def test_what_a_killed_derivation_leaves_is_removed_by_the_next(run: Any, here: Path, days: dict[str, str]) -> None:
    place = here / "tmp"
    place.mkdir()
    killed = Process(here, "rebuild", "--check", KLIENTELA_FAILPOINT="step.before_commit:1", TMPDIR=str(place))
    assert killed.wait() == -signal.SIGKILL
    (left,) = place.iterdir()
    assert (left / "scratch.db").exists()
    assert Process(here, "rebuild", "--check", TMPDIR=str(place)).wait() == 0
    assert list(place.iterdir()) == []
