"""For plugin authors and for tests: sandboxes served on loopback, faults on request, waits that take no time."""

from __future__ import annotations

from klientela.testing.faults import DEFAULT_RATE, KINDS, Fault, Faults, Seen, parse_fault
from klientela.testing.serving import run, serve
from klientela.testing.waiting import hurry

__all__ = ["DEFAULT_RATE", "KINDS", "Fault", "Faults", "Seen", "hurry", "parse_fault", "run", "serve"]
