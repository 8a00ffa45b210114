"""What axe says of a page: WCAG 2.2 AA, no violation at all."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_WANTED = {
    "resultTypes": ["violations"],  # what is well is not told in full, which takes two thirds of the time
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
}


def violations(tab: Page) -> list[str]:
    """Each violation with the elements it is about. The page's policy forbids strange scripts, so axe comes in beside it."""
    found = Axe().run(tab, options=_WANTED)
    return [
        f"{one['id']}: {one['help']} ({[node['html'][:160] for node in one['nodes']][:3]})"
        for one in found.response["violations"]
    ]
