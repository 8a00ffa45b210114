"""`klientela merge`."""

from __future__ import annotations

from klientela_daemon.cli.deciding import merge as verb

__all__ = ["verb"]
