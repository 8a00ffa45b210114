"""`klientela inactive`: mark customers inactive (R41)."""

from __future__ import annotations

from klientela_daemon.cli.marking import inactive as verb

__all__ = ["verb"]
