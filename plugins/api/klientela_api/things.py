"""Letters, campaigns, scans, messages and bookings: their shapes as JSON, and how they become records."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from klientela.kit import (
    UNSET,
    Booking,
    Campaign,
    File,
    Letter,
    Message,
    Record,
    RecordRef,
    RecordRejected,
    Scan,
    Shop,
)
from klientela_api.shapes import AddressIn, Id, Long, Shape, Text, Time
from klientela_api.words import address, carried, time


class RefIn(Shape):
    """A record of another source: the source's name, what it is there (`customer`, `order` …), its id there."""

    source: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    entity: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    external_id: Id


Ref = Annotated[Id | RefIn, Field(description="your id of it, or a record of another source")]


class FileIn(Shape):
    """A file: its bytes in base64; or, where it was sent before, its digest alone."""

    type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]{1,49}/[a-z0-9.+-]{1,50}$")] = "application/pdf"
    name: Annotated[str, StringConstraints(max_length=255)] | None = None
    base64: Annotated[str, StringConstraints(min_length=1, max_length=28_000_000)] | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


class ThingIn(Shape):
    """Base of the things here. Each push is the whole of what is known of one."""

    external_id: Id = Field(description="your id of it")
    updated_at: Time | None = Field(
        default=None, description="when it last changed with you: an older push changes nothing"
    )


class CampaignIn(ThingIn):
    """What letters and messages were sent for."""

    title: Text | None = None
    at: Time | None = Field(default=None, description="when it began")
    until: Time | None = None
    note: Long | None = None


class LetterIn(ThingIn):
    """A letter to a customer, with the file that was sent."""

    customer: Ref | None = None
    campaign: Ref | None = None
    order: Ref | None = None
    title: Text | None = None
    status: Literal["accepted", "validated", "printing", "sent", "failed"] | None = None
    error: Text | None = None
    sent_at: Time | None = None
    address: AddressIn | None = None
    url: Text | None = Field(default=None, description="where the code on it leads, http or https")
    file: FileIn | None = None


class ScanIn(ThingIn):
    """Somebody scanned the code on a letter; `customer` is for scans of no letter."""

    letter: Ref | None = None
    customer: Ref | None = None
    at: Time | None = None
    url: Text | None = None


class MessageIn(ThingIn):
    """An e-mail, text message or call."""

    customer: Ref | None = None
    campaign: Ref | None = None
    order: Ref | None = None
    by: Literal["email", "post", "sms", "phone", "whatsapp"] = "email"
    direction: Literal["out", "in"] = Field(default="out", description="from the shop, or to it")
    address: Text | None = None
    subject: Text | None = None
    text: Long | None = None
    status: Text | None = None
    at: Time | None = None


class BookingIn(ThingIn):
    """An appointment, course or table that a customer booked."""

    customer: Ref | None = None
    order: Ref | None = None
    title: Text | None = None
    status: Literal["requested", "booked", "cancelled", "done", "missed"] | None = None
    booked_at: Time | None = None
    starts_at: Time | None = None
    ends_at: Time | None = None
    place: Text | None = None
    people: int | None = Field(default=None, ge=0, le=1_000_000)
    note: Long | None = None


def _campaign(item: CampaignIn, shop: Shop) -> Campaign:
    return Campaign(**_common(item, shop, plain=("title", "note"), times=("at", "until")))


def _letter(item: LetterIn, shop: Shop) -> Letter:
    made = Letter(
        **_common(
            item,
            shop,
            plain=("title", "status", "error", "url"),
            times=("sent_at",),
            refs=("customer", "campaign", "order"),
        )
    )
    if "address" in item.model_fields_set:
        made.address = address(item.address) if item.address is not None else None
    if "file" in item.model_fields_set:
        made.file = _file(item.file) if item.file is not None else None
    return made


def _scan(item: ScanIn, shop: Shop) -> Scan:
    return Scan(**_common(item, shop, plain=("url",), times=("at",), refs=("letter", "customer")))


def _message(item: MessageIn, shop: Shop) -> Message:
    plain = ("by", "direction", "address", "subject", "text", "status")
    return Message(**_common(item, shop, plain=plain, times=("at",), refs=("customer", "campaign", "order")))


def _booking(item: BookingIn, shop: Shop) -> Booking:
    plain, times = ("title", "status", "place", "people", "note"), ("booked_at", "starts_at", "ends_at")
    return Booking(**_common(item, shop, plain=plain, times=times, refs=("customer", "order")))


THINGS: Mapping[str, tuple[type[BaseModel], Callable[[Any, Shop], Record]]] = {
    "letters": (LetterIn, _letter),
    "campaigns": (CampaignIn, _campaign),
    "scans": (ScanIn, _scan),
    "messages": (MessageIn, _message),
    "bookings": (BookingIn, _booking),
}


def _common(
    item: ThingIn,
    shop: Shop,
    *,
    plain: tuple[str, ...] = (),
    times: tuple[str, ...] = (),
    refs: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Id, version, fields as they are, times, and what it belongs to."""
    told = item.model_fields_set
    return {
        "external_id": item.external_id,
        "version": time("updated_at", item.updated_at, shop),
        **carried(item, plain),
        **{name: time(name, getattr(item, name), shop) if name in told else UNSET for name in times},
        **{name: _ref(getattr(item, name)) if name in told else UNSET for name in refs},
    }


def _ref(found: str | RefIn | None) -> str | RecordRef | None:
    return RecordRef(**found.model_dump()) if isinstance(found, RefIn) else found


def _file(found: FileIn) -> File:
    if found.base64 is None:
        if found.sha256 is None:
            raise RecordRejected("file: neither base64 nor sha256 is there")
        return File(type=found.type, name=found.name, sha256=found.sha256)
    try:
        content = b64decode(found.base64, validate=True)
    except ValueError:
        raise RecordRejected("file.base64: this is no base64") from None
    return File(type=found.type, name=found.name, sha256=found.sha256, content=content)


__all__ = ["THINGS"]
