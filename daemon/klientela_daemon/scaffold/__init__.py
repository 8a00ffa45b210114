"""A new plugin from the template beside this file: `klientela plugins new NAME`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from klientela.errors import Conflict, Misconfigured

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 30
RESERVED = frozenset({"manual", "api", "klientela", "http", "source", "pretend"})
"""Built-in sources, and names whose classes would hide those of the kit."""


def check_name(name: str, taken: Collection[str] = ()) -> None:
    """Misconfigured for a name that cannot be a source type, a module and a distribution at once, or is `taken`."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise Misconfigured(
            f"{name!r} cannot be the name of a plugin",
            hint=f"Use lower-case letters, digits and single hyphens, up to {_LONGEST}, like my-shop.",
        )
    if name in RESERVED or name in taken:
        raise Misconfigured(f"the name {name} is taken by a source type there is", hint="Choose another name.")


def words(name: str) -> dict[str, str]:
    """What stands in the template for what."""
    parts = name.split("-")
    return {
        "name": name,
        "distribution": f"klientela-{name}",
        "module": f"klientela_{'_'.join(parts)}",
        "Class": "".join(part.capitalize() for part in parts),
        "title": " ".join(parts).capitalize(),
    }


def new(name: str, parent: Path, taken: Collection[str] = ()) -> list[Path]:
    """Write the package into `parent/klientela-NAME`; its files. Conflict when something is there already."""
    check_name(name, taken)
    said = words(name)
    folder = parent / said["distribution"]
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(
            f"{folder} is there already; nothing was written",
            hint="Choose another name or --dir, or move it out of the way.",
        )
    made = []
    try:
        for path, source in _template(files(__package__) / "template"):
            target = folder / _renamed(path, said["module"])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_filled(source.read_text(encoding="utf-8"), said), encoding="utf-8")
            made.append(target)
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or folder} could not be written: {(error.strerror or str(error)).lower()}",
            hint="Choose another folder with --dir.",
        ) from error
    return made


def _template(folder: Traversable, way: str = "") -> Iterator[tuple[str, Traversable]]:
    """Each file of the template by its path; all end in .txt, so that no tool takes them for code of ours."""
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir():
            yield from _template(one, f"{way}{one.name}/")
        else:
            yield f"{way}{one.name.removesuffix('.txt')}", one


def _renamed(path: str, module: str) -> str:
    """Where a file of the template goes. There tests are not called so: nothing of ours that is installed is a test."""
    return re.sub(r"^package/", f"{module}/", re.sub(r"^tests/", "tests/test_", path))


def _filled(text: str, said: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: said[match[1]], text)
