"""Webhooks in: `POST /webhooks/{source}` proves a delivery, keeps it and answers; what was kept is applied soon after.

200  kept and committed, or known already, or nothing of ours      404  no such source, or one without webhooks
401  it does not prove where it comes from; nothing of it is kept  413  too large
503  it could not be kept in time: the shop sends it again
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from klientela.errors import DeliveryRefused, KlientelaError, UnknownThing
from klientela.flow.fetch import asking
from klientela.notices import Delivery, Notice
from klientela.source import Source, SourceSettings
from klientela.store import inbox
from klientela.store.database import Store
from klientela_daemon import logs
from klientela_daemon.applying import Applier
from klientela_daemon.failures import sentence
from klientela_daemon.house import House
from klientela_daemon.metrics import Metrics
from klientela_daemon.postbox import Letter, Postbox

log = logs.logger("klientela.webhooks")

LARGEST = 5 * 2**20
"""Bytes of a delivery."""

_PATIENCE = 4.0  # seconds until a shop is told to come again; Shopify waits five
_PROVERS = 2  # threads of a source that prove; a plugin that hangs in them holds up nobody else
_TELL_EVERY = 60.0  # seconds between two lines in the log about refused deliveries of a source
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Webhooks:
    """The door for deliveries. It has source objects of its own, so that a run of a source and its messages share
    neither connections nor state. `house` is the configuration in force."""

    def __init__(self, store: Store, house: Callable[[], House], stop: threading.Event, metrics: Metrics) -> None:
        self._store = store
        self._house = house
        self._stop = stop
        self._metrics = metrics
        self._sources: dict[str, tuple[SourceSettings, Source]] = {}
        self._appliers: dict[str, Applier] = {}
        self._told: dict[str, float] = {}
        self._guard = threading.Lock()
        self._provers: dict[str, ThreadPoolExecutor] = {}
        self._postbox = Postbox(store, self.nudge)
        self.routes = [Route("/webhooks/{source}", self._deliver, methods=["POST"])]

    def start(self) -> None:
        """Keep and apply from now on; what an earlier process kept is applied first."""
        self._postbox.start()
        with self._store.reading() as db:
            names = inbox.owners(db)
        for name in names:
            self.nudge(name)

    def stop(self, timeout: float) -> bool:
        """End; False when somebody is still inside the store after the time."""
        end = time.monotonic() + timeout
        with self._guard:
            provers = list(self._provers.values())
        for pool in provers:
            pool.shutdown(wait=False, cancel_futures=True)
        still = not self._postbox.stop(timeout)
        with self._guard:
            appliers = list(self._appliers.values())
        for applier in appliers:
            still |= not applier.stop(max(0.1, end - time.monotonic()))
        for _, source in self._sources.values():
            _close(source)
        return not still

    @property
    def asleep(self) -> bool:
        """Whether nobody of ours is inside the store any more, after `stop`."""
        with self._guard:
            return not (self._postbox.alive or any(one.alive for one in self._appliers.values()))

    def nudge(self, name: str) -> None:
        """Apply what waits for a source, soon: something came, or a sync has ended."""
        with self._guard:
            if self._stop.is_set() or not self._takes(name):
                return
            applier = self._appliers.get(name)
            if applier is None:
                applier = self._appliers[name] = Applier(self._store, name, self._house, self._stop)
                applier.start()
        applier.wake()

    # -- one delivery ------------------------------------------------------------------

    async def _deliver(self, request: Request) -> Response:
        name = request.path_params["source"]
        if not self._takes(name):
            return _say(404, "no source of that name takes webhooks")
        try:
            body = await _body(request)
        except ClientDisconnect:
            return _say(400, "the delivery was cut off")
        if body is None:
            return _say(413, f"a delivery has at most {LARGEST} bytes")
        status, said = await self._take(name, Delivery(dict(request.headers.items()), body))
        return _say(status, said)

    async def _take(self, name: str, delivery: Delivery) -> tuple[int, str]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            proving = loop.run_in_executor(self._pool(name), self._prove, name, delivery)
            letter = await asyncio.wait_for(proving, _PATIENCE)
            if letter is None:
                return self._count(name, "ignored", 200, "nothing of ours")
            kept = asyncio.wrap_future(self._postbox.put(letter))
            await asyncio.wait_for(kept, max(0.1, _PATIENCE - (loop.time() - began)))
        except DeliveryRefused as error:
            self._tell(name, error)
            return self._count(name, "refused", 401, "the delivery does not prove where it comes from")
        except UnknownThing:
            return 404, "no source of that name takes webhooks"
        except TimeoutError:
            return self._count(name, "busy", 503, "it could not be kept in time; send it again")
        except KlientelaError as error:
            self._tell(name, error)
            return self._count(name, "busy", 503, "it cannot be kept now; send it again")
        except Exception:
            log.exception("a webhook could not be kept", source=name)
            return self._count(name, "busy", 503, "it cannot be kept now; send it again")
        return self._count(name, "kept", 200, "kept")

    def _prove(self, name: str, delivery: Delivery) -> Letter | None:
        """In a thread: a stranger's plugin may take its time."""
        source = self._source(name)
        with asking(source, "proving a webhook"):
            notice = source.receive(delivery)
            if notice is not None:  # a stranger's: three texts, whatever it calls itself
                notice = Notice(str(notice.key), str(notice.topic), str(notice.body))
        return None if notice is None else Letter(name, source.type, notice)

    def _count(self, name: str, result: str, status: int, said: str) -> tuple[int, str]:
        self._metrics.delivered(name, result)
        return status, said

    def _tell(self, name: str, error: KlientelaError) -> None:
        """A line in the log, but not one for each of a thousand forgeries."""
        now = time.monotonic()
        with self._guard:
            if now - self._told.get(name, -_TELL_EVERY) < _TELL_EVERY:
                return
            self._told[name] = now
        log.warning("a webhook was refused", source=name, kind=error.kind, reason=sentence(error))

    # -- sources -----------------------------------------------------------------------

    def _pool(self, name: str) -> ThreadPoolExecutor:
        with self._guard:
            if name not in self._provers:
                self._provers[name] = ThreadPoolExecutor(_PROVERS, f"webhook {name}")
            return self._provers[name]

    def _takes(self, name: str) -> bool:
        house = self._house()
        settings = house.config.settings.sources.get(name)
        return settings is not None and house.plugins.types[settings.type].webhooks

    def _source(self, name: str) -> Source:
        """The source as it is configured now. UnknownThing when it is not any more."""
        house = self._house()
        settings = house.config.settings.sources.get(name)
        if settings is None:
            raise UnknownThing(f"there is no source {name}")
        with self._guard:
            known = self._sources.get(name)
            if known is not None and known[0] == settings:
                return known[1]
        made = house.plugins.make(name, settings, shop=house.config.shop(), stop=self._stop)  # may take its time
        with self._guard:
            known = self._sources.get(name)
            self._sources[name] = (settings, made)
        if known is not None:
            _close(known[1])
        return made


def _close(source: Source) -> None:
    with suppress(KlientelaError), asking(source, "its close"):
        source.close()


async def _body(request: Request) -> bytes | None:
    """The raw body; None when it is too large."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > LARGEST:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)


def _say(status: int, text: str) -> Response:
    return JSONResponse({"message": text}, status, headers=_HEADERS)
