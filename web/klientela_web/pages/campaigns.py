"""Campaigns and their letters with scans and files, and the address behind the code on a letter (B12-B14, A18, T63)."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from klientela.errors import UnknownThing
from klientela.flow.scanned import scanned
from klientela.store import campaigns
from klientela.store.orderlist import Cursor
from klientela_web.asking import Asking
from klientela_web.pages.orders import lens
from klientela_web.pages.signin import Tries
from klientela_web.ways import Nav, get

_SIZE = 50
SCANS, STRANGERS = 20, 60
"""So many scans of one letter, and so many wrong codes from one address, in a few minutes; more are not looked at."""

_scans, _strangers = Tries(SCANS), Tries(STRANGERS)


def show(asking: Asking) -> Response:
    """The campaigns, newest first."""
    after = Cursor.read(asking.text("after"))
    with asking.store.reading() as db:
        found = campaigns.campaigns(db, after=after, size=_SIZE)
        loose = campaigns.loose(db) if after is None else 0
    older = asking.link("/campaigns", after=found.after.text()) if found.after is not None else None
    return asking.show("campaigns.html", found=found.items, loose=loose, older=older)


def one(asking: Asking) -> Response:
    """A campaign with its letters."""
    key = asking.path["key"]
    with asking.store.reading() as db:
        number, campaign = campaigns.campaign(db, key)
        found = campaigns.letters(
            db, number, lens(db), key=asking.store.key, after=Cursor.read(asking.text("after")), size=_SIZE
        )
    older = asking.link(asking.request.url.path, after=found.after.text()) if found.after is not None else None
    base = str(asking.request.base_url).rstrip("/")
    return asking.show("campaign.html", campaign=campaign, letters=found.items, older=older, base=base)


def code(asking: Asking) -> Response:
    """Whoever scans the code on a letter comes here, once for each scan, and is led on."""
    host = f"host {asking.request.client.host if asking.request.client else ''}"
    token = asking.path["token"]
    try:
        with asking.store.reading() as db:
            letter = campaigns.coded(db, asking.store.key, token)
    except UnknownThing:
        if _strangers.too_many(host):
            return asking.show("code.html", status=429, known=False)
        _strangers.wrong(host)
        return asking.show("code.html", status=404, known=False)
    if asking.request.method == "GET" and not _scans.too_many(token):  # who asks for the headers alone scans nothing
        _scans.wrong(token)
        scanned(asking.store, letter)
    url = _elsewhere(letter.url)
    return RedirectResponse(url, 303) if url is not None else asking.show("code.html", known=True)


def _elsewhere(url: str | None) -> str | None:
    """The address a letter leads to, if browsers may be led there."""
    if url is None or not url.isprintable() or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


NAV = (Nav("/campaigns", "Campaigns", "mailbox"),)
WAYS = (
    get("/campaigns", "viewer", show),
    get("/campaigns/{key:path}", "viewer", one),
    get("/q/{token}", None, code),
)

__all__ = ["NAV", "SCANS", "STRANGERS", "WAYS"]
