"""What `doctor` looks at inside the store: is it whole, do the tables agree with each other, what is left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from klientela.model.instants import iso
from klientela.model.records import Person
from klientela.model.words import agree
from klientela.rules.publish import EMAIL, held_back, policy_for
from klientela.rules.ruleset import Ruleset
from klientela.rules.values import Value, values, warning
from klientela.store import cleaning, facts, inbox, ledger, mapping, operation, outbox, search
from klientela.store.database import Db, Store
from klientela.store.finding import Finding, Level
from klientela.store.identity import unpack_keys
from klientela.store.invariants import invariants
from klientela.store.migrations import HEAD
from klientela.store.rows import members_of
from klientela.store.tables import UNMATCHED

_PARTS = 8  # of the bitmaps of a large list are compared with its rows; `rebuild --check` is for all of everything
_TRIED = 3  # attempts after which a message that waits is told of
_MANY_NAMES = 20  # R20: so many different names in one customer are worth a look


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything; each finding comes as soon as it is known. A large store takes a while."""
    with store.reading() as db:
        yield from _whole(db)
        yield from _chain(db)
        rules = store.ruleset(db)
        yield from invariants(db, store.key, rules.currency)
        yield from _left(db)
        yield from _messages(db)
        yield _erased(store, db)
        yield from _orders(db)
        yield from _people(db)
        yield from _blocked(db, rules)
        yield from _say(
            "bitmaps", mapping.check(db, _PARTS), "the bitmaps of the list say what its rows say, or it needs none"
        )
    # the index's own check is a writing statement on SQLite, though it writes nothing
    with store.step("doctor") as step:
        wrong = search.check(step.db)
    yield from _say("search index", wrong, "the search index finds what the list holds")


def _whole(db: Db) -> Iterator[Finding]:
    row = db.one("SELECT version_num FROM alembic_version")
    version = row[0] if row else None
    if version == HEAD:
        yield Finding("schema", "ok", f"the schema is of version {version}")
    else:
        yield Finding("schema", "error", f"the schema is of version {version}, this klientela knows {HEAD}")
    if db.sqlite:
        said = [text for (text,) in db.rows("PRAGMA integrity_check(5)")]
        yield from _say("integrity", [] if said == ["ok"] else said, "the database file is whole")


def _chain(db: Db) -> Iterator[Finding]:
    wrong = []
    for sentence in ledger.verify(db):
        wrong.append(sentence)
        if len(wrong) == 5:
            break
    row = db.one("SELECT count(*) FROM audit")
    yield from _say("audit", wrong, agree(row[0] if row else 0, "the audit log holds, {} [line|lines]"))


def _left(db: Db) -> Iterator[Finding]:
    yield _counted(db, "worklist", "warning", "SELECT count(*) FROM work", "nothing is left to work off",
                   "{} [record waits|records wait] to be looked at anew; `klientela sync` or the daemon does it")  # fmt: skip
    yield _counted(db, "quarantine", "warning", "SELECT count(*) FROM quarantine", "the quarantine is empty",
                   "{} [record|records] could not be taken; `klientela quarantine` lists them")  # fmt: skip
    yield _counted(db, "stubs", "note", "SELECT count(*) FROM record WHERE channel IS NULL AND gone = 0 AND entity IN (0, 1)",
                   "everybody whom an order or a letter names is known",
                   "{} [person is|people are] known from orders or letters alone and [makes|make] no row yet (R0d)")  # fmt: skip


def _messages(db: Db) -> Iterator[Finding]:
    """What webhooks brought and nobody could deal with yet."""
    found = inbox.unfinished(db)
    for one in found:
        since = f"since {iso(one.since)}"
        about, wait = f"of {one.source} about {one.topic}", agree(one.entries, "[waits|wait]")
        if one.state == "held":
            asked = agree(one.entries, "{} [request|requests]")
            yield Finding(
                "inbox",
                "warning",
                f"{asked} {about} {wait} for your decision {since}; `klientela person requests` lists them (R57)",
                one.entries,
            )
        elif one.state == "new" and one.attempts >= _TRIED:
            sent = agree(one.entries, "{} [message|messages]")
            yield Finding("inbox", "warning", f"{sent} {about} {wait} {since} and could not be applied in {one.attempts} "
                          "attempts", one.entries)  # fmt: skip
    fresh = sum(one.entries for one in found if one.state == "new")
    if fresh:
        yield Finding(
            "inbox",
            "note",
            agree(fresh, "{} [webhook waits|webhooks wait] to be applied; the daemon or the next sync does it"),
            fresh,
        )
    elif not found:
        yield Finding("inbox", "ok", "no webhook waits")


def _erased(store: Store, db: Db) -> Finding:
    """How many erasures hold, and whether the files were cleaned after the last one."""
    if cleaning.owed(db):
        return Finding(
            "erasures", "warning", "the files are not cleaned yet after an erasure; the next command does it", 1
        )
    graves = store.graves()
    if graves is None:
        return Finding("erasures", "ok", "nobody was erased")
    said = agree(graves.erasures, "{} [erasure holds|erasures hold]: nobody of them comes back")
    return Finding("erasures", "ok", said, graves.erasures)


