"""The outgoing feed: decisions about customers, POSTed in order to whoever wants them, signed, until they are taken.

Each feed has a thread and a place in the log of its own; a receiver that is down holds up nothing and nobody but
itself. A batch counts as taken by any answer of the 200s; until then it is sent again, so a line may come twice and
never not at all: `seq` and `line` tell it apart.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from klientela.errors import Interrupted, KlientelaError
from klientela.http import Http
from klientela.settings.model import Feed
from klientela.store import tidings
from klientela.store.database import Store
from klientela_daemon import logs

log = logs.logger("klientela.feed")

SIGNATURE = "Klientela-Signature"
BATCH = 200  # lines
_LOOK = 2.0  # seconds between two looks at the log
_TIMEOUT = 15.0  # seconds a receiver may be silent
_FIRST, _LONGEST = 1.0, 300.0  # seconds between two tries
_END = 1.0  # seconds for a thread to end


def signature(secret: str, moment: int, body: bytes) -> str:
    """`t=MOMENT,v1=HEX`: HMAC-SHA256 of "MOMENT.BODY"; the moment (Unix seconds) is signed, so nobody replays it late."""
    made = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={made}"


def backoff(tries: int) -> float:
    """Seconds until the next try after so many failed ones, a little different each time."""
    return float(min(_LONGEST, _FIRST * 2 ** min(tries - 1, 20)) * random.uniform(0.75, 1.0))


class Feeds:
    """The feeds of the configuration, each in its thread."""

    def __init__(self, store: Store, *, look: float = _LOOK, pause: Callable[[int], float] = backoff) -> None:
        self._store = store
        self._look = look
        self._pause = pause
        self._running: dict[str, _Sender] = {}

    def change(self, wanted: Mapping[str, Feed]) -> None:
        """Send these from now on: new ones begin, changed ones begin anew where they stand, others end."""
        for name in [name for name, one in self._running.items() if wanted.get(name) != one.feed]:
            self._running.pop(name).end()
        for name, feed in wanted.items():
            if name not in self._running:
                self._running[name] = _Sender(self._store, name, feed, self._look, self._pause)

    @property
    def alive(self) -> bool:
        """Whether any thread is still at work."""
        return any(one.thread.is_alive() for one in self._running.values())

    def stop(self) -> None:
        """End all of them."""
        for one in self._running.values():
            one.over.set()
        for one in self._running.values():
            one.end()


class _Sender:
    """One feed."""

    def __init__(self, store: Store, name: str, feed: Feed, look: float, pause: Callable[[int], float]) -> None:
        self.store = store
        self.name = name
        self.feed = feed
        self.look = look
        self.pause = pause
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._live, name=f"feed {name}", daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Stop, also in the middle of a try."""
        self.over.set()
        self.thread.join(_END)

    def _live(self) -> None:
        parts = urlsplit(self.feed.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        tries = 0
        with Http(
            f"{parts.scheme}://{parts.netloc}", timeout=_TIMEOUT, max_bytes=2**20, tries=1, stop=self.over
        ) as http:
            while not self.over.is_set():
                try:
                    more = self._send(http, path or "/")
                except Interrupted:
                    return
                except KlientelaError as error:
                    tries += 1
                    wait = self.pause(tries)
                    tell = log.warning if tries == 1 else log.info
                    tell("the feed waits", feed=self.name, tries=tries, seconds=round(wait, 1), reason=error.message)
                    self.over.wait(wait)
                else:
                    if tries:
                        log.info("the feed goes on", feed=self.name, tries=tries)
                    tries = 0
                    if not more:
                        self.over.wait(self.look)

    def _send(self, http: Http, path: str) -> bool:
        """Send the next batch, if there is one; whether there is more behind it. The place moves when it was taken."""
        with self.store.reading() as db:
            before = tidings.place_of(db, self.name)
            found = tidings.after(db, before, BATCH)
        if found.place == before:
            return False
        if found.lines:
            body = msgspec.json.encode({"feed": self.name, "lines": found.lines})
            secret = self.feed.secret.get_secret_value()
            signed = {SIGNATURE: signature(secret, int(time.time()), body)}
            http.post(path, json=msgspec.Raw(body), headers=signed)
            log.debug("told decisions", feed=self.name, lines=len(found.lines))
        with self.store.step("feed") as step:
            tidings.remember(step, self.name, found.place)
        return found.more
