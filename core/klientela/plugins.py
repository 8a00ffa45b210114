"""Finds plugins by entry point, refuses doubles and misspelt hooks, and makes sources from settings."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from klientela import hookspecs
from klientela.door import Door
from klientela.errors import Misconfigured
from klientela.hookspecs import ASGIApp
from klientela.source import Shop, Source, SourceSettings

GROUP = "klientela"
_HOOKS = [name for name in vars(hookspecs) if name.startswith("klientela_")]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One installed plugin: its entry point's name, the distribution it came with, the source types it brings."""

    name: str
    distribution: str
    version: str
    types: tuple[str, ...] = ()
    error: str | None = None  # why it could not be loaded; then it brings nothing


@dataclass(slots=True)
class Plugins:
    """What was found. `types` are the source classes by type, `found` all plugins, broken ones too, by name."""

    manager: pluggy.PluginManager
    types: dict[str, type[Source]] = field(default_factory=dict)
    found: list[Plugin] = field(default_factory=list)

    @property
    def broken(self) -> dict[str, str]:
        """The plugins that could not be loaded, and why."""
        return {plugin.name: plugin.error for plugin in self.found if plugin.error is not None}

    def make(
        self, name: str, settings: SourceSettings, *, shop: Shop | None = None, stop: threading.Event | None = None
    ) -> Source:
        """The source of one table of the configuration."""
        kind = self.types.get(settings.type)
        if kind is None:
            raise Misconfigured(f"no plugin brings the source type {settings.type!r} that {name} asks for")
        return kind(name, settings, shop=shop, stop=stop)

    def routes(self, door: Door) -> dict[str, ASGIApp]:
        """What plugins answer on the daemon's HTTP server, by prefix; Misconfigured when two want the same."""
        found: dict[str, ASGIApp] = {}
        for answer in self.manager.hook.klientela_routes(door=door):
            for prefix, app in answer.items():
                if prefix in found or not prefix.startswith("/"):
                    raise Misconfigured(
                        f"two plugins answer at {prefix}, or it does not begin with a slash",
                        hint="Uninstall one of them.",
                    )
                found[prefix] = app
        return found


def find(points: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load all plugins of the entry-point group "klientela".

    A plugin that cannot be imported is reported in `broken` and takes nobody down. A misspelt hook, a source type that
    two plugins bring, or a class that is no source is a mistake somebody must repair: Misconfigured, naming the plugin.
    """
    manager = pluggy.PluginManager("klientela")
    manager.add_hookspecs(hookspecs)
    plugins = Plugins(manager)
    owners: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=lambda p: p.name):
        plugins.found.append(_load(plugins, point, owners))
    manager.check_pending()
    return plugins


def _load(plugins: Plugins, point: EntryPoint, owners: dict[str, str]) -> Plugin:
    distribution, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
    try:
        module = point.load()
        _no_misspelt_hooks(point.name, module)
        plugins.manager.register(module, name=point.name)
        kinds = _kinds(plugins.manager, module)
    except Misconfigured:
        raise
    except pluggy.PluginValidationError as error:
        raise Misconfigured(
            f"the plugin {point.name} does not fit its hook: {str(error).strip().splitlines()[-1].strip()}",
            hint="A hook takes the arguments its specification names, and no others.",
        ) from error
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything
        if plugins.manager.has_plugin(point.name):
            plugins.manager.unregister(name=point.name)
        return Plugin(point.name, distribution, version, error=_reason(error))
    for kind in kinds:
        _check_kind(point.name, kind)
        if kind.type in owners:
            raise Misconfigured(
                f"two plugins bring the source type {kind.type!r}: {owners[kind.type]} and {point.name}",
                hint="Uninstall one of them.",
            )
        owners[kind.type] = point.name
        plugins.types[kind.type] = kind
    return Plugin(point.name, distribution, version, tuple(kind.type for kind in kinds))


def _kinds(manager: pluggy.PluginManager, module: Any) -> list[Any]:
    """What this plugin alone answers to the hook, so that a failure has a name."""
    others = [other for other in manager.get_plugins() if other is not module]
    answers = manager.subset_hook_caller("klientela_sources", others)()
    return [kind for answer in answers for kind in answer]


def _no_misspelt_hooks(name: str, module: Any) -> None:
    """A marked function, or one that is called like a hook, must be a hook."""
    for attribute, value in vars(module).items():
        marked = getattr(value, "klientela_impl", None) is not None
        if attribute in _HOOKS:
            if not marked:
                raise Misconfigured(
                    f"the plugin {name} defines {attribute} without marking it",
                    hint="Write @hookimpl above it (from klientela.kit import hookimpl).",
                )
        elif marked:
            meant = difflib.get_close_matches(attribute, _HOOKS, 1)
            raise Misconfigured(
                f"the plugin {name} has a hook {attribute!r} that does not exist",
                hint=f"Did it mean {meant[0]}?" if meant else f"The hooks are {', '.join(_HOOKS)}.",
            )


def _check_kind(name: str, kind: Any) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Source)):
        raise Misconfigured(f"the plugin {name} brings {kind!r}, which is no class derived from klientela.kit.Source")
    for attribute in ("type", "title"):
        if not isinstance(getattr(kind, attribute, None), str):
            raise Misconfigured(f"the source {kind.__name__} of the plugin {name} has no {attribute}")
    settings = kind.Settings
    if not (isinstance(settings, type) and issubclass(settings, SourceSettings)):
        raise Misconfigured(
            f"the Settings of the source type {kind.type!r} do not derive from klientela.kit.SourceSettings"
        )
    if settings.model_config.get("extra") != "forbid":
        raise Misconfigured(
            f"the Settings of the source type {kind.type!r} accept unknown keys",
            hint='Leave extra="forbid" as SourceSettings has it, so that a misspelt key is found.',
        )


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
