"""Somebody scanned the code on a letter with our address: that is written down like any scan a source tells of (A18, B14)."""

from __future__ import annotations

from uuid import uuid4

from klientela.flow.derive import Deriver
from klientela.flow.newcomer import MANUAL
from klientela.flow.stage import Stage
from klientela.model.records import RecordRef, Scan
from klientela.source import Page
from klientela.store import facts
from klientela.store.campaigns import Coded
from klientela.store.database import Store

CHANNEL = "code"


def scanned(store: Store, letter: Coded) -> None:
    """Write down that a letter was scanned just now. Its own source may never be asked again: the scan is a record of
    `manual`, which is always there, and hangs on the letter."""
    with store.step("letter scanned", actor="scanner") as step:
        source = facts.ensure_source(step, MANUAL, MANUAL)
        scan = Scan(
            external_id=uuid4().hex,
            letter=RecordRef(letter.source, "letter", letter.external_id),
            at=step.at,
            url=letter.url,
        )
        news = Stage(source, CHANNEL, 0).page(step, Page([scan]), 1)
        Deriver(step.db, store.ruleset(step.db)).page(
            step, news.persons, news.orders, news.checkouts, news.fresh, news.things
        )


__all__ = ["CHANNEL", "scanned"]
