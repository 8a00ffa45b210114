"""Writing to a customer by e-mail: a form that says beforehand what is allowed, and once more what was not sent (S17, C24)."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from starlette.responses import Response

from klientela.errors import Conflict, KlientelaError, UnknownThing
from klientela.flow import sending
from klientela.flow.sending import LONGEST_SUBJECT, Sent, answers
from klientela.mail import LANGUAGES
from klientela.rules.entered import LONGEST_TEXT
from klientela.store import rows
from klientela.store.contact import CONTRACT, PURPOSES
from klientela.store.locate import locate
from klientela_web.asking import Asking
from klientela_web.pages import profile
from klientela_web.pages.orders import lens
from klientela_web.pages.profile import offered
from klientela_web.ways import get, post

STATES = (sending.QUEUED, sending.SENT, sending.FAILED, sending.UNKNOWN)
_SPOKEN = {"DE": "de", "AT": "de", "CH": "de", "LI": "de", "LU": "de", "PL": "pl"}


def ask(asking: Asking) -> Response:
    """The empty form."""
    return _form(asking)


def write(asking: Asking) -> Response:
    """Send it; the same form a second time sends nothing more."""
    try:
        made = sending.send(
            asking.store,
            asking.path["id"],
            subject=asking.field("subject"),
            text=asking.field("text"),
            purpose=asking.field("purpose"),
            order=asking.field("order") or None if asking.field("purpose") == CONTRACT else None,
            language=asking.field("language"),
            mail=asking.house.config.settings.mail,
            once=asking.field("once"),
            actor=asking.actor,
        )
    except UnknownThing:
        raise
    except KlientelaError as error:
        return _form(asking, asking.told(error), 409 if isinstance(error, Conflict) else 400)
    return _back(asking, made)


def again(asking: Asking) -> Response:
    """Try once more."""
    try:
        made = sending.again(
            asking.store, asking.path["id"], asking.path["message"], mail=asking.house.config.settings.mail,
            at=asking.field("at") or None, actor=asking.actor,
        )  # fmt: skip
    except KlientelaError as error:
        return profile.again(asking, "message", error)
    return _back(asking, made)


def writable(asking: Asking, row: Mapping[str, Any]) -> bool:
    """Whether a row of the list leads to the form: somebody may write, and nothing that the row tells forbids it. The form
    itself says what exactly is allowed."""
    mail = row["consents"].get("email", {})
    promotion = mail.get("promotion") == "granted" and not row["inactive"]
    allowed = promotion or mail.get("system") == "granted" or bool(row["orders"])
    return bool(row["email"]) and allowed and offered(asking)


def _back(asking: Asking, made: Sent) -> Response:
    words = asking.words
    if made.again:
        said = words("This message was handed in before; it was not sent a second time.")
    elif made.state == sending.SENT:
        said = words("The message is sent.")
    elif made.state == sending.FAILED:
        said = words("The message was not sent; the thread says why.")
    else:
        said = words("Nobody knows whether the message was sent; the thread says why.")
    return asking.go(f"/customers/{made.customers[0]['id']}#messages", said)


def _form(asking: Asking, wrong: str | None = None, status: int = 200) -> Response:
    public = asking.path["id"]
    with asking.store.reading() as db:
        number = locate(db, asking.store.key, public).customer
        row = next(iter(rows.rows(db, [number], lens(db))), None)
        if row is None:
            raise UnknownThing("this customer stands in no list, so nobody can write to him")
        told, orders = answers(db, asking.store.key, public)
    allowed = [one for one in PURPOSES if one in told and told[one].allowed]
    chosen = asking.field("purpose") or next(iter([one for one in (CONTRACT, *allowed) if one in allowed]), "")
    return asking.show(
        "message.html",
        status=status,
        row=row,
        told=told,
        orders=orders,
        allowed=allowed,
        chosen=chosen,
        purposes=PURPOSES,
        languages=LANGUAGES,
        language=asking.field("language") or _SPOKEN.get(row["country"] or "", asking.words.language),
        ready=asking.house.config.settings.mail.host is not None,
        once=asking.field("once") or token_hex(16),
        field=asking.field,
        longest=(LONGEST_SUBJECT, LONGEST_TEXT),
        wrong=wrong,
    )


WAYS = (
    get("/customers/{id}/message", "editor", ask),
    post("/customers/{id}/message", "editor", write),
    post("/customers/{id}/message/{message}/again", "editor", again),
)

__all__ = ["STATES", "WAYS", "writable"]
