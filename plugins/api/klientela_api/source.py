"""A pushed source: nothing is read from it, records come to it by the push API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from klientela.kit import Capabilities, Checked, Record, Source, SourceSettings, Stream
from klientela_api.translate import record_of


class ApiSettings(SourceSettings):
    """`[sources.NAME]` with `type = "api"`: no keys of its own; tokens are made with `klientela token new`."""


class ApiSource(Source):
    """What one or several systems push. A guest's order without customer is a row of its own (R12)."""

    type = "api"
    title = "Push API"
    Settings = ApiSettings
    nameless = "per_order"
    capabilities = Capabilities(accounts=True, orders=True, test_orders=True, consents=True, tags=True)

    def streams(self) -> Sequence[Stream]:
        """None: whoever has something to say pushes it."""
        return ()

    def check(self) -> Checked:
        """There are no credentials to try; who may push is `klientela token list`."""
        return Checked(notes=("records are pushed to /api/v1; `klientela token list` shows who may",))

    def retranslate(self, stream: str, payload: str) -> Iterable[Record] | None:
        """A pushed thing holds everything that is known of it, so it can be read again from the quarantine."""
        try:
            item: Any = json.loads(payload)
        except ValueError:
            return None  # a payload that was cut because it was too long
        return [record_of(stream, item, self.shop)]
