"""`klientela consent`: what customers allow or forbid (R43-R45)."""

from __future__ import annotations

from klientela_daemon.cli.marking import consent as verb

__all__ = ["verb"]
