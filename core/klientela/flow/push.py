"""What is pushed to us: the journey of a page that nobody asked for, with an answer for each item.

    with step:
        the same request again?   its answer stands in its receipt
        news = stage(items)       keep what came; what cannot be taken goes to the quarantine
        derive(news)              whose it is, the list and its figures, the log
        receipt                   what became of each

All of it is one transaction: whoever gets an answer knows that it is stored, and whoever gets none may ask again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from klientela.door import Caller, Item, Outcome, Taken, Ticket
from klientela.failpoints import failpoint
from klientela.flow.derive import Deriver
from klientela.flow.stage import News, Stage, clear_quarantine, entity_of, quarantine, refusals
from klientela.flow.suppress import unburied
from klientela.model.records import Rejected
from klientela.source import Page
from klientela.store import facts, ids, receipts, tokens
from klientela.store import tables as t
from klientela.store.database import Step, Store
from klientela.store.facts import SourceRow

_ERASED = "it is of somebody who was erased; `klientela person release` would let it in again (R56)"
_OUTCOMES = msgspec.json.Decoder(list[Outcome])


def push(store: Store, caller: Caller, source: str, stream: str, items: Sequence[Item], ticket: Ticket | None) -> Taken:
    """Take pushed items into a source of type api, named by its label, by the channel of their stream.

    Conflict for a key that another request had. Whatever else is wrong with the store raises, and nothing is stored.
    """
    with store.step(f"push {stream} into {source}", actor=f"token {caller.name}") as step:
        if ticket is not None:
            answer = receipts.find(step.db, caller.id, ticket.key, ticket.digest, step.at)
            if answer is not None:
                return Taken(_OUTCOMES.decode(answer), again=True)
        desk = _Desk(step, facts.ensure_source(step, source, "api"), stream)
        outcomes = desk.take(items)
        tokens.touch(step, caller.id)
        if ticket is not None:
            answer = msgspec.json.encode(desk.kept(outcomes)).decode()
            receipts.keep(step, caller.id, ticket.key, ticket.digest, answer)
        failpoint("push.stored")
    failpoint("push.committed")
    return Taken(outcomes, remarks=tuple(desk.remarks))


class _Placed(NamedTuple):
    """An item that can be taken, and its place in the request."""

    place: int
    entity: int
    ext: str
    item: Item


class _Desk:
    """The items of one request, in its step."""

    def __init__(self, step: Step, row: SourceRow, stream: str) -> None:
        self.step = step
        self.row = row
        self.stage = Stage(row, stream, 0)
        self.outcomes: dict[int, Outcome] = {}
        self.remarks: list[str] = []
        self.erased: set[int] = set()  # places of items that are of somebody who was erased

    def kept(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """What became of the items as the receipt keeps it: without the keys of those who were erased (R56)."""
        return [one._replace(key=None) if place in self.erased else one for place, one in enumerate(outcomes)]

    def take(self, items: Sequence[Item]) -> list[Outcome]:
        """What became of each item, in their order."""
        sound = self._sound(items)
        reading = self._reading()
        deriver = Deriver(self.step.db, self.step.store.ruleset(self.step.db))
        for page in _pages(sound):
            records = Page([one.item.record for one in page], raws=[one.item.raw for one in page])
            news = self.stage.page(self.step, records, reading)
            deriver.page(self.step, news.persons, news.orders, news.checkouts, news.fresh, news.things)
            self._tell(page, news)
        self.remarks += deriver.again()
        arrived = [one.ext for one in sound]
        clear_quarantine(self.step, self.row.id, self.stage.stream, arrived, self.stage.refused)
        return [self.outcomes[place] for place in range(len(items))]

    def _sound(self, items: Sequence[Item]) -> list[_Placed]:
        """The items that can be taken; the others are put into the quarantine."""
        sound: list[_Placed] = []
        rejects: dict[int, Rejected] = {}
        refused = refusals(self.step.db, [item.record for item in items])
        for place, item in enumerate(items):
            no = refused.get(place)
            if no is None:
                record = item.record
                sound.append(_Placed(place, entity_of(record), str(getattr(record, "external_id", "")), item))
                continue
            rejects[place] = Rejected(reason=no.reason, key=no.key, payload=item.raw.decode("utf-8", "replace"))
            self.outcomes[place] = Outcome("rejected", key=no.key, reason=no.reason)
        if rejects:
            kept = unburied(self.step, self.row.id, list(rejects.values()))
            self.erased.update(place for place, one in rejects.items() if not any(one is other for other in kept))
            self.stage.refused |= quarantine(self.step, self.row.id, self.stage.stream, kept)
        return sound

    def _reading(self) -> int:
        """Each request is a reading of its own, so that unversioned items follow the order of their coming (R0a)."""
        where = (self.row.id, self.stage.stream)
        row = self.step.db.one("SELECT reading FROM cursor WHERE source = ? AND stream = ?", where)
        reading = int(row[0]) + 1 if row else 1
        columns, key = ("source", "stream", "open", "reading"), ("source", "stream")
        self.step.db.upsert(t.cursor, columns, [(*where, 0, reading)], key)
        return reading

    def _tell(self, page: Sequence[_Placed], news: News) -> None:
        changed = {(item.entity, item.ext) for item in news.all()}
        for one in page:
            if (facts.entity_name(one.entity), one.ext) in news.suppressed:
                self.outcomes[one.place] = Outcome("rejected", key=one.ext, reason=_ERASED)
                self.erased.add(one.place)
                continue
            public = ids.public_id(self.row.uid, facts.entity_name(one.entity), one.ext, self.step.store.key)
            made = Outcome("accepted", id=ids.text(public), key=one.ext)
            self.outcomes[one.place] = made if (one.entity, one.ext) in changed else made._replace(status="unchanged")


def _pages(items: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Runs in which no record comes twice, so that each item has an answer of its own."""
    page: list[_Placed] = []
    seen: set[tuple[int, str]] = set()
    for one in items:
        if (one.entity, one.ext) in seen:
            yield page
            page, seen = [], set()
        page.append(one)
        seen.add((one.entity, one.ext))
    if page:
        yield page


__all__ = ["push"]
