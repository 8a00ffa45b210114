"""A profile as its page shows it: what stands between what, in which words; it decides nothing (H6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from klientela.flow.card import unit_of
from klientela.model.instants import instant
from klientela_web.asking import Asking
from klientela_web.words import Words

Found = Mapping[str, Any]

CONTACT = ("first_name", "last_name", "company", "phone", "birthday", "crm_id")
PLACE = ("street", "house_number", "line2", "zip", "city", "region", "country")
"""The fields of the form, in its two groups."""

OF_KINDS = ("billing", "shipping")
"""The kinds of addresses that are edited beside the main one (C21)."""

KINDS = ("billing", "shipping", "letter", None)
"""The three kinds of addresses, and those of which nobody said what they are for."""


DATA = (
    *(f"field {one}" for one in (*CONTACT, *PLACE, "name", "address", "addresses", "email", "emails", "phones", "numbers",
      "kind", "created_at", "email_verified", "locale", "note", "remark", "tags", "modules", "consents", "merged_into",
      "pinned", "inactive", "billing", "shipping",
      "gone", "records", "number", "customer", "guest", "placed_at", "currency", "total",
      "refunded", "current_total", "state", "test", "lines", "origin", "cancels", "credits", "customer_number",
      "joined")),
    *(f"address {one}" for one in ("billing", "shipping", "letter", "other")),
    *(f"state {one}" for one in ("open", "paid", "cancelled", "returned", "offer", "deleted", "void")),
    *(f"why {one}" for one in ("test", "cancelled", "offer", "deleted", "void", "refunded", "credit note")),
    *(f"letter {one}" for one in ("accepted", "validated", "printing", "sent", "failed")),
    *(f"booking {one}" for one in ("requested", "booked", "cancelled", "done", "missed")),
    *(f"message {one}" for one in ("queued", "sent", "failed", "unknown")),
    *(f"write for {one}" for one in ("promotion", "system", "contract")),
    *(f"basis {one}" for one in ("shop", "import", "operator", "bulk")),
    *(f"rule {one}" for one in ("email", "number", "phone", "address", "operator", "upstream", "same_order")),
)  # fmt: skip
"""Words that are named by data: each is a key of the catalogues."""


class Badge(NamedTuple):
    """A source of the customer: its name as people read it, its type, and whether all its records are gone there."""

    text: str
    type: str
    gone: bool


def source_title(label: str, kind: str, titles: Mapping[str, str]) -> str:
    """Shopify: main; the kind alone where the source is named after it."""
    title = titles.get(kind, kind.capitalize())
    return title if label.casefold() in (kind, title.casefold()) else f"{title}: {label}"


def badges(found: Found, types: Mapping[str, str], titles: Mapping[str, str]) -> list[Badge]:
    """One for each source."""
    gone: dict[str, bool] = {}
    for one in found["records"]:
        gone[one["source"]] = gone.get(one["source"], True) and one["gone"]
    return [
        Badge(source_title(label, types.get(label, ""), titles), types.get(label, ""), all_gone)
        for label, all_gone in sorted(gone.items())
    ]


def of_kind(kind: str) -> tuple[str, ...]:
    """The fields of an address of a kind."""
    return tuple(f"{kind}_{part}" for part in PLACE)


def touched(asking: Asking, prefix: str) -> bool:
    """Whether somebody typed another value into one of the fields of that prefix."""
    names = (f"{prefix}{part}" for part in PLACE)
    return any(name in asking.form and asking.field(name) != asking.field(f"was {name}") for name in names)


def picture(found: Found) -> str | None:
    """The SHA-256 of the newest picture that somebody gave the customer (S21)."""
    given = (file for note in found["notes"] for file in note.get("files", ()) if file.get("picture"))
    return next((file["sha256"] for file in given), None)


# -- orders --------------------------------------------------------------------------------------------------------------


def purchases(found: Found, most: int | None) -> tuple[list[dict[str, Any]], int]:
    """The newest `most` orders (None: all) with the carts that became none between them by date, and how many orders are
    left. A cart counts as no order; those older than the last order shown wait with it."""
    orders = [{"kind": "order", "at": one["placed_at"], **one} for one in found["order_list"] or ()]
    shown = orders if most is None else orders[:most]
    carts = [{"kind": "cart", **one} for one in found["checkouts"] or () if one["order"] is None]
    left = len(orders) - len(shown)
    if left and shown[-1]["at"] is not None:
        oldest = instant(shown[-1]["at"])
        carts = [one for one in carts if one["at"] is not None and instant(one["at"]) >= oldest]
    return _newest_first([*shown, *carts]), left


def _newest_first(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda one: (one["at"] is None, -(instant(one["at"]) if one["at"] else 0)))


# -- values and where they come from --------------------------------------------------------------------------------------


def origin(found: Found, field: str, words: Words, named: Callable[[str], str]) -> str | None:
    """Where a value comes from, in lines: the record, since when, who laid it over what. `named` puts a source in words.
    None for a field nobody fills."""
    one = found["provenance"].get(field)
    if one is None or one["record"] is None:
        return None
    told = [f"{named(one['source'])} · {one['record']}"]
    if one.get("by"):
        who, day = words.actor(one["by"]), words.day(one["since"])
        pinned = words("Pinned by %(who)s on %(day)s", who=who, day=day)
        told.append(pinned if one["pinned"] else words("Changed by %(who)s on %(day)s", who=who, day=day))
    elif one["since"]:
        told.append(words("as of %(day)s", day=words.day(one["since"])))
    if "beneath" in one:
        under = one["beneath"]
        value = plain(under["value"], words) if under else words("nothing")
        value = words(f"state {value}") if field == "state" and under else value
        source = f" ({named(under['source'])})" if under and under["source"] else ""
        told.append(words("beneath it: %(value)s", value=value + source))
    return "\n".join(told)


def plain(value: Any, words: Words) -> str:
    """Any value of a history in one line."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, bool):
        return words("yes") if value else words("no")
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if "purpose" in value:
            return _consent(value, words)
        return ", ".join(plain(part, words) for name, part in value.items() if part and name != "kind")
    if isinstance(value, Sequence):
        return "; ".join(plain(one, words) for one in value)
    return words.number(value)


