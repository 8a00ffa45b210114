"""The templates and what they may call: icons, flags, avatars, badges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from klientela_web import assets
from klientela_web.drawing import charts, flags, icons
from klientela_web.ways import Nav
from klientela_web.words import LANGUAGES


def environment(ways: Sequence[Nav] = (), takes: Mapping[str, str | None] = MappingProxyType({})) -> Environment:
    """Everything is escaped; a name that does not exist is an error, not an empty place. `ways`: those at the side;
    `takes`: the role that looking at each path takes."""
    made = Environment(
        loader=PackageLoader("klientela_web"),
        autoescape=select_autoescape(("html", "svg")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        icon=icon, flag=flag, initials=initials, hue=hue, static=assets.address, charts=charts, LANGUAGES=LANGUAGES,
        said=said, ways=ways, takes=takes, source_types={},
    )  # fmt: skip
    made.filters["begun"] = begun
    return made


def begun(text: str) -> str:
    """A sentence with a large first letter; the name of a file or an address keeps its own."""
    first = text.partition(" ")[0]
    return text if "." in first.rstrip(".") or "@" in first else text[:1].upper() + text[1:]


def icon(name: str, size: int = 18, kind: str = "") -> Markup:
    """An icon of the sprite; it says nothing by itself to who listens to the page."""
    icons.known(name)
    return Markup('<svg class="i {}" width="{}" height="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>').format(
        kind, size, size, assets.sprite(), name
    )


def flag(code: str | None, name: str) -> Markup:
    """A country's flag; two letters for one we have none of; nothing for no country."""
    if not code:
        return Markup("")
    if code in flags.FLAGS:
        return Markup('<svg class="flag" role="img" aria-label="{}"><use href="{}#f-{}"/></svg>').format(
            name, assets.sprite(), code
        )
    if len(code) == 2 and code.isalpha():
        return Markup('<span class="flag cc" title="{}">{}</span>').format(name, code)
    return Markup("")


def initials(row: Mapping[str, Any]) -> str:
    """Two letters for somebody without a picture (A08)."""
    parts = [part for part in (row.get("first_name"), row.get("last_name")) if part]
    if not parts:
        parts = str(row.get("name") or row.get("email") or "?").split()[:2]
    return "".join(part[0] for part in parts).upper()[:2]


def hue(row: Mapping[str, Any]) -> int:
    """One of twelve colours, always the same for the same customer."""
    return int(md5(str(row["id"]).encode(), usedforsecurity=False).hexdigest(), 16) % 12


def said(cookies: Mapping[str, str]) -> dict[str, str] | None:
    """The sentence that the page before left to be shown once, and the number its button takes back."""
    found = {name: values[0] for name, values in parse_qs(cookies.get("said", "")).items()}
    return {"undo": "", **found} if found.get("text") else None


__all__ = ["begun", "environment", "escape", "flag", "hue", "icon", "initials", "said"]
