"""T33, T36, T37, T42-T45, T64, T65 and T67 through the command, with lists, on both stores."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klientela_daemon.cli import main
from tests.conftest import fresh_schema

Run = Callable[..., Any]
COLUMNS = [
    "external_id", "first_name", "last_name", "company", "email", "phone", "created_at", "consent_email", "consent_at",
    "unsubscribed_at", "kind", "order_id", "total", "currency", "placed_at",
]  # fmt: skip
"""Columns of a list: people, and orders where they are filled in."""


def row(ext: object, first: str = "", last: str = "", **more: object) -> str:
    cells = {"external_id": ext, "first_name": first, "last_name": last, **more}
    assert cells.keys() <= set(COLUMNS)
    return ",".join(str(cells.get(name, "")) for name in COLUMNS)


def files(**rows: list[str]) -> None:
    for name, lines in rows.items():
        Path(f"{name}.csv").write_text("\n".join([",".join(COLUMNS), *lines, ""]), "utf-8")


def configure(store_url: str, *names: str) -> None:
    text = f'[store]\nurl = "{store_url}"\n[identity]\nrules = ["email", "phone"]\n'
    for name in names or ("a", "b"):
        text += f'[sources.{name}]\ntype = "csv"\npath = "{name}.csv"\nguests = "merge"\n'
    path = Path("klientela.toml")
    path.write_text(text, "utf-8")
    path.chmod(0o600)


@pytest.fixture
def run(command: Run, store_url: str) -> Run:
    """Run a verb with --json in a house with the lists `a` and `b`."""
    configure(store_url)
    return command


def sync(run: Run) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = run("sync", "--full")["runs"]
    assert {one["status"] for one in runs} == {"ok"}
    return runs


def whole(run: Run) -> None:
    assert run("rebuild", "--check")["equal"]
    assert run("audit", "verify")["whole"]


def exported() -> bytes:
    assert main(["export", "--format", "jsonl", "-o", "export.jsonl"]) == 0
    return Path("export.jsonl").read_bytes()


def names(run: Run, *args: str) -> list[str]:
    return sorted(one["name"] for one in run("customers", *args)["rows"])


ANNA = row("1", "Anna", "Ahorn", email="anna@x.de", created_at="2020-01-01T00:00:00Z")
SHE = row("7", "Anna", "Ahorn", email="anna@x.de", created_at="2021-01-01T00:00:00Z")
BEN = row("2", "Ben", "Birke", email="ben@x.de", created_at="2020-02-01T00:00:00Z")

# -- values ------------------------------------------------------------------------------------------------------------


def test_T33_what_came_first_decides_nothing(run: Run, store_url: str, request: pytest.FixtureRequest) -> None:
    dice = random.Random(33)
    people = [
        row(n, dice.choice(["Anna", "A.", "Ben", "Eva"]), dice.choice(["Lang", "Kurz", ""]),
            company=dice.choice(["ACME", "Foo", ""]), email=dice.choice(["a@x.de", "b@x.de", "c@x.de", ""]),
            phone=dice.choice(["+49 351 8472913", "+49 351 8472914", ""]),
            created_at=dice.choice(["", f"2020-01-01T00:00:{n:02d}Z"]))
        for n in range(50)
    ]  # fmt: skip
    found = set()
    for turn in range(3):
        if turn:
            url = f"sqlite:///turn{turn}.db"
            configure(url if store_url.startswith("sqlite") else fresh_schema(request.getfixturevalue("postgres_url")))
        halves = [[], []] if turn == 0 else [people[:20], people[10:]]  # at once, or by and by
        for part in halves:
            dice.shuffle(part)
            files(a=part, b=[])
            if part:
                run("sync")
        dice.shuffle(people)
        files(a=people, b=[])
        sync(run)
        found.add(exported())
        whole(run)
    (one,) = found
    assert 3 < len(one.splitlines()) < 45, "some joined, some did not"


def test_T36_a_name_is_chosen_whole(run: Run) -> None:
    files(
        a=[row("1", "Max", email="m@x.de", created_at="2020-01-01T00:00:00Z"), row("9", "", "Other", email="m@x.de")],
        b=[row("7", "Max", "Muster", email="m@x.de")],
    )
    sync(run)
    assert "Max Muster" in names(run)
    assert "Max Other" not in names(run)
    whole(run)


def test_T37_an_empty_company_is_supplemented_and_tells_where_it_is_from(run: Run) -> None:
    files(a=[ANNA], b=[row("7", "Anna", "Ahorn", email="anna@x.de", company="ACME")])
    sync(run)
    shown = run("customer", "a/customer/1")
    assert shown["company"] == "ACME"
    origin = shown["provenance"]["company"]
    assert (origin["value"], origin["source"], origin["record"]) == ("ACME", "b", "b/customer/7")
    whole(run)


# -- marks and consents ------------------------------------------------------------------------------------------------


def bought(ext: str, number: str, day: str, email: str) -> str:
    return row(ext, email=email, order_id=number, total="30.00", currency="EUR", placed_at=f"{day}T12:00:00Z")


def test_T42_T43_an_inactive_customer_is_in_one_list_only_and_stays_so_when_ordering_again(run: Run) -> None:
    files(a=[ANNA, BEN], b=[SHE])
    sync(run)
    before = run("statistics")
    made = run("inactive", "a/customer/1")
    assert names(run) == names(run, "--search", "x.de") == ["Ben Birke"]
    assert names(run, "--inactive") == ["Anna Ahorn"]
    assert run("statistics") != before, "she counts no more"
    for source, ext in (("a", "1"), ("b", "7")):
        rows = {"a": [ANNA, BEN], "b": [SHE]}
        day = "2026-01-02" if source == "a" else "2026-01-03"
        rows[source].append(bought(ext, f"{source}-10", day, "anna@x.de"))
        files(**rows)
        (told,) = [one for one in sync(run) if one["source"] == source]
        assert any("marked inactive ordered again" in remark for remark in told["remarks"]), told
        assert names(run, "--inactive") == ["Anna Ahorn"]
        assert run("customer", "a/customer/1")["orders"] == (1 if source == "a" else 2), "the order is stored"
    run("undo", str(made["seq"]))
    assert names(run) == ["Anna Ahorn", "Ben Birke"]
    whole(run)


def answer(run: Run, record: str) -> str:
    consents = run("customer", record)["consents"]
    return str(consents.get("email", {}).get("promotion", "unknown"))


def test_T44_the_later_denial_holds_for_both_and_each_gets_its_own_back(run: Run) -> None:
    yes = row("1", "Anna", "Ahorn", email="anna@x.de", consent_email="yes", consent_at="2021-01-01T12:00:00Z")
    no = row("2", "Bea", "Birke", email="bea@x.de", consent_email="no", unsubscribed_at="2021-03-01T12:00:00Z")
    files(a=[yes], b=[no])
    sync(run)
    assert (answer(run, "a/customer/1"), answer(run, "b/customer/2")) == ("granted", "denied")
    made = run("merge", "a/customer/1", "b/customer/2", "--reason", "one person")
    assert answer(run, "a/customer/1") == answer(run, "b/customer/2") == "denied"
    run("undo", str(made["seq"]))
    assert (answer(run, "a/customer/1"), answer(run, "b/customer/2")) == ("granted", "denied")
    whole(run)


def test_T45_an_objection_outlives_an_import_with_auto_subscribe(run: Run) -> None:
    files(a=[row("1", "Anna", "Ahorn", email="anna@x.de", consent_email="no", unsubscribed_at="2021-01-01T12:00:00Z")],
          b=[BEN])  # fmt: skip
    sync(run)
    Path("later.csv").write_text("Email,First Name,Last Name\nanna@x.de,Anna,Ahorn\n", "utf-8")
    made = run("import", "later.csv", "--into", "b", "--subscribe")
    assert len(run("customer", "a/customer/1")["records"]) == 2
    assert answer(run, "a/customer/1") == "denied"
    assert run("may-contact", "a/customer/1", "email", "promotion", code=1)["allowed"] is False
    run("import", "undo", str(made["batch"]))
    assert answer(run, "a/customer/1") == "denied"
    whole(run)


# -- persons' rights ---------------------------------------------------------------------------------------------------


def totals(run: Run) -> list[Any]:
    """Revenue and transactions of the month of the order."""
    told = run("statistics", "--from", "2026-01-01", "--to", "2026-01-31")
    found = [line for line in told["series"] if line["what"] != "customers"]
    assert found[0]["lines"][0]["total"], "there is something to keep"
    return found


def test_T64_nobody_who_was_erased_comes_back(run: Run) -> None:
    files(a=[ANNA, BEN, bought("1", "A-10", "2026-01-02", "anna@x.de")], b=[SHE])
    sync(run)
    run("backup", "yesterday")
    before = totals(run)
    run("person", "erase", "a/customer/1", "--reason", "asked by letter")
    for _ in range(2):
        assert sum(one["suppressed"] for one in sync(run)) == 2
        assert names(run) == ["Ben Birke"]
        assert "anna@x.de" not in exported().decode()
        assert totals(run) == before, "the shop's totals stay"
        run("restore", "yesterday")
        assert names(run) == ["Ben Birke"]
    whole(run)


def test_T65_who_shares_mailbox_and_phone_stays_whole(run: Run) -> None:
    ben = row("2", "Ben", "Birke", email="home@x.de", phone="+49 351 8472913", created_at="2020-02-01T00:00:00Z")
    anna = row("1", "Anna", "Ahorn", email="home@x.de", phone="+49 351 8472913", created_at="2020-01-01T00:00:00Z")
    files(a=[anna, ben], b=[row("z", "Zoe", "Zorn")])
    sync(run)
    assert names(run) == ["Anna Ahorn", "Ben Birke", "Zoe Zorn"], "a household is two people"
    before = run("customer", "a/customer/2")
    run("person", "erase", "a/customer/1", "--reason", "asked")
    after = run("customer", "a/customer/2")
    for field in ("id", "name", "email", "phone"):
        assert after[field] == before[field]
    files(a=[anna, ben.replace("Birke", "Birke-Ulm")], b=[row("z", "Zoe", "Zorn")])
    (told,) = [one for one in sync(run) if one["source"] == "a"]
    assert told["suppressed"] == 1
    assert names(run) == ["Ben Birke-Ulm", "Zoe Zorn"]
    whole(run)


def test_T67_the_export_of_a_merged_profile_holds_everything_and_nobody_else(run: Run) -> None:
    twin = row("8", "Anna", "Ahorn", email="anna@x.de", company="ZWILLING GmbH")
    acme = row("7", "Anna", "Ahorn", email="anna@x.de", company="ACME")
    files(a=[ANNA, bought("1", "A-10", "2026-01-02", "anna@x.de")], b=[acme, twin])
    sync(run)
    run("split", "a/customer/1", "--record", "b/customer/8", "--reason", "her twin")
    run("note", "a/customer/1", "likes tea")
    run("person", "export", "a/customer/1", "-o", "anna.zip")
    with zipfile.ZipFile("anna.zip") as archive:
        text, page = archive.read("person.json").decode(), archive.read("person.html").decode()
    data = json.loads(text)
    assert {(one["source"], one["external_id"]) for one in data["records"]} == {("a", "1"), ("b", "7")}
    assert [edge["rule"] for edge in data["joined"]["because"]] == ["email"]
    for said in ("ACME", "A-10", "likes tea"):
        assert said in text
        assert said in page
    assert "ZWILLING" not in text + page, "nothing of the twin"
