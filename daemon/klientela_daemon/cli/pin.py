"""`klientela pin`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import pin as verb

__all__ = ["verb"]
