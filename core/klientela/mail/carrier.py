"""Hands one mail to the mail server, and says honestly what is known of it afterwards."""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal, NamedTuple

from klientela.mail.letter import plain_domain
from klientela.settings.model import Mail

TIMEOUT = 20.0
"""Seconds that each answer of the server may take."""
PATIENCE = 120.0
"""Seconds until the text must be on its way: later than this nothing is begun any more."""

_LONGEST = 300
_BOXES = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;]+")


class Handed(NamedTuple):
    """What became of it: the server took it, it was surely not sent, or nobody knows; and why, without anybody's data."""

    state: Literal["sent", "failed", "unknown"]
    reason: str | None = None


class _Not(Exception):
    """It is surely not sent, and this is why."""


def hand_over(mail: Mail, made: EmailMessage, to: str) -> Handed:
    """Hand a mail to the configured server. Until the text is on its way every failure means that nothing was sent; from
    then on only an answer of the server says so."""
    told = (to, to.rpartition("@")[0], mail.password.get_secret_value() if mail.password else "", mail.user or "")
    secrets = [one for one in told if len(one) > 2]
    begun = time.monotonic()
    try:
        line = _line(mail, made)
    except _Not as no:
        return Handed("failed", _redacted(str(no), secrets))
    try:
        _address(line, made, to)
        _in_time(begun)
        return _text(line, made, secrets)
    except _Not as no:
        return Handed("failed", _redacted(str(no), secrets))
    finally:
        with suppress(smtplib.SMTPException, OSError):
            line.quit()
        line.close()


def _in_time(begun: float) -> None:
    if time.monotonic() - begun > PATIENCE:
        raise _Not("the mail server took too long")


def _line(mail: Mail, made: EmailMessage) -> smtplib.SMTP:
    """A line to the server: secured as configured, signed in."""
    assert mail.host is not None  # noqa: S101 - who has none is told before
    name = str(made["From"].addresses[0].domain)  # not this machine's name, which is nobody's business
    line: smtplib.SMTP | None = None
    try:
        if mail.security == "tls":
            line = smtplib.SMTP_SSL(
                mail.host, mail.port, local_hostname=name, timeout=TIMEOUT, context=ssl.create_default_context()
            )
        else:
            line = smtplib.SMTP(mail.host, mail.port, local_hostname=name, timeout=TIMEOUT)
        if mail.security == "starttls":
            _secure(line)
        if mail.user is not None and mail.password is not None:
            line.login(mail.user, mail.password.get_secret_value())
    except (_Not, smtplib.SMTPException, OSError, ValueError) as error:
        if line is not None:
            line.close()
        raise error if isinstance(error, _Not) else _Not(_sentence(error)) from error
    return line


def _secure(line: smtplib.SMTP) -> None:
    line.ehlo_or_helo_if_needed()
    if not line.has_extn("starttls"):
        raise _Not("the mail server offers no STARTTLS, and over an open line nothing is sent")
    line.starttls(context=ssl.create_default_context())


def _address(line: smtplib.SMTP, made: EmailMessage, to: str) -> None:
    """Say from whom and to whom."""
    sender = str(made["From"].addresses[0].addr_spec)
    try:
        line.ehlo_or_helo_if_needed()
        code, said = line.mail(sender)
        if code != 250:
            raise _Not(f"the mail server refused the sender: {_said(code, said)}")
        code, said = line.rcpt(plain_domain(to))
        if code not in (250, 251):
            raise _Not(f"the mail server refused the address: {_said(code, said)}")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise _Not(_sentence(error)) from error


def _text(line: smtplib.SMTP, made: EmailMessage, secrets: list[str]) -> Handed:
    """Send the text. A line that breaks here leaves open whether the server has it all."""
    try:
        code, said = line.data(made.as_bytes(policy=SMTP))
    except smtplib.SMTPDataError as error:  # it did not want the text
        raise _Not(f"the mail server refused the message: {_said(error.smtp_code, error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        return Handed("unknown", _redacted(_sentence(error), secrets))
    if code != 250:
        raise _Not(f"the mail server refused the message: {_said(code, said)}")
    return Handed("sent")


def _sentence(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the mail server refused user and password ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the mail server does not offer what the configuration asks for"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {_said(error.smtp_code, error.smtp_error)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the mail server is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return "the line to the mail server could not be secured"
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):  # smtplib hides it
        return "the mail server did not answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the mail server broke the line off"
    if isinstance(error, OSError) and error.strerror:
        return f"the mail server cannot be reached: {error.strerror.lower()}"
    return "the mail server cannot be reached"


def _said(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {text}".strip()


def _redacted(text: str, secrets: list[str]) -> str:
    """A sentence of the server in one line, without addresses, names and passwords it repeats."""
    told = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    told = _BOXES.sub("…", told)
    for secret in sorted(secrets, key=len, reverse=True):
        told = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", told, flags=re.IGNORECASE)
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…"


__all__ = ["PATIENCE", "TIMEOUT", "Handed", "hand_over"]
