"""Shows things to people: tables and bars on a terminal, plain lines elsewhere, one JSON document on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from klientela_daemon.redact import harmless

_PLAIN_WIDTH = 240  # no terminal: nobody's lines are folded


def console(stderr: bool = False) -> Console:
    """A console that folds lines only on a terminal and takes nothing in square brackets for markup."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty())


def say(text: str) -> None:
    """One line for people."""
    console().print(harmless(text))


def emit(document: Any) -> None:
    """The one JSON document of `--json`."""
    print(json.dumps(document, ensure_ascii=False, indent=2, default=str))  # noqa: T201


def emit_list(name: str, items: Iterable[Any]) -> None:
    """A document of one list, written as it comes: constant memory, however long."""
    out = sys.stdout
    out.write(f"{{\n  {json.dumps(name)}: [")
    empty = True
    for item in items:
        out.write(("" if empty else ",") + "\n    " + json.dumps(item, ensure_ascii=False, default=str))
        empty = False
    out.write("]\n}\n" if empty else "\n  ]\n}\n")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = (), headless: bool = False
) -> None:
    """Rows under headings; columns named in `right` are figures. On a pipe the columns are parted by two blanks."""
    shown = Table(box=None, pad_edge=False, header_style="bold", expand=False, show_header=not headless)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else _cell(str(cell)) for cell in row))
    out = console()
    with out.capture() as printed:
        out.print(shown)
    for line in printed.get().splitlines():  # no blanks at the ends of lines, for what reads us
        sys.stdout.write(line.rstrip() + "\n")


def _cell(text: str) -> str:
    """A row stays one row, whatever a name holds."""
    return harmless(text).replace("\n", " ").replace("\t", " ")


class Bar(Protocol):
    """What a progress bar can be told."""

    def update(self, name: str, read: int, note: str = "") -> None:
        """So many records of the source have been read."""


class _Silent:
    def update(self, name: str, read: int, note: str = "") -> None:
        """No terminal, no bar."""


class _Rich:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, Any] = {}

    def update(self, name: str, read: int, note: str = "") -> None:
        """Show it."""
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=None)
        self.progress.update(self.tasks[name], completed=read, description=name, note=note)


@contextmanager
def bar(wanted: bool = True) -> Iterator[Bar]:
    """A progress bar on stderr, if stderr is a terminal and somebody may want it."""
    if not wanted or not sys.stderr.isatty():
        yield _Silent()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed} records"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        yield _Rich(progress)
