"""Whom a decision is about: customers named by any of their ids, or all that a search of a view finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.flow.desk import found, members
from klientela.store import facts
from klientela.store import rows as listing
from klientela.store.database import Db, Step
from klientela.store.filters import NO_FILTERS
from klientela.store.finder import Finder
from klientela.store.matches import SCAN, wanted_of


class Whom(NamedTuple):
    """Customers by ids or record keys, or everybody whom a search, segment and filters find in a view, as the list does."""

    ids: Sequence[str] = ()
    search: str | None = None
    view: listing.View | None = None
    segment: str = "all"
    filters: Mapping[str, Sequence[str]] = NO_FILTERS
    looked_at: int | None = None  # so many were found when somebody looked; another number now is a Conflict

    @property
    def sought(self) -> bool:
        """Whether they are found by what they are rather than named."""
        return self.search is not None or self.segment != "all" or bool(self.filters)

    @property
    def one(self) -> bool:
        """Whether an operator has looked at a single customer; else it is a bulk operation."""
        return not self.sought and len(self.ids) == 1


def customers(step: Step, whom: Whom, *, inactive: bool = False) -> list[int]:
    """The customers meant, each once, by number; a search looks through the inactive list instead where that is asked.

    Misconfigured for nobody or for both ways at once, UnknownThing for an id nobody has or a search that finds none,
    Conflict for a search that finds others than so many as were looked at.
    """
    if not whom.sought:
        if not whom.ids:
            raise Misconfigured(
                "nobody is named",
                hint="Name customers by their ids, or find them with --search TERMS or --filter FACET=VALUE.",
            )
        return sorted({found(step, text).customer for text in whom.ids})
    if whom.ids:
        raise Misconfigured(
            "customers are named and searched for at the same time",
            hint="Give ids, or --search and --filter, not both.",
        )
    assert whom.view is not None  # noqa: S101 - who searches does so in a view
    db = step.db
    by = listing.lens(db, whom.view)
    asked = wanted_of(by, whom.view, search=whom.search, segment=whom.segment, filters=whom.filters, inactive=inactive)
    if not asked.terms and not asked.picks:
        raise Misconfigured("the search is empty, which would mean everybody", hint="Say whom to look for.")
    finder = Finder(db, asked, by)
    numbers = finder.matching()
    finder.plan(SCAN)
    if not numbers:
        where = "the inactive list" if asked.inactive else "the list"
        what = repr(whom.search) if whom.search is not None else "these filters"
        raise UnknownThing(f"nobody in {where} is found by {what}", hint="`klientela customers --search` shows who is")
    if whom.looked_at is not None and len(numbers) != whom.looked_at:
        now, then = len(numbers), whom.looked_at
        raise Conflict(
            f"the list finds {now} now, and not {then} as when it was looked at",
            hint="Look again at whom it concerns.",
        )
    return sorted(numbers)


def anchors(db: Db, numbers: Iterable[int]) -> dict[int, int]:
    """The record of each of some customers that words about him are written on: the oldest, but a guest row only where
    there are no others, for it goes its own way under another policy (docs/decisions/0015)."""
    wanted = list(numbers)
    known: dict[int, int] = {}
    rows: set[int] = set()
    for number, record, entity in db.rows(
        f"SELECT c.id, c.anchor, r.entity FROM customer c JOIN record r ON r.id = c.anchor WHERE c.id {db.among}",
        (db.pack(wanted),),
    ):
        known[number] = record
        if entity == facts.GUEST_ORDER:
            rows.add(number)
    return {
        number: known[number] if number in known and number not in rows else _told_of(db, number) for number in wanted
    }


def _told_of(db: Db, customer: int) -> int:
    """The oldest record that is no guest row; else the oldest."""
    found = members(db, customer)
    guests = {
        row[0]
        for row in db.rows(
            f"SELECT id FROM record WHERE entity = {facts.GUEST_ORDER} AND id {db.among}", (db.pack(found),)
        )
    }
    return next((number for number in found if number not in guests), found[0])


__all__ = ["Whom", "anchors", "customers"]
