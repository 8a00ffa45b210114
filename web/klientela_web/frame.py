"""What stands around every page: figures beside the ways at its side, and in one word how the sources are doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from klientela.model.instants import Instant, iso
from klientela.settings import late
from klientela.store import operation
from klientela.store.operation import SourceState
from klientela.store.overview import segments
from klientela_web.house import House
from klientela_web.words import Words


class Pulse(NamedTuple):
    """How the sources are doing: `state` running, failed, late or good; `said` one short sentence, `at` when one of them
    was read last."""

    state: str
    said: str
    at: str | None


class Frame(NamedTuple):
    """`counts`: figures by the path of a way. `pulse` None: no source is read by itself. `late`: the sources without a good
    run for twice their interval, and when the last one was."""

    counts: Mapping[str, int]
    pulse: Pulse | None
    late: Mapping[str, str | None]


def frame(house: House, words: Words, questions: int | None) -> Frame:
    """The frame of a page; `questions` wait for a decision, as far as anybody knows."""
    states = {state.name: state for state in operation.states(house.store)}
    now = operation.now()
    # one that never had a good run says so by its failure; it is not late too
    waits = late(house.config.schedules(), {name: state.success for name, state in states.items()}, now, began=now)
    with house.store.reading() as db:
        counts = {"/customers": segments(db, house.config.settings.views["default"])["all"]}
    if questions:
        counts["/merges"] = questions
    return Frame(
        counts,
        _pulse(house, states, waits, words),
        {name: None if success is None else iso(success) for name, success in waits.items()},
    )


def _pulse(
    house: House, states: Mapping[str, SourceState], waits: Mapping[str, Instant | None], words: Words
) -> Pulse | None:
    """The worst first: what is being read, what failed, what is late; else that all is well."""
    known = {name: states[name] for name in sorted(house.config.settings.sources) if name in states}
    busy = [name for name in known if known[name].busy or name in house.progress()]
    broken = [name for name, one in known.items() if one.last is not None and one.last.status in ("failed", "partial")]
    ends = [one.success for one in known.values() if one.success is not None]
    at = iso(max(ends)) if ends else None
    if busy:
        return Pulse("running", words("%(name)s is being read", name=busy[0]), None)
    if broken:
        return Pulse("failed", words("%(name)s could not be read", name=broken[0]), at)
    if waits:
        return Pulse("late", words("%(name)s waits to be read", name=min(waits)), at)
    return Pulse("good", words("All sources up to date"), at) if ends else None


__all__ = ["Frame", "Pulse", "frame"]
