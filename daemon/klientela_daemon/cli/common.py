"""What most verbs begin with: plugins, configuration, store."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from klientela import plugins, settings
from klientela.errors import UnknownThing
from klientela.settings.problems import near
from klientela.source import SourceSettings
from klientela_daemon import redact


@dataclass(frozen=True, slots=True)
class House:
    """A configuration and the plugins it was read with."""

    config: settings.Configuration
    plugins: plugins.Plugins


def house(config: Path | None) -> House:
    """Read the configuration; its secrets are registered with the redaction, its warnings go to stderr."""
    found = plugins.find()
    read = settings.load(config, found.types, broken=found.broken)
    redact.hide(read.secrets)
    for warning in read.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    return House(read, found)


def chosen(house: House, names: list[str] | None) -> dict[str, SourceSettings]:
    """The sources asked for by name; all of them when none is named. UnknownThing for a name that is none."""
    sources = house.config.settings.sources
    for name in names or ():
        if name not in sources:
            meant = near(name, sources)
            hint = f"Did you mean {meant}?" if meant else f"The configuration has {', '.join(sources) or 'no sources'}."
            raise UnknownThing(f"there is no source {name!r}", hint=hint)
    return {name: one for name, one in sources.items() if not names or name in names}