def _orders(db: Db) -> Iterator[Finding]:
    unmatched = f"SELECT count(*) FROM carrier WHERE head = record AND flags & {UNMATCHED} <> 0"
    yield _counted(db, "carriers", "note", unmatched,
                   "every order that another platform passed on is matched with that platform's own, or none was passed on",
                   "{} [order was|orders were] passed on from a shop that is not mapped to one of our sources, or not "
                   "found there; `same_as` maps a shop (R29)")  # fmt: skip
    unsettled = outbox.unsettled(db, operation.now())
    if unsettled:
        said = "of {} [order|orders] sent to a shop nobody knows whether [it|they] arrived; its page says where to look (S19)"
        yield Finding("outbox", "warning", agree(unsettled, said), unsettled)
    else:
        yield Finding("outbox", "ok", "every order that was sent to a shop is known to be there or not")
    loose = "SELECT count(*) FROM paper p JOIN record r ON r.id = p.target WHERE r.channel IS NULL"
    yield _counted(db, "papers", "note", loose, "every credit note and cancellation has its order",
                   "{} [credit note or cancellation speaks|credit notes or cancellations speak] "
                   "of an order that has not come (R29b)")  # fmt: skip


def _people(db: Db) -> Iterator[Finding]:
    shared = (
        "SELECT count(*) FROM (SELECT key FROM mark WHERE name <> '' GROUP BY key HAVING count(DISTINCT name) > 1) AS x"
    )
    yield _counted(db, "shared values", "note", shared, "no value is shared by people of different names",
                   "{} [e-mail, phone or address is|e-mails, phones or addresses are] "
                   "shared by people of different names (R17b)")  # fmt: skip
    yield _counted(db, "limits", "note", "SELECT count(*) FROM crowded", "no value is above its limit",
                   "{} [value is|values are] carried by so many names that "
                   "[it joins|they join] equal names only (R20)")  # fmt: skip
    large = [row[0] for row in db.rows("SELECT id FROM customer WHERE n > ?", (_MANY_NAMES,))]
    odd = 0
    for start in range(0, len(large), 500):
        for members in members_of(db, large[start : start + 500], "p.name").values():
            odd += len({name for (name,) in members if name}) > _MANY_NAMES
    if odd:
        yield Finding("names", "warning", f"{odd} customers go by more than {_MANY_NAMES} different names (R20)", odd)
    else:
        yield Finding("names", "ok", f"no customer goes by more than {_MANY_NAMES} names")


_MOST, _KEPT, _BATCH = 10, 50_000, 500


def _blocked(db: Db, ruleset: Ruleset) -> Iterator[Finding]:
    """E-mails that never match although several records carry them: one finding for each (R19).

    Only records that publish no e-mail are read; those that a guest policy keeps back publish none on purpose.
    """
    sources = facts.sources(db)
    found: Counter[Value] = Counter()
    for batch in _without_email(db):
        for item in facts.load(db, batch).values():
            uid = sources[item.source].uid
            rules = ruleset.of(uid)
            if isinstance(item.fact, Person) and (
                policy_for(item.fact, rules) == "merge" or not held_back(item.fact, rules)
            ):
                found.update(value for value in values(item.fact, uid, ruleset) if value.blocked)
        if len(found) > _KEPT:
            found = Counter({value: count for value, count in found.items() if count > 1})
    several = sorted(((-count, value) for value, count in found.items() if count > 1), key=lambda one: one[0])
    for count, value in several[:_MOST]:
        yield Finding("blocked values", "note", warning(value, -count), -count)
    if len(several) > _MOST:
        more = len(several) - _MOST
        yield Finding("blocked values", "note", agree(more, "and {} more [value|values] that never match (R19)"), more)
    if not several:
        yield Finding("blocked values", "ok", "no value that never matches is carried by several records")


def _without_email(db: Db) -> Iterator[list[int]]:
    batch: list[int] = []
    last = 0
    while rows := db.rows("SELECT id, keys FROM person WHERE id > ? ORDER BY id LIMIT ?", (last, _BATCH)):
        last = rows[-1][0]
        batch = [number for number, keys in rows if all(key.kind != EMAIL for key in unpack_keys(bytes(keys)))]
        if batch:
            yield batch


def _counted(db: Db, check: str, level: Level, sql: str, fine: str, said: str) -> Finding:
    row = db.one(sql)
    count = int(row[0]) if row else 0
    return Finding(check, level, agree(count, said), count) if count else Finding(check, "ok", fine)


def _say(check: str, wrong: list[str], fine: str) -> Iterator[Finding]:
    for sentence in wrong:
        yield Finding(check, "error", sentence, 1)
    if not wrong:
        yield Finding(check, "ok", fine)


__all__ = ["Finding", "Level", "examine"]
