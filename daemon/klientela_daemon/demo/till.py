"""The demo's till: a system of the house that pushes what it knows over real HTTP, and is answered item by item."""

from __future__ import annotations

import base64
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from klientela.door import STREAMS
from klientela.http import Http
from klientela.store import facts, tokens
from klientela.store.database import Store
from klientela.store.overview import listing
from klientela_daemon.door import TYPE, HouseDoor
from klientela_daemon.house import House
from klientela_daemon.http import Health, Listener, application, mounts

NAME = "till"
"""The name of its source."""

CONFIG = f'[sources.{NAME}]\ntype = "{TYPE}"\n'
_KNOWN = 5  # customers of the shops who also buy at the till
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)


def push(here: House, store: Store) -> dict[str, int]:
    """Push everything; how many things were accepted, unchanged and rejected. The token ends with it."""
    name = f"demo {secrets.token_hex(4)}"
    with store.step("token new", actor="demo") as step:
        row = facts.ensure_source(step, NAME, TYPE)
        secret = tokens.new(step, name, [f"push:{stream}" for stream in STREAMS], row.id)
    with store.reading() as db:
        found = listing(db, here.config.settings.views["default"], size=100).rows
    known = [one for one in found if one["email"] and one["last_name"]][:_KNOWN]
    door = HouseDoor(store, lambda: here)
    listener = Listener(application(lambda: Health([], [], []), str, mounts(here.plugins, door)), "127.0.0.1", 0)
    listener.start()
    counts: Counter[str] = Counter()
    try:
        with Http(listener.url, headers={"Authorization": f"Bearer {secret}"}) as client:
            for stream, items in things(known).items():
                told = client.post_json(f"/api/v1/{stream}", items, headers={"Idempotency-Key": f"{name} {stream}"})
                counts.update({word: told[word] for word in ("accepted", "unchanged", "rejected")})
    finally:
        listener.stop()
        with store.step("token revoke", actor="demo") as step:
            tokens.revoke(step, name)
    return dict(counts)


def things(known: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """What the till knows, by stream; orders come before the customers they name, and guests stay guests (R12)."""
    customers = [_customer(number, row) for number, row in enumerate(known)]
    customers.append({"external_id": "T-900", "first_name": "Jadwiga", "last_name": "Żak", "phone": "+48 22 555 01 23"})
    orders = [
        _order(number, one["external_id"], test=number == 1, total=f"{20 + number}.50")
        for number, one in enumerate(customers)
    ]
    guest = {"guest": True, "email": "laufkundschaft@kasse.example", "last_name": "Laufkundschaft"}
    orders += [{**_order(900 + number, None, total="7.90"), **guest} for number in range(2)]
    letters = [
        {
            "external_id": f"L-{number}",
            "customer": one["external_id"],
            "campaign": "C-1",
            "status": "sent",
            "sent_at": "2026-05-04T08:00:00+02:00",
            "file": {"name": f"L-{number}.pdf", "base64": base64.b64encode(_PDF).decode()},
        }
        for number, one in enumerate(customers[:2])
    ]
    return {
        "orders": orders,
        "customers": customers,
        "campaigns": [{"external_id": "C-1", "title": "Spring", "at": "2026-05-01T00:00:00+02:00"}],
        "letters": letters,
        "scans": [{"external_id": "S-1", "letter": "L-0", "at": "2026-05-06T18:30:00+02:00"}],
    }


def _customer(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody whom a shop knows, as the till has him: the same address in another spelling."""
    return {
        "external_id": f"T-{number}",
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "email": str(row["email"]).upper(),
        "tags": ["till"],
    }


def _order(number: int, customer: str | None, *, total: str, test: bool = False) -> dict[str, Any]:
    placed = f"2026-05-{number % 28 + 1:02}T10:00:00+02:00"
    made = {"external_id": f"B-{number}", "number": f"B-{number}", "placed_at": placed, "total": total, "state": "paid"}
    return {**made, "customer": customer, "test": test}
