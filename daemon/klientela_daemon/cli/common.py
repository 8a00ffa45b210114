"""What most verbs begin with."""

from __future__ import annotations

from pathlib import Path

from klientela_daemon import failures
from klientela_daemon.house import House, read


def house(config: Path | None, *, unused: bool = False) -> House:
    """Read the configuration; its warnings go to stderr, with `unused` also those about keys that have no effect."""
    found = read(config)
    for warning in (*found.config.warnings, *(found.config.unused if unused else ())):
        failures.warn(warning)
    return found
