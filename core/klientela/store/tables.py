"""The tables, named once: facts that are only added, what follows from them, the log, operation (docs/data.md).

Times are microseconds UTC, money minor units, flags 0/1. Text that is compared sorts bytewise on both databases.
`handle` is a node of identity: a record's id (positive) for a lone record, a node's id (negative) for several records
of equal name and keys. Surrogate ids order nothing that anybody sees.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Computed, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text
from sqlalchemy import text as sql

METADATA = MetaData()

Big = BigInteger().with_variant(Integer(), "sqlite")
Flag = SmallInteger
Key = Text(collation="C").with_variant(Text(), "sqlite")


def _table(name: str, *columns: Column[object] | Index, rowid: bool = True) -> Table:
    return Table(name, METADATA, *columns, sqlite_with_rowid=rowid)


def _id(name: str = "id") -> Column[object]:
    return Column(name, Big, primary_key=True, autoincrement=False)


# A. clock and rules
meta = _table("meta", Column("name", Key, primary_key=True), Column("value", Text, nullable=False))
txn = _table(
    "txn",
    _id("seq"),
    Column("at", Big, nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("run", Big),
    Column("ruleset", Integer, nullable=False),
)
ruleset = _table(
    "ruleset", _id(), Column("digest", Key, nullable=False, unique=True), Column("canonical", Text, nullable=False)
)
source = _table(
    "source",
    _id(),
    Column("uid", Key, nullable=False, unique=True),
    Column("label", Key, nullable=False, unique=True),
    Column("type", Key, nullable=False),
    Column("identity", Text),
    Column("connected", Flag, nullable=False),
)
source_name = _table("source_name", Column("name", Key, primary_key=True), Column("source", Integer, nullable=False))
channel = _table(
    "channel",
    _id(),
    Column("source", Integer, nullable=False),
    Column("name", Key, nullable=False),
    Column("rank", Integer, nullable=False),
    Index("channel_name", "source", "name", unique=True),
)
batch = _table(
    "batch",
    _id(),
    Column("source", Integer, nullable=False),
    Column("channel", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("subscribe", Flag, nullable=False),
    Column("from_seq", Big, nullable=False),
    Column("withdrawn_seq", Big),
)

# B. facts
record = _table(  # one register for persons, orders, checkouts …; holds the live claim of its first channel
    "record",
    _id(),
    Column("source", Integer, nullable=False),
    Column("entity", SmallInteger, nullable=False),
    Column("ext", Key, nullable=False),
    Column("channel", Integer),  # null: no claim yet (R0d), or made from an order (guest_order)
    Column("version", Big),
    Column("reading", Big),
    Column("hash", LargeBinary),
    Column("gone", Flag, nullable=False, server_default="0"),
    Column("seq", Big, nullable=False),
    Column("more", Flag, nullable=False, server_default="0"),  # other channels have live claims in `claim`
    Column("body", LargeBinary),
    Index("record_key", "source", "entity", "ext", unique=True),
)
claim = _table(  # live claims of further channels (to_seq null) and every closed one
    "claim",
    Column("record", Big, primary_key=True, autoincrement=False),
    Column("channel", Integer, primary_key=True, autoincrement=False),
    Column("from_seq", Big, primary_key=True, autoincrement=False),
    Column("to_seq", Big),
    Column("version", Big),
    Column("reading", Big),
    Column("hash", LargeBinary, nullable=False),
    Column("gone", Flag, nullable=False),
    Column("body", LargeBinary),
    rowid=False,
)
payload = _table(  # what came, as it came: one compressed blob of the news of a page
    "payload",
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("source", Integer, nullable=False),
    Column("stream", Text, nullable=False),
    Column("records", LargeBinary, nullable=False),  # msgpack list of record ids, in the order of the lines
    Column("body", LargeBinary, nullable=False),  # zstd of JSON lines
    rowid=False,
)
decision = _table(
    "decision",
    _id(),
    Column("kind", Key, nullable=False),
    Column("a", Big, nullable=False),  # record ids; a record named by a decision is registered even when absent
    Column("b", Big),
    Column("detail", Text),
    Column("from_seq", Big, nullable=False),
    Column("to_seq", Big),
    Index("decision_a", "a"),
    Index("decision_b", "b"),
)

# C. derived: rebuildable
person = _table(  # the state of a person record
    "person",
    _id(),
    Column("created", Big),
    Column("name", Key, nullable=False),
    Column("keys", LargeBinary, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("node", Big),  # null: a node of its own
    Column("customer", Big),  # null: a customer of its own; nodes carry it for their records
    Column("seen", Big, nullable=False),
    Index("person_node", "node", sqlite_where=sql("node IS NOT NULL"), postgresql_where=sql("node IS NOT NULL")),
    Index(
        "person_customer",
        "customer",
        sqlite_where=sql("customer IS NOT NULL"),
        postgresql_where=sql("customer IS NOT NULL"),
    ),
)
node = _table(
    "node",
    _id(),
    Column("name", Key, nullable=False),
    Column("keys", LargeBinary, nullable=False),
    Column("n", Big, nullable=False),
    Column("first", Big, nullable=False),  # smallest record id in it
    Column("customer", Big, nullable=False),
    Column("seen", Big, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    Index("node_customer", "customer"),
)
mark = _table(
    "mark",
    Column("key", Big, primary_key=True, autoincrement=False),
    Column("name", Key, primary_key=True),
    Column("handle", Big, primary_key=True, autoincrement=False),
    rowid=False,
)
crowded = _table(  # keys above their limit (R20)
    "crowded",
    Column("key", Big, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    rowid=False,
)
comp = _table(  # raw components that a constraint divides into several customers
    "comp",
    Column("handle", Big, primary_key=True, autoincrement=False),
    Column("comp", Big, nullable=False),
    Index("comp_comp", "comp"),
    rowid=False,
)
apart = _table(  # what a constraint keeps apart (R20b, R21)
    "apart",
    Column("a", Big, primary_key=True, autoincrement=False),
    Column("b", Big, primary_key=True, autoincrement=False),
    Column("reason", Key, nullable=False),
    Index("apart_b", "b"),
    rowid=False,
)
link = _table(  # asserted edges between records (R18)
    "link",
    Column("a", Big, primary_key=True, autoincrement=False),
    Column("b", Big, primary_key=True, autoincrement=False),
    Column("reason", Key, primary_key=True),
    Index("link_b", "b"),
    rowid=False,
)
order_key = _table(  # by what carriers of one order are found (R29); hashes, of few sources
    "order_key",
    Column("key", Big, primary_key=True, autoincrement=False),
    Column("record", Big, primary_key=True, autoincrement=False),
    Index("order_key_record", "record"),
    rowid=False,
)
carrier = _table(  # orders that name their origin, and those that others pass on: whose word counts first
    "carrier",
    _id("record"),
    Column("head", Big, nullable=False),
    Column("flags", Flag, nullable=False),  # STRICT, UNMATCHED
    Index("carrier_head", "head"),
)
paper = _table(  # cancellations and credit notes, and the order each speaks of (R29b)
    "paper",
    Column("record", Big, primary_key=True, autoincrement=False),
    Column("target", Big, primary_key=True, autoincrement=False),
    Index("paper_target", "target"),
    rowid=False,
)
orders = _table(
    "orders",
    _id(),
    Column("buyer", Big),
    Column("owner", Big),
    Column("placed", Big),
    Column("currency", Key, nullable=False),
    Column("gross", Big),
    Column("ltv", Big),
    Column("state", Key, nullable=False),
    Column("why", Key),
    Column("test", Flag, nullable=False),
    Column("number", Key),
    Column("products", LargeBinary),  # keys of what was bought, eight bytes each (rules/products.py), or null
    Index(
        "orders_buyer",
        "buyer",
        sqlite_where=sql("owner IS NOT buyer"),
        postgresql_where=sql("owner IS DISTINCT FROM buyer"),
    ),
)
checkout = _table(
    "checkout",
    _id(),
    Column("owner", Big),
    Column("at", Big),
    Column("completed", Big),
    Index("checkout_owner", "owner"),
)
thing = _table(  # letters, scans, messages, bookings, campaigns: whose they are and when; they decide nothing
    "thing",
    _id(),
    Column("owner", Big),  # the person record it is about, as far as anybody said
    Column("part_of", Big),  # a scan's letter, a letter's campaign: records
    Column("at", Big),
    Index("thing_owner", "owner"),
    Index("thing_part_of", "part_of"),
)
customer = _table(  # the list row; id is the smallest record id of its members
    "customer",
    _id(),
    Column("pub", LargeBinary, nullable=False),  # the public id, 16 bytes (R23)
    Column("pub8", Big, nullable=False),  # its first 8 bytes, shifted to sort as signed: lookup and tie-break
    Column("anchor", Big, nullable=False),  # record id of the oldest member
    Column("n", Integer, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("email", Text),
    Column("phone", Text),
    Column("company", Text),
    Column("city", Text),
    Column("country", Key),
    Column("status", Flag, nullable=False),  # 1 registered, 0 guest
    Column("manual", Flag, nullable=False),
    Column("inactive", Flag, nullable=False),
    Column("number", Text),
    Column("crm_id", Text),
    Column("joined", Big),
    Column("seen", Big, nullable=False),
    Column("since", Big, Computed("coalesce(joined, seen)", persisted=True)),  # what "joined" sorts by (R55b)
    Column("sources", Text, nullable=False),  # JSON list of source ids
    Column("tags", Text),  # JSON list or null
    Column("modules", Text),
    Column("consents", Text),  # JSON object or null
    Column("fallback", Text),  # what stands for a missing name where there is no e-mail or phone: the source id
    Column("hay", Text, nullable=False),  # the searchable text, folded
    Column("facet", Big, nullable=False),  # country, status and sources as bits (store/search.py)
    Column("s_name", Key, nullable=False),
    Column("s_email", Key),
    Column("s_company", Key),
    Column("s_city", Key),
)
tally = _table(  # the figures of a row, narrow; both policies, the shop's currency
    "tally",
    _id(),
    Column("pub8", Big, nullable=False),
    Column("s_last", Key, nullable=False),  # folded last name; U+FFFF where there is none, so that it sorts last
    Column("facet", Big, nullable=False),  # the customer's, and whether it counts as orderer
    Column("inactive", Flag, nullable=False, server_default="0"),
    Column("guest", Flag, nullable=False, server_default="0"),  # one guest order that no rule joins to anybody (R36)
    Column("ltv", Big, nullable=False, server_default="0"),
    Column("orders", Integer, nullable=False, server_default="0"),
    Column("last", Big),
    Column("last_day", Integer),
    Column("gross", Big, nullable=False, server_default="0"),
    Column("gross_orders", Integer, nullable=False, server_default="0"),
    Column("gross_last", Big),
    Column("gross_day", Integer),
    Column("tests", Integer, nullable=False, server_default="0"),
    Column("other", Text),  # JSON {currency: [ltv, gross]} of other currencies, or null
    Column("scanned", Big),  # when a letter to the customer was last scanned
    Column("first", Big),  # when the first order that counts was placed, and the second; UNDATED where nobody knows
    Column("second", Big),
    Column("gross_first", Big),  # the same under gross; both null where they are those of ltv
    Column("gross_second", Big),
)
alias = _table(  # public ids of all records that share a customer with others
    "alias",
    Column("pub8", Big, primary_key=True, autoincrement=False),
    Column("record", Big, primary_key=True, autoincrement=False),
    rowid=False,
)
posting = _table(  # which customers have a record of a source
    "posting",
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("customer", Big, primary_key=True, autoincrement=False),
    rowid=False,
)
objection = _table(  # by which addresses records object to anything; hashes (R46)
    "objection",
    Column("key", Big, primary_key=True, autoincrement=False),
    Column("record", Big, primary_key=True, autoincrement=False),
    Index("objection_record", "record"),
    rowid=False,
)
figure = _table(  # counts and sums moved by delta
    "figure",
    Column("name", Key, primary_key=True),
    Column("part", Key, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("value", Big, nullable=False),
    rowid=False,
)
bitmap = _table(  # of a large list: store/bitmaps.py; an index, so it stands in no comparison of rows but is checked
    "bitmap",
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("name", Key, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
unmapped = _table(  # customers that changed since they were put into the bitmaps
    "unmapped",
    _id(),
    Column("whole", Flag, primary_key=True, autoincrement=False),  # 0: nothing but figures
)

# files: letters as PDF, what people attach; kept once however often they come
file = _table(
    "file",
    Column("sha256", LargeBinary, primary_key=True),
    Column("type", Text, nullable=False),  # media type
    Column("bytes", LargeBinary, nullable=False),
    Column("seq", Big, nullable=False),  # the step that brought it first
)
attachment = _table(
    "attachment",
    Column("record", Big, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, primary_key=True),
    Column("name", Text),
)

# what was handed to a shop: an order placed here, and the shop's own answer to it (flow/placing.py)
outbox = _table(
    "outbox",
    Column("record", Big, primary_key=True, autoincrement=False),  # the order as it is kept here
    Column("key", Key, nullable=False),  # its own, under which the shop got it
    Column("source", Integer, nullable=False),  # the shop
    Column("state", Key, nullable=False),  # sending | unknown | taken | refused
    Column("ext", Key),  # the order's external id there, as the shop answered
    Column("draft", Text),  # or that of a draft, which is no order yet
    Column("error", Text),  # why it was refused, why nobody knows, what else is to be known
    Column("at", Big, nullable=False),  # when it was last sent
    Index("outbox_ext", "source", "ext"),
)

# E. log
audit = _table(
    "audit",
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("kind", Key, nullable=False),
    Column("rule", Key),
    Column("customer", LargeBinary),
    Column("other", LargeBinary),
    Column("commitment", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    rowid=False,
)
audit_private = _table(
    "audit_private",
    Column("seq", Big, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    rowid=False,
)

# F. guard and desk
quarantine = _table(
    "quarantine",
    _id(),
    Column("source", Integer, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Key),
    Column("digest", Key, nullable=False),  # of stream, key and payload: the same reject twice is one entry
    Column("payload", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("line", Integer),
    Column("col", Text),
    Column("attempts", Integer, nullable=False),
    Column("first_at", Big, nullable=False),
    Column("last_at", Big, nullable=False),
    Index("quarantine_digest", "source", "digest", unique=True),
)

inbox = _table(  # webhooks, kept as they were proven until they are applied
    "inbox",
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("source", Integer, nullable=False),
    Column("key", Key, nullable=False),  # the shop's own id of the message: the same delivery twice is one entry
    Column("topic", Key, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Key, nullable=False),  # new | done | held (waits for an operator) | failed
    Column("received", Big, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Index("inbox_key", "source", "key", unique=True),
    Index("inbox_state", "state", "source", "id"),
)

# G. operation: not compared
user = _table(  # people who sign in to the page
    "account",
    _id(),
    Column("name", Key, nullable=False, unique=True),
    Column("hash", Text, nullable=False),  # argon2id, with its salt and cost
    Column("role", Key, nullable=False),  # viewer, editor, operator, admin
    Column("language", Key),
    Column("created", Big, nullable=False),
    Column("disabled", Big),
)
session = _table(  # who is signed in; the secret itself is only in the browser
    "session",
    Column("hash", LargeBinary, primary_key=True),
    Column("account", Big),  # null: a link of the demo
    Column("role", Key, nullable=False),
    Column("form", Text, nullable=False),  # what every form must bring back
    Column("once", Flag, nullable=False),  # a link that signs in one time
    Column("seen", Big, nullable=False),
    Column("until", Big, nullable=False),
)
token = _table(  # who may push or read; the secret itself is shown once and never kept
    "token",
    _id(),
    Column("name", Key, nullable=False, unique=True),
    Column("source", Integer),  # the api source it pushes into
    Column("scopes", Text, nullable=False),  # words, space between them
    Column("hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of a secret of 256 random bits
    Column("created", Big, nullable=False),
    Column("revoked", Big),
    Column("used", Big),
)
receipt = _table(  # answers to requests with an Idempotency-Key, to be given again
    "receipt",
    Column("token", Big, primary_key=True, autoincrement=False),
    Column("key", Key, primary_key=True),
    Column("digest", LargeBinary, nullable=False),  # of method, path and body
    Column("status", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", Big, nullable=False),
    Index("receipt_at", "at"),
)
run = _table(
    "run",
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("source", Integer, nullable=False),
    Column("status", Key, nullable=False),  # running | ok | partial | failed | skipped
    Column("started", Big, nullable=False),
    Column("finished", Big),
    Column("pages", Integer, nullable=False),
    Column("read", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("suppressed", Integer, nullable=False),
    Column("merged", Integer, nullable=False),
    Column("split", Integer, nullable=False),
    Column("cursor", Text),
    Column("error", Text),  # JSON {kind, message, hint}
    Index("run_source", "source", "started"),
)
slot = _table(
    "slot",
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("slot", Key, primary_key=True),
    Column("claimed", Big, nullable=False),
    rowid=False,
)
lease = _table(
    "lease",
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until", Big, nullable=False),
    rowid=False,
)
cursor = _table(  # the frozen window is part of the cursor, so a restarted run reads the same pages
    "cursor",
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("stream", Key, primary_key=True),
    Column("since", Big),
    Column("until", Big),
    Column("open", Flag, nullable=False),  # a paging run is in progress
    Column("position", Text),
    Column("high", Big),  # newest version seen in finished windows
    Column("seen", Big),  # newest version seen in the open window
    Column("fingerprint", Text),
    Column("reading", Big, nullable=False),
    rowid=False,
)

# H. what is left to do
work = _table(
    "work",
    Column(
        "kind", Key, primary_key=True
    ),  # person | order | thing: a record to derive anew; figures: those of each day
    Column("subject", Big, primary_key=True, autoincrement=False),
    Column("reason", Key, nullable=False),
    rowid=False,
)


EARLIEST = -(2**62)
"""Where an order without a date stands in the list of orders: behind all others."""


class Late(NamedTuple):
    """An index that is built after the first load of an empty store: each costs a random page per row.

    `columns` is SQL; `{last}` stands for what makes a descending column end with its NULLs.
    """

    name: str
    table: str
    columns: str
    walk: bool = True  # an order of the list: whoever walks it needs nothing but the index
    load: bool = False  # no order of the list, but it makes way for a load as those do

    def ddl(self, dialect: str) -> str:
        """The statement for one of the databases; a no-op where the index exists."""
        columns = self.columns.format(last="" if dialect == "sqlite" else " NULLS LAST")
        tail = " INCLUDE (id)" if self.walk and dialect != "sqlite" else ""  # SQLite's indexes hold the id anyway
        return f"CREATE INDEX IF NOT EXISTS {self.name} ON {self.table} ({columns}){tail}"


# The orders of the list: `inactive` first, so that each list is one range; the sort key; the id that breaks ties in the
# same direction, so that a plain index serves both; `facet` last, so that filters are answered while walking.
LATE = (
    Late("orders_owner", "orders", "owner, placed", walk=False),
    # the list of orders, newest first: its filters are answered while walking (store/orderlist.py)
    Late(
        "orders_placed", "orders", f"coalesce(placed, {EARLIEST}), id, placed, why, state, test", walk=False, load=True
    ),
    Late("customer_number", "customer", "number", walk=False, load=True),  # whom a customer number means (C32)
    Late("customer_pub", "customer", "inactive, pub8, facet"),
    Late("customer_name", "customer", "inactive, s_name, pub8, facet"),
    Late("customer_email", "customer", "inactive, s_email, pub8, facet"),
    Late("customer_company", "customer", "inactive, s_company, pub8, facet"),
    Late("customer_city", "customer", "inactive, s_city, pub8, facet"),
    Late("customer_country", "customer", "inactive, country, pub8, facet"),
    Late("customer_status", "customer", "inactive, status, pub8, facet"),
    Late("customer_since", "customer", "inactive, since, pub8, facet"),
    # each of these costs two random pages per changed order: benchmarks/list_1m.py measures it
    Late("tally_list", "tally", "inactive, ltv DESC, last DESC{last}, s_last, pub8, facet"),
    Late("tally_orders", "tally", "inactive, orders, pub8, facet"),
    Late("tally_last", "tally", "inactive, last, pub8, facet"),
    Late("tally_cockpit", "tally", "inactive, gross_day DESC, s_last, pub8, facet"),
    Late("tally_gross_orders", "tally", "inactive, gross_orders, pub8, facet"),
)

ENTITIES = (
    "customer", "contact", "manual", "guest_order", "order", "checkout", "letter", "scan", "message", "booking", "campaign",
)  # fmt: skip
"""Entities by their number in `record.entity`."""

ACCOUNT, GUEST, SHOWN, HIDDEN = 1, 2, 4, 8
"""Bits of `person.flags`."""

UNDATED = -(2**62)
"""In `tally.first` and its like: an order counts, and nobody knows when it was placed; earlier than any other."""

STRICT, UNMATCHED = 1, 2
"""Bits of `carrier.flags`: the strictest guest policy of the carriers is per_order; none of them is the shop's own."""

DERIVED = (
    person, node, mark, crowded, comp, apart, link, order_key, carrier, paper, orders, checkout, thing, customer, tally,
    alias, posting, objection, figure,
)  # fmt: skip
"""Tables that follow from the facts, the decisions and the ruleset; `rebuild` empties and refills them."""
