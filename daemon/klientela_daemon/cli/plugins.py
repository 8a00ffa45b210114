"""`klientela plugins`: what is installed, and what it brings."""

from __future__ import annotations

from typing import Any

from klientela.plugins import Plugins, find
from klientela_daemon import render
from klientela_daemon.cli.options import Config, Json


def verb(config: Config = None, as_json: Json = False) -> int:
    """What is installed: plugins, their versions, the source types they bring, and what each type can know."""
    found = find()
    if as_json:
        render.emit({"plugins": describe(found)})
        return 0
    rows = []
    for entry in describe(found):
        for kind in entry["types"]:
            sandbox = "yes" if kind["sandbox"] else "no"
            rows.append([kind["type"], entry["version"], kind["title"], ", ".join(kind["capabilities"]), sandbox])
    render.table(["type", "version", "title", "can know", "sandbox"], rows)
    for name, error in found.broken.items():
        render.say(f"✗ the plugin {name} could not be loaded: {error}")
    return 0


def describe(found: Plugins) -> list[dict[str, Any]]:
    """The plugins as `plugins --json` shows them."""
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "error": plugin.error,
            "types": [_type(found, name) for name in plugin.types],
        }
        for plugin in found.found
    ]


def _type(found: Plugins, name: str) -> dict[str, Any]:
    kind = found.types[name]
    return {
        "type": name,
        "title": kind.title,
        "guests": kind.guests,
        "capabilities": kind.capabilities.names(),
        "sandbox": kind.sandbox is not None,
    }
