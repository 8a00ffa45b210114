"""What an operator may write in the configuration, and how it is read."""

from __future__ import annotations

from klientela.settings.load import DEFAULT_FILE, Configuration, load, source_schedule
from klientela.settings.model import Settings
from klientela.settings.schedule import Cron, Every, Schedule, duration, late, schedule, spell
from klientela.settings.schema import schema
from klientela.settings.views import SORTABLE, View

__all__ = [
    "DEFAULT_FILE",
    "SORTABLE",
    "Configuration",
    "Cron",
    "Every",
    "Schedule",
    "Settings",
    "View",
    "duration",
    "late",
    "load",
    "schedule",
    "schema",
    "source_schedule",
    "spell",
]
