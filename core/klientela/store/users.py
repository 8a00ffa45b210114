"""Who may use the page: people with a role, and their sessions. Of passwords and secrets only hashes are kept."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Any, NamedTuple

from klientela.errors import Conflict, Misconfigured, NotAdmitted, UnknownThing
from klientela.model.instants import DAY, HOUR, MINUTE, Instant, iso
from klientela.rules.text import visible
from klientela.store import tables as t
from klientela.store.database import Db, Step

ROLES = ("viewer", "editor", "operator", "admin")
"""What a person may do, each what those before may too: look; change values, notes and consents; decide about identity,
run and import; users, tokens and erasures."""

SESSION = 30 * DAY
"""So long a session lives without being used."""

_SEEN_EVERY = HOUR
_LINK = 30 * MINUTE
_SHORTEST = 10


class Person(NamedTuple):
    """Who is signed in. `form`: what every form must bring back (CSRF)."""

    account: int | None
    name: str
    role: str
    form: str
    language: str | None

    def may(self, role: str) -> bool:
        """Whether this person's role is at least that one."""
        return ROLES.index(self.role) >= ROLES.index(role)


def add(step: Step, name: str, password: str, role: str) -> int:
    """A new person. Conflict for a name that is taken, Misconfigured for a role or password that will not do."""
    name = name.strip()
    if not visible(name) or len(name) > 100:
        raise Misconfigured("a user needs a name of at most 100 letters")
    _check_role(role)
    if step.db.one("SELECT 1 FROM account WHERE name = ?", (name,)) is not None:
        raise Conflict(f"there is a user named {name!r} already", hint="`klientela user list` shows them")
    number = step.new_ids("account", 1)[0]
    step.db.insert(
        t.user, ("id", "name", "hash", "role", "created"), [(number, name, _hashed(password), role, step.at)]
    )
    return number


def change(step: Step, name: str, *, role: str | None = None, password: str | None = None) -> None:
    """Another role or password. All sessions of the person end."""
    number = _known(step.db, name)
    if role is not None:
        _check_role(role)
        step.db.run("UPDATE account SET role = ? WHERE id = ?", (role, number))
    if password is not None:
        step.db.run("UPDATE account SET hash = ? WHERE id = ?", (_hashed(password), number))
    step.db.run("DELETE FROM session WHERE account = ?", (number,))


def disable(step: Step, name: str, *, off: bool = True) -> None:
    """Nobody signs in under this name any more; or again."""
    number = _known(step.db, name)
    step.db.run("UPDATE account SET disabled = ? WHERE id = ?", (step.at if off else None, number))
    if off:
        step.db.run("DELETE FROM session WHERE account = ?", (number,))


def speak(step: Step, account: int, language: str) -> None:
    """The language a person reads the page in."""
    step.db.run("UPDATE account SET language = ? WHERE id = ?", (language, account))


def listed(db: Db) -> list[dict[str, Any]]:
    """All users: `{"name", "role", "language", "created", "disabled"}`, times ISO 8601."""
    return [
        {
            "name": name,
            "role": role,
            "language": language,
            "created": iso(created),
            "disabled": None if disabled is None else iso(disabled),
        }
        for name, role, language, created, disabled in db.rows(
            "SELECT name, role, language, created, disabled FROM account ORDER BY name"
        )
    ]


def any_user(db: Db) -> bool:
    """Whether anybody could sign in."""
    return db.one("SELECT 1 FROM account WHERE disabled IS NULL LIMIT 1") is not None


def right(db: Db, name: str, password: str) -> int:
    """The account of that name and password. NotAdmitted otherwise; it takes as long for a name that nobody has."""
    row = db.one("SELECT id, hash FROM account WHERE name = ? AND disabled IS NULL", (name.strip(),))
    if not _matches(row[1] if row else _NOBODY, password) or row is None:
        raise NotAdmitted(
            "name or password is wrong", hint="An administrator can set a new one: `klientela user password`."
        )
    return int(row[0])


def begin(step: Step, account: int) -> str:
    """Sign a person in; the secret for the cookie, which is kept nowhere."""
    row = step.db.one("SELECT role FROM account WHERE id = ?", (account,))
    if row is None:
        raise UnknownThing("there is no such user any more")
    return _open(step, account, row[0], once=False, until=step.at + SESSION)


def link(step: Step, role: str) -> str:
    """A secret that signs in once, within half an hour, without any account: how the demo opens its page."""
    _check_role(role)
    return _open(step, None, role, once=True, until=step.at + _LINK)


def enter(step: Step, secret: str) -> str:
    """Use such a link up: the secret of the session it gives. NotAdmitted when it was used or is too old."""
    digest = _digest(secret)
    row = step.db.one("SELECT role FROM session WHERE hash = ? AND once = 1 AND until > ?", (digest, step.at))
    if row is None:
        raise NotAdmitted("this link was used already or is too old", hint="Start the demo again for a new one.")
    step.db.run("DELETE FROM session WHERE hash = ?", (digest,))
    return _open(step, None, row[0], once=False, until=step.at + SESSION)


def who(db: Db, secret: str, now: Instant) -> tuple[Person, bool] | None:
    """Whose session that is, and whether its last use is worth noting anew; None when it is nobody's."""
    row = db.one(
        "SELECT s.account, a.name, coalesce(a.role, s.role), s.form, a.language, s.seen FROM session s "
        "LEFT JOIN account a ON a.id = s.account "
        "WHERE s.hash = ? AND s.once = 0 AND s.until > ? AND a.disabled IS NULL AND (s.account IS NULL OR a.id IS NOT NULL)",
        (_digest(secret), now),
    )
    if row is None:
        return None
    return Person(row[0], row[1] or "demo", row[2], row[3], row[4]), row[5] < now - _SEEN_EVERY


def touch(step: Step, secret: str) -> None:
    """Note that a session is used; it lives on from here. Old ones are thrown away."""
    step.db.run("UPDATE session SET seen = ?, until = ? WHERE hash = ?", (step.at, step.at + SESSION, _digest(secret)))
    step.db.run("DELETE FROM session WHERE until <= ?", (step.at,))


def end(step: Step, secret: str) -> None:
    """Sign out."""
    step.db.run("DELETE FROM session WHERE hash = ?", (_digest(secret),))


def _open(step: Step, account: int | None, role: str, *, once: bool, until: Instant) -> str:
    secret = secrets.token_urlsafe(32)
    row = (_digest(secret), account, role, secrets.token_urlsafe(24), int(once), step.at, until)
    step.db.insert(t.session, ("hash", "account", "role", "form", "once", "seen", "until"), [row])
    return secret


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _known(db: Db, name: str) -> int:
    row = db.one("SELECT id FROM account WHERE name = ?", (name.strip(),))
    if row is None:
        raise UnknownThing(f"there is no user {name!r}", hint="`klientela user list` shows them")
    return int(row[0])


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Misconfigured(f"{role!r} is no role", hint=f"The roles are {', '.join(ROLES)}.")


# -- passwords ----------------------------------------------------------------------------------------------------------

_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""A hash that no password has."""


def _hashed(password: str) -> str:
    from argon2 import PasswordHasher  # loading it costs; commands without passwords do without

    if len(password) < _SHORTEST:
        raise Misconfigured(
            f"a password needs at least {_SHORTEST} characters", hint="A few words are easy to remember."
        )
    return PasswordHasher().hash(password)


def _matches(stored: str, password: str) -> bool:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


__all__ = [
    "ROLES", "SESSION", "Person", "add", "any_user", "begin", "change", "disable", "end", "enter", "link", "listed",
    "right", "speak", "touch", "who",
]  # fmt: skip
