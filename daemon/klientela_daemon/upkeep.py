"""Upkeep: what a sync does for its store at its end, done now and then for those who push; and once a day what is too old."""

from __future__ import annotations

import threading
from collections.abc import Callable

from klientela.errors import KlientelaError
from klientela.flow.loading import Loading
from klientela.flow.retention import months_before, retain
from klientela.model.instants import DAY, Instant
from klientela.store import cleaning, operation, receipts
from klientela.store.database import Store
from klientela.store.housekeeping import settle
from klientela_daemon import logs
from klientela_daemon.failures import sentence

log = logs.logger("klientela.upkeep")

_EVERY = 30.0  # seconds
_HOURLY = 120  # looks
_NOBODY = 0  # no source has this id


class Upkeep:
    """A thread that looks after the store when something was pushed; `wrote` tells it how much. `retention`: after so many
    months guest rows are erased (R59); None: never."""

    def __init__(
        self,
        store: Store,
        stop: threading.Event,
        *,
        every: float = _EVERY,
        retention: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._store = store
        self._stop = stop
        self._every = every
        self._retention = retention
        self._retained: Instant | None = None
        self._written = 0
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._live, name="upkeep", daemon=True)

    def wrote(self, count: int) -> None:
        """So many records were stored."""
        with self._lock:
            self._written += count

    def _live(self) -> None:
        looks = 0
        while not self._stop.wait(self._every):
            looks += 1
            try:
                self.look()
                if looks % _HOURLY == 0:
                    self._forget()
                    self.retain(operation.now())
            except KlientelaError as error:
                log.error("upkeep waits for its next turn", reason=sentence(error))  # noqa: TRY400

    def look(self) -> None:
        """Make what is missing for reading fast, when something was pushed since the last look."""
        with self._lock:
            written, self._written = self._written, 0
        if written:
            Loading(self._store, _NOBODY).end()
            settle(self._store, written)

    def _forget(self) -> None:
        with self._store.step("receipts") as step:
            receipts.expire(step)
        cleaning.clean_up(self._store)

    def retain(self, now: Instant) -> None:
        """Erase guest rows that are too old, where that is asked for; once a day."""
        months = self._retention()
        if months is None or (self._retained is not None and now - self._retained < DAY):
            return
        self._retained = now
        count = retain(self._store, months_before(now, months))
        if count:
            log.info("guest rows erased, for their orders are too old", rows=count, months=months)
