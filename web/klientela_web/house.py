"""What the page may ask of the house it is in: the store, the configuration of the moment, and to run a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from klientela.flow.proposing import Proposer
from klientela.plugins import Plugins
from klientela.settings import Configuration
from klientela.store import Store


class House(Protocol):
    """Stood behind by the daemon; every answer is that of the moment, for a configuration can be read again."""

    @property
    def store(self) -> Store:
        """The open store."""
        ...

    @property
    def config(self) -> Configuration:
        """The configuration."""
        ...

    @property
    def plugins(self) -> Plugins:
        """What is installed."""
        ...

    def proposers(self) -> Sequence[Proposer]:
        """The plugins that propose pairs for the review queue."""
        ...

    def sync(self, source: str, *, full: bool = False) -> bool:
        """Run a source now, beside everything else; False when it is running already. UnknownThing for none such."""
        ...

    def progress(self) -> Mapping[str, Mapping[str, Any]]:
        """The runs under way, by source, as their report stands (the Sync JSON)."""
        ...


__all__ = ["House"]
