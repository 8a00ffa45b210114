"""A mail server of our own on loopback: it speaks SMTP over a real socket, keeps what it took, and can be made to refuse,
to break off, or to speak TLS. (aiosmtpd, which others use for this, has had no release since 2024.)"""

from __future__ import annotations

import base64
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Postman:
    """The server. What it is told to do counts from the next line on."""

    context: ssl.SSLContext | None = None
    at_once: bool = False  # TLS from the first byte on
    user: tuple[str, str] | None = None
    refuse: dict[str, str] = field(default_factory=dict)  # word of SMTP -> the answer instead of its own
    hang_up: str = (
        ""  # breaks the line off when it comes here: a word of SMTP, or TEXT: after the text, without an answer
    )
    took: list[bytes] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)  # RCPT TO of what it took
    heard: list[str] = field(default_factory=list)  # every line but the text
    port: int = 0

    def mails(self) -> list[EmailMessage]:
        """What it took, as mail."""
        return [message_from_bytes(one, policy=default) for one in self.took]

    def config(self, **more: str) -> str:
        """The `[mail]` table that leads here."""
        security = "none" if self.context is None else "tls" if self.at_once else "starttls"
        said = {"host": "127.0.0.1", "sender": "Teehaus Ähre <post@teehaus.example>", "security": security, **more}
        lines = [f'{name} = "{value}"' for name, value in said.items()]
        return "\n".join(["[mail]", f"port = {self.port}", *lines]) + "\n"

    # -- one line ------------------------------------------------------------------------------------------------------

    def _serve(self, line: socket.socket) -> None:
        with ExitStack() as open_, suppress(OSError):
            open_.enter_context(line)
            if self.at_once and self.context is not None:
                line = open_.enter_context(self.context.wrap_socket(line, server_side=True))
            self._talk(line, open_)

    def _talk(self, line: socket.socket, open_: ExitStack) -> None:
        stream = open_.enter_context(line.makefile("rb"))
        self._say(line, "220 post.example")
        secure, to = self.at_once, ""
        while heard := stream.readline():
            text = heard.decode("ascii").strip()
            self.heard.append(text)
            word = text.partition(" ")[0].upper()
            if word == self.hang_up:
                return
            if word in self.refuse:
                self._say(line, self.refuse[word])
            elif word == "EHLO":
                offers = ["STARTTLS"] if self.context is not None and not secure else []
                offers += ["AUTH PLAIN"] if self.user is not None and (secure or self.context is None) else []
                for offer in ("post.example", *offers):
                    self._say(line, f"250-{offer}")
                self._say(line, "250 8BITMIME")
            elif word == "STARTTLS" and self.context is not None:
                self._say(line, "220 go on")
                line = open_.enter_context(self.context.wrap_socket(line, server_side=True))
                stream, secure = open_.enter_context(line.makefile("rb")), True
            elif word == "AUTH":
                self._say(line, "235 welcome" if self._knows(text) else "535 5.7.8 wrong")
            elif word == "RCPT":
                to = text.partition("<")[2].partition(">")[0]
                self._say(line, "250 ok")
            elif word == "DATA":
                self._say(line, "354 go on")
                whole = b""
                while not whole.endswith(b"\r\n.\r\n"):
                    whole += stream.readline()
                if self.hang_up == "TEXT":
                    return
                self.took.append(whole[:-3].replace(b"\r\n..", b"\r\n."))
                self.boxes.append(to)
                self._say(line, self.refuse.get("TEXT", "250 taken"))
            elif word == "QUIT":
                self._say(line, "221 bye")
                return
            else:
                self._say(line, "250 ok")

    def _knows(self, text: str) -> bool:
        said = base64.b64decode(text.rpartition(" ")[2]).decode().split("\0")
        return tuple(said[1:]) == self.user

    def _say(self, line: socket.socket, text: str) -> None:
        line.sendall(text.encode() + b"\r\n")


@contextmanager
def postman(**told: object) -> Iterator[Postman]:
    """A mail server that runs."""
    made = Postman(**told)  # type: ignore[arg-type]
    door = socket.create_server(("127.0.0.1", 0))
    made.port = door.getsockname()[1]
    lines: list[threading.Thread] = []

    def open_() -> None:
        with suppress(OSError):
            while True:
                line, _ = door.accept()
                lines.append(threading.Thread(target=made._serve, args=(line,)))
                lines[-1].start()

    keeper = threading.Thread(target=open_)
    keeper.start()
    try:
        yield made
    finally:
        with suppress(OSError):
            door.shutdown(socket.SHUT_RDWR)
        door.close()
        keeper.join(5)
        for one in lines:
            one.join(5)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file of the certificate that whoever trusts it needs."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "post.pem", folder / "post.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public


__all__ = ["Postman", "certificate", "postman"]
