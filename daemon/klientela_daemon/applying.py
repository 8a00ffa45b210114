"""Applying what webhooks brought: a thread for each source, asleep until something comes or is due again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from klientela.errors import KlientelaError, SourceBusy
from klientela.flow.inbox import Applied
from klientela.model.instants import SECOND
from klientela.store import facts, operation
from klientela.store.database import Store
from klientela_daemon import apart, logs
from klientela_daemon.failures import sentence
from klientela_daemon.house import House

log = logs.logger("klientela.webhooks")

_BUSY = 2.0  # seconds until it is looked again whether another process still syncs the source
_TROUBLE = 30.0  # seconds after something that nobody foresaw


class Applier:
    """Applies the messages of one source whenever it is woken, and when those it had to leave are due again."""

    def __init__(self, store: Store, name: str, house: Callable[[], House], stop: threading.Event) -> None:
        self._store = store
        self._name = name
        self._house = house
        self._stop = stop
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"inbox {name}", daemon=True)

    def start(self) -> None:
        """Apply from now on."""
        self._thread.start()

    def wake(self) -> None:
        """Something came."""
        self._awake.set()

    @property
    def alive(self) -> bool:
        """Whether its thread is there."""
        return self._thread.is_alive()

    def stop(self, timeout: float) -> bool:
        """End after the step in progress; False when that takes too long. The daemon's stop is set before."""
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        wait: float | None = None
        while not self._stop.is_set():
            self._awake.wait(wait)
            self._awake.clear()
            if not self._stop.is_set():
                wait = self._round()

    def _round(self) -> float | None:
        """Apply what waits; how long to sleep if nobody wakes us. Nothing gets out of here."""
        try:
            return self._apply()
        except SourceBusy:
            return _BUSY  # a run of this daemon wakes us when it ends, one of another process does not
        except KlientelaError as error:
            log.error("webhooks wait", source=self._name, kind=error.kind, reason=sentence(error))  # noqa: TRY400
        except Exception:  # a stranger's plugin must not end the thread
            log.exception("webhooks wait", source=self._name)
        return _TROUBLE

    def _apply(self) -> float | None:
        """In a process of its own, as a sync: the plugin translates what strangers wrote."""
        house = self._house()
        with self._store.reading() as db:
            known = any(one.label == self._name for one in facts.sources(db).values())
        if not known or self._name not in house.config.settings.sources:
            return None
        told = apart.apply(self._store, apart.job(house, self._name, messages=True), stop=self._stop)
        self._tell(told)
        return None if told.later is None else max(0.1, (told.later - operation.now()) / SECOND)

    def _tell(self, told: Applied) -> None:
        for remark in told.remarks:
            log.info("remark of the source", source=self._name, remark=remark)
        if told.held:
            log.warning("a shop passes on requests about personal data; `klientela doctor` tells of them",
                        source=self._name, requests=told.held)  # fmt: skip
        if told.postponed or told.failed:
            log.warning("some webhooks could not be applied", source=self._name, later=told.postponed,
                        failed=told.failed, reason=(told.error or {}).get("message"))  # fmt: skip
        if told.done:
            log.info("webhooks applied", source=self._name, messages=told.done, changed=told.changed)
