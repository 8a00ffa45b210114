"""`klientela plugins`: what is installed, what it brings and how good it is; `plugins new` begins another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from klientela.plugins import Plugin, Plugins, find
from klientela.testing import quality
from klientela_daemon import render, scaffold
from klientela_daemon.cli.options import Config, Json

app = typer.Typer(help="What is installed, and how good it is; `new` begins a plugin of your own.")

_MARKS = {True: "✓", False: "✗", None: "?"}


@app.callback(invoke_without_command=True)
def plugins(context: typer.Context, config: Config = None, as_json: Json = False) -> None:
    """What is installed: plugins, versions, source types, what each can know, and the quality checklist of each."""
    if context.invoked_subcommand is not None:
        return
    found = find()
    described = describe(found)
    if as_json:
        render.emit({"plugins": described})
        return
    rows = []
    for entry in described:
        for kind in entry["types"]:
            marks = [_mark(line) for line in kind["quality"] if line["rule"] != "capabilities"]
            rows.append([kind["type"], entry["version"], kind["title"], ", ".join(kind["capabilities"]), *marks])
    names = [rule.name for rule in quality.RULES if rule.name != "capabilities"]
    render.table(["type", "version", "title", "can know", *names], rows)
    for name, line in _wanting(described):
        render.say(f"✗ {name}: {line['rule']}: {line['words']} (wanted: {line['promise']})")
    for name, error in found.broken.items():
        render.say(f"✗ the plugin {name} could not be loaded: {error}")


def _mark(line: dict[str, Any]) -> str:
    return _MARKS[line["met"]] if line["needed"] or line["met"] is not False else "–"


def _wanting(described: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (kind["type"], line)
        for entry in described
        for kind in entry["types"]
        for line in kind["quality"]
        if line["needed"] and not line["met"]
    ]


@app.command("new")
def new_verb(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, hyphens: my-shop.")],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="D", help="Where to make the folder klientela-NAME; default: here.")
    ] = Path(),
    as_json: Json = False,
) -> int:
    """Begin a plugin: a package with settings, source, translation, sandbox and tests that pass at once."""
    made = scaffold.new(name, folder, find().types)
    root = made[0].parent
    if as_json:
        render.emit({"name": name, "folder": str(root), "files": [str(one.relative_to(root)) for one in made]})
        return 0
    render.say(f"{root} holds a source that works already; next:")
    render.say(f"    cd {root}")
    render.say('    pip install -e ".[dev]"')
    render.say("    pytest")
    render.say("The README in it says how to go on.")
    return 0


def describe(found: Plugins) -> list[dict[str, Any]]:
    """The plugins as `plugins --json` shows them."""
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "error": plugin.error,
            "types": [_type(found, plugin, name) for name in plugin.types],
        }
        for plugin in found.found
    ]


def _type(found: Plugins, plugin: Plugin, name: str) -> dict[str, Any]:
    kind = found.types[name]
    looked = quality.look(kind, plugin.distribution)
    return {
        "type": name,
        "title": kind.title,
        "guests": kind.guests,
        "capabilities": kind.capabilities.names(),
        "sandbox": kind.sandbox is not None,
        "webhooks": kind.webhooks,
        "conformance": quality.checks(looked),
        "quality": quality.report(looked),
    }
