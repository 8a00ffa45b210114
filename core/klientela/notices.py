"""Webhooks as a source sees them: a delivery as it came, and the notice that is kept of it until it is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to `/webhooks/{source}` as it came: `headers` by lower-case name, and the raw body, for signatures."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """What a proven delivery says; the inbox keeps it in one insert, and it is acknowledged.

    key    the shop's own id of the message: a second delivery of it has the same, and is acknowledged unread
    topic  what it is about, in the shop's words, such as customers/update
    body   what `Source.apply` needs to translate it, as text; most keep the request's body
    """

    key: str
    topic: str
    body: str
