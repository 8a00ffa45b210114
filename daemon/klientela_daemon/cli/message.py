"""`klientela message`: write to a customer by e-mail, and try once more what was not sent (S17, R46)."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from klientela.errors import Misconfigured
from klientela.flow import sending
from klientela.flow.sending import Sent
from klientela_daemon import failures, logs, render
from klientela_daemon.cli.common import house
from klientela_daemon.cli.deciding import DryRun
from klientela_daemon.cli.options import Config, Json
from klientela_daemon.opening import opened

app = typer.Typer(help="Write to a customer by e-mail; [mail] of the configuration says how.", no_args_is_help=True)

Customer = Annotated[str, typer.Argument(metavar="ID", help="A customer's id, or a record's key.")]


@app.command("send")
def send(
    customer: Customer,
    *,
    subject: Annotated[str, typer.Option("--subject", metavar="TEXT", help="One line.")],
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="What it says; read from the input when left out.")
    ] = None,
    purpose: Annotated[
        Literal["promotion", "system", "contract"],
        typer.Option("--purpose", help="What for; contract needs an order, the others a granted consent."),
    ],
    order: Annotated[
        str | None, typer.Option("--order", metavar="KEY", help="The order of a contract: its number or record key.")
    ] = None,
    language: Annotated[
        Literal["de", "en", "pl"], typer.Option("--language", help="The language it is written in.")
    ] = "en",
    dry_run: DryRun = False,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Write to a customer. It is checked first whether he may be written to, with the sentence why not; a promotion says at
    its end how to get no more. Exits 1 where it was not sent, or nobody knows."""
    here = house(config)
    logs.set_up(level="error")
    mail = here.config.settings.mail
    sending.ready(mail)
    said = text if text is not None else _input()
    with opened(here) as store:
        made = sending.send(
            store, customer, subject=subject, text=said, purpose=purpose, order=order, language=language, mail=mail,
            dry_run=dry_run,
        )  # fmt: skip
    return _tell(made, customer, as_json)


@app.command("again")
def again(
    customer: Customer,
    message: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="Its key, as `klientela customer ID --json` has it.")
    ],
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Try once more to send a message that was not sent, or of which nobody knows whether it was. In the second case the
    customer may get it twice."""
    here = house(config)
    logs.set_up(level="error")
    mail = here.config.settings.mail
    sending.ready(mail)
    with opened(here) as store:
        made = sending.again(store, customer, message, mail=mail)
    return _tell(made, customer, as_json)


def _input() -> str:
    if sys.stdin.isatty():
        raise Misconfigured("the message has no text", hint="Give it with --text, or send it into the input.")
    return sys.stdin.read()


def _tell(made: Sent, customer: str, as_json: bool) -> int:
    if as_json:
        render.emit(made.as_dict())
    elif made.seq is None:
        render.say(f"It would be sent to {made.said['to']}. Nothing was sent.")
    elif made.state == sending.SENT:
        render.say(f"Sent to {made.said['to']}, kept as {made.key}.")
    elif made.state == sending.FAILED:
        render.say(f"It was not sent: {made.error}. `klientela message again {customer} {made.key}` tries once more.")
    else:
        render.say(f"Nobody knows whether it was sent: {made.error}. Ask the mail server before you try again: "
                   f"`klientela message again {customer} {made.key}`.")  # fmt: skip
    return 0 if made.seq is None or made.state == sending.SENT else failures.FAILED


__all__ = ["app"]
