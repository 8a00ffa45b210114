"""For the tests of all plugins: a sandbox over real HTTP with a source connected to it, and waits that take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.types import ASGIApp
from tests.sandboxes import Link

from klientela.testing import hurry, serve


@pytest.fixture
def link() -> Iterator[Link]:
    """`link(app, make)`: serves an application, and closes the source that `make` makes of its address in the end."""
    with ExitStack() as stack:

        def made(app: ASGIApp, make: Callable[[str], Any]) -> Any:
            source = make(stack.enter_context(serve(app)))
            stack.callback(source.close)
            return source

        yield made


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Waits take no time; their seconds are collected here."""
    with hurry() as seconds:
        yield seconds
