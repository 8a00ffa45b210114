"""A configuration and the plugins it was read with: what every verb and the daemon begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from klientela import plugins, settings
from klientela.errors import UnknownThing
from klientela.flow.proposing import Proposer
from klientela.settings import Schedule
from klientela.settings.problems import near
from klientela.source import SourceSettings
from klientela_daemon import redact

FUZZY = "fuzzy"
"""The plugin that `[review] fuzzy` speaks of."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A source that runs by itself."""

    name: str
    type: str
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class House:
    """The house: its configuration, and the plugins that know its shops."""

    config: settings.Configuration
    plugins: plugins.Plugins

    def plans(self) -> dict[str, Plan]:
        """The sources that run by themselves, by name."""
        sources = self.config.settings.sources
        return {name: Plan(name, sources[name].type, plan) for name, plan in self.config.schedules().items()}

    def proposers(self) -> list[Proposer]:
        """The plugins that propose pairs for the review queue, but for the fuzzy one where it is switched off."""
        found = self.plugins.proposers()
        if not self.config.settings.review.fuzzy:
            found.pop(FUZZY, None)
        return [Proposer(name, ask) for name, ask in sorted(found.items())]

    def chosen(self, names: list[str] | None) -> dict[str, SourceSettings]:
        """The sources asked for by name; all of them when none is named. UnknownThing for a name that is none."""
        sources = self.config.settings.sources
        for name in names or ():
            if name not in sources:
                meant = near(name, sources)
                known = f"The configuration has {', '.join(sources) or 'no sources'}."
                raise UnknownThing(f"there is no source {name!r}", hint=f"Did you mean {meant}?" if meant else known)
        return {name: one for name, one in sources.items() if not names or name in names}


def read(path: Path | None) -> House:
    """Find the plugins and read the configuration; its secrets will appear in no output from now on."""
    found = plugins.find()
    config = settings.load(path, found.types, broken=found.broken)
    redact.hide(config.secrets)
    return House(config, found)
