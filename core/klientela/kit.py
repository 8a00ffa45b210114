"""The front door for plugin authors: everything a source needs, and nothing else.

from klientela.kit import Page, Person, Source, Stream, hookimpl, instant

class Shop(Source):
    type = "shop"
    ...

@hookimpl
def klientela_sources():
    return [Shop]
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from pydantic import Field, SecretStr

from klientela.door import SCOPES, STREAMS, Asked, Caller, Door, Item, Outcome, Taken, Ticket
from klientela.errors import (
    Conflict,
    DeliveryRefused,
    Interrupted,
    KlientelaError,
    Misconfigured,
    NotAdmitted,
    NotAllowed,
    NotKnown,
    RecordRejected,
    SourceBroken,
    SourceBusy,
    SourceChanged,
    SourceRefused,
    StoreError,
    UnknownThing,
)
from klientela.hookspecs import ASGIApp, hookimpl
from klientela.http import Http, Reply
from klientela.model.instants import DAY, HOUR, MINUTE, SECOND, Instant, instant, iso
from klientela.model.money import decimal, minor
from klientela.model.numbers import whole
from klientela.model.records import (
    Address,
    Booking,
    Campaign,
    Checkout,
    Consent,
    File,
    Gone,
    Letter,
    Line,
    Message,
    Number,
    Order,
    Origin,
    Person,
    Record,
    RecordRef,
    Redact,
    Rejected,
    Scan,
)
from klientela.notices import Delivery, Notice
from klientela.online import HttpSource, pages, take
from klientela.placing import Placed, Placing, mark_of, take_mark
from klientela.proposals import Place, Proposal, Proposals, Somebody
from klientela.source import (
    Capabilities,
    Checked,
    GuestPolicy,
    Page,
    Position,
    Recall,
    Shop,
    Source,
    SourceSettings,
    Stream,
    Window,
    page,
)

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SCOPES",
    "SECOND",
    "STREAMS",
    "UNSET",
    "ASGIApp",
    "Address",
    "Asked",
    "Booking",
    "Caller",
    "Campaign",
    "Capabilities",
    "Checked",
    "Checkout",
    "Conflict",
    "Consent",
    "Delivery",
    "DeliveryRefused",
    "Door",
    "Field",
    "File",
    "Gone",
    "GuestPolicy",
    "Http",
    "HttpSource",
    "Instant",
    "Interrupted",
    "Item",
    "KlientelaError",
    "Letter",
    "Line",
    "Message",
    "Misconfigured",
    "NotAdmitted",
    "NotAllowed",
    "NotKnown",
    "Notice",
    "Number",
    "Order",
    "Origin",
    "Outcome",
    "Page",
    "Person",
    "Place",
    "Placed",
    "Placing",
    "Position",
    "Proposal",
    "Proposals",
    "Recall",
    "Record",
    "RecordRef",
    "RecordRejected",
    "Redact",
    "Rejected",
    "Reply",
    "Scan",
    "SecretStr",
    "Shop",
    "Somebody",
    "Source",
    "SourceBroken",
    "SourceBusy",
    "SourceChanged",
    "SourceRefused",
    "SourceSettings",
    "StoreError",
    "Stream",
    "Taken",
    "Ticket",
    "UnknownThing",
    "UnsetType",
    "Window",
    "decimal",
    "hookimpl",
    "instant",
    "iso",
    "mark_of",
    "minor",
    "page",
    "pages",
    "take",
    "take_mark",
    "whole",
]
