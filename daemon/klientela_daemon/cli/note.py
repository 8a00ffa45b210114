"""`klientela note`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import note as verb

__all__ = ["verb"]
