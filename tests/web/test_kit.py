"""The gallery of parts: every macro stands in it, in both themes, and axe finds nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

import klientela_web
from tests.web.axe import violations
from tests.web.conftest import Served

TEMPLATES = Path(klientela_web.__file__).parent / "templates"
OF_A_PROFILE = {"box", "complaint", "form", "from", "options", "pinned", "token"}
"""Macros that are forms, or speak of the profile they stand in."""
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


def test_every_macro_stands_in_the_gallery() -> None:
    parts = ("_parts.html", "_cells.html", "_orders.html", "_sides.html", "_profile.html")
    macros = {name for part in parts for name in re.findall(r"{% macro (\w+)\(", (TEMPLATES / part).read_text("utf-8"))}
    shown = set(re.findall(r"(?:parts|cells|shown|sides|say)\.(\w+)\(", (TEMPLATES / "kit.html").read_text("utf-8")))
    assert macros - shown - OF_A_PROFILE == set()


@on_sqlite
def test_it_is_for_admins_in_both_themes(served: Served) -> None:
    page = served.client("admin").get("/_kit").text
    assert re.findall(r'<section class="kit" data-theme="(\w+)"', page) == ["light", "dark"]
    assert served.client("operator").get("/_kit").status_code == 403


@pytest.mark.parametrize("way", [{}, {"dark": True}, {"wide": 390, "high": 844}], ids=["light", "dark", "phone"])
@on_sqlite
def test_axe_finds_nothing_and_each_theme_is_its_own(
    served: Served, browse: Callable[..., Page], way: dict[str, int]
) -> None:
    tab = browse("/_kit", **way)
    grounds = tab.locator(".kit").evaluate_all("all => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert len(set(grounds)) == 2, "whatever the reader's theme is"
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out at the side"
    assert violations(tab) == []
