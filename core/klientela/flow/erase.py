"""Erase a person: empty everything that is kept, see to it that nobody brings him back, and leave no byte behind (R56).

with step:
    reach        what goes: a customer's records and all that hangs on them
    empty        claims, orders without person, files, decisions
    derive       by the road of every page
    empty        the log's private part, the desk, what came as it came
    tombstone    written and synced: from here on the erasure holds, whatever happens
clean            the files
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from klientela.errors import Conflict, Misconfigured, UnknownThing
from klientela.failpoints import failpoint
from klientela.flow import emptying, reach
from klientela.flow.derive import Deriver
from klientela.flow.reach import Bearer, Others, Reach
from klientela.flow.restate import companions, restate
from klientela.flow.traces import Finder, Traces
from klientela.model.instants import iso
from klientela.model.records import Redact
from klientela.rules.keys import mailbox_blocked
from klientela.rules.ruleset import Ruleset
from klientela.rules.text import visible
from klientela.store import cleaning, facts, ids, ledger, tombstones
from klientela.store.database import Db, Step, Store
from klientela.store.facts import SourceRow
from klientela.store.locate import locate, record_keys
from klientela.store.rows import records_of
from klientela.store.tombstones import Graves, Line, Tombstones, of_named, of_public, of_record, of_value

_HINT = "`klientela person release` lets later syncs bring the person again"


class Candidate(NamedTuple):
    """A record of somebody else that carries one of the person's identifiers, and by which rules."""

    record: str
    rules: tuple[str, ...]


