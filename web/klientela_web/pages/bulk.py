"""One thing done to many customers: shown with its effect first, written as one decision, taken back as one (X03-X06)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response

from klientela.errors import KlientelaError, Misconfigured, NotAllowed
from klientela.flow import consenting, decide, inactive, newcomer, ordering, remarks, withdraw
from klientela.flow.crowd import Whom
from klientela.flow.desk import Decided
from klientela.model.numbers import whole
from klientela.store import batches
from klientela.store.overview import how_many, listing
from klientela_web.asking import Asking
from klientela_web.pages import leaving
from klientela_web.pages.customers import ACTIONS, Address, narrowed, state_of
from klientela_web.pages.signin import inside
from klientela_web.ways import get, post

MOST = 1000
"""So many may be chosen one by one."""

Way = Callable[[Asking, Whom, bool], Decided]


class Chosen(NamedTuple):
    """Whom it is about, and how many they are now."""

    whom: Whom
    number: int


def _tag(asking: Asking, whom: Whom, dry_run: bool) -> Decided:
    return remarks.tag(asking.store, whom, asking.field("tag"), actor=asking.actor, dry_run=dry_run)


def _untag(asking: Asking, whom: Whom, dry_run: bool) -> Decided:
    return remarks.untag(asking.store, whom, asking.field("tag"), actor=asking.actor, dry_run=dry_run)


def _consent(asking: Asking, whom: Whom, dry_run: bool) -> Decided:
    return consenting.consent(
        asking.store,
        whom,
        asking.field("channel"),
        asking.field("purpose"),
        asking.field("state"),
        evidence=asking.field("evidence"),
        actor=asking.actor,
        dry_run=dry_run,
    )


def _inactive(asking: Asking, whom: Whom, dry_run: bool) -> Decided:
    return inactive.deactivate(asking.store, whom, actor=asking.actor, dry_run=dry_run)


def _active(asking: Asking, whom: Whom, dry_run: bool) -> Decided:
    return inactive.activate(asking.store, whom, actor=asking.actor, dry_run=dry_run)


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
        return _export(asking)
    if not customer and do not in (name for name, *_ in ACTIONS) and do not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    if asking.person is None or not asking.person.may("editor"):
        raise NotAllowed("changing customers takes an editor")
    if customer:
        return _done(asking, one, Whom([customer]))
    if do == "erase":
        if asking.person is None or not asking.person.may("admin"):
            raise NotAllowed("erasing takes an administrator")
        return asking.go(asking.link("/persons/erase", id=_people(asking)))
    if do == "merge":
        return _merge(asking)
    if do not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    chosen = _chosen(asking)
    told, wrong = None, None
    if do not in _ASKED:
        try:
            told = WRITES[do](asking, chosen.whom, True)
        except KlientelaError as error:
            wrong = asking.told(error)
    return _form(asking, do, chosen, told, wrong)


def _export(asking: Asking) -> Response:
    """To the choice of a file: of the ticked ones, or of the list itself."""
    there = asking.at(inside(asking.field("to")))
    state, view = state_of(there)
    if not asking.field("all"):
        return asking.go(asking.link("/customers/export", view=state.view, id=_ids(asking)))
    return asking.go(asking.link("/customers/export", **Address(there, state, view).values()))


def _people(asking: Asking) -> list[str]:
    """The ids of those who are to be erased: each is looked at first, so these very people are named."""
    if not asking.field("all"):
        return _ids(asking)
    whom = _sought(asking)
    assert whom.view is not None  # noqa: S101 - who is sought is so in a view
    with asking.store.reading() as db:
        found = listing(
            db, whom.view, search=whom.search, segment=whom.segment, filters=whom.filters, size=leaving.MOST + 1
        )
    if len(found.rows) > leaving.MOST:
        raise Misconfigured(
            f"at most {leaving.MOST} people can be erased at once", hint="Look for fewer, and erase them in parts."
        )
    return [row["id"] for row in found.rows]


def _merge(asking: Asking) -> Response:
    """To the room where two are joined: it asks for the reason and shows what it would do."""
    if asking.person is None or not asking.person.may("operator"):
        raise NotAllowed("joining customers takes an operator")
    ids = [] if asking.field("all") else _ids(asking)
    if len(ids) != 2:
        raise Misconfigured("two customers are joined at a time", hint="Tick exactly two of them.")
    return asking.go(asking.link("/merges", one=ids[0], two=ids[1]))


def do(asking: Asking) -> Response:
    """Do it, as one decision. What is wrong is told beside the form, and nothing is written."""
    word, chosen = asking.field("do"), _chosen(asking)
    if word not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    try:
        if asking.field("dry"):
            return _form(asking, word, chosen, WRITES[word](asking, chosen.whom, True), None)
        return _done(asking, word, chosen.whom._replace(looked_at=whole(asking.field("count"))))
    except KlientelaError as error:
        return _form(asking, word, chosen, None, asking.told(error), 400)


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


def _done(asking: Asking, word: str, whom: Whom) -> Response:
    if word not in WRITES:
        raise Misconfigured("nothing was chosen to be done")
    made = WRITES[word](asking, whom, False)
    said = asking.words.several("Done for %(count)s customer.", "Done for %(count)s customers.", len(made.customers))
    return asking.go(inside(asking.field("to")), said, undo=made.seq)


def _form(
    asking: Asking, word: str, chosen: Chosen, told: Decided | None, wrong: str | None, status: int = 200
) -> Response:
    return asking.show(
        "bulk.html",
        status=status,
        do=word,
        chosen=chosen,
        told=told,
        wrong=wrong,
        to=inside(asking.field("to")),
        field=asking.field,
        channels=consenting.CHANNELS,
        purposes=consenting.PURPOSES,
        asks=word in _ASKED,
    )


def _chosen(asking: Asking) -> Chosen:
    """The ticked ones; or everybody whom the list finds that the form was sent from, by its own question."""
    if not asking.field("all"):
        ids = _ids(asking)
        return Chosen(Whom(ids), len(ids))
    whom = _sought(asking)
    assert whom.view is not None  # noqa: S101 - who is sought is so in a view
    with asking.store.reading() as db:
        count = how_many(db, whom.view, search=whom.search, segment=whom.segment, filters=whom.filters)
    return Chosen(whom, count)


def _sought(asking: Asking) -> Whom:
    state, view = state_of(asking.at(inside(asking.field("to"))))
    if not narrowed(state):
        raise Misconfigured("the search is empty, which would mean everybody", hint="Say whom to look for.")
    return Whom((), state.search or None, view, state.segment, state.filters)


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
