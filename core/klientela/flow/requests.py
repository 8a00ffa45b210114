"""What shops pass on and an operator must answer: a copy for somebody, the end of a whole shop (R57)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from klientela.errors import Conflict, KlientelaError, Misconfigured, UnknownThing
from klientela.flow import erase
from klientela.flow.fetch import asking
from klientela.model.instants import iso
from klientela.model.records import Redact
from klientela.notices import Notice
from klientela.rules.text import visible
from klientela.source import Source
from klientela.store import cleaning, facts, inbox, ledger
from klientela.store.database import Store
from klientela.store.inbox import Entry


@dataclass(frozen=True, slots=True)
class Request:
    """A request that waits. `asks`: what its plugin reads in it; empty where the plugin is not there any more."""

    entry: Entry
    source: str
    source_id: int
    since: int
    asks: tuple[Redact, ...]

    def as_dict(self) -> dict[str, Any]:
        """`wants` is erasure or disclosure, `customer` a record's key, or null for everybody of the shop."""
        one = self.asks[0] if self.asks else None
        return {
            "number": self.entry.id,
            "source": self.source,
            "topic": self.entry.topic,
            "since": iso(self.since),
            "wants": None if one is None else one.wants,
            "customer": None if one is None or one.customer is None else f"{self.source}/customer/{one.customer}",
            "orders": [] if one is None else [f"{self.source}/order/{ext}" for ext in one.orders],
        }


def requests(store: Store, sources: Mapping[str, Source]) -> list[Request]:
    """Everything that waits for an operator, oldest first; `sources` are the configured ones, by name."""
    with store.reading() as db:
        held = inbox.held(db)
    return [
        Request(entry, label, number, since, _read(sources.get(label), entry)) for number, label, entry, since in held
    ]


def _read(source: Source | None, entry: Entry) -> tuple[Redact, ...]:
    if source is None or not source.webhooks:
        return ()
    try:
        with asking(source, f"reading a message about {entry.topic}"):
            made = source.apply(Notice(entry.key, entry.topic, entry.body))
            return tuple(one for one in made if isinstance(one, Redact))
    except KlientelaError:
        return ()


def answer(
    store: Store,
    sources: Mapping[str, Source],
    number: int,
    *,
    reason: str,
    actor: str = "operator",
    dry_run: bool = False,
) -> dict[str, Any]:
    """An operator has answered a request for a copy, or carries out one to erase everybody of a shop: it waits no more.

    `{"seq", "customers": [], "request", "erased"}`, without `seq` in a dry run. UnknownThing for another number, Conflict
    where nobody can read the request any more.
    """
    if not visible(reason):
        raise Misconfigured("an answer needs a reason", hint="Give one with --reason TEXT; it is kept in the log.")
    one = next((one for one in requests(store, sources) if one.entry.id == number), None)
    if one is None:
        raise UnknownThing(f"there is no request {number} that waits", hint="`klientela person requests` lists them")
    if not one.asks:
        raise Conflict(
            f"nobody can read request {number}, for {one.source} is not in the configuration any more",
            hint="Configure the source again, or erase its customers one by one.",
        )
    erasures = [asked for asked in one.asks if asked.wants == "erasure"]
    if dry_run:
        would = erase.redactable(store, one.source_id, erasures) if erasures else 0
        return {"customers": [], "request": number, "erased": would}
    with store.step("answer", actor=actor) as step:
        erased = 0
        if erasures:
            erased = erase.redact(step, facts.sources(step.db)[one.source_id], erasures)
        inbox.close(step.db, "done", [number])
        detail = {"topic": one.entry.topic, "reason": reason}
        ledger.write(step, [ledger.Line("answered", None, None, None, {"records": [], "detail": detail})])
        made = {"seq": step.seq, "customers": [], "request": number, "erased": erased}
    cleaning.clean_up(store)
    return made


__all__ = ["Request", "answer", "requests"]
