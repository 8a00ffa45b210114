"""A pretend Billbee account: an ASGI application that speaks the vendor's wire format, with a clock.

    shop.py      the state and the hands that change it       things.py    what it holds
    people.py    seeded customers and orders                  life.py      what happens as time passes
    views.py     how objects are shown                        carry.py     taking over another shop's orders
    mischief.py  faults inside well-formed answers            server.py    the endpoints
    writing.py   orders that are written from outside

It is written from the vendor's facts, not from the connector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.types import ASGIApp

from klientela.kit import SECOND
from klientela.testing import Faults
from klientela.testing.backstage import START, Mischief, When
from klientela_billbee.sandbox import life
from klientela_billbee.sandbox.carry import Given, carry
from klientela_billbee.sandbox.mischief import BENDS, FAULTS, STEADY
from klientela_billbee.sandbox.people import Town, settle_in
from klientela_billbee.sandbox.server import Server
from klientela_billbee.sandbox.shop import Shop, describe

USER = "haus@sandbox.example"
PASSWORD = "sandbox-password"  # noqa: S105 - opens nothing but a pretend account
API_KEY = "SANDBOX-0000-KEY"


class Sandbox(Shop):
    """An account with a door: its state, its faults, and `app`, the ASGI application.

    `customers` people are made from `seed`; 0 gives an account to be filled by hand (see `Shop`), with two shops.
    `carried` are the orders of another shop that it works for too (see carry.py). `limit` is the number of calls a
    second that each endpoint allows; None: any number.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        customers: int = 0,
        start: When = START,
        running: bool = False,
        carried: Iterable[Given] = (),
        limit: int | None = None,
    ) -> None:
        super().__init__(start=start, running=running, number=seed)
        self.user, self.password, self.api_key = USER, PASSWORD, API_KEY
        self.locked = 0  # an error code for everything: 1 the API is off, 16 unpaid, 17 not booked
        self.limit = limit
        self.mischief = Mischief(seed, FAULTS, BENDS, STEADY)
        self.bend: Callable[[list[dict[str, Any]]], None] = lambda rows: None  # what a test does to rows on their way
        self._town = Town(seed)
        settle_in(self, self._town, customers)
        if carried := list(carried):
            carry(self, carried)
        self.server = Server(self)
        self.faults = Faults(self.server.app(), seed=seed, now=lambda: self.clock.now() / SECOND)
        self.app: ASGIApp = self.faults

    def advance(self, steps: int = 1) -> list[str]:
        """Let a number of seeded things happen (orders, changes, credit notes, joined customers, deletions)."""
        return life.live(self, self._town, steps)

    def truth(self) -> dict[str, Any]:
        """The true state in plain values."""
        return describe(self)


def create(customers: int = 200, seed: int = 1, faults: Sequence[str] = ()) -> ASGIApp:
    """An account whose clock runs, for `klientela sandbox billbee` and the demo.

    `faults` are KIND or KIND:RATE, of `mischief.FAULTS` or of the wire. Misconfigured for others.
    """
    sandbox = Sandbox(seed=seed, customers=customers, running=True)
    sandbox.begin_with(faults)
    return sandbox.app


__all__ = ["API_KEY", "FAULTS", "PASSWORD", "USER", "Sandbox", "create"]
