"""`klientela doctor`: is everything whole, and what wants a look."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from klientela import __version__
from klientela.errors import KlientelaError
from klientela.model.instants import iso
from klientela.store import operation
from klientela.store.checkup import Finding, examine
from klientela.store.database import Store
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.house import House
from klientela_daemon.jobs import stale
from klientela_daemon.opening import opened, settle

_MARKS = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}
_PARTS = ("apscheduler", "sqlalchemy", "alembic", "httpx", "pydantic", "pluggy", "psycopg")
_FREE = 200 * 2**20  # bytes


def verb(config: Config = None, as_json: Json = False) -> int:
    """Look at invariants, integrity, staleness, shared values and versions; exits 1 when something is broken."""
    here = house(config)
    found = list(_outside(here))
    if here.config.store_exists():
        with opened(here) as store:
            found += [*_sources(here, store), *_guarded(store)]
    else:
        found.append(Finding("store", "note", "there is no store yet; `klientela sync` makes it"))
    bad = any(finding.level == "error" for finding in found)
    if as_json:
        render.emit({"ok": not bad, "findings": [asdict(f) for f in found], "versions": versions(here)})
    else:
        for finding in found:
            render.say(f"{_MARKS[finding.level]} {finding.check}: {finding.message}")
        render.say(", ".join(f"{name} {number}" for name, number in versions(here).items()))
    return failures.FAILED if bad else 0


def _guarded(store: Store) -> Iterator[Finding]:
    """What the store's own examination finds; where it cannot go on, that is a finding too."""
    try:
        yield from examine(store)
    except KlientelaError as error:
        yield Finding("store", "error", failures.sentence(error), 1)


def _outside(here: House) -> Iterator[Finding]:
    """What lies around the store: warnings, plugins, key, disk."""
    for text in here.config.warnings:
        yield Finding("configuration", "warning", text, 1)
    for name, error in here.plugins.broken.items():
        yield Finding("plugins", "warning", f"the plugin {name} could not be loaded: {error}", 1)
    key = here.config.file(here.config.settings.privacy.key_file)
    if key.exists() and key.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield Finding("key", "warning", f"others can read {key}; run: chmod 600 {key}", 1)
    free = shutil.disk_usage(here.config.folder).free
    if free < _FREE:
        yield Finding("disk", "warning", f"only {free / 2**20:.0f} MiB are free in {here.config.folder}", 1)


def _sources(here: House, store: Store) -> Iterator[Finding]:
    for text in settle(store, here):
        yield Finding("configuration", "warning", text, 1)
    states = {state.name: state for state in operation.states(store)}
    now = operation.now()
    late = stale(here.plans(), states, now, now)
    for name, state in states.items():
        if name in late:
            success = late[name]
            since = f"since {iso(success)}" if success is not None else "ever"
            yield Finding("sources", "warning", f"{name} is stale: no good run {since}", 1)
        elif not state.connected and state.type != "manual":
            yield Finding("sources", "note", f"{name} is disconnected; its data is kept", 1)
        elif state.last is not None and state.last.status in ("failed", "partial") and not state.busy:
            error = state.last.error or {}
            said = error.get("message") or "it did not say why"
            yield Finding("sources", "warning", f"the last run of {name} ended {state.last.status}: {said}", 1)
        else:
            yield Finding("sources", "ok", f"{name} is well")
    for name in sorted(here.config.settings.sources.keys() - states.keys()):
        yield Finding("sources", "note", f"{name} was never synced", 1)


def versions(here: House) -> dict[str, str]:
    """What is running, for a report of a fault."""
    found = {"klientela": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _PARTS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for plugin in here.plugins.found:
        if plugin.distribution not in ("", "klientela"):
            found[plugin.distribution] = plugin.version
    return found
