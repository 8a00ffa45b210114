"""`klientela untag`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import untag as verb

__all__ = ["verb"]
