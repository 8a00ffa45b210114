"""Finds plugins by entry point, refuses doubles and misspelt hooks, and makes sources from settings."""

from __future__ import annotations

import difflib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from klientela import hookspecs
from klientela.door import Door
from klientela.errors import KlientelaError, Misconfigured, SourceBroken
from klientela.hookspecs import ASGIApp
from klientela.proposals import Proposals, Somebody
from klientela.source import Shop, Source, SourceSettings

GROUP = "klientela"
_PATIENCE = 20.0  # seconds for a stranger's module to be imported
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

    @property
    def titles(self) -> dict[str, str]:
        """What kind of source each type is, in words."""
        return {name: kind.title for name, kind in self.types.items()}

    def make(
        self, name: str, settings: SourceSettings, *, shop: Shop | None = None, stop: threading.Event | None = None
    ) -> Source:
        """The source of one table of the configuration. SourceBroken, without its words, when its plugin fails."""
        kind = self.types.get(settings.type)
        if kind is None:
            raise Misconfigured(f"no plugin brings the source type {settings.type!r} that {name} asks for")
        try:
            return kind(name, settings, shop=shop, stop=stop)
        except KlientelaError:
            raise
        except BaseException as error:
            raise SourceBroken(
                f"the source {name} could not be made ({type(error).__name__})",
                hint="This is a fault of the plugin; tell its author",
            ) from error

    def routes(self, door: Door) -> tuple[dict[str, ASGIApp], list[str]]:
        """What plugins answer on the daemon's HTTP server, by prefix; and a sentence for each that cannot.

        A plugin that fails here answers nothing and harms nobody else.
        """
        found: dict[str, ASGIApp] = {}
        said: list[str] = []
        for name, module in sorted(self.manager.list_name_plugin()):
            others = [other for other in self.manager.get_plugins() if other is not module]
            try:
                answers = self.manager.subset_hook_caller("klientela_routes", others)(door=door)
                brought = {prefix: app for answer in answers for prefix, app in answer.items()}
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything
                said.append(f"the plugin {name} does not answer over HTTP: {_reason(error)}")
                continue
            for prefix, app in brought.items():
                if prefix in found or not (isinstance(prefix, str) and prefix.startswith("/") and callable(app)):
                    said.append(
                        f"the plugin {name} cannot answer at {prefix!r}: that is no prefix, or another one does"
                    )
                else:
                    found[prefix] = app
        return found, said

    def proposers(self) -> dict[str, Callable[[Iterable[Somebody]], Iterable[Proposals]]]:
        """The plugins that propose pairs for the review queue, and how to ask each; they may raise anything."""
        found: dict[str, Callable[[Iterable[Somebody]], Iterable[Proposals]]] = {}
        for name, module in self.manager.list_name_plugin():
            others = [other for other in self.manager.get_plugins() if other is not module]
            caller = self.manager.subset_hook_caller("klientela_proposals", others)
            if caller.get_hookimpls():
                found[name] = partial(_propose, caller)
        return found


def _propose(caller: pluggy.HookCaller, people: Iterable[Somebody]) -> Iterable[Proposals]:
    answers: list[Proposals] = caller(people=people)
    return answers


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
        _try(point)
        module = _quietly(point)
        _no_misspelt_hooks(point.name, module)
        plugins.manager.register(module, name=point.name)
        with _silence():
            kinds = _kinds(plugins.manager, module)
    except Misconfigured:
        raise
    except pluggy.PluginValidationError as error:
        raise Misconfigured(
            f"the plugin {point.name} does not fit its hook: {str(error).strip().splitlines()[-1].strip()}",
            hint="A hook takes the arguments its specification names, and no others.",
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a stranger's module may raise anything
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


@cache
def ours() -> frozenset[str]:
    """The modules of the plugins that come with klientela itself."""
    return frozenset(
        point.module for point in entry_points(group=GROUP) if point.dist and point.dist.name == "klientela"
    )


def _quietly(point: EntryPoint) -> Any:
    with _silence():
        return point.load()


@contextmanager
def _silence() -> Iterator[None]:
    """What a module prints while it is loaded would stand in the middle of a command's JSON."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


class _Unloadable(Exception):
    """Why a module must not be imported here."""


def _try(point: EntryPoint) -> None:
    """Import a stranger's module in a process of its own first: one that hangs or ends its process is never loaded.

    Costs a fork and the import, once in the life of a process. Where there are threads already, or no fork, it is left
    out; the daemon and the commands find their plugins before they start any.
    """
    if point.module in ours() or point.module in sys.modules or not hasattr(os, "fork") or threading.active_count() > 1:
        return
    child = os.fork()
    if child == 0:
        _import_and_leave(point)
    code = _outcome(child)
    if code is None:
        raise _Unloadable(f"it was not loaded after {_PATIENCE:.0f} seconds")
    if code < 0:
        raise _Unloadable(f"it ended the process that loaded it ({signal.Signals(-code).name})")
    if code != _WELL:
        raise _Unloadable(f"it ended the process that loaded it (exit code {code})")


_WELL = 86  # an exit code nobody else is likely to choose


def _import_and_leave(point: EntryPoint) -> None:
    """In the child: what it raises is found out again, and told, by whoever loads it after this."""
    with suppress(BaseException):
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nowhere, number)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        point.load()
    os._exit(_WELL)


def _outcome(child: int) -> int | None:
    """The exit code of a child, negative for a signal; None when it had to be killed."""
    until = time.monotonic() + _PATIENCE
    pause = 0.001
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


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
    try:
        text = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - even that is a stranger's code
        text = []
    if isinstance(error, _Unloadable):
        return text[0]
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
