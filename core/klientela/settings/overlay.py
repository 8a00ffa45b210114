"""What the environment and the secrets directory lay over the file: `KLIENTELA__SOURCES__MAIN__ACCESS_TOKEN=…`.

Order, the later wins: file, secrets directory, `…_FILE` variables, variables. Names are matched without regard to
case, `-`, `.` and blanks, so `[sources."my-shop"]` is reached by `KLIENTELA__SOURCES__MY_SHOP__…`.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from klientela.errors import Misconfigured
from klientela.model.numbers import whole
from klientela.settings.places import Path as KeyPath
from klientela.source import SourceSettings

PREFIX = "KLIENTELA__"
_BLANKS = re.compile(r"[-. ]")

SettingsOf = Callable[[str], type[SourceSettings] | None]
"""The settings class of a source type; None when no plugin brings it."""


@dataclass(slots=True)
class Overlaid:
    """The tables after all layers, and where a key came from if not from the file."""

    tables: dict[str, Any]
    origin: dict[KeyPath, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One value from outside the file: its name split at `__`, how people call its place, and how to get it."""

    segments: tuple[str, ...]
    label: str
    read: Callable[[], str]


def overlay(
    tables: dict[str, Any], root: type[BaseModel], settings_of: SettingsOf, environ: Mapping[str, str]
) -> Overlaid:
    """Lay the secrets directory and the environment over the tables of the file (changed in place)."""
    done = Overlaid(tables)
    entries = [*_secret_files(environ), *_variables(environ)]
    # types first: they decide which keys a source has
    for entry in sorted(entries, key=lambda e: _fold(e.segments[-1]) != "type"):
        _apply(done, root, settings_of, entry)
    return done


def _variables(environ: Mapping[str, str]) -> list[_Entry]:
    found = []
    for name, value in sorted(environ.items()):
        if name.upper().startswith(PREFIX):
            segments = tuple(name[len(PREFIX) :].split("__"))
            found.append(_Entry(segments, f"the environment variable {name}", lambda value=value: value))  # type: ignore[misc]
    # a value given directly outranks one given as file
    return sorted(found, key=lambda e: not e.segments[-1].upper().endswith("_FILE"))


def _secret_files(environ: Mapping[str, str]) -> list[_Entry]:
    """Files named like `sources__main__access_token`; systemd's credentials directory counts as one too."""
    folder = environ.get("KLIENTELA_SECRETS_DIR") or environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return []
    path = Path(folder)
    if not path.is_dir():
        raise Misconfigured(
            f"the secrets directory {path} does not exist", hint="Create it or unset KLIENTELA_SECRETS_DIR."
        )
    found = []
    for file in sorted(path.iterdir()):
        name = file.name[len(PREFIX) :] if file.name.upper().startswith(PREFIX) else file.name
        if "__" in name and not name.startswith(".") and file.is_file():
            found.append(_Entry(tuple(name.split("__")), f"the secret file {file}", lambda file=file: _secret(file)))  # type: ignore[misc]
    return found


def _secret(file: Path) -> str:
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"the secret file {file} cannot be read ({type(error).__name__})",
            hint="Check that it exists, is text, and may be read by the user klientela runs as.",
        ) from error


def _apply(done: Overlaid, root: type[BaseModel], settings_of: SettingsOf, entry: _Entry) -> None:
    table = done.tables
    shape: Any = root
    path: KeyPath = ()
    for segment in entry.segments[:-1]:
        key, shape = _child(table, shape, segment)
        shape = _source_shape(table.get(key), shape, settings_of)
        path = (*path, key)
        if key not in table:
            table[key] = {}
            done.origin[path] = entry.label
        inner = table[key]
        if not isinstance(inner, dict):
            raise Misconfigured(f"{entry.label} goes into {_dotted(path)}, which is no table")
        table = inner
    last = entry.segments[-1]
    read = entry.read
    if not all(entry.segments):
        raise Misconfigured(
            f"{entry.label} names no key",
            hint=f"Write {PREFIX}SECTION__KEY, for example {PREFIX}STORE__URL.",
        )
    if last.upper().endswith("_FILE") and _known(table, shape, last) is None:
        last = last[: -len("_FILE")]
        read = lambda: _secret(Path(entry.read()))  # noqa: E731
    key, shape = _child(table, shape, last)
    text = read()
    if shape is int and whole(text) is None:
        wrong = f"{_dotted((*path, key))} must be a whole number in {entry.label}"
        raise Misconfigured(wrong, hint="Write digits alone, such as 8000.")
    table[key] = _value(text, shape)
    done.origin[(*path, key)] = entry.label


def _known(table: Mapping[str, Any], shape: Any, segment: str) -> str | None:
    """The key a segment means among the fields of the shape and the keys that are there."""
    fields: list[str] = list(shape.model_fields) if _is_model(shape) else []
    for key in [*table, *fields]:
        if _fold(key) == _fold(segment):
            return key
    return None


def _child(table: Mapping[str, Any], shape: Any, segment: str) -> tuple[str, Any]:
    key = _known(table, shape, segment) or segment.lower()
    if _is_model(shape):
        info = shape.model_fields.get(key)
        return key, _plain(info.annotation) if info else Any
    if get_origin(shape) in (dict, Mapping) or _is_mapping(shape):
        return key, _plain(get_args(shape)[1])
    return key, Any


def _source_shape(table: Any, shape: Any, settings_of: SettingsOf) -> Any:
    """A source's table has the shape of its plugin's settings."""
    if shape is SourceSettings and isinstance(table, Mapping):
        return settings_of(str(table.get("type"))) or Any
    return shape


def _value(text: str, shape: Any) -> Any:
    """Lists and tables are written as JSON, lists also as `a, b`; everything else stays text for the model to read."""
    origin = get_origin(shape)
    many = origin in (list, tuple, set, frozenset) or (origin is not None and _is_mapping(shape))
    if many and text.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    if many and not _is_mapping(shape):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _plain(annotation: Any) -> Any:
    """The annotation without `| None` and `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        return _plain(kinds[0]) if len(kinds) == 1 else Any
    return annotation


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def _is_mapping(shape: Any) -> bool:
    origin = get_origin(shape)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _fold(text: str) -> str:
    return _BLANKS.sub("_", text).casefold()


def _dotted(path: KeyPath) -> str:
    return ".".join(str(part) for part in path)
