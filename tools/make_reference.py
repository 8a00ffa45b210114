"""Write docs/reference/*.md from the code: commands, configuration, errors. A test holds the files against this.

python tools/make_reference.py
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from klientela import errors
from klientela.failpoints import POINTS
from klientela.hookspecs import klientela_sources
from klientela.plugins import find
from klientela.settings import Settings
from klientela_daemon.cli import VERBS

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
NOTE = "<!-- written by tools/make_reference.py from the code; do not edit -->\n"


def commands() -> str:
    """Every verb with its arguments and options."""
    parts = [NOTE, "# Commands\n"]
    for name, verb in VERBS.items():
        module = importlib.import_module(f"klientela_daemon.cli.{verb.module}")
        if hasattr(module, "app"):
            group: Any = typer.main.get_command(module.app)
        else:
            app = typer.Typer(add_completion=False)
            app.command(name)(module.verb)
            group = typer.main.get_command(app)
        parts.append(f"## klientela {name}\n\n{verb.help}\n")
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
    for name, kind in sorted(find().types.items()):
        parts.append(f'## `[sources.NAME]` with `type = "{name}"`\n')
        parts.append(_rows(kind.Settings))
    return "\n".join(parts)


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
        default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
        meaning = (field.description or "").replace("|", "\\|")
        rows.append(f"| `{name}` | {default} | {meaning} |")
    return "| key | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def failures() -> str:
    """The errors, sorted by who must act; the hook; the failpoints."""
    parts = [NOTE, "# Errors\n", "```\n" + inspect.cleandoc(errors.__doc__ or "") + "\n```\n"]
    parts.append("| kind in JSON | exit code | when |\n|---|---|---|")
    for item in vars(errors).values():
        if inspect.isclass(item) and issubclass(item, errors.KlientelaError):
            parts.append(f"| `{item.kind}` | {item.exit_code} | {(item.__doc__ or '').splitlines()[0]} |")
    parts.append("\n# Hooks\n")
    parts.append(f"`klientela_sources`: {inspect.cleandoc(klientela_sources.__doc__ or '')}\n")
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
