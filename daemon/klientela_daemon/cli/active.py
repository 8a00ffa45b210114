"""`klientela active`: take the inactive marks off (R42)."""

from __future__ import annotations

from klientela_daemon.cli.marking import active as verb

__all__ = ["verb"]
