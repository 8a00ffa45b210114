"""Write an order that was placed here into a shop: once, and honestly where nobody knows whether it arrived (S19).

    with step:  the order is about to be sent          committed before the shop hears of it
    the shop is asked, one time
    with step:  what it said                           taken, refused, or not known

Whatever ends the process in between leaves the first line standing: the order may be in the shop. Nothing sends it again
but a person who has looked. The shop's own order is known as this one by the id the shop answered, and by the mark it
carries (rules/carriers.py); from then on its word counts, and the order stands once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from klientela.errors import Conflict, KlientelaError, Misconfigured, NotKnown, SourceError, UnknownThing
from klientela.failpoints import failpoint
from klientela.flow import answers, work
from klientela.flow.fetch import asking
from klientela.flow.newcomer import MANUAL
from klientela.flow.sync import another_shop
from klientela.model.instants import Instant
from klientela.model.records import Address, Order
from klientela.placing import Placed, Placing
from klientela.plugins import Plugins
from klientela.rules import orderhand, precedence
from klientela.rules.carriers import kept_here
from klientela.rules.totals import OTHER_CARRIER
from klientela.settings.model import Settings
from klientela.source import Source
from klientela.store import facts, operation, outbox
from klientela.store.database import Db, Step, Store
from klientela.store.facts import SourceRow
from klientela.store.locate import customers_of
from klientela.store.outbox import REFUSED, SENDING, TAKEN, UNDERWAY, UNKNOWN, Handed
from klientela.store.provenance import Members

_DONE_WITH = ("cancelled", "returned", "deleted", "void")
VOUCHER = "voucher "
"""Before the code of a voucher among the tags of an order that was placed here."""


class _Sheet(NamedTuple):
    """What is sent, and of which record."""

    record: int
    order: Placing


def takers(settings: Settings, plugins: Plugins) -> dict[str, str]:
    """The sources into which orders may be written, by name, and the title of each: those whose plugin can and whose
    configuration says `write_orders = true`."""
    found = {}
    for name, one in settings.sources.items():
        kind = plugins.types.get(one.type)
        if kind is not None and kind.writes and getattr(one, "write_orders", False) is True:
            found[name] = kind.title
    return found


def send(store: Store, key: str, source: Source, *, looked: bool = False, actor: str = "operator") -> Handed:
    """Send an order that is kept here (`manual/order/…`) to a shop, and write down what came of it.

    `looked`: somebody has looked, and it is not in the shop though it was sent before. Conflict where it is in a shop, may
    be, or is nobody's; Misconfigured for a source that is not written to. What the shop refuses is no error of this
    function: the row says so, and the order stays here.
    """
    if not (source.writes and getattr(source.settings, "write_orders", False) is True):
        raise Misconfigured(
            f"the source {source.name} is only read",
            hint="Set write_orders = true in its configuration if orders may be written into it.",
        )
    row = _row(store, source)
    with store.reading() as db:
        _ready(_handed(db, key), looked, operation.now())
        _sheet(db, key, row)
    _is_the_one(store, source, row)
    with store.step(f"send an order to {source.name}", actor=actor) as step:
        _ready(_handed(step.db, key), looked, step.at)
        sheet = _sheet(step.db, key, row)
        outbox.begin(step, sheet.record, sheet.order.key, row.id)
    failpoint("placing.sending")
    state, placed, error = _ask(source, sheet.order)
    failpoint("placing.answered")
    with store.step(f"answer of {source.name} to an order", actor=actor) as step:
        outbox.settle(step, sheet.record, state, ext=placed.external_id, draft=placed.draft, error=error)
        _look_again(step, row.id, placed.external_id)
    work.drain(store)
    with store.reading() as db:
        found = outbox.handed(db, sheet.record)
    if found is None:
        raise AssertionError("what was sent is written down")
    return found


def settle(store: Store, key: str, *, there: bool, actor: str = "operator") -> Handed:
    """What somebody found who looked into the shop, of an order that was sent: it is there, or it is not (any more).

    Then it is kept here again and may be sent anew or taken back. Conflict where nothing is open about it.
    """
    with store.step("look for an order in its shop", actor=actor) as step:
        handed = _handed(step.db, key)
        if handed is None or handed.state == REFUSED or (there and handed.state == TAKEN):
            raise Conflict(f"nothing is open about the order {key}", hint="Its page says where it is.")
        _not_underway(handed, step.at)
        if handed.ext is not None or _came_back(step.db, handed.record):
            raise Conflict(
                f"the order {key} is in the shop", hint="Change or cancel it there; the next sync brings it."
            )
        said = None if there else "somebody looked, and it was not in the shop"
        outbox.settle(
            step, handed.record, TAKEN if there else REFUSED, draft=handed.draft if there else None, error=said
        )
    with store.reading() as db:
        found = outbox.handed(db, handed.record)
    if found is None:
        raise AssertionError("what was sent is written down")
    return found


class Here(NamedTuple):
    """An order that is kept here: its key, and what was sent of it (None: nothing yet). `sendable`: it may be sent."""

    key: str
    handed: Handed | None
    sendable: bool


def here(db: Db, order: Mapping[str, Any]) -> Here | None:
    """What is kept here of an order (store/orderlist.py): itself, or what a shop's own has taken the place of."""
    key = next((one["key"] for one in order["told_by"] if one["key"].startswith(f"{MANUAL}/order/")), None)
    if key is None:
        return None
    record = record_of(db, key)
    handed = outbox.handed(db, record)
    open_ = order["type"] == MANUAL and (handed is None or handed.state == REFUSED)
    return Here(key, handed, open_ and kept_here(facts.load(db, [record])[record].fact))


