"""What the browser keeps for a year: the stylesheet, the script, the sprite; each address names its content."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from klientela_web.drawing import flags, icons

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FILES = ("app.css", "app.js", "palette.js", "sprite.svg")


@cache
def _content(name: str) -> tuple[bytes, str]:
    """A file and its version."""
    if name == "sprite.svg":
        body = f'<svg xmlns="http://www.w3.org/2000/svg">{icons.symbols()}{flags.symbols()}</svg>'.encode()
    else:
        body = (resources.files("klientela_web") / "static" / name).read_bytes()
    return body, sha256(body).hexdigest()[:12]


def address(name: str) -> str:
    """Where a file is, with its version."""
    return f"/static/{_content(name)[1]}/{name}"


def sprite() -> str:
    """Where the icons and flags are."""
    return address("sprite.svg")


def routes() -> list[BaseRoute]:
    """One way for all of them; they hold nothing of anybody."""
    return [Route("/static/{version}/{name}", _serve, methods=["GET"])]


def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in FILES:
        return PlainTextResponse("there is no such file\n", 404)
    body, version = _content(name)
    kept = "public, max-age=31536000, immutable" if request.path_params["version"] == version else "no-store"
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(body, media_type=kind, headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"})


__all__ = ["FILES", "address", "routes", "sprite"]
