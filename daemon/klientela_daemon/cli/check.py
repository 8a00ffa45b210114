"""`klientela check`: is the configuration right, and do the shops let us in?"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import typer

from klientela.errors import Interrupted, KlientelaError, SourceBroken
from klientela.flow.sync import another_shop
from klientela.model.words import agree
from klientela.plugins import Plugins
from klientela.rules.rates import BASE, Rates
from klientela.settings import Configuration
from klientela.source import Checked, SourceSettings
from klientela.store import operation
from klientela.store.database import make_engine
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.opening import opened

_TOGETHER = 8  # shops asked at the same time
_PATIENCE = 60.0  # seconds; a sync waits longer, somebody at a terminal does not


def verb(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Only these sources.")] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Validate the configuration, try each source's credentials, and print guest policies and capabilities."""
    here = house(config, unused=True)
    wanted = here.chosen(sources)
    rates, unrated = _rates(here)
    standing, unseen = _standing(here)
    unseen += unrated
    with ThreadPoolExecutor(_TOGETHER) as pool:
        found = list(
            pool.map(lambda one: try_source(here.config, here.plugins, one, wanted[one], standing.get(one)), wanted)
        )
    broken: list[dict[str, str | None]] = [
        {"name": name, "error": error} for name, error in here.plugins.broken.items()
    ]
    warnings = [*here.config.warnings, *here.config.unused, *unseen]
    for said in unseen:
        failures.warn(said)
    if as_json:
        told = None if rates is None else {"rates": rates.day, "currencies": sorted(rates.per_euro)}
        render.emit(
            {"config": str(here.config.path), "warnings": warnings, "plugins": broken, "sources": found, "rates": told}
        )
    else:
        _show(here.config, found, broken)
        if rates is not None:
            currencies = agree(len(rates.per_euro), "{} [currency|currencies]")
            render.say(f"rates: of {rates.day}, {currencies} for one {BASE}")
    return 0 if all(one["ok"] for one in found) else failures.FAILED


def _rates(here: House) -> tuple[Rates | None, list[str]]:
    """The exchange rates, and what is wrong with them although they can be read."""
    rates, currency = here.config.rates(), here.config.settings.shop.currency
    if rates is None or rates.knows(currency):
        return rates, []
    return rates, [
        f"the rate file of {rates.day} has no rate for {currency}, the shop's currency, so no sum is told with ≈"
    ]


def _standing(here: House) -> tuple[dict[str, str | None], list[str]]:
    """The identity each source had until now, by name (R60), and why it cannot be told, if it cannot."""
    if not here.config.store_exists():
        make_engine(here.config.store_url())  # refuses a folder that is not there, as a sync would
        return {}, []
    try:
        with opened(here) as store:
            return {one.name: one.identity for one in operation.states(store)}, []
    except KlientelaError as error:
        return {}, [f"whether each shop is still the one it was cannot be told: {failures.sentence(error)}"]


def try_source(
    config: Configuration, plugins: Plugins, name: str, settings: SourceSettings, standing: str | None = None
) -> dict[str, Any]:
    """What `check` says of one source; an error is told, never raised. `standing` is the identity the shop had."""
    kind = plugins.types[settings.type]
    told: dict[str, Any] = {
        "source": name,
        "type": settings.type,
        "ok": True,
        "guests": settings.guests or kind.guests,
        "guests_default": settings.guests is None,
        "guests_nameless": kind.nameless if settings.guests is None else None,
        "capabilities": kind.capabilities.names(),
        "cannot_know": kind.capabilities.lacks(),
        "schedule": settings.every or settings.cron,
        "identity": None,
        "title": None,
        "notes": [],
        "error": None,
    }
    try:
        seen = _ask(config, plugins, name, settings)
    except BaseException as error:  # noqa: BLE001 - a stranger's source may raise anything; the others are still tried
        return {**told, "ok": False, "error": failures.describe(error)}
    refused = another_shop(name, standing, seen.identity)
    if refused is not None:
        told |= {"ok": False, "error": failures.describe(refused)}
    return {**told, "identity": seen.identity, "title": seen.title, "notes": list(seen.notes)}


def _ask(config: Configuration, plugins: Plugins, name: str, settings: SourceSettings) -> Checked:
    stop = threading.Event()
    source = plugins.make(name, settings, shop=config.shop(), stop=stop)
    enough = threading.Timer(_PATIENCE, stop.set)
    enough.start()
    try:
        return source.check()
    except Interrupted as error:
        raise SourceBroken(
            f"{name} gave no usable answer within {_PATIENCE:.0f} seconds",
            hint="The shop may be busy; try again later.",
        ) from error
    finally:
        enough.cancel()
        source.close()


def _show(config: Configuration, found: list[dict[str, Any]], broken: list[dict[str, str | None]]) -> None:
    render.say(f"{config.path}: the configuration is right")
    for plugin in broken:
        render.say(f"✗ plugin {plugin['name']}: could not be loaded ({plugin['error']})")
    if not found:
        render.say("There are no sources yet; add a table [sources.NAME].")
    for one in found:
        mark, title = ("✓" if one["ok"] else "✗"), f" ({one['title']})" if one["title"] else ""
        render.say(f"{mark} {one['source']}: {one['type']}{title}")
        guests = "the default of its type" if one["guests_default"] else "configured"
        render.say(f"    guests: {one['guests']} ({guests})")
        if one["guests_nameless"]:
            render.say(f"    guests' orders without customer: {one['guests_nameless']} (the default of its type)")
        render.say(f"    can know: {', '.join(one['capabilities']) or 'contacts only'}")
        if one["cannot_know"]:
            render.say(f"    cannot know, so it is shown nowhere: {', '.join(one['cannot_know'])}")
        render.say(f"    runs: {one['schedule'] or 'only by hand (no every or cron)'}")
        for note in one["notes"]:
            render.say(f"    note: {note}")
        if one["error"]:
            render.say(f"    error: {one['error']['message']}")
            if one["error"]["hint"]:
                render.say(f"    {one['error']['hint']}")
