"""Checks on the shop behind a source: what it deletes, who it is, what it lets in, what must never be shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from klientela.errors import KlientelaError, SourceRefused
from klientela.model.instants import HOUR
from klientela.model.records import Checkout, Order, Person, Record
from klientela.source import SourceSettings, Window
from klientela.testing.conformance.bench import Bench, demand
from klientela.testing.conformance.subject import Failure, Trouble


def deletions(bench: Bench) -> None:
    """What was deleted at the source is flagged as gone by a full run, and only that; its values stay (R57, T66)."""
    bench.people(2 * bench.subject.page_size)
    source = bench.source()
    bench.good(bench.sync(source), "the first run")
    ext = bench.delete("p1")
    bench.good(bench.sync(source, full=True), "the full run after a deletion")
    gone = bench.gone()
    demand(ext in gone, "a record that was deleted at the source is not flagged as gone by a full run")
    demand(gone == {ext}, f"{len(gone) - 1} records are flagged as gone that are still there at the source")
    bench.true("after a deletion, for records keep their values,")


def suddenly_empty(bench: Bench) -> None:
    """A shop that suddenly shows nothing where it had much stops the run; nothing is marked gone (R61, T75)."""
    bench.people(12)
    source = bench.source()
    bench.good(bench.sync(source), "the first run")
    bench.subject.trouble("emptied")
    bench.refused(bench.sync(source, full=True), "a full run of a shop that suddenly shows nothing", "changed")
    bench.nothing_false("after a shop showed nothing")
    bench.subject.calm()
    bench.good(bench.sync(source, full=True), "the full run after it")
    bench.true("after the shop was full again")


def another_shop(bench: Bench) -> None:
    """Another shop under the same name is refused before anything is written (R60, T74)."""
    newest = bench.people(bench.subject.page_size)
    bench.good(bench.sync(), "the first run")
    demand(bench.source().check().identity is not None, "check() does not tell the identity of the shop")
    before = bench.tables()
    bench.subject.trouble("other_shop")
    bench.put("p1", newest + HOUR, last_name="Stranger")
    bench.refused(bench.sync(), "a run with another shop under the same name", "changed")
    bench.unchanged("after another shop answered", before)
    bench.subject.calm()
    bench.good(bench.sync(), "the run after it")
    bench.true("after the right shop answered again")


def wrong_credentials(bench: Bench) -> None:
    """Wrong credentials are told by `check`, as SourceRefused with what to do about it."""
    bench.people(2)
    bench.subject.trouble("refused")
    try:
        bench.source().check()
    except SourceRefused as error:
        bench.sentence("check() with wrong credentials", error.message, error.hint)
    except KlientelaError as error:
        raise Failure(f"check() calls wrong credentials {type(error).__name__}, not SourceRefused: {error}") from error
    else:
        raise Failure("check() does not notice that the credentials are wrong")
    bench.refused(bench.sync(), "a run with wrong credentials", "refused")
    demand(not bench.known(), "a run with wrong credentials brought records")


def unknown_settings(bench: Bench) -> None:
    """A key that the settings do not know is refused, in nested tables too: a typing error must not pass."""
    kind = type(bench.source()).Settings
    demand(issubclass(kind, SourceSettings), "Settings does not inherit from SourceSettings")
    schema = kind.model_json_schema()
    for name, table in {"Settings": schema, **schema.get("$defs", {})}.items():
        if "properties" in table:
            demand(table.get("additionalProperties") is False, f"the table {name} takes keys that it does not know")
    try:
        kind.model_validate({"type": "x", "no_such_key": 1})
    except ValidationError as error:
        told = [one for one in error.errors() if one["type"] == "extra_forbidden" and one["loc"] == ("no_such_key",)]
        demand(bool(told), "Settings refuses an unknown key without naming it")
    else:
        raise Failure("Settings takes keys that it does not know")


def secrets(bench: Bench) -> None:
    """Tokens and passwords appear in no error, no log and no representation, whatever goes wrong."""
    demand(bool(bench.subject.secrets), "the subject names no secrets: give it some, or say why there are none")
    bench.people(2)
    said: list[str] = []
    troubles: tuple[Trouble, ...] = ("refused", "html", "half", "down", "busy_long")
    with _overheard(said):
        for trouble in troubles:
            bench.subject.trouble(trouble)
            source = bench.source()
            said += [repr(source), repr(source.settings), str(source.settings), str(vars(source))]
            said.append(str(_told(source.check)))
            said.append(str(bench.sync(source).as_dict()))
            bench.subject.calm()
    for secret in bench.subject.secrets:
        where = next((text for text in said if secret in text), None)
        demand(where is None, f"a secret is shown in: {(where or '').replace(secret, '[the secret]')[:200]}")


def capabilities(bench: Bench) -> None:
    """What a source brings it says it can know: the rest is shown nowhere, not even as a zero (R33)."""
    bench.people(2)
    if "partial_payload" not in bench.subject.not_applicable:
        bench.subject.trouble("mention", "p1")  # most often an order
    source = bench.source()
    said = set(source.capabilities.names())
    lists = source.streams()
    brought = {
        what
        for stream in lists
        for page in stream.read(Window(), None)
        for one in page.records
        for what in _brought(one)
    }
    hidden = sorted(brought - said)
    demand(not hidden, f"it brings {', '.join(hidden)} and does not say so: write it into its capabilities")
    finds = any(stream.sweep is not None or stream.complete for stream in lists)
    demand(not finds or "deletions" in said, "it finds deletions and does not say so: write it into its capabilities")


def _brought(record: Record) -> Iterator[str]:
    """The capabilities that a record is proof of."""
    if isinstance(record, Person) and record.kind in ("account", "guest"):
        yield "accounts"
    if isinstance(record, Person) and record.consents:
        yield "consents"
    if isinstance(record, Person | Order) and record.tags:
        yield "tags"
    if isinstance(record, Order):
        yield "orders"
        if record.test is True:
            yield "test_orders"
    if isinstance(record, Checkout):
        yield "checkouts"


def _told(ask: Any) -> Any:
    """What comes of asking, with everything that an error carries along."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
        chain: list[Any] = []
        one: BaseException | None = error
        while one is not None:
            chain += [one.args, vars(one)]
            one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        return chain


@contextmanager
def _overheard(said: list[str]) -> Iterator[None]:
    """Everything that is logged meanwhile, at any level."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    ear, root = Ear(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(ear)
        root.setLevel(level)


CHECKS = (deletions, suddenly_empty, another_shop, wrong_credentials, unknown_settings, capabilities, secrets)
