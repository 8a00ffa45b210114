"""`customers` and `export` with --segment and --filter, as an operator types them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import configure

ROWS = (
    "Email,First Name,Last Name,City,Country\n"
    "a@x.example,Anna,Alt,Berlin,DE\nb@x.example,Bernd,Neu,Wien,AT\nc@x.example,Cora,Neu,Basel,CH\n"
)
ANNA = "list/customer/mail:a@x.example"


@pytest.fixture
def house(run: Any, here: Path) -> Path:
    (here / "people.csv").write_text(ROWS, "utf-8")
    configure('[sources.list]\ntype = "csv"\npath = "people.csv"\n')
    assert run("sync")[0] == 0
    assert run("tag", ANNA, "vip")[0] == 0
    return here


def found(run: Any, *args: str) -> list[str]:
    code, out, err = run("customers", *args, "--json")
    assert code == 0, out + err
    document = json.loads(out)
    assert document["total"] == len(document["rows"])
    return sorted(row["first_name"] for row in document["rows"])


@pytest.mark.parametrize(
    ("args", "who"),
    [
        (("--filter", "tag=vip"), ["Anna"]),
        (("--filter", "country=AT", "--filter", "country=Schweiz"), ["Bernd", "Cora"]),
        (("--filter", "country=AT", "--filter", "tag=vip"), []),
        (("--filter", "country=AT", "--search", "neu"), ["Bernd"]),
        (("--filter", "sources=list", "--filter", "scanned=no"), ["Anna", "Bernd", "Cora"]),
        (("--segment", "repeat"), []),
        (("--segment", "inactive"), []),
    ],
)
def test_the_list_and_its_export_are_filtered_alike(
    run: Any, house: Path, args: tuple[str, ...], who: list[str]
) -> None:
    assert found(run, *args) == who
    code, out, err = run("export", *args)
    assert code == 0, out + err
    assert sorted(row["first_name"] for row in csv.DictReader(io.StringIO(out.lstrip("\ufeff")))) == who


def test_the_inactive_list_is_a_segment(run: Any, house: Path) -> None:
    assert run("inactive", ANNA)[0] == 0
    assert found(run, "--segment", "inactive") == ["Anna"]
    assert found(run, "--segment", "inactive", "--filter", "tag=vip") == ["Anna"]
    assert found(run, "--filter", "tag=vip") == []


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--filter", "vip"), "'vip' is no filter"),
        (("--filter", "colour=red"), "cannot be filtered by 'colour'"),
        (("--filter", "status=member"), "status is registered or guest"),
        (("--segment", "vips"), "there is no segment 'vips'"),
    ],
)
@pytest.mark.parametrize("verb", ["customers", "export"])
def test_a_wrong_filter_is_a_sentence(run: Any, house: Path, verb: str, args: tuple[str, ...], sentence: str) -> None:
    code, out, err = run(verb, *args)
    assert (code, out) == (2, "")
    assert sentence in err
