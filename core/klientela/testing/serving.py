"""Serving a sandbox on loopback: in a thread for tests and the demo, or alone for `klientela sandbox`.

It starts in milliseconds, ends at once whatever its clients are doing, and says nothing in the log.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.lifespan.on import LifespanOn
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("klientela.sandbox")
log.setLevel(logging.WARNING)  # uvicorn's chatter about starting and ending

CUT = "klientela.cut"
"""Key in `scope["state"]`: a function that ends the connection; True: with a reset, False: with a plain close."""

_START = 10.0  # seconds an application may take to start
_END = 2.0  # seconds requests may take to notice that their client is gone


@contextmanager
def serve(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Run an ASGI application on 127.0.0.1 in a thread; yields its base URL. Port 0: any free one."""
    server, listener, url = _prepare(app, port)
    thread = threading.Thread(target=server.live, args=(listener,), name=f"sandbox {url}", daemon=True)
    thread.start()
    try:
        server.ready.wait(_START)
        server.check()
        yield url
    finally:
        server.leave()
        thread.join(_START)


def run(app: ASGIApp, port: int = 0, started: Callable[[str], object] | None = None) -> None:
    """Run an ASGI application on 127.0.0.1 until Ctrl-C or SIGTERM; `started` is called with its base URL."""
    server, listener, url = _prepare(app, port)
    if started is not None:
        started(url)
    before = {number: signal.signal(number, server.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.live(listener)
        server.check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(app: ASGIApp, port: int) -> tuple[_Server, socket.socket, str]:
    # The protocol by name: asyncio sends small packets at once only on such sockets, else each answer costs 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)  # from here on clients may connect; they wait until the application is up
    except OSError:
        listener.close()
        raise
    config = uvicorn.Config(
        _dated(app), http=_Connection, ws="none", interface="asgi3", log_config=None, access_log=False
    )
    return _Server(config), listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


def _dated(app: ASGIApp) -> ASGIApp:
    """Add a `Date` where the sandbox sets none; a server that always adds one would double a sandbox's own clock."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == b"date" for name, _ in headers):
                    headers.append((b"date", formatdate(time.time(), usegmt=True).encode()))
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, dated)

    return answer


class _Connection(H11Protocol):
    """A connection that its application may cut, and that logs under our name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = log
        self.access_log = False
        self.app_state = {**self.app_state, CUT: self._cut}

    def _cut(self, reset: bool) -> None:
        if reset:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its polling, its signals and its log lines."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._asked = threading.Event()
        self._wake: Callable[[], object] | None = None

    def live(self, listener: socket.socket) -> None:
        """Serve until `leave`."""
        try:
            with suppress(SystemExit):  # uvicorn's way to end after an application failed to start
                asyncio.run(self.serve([listener]))
        finally:
            listener.close()
            self.ready.set()

    def check(self) -> None:
        """RuntimeError when the application did not start."""
        if not self.started:
            raise RuntimeError("the sandbox did not start; its log says why")

    def leave(self) -> None:
        """End `live`, from any thread or signal handler."""
        self._asked.set()
        if self._wake is not None:
            with suppress(RuntimeError):  # the loop may have ended by itself
                self._wake()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """A signal handler that ends `live`."""
        self.leave()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop, leaving = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(leaving.set)
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        if isinstance(self.lifespan, LifespanOn):
            self.lifespan.logger = log
        await self.startup(sockets=sockets)
        self.ready.set()
        if not self._asked.is_set():
            await leaving.wait()
        await self._end()

    async def _end(self) -> None:
        """Hang up on everybody; requests in progress see their client leave."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        if self.server_state.tasks:
            _, late = await asyncio.wait(self.server_state.tasks, timeout=_END)
            for task in late:
                task.cancel()
        await self.lifespan.shutdown()
