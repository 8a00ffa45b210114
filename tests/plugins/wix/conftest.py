"""A pretend site served over real HTTP and a source connected to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from wix_helpers import Connect

from klientela.testing import hurry, serve
from klientela_wix.sandbox import API_KEY, Sandbox
from klientela_wix.settings import WixSettings
from klientela_wix.source import WixSource


@pytest.fixture
def connect() -> Iterator[Connect]:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""
    with ExitStack() as stack:

        def make(box: Sandbox, kind: type[WixSource] = WixSource, **settings: Any) -> WixSource:
            url = stack.enter_context(serve(box.app))
            if "app_id" not in settings:
                settings = {"api_key": API_KEY, "site_id": box.site_id, **settings}
            source = kind("main", WixSettings(type="wix", base_url=url, **settings))
            stack.callback(source.close)
            return source

        yield make


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """Waits take no time; their seconds are collected here."""
    with hurry() as seconds:
        yield seconds
