"""The one shape every source has: settings, a check, and streams that yield pages.

The core does everything else: it keeps the cursor, calls again after a crash with the position of the last committed
page, compares, decides, stores. A source never sees the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

from klientela.errors import DeliveryRefused, Interrupted, RecordRejected, SourceRefused
from klientela.model.instants import MINUTE, Instant
from klientela.model.records import Record, Redact, Rejected
from klientela.notices import Delivery, Notice
from klientela.placing import Placed, Placing

if TYPE_CHECKING:
    from klientela.http import Http

GuestPolicy = Literal["per_order", "per_source", "merge"]

UNUSED: dict[str, Any] = {"x-unused": True}
"""Marks a setting that is understood but has no effect yet; whoever sets it is told so (settings/unused.py)."""

Position = Any
"""Where a paging run stands: any JSON value of the plugin's choosing; None at the start."""


class Table(BaseModel):
    """Base of all tables of the configuration: unknown keys are refused, and true is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name is not None:
            meant = cls.model_fields[info.field_name].annotation
            kinds = {meant, *get_args(meant)}
            if not kinds.isdisjoint((int, float)) and bool not in kinds:  # else true would be taken for 1
                raise PydanticKnownError("int_type" if int in kinds else "float_type")
        return value


class SourceSettings(Table):
    """What every source's table in the configuration may hold (contract.md). A plugin adds its own keys."""

    type: str = Field(description="the kind of source")
    every: str | None = Field(default=None, description="how often to sync, e.g. 5m, 2h, 1d")
    cron: str | None = Field(default=None, description="or a cron expression, UTC unless timezone is given")
    guests: GuestPolicy | None = Field(default=None, description="guest policy; the plugin's default when left out")
    priority: int = Field(default=100, description="survivorship: lower wins (R27)")
    default_status: Literal["registered", "guest"] = Field(
        default="registered", description="status of contacts without order (R4)"
    )
    guest_hints: bool = Field(
        default=False,
        description="no effect in this version: guest orders are not hinted at (R7)",
        json_schema_extra=UNUSED,
    )
    timezone: str | None = Field(default=None, description="zone of times that carry none, and of cron")


@dataclass(frozen=True, slots=True)
class Window:
    """The span of source versions one paging run reads; frozen with the cursor, so a restarted run reads the same.

    `since` is inclusive and already holds the overlap; None means everything. `until` is exclusive and comes from the
    source's own clock (`Source.now`); None where the source has none. Neither ever comes from our clock.
    """

    since: Instant | None = None
    until: Instant | None = None


