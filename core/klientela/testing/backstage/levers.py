"""The addresses by which a test, or somebody at a terminal, moves a pretend shop that is being served.

GET  /_sandbox/truth                      the true state
POST /_sandbox/clock     {"seconds": 60}  let time pass
POST /_sandbox/advance   {"steps": 5}     let things happen
POST /_sandbox/mischief  {"drift": 0.5}   faults inside well-formed answers
"""

from __future__ import annotations

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from klientela.model.instants import iso
from klientela.testing.backstage.state import Backstage


class Reply(Protocol):
    """How the shop's server answers: any JSON, with a status."""

    def __call__(self, content: Any, status: int = 200) -> Response: ...


def levers(shop: Backstage, reply: Reply) -> list[Route]:
    """The routes of these addresses, to be put beside the vendor's own and `/_sandbox/settings`."""

    async def truth(_request: Request) -> Response:
        return reply(shop.truth())

    async def clock(request: Request) -> Response:
        shop.advance_clock(float((await request.json()).get("seconds", 0)))
        return reply({"now": iso(shop.clock.now())})

    async def advance(request: Request) -> Response:
        return reply({"happened": shop.advance(int((await request.json()).get("steps", 1)))})

    async def mischief(request: Request) -> Response:
        try:
            for kind, rate in (await request.json()).items():
                shop.fault(kind, float(rate))
        except ValueError as error:
            return reply({"error": str(error)}, 400)
        return reply({"faults": shop.mischief.rates})

    return [
        Route("/_sandbox/truth", truth),
        Route("/_sandbox/clock", clock, methods=["POST"]),
        Route("/_sandbox/advance", advance, methods=["POST"]),
        Route("/_sandbox/mischief", mischief, methods=["POST"]),
    ]
