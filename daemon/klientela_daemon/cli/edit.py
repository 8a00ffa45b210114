"""`klientela edit`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import edit as verb

__all__ = ["verb"]