_ANSWER = (("channel", "channel"), ("purpose", "purpose"), ("consent", "state"))


def _consent(said: Mapping[str, Any], words: Words) -> str:
    channel, purpose, state = (words(f"{name} {said[key]}") for name, key in _ANSWER)
    proof = said.get("evidence")
    return f"{channel}, {purpose}: {state}" + (f" ({proof})" if proof else "")


# -- activity -----------------------------------------------------------------------------------------------------------

_ICONS = {
    "order": "shopping-cart", "cart": "shopping-cart", "letter": "mailbox", "scan": "qrcode", "message": "message-2",
    "booking": "calendar", "note": "note", "remark": "pin", "tags": "tag", "consents": "shield-check",
    "records": "git-merge", "inactive": "user-off", "gone": "user-off",
}  # fmt: skip


def activity(found: Found, holding: Collection[int], words: Words) -> list[dict[str, Any]]:
    """All that happened, newest first, in one timeline (B20, R39): every change with who, when, old, new, source and run;
    orders when they were placed; carts, letters, scans, messages, bookings.

    `holding`: the decisions that hold; `undo` of an entry is the number of one that can be taken back from here.
    """
    entries = [_changed(one, holding, words) for one in found["history"] if one["field"] != "order"]
    entries += [_placed(order, found["history"], words) for order in found["order_list"] or ()]
    entries += [_entry("cart", one["at"], words("Cart abandoned"), words.money(one["value"], one["currency"]))
                for one in found["checkouts"] or () if one["order"] is None]  # fmt: skip
    for one in found["letters"]:
        sent = one["sent_at"] and one["status"] in (None, "sent")
        what = words("Letter sent") if sent else words("Letter")
        entries.append(_entry("letter", one["sent_at"], what, one["title"] or "", one["record"]))
    entries += [
        _entry("scan", one["at"], words("Letter scanned"), one["url"] or "", one["record"]) for one in found["scans"]
    ]
    for one in found["messages"]:
        what = words("Message received") if one["direction"] == "in" else words("Message sent")
        if one.get("state") not in (None, "sent"):
            what = f"{words('Message')}: {words('message ' + one['state'])}"
        entries.append(_entry("message", one["at"], what, one["subject"] or "", one["record"]))
    for one in found["bookings"]:
        entries.append(_entry("booking", one["booked_at"], words("Booked"), one["title"] or "", one["record"]))
    return _newest_first(entries)


def _entry(kind: str, at: str | None, what: str, value: str, record: str = "", **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "icon": _ICONS.get(kind, "edit"), "at": at, "what": what, "new": value, "old": None,
        "who": None, "record": record, "run": None, "undone": False, "undo": None, "reason": None, **more,
    }  # fmt: skip


def _placed(order: Found, history: Iterable[Found], words: Words) -> dict[str, Any]:
    keys = {f"{one['source']}/order/{one['external_id']}" for one in order["carriers"]}
    heard = next((one for one in history if one["field"] == "order" and one["record"] in keys), None)
    value = f"{order['number'] or ''} {words.money(order['total'], order['currency'])}".strip()
    made = _entry("order", order["placed_at"], words("Order placed"), value)
    if heard is not None:
        made.update(record=heard["record"], run=heard["run"], at=order["placed_at"] or heard["at"])
    return made


def _changed(one: Found, holding: Collection[int], words: Words) -> dict[str, Any]:
    field, undone = one["field"], one["undone"]
    joined, parted = words("Declared one person"), words("Declared another person")
    if field == "records":
        what = joined if one["decision"] == "must" else parted
    elif field == "note" and one["old"] is None:
        what = words("Note added")
    elif one["decision"] == "pin":
        what = words("%(field)s pinned", field=words("field " + field))
    else:
        what = words("%(field)s changed", field=words("field " + field))
    if undone:
        what = words("Taken back: %(what)s", what=what)
    old, new = (words(f"state {one[key]}") if field == "state" and one[key] else one[key] for key in ("old", "new"))
    took = not undone and one["decision"] is not None and one["seq"] in holding
    return _entry(
        field, one["at"], what, plain(new, words), one["record"],
        old=plain(old, words), who=words.actor(one["actor"]) if one["actor"] else None, run=one["run"], undone=undone,
        undo=one["seq"] if took else None, reason=one.get("reason"), field=field,
    )  # fmt: skip


def changes(found: Found, words: Words) -> list[dict[str, Any]]:
    """What changed of an order, newest first: all but that it came."""
    return [_changed(one, found["holding"], words) for one in found["history"] if one["field"] != "order"]


def since(found: Found, version: int, fields: Collection[str], words: Words) -> list[dict[str, Any]]:
    """What was changed of some fields after a version of the profile, for who saves later (R40b)."""
    units = {unit_of(field) for field in fields}
    return [
        _changed(one, (), words)
        for one in found["history"]
        if one["seq"] > version and (unit_of(one["field"]) in units or one["field"] == "records")
    ]


__all__ = [
    "CONTACT", "DATA", "KINDS", "OF_KINDS", "PLACE", "Badge", "activity", "badges", "changes", "of_kind", "origin", "picture",
    "plain", "purchases", "since", "source_title", "touched",
]  # fmt: skip