def unless_away(db: Db, records: list[int]) -> None:
    """Conflict where a shop has one of these orders or may have it: taken back here it would still be there."""
    for one in outbox.away(db, records):
        raise Conflict(
            f"an order of this batch was sent to {one.source}, so it cannot be taken back here",
            hint="Cancel it in the shop; if it is not there, say so on its page, and take it back then.",
        )


# -- before it is sent ---------------------------------------------------------------------------------------------------


def _row(store: Store, source: Source) -> SourceRow:
    with store.step("source") as step:
        return facts.ensure_source(step, source.name, source.type)


def _is_the_one(store: Store, source: Source, row: SourceRow) -> None:
    """Nothing is written into a shop that is not the one this source always was (R60)."""
    with asking(source, "its check"):
        found = answers.checked(source.check())
    with store.reading() as db:
        known = db.one("SELECT identity FROM source WHERE id = ?", (row.id,))
    refused = another_shop(source.name, known[0] if known else None, found.identity)
    if refused is not None:
        raise refused


def _handed(db: Db, key: str) -> Handed | None:
    return outbox.handed(db, record_of(db, key))


def record_of(db: Db, key: str) -> int:
    """The record of an order that is kept here. UnknownThing for none."""
    source, _, rest = key.partition("/")
    entity, _, ext = rest.partition("/")
    row = None
    if source == MANUAL and entity == "order":
        row = db.one(
            "SELECT r.id FROM record r JOIN source s ON s.id = r.source "
            "WHERE s.label = ? AND r.entity = ? AND r.ext = ? AND r.body IS NOT NULL",
            (MANUAL, facts.ORDER, ext),
        )
    if row is None:
        raise UnknownThing(f"there is no order {key} that is kept here", hint="Its page shows the key.")
    return int(row[0])


def _ready(handed: Handed | None, looked: bool, now: Instant) -> None:
    """It was never sent, was refused, or somebody has looked."""
    if handed is None or handed.state == REFUSED:
        return
    if handed.state == TAKEN:
        raise Conflict(f"the order is in {handed.source} already", hint="It comes with the next sync of that source.")
    _not_underway(handed, now)
    if not looked:
        raise Conflict(
            f"nobody knows whether {handed.source} has taken this order, so it is not sent again",
            hint=f"Look in the shop for an order with the mark klientela-{handed.key}, then say whether it is there.",
        )


def _not_underway(handed: Handed, now: Instant) -> None:
    if handed.state == SENDING and now - handed.at < UNDERWAY:
        raise Conflict(
            f"the order may still be on its way to {handed.source}", hint="Wait a quarter of an hour, then look there."
        )


def _came_back(db: Db, record: int) -> bool:
    row = db.one("SELECT why FROM orders WHERE id = ?", (record,))
    return row is not None and row[0] == OTHER_CARRIER


