"""`klientela may-contact`: the check before a contact (R46)."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from klientela.store.contact import may_contact
from klientela_daemon import failures, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened


def verb(
    customer: Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")],
    channel: Annotated[
        Literal["email", "post", "sms", "phone", "whatsapp"],
        typer.Argument(metavar="CHANNEL", help="How to be reached."),
    ],
    purpose: Annotated[Literal["promotion", "system", "contract"], typer.Argument(metavar="PURPOSE", help="What for.")],
    order: Annotated[
        str | None, typer.Option("--order", metavar="KEY", help="The order of a contract: its number or record key.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """May a customer be contacted? Says yes or no with the reason; exits 1 for no. Run it before every contact."""
    with opened(house(config)) as store, store.reading() as db:
        answer = may_contact(db, store.key, customer, channel, purpose, order=order)
    if as_json:
        render.emit(answer.as_dict())
    else:
        render.say(f"{'yes' if answer.allowed else 'no'}: {answer.reason}")
    return 0 if answer.allowed else failures.FAILED