@dataclass(slots=True)
class Erased:
    """What an erasure took, or would take (`seq` None: a dry run). `cleaned`: no byte is left in the files; else somebody
    read them all the while, and the next command cleans them.

    `customers`: the people, with their records; `records`, `orders`, `things`: how many are emptied, or without person
    now; `proposed`: who carries an identifier under a compatible name and may be the same; `others`: under another one.
    """

    seq: int | None = None
    tombstone: str | None = None
    cleaned: bool = False
    customers: list[dict[str, Any]] = field(default_factory=list)
    records: int = 0
    orders: int = 0
    things: int = 0
    proposed: list[Candidate] = field(default_factory=list)
    others: list[Candidate] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of commands that write (contract.md)."""
        made: dict[str, Any] = (
            {} if self.seq is None else {"seq": self.seq, "tombstone": self.tombstone, "cleaned": self.cleaned}
        )
        return {
            **made,
            "customers": self.customers,
            "records": self.records,
            "orders": self.orders,
            "things": self.things,
            "proposed": [{"record": one.record, "rules": list(one.rules)} for one in self.proposed],
            "others": [{"record": one.record, "rules": list(one.rules)} for one in self.others],
        }


class Again(NamedTuple):
    """What a store had to be told once more, for it was restored or killed: erasures, and records it still held."""

    erasures: int
    records: int


class Plan(NamedTuple):
    """What is erased, what was ever said of it, and who else says it."""

    reach: Reach
    traces: Traces
    others: Others
    telling: frozenset[int]  # orders whose own id or number names the person


def erase(
    store: Store,
    text: str,
    *,
    reason: str,
    records: Sequence[str] = (),
    everybody: bool = False,
    actor: str = "operator",
    dry_run: bool = False,
) -> Erased:
    """Erase the customer that an id or record key names. It cannot be undone.

    `records`: keys out of the dry run's `proposed`, to be erased too with their customers; `everybody`: all of them.
    UnknownThing for nobody, Conflict for a record that is not proposed or was erased before, Misconfigured without a
    reason, or with one that names the person.
    """
    file = _file(store)
    if not visible(reason):
        raise Misconfigured("an erasure needs a reason", hint="Give one with --reason TEXT; it is kept in the log.")
    if dry_run:
        with store.reading() as db:
            return _told(db, store, *_planned(db, store, text, records, everybody))
    with store.step("erase", actor=actor) as step:
        plan, customers = _planned(step.db, store, text, records, everybody)
        if Finder(plan.traces).any(reason):
            raise Misconfigured(
                "the reason names the person, and it is kept in the log",
                hint="Say why without name, address or number.",
            )
        made = _told(step.db, store, plan, customers)
        line = tombstone(step, plan, values="all")
        carry_through(step, plan, {"reason": reason, "tombstone": line.id})
        tombstones.remember(step.db, file.append(line))
        failpoint("erasure.tombstoned")
        made.seq, made.tombstone = step.seq, line.id
    failpoint("erasure.committed")
    made.cleaned = cleaning.clean_up(store)
    return made


def carry_out(store: Store) -> Again:
    """Carry out what the tombstone file knows and this store does not, and clean up after an erasure that was cut short.

    Costs two reads where there is nothing to do.
    """
    file = store.tombstones
    if file is None:
        return Again(0, 0)
    with store.reading() as db:
        lines, known = file.pending(db)
    records = 0
    if lines:
        with store.step("erase", actor="tombstones") as step:
            lines, known = file.pending(step.db)
            records = _erase_again(step, lines, {line.id for line in file.erasures()})
            tombstones.remember(step.db, known)
    cleaning.clean_up(store)
    return Again(sum(bool(line.id) for line in lines), records)


def redact(step: Step, source: SourceRow, asked: Sequence[Redact]) -> int:
    """Erase what a shop was asked to erase, of that source alone, in the step that ticks its messages off (R57); how many
    records of people there were. `cleaning.clean_up` comes after it.

    Each names a customer and orders by the source's own ids, or everything (`customer` None).
    """
    db, file = step.db, _file(step.store)
    people, orders = _asked(db, source, asked)
    reached = reach.of_records(db, source.id, people, orders)
    rules = step.store.ruleset(db)
    traces = reach.traces_of(db, reached, rules.country, step.store.key)
    telling = telling_orders(db, reached, traces)
    traces.names.clear()  # other sources may know the same person, who stays there
    plan = Plan(reached, traces, reach.others(db, reached, traces, rules), telling)
    also = [(source, "customer", one.customer) for one in asked if one.customer is not None]
    also += [(source, "order", ext) for one in asked for ext in one.orders]
    line = tombstone(step, plan, values="alone", also=also)
    if reached.everything():
        carry_through(step, plan, {"reason": "asked at the shop", "tombstone": line.id}, source=source.id)
    tombstones.remember(db, file.append(line))
    return len(reached.persons)


def redactable(store: Store, source: int, asked: Sequence[Redact]) -> int:
    """How many records of people `redact` would erase now; nothing is written."""
    _file(store)
    with store.reading() as db:
        people, orders = _asked(db, facts.sources(db)[source], asked)
        return len(reach.of_records(db, source, people, orders).persons)


def _asked(db: Db, source: SourceRow, asked: Sequence[Redact]) -> tuple[set[int], set[int]]:
    """The person records and orders that are meant, as far as they are known."""
    if any(one.customer is None for one in asked):
        among = ", ".join(map(str, sorted(facts.PERSONS)))
        every = f"SELECT id FROM record WHERE source = ? AND ext NOT LIKE '{emptying.ERASED}%' AND entity "
        people = {row[0] for row in db.rows(f"{every} IN ({among})", (source.id,))}
        return people, {row[0] for row in db.rows(f"{every} = {facts.ORDER}", (source.id,))}
    people = {
        row.id
        for entity in (facts.CUSTOMER, facts.CONTACT)
        for row in facts.known(db, source.id, entity, [one.customer for one in asked if one.customer]).values()
    }
    orders = facts.known(db, source.id, facts.ORDER, [ext for one in asked for ext in one.orders])
    return people, {row.id for row in orders.values()}


def release(store: Store, text: str, *, reason: str, actor: str = "operator", dry_run: bool = False) -> dict[str, Any]:
    """Lift the tombstone that has this id, or that a record's key hits: later syncs may bring the person again.

    `{"seq", "customers": [], "tombstone"}`, without `seq` in a dry run. UnknownThing where there is none.
    """
    file = _file(store)
    if not visible(reason):
        raise Misconfigured("a release needs a reason", hint="Give one with --reason TEXT; it is kept in the log.")
    if dry_run:
        with store.reading() as db:
            return {"customers": [], "tombstone": _lying(db, file, text).id}
    with store.step("release", actor=actor) as step:
        line = _lying(step.db, file, text)
        detail = {"tombstone": line.id, "reason": reason}
        ledger.write(step, [ledger.Line("released", None, None, None, {"records": [], "detail": detail})])
        tombstones.remember(step.db, file.append(Line(at=iso(step.at), lifts=line.id)))
        return {"seq": step.seq, "customers": [], "tombstone": line.id}


def _lying(db: Db, file: Tombstones, text: str) -> Line:
    """The newest tombstone that has this id, or that a record's key hits."""
    key = _hash_of(db, file, text)
    line = next((one for one in reversed(file.erasures()) if one.id == text or key in one.hashes()), None)
    if line is None:
        raise UnknownThing(
            f"there is no tombstone of {' '.join(text.split())}",
            hint="Name the record that was erased as source/entity/external_id, or the id that `erase` told",
        )
    return line


# -- who is meant -----------------------------------------------------------------------------------------------------


def _file(store: Store) -> Tombstones:
    if store.tombstones is None:
        raise Misconfigured("this store was opened without a tombstone file", hint="Set privacy.tombstones.")
    return store.tombstones


