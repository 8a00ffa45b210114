"""Asks plugins which customers might be one person, for the review queue: given all of them as values to compare, they
name pairs. Whatever a plugin does wrong costs its own proposals and is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

from klientela.model.records import Person
from klientela.model.words import agree
from klientela.proposals import Proposal, Proposals, Somebody
from klientela.rules.likeness import Likeness, likeness
from klientela.rules.ruleset import Ruleset
from klientela.store import facts, ids
from klientela.store.database import Db
from klientela.store.facts import SourceRow
from klientela.store.rows import members_of
from klientela.store.tables import SHOWN

_BATCH = 500
_WORDS = 300  # characters of a reason or a remark

Ask = Callable[[Iterable[Somebody]], Iterable[Proposals]]


class Proposer(NamedTuple):
    """A plugin that proposes: its name, and how to ask it."""

    name: str
    ask: Ask


class Pair(NamedTuple):
    """A proposal that stands: the customers by their ids, smaller first, and whose it is."""

    score: float
    one: str
    two: str
    plugin: str
    reason: str


class Asked(NamedTuple):
    """What all plugins proposed, the surest first; what to tell of it; which plugins failed."""

    pairs: list[Pair]
    remarks: list[str]
    failed: list[str]


def ask(db: Db, ruleset: Ruleset, proposers: Sequence[Proposer]) -> Asked:
    """Ask each plugin. Of one pair the surest proposal counts; the same whatever the order of anything."""
    best: dict[tuple[str, str], Pair] = {}
    remarks: list[str] = []
    failed: list[str] = []
    for proposer in sorted(proposers):
        try:
            pairs, said = _asked(proposer, people(db, ruleset))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything
            failed.append(proposer.name)
            remarks.append(f"the plugin {proposer.name} could not propose anything ({type(error).__name__})")
            continue
        remarks += said
        for pair in pairs:
            key = (pair.one, pair.two)
            if key not in best or _rank(pair) < _rank(best[key]):
                best[key] = pair
    return Asked(sorted(best.values(), key=_rank), remarks, failed)


def _rank(pair: Pair) -> tuple[float, str, str, str, str]:
    return (-pair.score, pair.one, pair.two, pair.plugin, pair.reason)


def _asked(proposer: Proposer, given: Iterable[Somebody]) -> tuple[list[Pair], list[str]]:
    pairs: list[Pair] = []
    said: list[str] = []
    wrong = 0
    for answer in proposer.ask(given):
        if not isinstance(answer, Proposals):
            raise TypeError("no Proposals")
        for one in answer.pairs:
            pair = _pair(proposer.name, one)
            if pair is None:
                wrong += 1
            else:
                pairs.append(pair)
        said += [f"{proposer.name}: {_line(text)}" for text in answer.remarks]
    if wrong:
        said.append(agree(wrong, f"{{}} [proposal|proposals] of the plugin {proposer.name} cannot be understood"))
    return pairs, said


def _pair(plugin: str, given: Any) -> Pair | None:
    try:
        proposal = Proposal(*given)
        one, two = sorted((str(proposal.one), str(proposal.two)))
        score = float(proposal.score)
        if one == two or not isfinite(score) or not proposal.reason:
            return None
        return Pair(min(max(score, 0.0), 1.0), one, two, plugin, _line(proposal.reason))
    except (TypeError, ValueError):
        return None


def _line(text: Any) -> str:
    """One line of words for people."""
    words = " ".join(str(text).split())
    return "".join(letter for letter in words if letter.isprintable())[:_WORDS]


# -- who is compared ----------------------------------------------------------------------------------------------------


def people(db: Db, ruleset: Ruleset) -> Iterator[Somebody]:
    """The customers as values to compare, by their public ids: nothing tells a plugin in which order they came.

    Who is kept back by a guest policy is not among them (R7).
    """
    sources = facts.sources(db)
    listed = db.stream("SELECT id, pub FROM customer ORDER BY pub8, pub")
    while batch := list(islice(listed, _BATCH)):
        values = _values(db, ruleset, sources, [number for number, _ in batch])
        for number, public in batch:
            if number in values:
                yield _somebody(ids.text(bytes(public)), values[number])


def _values(
    db: Db, ruleset: Ruleset, sources: Mapping[int, SourceRow], customers: Sequence[int]
) -> dict[int, list[Likeness]]:
    """The comparable values of the members of some customers."""
    members = members_of(db, customers, "p.id, p.flags, p.keys")
    shown = [row[0] for rows in members.values() for row in rows if row[1] & SHOWN]
    loaded = facts.load(db, shown)
    made: defaultdict[int, list[Likeness]] = defaultdict(list)
    for customer, rows in members.items():
        for number, _, keys in rows:
            item = loaded.get(number)
            if item is None or not isinstance(item.fact, Person):
                continue
            one = likeness(item.fact, sources[item.source].uid, ruleset, published=bool(keys))
            if one is not None:
                made[customer].append(one)
    return made


def _somebody(public: str, values: Sequence[Likeness]) -> Somebody:
    return Somebody(
        public,
        tuple(sorted({one.name for one in values if one.name})),
        tuple(sorted({one.company for one in values if one.company})),
        tuple(sorted({email for one in values for email in one.emails})),
        tuple(sorted({phone for one in values for phone in one.phones})),
        tuple(sorted({place for one in values for place in one.places})),
    )


__all__ = ["Asked", "Pair", "Proposer", "ask", "people"]
