"""The conformance suite: what every source must stand, tried on a shop of its own through the real sync.

    from klientela.testing import conformance

    class TestCorner(conformance.Suite):
        subject = CornerSubject

`CornerSubject` (see `Subject`, `HttpSubject`) makes the source and changes the shop behind it. Each check is a test of
the class, on a new shop and a new store; one that a kind of source cannot have is skipped with the subject's reason.
Without pytest: `for outcome in conformance.examine(CornerSubject): print(outcome)`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from klientela.store import Store
from klientela.testing.conformance import answers, orders, pages, record, shops, windows
from klientela.testing.conformance.bench import Bench
from klientela.testing.conformance.pretending import PretendSubject
from klientela.testing.conformance.subject import (
    FIELDS,
    WIRE,
    Failure,
    HttpSubject,
    NotApplicable,
    Subject,
    Trouble,
)

CHECKS: dict[str, Callable[[Bench], None]] = {
    check.__name__: check for check in (*windows.CHECKS, *pages.CHECKS, *answers.CHECKS, *shops.CHECKS, *orders.CHECKS)
}
"""The checks by name; the docstring of each is its promise."""


def run(name: str, subject: Callable[[], Subject], new_store: Callable[[], Store] | None = None) -> None:
    """One check. Failure or NotApplicable with a sentence. `new_store` opens an empty store; default SQLite."""
    made = subject()
    reason = made.not_applicable.get(name)
    with Bench(made, new_store) as bench:
        if reason is not None:
            raise NotApplicable(reason)
        CHECKS[name](bench)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one check went; `words` is the reason where it did not pass."""

    check: str
    status: Literal["passed", "failed", "not applicable"]
    words: str = ""

    @property
    def recorded(self) -> str:
        """How the plugin's record says it."""
        return f"{record.NOT_APPLICABLE}{self.words}" if self.status == "not applicable" else self.status

    def __str__(self) -> str:
        return f"{self.check}: {self.status}{f' ({self.words})' if self.words else ''}"


def examine(
    subject: Callable[[], Subject],
    new_store: Callable[[], Store] | None = None,
    checks: Collection[str] = tuple(CHECKS),
) -> Iterator[Outcome]:
    """All checks, one after the other; whatever a plugin raises is a failure of its check."""
    for name in checks:
        try:
            run(name, subject, new_store)
        except NotApplicable as reason:
            yield Outcome(name, "not applicable", str(reason))
        except Failure as failure:
            yield Outcome(name, "failed", str(failure))
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            yield Outcome(name, "failed", f"{type(error).__name__}: {error}")
        else:
            yield Outcome(name, "passed")


class Suite:
    """The checks as tests: inherit as `TestSomething` and name the subject.

    With `package`, the plugin's, each outcome must be what the record there says (see `record`).
    """

    subject: ClassVar[Callable[[], Subject]]
    package: ClassVar[str] = ""

    def new_store(self) -> Store | None:
        """An empty store; None: a temporary one on SQLite."""
        return None

    def test_record(self) -> None:
        """The record names all checks, and the source's lists as they are."""
        if not self.package:
            _skip("the suite names no package")
        found = record.read(self.package) or {"checks": {}, "streams": {}}
        if found["checks"].keys() != CHECKS.keys() or found["streams"] != record.streams_of(type(self).subject):
            raise Failure(f"{record.FILE} of {self.package} is not of today: {_RECORD}")


_RECORD = "write it with `python -m klientela.testing.record FILE`, FILE being the one with this suite"


def _skip(reason: str) -> None:
    import pytest  # here: only who runs tests has it

    pytest.skip(reason)


def _same(package: str, outcome: Outcome) -> None:
    """Failure when the package's record says something else of a check."""
    said = (record.read(package) or {"checks": {}})["checks"].get(outcome.check) if package else outcome.recorded
    if said != outcome.recorded:
        raise Failure(f"{record.FILE} says of {outcome.check}: {said}; it is {outcome.recorded}; {_RECORD}")


def _test(name: str, check: Callable[[Bench], None]) -> Callable[[Suite], None]:
    def test(self: Suite) -> None:
        opens: Any = None if type(self).new_store is Suite.new_store else self.new_store
        try:
            run(name, type(self).subject, opens)
        except NotApplicable as reason:
            _same(self.package, Outcome(name, "not applicable", str(reason)))
            _skip(str(reason))
        else:
            _same(self.package, Outcome(name, "passed"))

    test.__name__ = f"test_{name}"
    test.__doc__ = check.__doc__
    return test


for _name, _check in CHECKS.items():
    setattr(Suite, f"test_{_name}", _test(_name, _check))

__all__ = [
    "CHECKS",
    "FIELDS",
    "WIRE",
    "Bench",
    "Failure",
    "HttpSubject",
    "NotApplicable",
    "Outcome",
    "PretendSubject",
    "Subject",
    "Suite",
    "Trouble",
    "examine",
    "record",
    "run",
]
