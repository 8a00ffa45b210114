"""All that is kept of one person, for that person: every value with its origin, nothing of anybody else (R58; Art. 15, 20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from klientela.flow.reach import of_customers
from klientela.flow.why import why
from klientela.model.instants import iso
from klientela.rules.rates import Rates
from klientela.store import facts, files, ledger, notes
from klientela.store.database import Db, Step, Store
from klientela.store.facts import SourceRow
from klientela.store.locate import locate, record_keys
from klientela.store.profile import profile
from klientela.store.rows import View, members_of

_OTHERS = ("shares",)  # who else carries the same: that is of others


def disclose(db: Db, store: Store, text: str, view: View, rates: Rates | None = None) -> dict[str, Any]:
    """The document of a person's own export; `text` is an id or record key. UnknownThing for nobody.

    `profile` as the profile shows it; `joined` why these records are one person; `internal` remarks and notes; `records`,
    `bought` and `things`: what each source ever said, word for word, with the channel and since when it was so.
    """
    customer = locate(db, store.key, text).customer
    persons = sorted(row[0] for row in members_of(db, [customer], "p.id")[customer])
    own = set(record_keys(db, persons).values())
    found = profile(db, customer, view, key=store.key, rates=rates)
    reached = of_customers(db, [customer])
    reason = why(db, store, customer, reveal=True)
    sources = facts.sources(db)
    return {
        "id": found["id"],
        "profile": {name: value for name, value in _of_own(found, own).items() if name not in _OTHERS},
        "joined": {"records": reason["records"], "because": [edge for edge in reason["edges"] if edge["holds"]]},
        "internal": notes.internal(db, persons),
        "records": _said(db, persons, sources),
        "bought": _said(db, sorted(reached.bought), sources),
        "things": _said(db, sorted(reached.things), sources),
    }


def _of_own(found: Mapping[str, Any], own: set[str]) -> dict[str, Any]:
    """The profile without what it tells of other people's records: whom this one was parted from."""
    kept = []
    for line in found["history"]:
        named = {line["old"], line["new"]} - {None} if line["field"] == "records" else set()
        if named <= own:
            kept.append({name: value for name, value in line.items() if name != "reason"})
    return {**found, "history": kept}


def _said(db: Db, records: Iterable[int], sources: Mapping[int, SourceRow]) -> list[dict[str, Any]]:
    """Every claim about some records, newest first: `since` and `until` are when we knew it, `until` None: it holds."""
    packed = db.pack(records)
    keys = {
        row[0]: row[1:]
        for row in db.rows(f"SELECT id, source, entity, ext, gone FROM record WHERE id {db.among}", (packed,))
    }
    rows = db.rows(
        f"SELECT id, channel, seq, NULL, version, body FROM record WHERE body IS NOT NULL AND id {db.among} "
        "UNION ALL SELECT record, channel, from_seq, to_seq, version, body FROM claim "
        f"WHERE body IS NOT NULL AND record {db.among}",
        (packed, packed),
    )
    channels: dict[int, str] = dict(db.rows("SELECT id, name FROM channel"))
    at: dict[int, int] = dict(
        db.rows(
            f"SELECT seq, at FROM txn WHERE seq {db.among}",
            (db.pack({seq for row in rows for seq in row[2:4] if seq is not None}),),
        )
    )
    said: dict[int, list[tuple[int, dict[str, Any]]]] = {number: [] for number in keys}
    for number, channel, since, until, version, body in rows:
        claim = {
            "channel": channels.get(channel),
            "since": iso(at[since]) if since in at else None,
            "until": iso(at[until]) if until in at else None,
            "version": None if version is None else iso(version),
            "values": _values(facts.decode(keys[number][1], body)),
        }
        said[number].append((since, claim))
    return [
        {
            "source": sources[source].label,
            "entity": facts.entity_name(entity),
            "external_id": ext,
            "gone": bool(gone),
            "said": [claim for _, claim in sorted(said[number], key=lambda one: -one[0])],
        }
        for number, (source, entity, ext, gone) in sorted(keys.items())
    ]


def _values(fact: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(fact)
    for name in ("external_id", "version", "channel", "entity"):
        found.pop(name, None)
    for name in (
        "created_at",
        "placed_at",
        "at",
        "completed_at",
        "until",
        "sent_at",
        "booked_at",
        "starts_at",
        "ends_at",
    ):
        if isinstance(found.get(name), int):
            found[name] = iso(found[name])
    return found


def files_of(db: Db, document: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of all files that the document names, by their SHA-256 in hex."""
    named = {one["sha256"] for one in (*document["profile"]["files"], *document["internal"]["files"])}
    return {digest: files.read(db, digest).content for digest in sorted(named)}


def note_export(step: Step, *, view: str, count: int, form: str, customer: str | None = None) -> None:
    """Write into the log that personal data was taken out: the actor of the step, which view, how many (R59)."""
    detail: dict[str, Any] = {"view": view, "rows": count, "format": form}
    if customer is not None:
        detail["customer"] = customer  # in the part that an erasure takes away
    ledger.write(step, [ledger.Line("exported", None, None, None, {"records": [], "detail": detail})])


__all__ = ["disclose", "files_of", "note_export"]
