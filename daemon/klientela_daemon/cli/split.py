"""`klientela split`."""

from __future__ import annotations

from klientela_daemon.cli.deciding import split as verb

__all__ = ["verb"]
