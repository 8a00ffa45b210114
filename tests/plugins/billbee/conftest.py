"""A pretend account served over real HTTP and a source connected to it."""

from __future__ import annotations

from typing import Any

import pytest
from billbee_helpers import Connect, settings_of
from tests.sandboxes import Link

from klientela_billbee.sandbox import Sandbox
from klientela_billbee.source import BillbeeSource


@pytest.fixture
def connect(link: Link) -> Connect:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""

    def make(box: Sandbox, kind: type[BillbeeSource] = BillbeeSource, **settings: Any) -> BillbeeSource:
        return link(box.app, lambda url: kind("bb", settings_of(url, **settings)))  # type: ignore[no-any-return]

    return make
