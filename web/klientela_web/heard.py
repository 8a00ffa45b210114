"""What the core and the plugins say, heard in the reader's language: their English sentences are recognised by the templates
of a catalogue and said again by its translation, values and all (docs/decisions/0026)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from gettext import c2py
from importlib import resources
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

_PLACE = re.compile(r"\{(\w+)(!r|:\w+)?\}")
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_DEEP = 4
"""So many sentences may stand within each other."""
_LONGEST, _MOST = 2000, 12
"""No sentence of ours has so many characters or semicolons: such a text is somebody else's, and stays as it is."""

_SHAPES = {":number": r"-?\d+", ":digits": r"\d+", ":one": r"\S+"}
"""What a value must look like to be one; other values may be anything."""

Kinds = Mapping[str, Callable[[str], str]]
"""How a value is written, by the word behind its name in the translation: `{count:number}`."""


class Template(NamedTuple):
    """A sentence of the catalogue: what it looks like, its longest plain part, which values stand in quotes, its translations,
    one for each plural form or one alone, and whether a semicolon parts it."""

    pattern: re.Pattern[str]
    plain: str
    quoted: frozenset[str]
    said: tuple[str, ...]
    parted: bool


@lru_cache(maxsize=8)
def book(language: str) -> Catalog:
    """The catalogue of a language; that of English, in which the core speaks, is empty."""
    if language == "en":
        return Catalog(locale=language)
    place = resources.files("klientela_web") / "locale" / language / "LC_MESSAGES" / "core.po"
    with place.open("rb") as file:
        return read_po(file, locale=language)


class Heard:
    """The sentences of one language."""

    def __init__(self, language: str, kinds: Kinds) -> None:
        self._exact, self._templates, self._plural = _read(language)
        self._kinds = kinds
        self.quotes = {"de": "„“", "pl": "„”"}.get(language, "''")

    def __call__(self, text: str) -> str:
        """The sentence in the reader's language; as it is where the catalogue does not have it, such as the words of a shop."""
        return self._hear(text, _DEEP) or text

    def _hear(self, text: str, deep: int) -> str | None:
        """None for a sentence nobody translated."""
        if not deep or not text or not self._exact or len(text) > _LONGEST:
            return None
        parts = text.split("; ")
        several = self._several(parts, deep) if len(parts) <= _MOST else None
        found = "; ".join(several) if several is not None else self._fitting(text, deep)
        return None if found is None else _high(found) if text[:1].isupper() else found

    def _fitting(self, text: str, deep: int, *, parted: bool = False) -> str | None:
        """By the first template that fits; `parted`: of those that have a semicolon themselves."""
        low = _low(text)
        for one in self._templates:
            if one.plain in low and (one.parted or not parted) and (hit := one.pattern.fullmatch(low)) is not None:
                return self._say(one, text, hit, deep)
        return None

    def _say(self, one: Template, text: str, hit: re.Match[str], deep: int) -> str:
        values = {name: text[slice(*hit.span(name))] for name in hit.groupdict()}
        form = self._plural(int(values["count"])) if len(one.said) > 1 else 0

        def value(place: re.Match[str]) -> str:
            name, kind = place[1], place[2]
            found = values[name]
            if name in one.quoted:
                return self.quotes[0] + _unquoted(found) + self.quotes[1]
            if kind == ":said":
                return self._hear(found, deep - 1) or found
            write = self._kinds.get((kind or ":")[1:])
            return found if write is None else write(found)

        return _PLACE.sub(value, one.said[form])

    def _several(self, parts: list[str], deep: int) -> list[str] | None:
        """Sentences with semicolons between, all of which are known; some have one themselves."""
        for many in range(len(parts), 0, -1):
            first = self._alone("; ".join(parts[:many]), deep)
            if first is not None:
                rest = self._several(parts[many:], deep) if many < len(parts) else []
                if rest is not None:
                    return [first, *rest]
        return None

    def _alone(self, text: str, deep: int) -> str | None:
        """One sentence. A semicolon in it must be one of its own: no value swallows the sentence behind it."""
        found = self._exact.get(_low(text))
        if found is None:
            parted = "; " in text
            found = self._fitting(text, deep, parted=parted) or (None if parted else self._about(text, deep))
        return found

    def _about(self, text: str, deep: int) -> str | None:
        """A sentence behind the name of what it is about."""
        name, sign, rest = text.partition(": ")
        heard = self._hear(rest, deep - 1) if sign and " " not in name else None
        return f"{name}: {heard}" if heard is not None else None


def forms(said: object) -> tuple[str, ...]:
    """One sentence, or one for each plural form, as a catalogue holds them."""
    return tuple(map(str, said)) if isinstance(said, (tuple, list)) else (str(said or ""),)


@lru_cache(maxsize=8)
def _read(language: str) -> tuple[Mapping[str, str], tuple[Template, ...], Callable[[int], int]]:
    """Sentences without values, and templates, those with most plain letters first: what is said more closely wins."""
    catalogue = book(language)
    exact: dict[str, str] = {}
    templates: list[tuple[int, Template]] = []
    for message in catalogue:
        said = forms(message.string)
        for id_ in forms(message.id):
            if not id_ or not said[0]:
                continue
            if _PLACE.search(id_):
                templates.append((len(_PLACE.sub("", id_)), _template(_low(id_), said)))
            else:
                exact[_low(id_)] = said[0]
    templates.sort(key=lambda one: -one[0])
    return exact, tuple(one for _, one in templates), c2py(catalogue.plural_expr)


def _template(id_: str, said: tuple[str, ...]) -> Template:
    """A sentence with places as a pattern."""
    shapes = {found[1]: _SHAPES.get(found[2] or "", ".+?") for text in said for found in _PLACE.finditer(text)}
    quoted = frozenset(found[1] for found in _PLACE.finditer(id_) if found[2] == "!r")
    pattern, at = "", 0
    for found in _PLACE.finditer(id_):
        pattern += re.escape(id_[at : found.start()])
        value = _QUOTED if found[1] in quoted else shapes.get(found[1], ".+?")
        pattern += f"(?P<{found[1]}>{value})"
        at = found.end()
    pattern += re.escape(id_[at:])
    plain = max(_PLACE.sub("\0", id_).split("\0"), key=len)
    return Template(re.compile(pattern, re.DOTALL), plain, quoted, said, "; " in id_)


def _unquoted(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text[1:-1]


def _low(text: str) -> str:
    """With a small first letter: a hint is a sentence that stands elsewhere in small letters."""
    return text[:1].lower() + text[1:]


def _high(text: str) -> str:
    return text[:1].upper() + text[1:]


__all__ = ["Heard", "book", "forms"]
