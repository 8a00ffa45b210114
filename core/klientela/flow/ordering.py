"""An operator places an order for a customer: it is kept here, as a record of `manual` in a batch of one (S19, S20).

Whether a shop gets it as well is another matter: flow/placing.py."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from hashlib import sha256
from uuid import uuid4

from klientela.errors import KlientelaError, Misconfigured
from klientela.flow import withdraw
from klientela.flow.decide import merge
from klientela.flow.importing import Imported, Into, import_records
from klientela.flow.newcomer import MANUAL
from klientela.flow.placing import VOUCHER
from klientela.model.money import digits, minor
from klientela.model.records import Kind, Line, Order, Person
from klientela.rules.text import visible
from klientela.store import facts
from klientela.store.database import Store
from klientela.store.locate import locate, record_keys

BATCH = "order placed by hand"
"""How the batch of such an order is called."""
LONGEST = 200
_DEAREST = 10**12
_WRITTEN = re.compile(
    r"(?P<whole>[0-9]{1,15}|[0-9]{1,3}(?P<group>[.,'\u2019 \xa0\u202f])[0-9]{3}(?:(?P=group)[0-9]{3}){0,3})"
    r"(?:(?!(?P=group))[.,](?P<cents>[0-9]{1,3}))?"
)


def place(
    store: Store, customer: str, lines: Sequence[tuple[str, str, str]], currency: str, *, voucher: str = "",
    discount: str = "", actor: str = "operator",
) -> tuple[Imported, str]:  # fmt: skip
    """Keep an order of `lines` (title, quantity, price each, as people write them) for a customer, named by id or key;
    what was done, and the key of the order. `discount` is an amount. UnknownThing for nobody, Misconfigured for values
    that are none; then nothing is kept.

    The order hangs on a record of its own that is declared to be the customer, so it stays his whatever his shops say.
    """
    with store.reading() as db:
        found = locate(db, store.key, customer)
        meant = record_keys(db, [found.record])[found.record]
        status = db.one("SELECT status FROM customer WHERE id = ?", (found.customer,))
    kind: Kind = "contact" if status is not None and status[0] else "guest"  # so the status stays as it is (R4)
    made = [_line(*line, currency) for line in lines if line[0].strip() or line[2].strip()]
    if not made:
        raise Misconfigured("the order has no line", hint="Nothing was written.")
    off = _amount(discount, currency, "discount") if discount.strip() else 0
    total = sum(line.total or 0 for line in made) - off
    if total < 0:
        raise Misconfigured("the discount is more than the order", hint="Nothing was written.")
    code, ext = " ".join(voucher.split())[:LONGEST], uuid4().hex
    order = Order(
        external_id=ext, number=f"L-{ext[:8].upper()}", customer=ext, placed_at=time.time_ns() // 1000, total=total,
        currency=currency, state="open", lines=made, tags=[f"{VOUCHER}{code}"] if code else [], placed_as=ext,
    )  # fmt: skip
    kept = import_records(
        store, Into(MANUAL, MANUAL), [Person(external_id=ext, kind=kind), order], name=BATCH,
        digest=sha256(facts.encode(order)).hexdigest(), actor=actor,
    )  # fmt: skip
    try:
        merge(store, meant, f"{MANUAL}/customer/{ext}", reason=BATCH, inactive=True, actor=actor)
    except KlientelaError:
        if kept.batch is not None:
            withdraw.undo(store, kept.batch, actor=actor)
        raise
    return kept, f"{MANUAL}/order/{ext}"


def _line(title: str, quantity: str, price: str, currency: str) -> Line:
    name = " ".join(title.split())
    if not visible(name) or len(name) > LONGEST:
        raise Misconfigured("every line needs a product of at most 200 letters", hint="Nothing was written.")
    count = quantity.strip() or "1"
    if not (count.isascii() and count.isdigit() and int(count[:6]) > 0 and len(count) < 6):
        raise Misconfigured(f"{count[:20]!r} is no quantity", hint="Nothing was written.")
    each = _amount(price, currency, "price")
    return Line(title=name, quantity=int(count), unit_price=each, total=each * int(count))


def _amount(text: str, currency: str, what: str) -> int:
    """An amount as people write it: `12.50`, `12,50`, `1.000,00`, `1 000`. Of `1.000` nobody knows what it means."""
    places = digits(currency)
    found = _WRITTEN.fullmatch(text.strip())
    if found is not None and (places or not found["cents"]) and len(found["cents"] or "") <= places:
        whole = re.sub(r"\D", "", found["whole"])
        if int(whole) < _DEAREST:
            return minor(f"{whole}.{found['cents']}" if found["cents"] else whole, currency)
    raise Misconfigured(f"{text.strip()[:20]!r} is no {what}", hint="Nothing was written; an amount looks like 12.50.")


__all__ = ["BATCH", "LONGEST", "place"]
