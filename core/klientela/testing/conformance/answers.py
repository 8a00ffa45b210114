"""Checks on answers: nonsense on the wire, shops that are busy, records of another shape than expected."""

from __future__ import annotations

from klientela.model.instants import HOUR, Instant
from klientela.testing.conformance.bench import START, Bench, demand
from klientela.testing.conformance.pages import complete_or_told
from klientela.testing.conformance.subject import BUSY, Trouble


def html_page(bench: Bench) -> None:
    """A login page instead of data is never an empty page: the run says so, and a full one misses nothing."""
    _nonsense(bench, "html")


def truncated_body(bench: Bench) -> None:
    """An answer that is cut off, on the wire or in its content, is never taken for the end of the list."""
    _nonsense(bench, "cut")
    _nonsense(bench, "half")


def _nonsense(bench: Bench, kind: Trouble) -> None:
    newest = _crowd(bench, kind, 3 * bench.subject.page_size)

    def strike(came: int) -> None:
        if came == 1:
            bench.subject.trouble(kind)

    source = bench.source()
    complete_or_told(bench, bench.sync(source, between=strike), f"a list that is broken off ({kind})")
    bench.subject.calm()
    bench.good(bench.sync(source, full=True), "the run after it")
    bench.true(f"after a list was broken off ({kind}) and another run")
    bench.put(f"{kind}0", newest + HOUR, last_name="Changed")
    bench.subject.trouble(kind)
    complete_or_told(bench, bench.sync(source), f"nothing but nonsense ({kind})")
    bench.subject.calm()
    bench.good(bench.sync(source), "the run after it")
    bench.true(f"after nothing but nonsense ({kind}) and another run")


def _crowd(bench: Bench, name: str, count: int) -> Instant:
    """New persons, a day after all others; when the last was changed."""
    return bench.people(count, start=max(bench.times.values(), default=START) + 24 * HOUR, name=name)


def retry_after(bench: Bench) -> None:
    """A busy shop gets the pause it asks for, in seconds or as a date, and the run goes on."""
    kinds: tuple[Trouble, ...] = ("busy", "busy_until")
    for kind in kinds:
        _crowd(bench, kind, 2 * bench.subject.page_size)

        def strike(came: int, kind: Trouble = kind) -> None:
            if came == 1:
                bench.subject.trouble(kind)

        bench.good(bench.sync(between=strike), "a run that a busy shop asked to wait")
        waited, form = bench.subject.waited(), "seconds" if kind == "busy" else "a date"
        demand(  # a date has no fractions of a second
            waited >= BUSY - 1.5,
            f"Retry-After as {form} asked for {BUSY:.0f} seconds, the next request came after {waited:.1f}",
        )
        bench.true("after a busy shop was waited for")


def _known(bench: Bench) -> Instant:
    """Some records that are known already; when the next may change."""
    newest = bench.people(bench.subject.page_size + 1)
    bench.good(bench.sync(), "the first run")
    return newest + HOUR


def unknown_enum(bench: Bench) -> None:
    """A status that nobody has heard of harms nothing else of the record that has it."""
    later = _known(bench)
    bench.subject.trouble("unknown_enum", "p1")
    bench.put("p1", later, last_name="Changed")
    _taken(bench, "a record with an unknown status")


def unknown_field(bench: Bench) -> None:
    """A field that nobody has heard of harms nothing."""
    later = _known(bench)
    bench.subject.trouble("unknown_field", "p1")
    bench.put("p1", later, last_name="Changed")
    _taken(bench, "a record with an unknown field")


def missing_field(bench: Bench) -> None:
    """A field that is not there says nothing; it is not taken for a value that was cleared (R0b)."""
    later = _known(bench)
    bench.subject.trouble("missing_field", "p1")
    bench.put("p1", later, last_name="Changed")
    _taken(bench, "a record without its phone", absent="phone")


def cleared_field(bench: Bench) -> None:
    """A value that is cleared at the source disappears (R0b)."""
    later = _known(bench)
    bench.put("p1", later, last_name="Changed", phone=None)
    _taken(bench, "a record whose phone was cleared")
    told = "phone" in bench.known()[bench.ids["p1"]]
    demand(told, "a phone that was cleared is passed over in silence: a record says None for what is cleared")


def partial_payload(bench: Bench) -> None:
    """A record that is mentioned elsewhere in part keeps what that mention does not carry (R0b, T70)."""
    _known(bench)
    bench.subject.trouble("mention", "p1")
    _taken(bench, "a record that was mentioned in part")


def _taken(bench: Bench, what: str, absent: str = "") -> None:
    report = bench.sync()
    bench.good(report, f"a run with {what}")
    demand(report.rejected == 0, f"{what} was put into the quarantine")
    bench.true(f"after {what}", absent=absent)


def broken_record(bench: Bench) -> None:
    """A record that cannot be taken goes into the quarantine alone; its page goes on, and once mended it is taken."""
    newest = bench.people(bench.subject.page_size + 1)
    bench.subject.trouble("broken_record", "p1")
    report = bench.sync()
    bench.good(report, "a run with one broken record")
    demand(report.rejected == 1, f"one broken record counted as {report.rejected} rejected ones")
    broken = frozenset({bench.ids["p1"]})
    demand(not bench.known().keys() & broken, "a broken record was taken")
    bench.true("beside a broken record", but=broken)
    bench.subject.calm()
    bench.put("p1", newest + HOUR, last_name="Mended")
    bench.good(bench.sync(), "the run after it was mended")
    bench.true("after the record was mended")
    left = bench.tables()["quarantine"]
    demand(not left, "a record that was mended and taken is still in the quarantine: give `page` its `key`")


CHECKS = (
    html_page,
    truncated_body,
    retry_after,
    unknown_enum,
    unknown_field,
    missing_field,
    cleared_field,
    partial_payload,
    broken_record,
)
