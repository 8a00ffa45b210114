"""Everything that can go wrong, as one tree, sorted by who must act.

    KlientelaError
    ├── Misconfigured        the operator must change the configuration or the command line
    │   └── UnknownThing     a name or id that does not exist
    ├── Conflict             what was asked contradicts what is already decided or stored
    ├── SourceError          a source and its run; other sources go on
    │   ├── SourceRefused    the shop said no: credentials, scopes, a frozen plan
    │   ├── SourceBroken     the shop answered nonsense or not at all; trying again later helps
    │   ├── NotKnown         a shop was asked to write something and gave no answer: it may have done it
    │   └── SourceBusy       a run of this source is in progress already
    ├── SourceChanged        another shop answers under this name, or it is suddenly empty (R60, R61)
    ├── RecordRejected       one record cannot be taken; it goes to the quarantine, its page goes on
    ├── DeliveryRefused      a webhook that cannot prove where it comes from; nothing of it is kept
    ├── NotAdmitted          a request over HTTP without a token that is valid
    ├── NotAllowed           a token that is not good for what is asked
    ├── StoreError           the database: locked by another daemon, too new, damaged, full
    └── Interrupted          somebody asked us to stop; nothing is half done

A message is one sentence that says what happened; `hint` is one sentence that says what to do next.
"""

from __future__ import annotations

_LONGEST, _HEAD, _TAIL = 1_000, 300, 200
"""A sentence stays one to be read, also where it names what somebody pasted: beginning and end are kept."""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_HEAD]}…{text[-_TAIL:]}"


class KlientelaError(Exception):
    """Base of all errors that are meant for people."""

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _short(message)
        super().__init__(self.message)
        self.hint = hint

    def as_dict(self) -> dict[str, str | None]:
        """The shape of an error in JSON (contract.md): kind, message, hint."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint}


class Misconfigured(KlientelaError):
    """The configuration or the command line is wrong; nothing was started."""

    kind = "misconfigured"
    exit_code = 2


class UnknownThing(Misconfigured):
    """A customer, source, record or sequence number that does not exist."""

    kind = "unknown"
    exit_code = 1


class Conflict(KlientelaError):
    """A decision that contradicts another active one (R21), or a write the rules forbid."""

    kind = "conflict"


class SourceError(KlientelaError):
    """A source's run cannot go on; the cursor stays where the last committed page left it."""

    kind = "source"


class SourceRefused(SourceError):
    """The shop refused us: wrong token, missing scope, frozen shop. Retrying does not help."""

    kind = "refused"


class SourceBroken(SourceError):
    """The shop could not be reached or answered nonsense after all retries."""

    kind = "broken"


class NotKnown(SourceError):
    """A shop was asked to write something and its answer did not come: nobody knows whether it did. Never try by itself."""

    kind = "not_known"


class SourceBusy(SourceError):
    """A run of this source is in progress (R62)."""

    kind = "busy"


class SourceChanged(SourceError):
    """Another shop answers under this source's name (R60) or it suddenly lost its records (R61)."""

    kind = "changed"


class RecordRejected(KlientelaError):
    """One record that cannot be taken. `column` and `line` say where, for files."""

    kind = "rejected"

    def __init__(
        self, message: str, *, hint: str | None = None, column: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.line = line


class DeliveryRefused(KlientelaError):
    """A webhook delivery without a valid signature, or one we cannot check; it is answered 401 and not kept."""

    kind = "forged"


class NotAdmitted(KlientelaError):
    """A request without a token, or with one that does not exist or was revoked; it is answered 401."""

    kind = "unauthorized"


class NotAllowed(KlientelaError):
    """A token without the scope for what is asked, or whose source is not there any more; it is answered 403."""

    kind = "forbidden"


class StoreError(KlientelaError):
    """The database cannot be used as asked."""

    kind = "store"


class Interrupted(KlientelaError):
    """The run was asked to stop; the open step was rolled back or finished."""

    kind = "interrupted"
