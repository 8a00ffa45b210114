"""A pretend site served over real HTTP and a source connected to it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.sandboxes import Link
from wix_helpers import Connect

from klientela_wix.sandbox import API_KEY, Sandbox
from klientela_wix.settings import WixSettings
from klientela_wix.source import WixSource


@pytest.fixture
def connect(link: Link) -> Connect:
    """`connect(sandbox, **settings)`: a source over real HTTP; `kind` is another class of source."""

    def make(box: Sandbox, kind: type[WixSource] = WixSource, **settings: Any) -> WixSource:
        way_in = {} if "app_id" in settings else {"api_key": API_KEY, "site_id": box.site_id}
        told = {"type": "wix", **way_in, **settings}
        return link(box.app, lambda url: kind("main", WixSettings(base_url=url, **told)))  # type: ignore[no-any-return]

    return make
