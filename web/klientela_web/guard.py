"""What stands before every page: who it is, whether that one may, whether the form is ours, and the headers of each answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from klientela.errors import NotAdmitted, NotAllowed
from klientela.store import Store, operation, users
from klientela.store.users import Person

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def cookie_name(request: Request) -> str:
    """Over HTTPS the name binds the cookie to this very host; plain loopback cannot have that."""
    return "__Host-klientela" if request.url.scheme == "https" else "klientela"


def signed_in(store: Store, request: Request) -> tuple[Person, str] | None:
    """Whose session the request brings, and its secret."""
    secret = request.cookies.get(cookie_name(request))
    if not secret:
        return None
    with store.reading() as db:
        found = users.who(db, secret, operation.now())
    if found is None:
        return None
    person, stale = found
    if stale:
        with store.step("session") as step:
            users.touch(step, secret)
    return person, secret


def admit(person: Person | None, role: str | None) -> None:
    """NotAdmitted for nobody, NotAllowed for a role that is too small; a way without role is open."""
    if role is None:
        return
    if person is None:
        raise NotAdmitted("please sign in")
    if not person.may(role):
        raise NotAllowed(f"your role ({person.role}) may not do this; it takes {role}")


def ours(request: Request, person: Person | None, brought: str) -> None:
    """NotAllowed for a form that did not come from a page of ours (CSRF): the token must be the session's, and the browser
    must not say that another site sent it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise NotAllowed("this form came from another site, so nothing was done")
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowed("this form came from another site, so nothing was done")
    if person is not None and not hmac.compare_digest(brought.encode(), person.form.encode()):
        raise NotAllowed("this form is too old, so nothing was done", hint="Load the page again and repeat it.")


def sign(request: Request, answer: Response, secret: str) -> Response:
    """Give the browser its session."""
    answer.set_cookie(
        cookie_name(request),
        secret,
        max_age=users.SESSION // 1_000_000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )
    return answer


def leave(request: Request, answer: Response) -> Response:
    """Take the session away from the browser."""
    answer.delete_cookie(
        cookie_name(request), path="/", secure=request.url.scheme == "https", httponly=True, samesite="lax"
    )
    return answer


__all__ = ["HEADERS", "admit", "cookie_name", "leave", "ours", "sign", "signed_in"]