@dataclass(slots=True)
class Page:
    """Some records and where the reading stands after them.

    `position` is what `read` gets when it must go on after this page. `raws` are the records' payloads as they came,
    one for each record, where the plugin has them; `lines` the lines of a file that the records begin at (1 is the first),
    where they stand in one. A page without records whose position says something is stored at
    once: what the shop was told to prepare is found again by a run that follows on one that was cut short.
    """

    records: Sequence[Record]
    position: Position = None
    raws: Sequence[bytes] | None = None
    lines: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """One list of a source that can be read incrementally. Its name is the channel of the facts it brings.

    read         yields the pages of a window, going on at a position (None: from the start)
    entity       what kind of record its sweep and its deletions speak of
    overlap      how far each window reaches back before the newest version seen: late rows are caught within it
    snapshot     every reading brings everything (files, lists without a filter); the window is always open
    complete     after a snapshot or full reading, records that did not come are gone at the source (R50c)
    fingerprint  one cheap look; the same value as last time means there is nothing to read
    sweep        yields lists of all external ids that exist now, for finding deletions
    missing      asked about ids that a sweep did not find, before they are flagged: records that say what became of
                 them, such as a Person that was merged into another; none for what was simply deleted
    rank         R0b, among claims without version: own streams 0, embedded 10
    """

    name: str
    read: Callable[[Window, Position], Iterator[Page]]
    entity: str = "customer"
    overlap: Instant = 10 * MINUTE
    snapshot: bool = False
    complete: bool = False
    fingerprint: Callable[[], str | None] | None = None
    sweep: Callable[[], Iterator[Sequence[str]]] | None = None
    missing: Callable[[Sequence[str]], Iterable[Record]] | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found: the shop's own identity (R60; None where it has none), its name, remarks for the operator."""

    identity: str | None = None
    title: str | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can know; what it cannot is absent in the list, never zero (R33)."""

    accounts: bool = False  # tells registered customers from guests
    orders: bool = False
    test_orders: bool = False
    checkouts: bool = False  # abandoned and recovered
    consents: bool = False
    deletions: bool = False  # a sweep or a complete reading finds them
    tags: bool = False

    def names(self) -> list[str]:
        """The capabilities it has, in the order of the class."""
        return [name for name in self.__dataclass_fields__ if getattr(self, name)]

    def lacks(self) -> list[str]:
        """Those it has not: what is absent wherever no other source knows it."""
        return [name for name in self.__dataclass_fields__ if not getattr(self, name)]


@dataclass(slots=True)
class Shop:
    """What a source may know of the house it works for."""

    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    currency: str = "EUR"
    folder: str = "."  # relative paths of the configuration start here


_SettingsClass = type[SourceSettings]  # inside Source `type` is the name of an attribute


Recall = Callable[[str, Sequence[str]], Mapping[str, Record]]
"""What is known by now of objects of a source: (entity, external ids) -> the records of those that are known."""


def _nothing(entity: str, external_ids: Sequence[str]) -> Mapping[str, Record]:
    return {}


class Source:
    """Base of all sources. A plugin sets the class attributes and writes `streams` (and `check`, if it can)."""

    type: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[_SettingsClass] = SourceSettings
    guests: ClassVar[GuestPolicy] = "merge"  # the default policy (R12)
    nameless: ClassVar[GuestPolicy | None] = None  # the default for guests' orders that name no customer (R12)
    capabilities: ClassVar[Capabilities] = Capabilities()
    sandbox: ClassVar[str | None] = None  # "module:factory" of its sandbox shop
    webhooks: ClassVar[bool] = False  # it overrides `receive` and `apply`
    writes: ClassVar[bool] = False  # it overrides `place`, and its Settings have `write_orders`, false unless said

    def __init__(
        self, name: str, settings: Any, *, shop: Shop | None = None, stop: threading.Event | None = None
    ) -> None:
        self.name = name
        self.settings = settings
        self.shop = shop or Shop()
        self.stop = stop or threading.Event()
        self.recall: Recall = _nothing
        """What is known of some objects of this source by now, by external id: for shops that only tell *that*
        something changed and not what it was. A run sets it; it knows nothing outside of one, nor of new objects."""
        self.remarks: list[str] = []  # sentences about the last reading that `check` could not know; told with the run

    def streams(self) -> Sequence[Stream]:
        """The lists to read, in this order."""
        raise NotImplementedError

    def check(self) -> Checked:
        """Try the credentials. SourceRefused or SourceBroken when that fails."""
        return Checked()

    def now(self) -> Instant | None:
        """The source's own clock, for freezing windows; None where it does not tell the time."""
        return None

    def retranslate(self, stream: str, payload: str) -> Iterable[Record] | None:
        """Translate an item of a stream once more from its payload as it came, after it could not be taken.

        None, the default: that cannot be done from the payload alone; the next full sync brings it again.
        """
        return None

    def receive(self, delivery: Delivery) -> Notice | None:
        """Prove that a webhook delivery comes from the shop, in constant time and without asking anybody.

        The answer is kept in the inbox and acknowledged at once; None is acknowledged too and forgotten: nothing of
        ours. DeliveryRefused when it cannot be proven. Never trusts the order of arrival, nor a delivery's time.
        """
        raise DeliveryRefused(f"{self.name} takes no webhooks", hint="The shop is read by polling")

    def apply(self, notice: Notice) -> Iterable[Record | Redact]:
        """Translate a kept notice into what it says, like a page's items; may ask the shop where it says too little.

        Facts without a channel get `webhook:TOPIC`. A partial payload leaves fields UNSET and wipes nothing (R0b).
        RecordRejected puts the notice into the quarantine; SourceBroken and SourceRefused keep it for later.
        """
        raise NotImplementedError

    def place(self, order: Placing) -> Placed:
        """Write an order into the shop. Asked only where the configuration says `write_orders = true`.

        Ask once, with `Http.send`, and never again by yourself: NotKnown says that the shop may have taken it. SourceRefused
        and SourceBroken say that it surely has not. The order carries `mark_of(order.key)` among its tags, and whoever
        translates orders gives it back as `Order.placed_as` (`take_mark`).
        """
        raise SourceRefused(
            f"{self.name} takes no orders", hint="The order is kept here; enter it in the shop by hand."
        )

    def close(self) -> None:
        """Let go of connections."""

    def pause(self, seconds: float) -> None:
        """Wait, but not past a stop: Interrupted."""
        if self.stop.wait(seconds):
            raise Interrupted(f"{self.name} was asked to stop while waiting")


def page(
    items: Iterable[Any],
    translate: Callable[[Any], Record | Iterable[Record] | None],
    position: Position = None,
    *,
    key: Callable[[Any], str | None] | None = None,
    raw: Callable[[Any], bytes] | None = None,
) -> Page:
    """Translate items one by one; an item that cannot be taken becomes a `Rejected`, the others go on.

    `translate` answers one record, several, or None for "nothing of ours". `raw` gives an item's payload as it came.
    """
    records: list[Record] = []
    raws: list[bytes] = []
    for item in items:
        try:
            made = translate(item)
        except RecordRejected as error:
            made = _reject(item, error.message, key, raw, error.line, error.column)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            made = _reject(item, _reason(error), key, raw)
        if made is None:
            continue
        if type(made) in _KINDS:
            records.append(made)  # type: ignore[arg-type]
            if raw is not None:
                raws.append(raw(item))
            continue
        several: list[Record] = list(made)  # type: ignore[arg-type]
        records += several
        if raw is not None and several:
            raws += [raw(item), *[b""] * (len(several) - 1)]
    return Page(records, position, raws if raw is not None else None)


_KINDS = frozenset(get_args(Record))


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the field {error} is missing"
    return f"{type(error).__name__}: {error}"


def _reject(
    item: Any,
    reason: str,
    key: Callable[[Any], str | None] | None,
    raw: Callable[[Any], bytes] | None,
    line: int | None = None,
    column: str | None = None,
) -> Rejected:
    try:
        name = key(item) if key else str(item["id"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        name = None
    payload = raw(item).decode("utf-8", "replace") if raw else repr(item)
    return Rejected(reason=reason, key=name, payload=payload, line=line, column=column)


__all__ = [
    "Capabilities",
    "Checked",
    "GuestPolicy",
    "Http",
    "Page",
    "Position",
    "Recall",
    "Shop",
    "Source",
    "SourceSettings",
    "Stream",
    "Window",
    "page",
]
