"""A pretend Wix site: an ASGI application that speaks the vendor's REST from a deterministic site with a clock.

    site.py      the state and the hands that change it       things.py    what it holds
    people.py    seeded contacts, members, orders, carts      life.py      what happens as time passes
    lists.py     filters, sorting, offsets, cursors           views.py     how objects are shown
    news.py      webhooks, signed with a key of its own       server.py    the endpoints
    mischief.py  faults inside well-formed answers            writing.py   orders that others have made

It is written from the vendor's facts, not from the connector. Only webhooks need the extra `klientela[wix]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp

from klientela.kit import SECOND
from klientela.testing import Faults
from klientela.testing.backstage import START, Mischief, When
from klientela_wix.sandbox import life, news
from klientela_wix.sandbox.mischief import BENDS, FAULTS, STEADY
from klientela_wix.sandbox.people import Town, settle_in
from klientela_wix.sandbox.server import Server
from klientela_wix.sandbox.site import Site, describe

API_KEY = "IST.sandbox-key"
APP_ID = "5a9d0d1e-0000-4000-8000-000000000800"
APP_SECRET = "sandbox-app-secret"  # noqa: S105 - opens nothing but a pretend site


class Sandbox(Site):
    """A site with a door: its state, its faults, and `app`, the ASGI application.

    `customers` people are made from `seed`; 0 gives an empty site to be filled by hand (see `Site`).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        customers: int = 0,
        start: When = START,
        running: bool = False,
        name: str = "Sandbox Site",
    ) -> None:
        super().__init__(start=start, running=running, name=name)
        self.site_id = f"5a9d0d1e-0000-4000-8000-{seed:012x}"  # another seed is another site (R60)
        self.instance_id = f"5a9d0d1e-0000-4000-9000-{seed:012x}"
        self.api_key = API_KEY
        self.app_id = APP_ID
        self.app_secret = APP_SECRET
        self.token_life = 14_400  # seconds of the site's clock
        self.calls_a_minute: int | None = 200 if running else None  # of the site's clock
        self.forbidden: set[str] = set()  # what may not be done: contacts, members, orders, checkouts, manage orders
        self.not_installed: set[str] = set()  # lists whose app the site has not
        self.generation = 0  # cursors of an older generation are expired
        self.mischief = Mischief(seed, FAULTS, BENDS, STEADY)
        self.signer = news.Signer()
        self._town = Town(seed)
        settle_in(self, self._town, customers)
        self.server = Server(self)
        self.faults = Faults(self.server.app(), seed=seed, now=lambda: self.clock.now() / SECOND)
        self.app: ASGIApp = self.faults

    def expire_cursors(self) -> None:
        """Every cursor handed out so far is invalid."""
        self.generation += 1

    def advance(self, steps: int = 1) -> list[str]:
        """Let a number of seeded things happen (edits, orders, returns, recovered carts, merges, deletions)."""
        return life.live(self, self._town, steps)

    def truth(self) -> dict[str, Any]:
        """The true state in plain values."""
        return describe(self)

    def signed(self) -> list[str]:
        """The messages that wait, as they go over the wire; afterwards none waits."""
        with self.lock:
            waiting, self.outbox = self.outbox, []
        return [self.signer.token(news.claims(one, self.instance_id)) for one in waiting]

    def deliver(self, url: str) -> list[int]:
        """Send the messages that wait; the statuses they were answered with."""
        return [news.post(url, token) for token in self.signed()]


def create(customers: int = 200, seed: int = 1, faults: Sequence[str] = ()) -> ASGIApp:
    """A site whose clock runs, for `klientela sandbox wix` and the demo.

    `faults` are KIND or KIND:RATE, of `mischief.FAULTS` or of the wire. Misconfigured for others.
    """
    sandbox = Sandbox(seed=seed, customers=customers, running=True)
    sandbox.begin_with(faults)
    return sandbox.app


__all__ = ["API_KEY", "APP_ID", "APP_SECRET", "FAULTS", "Sandbox", "create"]