def _sheet(db: Db, key: str, row: SourceRow) -> _Sheet:
    """The order with what the profile of its customer shows now, where nobody said otherwise of the order itself."""
    record = record_of(db, key)
    order: Order = facts.load(db, [record])[record].fact
    if not kept_here(order):
        raise Conflict(f"the order {key} was kept before orders were sent to shops", hint="Place it anew.")
    owner = db.one("SELECT owner, why FROM orders WHERE id = ?", (record,))
    if order.state in _DONE_WITH:
        raise Conflict(f"the order {key} is {order.state} here, so it is not sent", hint="Give it another state first.")
    if owner is None or owner[0] is None:
        raise Conflict(f"the order {key} is nobody's, so there is nobody to send it for")
    if owner[1] == OTHER_CARRIER:
        raise Conflict(f"the order {key} came back from its shop already", hint="Its page shows the shop's own.")
    customer = customers_of(db, [owner[0]])[owner[0]]
    return _Sheet(record, _placing(order, Members.read(db, customer, facts.sources(db)), row))


def _placing(order: Order, members: Members, row: SourceRow) -> Placing:
    made = members.summary
    places: list[Address] = precedence.ordered(made.addresses)
    own = orderhand.places_of(order)
    lines = list(order.lines) if order.lines is not UNSET else []
    total = order.total if order.total is not UNSET else 0
    tags = order.tags if order.tags is not UNSET else []
    codes = [tag.removeprefix(VOUCHER) for tag in tags if tag.startswith(VOUCHER)]
    name = made.name[1] if made.name is not None else (None, None)
    if order.first_name or order.last_name:
        name = (order.first_name or None, order.last_name or None)
    emails, phones = precedence.ordered(made.emails), precedence.ordered(made.phones)
    return Placing(
        key=str(order.placed_as), currency=str(order.currency), lines=lines, total=total,
        discount=sum(line.total or 0 for line in lines) - total, voucher=codes[0] if codes else None,
        number=order.number or None, customer=_account(members, row), first_name=name[0], last_name=name[1],
        company=order.company or (made.company[1] if made.company is not None else None), email=emails[0] if emails else None,
        phone=order.phone or (phones[0] if phones else None),
        billing=_own(own, "billing") or _place(places, "billing"),
        shipping=_own(own, "shipping") or _place(places, "shipping"),
    )  # fmt: skip


def _own(places: list[Address], kind: str) -> Address | None:
    """Where an order of its own says it goes: its address of that kind, or one for both."""
    return next((one for one in places if one.kind == kind), None) or next((p for p in places if p.kind is None), None)


def _place(places: list[Address], kind: str) -> Address | None:
    return next((one for one in places if one.kind == kind), places[0] if places else None)


def _account(members: Members, row: SourceRow) -> str | None:
    """The oldest record that the shop itself has of the customer and still knows."""
    there = (members.facts[number] for number in members.oldest())
    return next(
        (
            one.ext
            for one in there
            if one.source == row.id and one.entity in (facts.CUSTOMER, facts.CONTACT) and not one.gone
        ),
        None,
    )


# -- the shop's answer ---------------------------------------------------------------------------------------------------

_NOTHING = Placed()


def _ask(source: Source, order: Placing) -> tuple[str, Placed, str | None]:
    """The state, what the shop made of it, and one sentence where it made nothing. Only what says for sure that the shop
    has not got it is a refusal: a plugin that stumbles over the answer has got one."""
    try:
        placed = source.place(order)
        if isinstance(placed, Placed) and (placed.external_id or placed.draft):
            return TAKEN, placed, placed.remark
        error: KlientelaError = NotKnown(
            f"{source.name} answered without an id, so nobody knows whether it took the order"
        )
    except NotKnown as unknown:
        error = unknown
    except SourceError as refused:
        return REFUSED, _NOTHING, refused.message
    except KlientelaError as other:  # it was asked to stop, or the like
        error = NotKnown(f"{other.message}, so nobody knows whether {source.name} took the order")
    except Exception as stumbled:  # noqa: BLE001 - a stranger's plugin may raise anything
        error = NotKnown(f"the source {source.name} failed ({type(stumbled).__name__}) after it was asked")
    return UNKNOWN, _NOTHING, error.message


def _look_again(step: Step, source: int, ext: str | None) -> None:
    """Where the shop's own order came before its answer did, the two become one now."""
    if ext is not None:
        step.db.run(
            "INSERT INTO work (kind, subject, reason) SELECT 'order', id, 'placed' FROM record "
            "WHERE source = ? AND entity = ? AND ext = ? AND body IS NOT NULL ON CONFLICT DO NOTHING",
            (source, facts.ORDER, ext),
        )


__all__ = ["UNDERWAY", "VOUCHER", "Here", "here", "record_of", "send", "settle", "takers", "unless_away"]
