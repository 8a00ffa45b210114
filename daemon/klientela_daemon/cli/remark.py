"""`klientela remark`."""

from __future__ import annotations

from klientela_daemon.cli.handwork import remark as verb

__all__ = ["verb"]
