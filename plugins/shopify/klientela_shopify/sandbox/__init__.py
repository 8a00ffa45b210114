"""A pretend Shopify shop: an ASGI application that speaks the vendor's GraphQL from a deterministic shop with a clock.

    shop.py      the state and the hands that change it       things.py    what it holds
    people.py    seeded customers, orders, carts              life.py      what happens as time passes
    graph.py     schema, lists, scopes                        views.py     how objects are shown
    search.py    the search syntax                            cost.py      costs and the purse
    mischief.py  faults inside well-formed answers            server.py    the endpoints
    bulk.py      operations that read a whole list            news.py      webhooks: their bodies, and the post
    drafts.py    draft orders, which the interface may write

It is written from the vendor's facts, not from the connector, and needs the extra `klientela[sandbox]` (graphql-core).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp

from klientela.kit import SECOND
from klientela.testing import Faults
from klientela.testing.backstage import START, Mischief, When
from klientela_shopify.sandbox import life, news
from klientela_shopify.sandbox.bulk import Bulk
from klientela_shopify.sandbox.cost import Purse
from klientela_shopify.sandbox.mischief import BENDS, FAULTS, STEADY
from klientela_shopify.sandbox.news import FAIR, Message, Weather
from klientela_shopify.sandbox.people import Town, settle_in
from klientela_shopify.sandbox.server import Server
from klientela_shopify.sandbox.shop import Shop, describe

VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
TOKEN = "shpat_sandbox"  # noqa: S105 - opens nothing but a pretend shop
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - likewise


class Sandbox(Shop):
    """A shop with a door: its state, its faults, and `app`, the ASGI application.

    `customers` people are made from `seed`; 0 gives an empty shop to be filled by hand (see `Shop`).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        customers: int = 0,
        start: When = START,
        running: bool = False,
        name: str = "Sandbox Shop",
    ) -> None:
        super().__init__(start=start, running=running, name=name)
        self.gid = f"gid://shopify/Shop/{58_033_176_764 + seed}"  # another seed is another shop (R60)
        self.token = TOKEN
        self.client_id = CLIENT_ID
        self.client_secret = CLIENT_SECRET
        self.webhook_secret = CLIENT_SECRET  # an app signs with its client secret
        self.token_life = 86_400  # seconds of the shop's clock
        self.closed: int | None = None  # 402 frozen, 403 forbidden, 404 gone, 423 locked
        self.versions: Sequence[str] = VERSIONS
        self.depth = 25_000  # how deep a list may be paged
        self.generation = 0  # cursors of an older generation are expired
        self.purse = Purse()
        self.mischief = Mischief(seed, FAULTS, BENDS, STEADY)
        self._town = Town(seed)
        self._post = random.Random(seed)
        self._late: list[Message] = []
        settle_in(self, self._town, customers)
        self.bulk = Bulk(self, self.mischief)
        self.server = Server(self)
        self.faults = Faults(self.server.app(), seed=seed, now=lambda: self.clock.now() / SECOND)
        self.app: ASGIApp = self.faults

    def expire_cursors(self) -> None:
        """Every cursor handed out so far is invalid."""
        self.generation += 1

    def advance(self, steps: int = 1) -> list[str]:
        """Let a number of seeded things happen (edits, orders, returns, recovered carts, deletions)."""
        return life.live(self, self._town, steps)

    def listen(self) -> None:
        """Subscribe to all webhooks: from now on what happens leaves messages in `outbox`."""
        self.listening = True

    def mail(self, weather: Weather = FAIR) -> list[Message]:
        """The messages that wait, in the order the post brings them; afterwards only late ones wait."""
        with self.lock:
            waiting, self.outbox = [*self._late, *self.outbox], []
            brought, self._late = news.sorted_badly(waiting, weather, self._post)
        return brought

    def deliver(self, url: str, weather: Weather = FAIR) -> list[int]:
        """Send the messages that wait; the statuses they were answered with."""
        return [news.post(url, one, self.webhook_secret, self.domain) for one in self.mail(weather)]

    def truth(self) -> dict[str, Any]:
        """The true state in plain values."""
        return describe(self)


def create(customers: int = 200, seed: int = 1, faults: Sequence[str] = ()) -> ASGIApp:
    """A shop whose clock runs, for `klientela sandbox shopify` and the demo.

    `faults` are KIND or KIND:RATE, of `mischief.FAULTS` or of the wire. Misconfigured for others.
    """
    sandbox = Sandbox(seed=seed, customers=customers, running=True)
    sandbox.begin_with(faults)
    return sandbox.app


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "FAULTS", "TOKEN", "Message", "Sandbox", "Weather", "create"]
