"""Reads the configuration: file, secrets directory, environment; refuses what is wrong with one sentence."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, SecretStr, ValidationError

from klientela.errors import Misconfigured
from klientela.rules.rates import Rates
from klientela.settings.model import Settings, check_name, known_zone
from klientela.settings.overlay import overlay
from klientela.settings.places import Path as KeyPath
from klientela.settings.places import places
from klientela.settings.problems import Problem, near, problems, refuse
from klientela.settings.rates import RateFile
from klientela.settings.schedule import Schedule, schedule
from klientela.settings.unused import unused
from klientela.settings.views import APPROXIMATE
from klientela.source import Shop, Source, SourceSettings

DEFAULT_FILE = "klientela.toml"
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that was read and found right, and what belongs to it beside the settings.

    `path` is the file (whether or not it exists), `warnings` are sentences for the operator, `unused` those about keys
    that have no effect yet, `secrets` the values that no log may hold, `rate_file` where exchange rates stand.
    """

    settings: Settings
    path: Path
    warnings: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    rate_file: RateFile | None = None

    @property
    def folder(self) -> Path:
        """Relative paths of the configuration start here."""
        return self.path.parent

    def store_url(self) -> str:
        """The store's URL, with a relative SQLite path made absolute."""
        url = self.settings.store.url
        if url.startswith("sqlite:///"):
            return "sqlite:///" + str(self.file(url.removeprefix("sqlite:///")))
        return url

    def store_exists(self) -> bool:
        """Whether there is a SQLite file at the store's URL; True for a server, which only answers when asked."""
        url = self.store_url()
        return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).exists()

    def file(self, path: str | Path) -> Path:
        """A path of the configuration, absolute."""
        return _beside(self.path, path)

    def shop(self) -> Shop:
        """What sources may know of the house."""
        shop = self.settings.shop
        return Shop(timezone=ZoneInfo(shop.timezone), currency=shop.currency, folder=str(self.folder))

    def rates(self) -> Rates | None:
        """The newest exchange rates, where a file is configured. Misconfigured when that cannot be used."""
        return self.rate_file.read() if self.rate_file is not None else None

    def schedules(self) -> dict[str, Schedule]:
        """The sources that run by themselves, and when."""
        found = {name: source_schedule(source) for name, source in self.settings.sources.items()}
        return {name: plan for name, plan in found.items() if plan is not None}


def _beside(file: Path, path: str | Path) -> Path:
    return (file.parent / Path(path).expanduser()).absolute()


def source_schedule(source: SourceSettings) -> Schedule | None:
    """The schedule of one source; it was checked when the configuration was read."""
    return schedule(source.every, source.cron, source.timezone)


