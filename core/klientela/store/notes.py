"""Remarks and notes of a customer, with the files of notes: internal, in no export to third parties (R40)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from klientela.model.instants import iso
from klientela.store import ids, rows, spoken
from klientela.store.database import Db
from klientela.store.locate import record_keys
from klientela.store.spoken import NOTE, REMARK, Change, Spoken


def remark(said: Sequence[Spoken], changes: Mapping[int, Change]) -> dict[str, Any] | None:
    """The one remark of a customer, `{"text", "at", "by", "seq"}`: the newest of its records; None where none stands."""
    held = [word for word in said if word.kind == REMARK and word.holds]
    if not held or not held[-1].detail["text"]:
        return None
    return {"text": held[-1].detail["text"], **_when(held[-1], changes)}


def notes(db: Db, said: Sequence[Spoken], changes: Mapping[int, Change]) -> list[dict[str, Any]]:
    """The notes of operators, newest first: `{"text", "at", "by", "seq", "source", "record", "files"}`.

    Each of `files` is `{"sha256", "name", "type", "size"}`; store/files.py gives the bytes.
    """
    held = [word for word in reversed(said) if word.kind == NOTE and word.holds]
    keys = record_keys(db, {word.record for word in held})
    return [
        {
            "text": word.detail["text"],
            "source": None,
            "record": keys[word.record],
            "files": list(word.detail.get("files", ())),
            **_when(word, changes),
        }
        for word in held
    ]


def pictures(db: Db, customers: Sequence[int]) -> dict[str, str]:
    """The SHA-256 of the newest picture that operators gave each of some customers, by public id (S21)."""
    owner = {record: one for one, some in rows.members_of(db, customers, "p.id").items() for (record,) in some}
    said = db.rows(
        f"SELECT a, detail FROM decision WHERE kind = ? AND to_seq IS NULL AND a {db.among} ORDER BY id",
        (NOTE, db.pack(owner)),
    )
    found = {
        owner[record]: str(file["sha256"])
        for record, detail in said
        for file in json.loads(detail or "{}").get("files", ())
        if file.get("picture")
    }
    publics = db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (db.pack(found),)) if found else []
    return {ids.text(bytes(public)): found[number] for number, public in publics}


def files(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The files of such notes, in the shape of the profile's `files`."""
    return [{**file, "record": note["record"]} for note in found for file in note["files"]]


def without_internal(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile as others may read it: without the remark, operators' notes and their files, and what the history says of
    these."""
    ours = [one for one in profile["notes"] if one["source"] is None]
    kept = files(ours)
    return {
        **profile,
        "remark": None,
        "notes": [one for one in profile["notes"] if one["source"] is not None],
        "files": [one for one in profile["files"] if one not in kept],
        "history": [one for one in profile["history"] if one["field"] not in (REMARK, NOTE) or not one["decision"]],
    }


def internal(db: Db, records: Sequence[int]) -> dict[str, Any]:
    """All remarks and notes that stand on some records, for the person's own export: `{"remarks", "notes", "files"}`.

    What was taken back is not among them, for it was never meant.
    """
    said = spoken.spoken(db, records)
    held = [word for word in said if word.kind in (REMARK, NOTE) and word.holds]
    changes = spoken.changes(db, {word.since for word in held})
    keys = record_keys(db, {word.record for word in held})
    found = notes(db, said, changes)
    remarks = [
        {"text": word.detail["text"], "record": keys[word.record], **_when(word, changes)}
        for word in reversed(held)
        if word.kind == REMARK and word.detail["text"]
    ]
    return {"remarks": remarks, "notes": found, "files": files(found)}


def _when(word: Spoken, changes: Mapping[int, Change]) -> dict[str, Any]:
    change = changes.get(word.since)
    return {
        "at": None if change is None or change.at is None else iso(change.at),
        "by": None if change is None else change.actor,
        "seq": word.since,
    }


__all__ = ["files", "internal", "notes", "pictures", "remark", "without_internal"]
