"""A person's own export as a ZIP: `person.html` to read, `person.json` for programs, the files as they are kept (R58)."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from klientela.errors import Misconfigured

_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border-bottom:1px solid #ddd;padding:.25rem "
    ".5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{font-weight:600}"
)
_LISTS = (
    ("order_list", "Orders"),
    ("checkouts", "Carts"),
    ("letters", "Letters"),
    ("scans", "Scans of letters"),
    ("messages", "Messages"),
    ("bookings", "Bookings"),
    ("consent_events", "Consents"),
    ("history", "What changed"),
)


def write(target: Path, document: Mapping[str, Any], contents: Mapping[str, bytes]) -> int:
    """Write the ZIP, readable by its owner alone; its size in bytes. `contents`: files by their SHA-256.

    Misconfigured where it cannot be written.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            _fill(file, document, contents)
        part.replace(target)
    except OSError as error:
        raise Misconfigured(
            f"{target} cannot be written: {(error.strerror or '').lower()}", hint="Choose another place with -o."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def packed(document: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """The same ZIP as bytes, for who takes it away at once."""
    made = BytesIO()
    _fill(made, document, contents)
    return made.getvalue()


def _fill(file: IO[bytes], document: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    names = dict(_names(document))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps({**document, "files": names}, ensure_ascii=False, indent=2)
        archive.writestr("person.json", text)
        archive.writestr("person.html", page(document, names))
        for digest, content in contents.items():
            archive.writestr(names[digest], content)


def _names(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in the ZIP each file lies."""
    for one in (*document["profile"]["files"], *document["internal"]["files"]):
        name = _SAFE.sub("-", one["name"] or one["type"].rpartition("/")[2])[-80:].lstrip(".-") or "file"
        yield one["sha256"], f"files/{one['sha256'][:12]}-{name}"


def page(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The page for people."""
    profile = document["profile"]
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(profile["name"])}</title>',
        f"<style>{_STYLE}</style><h1>{escape(profile['name'])}</h1>",
        "<p>Everything that is kept about you, with its origin. person.json holds the same for programs, "
        "and every version of every record.</p>",
        _table("Values and their origin", _origins(profile)),
        _table("E-mail addresses", profile["emails"]),
        _table("Phones", profile["phones"]),
        _table("Addresses", profile["addresses"]),
        _table("Records kept of you", profile["records"]),
        _table("Why these records are one person", document["joined"]["because"]),
    ]
    parts += [_table(title, profile[name] or []) for name, title in _LISTS]
    parts.append(_table("Notes of your shops", [one for one in profile["notes"] if one["source"] is not None]))
    parts += [_table(title, document["internal"][name]) for name, title in (("remarks", "Remarks"), ("notes", "Notes"))]
    links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in sorted(names.values()))
    parts.append(f"<h2>Files</h2><ul>{links}</ul>" if links else "")
    parts += [
        _table(f"{one['source']}/{one['entity']}/{one['external_id']}", one["said"])
        for name in ("records", "bought", "things")
        for one in document[name]
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _origins(profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"field": field, **origin} for field, origin in profile["provenance"].items()]


def _table(title: str, rows: Iterable[Mapping[str, Any]]) -> str:
    found = list(rows)
    if not found:
        return ""
    columns = list(dict.fromkeys(name for row in found for name, value in row.items() if value not in (None, [], {})))
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in columns) + "</tr>" for row in found)
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "<br>".join(
            f"{escape(str(name).replace('_', ' '))}: {_cell(one)}"
            for name, one in value.items()
            if one not in (None, [], {})
        )
    if isinstance(value, list):
        return "<br>".join(map(_cell, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


__all__ = ["packed", "page", "write"]
