"""A profile's page as tests read it."""

from __future__ import annotations

import re
from html import unescape

import httpx

from tests.cases.seen import Desk
from tests.web.conftest import CONFIG

OVERLAY = CONFIG + '[edit]\npolicy = "overlay"\n'


def path(desk: Desk, ext: str = "A", source: str = "main") -> str:
    """Where a record's customer is."""
    return f"/customers/{desk.public(ext, source)}"


def seen(client: httpx.Client, address: str, code: int = 200) -> str:
    """A page, unescaped, for what stands in it."""
    answer = client.get(address)
    assert answer.status_code == code, answer.text[:500]
    return unescape(answer.text)


def part(html: str, name: str) -> str:
    """The text of the section under a heading; empty where there is none."""
    found = re.search(rf'<section[^>]*aria-labelledby="{name}".*?</section>', html, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found[0])).strip() if found else ""


def numbers(html: str) -> list[str]:
    """The numbers of the orders shown, in their order."""
    return re.findall(r'data-order="([^"]+)"', html)


def post(client: httpx.Client, address: str, **fields: str) -> httpx.Response:
    return client.post(address, data=fields)


def version(html: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', html)
    assert found is not None
    return found[1]


def the_main_part(html: str) -> str:
    return html.partition("<main")[2].partition("</main>")[0]
