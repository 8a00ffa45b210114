"""`klientela tag`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import tag as verb

__all__ = ["verb"]
