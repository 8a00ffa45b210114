"""The ways through the page as data: path, method, the role it takes, and who answers. What is not here is not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.responses import Response

from klientela_web.asking import Asking

Answer = Callable[[Asking], Response]


class Way(NamedTuple):
    """One way. `role` None: for everybody, signed in or not. `write`: it must bring the session's form token (CSRF)."""

    method: str
    path: str
    role: str | None
    answer: Answer

    @property
    def write(self) -> bool:
        """Whether it may change anything."""
        return self.method == "POST"


class Nav(NamedTuple):
    """A way that stands at the side: its path, its name, its icon, and under which word."""

    path: str
    name: str
    icon: str
    group: str = ""


def get(path: str, role: str | None, answer: Answer) -> Way:
    """A way that only shows."""
    return Way("GET", path, role, answer)


def post(path: str, role: str | None, answer: Answer) -> Way:
    """A way that changes something: by form or by script, both bring the token."""
    return Way("POST", path, role, answer)


__all__ = ["Answer", "Nav", "Way", "get", "post"]
