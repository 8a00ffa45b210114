"""Checks on paging: pages that move, repeat, go round in circles, or are the last before the end of a process."""

from __future__ import annotations

from klientela.flow.sync import Report
from klientela.model.instants import DAY, HOUR
from klientela.store import Store
from klientela.testing.conformance.bench import START, Bench, demand


class Killed(BaseException):
    """The end of the process, as a source sees it."""


def page_drift(bench: Bench) -> None:
    """Records that change, appear or vanish while their list is being paged are right after one quiet run."""
    size = bench.subject.page_size
    vanished: set[str] = set()
    for after in (1, 2):
        name = "ab"[after - 1]
        newest = bench.people(4 * size, start=START + after * 30 * DAY, name=name)

        def move(came: int, after: int = after, name: str = name, newest: int = newest) -> None:
            if came == after:
                vanished.add(bench.delete(f"{name}0"))  # shown already: everything behind it moves up
                bench.put(f"{name}1", newest + HOUR, last_name="Shown")
                bench.put(f"{name}{4 * size - 1}", newest + 2 * HOUR, last_name="Waiting")
                bench.person(f"{name}-new", newest + 3 * HOUR)

        report = bench.sync(between=move)
        if report.status != "ok":
            bench.refused(report, "the run that was disturbed")
        bench.good(bench.sync(), "the quiet run after it")
        bench.true("after pages drifted and one quiet run", but=frozenset(vanished))


def duplicate_pages(bench: Bench) -> None:
    """Records that come twice within one reading count once."""
    many = 3 * bench.subject.page_size
    bench.people(many)
    bench.subject.trouble("repeat")
    report = bench.sync()
    bench.good(report, "a run whose pages repeat records")
    bench.true("after pages repeated records")
    demand(report.new == many, f"{many} records, some of them sent twice, were counted as {report.new} new ones")


def looping_pages(bench: Bench) -> None:
    """A list whose next page is the same page for ever is stopped with a sentence, or read to its end all the same."""
    bench.people(3 * bench.subject.page_size)

    def loop(came: int) -> None:
        if came == 1:
            bench.subject.trouble("loop")

    complete_or_told(bench, bench.sync(between=loop), "a list that goes round in circles")
    bench.subject.calm()
    bench.good(bench.sync(full=True), "the run after it")
    bench.true("after the list was sound again")


def crash_at_every_page(bench: Bench) -> None:
    """A process may end after any page: the next one goes on where the last commit stood, and nothing is missing."""
    many = 4 * bench.subject.page_size
    newest = bench.people(many)
    pages = 0

    def count(came: int) -> None:
        nonlocal pages
        pages = came

    bench.good(bench.sync(between=count), "a run without a crash")
    demand(pages > 3, f"{many} records came on {pages} pages: the source does not read pages of Subject.page_size")
    stores = {after: bench.new_store() for after in range(1, pages + 1)}
    for after, store in stores.items():
        _crash(bench, store, after, "the first reading")
    for number in range(many):
        bench.put(f"p{number}", newest + DAY + number * HOUR, last_name="Changed")
    for after, store in stores.items():
        _crash(bench, store, after, "reading changes")


def _crash(bench: Bench, store: Store, after: int, what: str) -> None:
    def kill(came: int) -> None:
        if came == after:
            raise Killed

    try:
        bench.sync(store=store, between=kill)
    except Killed:
        bench.good(bench.sync(store=store), "the run after a crash")
    bench.true(f"after a crash behind page {after} of {what}", store=store)


def stop(bench: Bench) -> None:
    """A run ends soon after it is asked to, between pages and while it waits for a busy shop, and says so."""
    bench.people(3 * bench.subject.page_size)
    source = bench.source()

    def ask(came: int) -> None:
        if came == 1:
            source.stop.set()

    bench.refused(bench.sync(source, between=ask), "a run that was asked to stop", "interrupted")
    asked = bench.subject.requests
    if asked:  # a shop that is asked can be busy
        bench.patience.hold = True
        bench.subject.trouble("busy_long")
        report = bench.sync(stop_when=lambda: bench.subject.requests > asked)
        bench.refused(report, "a run that was asked to stop while it waited", "interrupted")
        bench.patience.hold = False
        bench.subject.calm()
    bench.good(bench.sync(full=True), "the run after it")
    bench.true("after runs were stopped and another one went on")


def complete_or_told(bench: Bench, report: Report, what: str) -> None:
    """Either nothing is missing, or the run says that something is."""
    if report.status == "ok":
        bench.true(f"{what} was read as if nothing were wrong:")
        return
    bench.refused(report, what)
    bench.nothing_false(f"after {what}")


CHECKS = (page_drift, duplicate_pages, looping_pages, crash_at_every_page, stop)
