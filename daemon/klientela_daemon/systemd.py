"""Tells systemd (Type=notify) that we are ready, reloading, stopping, and still awake; silent elsewhere."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*words: str) -> None:
    """Send words like `READY=1` to the service manager, if there is one."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        channel.sendall("\n".join(words).encode())
