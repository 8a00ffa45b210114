"""The state of a pretend shop: its clock, what its lists know of a change, and the workings of the hands that change it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any, ClassVar, Protocol

from klientela.errors import Misconfigured
from klientela.model.instants import DAY, SECOND, Instant, instant, iso
from klientela.model.money import minor
from klientela.testing.backstage.mischief import Mischief
from klientela.testing.faults import DEFAULT_RATE, Fault, Faults, parse_fault

When = Instant | str
"""A time: an instant, or ISO 8601."""
Money = int | str
"""An amount: minor units, or a decimal string."""

START = "2026-11-20T12:00:00Z"
"""When a pretend shop begins."""
LATE = 300.0
"""Seconds that lists lag behind while the fault `late` is on."""


class Listed(Protocol):
    """What stands in a list by its time of change. `indexed` is the one the list knows; None: not listed yet."""

    updated_at: Instant
    indexed: Instant | None


class Clock:
    """A shop's own time, in whole seconds. It stands still unless it runs or is advanced."""

    def __init__(self, start: Instant, *, running: bool = False) -> None:
        self._base = start
        self._running = running
        self._begun = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether it goes on by itself."""
        return self._running

    def now(self) -> Instant:
        """The present second."""
        elapsed = int(time.monotonic() - self._begun) if self._running else 0
        return self._base + elapsed * SECOND

    def advance(self, seconds: float) -> Instant:
        """Jump ahead."""
        self._base += int(seconds) * SECOND
        return self.now()


class Backstage:
    """A pretend shop without its objects: what a plugin's own shop is made from. Hold `lock` while changing it.

    Every change moves the clock of a shop that stands still by one second, so that a later window finds it. The sandbox
    sets `mischief` (faults inside well-formed answers) and `faults` (those of the wire, wrapped around its server).
    """

    grain: ClassVar[int] = SECOND
    """How exactly it keeps times, in microseconds."""

    mischief: Mischief
    faults: Faults

    def __init__(self, *, start: When = START, running: bool = False) -> None:
        self.lock = threading.RLock()
        self.clock = Clock(self._when(start), running=running)
        self.lag = 0.0  # seconds until the lists know of a change
        self.revision = 0  # grows with every visible change
        self._unlisted: list[tuple[Instant, Instant, Listed]] = []

    # -- what a shop says of itself ------------------------------------------------------------------------------

    def advance(self, steps: int = 1) -> list[str]:
        """Let a number of seeded things happen; answers what they were."""
        raise NotImplementedError

    def truth(self) -> dict[str, Any]:
        """The true state in plain values: times as ISO 8601, money in minor units."""
        raise NotImplementedError

    # -- time ----------------------------------------------------------------------------------------------------

    def advance_clock(self, seconds: float = 0, *, days: float = 0) -> Instant:
        """Let time pass: late rows become visible, tokens expire, windows move."""
        with self.lock:
            moment = self.clock.advance(seconds + days * DAY / SECOND)
            self.settle()
            return moment

    def settle(self) -> None:
        """Let the lists catch up with what is due by now."""
        now = self.clock.now()
        due = [entry for entry in self._unlisted if entry[0] <= now]
        if due:
            self._unlisted = [entry for entry in self._unlisted if entry[0] > now]
            for _, version, thing in due:
                thing.indexed = version
            self.revision += 1

    # -- trouble -------------------------------------------------------------------------------------------------

    def fault(self, kind: str, rate: float = 1.0, times: int | None = None) -> None:
        """Switch a fault of `mischief` on, or off with rate 0; `times`: it strikes only so often. ValueError: unknown.

        Of these, `late` lets the lists lag behind. Faults of the wire are set on `faults` (klientela.testing.Faults).
        """
        self.mischief.set(kind, rate, times)
        if kind == "late":
            self.lag = LATE if rate else 0.0

    def begin_with(self, faults: Sequence[str]) -> None:
        """Faults to begin with: KIND or KIND:RATE, of `mischief` or of the wire. Misconfigured for others."""
        for fault in faults:
            kind, _, rate = fault.strip().partition(":")
            if kind in self.mischief.kinds:
                usual = 1.0 if kind in self.mischief.steady else DEFAULT_RATE
                self.fault(kind, float(rate) if rate else usual)
            else:
                self.faults.always(self._of_the_wire(fault))

    def calm(self) -> None:
        """No faults any more, neither inside answers nor of the wire."""
        self.faults.calm()
        for kind in list(self.mischief.rates):
            self.fault(kind, 0)

    def _of_the_wire(self, text: str) -> Fault:
        try:
            return parse_fault(text)
        except Misconfigured as error:
            inside = ", ".join(self.mischief.kinds)
            hint = f"{error.hint}; inside well-formed answers: {inside}" if error.hint else None
            raise Misconfigured(error.message, hint=hint) from error

    # -- the workings of its hands -------------------------------------------------------------------------------

    def _when(self, value: When | None, otherwise: Instant = 0) -> Instant:
        """The instant of a time given either way, as exactly as the shop keeps times."""
        if value is None:
            return otherwise
        moment = instant(value) if isinstance(value, str) else value
        return moment - moment % self.grain

    def _set(self, thing: Any, fields: Mapping[str, Any]) -> None:
        """Set fields of an object, those named `…_at` from times given either way. TypeError: it has no such field."""
        for name, value in fields.items():
            if name not in thing.__dataclass_fields__:
                raise TypeError(f"{type(thing).__name__} has no field {name!r}")
            setattr(thing, name, self._when(value) if name.endswith("_at") and value is not None else value)

    def _touch(self, thing: Listed, moment: Instant) -> None:
        """An object changed at that moment; its list learns of it now, or when it has caught up."""
        thing.updated_at = moment
        if self.lag:
            self._unlisted.append((self.clock.now() + int(self.lag * SECOND), moment, thing))
        else:
            thing.indexed = moment
        self._changed()

    def _changed(self) -> None:
        """Something can be seen that could not be seen before."""
        self.revision += 1
        if not self.clock.running:
            self.clock.advance(1)


def money(value: Money, currency: str) -> int:
    """An amount given either way, in minor units."""
    return value if isinstance(value, int) else minor(value, currency)


def numbered(start: int) -> Iterator[int]:
    """Ids in order, as a shop hands them out."""
    while True:
        yield start
        start += 1


def plain(value: Any) -> Any:
    """An object as plain values for `truth`: dataclasses as dicts without `indexed`, times (`at`, `…_at`) as ISO 8601."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not is_dataclass(value):
        return value
    told: dict[str, Any] = {}
    for name in (field.name for field in fields_of(value) if field.name != "indexed"):
        inner = getattr(value, name)
        is_time = (name == "at" or name.endswith("_at")) and inner is not None
        told[name] = iso(inner) if is_time else plain(inner)
    return told
