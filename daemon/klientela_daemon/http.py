"""What the daemon says over HTTP: is it alive, is it ready, how is it doing."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from klientela.door import Door
from klientela.errors import KlientelaError, Misconfigured
from klientela.plugins import Plugins
from klientela_daemon import logs

log = logs.logger("klientela.http")

_START = 10.0  # seconds
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Health:
    """How the daemon is doing. `problems` are sentences that make it not ready; `stale` only degrades it."""

    problems: list[str]
    sources: list[dict[str, Any]]
    stale: list[str]

    @property
    def status(self) -> str:
        """ready | degraded | not ready"""
        return "not ready" if self.problems else "degraded" if self.stale else "ready"


def application(health: Callable[[], Health], metrics: Callable[[], str], more: Sequence[BaseRoute] = ()) -> Starlette:
    """The routes /livez, /readyz and /metrics, then `more` in their order: webhooks, what plugins bring.

    Both callables may touch the store, so they run in threads.
    """

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_HEADERS)

    async def readyz(request: Request) -> Response:
        found = await asyncio.to_thread(health)
        document = {
            "status": found.status,
            "problems": found.problems,
            "stale": found.stale,
            "sources": found.sources,
        }
        return JSONResponse(document, 503 if found.problems else 200, headers=_HEADERS)

    async def show_metrics(request: Request) -> Response:
        try:
            text = await asyncio.to_thread(metrics)
        except KlientelaError:
            return PlainTextResponse("the store cannot be read\n", 503, headers=_HEADERS)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8", headers=_HEADERS)

    own = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", show_metrics)]
    return Starlette(routes=[*own, *more])


def mounts(plugins: Plugins, door: Door) -> list[BaseRoute]:
    """What plugins answer, each below its prefix."""
    found, said = plugins.routes(door)
    for sentence in said:
        log.warning(sentence)
    return [Mount(prefix, app) for prefix, app in found.items()]


class Listener:
    """An application served from a thread. The port is taken when the object is made, so a taken one is told early."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self.host = host
        self.port = int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3)
        )
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is in flight, then end; a second time it does nothing."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_START)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _refused(host, port, error) from error
    return listener


def _refused(host: str, port: int, error: OSError) -> Misconfigured:
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(f"port {port} is taken by another program", hint="Choose another with [web] port.")
    if error.errno == errno.EACCES:
        return Misconfigured(f"port {port} may not be used by this user", hint="Choose one above 1023 with [web] port.")
    return Misconfigured(
        f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}",
        hint="Check [web] host and port.",
    )