def _planned(db: Db, store: Store, text: str, records: Sequence[str], everybody: bool) -> tuple[Plan, set[int]]:
    """What an erasure reaches, and the customers it is about."""
    customers = {_customer(db, store, text)}
    plan = plan_of(db, store, reach.of_customers(db, customers))
    added = _added(db, plan.others.bearers, records, everybody)
    if added:
        customers |= added
        plan = plan_of(db, store, reach.of_customers(db, customers))
    return plan, customers


def _customer(db: Db, store: Store, text: str) -> int:
    try:
        return locate(db, store.key, text).customer
    except UnknownThing as error:
        file = store.tombstones
        hashed = _hash_of(db, file, text) if file is not None else None
        if file is not None and any(hashed in line.records for line in file.erasures()):
            raise Conflict(f"{text} was erased already", hint=_HINT) from error
        raise


def _hash_of(db: Db, file: Tombstones, text: str) -> str | None:
    """The hash of a record's key as people write it, or of a public id."""
    label, _, rest = text.strip().partition("/")
    entity, slash, ext = rest.partition("/")
    if not slash:
        return of_public(file.key, text.strip()).hex()
    uid = next((row.uid for row in facts.sources(db).values() if label in (row.label, row.uid)), None)
    return None if uid is None else of_record(file.key, uid, entity, ext).hex()


def _added(db: Db, bearers: Iterable[Bearer], records: Sequence[str], everybody: bool) -> set[int]:
    """The customers of proposed records that are to be erased too."""
    fitting = [one for one in bearers if one.fits]
    if everybody:
        return {one.customer for one in fitting}
    names = record_keys(db, [one.record for one in fitting])
    proposed = {names[one.record]: one.customer for one in fitting}
    for key in records:
        if key not in proposed:
            raise Conflict(
                f"the record {key} is not proposed for this erasure",
                hint="`--dry-run` lists what is; erase others by id",
            )
    return {proposed[key] for key in records}


def plan_of(db: Db, store: Store, reached: Reach) -> Plan:
    """What an erasure of so much means: everything ever said of it, who else says it, and what belongs to nobody else."""
    rules = store.ruleset(db)
    traces = reach.traces_of(db, reached, rules.country, store.key)
    others = reach.others(db, reached, traces, rules)
    while others.loose or others.dormant:  # who is added may carry more than the person did, and share it with others
        entities: dict[int, int] = dict(
            db.rows(f"SELECT id, entity FROM record WHERE id {db.among}", (db.pack(others.loose | others.dormant),))
        )
        people = {number for number in others.dormant if entities[number] in facts.PERSONS}
        carts = {number for number in others.loose if entities[number] == facts.CHECKOUT}
        wider = reach.of_customers(db, (), reached.persons | people, reached.bought | others.dormant - people | carts)
        reached = Reach(wider.persons, wider.bought, wider.things | reached.things | others.loose - carts)
        traces = reach.traces_of(db, reached, rules.country, store.key)
        others = reach.others(db, reached, traces, rules)
    return Plan(reached, traces, others, telling_orders(db, reached, traces))


def telling_orders(db: Db, reached: Reach, traces: Traces) -> frozenset[int]:
    """Orders that are reached and whose own id or number names the person."""
    return frozenset(emptying.telling(db, reached, Finder(traces)))


def _told(db: Db, store: Store, plan: Plan, customers: set[int]) -> Erased:
    sources = facts.sources(db)
    packed = db.pack(customers)
    public: dict[int, Any] = dict(db.rows(f"SELECT id, pub FROM customer WHERE id {db.among}", (packed,)))
    records = records_of(db, customers, sources, store.key)
    told = [
        {"id": ids.text(bytes(public[number])) if number in public else records[number][0]["id"], "records": listed}
        for number, listed in records.items()
    ]
    names = record_keys(db, [one.record for one in plan.others.bearers])

    def candidates(fits: bool) -> list[Candidate]:
        return sorted(Candidate(names[one.record], one.rules) for one in plan.others.bearers if one.fits is fits)

    return Erased(
        customers=sorted(told, key=lambda one: str(one["id"])),
        records=len(plan.reach.persons),
        orders=len(plan.reach.bought),
        things=len(plan.reach.things),
        proposed=candidates(True),
        others=candidates(False),
    )


# -- carrying it out --------------------------------------------------------------------------------------------------


Values = Literal["all", "alone", "none"]
"""Which e-mails and phones a tombstone is of: also those that others have, then with the name; those of nobody else; none,
so that who comes back under another key is welcome."""


