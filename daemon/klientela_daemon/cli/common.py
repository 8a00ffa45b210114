"""What most verbs begin with, and what several say."""

from __future__ import annotations

import getpass
from pathlib import Path
from zoneinfo import ZoneInfo

from klientela.errors import Misconfigured
from klientela.model.instants import Instant, instant, iso
from klientela.model.words import agree
from klientela_daemon import failures
from klientela_daemon.house import House, read


def house(config: Path | None, *, unused: bool = False) -> House:
    """Read the configuration; its warnings go to stderr, with `unused` also those about keys that have no effect."""
    found = read(config)
    for warning in (*found.config.warnings, *(found.config.unused if unused else ())):
        failures.warn(warning)
    return found


_WRITTEN = "Write 2026-05-01 or 2026-05-01T09:00."


def moment(text: str, here: House) -> Instant:
    """A time as people write it, in the shop's zone where it names none. Misconfigured for what is no time."""
    try:
        found = instant(text, ZoneInfo(here.config.settings.shop.timezone))
    except (ValueError, OverflowError) as error:
        raise Misconfigured(f"{text!r} is no time", hint=_WRITTEN) from error
    if instant(iso(found)) != found:  # the first hours of the year 1 may lie before it
        raise Misconfigured(f"{text!r} is no time", hint=_WRITTEN)
    return found


def whoever() -> str:
    """Who sits at this machine, for the log of exports (R59)."""
    try:
        return f"operator {getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "operator"


def tell_left(left: int) -> None:
    """On stderr that the list is being brought up to date; nothing where no record waits."""
    if left:
        failures.warn(
            agree(left, "{} [record waits|records wait] to be looked at under the rules in force; ")
            + "`klientela sync` goes on with that, and until then customers may be shown as they were"
        )
