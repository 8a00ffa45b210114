"""T07, T31, T32, T34, T35 and T68 through the command, with lists, on both stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klientela_daemon.cli import main

Run = Callable[..., Any]
HEAD = "external_id,first_name,last_name,email,phone,street,zip,country,created_at,kind,order_id,total,currency,placed_at\n"


@pytest.fixture
def run(command: Run, store_url: str) -> Run:
    """Run a verb with --json in a house with two lists; what it printed. `code`: expected."""
    configure(store_url)
    return command


def configure(store_url: str, *, guests: str = "merge", rules: str = '"email", "number", "phone", "address"') -> None:
    """The house: lists `a` and `b`, with a guest policy and rules."""
    text = f'[store]\nurl = "{store_url}"\n[identity]\nrules = [{rules}]\n'
    for name in "ab":
        text += f'[sources.{name}]\ntype = "csv"\npath = "{name}.csv"\nguests = "{guests}"\n'
    path = Path("klientela.toml")
    path.write_text(text, "utf-8")
    path.chmod(0o600)


def files(**rows: list[str]) -> None:
    for name in "ab":
        lines = rows.get(name) or [person("z9", "Zoe", "Zorn")]
        Path(f"{name}.csv").write_text(HEAD + "".join(f"{line}\n" for line in lines), "utf-8")


def person(ext: str, first: str, last: str, email: str = "", phone: str = "", home: str = ",,", born: str = "") -> str:
    return f"{ext},{first},{last},{email},{phone},{home},{born},,,,,"


def people(run: Run) -> set[frozenset[str]]:
    return {
        frozenset(f"{one['source']}/{one['external_id']}" for one in row["records"])
        for row in map(json.loads, exported().splitlines())
    }


def exported() -> bytes:
    assert main(["export", "--format", "jsonl", "-o", "export.jsonl"]) == 0
    return Path("export.jsonl").read_bytes()


def sync(run: Run) -> None:
    assert {one["status"] for one in run("sync", "--full")["runs"]} == {"ok"}


def whole(run: Run) -> None:
    assert run("rebuild", "--check")["equal"]
    assert run("audit", "verify")["whole"]


ANNA = person("1", "Anna", "Ahorn", "anna@x.de", born="2020-01-01T00:00:00Z")
TWIN = person("2", "Anna", "Ahorn", "anna@x.de", born="2021-01-01T00:00:00Z")


def test_T31_T32_T34_a_split_stays_gives_ids_back_and_is_taken_back(run: Run) -> None:
    files(a=[ANNA], b=[TWIN])
    sync(run)
    before = exported()
    one, two = run("customer", "a/customer/1")["id"], None
    assert frozenset(("a/1", "b/2")) in people(run)
    made = run("split", one, "--record", "b/customer/2", "--reason", "twins")
    assert len(made["customers"]) == 2
    two = next(c["id"] for c in made["customers"] if c["id"] != one)
    sync(run)
    assert run("rebuild")["differences"] == []
    assert {frozenset(("a/1",)), frozenset(("b/2",))} <= people(run)
    assert run("customer", two)["id"] == two, "its own id lives again"
    run("undo", str(made["seq"]))
    assert exported() == before
    assert run("customer", two)["id"] == one, "and leads to who stayed"
    run("undo", str(made["seq"]), code=1)
    whole(run)


ONE, TWO = "+49 30 9135728", "+49 30 9135729"
CHAINS = {
    "AB and CD by e-mail": ((("e@x.de", ""), ("e@x.de", ONE), ("f@x.de", ONE), ("f@x.de", "")), {"12", "34"}),
    "BC by e-mail": ((("a@x.de", ONE), ("e@x.de", ONE), ("e@x.de", TWO), ("d@x.de", TWO)), {"1", "234"}),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_T35_what_remains_falls_as_the_edges_say_and_is_shown_first(run: Run, chain: str) -> None:
    values, sides = CHAINS[chain]
    files(
        a=[person(str(n), "Ina", "Roth", *value, born=f"2020-01-0{n}T00:00:00Z") for n, value in enumerate(values, 1)]
    )
    sync(run)
    assert frozenset(f"a/{n}" for n in "1234") in people(run)
    wanted = {frozenset(f"a/{n}" for n in side) for side in sides}
    shown = run("split", "a/customer/1", "--record", "a/customer/3", "--reason", "not her", "--dry-run")
    assert "seq" not in shown
    told = {frozenset(f"a/{one['external_id']}" for one in c["records"]) for c in shown["customers"]}
    assert told == wanted
    assert frozenset(f"a/{n}" for n in "1234") in people(run), "a dry run writes nothing"
    run("split", "a/customer/1", "--record", "a/customer/3", "--reason", "not her")
    assert wanted <= people(run)
    for n in "1234":
        assert run("customer", f"a/customer/{n}")["id"], "no id dangles"
    whole(run)


def test_T68_address_off_and_on_again_gives_the_old_ids_back(run: Run, store_url: str) -> None:
    home = "Lindenstr. 5,10969,DE"
    files(a=[person("1", "Anna", "Ahorn", home=home)], b=[person("2", "Anna", "Ahorn", home="Lindenstraße 5,10969,DE")])
    sync(run)
    before = exported()
    assert frozenset(("a/1", "b/2")) in people(run)
    configure(store_url, rules='"email", "number", "phone"')
    found = run("rules", "diff")
    assert (len(found["split"]), found["joined"]) == (1, [])
    assert exported() == before
    run("rules", "apply")
    assert {row["id"] for row in map(json.loads, exported().splitlines())} >= set(found["split"][0]["into"])
    configure(store_url)
    run("rules", "apply")
    assert exported() == before
    whole(run)


def test_T07_two_guest_rows_become_one_and_the_same_two_again(run: Run, store_url: str) -> None:
    configure(store_url, guests="per_order")
    orders = [f"g{n},Gerd,Gast,g@x.de,,,,,,guest,o{n},10.00,EUR,2026-03-0{n}T12:00:00Z" for n in (1, 2)]
    files(a=orders)
    sync(run)
    before = exported()
    rows = [json.loads(line) for line in before.splitlines()]
    two = sorted(row["id"] for row in rows if row["email"] == "g@x.de")
    assert len(two) == 2
    configure(store_url, guests="merge")
    found = run("rules", "diff")
    assert [sorted(one["customers"]) for one in found["joined"]] == [two]
    assert exported() == before, "nothing is written"
    run("rules", "apply")
    assert len([1 for line in exported().splitlines() if json.loads(line)["email"] == "g@x.de"]) == 1
    for public in two:
        assert run("customer", public)["email"] == "g@x.de"
    configure(store_url, guests="per_order")
    run("rules", "apply")
    assert exported() == before
    whole(run)
