"""What comes through the doors: webhooks, pushed letters and scans with their files, tokens and answers given before."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

SQLITE = (
    """
    CREATE TABLE thing (
        id INTEGER NOT NULL,
        owner INTEGER,
        part_of INTEGER,
        at INTEGER,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX thing_owner ON thing (owner)
    """,
    """
    CREATE INDEX thing_part_of ON thing (part_of)
    """,
    """
    CREATE TABLE file (
        sha256 BLOB NOT NULL,
        type TEXT NOT NULL,
        bytes BLOB NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (sha256)
    )
    """,
    """
    CREATE TABLE attachment (
        record INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        name TEXT,
        PRIMARY KEY (record, sha256)
    )
    """,
    """
    CREATE TABLE inbox (
        id INTEGER NOT NULL,
        source INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        topic TEXT NOT NULL,
        body TEXT NOT NULL,
        state TEXT NOT NULL,
        received INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        error TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX inbox_key ON inbox (source, "key")
    """,
    """
    CREATE INDEX inbox_state ON inbox (state, source, id)
    """,
    """
    CREATE TABLE token (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        source INTEGER,
        scopes TEXT NOT NULL,
        hash BLOB NOT NULL,
        created INTEGER NOT NULL,
        revoked INTEGER,
        used INTEGER,
        PRIMARY KEY (id),
        UNIQUE (name),
        UNIQUE (hash)
    )
    """,
    """
    CREATE TABLE receipt (
        token INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        digest BLOB NOT NULL,
        status INTEGER NOT NULL,
        answer TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (token, "key")
    )
    """,
    """
    CREATE INDEX receipt_at ON receipt (at)
    """,
    """
    ALTER TABLE tally ADD COLUMN scanned INTEGER
    """,
)

POSTGRESQL = (
    """
    CREATE TABLE thing (
        id BIGINT NOT NULL,
        owner BIGINT,
        part_of BIGINT,
        at BIGINT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX thing_owner ON thing (owner)
    """,
    """
    CREATE INDEX thing_part_of ON thing (part_of)
    """,
    """
    CREATE TABLE file (
        sha256 BYTEA NOT NULL,
        type TEXT NOT NULL,
        bytes BYTEA NOT NULL,
        seq BIGINT NOT NULL,
        PRIMARY KEY (sha256)
    )
    """,
    """
    CREATE TABLE attachment (
        record BIGINT NOT NULL,
        sha256 BYTEA NOT NULL,
        name TEXT,
        PRIMARY KEY (record, sha256)
    )
    """,
    """
    CREATE TABLE inbox (
        id BIGSERIAL NOT NULL,
        source INTEGER NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        topic TEXT COLLATE "C" NOT NULL,
        body TEXT NOT NULL,
        state TEXT COLLATE "C" NOT NULL,
        received BIGINT NOT NULL,
        attempts INTEGER NOT NULL,
        error TEXT,
        PRIMARY KEY (id)
    )
    """,
    """
    CREATE UNIQUE INDEX inbox_key ON inbox (source, key)
    """,
    """
    CREATE INDEX inbox_state ON inbox (state, source, id)
    """,
    """
    CREATE TABLE token (
        id BIGINT NOT NULL,
        name TEXT COLLATE "C" NOT NULL,
        source INTEGER,
        scopes TEXT NOT NULL,
        hash BYTEA NOT NULL,
        created BIGINT NOT NULL,
        revoked BIGINT,
        used BIGINT,
        PRIMARY KEY (id),
        UNIQUE (name),
        UNIQUE (hash)
    )
    """,
    """
    CREATE TABLE receipt (
        token BIGINT NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        digest BYTEA NOT NULL,
        status INTEGER NOT NULL,
        answer TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (token, key)
    )
    """,
    """
    CREATE INDEX receipt_at ON receipt (at)
    """,
    """
    ALTER TABLE tally ADD COLUMN scanned BIGINT
    """,
)


def upgrade() -> None:
    """All of it is new: the tables begin empty."""
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
