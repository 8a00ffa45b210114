"""`klientela sync`: run sources once, now."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Annotated, Any

import typer

from klientela.errors import KlientelaError
from klientela.flow.fetch import asking
from klientela.flow.sync import Report, sync
from klientela.model.instants import SECOND
from klientela.model.words import agree
from klientela.source import SourceSettings
from klientela.store import operation
from klientela.store.database import Store
from klientela_daemon import apart, failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.opening import opened, settle

_TOGETHER = 8  # sources read at the same time; what they write goes one step after the other
_COUNTS = ("pages", "read", "new", "changed", "unchanged", "rejected", "merged", "split")


def verb(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Only these sources.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again and look for deletions.")] = False,
    isolated: Annotated[bool, typer.Option("--isolated", help="Each in a process of its own, as the daemon.")] = False,
    config: Config = None,
    as_json: Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell on stderr what the sources wait for.")] = False,
) -> int:
    """Sync sources once, now: all of them, or those named."""
    here = house(config, unused=True)
    wanted = here.chosen(sources)
    logs.set_up(level="info" if verbose else "error")
    with opened(here, create=True) as store, stopping() as stop:
        operation.bury(store)
        for said in settle(store, here):
            failures.warn(said)
        reports = run(here, store, wanted, full=full, stop=stop, isolated=isolated)
    if as_json:
        render.emit({"runs": [report.as_dict() for report in reports]})
    elif reports:
        show(reports)
    else:
        render.say("There are no sources yet; add a table [sources.NAME].")
    if stop.is_set():
        return failures.FAILED if as_json else stop.code
    return failures.FAILED if any(report.status in ("failed", "partial") for report in reports) else 0


def run(
    here: House,
    store: Store,
    wanted: dict[str, SourceSettings],
    *,
    full: bool,
    stop: threading.Event,
    isolated: bool = False,
) -> list[Report]:
    """Sync the sources beside each other; one that waits or fails holds up nobody. Reports in the given order.

    `isolated`: each in a process of its own. Else a plugin that ends the process or hangs does so to all.
    """

    def one(name: str, settings: SourceSettings) -> Report:
        def tell(report: Report) -> None:
            bar.update(name, report.read, note(report))

        try:
            if isolated:
                return apart.run(store, apart.job(here, name, full=full), stop=stop, progress=tell).report
            return _beside(here, store, name, settings, full, stop, tell)
        except BaseException as error:  # noqa: BLE001 - told in the report; the other sources go on
            return _failed(name, error)

    with render.bar() as bar, ThreadPoolExecutor(min(_TOGETHER, max(1, len(wanted)))) as pool:
        return list(pool.map(lambda item: one(*item), wanted.items()))


def _beside(
    here: House,
    store: Store,
    name: str,
    settings: SourceSettings,
    full: bool,
    stop: threading.Event,
    progress: Callable[[Report], None],
) -> Report:
    source = here.plugins.make(name, settings, shop=here.config.shop(), stop=stop)
    try:
        return sync(store, source, full=full, stop=stop, progress=progress)
    finally:
        with suppress(KlientelaError), asking(source, "its close"):
            source.close()


def note(report: Report) -> str:
    """What a progress bar says beside the count."""
    return f"{report.stream}: {report.new} new, {report.changed} changed"


def _failed(name: str, error: BaseException) -> Report:
    now = operation.now()
    return Report(name, "failed", started=now, finished=now, error=failures.explain(error))


class Stop(threading.Event):
    """Set by Ctrl-C and SIGTERM; `code` is the exit code that fits: 130 for Ctrl-C, else 1."""

    code = failures.FAILED

    def ask(self, number: int, frame: object) -> None:
        """The signal handler; a second Ctrl-C does not wait."""
        if number == signal.SIGINT:
            if self.is_set():
                raise KeyboardInterrupt
            self.code = failures.STOPPED
        self.set()


@contextmanager
def stopping() -> Iterator[Stop]:
    """An event that Ctrl-C and SIGTERM set: pages are finished or rolled back."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show(reports: Sequence[Report]) -> None:
    """The runs as a table, then what there is to say about them."""
    rows: list[list[Any]] = []
    for report in reports:
        took = ((report.finished or report.started) - report.started) / SECOND
        rows.append([report.source, report.status, *(getattr(report, name) for name in _COUNTS), f"{took:.1f} s"])
    render.table(["source", "status", *_COUNTS, "took"], rows, right=[*_COUNTS, "took"])
    for report in reports:
        for remark in report.remarks:
            render.say(f"{report.source}: {remark}")
        if report.error is not None:
            render.say(f"✗ {report.source}: {report.error['message']}")
            if report.error.get("hint"):
                render.say(f"  {report.error['hint']}")
        if report.suppressed:
            render.say(
                f"{report.source}: {agree(report.suppressed, '{} [record|records] suppressed')}, of erased people"
            )
        if report.rejected:
            records = "record" if report.rejected == 1 else "records"
            render.say(
                f"{report.source}: {report.rejected} {records} could not be taken; `klientela quarantine` lists them"
            )
