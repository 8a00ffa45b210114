"""Checks on time: which records a run asks for, and what it makes of their times."""

from __future__ import annotations

from klientela.model.instants import HOUR, MINUTE
from klientela.testing.conformance.bench import OPERATION, Bench, demand


def late_rows(bench: Bench) -> None:
    """A record that turns up late, behind its own time, is found by the next run (Subject.lateness)."""
    newest = bench.people(4)
    bench.good(bench.sync(), "the first run")
    bench.true("after the first run")
    bench.person("late", newest - bench.subject.lateness)
    bench.put("p0", newest - bench.subject.lateness, last_name="Later")
    bench.good(bench.sync(), "the second run")
    bench.true("after a record turned up late")


def edge_of_the_window(bench: Bench) -> None:
    """A record changed at the very beginning of a window belongs to it (`since` is inclusive)."""
    newest = bench.people(4)
    source = bench.source()
    bench.good(bench.sync(source), "the first run")
    stream = bench.stream(source)
    high = bench.high(stream)
    bench.person("edge", (newest if high is None else high) - stream.overlap)
    bench.good(bench.sync(source), "the second run")
    bench.true("with a record changed at the beginning of the window")


def equal_times(bench: Bench) -> None:
    """A record that changes twice within the same moment keeps its second content (R0a, T69)."""
    newest = bench.people(3)
    source = bench.source()
    bench.good(bench.sync(source), "the first run")
    bench.put("p2", newest, last_name="Second")
    bench.good(bench.sync(source), "the second run")
    bench.true("after a record changed twice within one moment")


def ties_across_pages(bench: Bench) -> None:
    """More records changed within one moment than fit on a page are all read."""
    many = 2 * bench.subject.page_size + 1
    newest = bench.people(many, apart=0)
    bench.good(bench.sync(), "the first run")
    bench.true("where all records have the same time")
    for number in range(many):
        bench.put(f"p{number}", newest + HOUR, last_name="Bulk")
    bench.good(bench.sync(), "the second run")
    bench.true("after all records changed at the same time")


def mixed_offsets(bench: Bench) -> None:
    """Times written with different UTC offsets are compared as moments, never as text."""
    bench.subject.trouble("offsets")
    many = bench.subject.page_size + 2
    newest = bench.people(many)
    bench.good(bench.sync(), "the first run")
    bench.true("where times have different offsets")
    for number in range(many):
        bench.put(f"p{number}", newest + (number + 1) * MINUTE, last_name="Offset")
    bench.good(bench.sync(), "the second run")
    bench.true("after changes whose times have different offsets")
    wrong = {ext: version for ext, version in bench.versions().items() if version not in (None, bench.times[ext])}
    demand(not wrong, f"{len(wrong)} records have another time of change than the source says")


def replay(bench: Bench) -> None:
    """Reading again what has not changed changes nothing: no record, no figure, no audit line."""
    bench.people(2 * bench.subject.page_size + 1)
    source = bench.source()
    bench.good(bench.sync(source), "the first run")
    before = bench.tables()
    for what, again in (("a second run", source), ("a run after a restart", bench.source())):
        report = bench.sync(again)
        bench.good(report, what)
        demand(report.new == report.changed == 0, f"{what} found {report.new} new and {report.changed} changed records")
        bench.unchanged(f"after {what}", before)
    report = bench.sync(source, full=True)
    bench.good(report, "a full run")
    demand(report.new == report.changed == 0, f"a full run found {report.new} new and {report.changed} changed records")
    after = bench.tables(OPERATION | {"meta"})  # where the time of the last sweep is noted
    demand(all(before[name] == rows for name, rows in after.items()), "a full run of the same records changed tables")
    bench.true("after reading the same records four times")


CHECKS = (late_rows, edge_of_the_window, equal_times, ties_across_pages, mixed_offsets, replay)