def tombstone(step: Step, plan: Plan, *, values: Values, also: Iterable[tuple[SourceRow, str, str]] = ()) -> Line:
    """The tombstone of an erasure. `also`: source, entity and external id of what is not known yet."""
    db, file = step.db, _file(step.store)
    key, rules = file.key, step.store.ruleset(step.db)
    line = Line(at=iso(step.at), id=secrets.token_hex(4))
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    for number, source, entity, ext in db.rows(
        f"SELECT id, source, entity, ext FROM record WHERE id {db.among}", (db.pack(plan.reach.everything()),)
    ):
        hashed = of_record(key, uids[source], facts.entity_name(entity), ext).hex()
        (line.orders if number in plan.reach.bought else line.records).append(hashed)
        if number in plan.telling:
            line.hidden.append(hashed)
    line.records += [of_public(key, public).hex() for public in plan.traces.publics]
    for source, name, ext in also:
        (line.orders if name == "order" else line.records).append(of_record(key, source.uid, name, ext).hex())
    if values != "none":
        alone = {one for one in plan.traces.values - plan.others.shared if not _anybodys(one, rules)}
        line.values = [of_value(key, *value).hex() for value in alone]
        names = plan.traces.folded_names() if values == "all" else ()
        line.named = [of_named(key, *value, name).hex() for value in plan.traces.values - alone for name in names]
    for name in ("records", "orders", "values", "named", "hidden"):
        setattr(line, name, sorted(set(getattr(line, name))))  # in their own order hashes say nothing of which is whose
    return line


def _anybodys(value: tuple[str, str], rules: Ruleset) -> bool:
    """Whether a value is a box of many people, a forwarding address or on the operator's list (R19)."""
    kind, text = value
    return mailbox_blocked(text, rules.blocked) if kind == "email" else text in rules.blocked


def carry_through(
    step: Step, plan: Plan, detail: dict[str, Any], *, source: int | None = None, waiting: bool = True
) -> None:
    """Empty everything that is reached, inside a step; `detail` stands in the log, and may name nobody. `source`: what
    waits of other sources stays (R57); `waiting` False: of all of them (R59)."""
    db = step.db
    cleaning.begin(step)
    beside, tied = companions(db, plan.reach.persons), emptying.merged_into(db, plan.reach)
    finder = Finder(plan.traces, plan.others.shared)
    mask = partial(tombstones.mask, _file(step.store).key)
    partners = emptying.empty_batches(step, plan.reach, finder)
    partners |= emptying.empty_facts(step, plan.reach, plan.telling, mask)
    persons, orders, carts, things = emptying.leaving(db, plan.reach)
    persons += [item for _, item in sorted(facts.load(db, partners).items()) if item.fact is not None]
    deriver = Deriver(db, step.store.ruleset(db), hushed=frozenset(plan.reach.gone))
    deriver.page(step, persons, orders, carts, set(), things, force=True)
    failpoint("erasure.derived")
    lost = emptying.empty_log(step, finder)
    emptying.empty_desk(step, finder, source, waiting=waiting)
    emptying.empty_payloads(step, plan.reach, finder)
    emptying.hide_keys(step, plan.reach)
    # of whom a source says that he was merged into one of them: by that key it means nobody we know of now
    again = [item for _, item in sorted(facts.load(db, tied).items()) if item.fact is not None]
    deriver.page(step, again, [], [], set(), force=True)
    restate(step, lost, beside)
    told = {"people": len(plan.reach.persons), "orders": len(plan.reach.bought), **detail}
    ledger.write(step, [ledger.Line("erased", None, None, None, {"records": [], "detail": told})])


def _erase_again(step: Step, lines: Iterable[Line], standing: set[str]) -> int:
    """Erase what these tombstones hit and the store holds; how many records of people that were."""
    db, store = step.db, step.store
    graves = Graves(_file(store).key)
    for line in lines:
        if line.id in standing:
            graves.add(line)
    if not graves:
        return 0
    if emptying.empty_desk_again(step, graves):
        cleaning.begin(step)
    uids = {number: row.uid for number, row in facts.sources(db).items()}
    reached, hidden = Reach(), set()
    for number, source, entity, ext in db.stream("SELECT id, source, entity, ext FROM record"):
        hashed = of_record(graves.key, uids[source], facts.entity_name(entity), ext)
        if entity in (facts.ORDER, facts.CHECKOUT):
            if hashed in graves.orders:
                reached.bought.add(number)
            if hashed in graves.hidden:
                hidden.add(number)
        elif hashed in graves.records:
            (reached.persons if entity in facts.PERSONS else reached.things).add(number)
    if not reached.everything():
        return 0
    plan = Plan(
        reached,
        traces := reach.traces_of(db, reached, store.ruleset(db).country, store.key),
        reach.others(db, reached, traces, store.ruleset(db)),
        telling_orders(db, reached, traces) | hidden,
    )
    carry_through(step, plan, {"reason": "the store did not know of it any more"})
    return len(reached.persons)


__all__ = [
    "Again",
    "Candidate",
    "Erased",
    "Plan",
    "carry_out",
    "carry_through",
    "erase",
    "redact",
    "release",
    "telling_orders",
    "tombstone",
]
