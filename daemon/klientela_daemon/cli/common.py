"""What most verbs begin with."""

from __future__ import annotations

from pathlib import Path

from klientela_daemon import failures
from klientela_daemon.house import House, read


def house(config: Path | None) -> House:
    """Read the configuration; its warnings go to stderr."""
    found = read(config)
    for warning in found.config.warnings:
        failures.warn(warning)
    return found
