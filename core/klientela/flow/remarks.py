"""What an operator puts beside a customer: tags, the one remark, notes with files; internal, and taken back like any
decision (R40)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from klientela.errors import Conflict, Misconfigured
from klientela.flow import hands
from klientela.flow.card import Card
from klientela.flow.crowd import Whom, customers
from klientela.flow.desk import Decided, found
from klientela.flow.enclosed import LARGEST
from klientela.flow.hands import Word
from klientela.model.records import File
from klientela.rules import entered, hand
from klientela.store import files
from klientela.store.database import Step, Store
from klientela.store.spoken import NOTE, REMARK, Spoken

MOST_FILES = 20
"""Files of one note."""

LARGEST_PICTURE = 2 * 2**20
"""Bytes of the largest picture of a customer."""

_PICTURES = (
    ("image/png", b"\x89PNG\r\n\x1a\n", 8, b""),
    ("image/jpeg", b"\xff\xd8\xff", 3, b""),
    ("image/gif", b"GIF8", 4, b""),
    ("image/webp", b"RIFF", 8, b"WEBP"),
)
"""How the bytes of a picture begin, and what stands at a later place."""


def remark(
    store: Store,
    customer: str,
    text: str,
    *,
    as_of: int | None = None,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Write the one remark of a customer in the place of the one before; an empty text removes it (C22).

    It stands on the oldest record and stays with it on a split (R24). Where it says that already nothing is written.
    """
    said = _words("remark", text)

    def words(step: Step) -> Sequence[Word]:
        card = _card(step, customer)
        card.unless_changed(as_of, [REMARK])
        standing = card.remarks()
        if (standing[-1].detail["text"] if standing else "") == said:
            return []
        return [Word(REMARK, card.spoken_of, {"text": said})]

    return hands.say(store, "remark", words, {}, actor=actor, dry_run=dry_run)


def note(
    store: Store,
    customer: str,
    text: str,
    attached: Sequence[File] = (),
    *,
    actor: str = "operator",
    dry_run: bool = False,
) -> Decided:
    """Add a note to a customer, with files (each with its `content`); any number of notes stand beside each other."""
    said = _words("note", text)
    if not said and not attached:
        raise Misconfigured("a note needs a text or a file", hint="Write the text behind the id.")
    kept = _files(attached)

    def words(step: Step) -> Sequence[Word]:
        return [_noted(step, customer, said, kept, {})]

    return hands.say(store, "note", words, {"files": len(kept)}, actor=actor, dry_run=dry_run)


def picture(store: Store, customer: str, file: File, *, actor: str = "operator", dry_run: bool = False) -> Decided:
    """Give a customer a picture in the place of the one before (S21): a note whose file says so, `"picture": true`; the
    newest one is shown. What kind of picture it is, its bytes tell. Misconfigured for anything else."""
    (kept,) = _files([file])
    content = kept.content or b""
    kind = next(
        (kind for kind, begins, at, then in _PICTURES if content.startswith(begins) and content[at:].startswith(then)),
        None,
    )
    if kind is None:
        raise Misconfigured("that is no picture that is understood", hint="PNG, JPEG, WebP and GIF are.")
    if len(content) > LARGEST_PICTURE:
        raise Misconfigured(f"the picture is larger than {LARGEST_PICTURE >> 20} MB", hint="Make it smaller first.")
    shown = [replace(kept, type=kind)]

    def words(step: Step) -> Sequence[Word]:
        return [_noted(step, customer, "", shown, {"picture": True})]

    return hands.say(store, "picture", words, {}, actor=actor, dry_run=dry_run)


def _noted(step: Step, customer: str, text: str, kept: Sequence[File], more: Mapping[str, Any]) -> Word:
    """A note, with its files kept."""
    record = _card(step, customer).spoken_of
    for file in kept:
        assert file.sha256 is not None and file.content is not None  # noqa: S101, PT018 - see _files
        files.keep(step, file.sha256, file.type, file.content)
        files.attach(step, record, file.sha256, file.name)
    named = [{"sha256": one.sha256, "name": one.name, "type": one.type, "size": one.size, **more} for one in kept]
    return Word(NOTE, record, {"text": text, **({"files": named} if named else {})})


