"""Public ids: derived from the record key, never drawn or counted (R23)."""

from __future__ import annotations

import hmac
from hashlib import sha1, sha256
from uuid import UUID

NAMESPACE = UUID("6f0f6c1e-6b1d-5a55-9e0b-6b6c69656e74").bytes
"""Fixed for ever: every public id anybody ever saw hangs on it."""

PERSONAL = ("mail:", "phone:")
"""External ids that are nothing but a mailbox or phone: their ids need the instance's key."""


def public_id(uid: str, entity: str, external_id: str, key: bytes) -> bytes:
    """The 16 bytes of a record's public id: uuid5 of its key, or an HMAC where the key itself is personal data."""
    name = f"{uid}\0{entity}\0{external_id}".encode()
    if external_id.startswith(PERSONAL):
        digest = bytearray(hmac.new(key, name, sha256).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x80
    else:
        digest = bytearray(sha1(NAMESPACE + name, usedforsecurity=False).digest()[:16])
        digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def pub8(public: bytes) -> int:
    """The first 8 bytes as a signed integer that sorts like the text of the id."""
    return int.from_bytes(public[:8], "big") - 2**63


def text(public: bytes) -> str:
    """The id as people see it."""
    digits = public.hex()  # half the price of a UUID object
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def short_number(public: bytes) -> str:
    """Our own customer number: short, from the id (R55b)."""
    return f"K-{int.from_bytes(public[:5], 'big'):010d}"[:12]
