"""For plugin authors and for tests: sandboxes served on loopback, faults on request, waits that take no time."""

from __future__ import annotations

from klientela.testing.faults import DEFAULT_RATE, KINDS, Fault, Faults, Seen, parse_fault
from klientela.testing.pretend import PretendShop, Refused, Row
from klientela.testing.serving import run, serve
from klientela.testing.waiting import hurry

__all__ = [
    "DEFAULT_RATE",
    "KINDS",
    "Fault",
    "Faults",
    "PretendShop",
    "Refused",
    "Row",
    "Seen",
    "hurry",
    "parse_fault",
    "run",
    "serve",
]
