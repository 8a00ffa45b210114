"""What is done to one customer on its profile: values, pins, tags, remark, notes, consents, the inactive mark (S21-S27)."""

from __future__ import annotations

from collections.abc import Callable
from mimetypes import guess_type

from starlette.datastructures import UploadFile
from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured
from klientela.flow import consenting, correct, inactive, remarks
from klientela.flow.crowd import Whom
from klientela.flow.desk import Decided
from klientela.flow.enclosed import LARGEST
from klientela.model.numbers import whole
from klientela.model.records import File
from klientela_web.asking import Asking, plain
from klientela_web.pages.profile import again
from klientela_web.sheet import CONTACT, PLACE
from klientela_web.ways import post


def version(asking: Asking) -> int | None:
    """The version of what somebody looked at, as the form carries it."""
    return whole(asking.field("version"))


def changed(asking: Asking) -> dict[str, str]:
    """The fields that were given another value than the form showed; a field that was left alone is not sent."""
    names = {*CONTACT, *PLACE, "email", *(name for name in asking.form if name.startswith("was "))}
    names = {name.removeprefix("was ") for name in names}
    return {
        name: asking.field(name)
        for name in sorted(names)
        if name in asking.form and asking.field(name).strip() != asking.field(f"was {name}").strip()
    }


def _edit(asking: Asking) -> Decided:
    fields = changed(asking)
    if not fields:
        return Decided()
    return correct.edit(
        asking.store,
        asking.path["id"],
        fields,
        titles=asking.titles,
        as_of=version(asking),
        actor=asking.actor,
    )


def _pin(asking: Asking) -> Decided:
    return correct.pin(
        asking.store,
        asking.path["id"],
        asking.field("field"),
        asking.field("value"),
        overlay=asking.house.config.settings.edit.policy == "overlay",
        titles=asking.titles,
        as_of=version(asking),
        actor=asking.actor,
    )


def _unpin(asking: Asking) -> Decided:
    return correct.unpin(
        asking.store, asking.path["id"], asking.field("field"), as_of=version(asking), actor=asking.actor
    )


def _remark(asking: Asking) -> Decided:
    return remarks.remark(
        asking.store, asking.path["id"], asking.field("text"), as_of=version(asking), actor=asking.actor
    )


def _note(asking: Asking) -> Decided:
    attached = [_file(one) for one in asking.form.getlist("file") if isinstance(one, UploadFile) and one.filename]
    return remarks.note(asking.store, asking.path["id"], asking.field("text"), attached, actor=asking.actor)


def _picture(asking: Asking) -> Decided:
    sent = [one for one in asking.form.getlist("file") if isinstance(one, UploadFile) and one.filename]
    if len(sent) != 1:
        raise Misconfigured("no picture was chosen", hint="Choose one file.")
    return remarks.picture(asking.store, asking.path["id"], _file(sent[0]), actor=asking.actor)


def _file(upload: UploadFile) -> File:
    """A file that was sent. What the browser calls its type is not asked: its name tells, and nobody runs it."""
    name = plain(upload.filename or "").replace("\\", "/").rpartition("/")[2][-255:]
    if upload.size is not None and upload.size > LARGEST:
        raise Misconfigured(f"the file {name!r} is larger than {LARGEST >> 20} MB", hint="Keep it elsewhere.")
    return File(type=guess_type(name)[0] or "application/octet-stream", name=name, content=upload.file.read())


def _tag(asking: Asking) -> Decided:
    return remarks.tag(asking.store, [asking.path["id"]], asking.field("tag"), actor=asking.actor)


def _untag(asking: Asking) -> Decided:
    return remarks.untag(asking.store, [asking.path["id"]], asking.field("tag"), actor=asking.actor)


def _consent(asking: Asking) -> Decided:
    return consenting.consent(
        asking.store,
        Whom([asking.path["id"]]),
        asking.field("channel"),
        asking.field("purpose"),
        asking.field("state"),
        evidence=asking.field("evidence"),
        actor=asking.actor,
    )


def _inactive(asking: Asking) -> Decided:
    return inactive.deactivate(asking.store, Whom([asking.path["id"]]), actor=asking.actor)


def _active(asking: Asking) -> Decided:
    return inactive.activate(asking.store, Whom([asking.path["id"]]), actor=asking.actor)


SAID = {
    "edit": ("contact", "The changes are saved."),
    "pin": ("contact", "The value is pinned."),
    "unpin": ("contact", "The pin is off."),
    "remark": ("", "The remark is saved."),
    "note": ("notes", "The note is saved."),
    "picture": ("", "The picture is there."),
    "tag": ("tags", "The tag is on."),
    "untag": ("tags", "The tag is off."),
    "consent": ("consents", "The answer is written down."),
    "inactive": ("", "The customer is in the inactive list now."),
    "active": ("", "The customer is active again."),
}
"""Where the page comes back to, and what it says."""

_WRITES: dict[str, Callable[[Asking], Decided]] = {
    "edit": _edit, "pin": _pin, "unpin": _unpin, "remark": _remark, "note": _note, "picture": _picture,
    "tag": _tag, "untag": _untag, "consent": _consent, "inactive": _inactive, "active": _active,
}  # fmt: skip


def _answer(form: str) -> Callable[[Asking], Response]:
    def write(asking: Asking) -> Response:
        try:
            made = _WRITES[form](asking)
        except KlientelaError as error:
            return again(asking, form, error, _fields(asking, form))
        place, said = SAID[form]
        path = f"/customers/{asking.path['id']}" + (f"#{place}" if place else "")
        if made.seq is None:
            return asking.go(path, asking.words("It was so already, so nothing was written."))
        return asking.go(path, asking.words(said), undo=made.seq)

    return write


def _fields(asking: Asking, form: str) -> list[str]:
    """What a form is about, to tell what changed of it meanwhile."""
    if form == "edit":
        return list(changed(asking))
    return [asking.field("field")] if form in ("pin", "unpin") else ["remark"] if form == "remark" else []


WAYS = tuple(post(f"/customers/{{id}}/{form}", "editor", _answer(form)) for form in _WRITES)

__all__ = ["SAID", "WAYS", "changed", "version"]
