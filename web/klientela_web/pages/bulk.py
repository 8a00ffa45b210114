"""One thing done to many customers: shown with its effect first, written as one decision, taken back as one (X03-X06)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured, NotAllowed
from klientela.flow import consenting, decide, inactive, newcomer, ordering, remarks, withdraw
from klientela.flow.crowd import Whom
from klientela.flow.desk import Decided
from klientela.model.numbers import whole
from klientela.store import batches
from klientela_web.asking import Asking
from klientela_web.pages.signin import inside
from klientela_web.ways import get, post

ACTIONS = (
    ("export", "Export", "download"),
    ("tag", "Tag", "tag"),
    ("consent", "Consents", "shield-check"),
    ("merge", "Merge …", "git-merge"),
    ("inactive", "Mark inactive", "user-off"),
    ("active", "Mark active", "user"),
    ("erase", "Erase …", "trash"),
)
"""What can be done with chosen customers, its name and its icon."""

MOST = 1000
"""So many may be chosen one by one."""

Way = Callable[[Asking, list[str], bool], Decided]


def _tag(asking: Asking, ids: list[str], dry_run: bool) -> Decided:
    return remarks.tag(asking.store, ids, asking.field("tag"), actor=asking.actor, dry_run=dry_run)


def _untag(asking: Asking, ids: list[str], dry_run: bool) -> Decided:
    return remarks.untag(asking.store, ids, asking.field("tag"), actor=asking.actor, dry_run=dry_run)


def _consent(asking: Asking, ids: list[str], dry_run: bool) -> Decided:
    return consenting.consent(
        asking.store,
        Whom(ids),
        asking.field("channel"),
        asking.field("purpose"),
        asking.field("state"),
        evidence=asking.field("evidence"),
        actor=asking.actor,
        dry_run=dry_run,
    )


def _inactive(asking: Asking, ids: list[str], dry_run: bool) -> Decided:
    return inactive.deactivate(asking.store, Whom(ids), actor=asking.actor, dry_run=dry_run)


def _active(asking: Asking, ids: list[str], dry_run: bool) -> Decided:
    return inactive.activate(asking.store, Whom(ids), actor=asking.actor, dry_run=dry_run)


WRITES: Mapping[str, Way] = {
    "tag": _tag,
    "untag": _untag,
    "consent": _consent,
    "inactive": _inactive,
    "active": _active,
}
_ASKED = frozenset(("tag", "untag", "consent"))
"""What needs more than a yes."""


def ask(asking: Asking) -> Response:
    """Show what is meant and whom it concerns. One of a row's menu, which concerns one, is done at once."""
    one, _, customer = asking.field("one").partition(":")
    do = asking.field("do")
    if do == "export" and not customer:
        view = parse_qs(urlsplit(asking.field("to")).query).get("view", [""])[0]
        return asking.go(asking.link("/customers/export", view=view, id=_ids(asking)))
    if not customer and do not in (name for name, *_ in ACTIONS) and do not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    if asking.person is None or not asking.person.may("editor"):
        raise NotAllowed("changing customers takes an editor")
    if customer:
        return _done(asking, one, [customer])
    ids = _ids(asking)
    if do == "erase":
        if asking.person is None or not asking.person.may("admin"):
            raise NotAllowed("erasing takes an administrator")
        return asking.go(asking.link("/persons/erase", id=ids))
    if do == "merge":
        return _merge(asking, ids)
    if do not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    told, wrong = None, None
    if do not in _ASKED:
        try:
            told = WRITES[do](asking, ids, True)
        except KlientelaError as error:
            wrong = asking.told(error)
    return _form(asking, do, ids, told, wrong)


def _merge(asking: Asking, ids: list[str]) -> Response:
    """To the room where two are joined: it asks for the reason and shows what it would do."""
    if asking.person is None or not asking.person.may("operator"):
        raise NotAllowed("joining customers takes an operator")
    if len(ids) != 2:
        raise Misconfigured("two customers are joined at a time", hint="Tick exactly two of them.")
    return asking.go(asking.link("/merges", one=ids[0], two=ids[1]))


def do(asking: Asking) -> Response:
    """Do it, as one decision. What is wrong is told beside the form, and nothing is written."""
    word, ids = asking.field("do"), _ids(asking)
    if word not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    try:
        if asking.field("dry"):
            return _form(asking, word, ids, WRITES[word](asking, ids, True), None)
        return _done(asking, word, ids)
    except KlientelaError as error:
        return _form(asking, word, ids, None, asking.told(error), 400)


def undo(asking: Asking) -> Response:
    """Take a decision or a batch back by its number; that may be taken back too, but for a batch."""
    number = whole(asking.field("seq"))
    if number is None:
        raise Misconfigured("there is nothing to take back")
    with asking.store.reading() as db:
        identity = decide.of_identity(db, number)
        batch = batches.written_by(db, number)
    if identity and (asking.person is None or not asking.person.may("operator")):
        raise NotAllowed("taking back who is one person takes an operator")
    again: int | None = None
    if batch is None:
        again = decide.undo(asking.store, number, actor=asking.actor).seq
    else:
        _withdraw(asking, *batch)
    return asking.go(inside(asking.field("to")), asking.words("It was taken back."), undo=again)


def _withdraw(asking: Asking, batch: int, name: str) -> None:
    """Take a batch back; that of a customer added or an order placed by hand takes no more than that did."""
    if name not in (newcomer.BATCH, ordering.BATCH) and (asking.person is None or not asking.person.may("operator")):
        raise NotAllowed("taking an import back takes an operator")
    withdraw.undo(asking.store, batch, actor=asking.actor)


def back(asking: Asking) -> Response:
    """Nothing is shown here without a choice: the list is where it is made."""
    return asking.go("/customers")


def _done(asking: Asking, word: str, ids: list[str]) -> Response:
    if word not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    made = WRITES[word](asking, ids, False)
    said = asking.words.several("Done for %(count)s customer.", "Done for %(count)s customers.", len(made.customers))
    return asking.go(inside(asking.field("to")), said, undo=made.seq)


def _form(
    asking: Asking, word: str, ids: list[str], told: Decided | None, wrong: str | None, status: int = 200
) -> Response:
    return asking.show(
        "bulk.html",
        status=status,
        do=word,
        ids=ids,
        told=told,
        wrong=wrong,
        to=inside(asking.field("to")),
        field=asking.field,
        channels=consenting.CHANNELS,
        purposes=consenting.PURPOSES,
        asks=word in _ASKED,
    )


def _ids(asking: Asking) -> list[str]:
    ids = list(dict.fromkeys(asking.fields("id")))
    if not ids:
        raise Misconfigured("nobody was chosen", hint="Tick the customers it is about.")
    if len(ids) > MOST:
        raise Misconfigured(f"at most {MOST} customers can be chosen at once")
    return ids


WAYS = (
    get("/customers/bulk", "viewer", back),
    post("/customers/bulk", "viewer", ask),
    post("/customers/bulk/do", "editor", do),
    post("/undo", "editor", undo),
)

__all__ = ["ACTIONS", "MOST", "WAYS", "WRITES"]
