"""`klientela init`: a commented starter configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from klientela.errors import Conflict, Misconfigured
from klientela.settings import DEFAULT_FILE
from klientela_daemon import render
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.starter import STARTER


def verb(
    config: Config = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> int:
    """Write a commented starter klientela.toml; a file that is there is kept unless --force is given."""
    asked = config or (Path(os.environ["KLIENTELA_CONFIG"]) if os.environ.get("KLIENTELA_CONFIG") else None)
    path = (asked or Path(DEFAULT_FILE)).absolute()
    if path.exists() and not force:
        raise Conflict(f"{path} is there already", hint="Name another file with --config, or replace it with --force.")
    write(path, STARTER)
    if as_json:
        render.emit({"file": str(path)})
    else:
        render.say(f"wrote {path}")
        render.say("Next: fill in a source, then `klientela check` and `klientela sync`.")
    return 0


def write(path: Path, text: str) -> None:
    """Write a configuration that only its owner may read: it is going to hold secrets."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        path.chmod(0o600)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise Misconfigured(
            f"{path} cannot be written: {reason}", hint="Choose another place with --config."
        ) from error
