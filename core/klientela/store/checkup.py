"""What `doctor` looks at inside the store: is it whole, do the tables agree with each other, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from klientela.store import ledger, search
from klientela.store.database import Db, Store
from klientela.store.migrations import HEAD
from klientela.store.rows import members_of
from klientela.store.tables import SHOWN

Level = Literal["ok", "note", "warning", "error"]

_MANY_NAMES = 20  # R20: so many different names in one customer are worth a look


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, how it is, a sentence, and how many it concerns."""

    check: str
    level: Level
    message: str
    count: int = 0


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything; each finding comes as soon as it is known. A large store takes a while."""
    with store.reading() as db:
        yield from _whole(db)
        yield from _chain(db)
        yield from _counts(db)
        yield from _left(db)
        yield from _people(db)
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
    yield from _say("audit", wrong, f"the audit log holds, {row[0] if row else 0} lines")


_AGREE = (
    (
        "every customer has its figures",
        "SELECT count(*) FROM customer c LEFT JOIN tally t ON t.id = c.id WHERE t.id IS NULL",
        "{} customers have no figures",
    ),
    (
        "no figures without a customer",
        "SELECT count(*) FROM tally t LEFT JOIN customer c ON c.id = t.id WHERE c.id IS NULL",
        "{} figures belong to no customer",
    ),
    (
        "every customer counts its records right",
        "SELECT count(*) FROM (SELECT COALESCE(n.customer, p.customer, p.id) AS customer, count(*) AS members "
        f"FROM person p LEFT JOIN node n ON n.id = p.node WHERE (p.flags & {SHOWN}) <> 0 GROUP BY 1) AS x "
        "LEFT JOIN customer c ON c.id = x.customer WHERE c.n IS NULL OR c.n <> x.members",
        "{} customers do not count their records right",
    ),
    (
        "every order's owner is there",
        "SELECT count(*) FROM orders o LEFT JOIN person p ON p.id = o.owner WHERE o.owner IS NOT NULL AND p.id IS NULL",
        "{} orders belong to nobody who is there",
    ),
    (
        "the number of customers is kept right",
        "SELECT abs((SELECT count(*) FROM customer WHERE inactive = 0) - COALESCE("
        "(SELECT sum(value) FROM figure WHERE name = 'customers' AND part = ''), 0))",
        "the stored number of customers is {} off",
    ),
    (
        "the revenue is kept right",
        "SELECT abs((SELECT COALESCE(sum(ltv), 0) FROM tally WHERE orders > 0) - COALESCE("
        "(SELECT sum(value) FROM figure WHERE name = 'ltv' AND part = ''), 0))",
        "the stored revenue is {} cents off",
    ),
)


def _counts(db: Db) -> Iterator[Finding]:
    for fine, sql, wrong in _AGREE:
        row = db.one(sql)
        count = int(row[0] or 0) if row else 0
        if count:
            yield Finding("figures", "error", f"{wrong.format(count)}; `klientela rebuild` makes it anew", count)
        else:
            yield Finding("figures", "ok", fine)


def _left(db: Db) -> Iterator[Finding]:
    yield _counted(db, "worklist", "warning", "SELECT count(*) FROM work", "nothing is left to work off",
                   "{} records wait to be looked at anew; `klientela sync` or the daemon does it")  # fmt: skip
    yield _counted(db, "quarantine", "warning", "SELECT count(*) FROM quarantine", "the quarantine is empty",
                   "{} records could not be taken; `klientela quarantine` lists them")  # fmt: skip
    yield _counted(db, "stubs", "note", "SELECT count(*) FROM record WHERE channel IS NULL AND entity IN (0, 1)",
                   "every buyer an order names is known",
                   "{} buyers are known from their orders alone and make no row yet (R0d)")  # fmt: skip


def _people(db: Db) -> Iterator[Finding]:
    shared = (
        "SELECT count(*) FROM (SELECT key FROM mark WHERE name <> '' GROUP BY key HAVING count(DISTINCT name) > 1) AS x"
    )
    yield _counted(db, "shared values", "note", shared, "no value is shared by people of different names",
                   "{} e-mails, phones or addresses are shared by people of different names (R17b)")  # fmt: skip
    yield _counted(db, "limits", "note", "SELECT count(*) FROM crowded", "no value is above its limit",
                   "{} values are carried by so many names that they join equal names only (R20)")  # fmt: skip
    large = [row[0] for row in db.rows("SELECT id FROM customer WHERE n > ?", (_MANY_NAMES,))]
    odd = 0
    for start in range(0, len(large), 500):
        for members in members_of(db, large[start : start + 500], "p.name").values():
            odd += len({name for (name,) in members if name}) > _MANY_NAMES
    if odd:
        yield Finding("names", "warning", f"{odd} customers go by more than {_MANY_NAMES} different names (R20)", odd)
    else:
        yield Finding("names", "ok", f"no customer goes by more than {_MANY_NAMES} names")


def _counted(db: Db, check: str, level: Level, sql: str, fine: str, said: str) -> Finding:
    row = db.one(sql)
    count = int(row[0]) if row else 0
    return Finding(check, level, said.format(count), count) if count else Finding(check, "ok", fine)


def _say(check: str, wrong: list[str], fine: str) -> Iterator[Finding]:
    for sentence in wrong:
        yield Finding(check, "error", sentence, 1)
    if not wrong:
        yield Finding(check, "ok", fine)
