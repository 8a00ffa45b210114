"""The icons of the page, out of Tabler's set (PyPI: tablericons2, MIT), as symbols of one sprite."""

from __future__ import annotations

import re
import zipfile
from importlib import resources

NAMES = (
    "adjustments", "alert-triangle", "archive", "arrow-down-right", "arrow-up-right", "arrow-back-up", "bell", "bolt",
    "calendar", "check", "chevron-down", "chevron-left", "chevron-right", "chevron-up", "circle-check", "circle-x",
    "clock", "coin", "columns", "command", "database", "device-mobile", "dots", "download", "edit", "external-link",
    "eye", "file", "file-import", "file-text", "filter", "git-merge", "help", "history", "home", "info-circle",
    "keyboard", "language", "layout-list", "link", "list", "lock", "logout", "mail", "mailbox", "map-pin", "menu-2",
    "message-2", "moon", "note", "package", "phone", "pin", "plug", "plus", "qrcode", "receipt", "refresh", "repeat",
    "search", "selector", "send", "settings", "shield-check", "shopping-cart", "sun", "tag", "trash", "upload", "user",
    "user-off", "user-plus", "users", "users-group", "x",
)  # fmt: skip
"""Every icon that a template may name."""

_BODY = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def known(name: str) -> None:
    """KeyError for an icon that is not in the sprite: a template names it wrong."""
    if name not in NAMES:
        raise KeyError(f"there is no icon {name!r} in the sprite; add it to drawing/icons.py")


def symbols() -> str:
    """All of them as `<symbol id="i-NAME">`."""
    made = []
    with zipfile.ZipFile(str(resources.files("tablericons") / "tablericons.zip")) as archive:
        for name in NAMES:
            found = _BODY.search(archive.read(f"outline/{name}.svg").decode())
            assert found is not None  # noqa: S101 - each file of the set is one svg
            made.append(f'<symbol id="i-{name}" viewBox="0 0 24 24">{" ".join(found[1].split())}</symbol>')
    return "".join(made)


__all__ = ["NAMES", "known", "symbols"]
