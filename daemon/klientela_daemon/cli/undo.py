"""`klientela undo`."""

from __future__ import annotations

from klientela_daemon.cli.deciding import undo as verb

__all__ = ["verb"]
