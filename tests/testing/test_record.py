"""The record of a plugin: written by a command, held true by its tests, refused where it says something else."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from klientela.testing import conformance
from klientela.testing import record as command
from klientela.testing.conformance import record
from tests.testing.test_suite import ShelfSubject

PACKAGE = "klientela_shelf_for_records"


class Subject(ShelfSubject):
    """A list in memory, of which only some is tried."""

    not_applicable: ClassVar[Mapping[str, str]] = dict.fromkeys(set(conformance.CHECKS) - {"replay"}, "it is a list")


class Suite(conformance.Suite):
    subject = Subject
    package = PACKAGE


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return folder


def written(folder: Path) -> Any:
    return json.loads((folder / record.FILE).read_text(encoding="utf-8"))


def test_the_command_writes_what_the_suite_finds(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = package.parent / "test_shelf.py"
    file.write_text("from tests.testing.test_record import Suite as TestShelf\n", encoding="utf-8")
    assert command.main([str(file)]) == 0
    made = written(package)
    assert made["checks"].keys() == conformance.CHECKS.keys()
    assert made["checks"]["replay"] == "passed"
    assert made["checks"]["secrets"] == "not applicable: it is a list"
    assert made["streams"] == {"people": {"entity": "customer", "incremental": False, "deletions": None}}
    assert "replay: passed" in capsys.readouterr().out
    Suite().test_record()
    Suite().test_replay()  # type: ignore[attr-defined]
    with pytest.raises(pytest.skip.Exception, match="it is a list"):
        Suite().test_secrets()  # type: ignore[attr-defined]


def test_nothing_is_written_while_a_check_fails(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = package.parent / "test_shelf.py"
    file.write_text("from tests.testing.test_record import Suite as TestShelf\n", encoding="utf-8")
    monkeypatch.setattr(Subject, "put", lambda *_, **__: 1 / 0)
    assert command.main([str(file)]) == 1
    assert not (package / record.FILE).exists()


def put(package: Path, **changes: str) -> None:
    checks = {name: "passed" if name == "replay" else "not applicable: it is a list" for name in conformance.CHECKS}
    (package / record.FILE).write_text(record.text(checks | changes, record.streams_of(Subject)), encoding="utf-8")


def test_a_record_that_says_something_else_fails_the_check(package: Path) -> None:
    put(package, replay="not applicable: never mind", secrets="passed")
    with pytest.raises(conformance.Failure, match="says of replay: not applicable: never mind; it is passed"):
        Suite().test_replay()  # type: ignore[attr-defined]
    with pytest.raises(conformance.Failure, match="says of secrets: passed; it is not applicable"):
        Suite().test_secrets()  # type: ignore[attr-defined]


def test_a_record_of_another_day_is_noticed(package: Path) -> None:
    with pytest.raises(conformance.Failure, match="is not of today"):
        Suite().test_record()  # there is none
    put(package, no_such_check="passed")
    with pytest.raises(conformance.Failure, match=r"klientela\.testing\.record"):
        Suite().test_record()
    put(package)
    Suite().test_record()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"checks": [], "streams": {}}'])
def test_a_record_that_is_none_is_none(package: Path, text: str) -> None:
    (package / record.FILE).write_text(text, encoding="utf-8")
    assert record.read(PACKAGE) is None
    assert record.read("klientela_nowhere") is None
