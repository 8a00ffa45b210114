"""One message as mail: headers nobody can write into, plain text in UTF-8 (RFC 5322, 2047, 2369)."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

from klientela.model.instants import Instant, to_datetime
from klientela.settings.model import Mail, read_sender

LANGUAGES = ("de", "en", "pl")
"""The languages a message may be in."""

_CLOSINGS = {
    "de": "Diese Nachricht kommt, weil der Zusendung von Angeboten zugestimmt wurde. Wer keine mehr möchte, antwortet "
    "einfach auf diese Nachricht oder wendet sich an {place}",
    "en": "You receive this message because you agreed to hear of our offers. If you do not want any more, just reply to "
    "it or turn to {place}",
    "pl": "Ta wiadomość przyszła, ponieważ wyrażono zgodę na otrzymywanie ofert. Aby z nich zrezygnować, wystarczy na nią "
    "odpowiedzieć albo skorzystać z {place}",
}


class Outgoing(NamedTuple):
    """What is sent. `key`: the same for every try, so that a mail server or reader may know the message again."""

    key: str
    to: str
    subject: str
    text: str
    language: str
    promotion: bool
    at: Instant


def compose(mail: Mail, message: Outgoing) -> EmailMessage:
    """The mail. ValueError for a line break in any header: the library takes none."""
    assert mail.sender is not None  # noqa: S101 - a configuration with a host has one
    name, box = read_sender(mail.sender)
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(display_name=name, addr_spec=plain_domain(box))
    made["To"] = Address(addr_spec=plain_domain(message.to))
    made["Subject"] = message.subject
    made["Date"] = to_datetime(message.at)
    made["Message-ID"] = f"<{message.key}@{plain_domain(box).rpartition('@')[2]}>"
    if message.promotion:
        place = mail.unsubscribe or box
        link = place if place.startswith("https:") else f"mailto:{plain_domain(place)}?subject=unsubscribe"
        made["List-Unsubscribe"] = f"<{link}>"
    made.set_content(message.text, charset="utf-8", cte="quoted-printable")
    made["Content-Language"] = message.language  # behind the text, whose setting clears what is said of it
    return made


def closing(mail: Mail, language: str) -> str:
    """What every promotion ends with: why it comes, and how to get no more."""
    assert mail.sender is not None  # noqa: S101 - see above
    return _CLOSINGS[language].format(place=mail.unsubscribe or read_sender(mail.sender)[1])


def plain_domain(box: str) -> str:
    """An address whose domain every mail server understands. ValueError where it has no such form."""
    local, _, domain = box.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"


__all__ = ["LANGUAGES", "Outgoing", "closing", "compose", "plain_domain"]