def tag(
    store: Store, whom: Sequence[str] | Whom, name: str, *, actor: str = "operator", dry_run: bool = False
) -> Decided:
    """Put a tag on customers, named by ids or found by a search, as one decision. Those that have it stay as they are."""
    wanted = _tag(name)

    def words(step: Step) -> Sequence[Word]:
        cards = _cards(step, whom)
        return [Word(hand.TAG, card.spoken_of, {"tag": wanted}) for card in cards if wanted not in _tags_of(card)]

    return hands.say(store, "tag", words, {"tag": wanted}, actor=actor, dry_run=dry_run)


def untag(
    store: Store, whom: Sequence[str] | Whom, name: str, *, actor: str = "operator", dry_run: bool = False
) -> Decided:
    """Take an operators' tag off customers, as one decision. Conflict where one has it from a source, or not at all:
    nothing is written then. Of whom a search finds, those without it are left out, but one must have it."""
    wanted = _tag(name)

    def which(step: Step) -> Sequence[Spoken]:
        cards = _cards(step, whom)
        if isinstance(whom, Whom) and whom.sought:
            cards = [card for card in cards if wanted in _tags_of(card)]
            if not cards:
                raise Conflict(f"none of them has the tag {wanted!r}", hint=f"Find them with --filter tag={wanted}.")
        return [word for card in cards for word in _own(card, wanted)]

    return hands.unsay(store, "untag", which, {"tag": wanted}, actor=actor, dry_run=dry_run)


def _own(card: Card, name: str) -> list[Spoken]:
    """The decisions that put a tag on a customer."""
    if name not in _tags_of(card):
        raise Conflict(f"the customer {card.named} has no tag {name!r}", hint="The profile's `tags` are those it has.")
    sources = card.tag_sources(name)
    if sources:
        raise Conflict(
            f"the tag {name!r} comes from {', '.join(sources)}, so it is taken off there",
            hint="`klientela untag` takes off what `klientela tag` put on.",
        )
    return [word for word in card.said if word.kind == hand.TAG and word.holds and word.detail["tag"] == name]


def _tags_of(card: Card) -> list[str]:
    return card.members.summary.tags


def _cards(step: Step, whom: Sequence[str] | Whom) -> list[Card]:
    """Each customer once, however often and by whichever of its ids it is named."""
    named = whom.ids if isinstance(whom, Whom) else whom
    if isinstance(whom, Whom) and whom.sought:
        return [Card(step.db, step.store.key, number) for number in customers(step, whom)]
    if not named:
        raise Misconfigured("no customer is named", hint="Name customers by their ids.")
    numbers = {found(step, text).customer: text for text in named}
    return [Card(step.db, step.store.key, number, text) for number, text in numbers.items()]


def _card(step: Step, customer: str) -> Card:
    return Card(step.db, step.store.key, found(step, customer).customer, customer)


def _tag(name: str) -> str:
    try:
        return entered.tag(name)
    except ValueError as error:
        raise Misconfigured(str(error), hint="Nothing was written.") from error


def _words(what: str, text: str) -> str:
    try:
        return entered.words(what, text)
    except ValueError as error:
        raise Misconfigured(str(error), hint="Nothing was written.") from error


def _files(attached: Sequence[File]) -> list[File]:
    """The files with digest and size. Misconfigured where one cannot be kept."""
    if len(attached) > MOST_FILES:
        raise Misconfigured(f"a note takes at most {MOST_FILES} files", hint="Write a second note for the others.")
    made = []
    for file in attached:
        content = file.content
        if not content:
            raise Misconfigured(f"the file {file.name!r} is empty", hint="Nothing was written.")
        if len(content) > LARGEST:
            raise Misconfigured(
                f"the file {file.name!r} is larger than {LARGEST} bytes", hint="Keep it elsewhere and note where."
            )
        made.append(
            File(
                type=file.type,
                name=file.name,
                sha256=sha256(content).hexdigest(),
                size=len(content),
                content=content,
            )
        )
    return made


__all__ = ["LARGEST_PICTURE", "MOST_FILES", "note", "picture", "remark", "tag", "untag"]