def load(
    path: Path | None,
    types: Mapping[str, type[Source]],
    *,
    broken: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Configuration:
    """Read and check the configuration.

    `types` are the source types that the plugins bring, `broken` the plugins that could not be loaded and why.
    Without a path `$KLIENTELA_CONFIG` or ./klientela.toml is read. Misconfigured names key, file and line.
    """
    env = os.environ if environ is None else environ
    asked = path or (Path(env["KLIENTELA_CONFIG"]) if env.get("KLIENTELA_CONFIG") else None)
    file = (asked or Path(DEFAULT_FILE)).absolute()
    text = _read(file, asked is not None, env)
    tables = _parse(text, file.name)
    lines = places(text)
    in_file = set(lines)
    layered = overlay(tables, Settings, lambda kind: types[kind].Settings if kind in types else None, env)
    settings, found = _validate(layered.tables, types, broken or {})
    if settings is None or found:
        raise refuse(found, file.name, lines, layered.origin)
    secret = dict(_secrets(settings, ()))
    written = [p for p in secret if p in in_file and p not in layered.origin]
    return Configuration(
        settings=settings,
        path=file,
        warnings=tuple(_warnings(file, written)),
        unused=tuple(unused(settings)),
        secrets=tuple(secret.values()),
        rate_file=None if settings.rates.file is None else RateFile(_beside(file, settings.rates.file)),
    )


def _read(file: Path, asked: bool, env: Mapping[str, str]) -> str:
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        if not asked and any(name.startswith("KLIENTELA__") for name in env):
            return ""  # a container may be configured by its environment alone
        raise Misconfigured(
            f"there is no configuration file {file}",
            hint="`klientela init` writes a starter; --config or KLIENTELA_CONFIG point to another file.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else (error.strerror or "").lower()
        raise Misconfigured(
            f"the configuration file {file} cannot be read: {reason}",
            hint="Check its permissions and that it is a text file.",
        ) from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        where = _LINE.search(said)
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        reason = _LINE.sub("", said)
        raise Misconfigured(
            f"{name} line {line}: this is no valid TOML: {reason[0].lower() + reason[1:]}",
            hint='Text needs quotes, and each key stands once: key = "value".',
        ) from error


def _validate(
    tables: dict[str, Any], types: Mapping[str, type[Source]], broken: Mapping[str, str]
) -> tuple[Settings | None, list[Problem]]:
    found: list[Problem] = []
    rest = {key: value for key, value in tables.items() if key != "sources"}
    sources = tables.get("sources", {})
    if not isinstance(sources, dict):
        return None, [Problem(("sources",), "sources is no table", 'Write [sources.NAME] and type = "…" below it.')]
    made = {}
    for name, table in sources.items():
        one, wrong = _source(name, table, types, broken)
        found += wrong
        if one is not None:
            made[name] = one
    settings = None
    try:
        settings = Settings.model_validate({**rest, "sources": made})
    except ValidationError as error:
        found += problems(error, Settings)
    else:
        found += _cross(settings, set(sources))
    return settings, found


def _source(
    name: str, table: Any, types: Mapping[str, type[Source]], broken: Mapping[str, str]
) -> tuple[SourceSettings | None, list[Problem]]:
    path: KeyPath = ("sources", name)
    if not isinstance(table, dict):
        return None, [Problem(path, f"sources.{name} is no table", f'Write [sources.{name}] and type = "…" below it.')]
    try:
        check_name(name)
    except ValueError as error:
        return None, [Problem(path, str(error), "Choose another name for the source.")]
    known = ", ".join(sorted(types)) or "none; no plugin is installed"
    if "type" not in table:
        return None, [Problem(path, f"sources.{name} has no type", f"Add type = one of {known}.")]
    kind = types.get(table["type"]) if isinstance(table["type"], str) else None
    if kind is None:
        return None, [_unknown_type((*path, "type"), table["type"], types, broken)]
    try:
        settings = kind.Settings.model_validate(table)
    except ValidationError as error:
        return None, problems(error, kind.Settings, path)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's settings may raise anything
        said = f"the plugin of the source type {kind.type!r} failed over sources.{name} ({type(error).__name__})"
        return None, [Problem(path, said, "This is a fault of the plugin; tell its author.")]
    return settings, _timing(path, settings)


def _unknown_type(path: KeyPath, given: Any, types: Mapping[str, Any], broken: Mapping[str, str]) -> Problem:
    if given in broken:
        return Problem(
            path,
            f"the plugin {given} could not be loaded ({broken[given]})",
            "Repair or reinstall it; `klientela plugins` lists what is installed.",
        )
    meant = near(str(given), types)
    known = ", ".join(sorted(types)) or "none"
    hint = f"Did you mean {meant}?" if meant else f"Installed types are {known}; another needs its plugin installed."
    return Problem(path, f"there is no source type {given!r}", hint)


def _timing(path: KeyPath, settings: SourceSettings) -> list[Problem]:
    found = []
    if settings.timezone is not None:
        try:
            known_zone(settings.timezone)
        except ValueError as error:
            return [Problem((*path, "timezone"), str(error), "Write a name like Europe/Berlin.")]
    try:
        source_schedule(settings)
    except ValueError as error:
        key = "cron" if settings.cron is not None else "every"
        found.append(Problem((*path, key), f"{path[1]}: {error}", 'For example every = "5m" or cron = "0 3 * * *".'))
    return found


def _cross(settings: Settings, sources: set[str]) -> list[Problem]:
    """What no table can tell by itself: names of sources used elsewhere, columns that need rates."""
    found = []
    for name, view in settings.views.items():
        if view.crm_source is not None and view.crm_source not in sources:
            meant = near(view.crm_source, sources)
            path = ("views", name, "crm_source")
            hint = f"Did you mean {meant}?" if meant else "Name one of the tables [sources.NAME]."
            found.append(Problem(path, f"there is no source {view.crm_source!r}", hint))
        about = next((column for column in view.columns if column in APPROXIMATE), None)
        if about is not None and settings.rates.file is None:
            said = f"the column {about} of the view {name} needs exchange rates"
            found.append(Problem(("views", name, "columns"), said, 'Add a table [rates] with file = "eurofxref.csv".'))
    return found


def _secrets(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """All secret values of the settings with their paths, the password of the store's URL among them."""
    if isinstance(value, SecretStr):
        if value.get_secret_value():
            yield path, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets(item, (*path, name))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))
    elif path == ("store", "url"):
        password = urlsplit(str(value)).password
        if password:
            yield path, unquote(password)


def _warnings(file: Path, written: list[KeyPath]) -> Iterator[str]:
    if written and file.exists() and os.name == "posix" and file.stat().st_mode & stat.S_IROTH:
        yield (
            f"{file} holds secrets ({'.'.join(map(str, written[0]))}) and everybody on this machine can read it;"
            f" run: chmod 600 {file}"
        )
