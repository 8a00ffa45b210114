"""The postbox: proven webhooks are kept in the store by one thread, as many in one transaction as have come meanwhile.

SQLite has one writer and each commit waits for the disk: a delivery for itself would cost as much as a hundred together.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from klientela.errors import Interrupted, KlientelaError
from klientela.notices import Notice
from klientela.store import facts, inbox
from klientela.store.database import Step, Store

_TOGETHER = 500  # deliveries of a transaction
MOST = 5_000
"""Deliveries that may wait to be kept; further ones are told to come again."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A proven delivery of a source (its name and kind), and who waits for it to be kept."""

    source: str
    type: str
    notice: Notice
    kept: Future[None] = field(default_factory=Future)


class Postbox:
    """Keeps deliveries until `stop`. `arrived` is told the names of the sources whose letters were just kept."""

    def __init__(self, store: Store, arrived: Callable[[str], object]) -> None:
        self._store = store
        self._arrived = arrived
        self._letters: queue.SimpleQueue[Letter | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="postbox", daemon=True)

    def start(self) -> None:
        """Keep from now on."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Keep what waits, refuse what comes; False when that takes too long."""
        self._closed.set()
        self._letters.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    def put(self, letter: Letter) -> Future[None]:
        """Keep a letter; the future is done once it is committed, and fails when it could not be kept."""
        if self._closed.is_set() or self._letters.qsize() >= MOST:
            letter.kept.set_exception(Interrupted("the postbox is full or closed", hint="Send it again later"))
        else:
            self._letters.put(letter)
        return letter.kept

    def _work(self) -> None:
        while (first := self._letters.get()) is not None:
            # who does not wait any more has been told to send it again; who does cannot leave from here on
            letters = [one for one in (first, *self._more()) if one.kept.set_running_or_notify_cancel()]
            try:
                with self._store.step("inbox") as step:
                    kept = self._keep(step, letters)
            except Exception as error:  # noqa: BLE001 - whoever waits is told, and the next ones are kept again
                for letter in letters:
                    if not letter.kept.done():
                        letter.kept.set_exception(error)
                continue
            for letter in kept:
                letter.kept.set_result(None)
            for name in {letter.source for letter in kept}:
                self._arrived(name)
        for letter in self._more():
            if letter.kept.set_running_or_notify_cancel():
                letter.kept.set_exception(Interrupted("the daemon is stopping", hint="Send it again later"))

    def _more(self) -> list[Letter]:
        found: list[Letter] = []
        while len(found) < _TOGETHER - 1:
            try:
                letter = self._letters.get_nowait()
            except queue.Empty:
                break
            if letter is None:
                self._letters.put(None)  # for `_work`, when these are kept
                break
            found.append(letter)
        return found

    def _keep(self, step: Step, letters: Sequence[Letter]) -> list[Letter]:
        """Write them; those of a source that cannot be registered are refused, the others are kept."""
        numbers: dict[str, int] = {}
        for letter in letters:
            if letter.source not in numbers and not letter.kept.done():
                try:
                    numbers[letter.source] = facts.ensure_source(step, letter.source, letter.type).id
                except KlientelaError as error:
                    letter.kept.set_exception(error)
        kept = [letter for letter in letters if letter.source in numbers and not letter.kept.done()]
        inbox.keep(step.db, ((numbers[letter.source], letter.notice) for letter in kept), step.at)
        return kept
