"""The first schema, as it was when it landed: a later step may change the tables, never this file."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

SQLITE = (
    """
    CREATE TABLE alias (
        pub8 INTEGER NOT NULL,
        record INTEGER NOT NULL,
        PRIMARY KEY (pub8, record)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE apart (
        a INTEGER NOT NULL,
        b INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (a, b)
    )
     WITHOUT ROWID
    """,
    """
    CREATE INDEX apart_b ON apart (b)
    """,
    """
    CREATE TABLE audit (
        seq INTEGER NOT NULL,
        n INTEGER NOT NULL,
        kind TEXT NOT NULL,
        rule TEXT,
        customer BLOB,
        other BLOB,
        commitment BLOB NOT NULL,
        prev BLOB NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (seq, n)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE audit_private (
        seq INTEGER NOT NULL,
        n INTEGER NOT NULL,
        salt BLOB NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE batch (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        subscribe SMALLINT NOT NULL,
        from_seq INTEGER NOT NULL,
        withdrawn_seq INTEGER,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE channel (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        name TEXT NOT NULL,
        rank INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX channel_name ON channel (source, name)
    """,
    """
    CREATE TABLE checkout (
        id INTEGER NOT NULL,
        owner INTEGER,
        at INTEGER,
        completed INTEGER,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX checkout_owner ON checkout (owner)
    """,
    """
    CREATE TABLE claim (
        record INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        from_seq INTEGER NOT NULL,
        to_seq INTEGER,
        version INTEGER,
        reading INTEGER,
        hash BLOB NOT NULL,
        gone SMALLINT NOT NULL,
        body BLOB,
        PRIMARY KEY (record, channel, from_seq)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE comp (
        handle INTEGER NOT NULL,
        comp INTEGER NOT NULL,
        PRIMARY KEY (handle)
    )
     WITHOUT ROWID
    """,
    """
    CREATE INDEX comp_comp ON comp (comp)
    """,
    """
    CREATE TABLE crowded (
        "key" INTEGER NOT NULL,
        kind SMALLINT NOT NULL,
        PRIMARY KEY ("key")
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE cursor (
        source INTEGER NOT NULL,
        stream TEXT NOT NULL,
        since INTEGER,
        until INTEGER,
        open SMALLINT NOT NULL,
        position TEXT,
        high INTEGER,
        seen INTEGER,
        fingerprint TEXT,
        reading INTEGER NOT NULL,
        PRIMARY KEY (source, stream)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE customer (
        id INTEGER NOT NULL,
        pub BLOB NOT NULL,
        pub8 INTEGER NOT NULL,
        anchor INTEGER NOT NULL,
        n INTEGER NOT NULL,
        first_name TEXT,
        last_name TEXT,
        email TEXT,
        phone TEXT,
        company TEXT,
        city TEXT,
        country TEXT,
        status SMALLINT NOT NULL,
        manual SMALLINT NOT NULL,
        inactive SMALLINT NOT NULL,
        number TEXT,
        crm_id TEXT,
        joined INTEGER,
        seen INTEGER NOT NULL,
        since INTEGER GENERATED ALWAYS AS (coalesce(joined, seen)) STORED,
        sources TEXT NOT NULL,
        tags TEXT,
        modules TEXT,
        consents TEXT,
        fallback TEXT,
        hay TEXT NOT NULL,
        facet INTEGER NOT NULL,
        s_name TEXT NOT NULL,
        s_email TEXT,
        s_company TEXT,
        s_city TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE decision (
        id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        a INTEGER NOT NULL,
        b INTEGER,
        detail TEXT,
        from_seq INTEGER NOT NULL,
        to_seq INTEGER,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX decision_a ON decision (a)
    """,
    """
    CREATE INDEX decision_b ON decision (b)
    """,
    """
    CREATE TABLE figure (
        name TEXT NOT NULL,
        part TEXT NOT NULL,
        day INTEGER NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, part, day)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE lease (
        source INTEGER NOT NULL,
        holder TEXT NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (source)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE link (
        a INTEGER NOT NULL,
        b INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (a, b, reason)
    )
     WITHOUT ROWID
    """,
    """
    CREATE INDEX link_b ON link (b)
    """,
    """
    CREATE TABLE mark (
        "key" INTEGER NOT NULL,
        name TEXT NOT NULL,
        handle INTEGER NOT NULL,
        PRIMARY KEY ("key", name, handle)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE meta (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE node (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        keys BLOB NOT NULL,
        n INTEGER NOT NULL,
        first INTEGER NOT NULL,
        customer INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        summary BLOB NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX node_customer ON node (customer)
    """,
    """
    CREATE TABLE orders (
        id INTEGER NOT NULL,
        buyer INTEGER,
        owner INTEGER,
        placed INTEGER,
        currency TEXT NOT NULL,
        gross INTEGER,
        ltv INTEGER,
        state TEXT NOT NULL,
        why TEXT,
        test SMALLINT NOT NULL,
        number TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX orders_buyer ON orders (buyer) WHERE owner IS NOT buyer
    """,
    """
    CREATE TABLE payload (
        seq INTEGER NOT NULL,
        part INTEGER NOT NULL,
        source INTEGER NOT NULL,
        stream TEXT NOT NULL,
        records BLOB NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (seq, part)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE person (
        id INTEGER NOT NULL,
        created INTEGER,
        name TEXT NOT NULL,
        keys BLOB NOT NULL,
        flags INTEGER NOT NULL,
        node INTEGER,
        customer INTEGER,
        seen INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX person_customer ON person (customer) WHERE customer IS NOT NULL
    """,
    """
    CREATE INDEX person_node ON person (node) WHERE node IS NOT NULL
    """,
    """
    CREATE TABLE posting (
        source INTEGER NOT NULL,
        customer INTEGER NOT NULL,
        PRIMARY KEY (source, customer)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE quarantine (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        stream TEXT NOT NULL,
        "key" TEXT,
        digest TEXT NOT NULL,
        payload TEXT NOT NULL,
        reason TEXT NOT NULL,
        line INTEGER,
        col TEXT,
        attempts INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX quarantine_digest ON quarantine (source, digest)
    """,
    """
    CREATE TABLE record (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        entity SMALLINT NOT NULL,
        ext TEXT NOT NULL,
        channel INTEGER,
        version INTEGER,
        reading INTEGER,
        hash BLOB,
        gone SMALLINT DEFAULT '0' NOT NULL,
        seq INTEGER NOT NULL,
        more SMALLINT DEFAULT '0' NOT NULL,
        body BLOB,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX record_key ON record (source, entity, ext)
    """,
    """
    CREATE TABLE ruleset (
        id INTEGER NOT NULL,
        digest TEXT NOT NULL,
        canonical TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (digest)
    )
    """,
    """
    CREATE TABLE run (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        status TEXT NOT NULL,
        started INTEGER NOT NULL,
        finished INTEGER,
        pages INTEGER NOT NULL,
        read INTEGER NOT NULL,
        new INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        unchanged INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        suppressed INTEGER NOT NULL,
        merged INTEGER NOT NULL,
        split INTEGER NOT NULL,
        cursor TEXT,
        error TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX run_source ON run (source, started)
    """,
    """
    CREATE TABLE slot (
        source INTEGER NOT NULL,
        slot TEXT NOT NULL,
        claimed INTEGER NOT NULL,
        PRIMARY KEY (source, slot)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE source (
        id INTEGER NOT NULL,
        uid TEXT NOT NULL,
        label TEXT NOT NULL,
        type TEXT NOT NULL,
        identity TEXT,
        connected SMALLINT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (uid),
        UNIQUE (label)
    )
    """,
    """
    CREATE TABLE source_name (
        name TEXT NOT NULL,
        source INTEGER NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE tally (
        id INTEGER NOT NULL,
        pub8 INTEGER NOT NULL,
        s_last TEXT NOT NULL,
        facet INTEGER NOT NULL,
        inactive SMALLINT DEFAULT '0' NOT NULL,
        ltv INTEGER DEFAULT '0' NOT NULL,
        orders INTEGER DEFAULT '0' NOT NULL,
        last INTEGER,
        last_day INTEGER,
        gross INTEGER DEFAULT '0' NOT NULL,
        gross_orders INTEGER DEFAULT '0' NOT NULL,
        gross_last INTEGER,
        gross_day INTEGER,
        tests INTEGER DEFAULT '0' NOT NULL,
        other TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE txn (
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        cause TEXT NOT NULL,
        run INTEGER,
        ruleset INTEGER NOT NULL,
        PRIMARY KEY (seq)
    )
    """,
    """
    CREATE TABLE work (
        kind TEXT NOT NULL,
        subject INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (kind, subject)
    )
     WITHOUT ROWID
    """,
    """
    CREATE VIRTUAL TABLE search USING fts5(text, content='', tokenize='trigram case_sensitive 1')
    """,
)

POSTGRESQL = (
    """
    CREATE TABLE alias (
        pub8 BIGINT NOT NULL,
        record BIGINT NOT NULL,
        PRIMARY KEY (pub8, record)
    )
    """,
    """
    CREATE TABLE apart (
        a BIGINT NOT NULL,
        b BIGINT NOT NULL,
        reason TEXT COLLATE "C" NOT NULL,
        PRIMARY KEY (a, b)
    )
    """,
    """
    CREATE INDEX apart_b ON apart (b)
    """,
    """
    CREATE TABLE audit (
        seq BIGINT NOT NULL,
        n INTEGER NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        rule TEXT COLLATE "C",
        customer BYTEA,
        other BYTEA,
        commitment BYTEA NOT NULL,
        prev BYTEA NOT NULL,
        hash BYTEA NOT NULL,
        PRIMARY KEY (seq, n)
    )
    """,
    """
    CREATE TABLE audit_private (
        seq BIGINT NOT NULL,
        n INTEGER NOT NULL,
        salt BYTEA NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (seq, n)
    )
    """,
    """
    CREATE TABLE batch (
        id BIGINT NOT NULL,
        source INTEGER NOT NULL,
        channel INTEGER NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        subscribe SMALLINT NOT NULL,
        from_seq BIGINT NOT NULL,
        withdrawn_seq BIGINT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE channel (
        id BIGINT NOT NULL,
        source INTEGER NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        rank INTEGER NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX channel_name ON channel (source, name)
    """,
    """
    CREATE TABLE checkout (
        id BIGINT NOT NULL,
        owner BIGINT,
        at BIGINT,
        completed BIGINT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX checkout_owner ON checkout (owner)
    """,
    """
    CREATE TABLE claim (
        record BIGINT NOT NULL,
        channel INTEGER NOT NULL,
        from_seq BIGINT NOT NULL,
        to_seq BIGINT,
        version BIGINT,
        reading BIGINT,
        hash BYTEA NOT NULL,
        gone SMALLINT NOT NULL,
        body BYTEA,
        PRIMARY KEY (record, channel, from_seq)
    )
    """,
    """
    CREATE TABLE comp (
        handle BIGINT NOT NULL,
        comp BIGINT NOT NULL,
        PRIMARY KEY (handle)
    )
    """,
    """
    CREATE INDEX comp_comp ON comp (comp)
    """,
    """
    CREATE TABLE crowded (
        key BIGINT NOT NULL,
        kind SMALLINT NOT NULL,
        PRIMARY KEY (key)
    )
    """,
    """
    CREATE TABLE cursor (
        source INTEGER NOT NULL,
        stream TEXT COLLATE "C" NOT NULL,
        since BIGINT,
        until BIGINT,
        open SMALLINT NOT NULL,
        position TEXT,
        high BIGINT,
        seen BIGINT,
        fingerprint TEXT,
        reading BIGINT NOT NULL,
        PRIMARY KEY (source, stream)
    )
    """,
    """
    CREATE TABLE customer (
        id BIGINT NOT NULL,
        pub BYTEA NOT NULL,
        pub8 BIGINT NOT NULL,
        anchor BIGINT NOT NULL,
        n INTEGER NOT NULL,
        first_name TEXT,
        last_name TEXT,
        email TEXT,
        phone TEXT,
        company TEXT,
        city TEXT,
        country TEXT COLLATE "C",
        status SMALLINT NOT NULL,
        manual SMALLINT NOT NULL,
        inactive SMALLINT NOT NULL,
        number TEXT,
        crm_id TEXT,
        joined BIGINT,
        seen BIGINT NOT NULL,
        since BIGINT GENERATED ALWAYS AS (coalesce(joined, seen)) STORED,
        sources TEXT NOT NULL,
        tags TEXT,
        modules TEXT,
        consents TEXT,
        fallback TEXT,
        hay TEXT NOT NULL,
        facet BIGINT NOT NULL,
        s_name TEXT COLLATE "C" NOT NULL,
        s_email TEXT COLLATE "C",
        s_company TEXT COLLATE "C",
        s_city TEXT COLLATE "C",
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE decision (
        id BIGINT NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        a BIGINT NOT NULL,
        b BIGINT,
        detail TEXT,
        from_seq BIGINT NOT NULL,
        to_seq BIGINT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX decision_a ON decision (a)
    """,
    """
    CREATE INDEX decision_b ON decision (b)
    """,
    """
    CREATE TABLE figure (
        name TEXT COLLATE "C" NOT NULL,
        part TEXT COLLATE "C" NOT NULL,
        day INTEGER NOT NULL,
        value BIGINT NOT NULL,
        PRIMARY KEY (name, part, day)
    )
    """,
    """
    CREATE TABLE lease (
        source INTEGER NOT NULL,
        holder TEXT NOT NULL,
        until BIGINT NOT NULL,
        PRIMARY KEY (source)
    )
    """,
    """
    CREATE TABLE link (
        a BIGINT NOT NULL,
        b BIGINT NOT NULL,
        reason TEXT COLLATE "C" NOT NULL,
        PRIMARY KEY (a, b, reason)
    )
    """,
    """
    CREATE INDEX link_b ON link (b)
    """,
    """
    CREATE TABLE mark (
        key BIGINT NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        handle BIGINT NOT NULL,
        PRIMARY KEY (key, name, handle)
    )
    """,
    """
    CREATE TABLE meta (
        name TEXT COLLATE "C" NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE node (
        id BIGINT NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        keys BYTEA NOT NULL,
        n BIGINT NOT NULL,
        first BIGINT NOT NULL,
        customer BIGINT NOT NULL,
        seen BIGINT NOT NULL,
        summary BYTEA NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX node_customer ON node (customer)
    """,
    """
    CREATE TABLE orders (
        id BIGINT NOT NULL,
        buyer BIGINT,
        owner BIGINT,
        placed BIGINT,
        currency TEXT COLLATE "C" NOT NULL,
        gross BIGINT,
        ltv BIGINT,
        state TEXT COLLATE "C" NOT NULL,
        why TEXT COLLATE "C",
        test SMALLINT NOT NULL,
        number TEXT COLLATE "C",
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX orders_buyer ON orders (buyer) WHERE owner IS DISTINCT FROM buyer
    """,
    """
    CREATE TABLE payload (
        seq BIGINT NOT NULL,
        part INTEGER NOT NULL,
        source INTEGER NOT NULL,
        stream TEXT NOT NULL,
        records BYTEA NOT NULL,
        body BYTEA NOT NULL,
        PRIMARY KEY (seq, part)
    )
    """,
    """
    CREATE TABLE person (
        id BIGINT NOT NULL,
        created BIGINT,
        name TEXT COLLATE "C" NOT NULL,
        keys BYTEA NOT NULL,
        flags INTEGER NOT NULL,
        node BIGINT,
        customer BIGINT,
        seen BIGINT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX person_customer ON person (customer) WHERE customer IS NOT NULL
    """,
    """
    CREATE INDEX person_node ON person (node) WHERE node IS NOT NULL
    """,
    """
    CREATE TABLE posting (
        source INTEGER NOT NULL,
        customer BIGINT NOT NULL,
        PRIMARY KEY (source, customer)
    )
    """,
    """
    CREATE TABLE quarantine (
        id BIGINT NOT NULL,
        source INTEGER NOT NULL,
        stream TEXT NOT NULL,
        key TEXT COLLATE "C",
        digest TEXT COLLATE "C" NOT NULL,
        payload TEXT NOT NULL,
        reason TEXT NOT NULL,
        line INTEGER,
        col TEXT,
        attempts INTEGER NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX quarantine_digest ON quarantine (source, digest)
    """,
    """
    CREATE TABLE record (
        id BIGINT NOT NULL,
        source INTEGER NOT NULL,
        entity SMALLINT NOT NULL,
        ext TEXT COLLATE "C" NOT NULL,
        channel INTEGER,
        version BIGINT,
        reading BIGINT,
        hash BYTEA,
        gone SMALLINT DEFAULT '0' NOT NULL,
        seq BIGINT NOT NULL,
        more SMALLINT DEFAULT '0' NOT NULL,
        body BYTEA,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX record_key ON record (source, entity, ext)
    """,
    """
    CREATE TABLE ruleset (
        id BIGINT NOT NULL,
        digest TEXT COLLATE "C" NOT NULL,
        canonical TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (digest)
    )
    """,
    """
    CREATE TABLE run (
        id BIGSERIAL NOT NULL,
        source INTEGER NOT NULL,
        status TEXT COLLATE "C" NOT NULL,
        started BIGINT NOT NULL,
        finished BIGINT,
        pages INTEGER NOT NULL,
        read INTEGER NOT NULL,
        "new" INTEGER NOT NULL,
        changed INTEGER NOT NULL,
        unchanged INTEGER NOT NULL,
        rejected INTEGER NOT NULL,
        suppressed INTEGER NOT NULL,
        merged INTEGER NOT NULL,
        split INTEGER NOT NULL,
        cursor TEXT,
        error TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX run_source ON run (source, started)
    """,
    """
    CREATE TABLE slot (
        source INTEGER NOT NULL,
        slot TEXT COLLATE "C" NOT NULL,
        claimed BIGINT NOT NULL,
        PRIMARY KEY (source, slot)
    )
    """,
    """
    CREATE TABLE source (
        id BIGINT NOT NULL,
        uid TEXT COLLATE "C" NOT NULL,
        label TEXT COLLATE "C" NOT NULL,
        type TEXT COLLATE "C" NOT NULL,
        identity TEXT,
        connected SMALLINT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (uid),
        UNIQUE (label)
    )
    """,
    """
    CREATE TABLE source_name (
        name TEXT COLLATE "C" NOT NULL,
        source INTEGER NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE tally (
        id BIGINT NOT NULL,
        pub8 BIGINT NOT NULL,
        s_last TEXT COLLATE "C" NOT NULL,
        facet BIGINT NOT NULL,
        inactive SMALLINT DEFAULT '0' NOT NULL,
        ltv BIGINT DEFAULT '0' NOT NULL,
        orders INTEGER DEFAULT '0' NOT NULL,
        last BIGINT,
        last_day INTEGER,
        gross BIGINT DEFAULT '0' NOT NULL,
        gross_orders INTEGER DEFAULT '0' NOT NULL,
        gross_last BIGINT,
        gross_day INTEGER,
        tests INTEGER DEFAULT '0' NOT NULL,
        other TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE txn (
        seq BIGINT NOT NULL,
        at BIGINT NOT NULL,
        actor TEXT NOT NULL,
        cause TEXT NOT NULL,
        run BIGINT,
        ruleset INTEGER NOT NULL,
        PRIMARY KEY (seq)
    )
    """,
    """
    CREATE TABLE work (
        kind TEXT COLLATE "C" NOT NULL,
        subject BIGINT NOT NULL,
        reason TEXT COLLATE "C" NOT NULL,
        PRIMARY KEY (kind, subject)
    )
    """,
    """
    CREATE EXTENSION IF NOT EXISTS pg_trgm
    """,
)


def upgrade() -> None:
    """Create every table, the early indexes and the search index."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
