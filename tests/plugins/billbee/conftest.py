"""A pretend account served over real HTTP and a source connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from billbee_helpers import Connect, settings_of

from klientela.testing import hurry, serve
from klientela_billbee.sandbox import Sandbox
from klientela_billbee.source import BillbeeSource


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""
    with ExitStack() as stack:

        def make(box: Sandbox, kind: type[BillbeeSource] = BillbeeSource, **settings: Any) -> BillbeeSource:
            url = stack.enter_context(serve(box.app))
            source = kind("bb", settings_of(url, **settings))
            stack.callback(source.close)
            return source

        yield make


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Waits take no time; their seconds are collected here."""
    with hurry() as seconds:
        yield seconds
