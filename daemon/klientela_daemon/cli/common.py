"""What most verbs begin with."""

from __future__ import annotations

import sys
from pathlib import Path

from klientela_daemon.house import House, read


def house(config: Path | None) -> House:
    """Read the configuration; its warnings go to stderr."""
    found = read(config)
    for warning in found.config.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    return found
