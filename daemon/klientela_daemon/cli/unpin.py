"""`klientela unpin`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import unpin as verb

__all__ = ["verb"]
