"""The suite itself: what it reports, what it asks of a subject, and that it needs no pytest."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from klientela.kit import Instant, Page, Person, Position, Source, SourceSettings, Stream, Window
from klientela.testing import conformance
from tests.testing.corner_shop import CornerSubject


class Shelf(Source):
    """The smallest source there can be: a list in memory."""

    type = "shelf"
    title = "Shelf"
    people: ClassVar[dict[str, Person]] = {}

    def streams(self) -> Sequence[Stream]:
        return [Stream("people", self._read, snapshot=True)]

    def _read(self, window: Window, position: Position) -> Iterator[Page]:
        yield Page(list(self.people.values()))


class ShelfSubject(conformance.Subject):
    """A subject that does nothing but what it must."""

    not_applicable: ClassVar[Mapping[str, str]] = {"secrets": "a list in memory has none"}

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}

    def source(self, stop: threading.Event) -> Source:
        made = Shelf("shelf", SourceSettings(type="shelf"), stop=stop)
        made.people = self.people  # type: ignore[misc]
        return made

    def put(self, key: str, when: Instant, **fields: str | None) -> str:
        known: dict[str, Any] = (
            {n: getattr(self.people[key], n) for n in conformance.FIELDS} if key in self.people else {}
        )
        self.people[key] = Person(external_id=key, **{**known, **fields})
        return key

    def delete(self, key: str) -> None:
        del self.people[key]


def outcome(check: str) -> conformance.Outcome:
    (made,) = conformance.examine(ShelfSubject, checks=[check])
    return made


def test_outcomes_are_lines_for_people() -> None:
    assert str(outcome("late_rows")) == "late_rows: passed"
    assert str(outcome("secrets")) == "secrets: not applicable (a list in memory has none)"


def test_a_trouble_that_a_subject_cannot_do_is_a_failure_until_it_says_why() -> None:
    made = outcome("looping_pages")
    assert made.status == "failed"
    assert "cannot do 'loop'" in made.words
    assert "declare the check as not applicable" in made.words


def test_a_source_that_does_not_page_as_told_is_noticed() -> None:
    assert "does not read pages of Subject.page_size" in outcome("crash_at_every_page").words


def test_whatever_a_subject_raises_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ShelfSubject, "put", lambda *_, **__: 1 / 0)
    assert outcome("replay").words == "ZeroDivisionError: division by zero"


def test_a_run_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klientela.testing.conformance.bench._LIMIT", 0.2)

    def endless(self: Shelf, window: Window, position: Position) -> Iterator[Page]:
        while not self.stop.wait(0.01):
            pass
        yield Page([])

    monkeypatch.setattr(Shelf, "_read", endless)
    assert outcome("late_rows").words == "the run does not come to an end by itself"


def test_pytest_skips_what_is_not_applicable() -> None:
    class Tests(conformance.Suite):
        subject = ShelfSubject

    with pytest.raises(pytest.skip.Exception, match="a list in memory has none"):
        Tests().test_secrets()  # type: ignore[attr-defined]
    with pytest.raises(conformance.Failure):
        Tests().test_looping_pages()  # type: ignore[attr-defined]


def test_each_check_is_a_test_with_its_promise() -> None:
    for name, check in conformance.CHECKS.items():
        assert getattr(conformance.Suite, f"test_{name}").__doc__ == check.__doc__
        assert check.__doc__


def test_the_suite_is_imported_without_pytest() -> None:
    code = "import sys; from klientela.testing import conformance; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_false_sees_what_never_was_true() -> None:
    with conformance.Bench(CornerSubject()) as bench:
        bench.people(3)
        bench.sync()
        bench.nothing_false("now")
        ext = bench.ids["p1"]
        bench._ever[ext, "last_name"] = {"Somebody"}
        with pytest.raises(conformance.Failure, match="which it never was"):
            bench.nothing_false("now")
