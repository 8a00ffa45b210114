"""Turns what pydantic found wrong into one sentence with key, file and line, and a hint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from klientela.errors import Misconfigured
from klientela.settings.overlay import PREFIX
from klientela.settings.places import Path as KeyPath

_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one key."""

    path: KeyPath
    text: str
    hint: str | None = None


def problems(error: ValidationError, model: type[BaseModel], prefix: KeyPath = ()) -> list[Problem]:
    """The problems of a model's validation; `prefix` is where the model hangs in the configuration."""
    return [_problem(dict(item), model, prefix) for item in error.errors(include_url=False)]


def refuse(
    found: Sequence[Problem], file: str, lines: Mapping[KeyPath, int], origin: Mapping[KeyPath, str]
) -> Misconfigured:
    """The error for the first problem (by line); it says how many more there are."""
    found = [replace(problem, path=_meant(problem, lines)) for problem in found]
    first = min(found, key=lambda p: (_line(p.path, lines) or 0, [str(part) for part in p.path]))
    more = len(found) - 1
    rest = f" (and {more} more {'problem' if more == 1 else 'problems'})" if more else ""
    return Misconfigured(f"{_where(first.path, file, lines, origin)}: {first.text}{rest}", hint=first.hint)


def near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    found = difflib.get_close_matches(word.lower(), list(known), 1, cutoff=0.6)
    return found[0] if found else None


def dotted(path: KeyPath) -> str:
    """`sources.main.every`, as people write it."""
    return ".".join(str(part) for part in path)


def _where(path: KeyPath, file: str, lines: Mapping[KeyPath, int], origin: Mapping[KeyPath, str]) -> str:
    for size in range(len(path), 0, -1):
        if path[:size] in origin:
            return origin[path[:size]]
    line = _line(path, lines)
    return f"{file} line {line}" if line else file


def _meant(problem: Problem, lines: Mapping[KeyPath, int]) -> KeyPath:
    """The key below the problem's own that its sentence speaks of, if it speaks of one that is there.

    A validator of a whole table can only be reported at the table, but its sentence usually names a key.
    """
    words = set(_WORD.findall(problem.text))
    below = [path for path in lines if path[:-1] == problem.path and str(path[-1]) in words]
    return below[0] if len(below) == 1 else problem.path


def _line(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of the key, or of the nearest table around it."""
    for size in range(len(path), 0, -1):
        if path[:size] in lines:
            return lines[path[:size]]
    return None


def _problem(item: dict[str, Any], model: type[BaseModel], prefix: KeyPath) -> Problem:
    loc = tuple(part for part in item["loc"] if part != "[key]")
    path = (*prefix, *loc)
    name = dotted(path)
    kind = item["type"]
    if kind == "extra_forbidden":
        return _unknown_key(path, loc, model, prefix)
    if kind == "missing":
        return Problem(path, f"{name} is missing", f"Write it there, or set {_variable(path)}.")
    if kind == "literal_error":
        return _not_one_of(path, item, _is_secret(model, loc))
    if kind == "value_error":
        return _said_by_validator(path, str(item["ctx"]["error"]), prefix)
    return Problem(path, f"{name} {_plain(item)}", "`klientela config schema` lists every key and its values.")


def _plain(item: dict[str, Any]) -> str:
    """What pydantic found, in words for people who write TOML; the value itself may be a secret and is not repeated."""
    kind, limit = item["type"], item.get("ctx", {})
    for beginning, said in _PLAIN:
        if kind.startswith(beginning):
            return said
    if kind == "greater_than_equal":
        return f"must be at least {limit['ge']}"
    if kind == "less_than_equal":
        return f"must be at most {limit['le']}"
    return f"is wrong: {item['msg'][0].lower()}{item['msg'][1:]}"


_PLAIN = (
    ("int_", "must be a whole number, without quotes"),
    ("float_", "must be a number, without quotes"),
    ("bool_", "must be true or false, without quotes"),
    ("string_type", "must be text in quotes"),
    ("tuple_", 'must be a list, like ["one", "two"]'),
    ("list_", 'must be a list, like ["one", "two"]'),
    ("mapping_", "must be a table of keys"),
    ("dict_", "must be a table of keys"),
    ("model_", "must be a table of keys"),
    ("path_", "must be a path in quotes"),
)
"""How a kind of pydantic's problems begins, and what it means; the first that fits."""


def _unknown_key(path: KeyPath, loc: KeyPath, model: type[BaseModel], prefix: KeyPath) -> Problem:
    known = _keys(model, loc[:-1])
    meant = near(str(loc[-1]), known)
    owner = f"{dotted(path[:-1])} has" if len(path) > 1 else "the configuration has"
    hint = f"Did you mean {meant}?" if meant else f"Known keys are {', '.join(sorted(known))}."
    return Problem(path, f"{owner} no key {str(loc[-1])!r}", hint)


def _not_one_of(path: KeyPath, item: dict[str, Any], secret: bool) -> Problem:
    expected = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    given = "" if secret else f" {item['input']!r}"
    meant = near(str(item["input"]), expected.split(", "))
    return Problem(
        path,
        f"{dotted(path)} cannot be{given}; it is one of {expected}",
        f"Did you mean {meant}?" if meant else f"Write one of {expected}.",
    )


def _said_by_validator(path: KeyPath, text: str, prefix: KeyPath) -> Problem:
    """A validator's own sentence; at a source, secrets may also come from outside the file."""
    hint = "`klientela config schema` lists every key and its values."
    if path == prefix and len(prefix) == 2:
        hint = f"Write the key there, or set it from outside, like {_variable((*prefix, 'key')).replace('KEY', '…')}."
    return Problem(path, f"{dotted(path)}: {text}" if path else text, hint)


def _variable(path: KeyPath) -> str:
    return PREFIX + "__".join(str(part).upper().replace("-", "_").replace(" ", "_") for part in path)


def _keys(model: type[BaseModel], loc: KeyPath) -> list[str]:
    """The keys a table knows, for the table at `loc` below the model."""
    found = _model_at(model, loc)
    return list(found.model_fields) if found else []


def _model_at(model: type[BaseModel], loc: KeyPath) -> type[BaseModel] | None:
    here: type[BaseModel] | None = model
    for part in loc:
        if here is None:
            return None
        info = here.model_fields.get(str(part))
        if info is None:
            # the name of an entry of a table of tables, like views.NAME: the model stays
            continue
        here = _inner(info.annotation)
    return here


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X`, `X | None`, `Mapping[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _inner(part)
        if found is not None:
            return found
    return None


def _is_secret(model: type[BaseModel], loc: KeyPath) -> bool:
    owner = _model_at(model, loc[:-1]) if loc else None
    info = owner.model_fields.get(str(loc[-1])) if owner and loc else None
    return info is not None and "SecretStr" in str(info.annotation)
