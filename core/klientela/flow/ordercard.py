"""An order as somebody changes it by hand: what is shown, whose it is, and what changed meanwhile (R37-R40b)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from klientela.errors import UnknownThing
from klientela.flow.form import OF_ADDRESSES, Form, meanwhile, unit_of
from klientela.model.records import Address
from klientela.rules import orderhand
from klientela.rules.entered import OF_KINDS, OF_ORDERS, PLACE
from klientela.rules.rights import CALLED, Holder, Refused
from klientela.store import changes, oneorder, outbox
from klientela.store.database import Db
from klientela.store.facts import Loaded
from klientela.store.outbox import Handed
from klientela.store.tombstones import ERASED, Graves, of_record

_STATE_TOLD = 'Its page shows which record that is; with edit.policy = "overlay" `klientela pin` lays a value over it.'


class OrderCard(Form):
    """One order, read once inside the step that changes it."""

    fields = (*OF_ORDERS, *OF_KINDS)
    shown_by = "The order's page shows what is."

    def __init__(self, db: Db, text: str, graves: Graves | None = None) -> None:
        """`text`: the key of any of its records. `graves`: who was erased."""
        self.db = db
        self.order = oneorder.read(db, text)
        carriers = self.order.one.carriers
        self.records = [item.id for item in carriers]
        self.spoken_of = self.records[0]
        self.said = self.order.said
        self.titles = {}
        self.away: dict[int, Handed] = {one.record: one for one in outbox.away(db, self.records)}
        self.erased = any(_erased(item, self.order.sources[item.source].uid, graves) for item in carriers)

    def about(self) -> dict[str, Any]:
        """The key of the order, for it may be nobody's."""
        item = self.order.one.carriers[0]
        return {"order": f"{self.order.label(item)}/order/{item.ext}"}

    # -- what is shown -----------------------------------------------------------------------------------------------

    def word(self, field: str) -> Any:
        """What is shown of a field that is no part of an address."""
        return self.order.value(field)

    def place(self, unit: str = "address") -> Address:
        """The first address, or the first of a kind; an empty one where there is none."""
        found = self.order.value(unit)
        return found if isinstance(found, Address) else Address()

    def holder(self, field: str) -> Holder | None:
        """The carrier whose value is shown, also where it says that there is none; None where nobody says anything."""
        whose = self.order.whose(_unit(field))
        return None if whose is None else self._holder(whose.item, pinned=whose.pinned)

    def spare(self) -> Holder | None:
        """The first carrier that may be edited."""
        found = (self._holder(item) for item in self.order.one.carriers)
        return next((holder for holder in found if holder.editable), None)

    def right(self, field: str) -> Holder | Refused:
        """As of any form; what was sent to a shop changes there, and a paper that cancels an order stands before an edit."""
        barred, name = self.barred(field), CALLED.get(field, field)
        if barred is not None:
            return barred
        found = super().right(field)
        if isinstance(found, Refused):
            if self.holder(field) is not None or field == "email":
                return found
            return found._replace(sentence=f"the {name} is left to the shops this order comes from")
        away = self.away.get(found.record)
        if away is not None:
            sentence = f"the order was sent to {away.source}, so the {name} changes there"
            return Refused(field, sentence, "If it is not there, say so on its page, and edit it then.")
        if field == "state" and self.order.one.state == "cancelled" != self.order.one.loaded.fact.state:
            return Refused(field, "another record cancels this order, so its state changes there", _STATE_TOLD)
        return found

    def barred(self, field: str) -> Refused | None:
        """Why nobody may say it of this order, whatever the policy: whose it was is erased (R56)."""
        if not self.erased or unit_of(field) not in _PERSONAL_UNITS:
            return None
        return Refused(
            field,
            "the person of this order was erased, so nothing personal is written on it",
            "`klientela person release` lets later syncs bring data again.",
        )

    def _holder(self, item: Loaded, *, pinned: bool = False) -> Holder:
        source = self.order.sources[item.source]
        return Holder(item.id, source.label, source.type, pinned)

    # -- what changed meanwhile --------------------------------------------------------------------------------------

    def unless_changed(self, since: int | None, fields: Collection[str]) -> None:
        """As of any form; `since` is the `version` of the order, or of its customer's profile."""
        if since is None:
            return
        newest = self.db.one("SELECT max(seq) FROM txn")
        if since < 0 or newest is None or since > (newest[0] or 0):
            raise UnknownThing(f"there is no version {since} yet", hint="The order's page names the one meant.")
        units = {unit_of(field) for field in fields}
        past = changes.of_orders(self.db, self.records, self.said)
        for line in reversed(past.lines):
            field = line["field"]
            same = unit_of(field) in units or (field == "addresses" and units & OF_ADDRESSES)
            if line["seq"] > since and (same or field == "order"):
                told_of = f"the {CALLED.get(field, field)} was changed meanwhile by {line['actor']}"
                joined = "another record tells of this order since"
                raise meanwhile(joined if field == "order" else told_of, line["seq"], _AGAIN)


_AGAIN = "Its page shows the order as it is now; save again with the `version` it has there."
_PERSONAL_UNITS = {orderhand.UNIT_OF[name] for name in orderhand.PERSONAL}


def _unit(field: str) -> str:
    """What of an order a field is a part of: itself, or an address."""
    if field in PLACE:
        return "address"
    return OF_KINDS[field][0] if field in OF_KINDS else field


def _erased(item: Loaded, uid: str, graves: Graves | None) -> bool:
    if item.ext.startswith(ERASED):
        return True
    if graves is None:
        return False
    return of_record(graves.key, uid, "order", item.ext) in graves.orders or graves.holds(uid, "guest_order", item.ext)


__all__ = ["OrderCard"]
