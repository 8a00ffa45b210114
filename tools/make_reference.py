"""Write docs/reference/*.md from the code: commands, configuration, errors. A test holds the files against this.

python tools/make_reference.py
"""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import BaseModel

from klientela import errors
from klientela.failpoints import POINTS
from klientela.hookspecs import klientela_proposals, klientela_routes, klientela_sources
from klientela.plugins import find
from klientela.settings import Settings
from klientela.settings.model import Feed
from klientela.settings.views import COLUMNS, PRESETS, View
from klientela_csv import fields
from klientela_daemon.cli import VERBS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
HOUSE = {one.name for one in (ROOT / "plugins").iterdir()}
NOTE = "<!-- written by tools/make_reference.py from the code; do not edit -->\n"


def commands() -> str:
    """Every verb with its arguments and options."""
    parts = [NOTE, "# Commands\n"]
    for name, verb in VERBS.items():
        module = importlib.import_module(f"klientela_daemon.cli.{verb.module}")
        group: Any = typer.main.get_group(module.app) if hasattr(module, "app") else None
        parts.append(f"## klientela {name}\n\n{verb.help}\n")
        if hasattr(module, "verb"):
            app = typer.Typer(add_completion=False)
            app.command(name)(module.verb)
            parts += _command(typer.main.get_command(app))
        else:
            parts += _command(group)
        for sub, command in getattr(group, "commands", {}).items():
            parts.append(f"### klientela {name} {sub}\n\n{inspect.cleandoc(command.help or '')}\n")
            parts += _command(command)
    return "\n".join(parts)


def _command(command: Any) -> list[str]:
    rows = []
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        shown = ", ".join(f"`{opt}`" for opt in (*parameter.opts, *parameter.secondary_opts))
        rows.append(f"| {shown} | {(getattr(parameter, 'help', None) or '').replace('|', chr(92) + '|')} |")
    return ["| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n"] if rows else []


def configuration() -> str:
    """Every table and key of the configuration, and those of each kind of source."""
    parts = [NOTE, "# Configuration\n", "Unknown keys anywhere are errors that name the key, the file and the line.\n"]
    parts += _table(Settings, "")
    parts += _views()
    parts.append(f"## `[feed.NAME]`\n\n{inspect.cleandoc(Feed.__doc__ or '')}\n")
    parts.append(_rows(Feed))
    for name, kind in sorted(find().types.items()):
        if name not in HOUSE:
            continue  # somebody's own plugin, installed beside ours
        parts.append(f'## `[sources.NAME]` with `type = "{name}"`\n')
        parts.append(_rows(kind.Settings))
    parts.append("### Our fields, for `[sources.NAME.columns]` of a CSV source\n")
    parts.append(_csv_fields())
    return "\n".join(parts)


def _views() -> list[str]:
    """What a view may hold, its columns, and the views that are there."""
    intro = f"{inspect.cleandoc(View.__doc__ or '')} A table of one of the names below changes single keys of it."
    columns = [f"| `{name}` | {meaning} |" for name, meaning in COLUMNS.items()]
    presets = []
    for name, keys in PRESETS.items():
        shown = [f"`{key}` = {_default(value)}" for key, value in keys.items()]
        presets.append(f"| `{name}` | {'; '.join(shown)} |")
    return [
        f"## `[views.NAME]`\n\n{intro}\n",
        _rows(View),
        "| view | what it holds |\n|---|---|\n" + "\n".join(presets) + "\n",
        "| column | meaning |\n|---|---|\n" + "\n".join(columns) + "\n",
    ]


def _csv_fields() -> str:
    lists = (
        ("person", fields.PERSON),
        ("order", (*fields.ORDER_KEYS, *fields.ORDER_ONLY)),
        (
            "further addresses, each part behind " + ", ".join(f"`{prefix}`" for prefix in fields.FURTHER_ADDRESSES),
            fields.NAMED_ADDRESS,
        ),
    )
    rows = [f"| {what} | {', '.join(f'`{name}`' for name in names)} |" for what, names in lists]
    return "| of a | fields |\n|---|---|\n" + "\n".join(rows) + "\n"


def _table(model: type[BaseModel], path: str) -> list[str]:
    parts = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if inspect.isclass(inner) and issubclass(inner, BaseModel):
            parts.append(f"## `[{path}{name}]`\n\n{inspect.cleandoc(inner.__doc__ or '')}\n")
            parts.append(_rows(inner))
            parts += _table(inner, f"{path}{name}.")
    return parts


def _rows(model: type[BaseModel]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if inspect.isclass(field.annotation) and issubclass(field.annotation, BaseModel):
            continue
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        choices = ", ".join(f"`{choice}`" for choice in _choices(field.annotation))
        meaning = "; ".join(part for part in (field.description, choices and f"one of {choices}") if part)
        rows.append(f"| `{name}` | {default} | {meaning.replace('|', chr(92) + '|')} |")
    return "| key | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    """A value as TOML has it."""
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return f"`[{', '.join(json.dumps(one) for one in value)}]`"
    if isinstance(value, (dict, bool, int)):
        return f"`{json.dumps(value)}`"
    return f"`{json.dumps(str(value))}`"


def _choices(annotation: Any) -> list[str]:
    """The words of a Literal, also inside a list or beside None."""
    if get_origin(annotation) is Literal:
        return [str(one) for one in get_args(annotation)]
    return [one for inner in get_args(annotation) for one in _choices(inner)]


def failures() -> str:
    """The errors, sorted by who must act; the hooks; the failpoints."""
    parts = [NOTE, "# Errors\n", "```\n" + inspect.cleandoc(errors.__doc__ or "") + "\n```\n"]
    parts.append("| kind in JSON | exit code | when |\n|---|---|---|")
    for item in vars(errors).values():
        if inspect.isclass(item) and issubclass(item, errors.KlientelaError):
            parts.append(f"| `{item.kind}` | {item.exit_code} | {(item.__doc__ or '').splitlines()[0]} |")
    parts.append("\n# Hooks\n")
    for hook in (klientela_sources, klientela_routes, klientela_proposals):
        parts.append(f"`{hook.__name__}`: {inspect.cleandoc(hook.__doc__ or '')}\n")
    parts.append("# Failpoints\n\n`KLIENTELA_FAILPOINT=name:n` kills the process the n-th time it passes there:\n")
    parts.append(", ".join(f"`{point}`" for point in POINTS) + "\n")
    return "\n".join(parts)


PAGES = {"commands.md": commands, "configuration.md": configuration, "errors.md": failures}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
