"""The bytes of letters and of files in notes: to take away, or a PDF or picture to look at inside a page of ours (B13, S24)."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from klientela.errors import UnknownThing
from klientela.store import files
from klientela_web.asking import Asking
from klientela_web.ways import get

SHOWN = ("application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif")
"""What a browser may show: nothing of it runs anything in our name."""

_TAKEN = "default-src 'none'; frame-ancestors 'none'; sandbox"
_LOOKED_AT = "default-src 'none'; object-src 'self'; img-src 'self'; frame-ancestors 'self'"


def take(asking: Asking) -> Response:
    """The file as it came, byte for byte, to be kept and not to be opened in the page."""
    return _sent(asking, "attachment", _TAKEN)


def look(asking: Asking) -> Response:
    """A PDF or a picture inside a frame of ours. UnknownThing for anything else."""
    return _sent(asking, "inline", _LOOKED_AT)


def _sent(asking: Asking, how: str, policy: str) -> Response:
    digest = asking.path["sha256"].lower()
    with asking.store.reading() as db:
        kept = files.read(db, digest)
        name = files.name_of(db, digest) or digest[:12]
    if how == "inline" and kept.type not in SHOWN:
        raise UnknownThing("this file can only be taken away, not looked at here")
    return Response(
        kept.content,
        headers={
            "Content-Type": kept.type,
            "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": policy,
        },
    )


WAYS = (
    get("/files/{sha256}", "viewer", take),
    get("/files/{sha256}/look", "viewer", look),
)

__all__ = ["SHOWN", "WAYS"]
