"""healthmgr itself: periodic tasks, signs of life, access tokens, the audit log."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from healthmgr.storage.tables.base import EMPTY_OBJECT, NO_TEXT, Instant, metadata

periodic_tasks = Table(
    "periodic_tasks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("interval", Interval, nullable=False),
    Column("next_due_at", Instant, nullable=False),
    Column("last_claimed_at", Instant),
)

# What beats, workers and queues last said: the watcher is watched by these.
pulses = Table(
    "pulses",
    metadata,
    Column("kind", Text, primary_key=True, comment="beat, sweep, worker, queue or auditor"),
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, unique=True, comment="SHA-256, hex"),
    Column("role", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'"), comment="empty: all that the role may"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
)

# People who sign in by a name and a password.
users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False, comment="scrypt, with its numbers and salt"),
    Column("role", Text, nullable=False),
    Column("person", Text, nullable=False, server_default=NO_TEXT, comment="who they are for on-call"),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("last_sign_in_at", Instant),
)

# Browsers that somebody signed in with.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", Text, nullable=False, unique=True, comment="SHA-256 of what the browser keeps, hex"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("method", Text, nullable=False, comment="by what they proved who they are, such as token"),
    Column(
        "user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), index=True, comment="who signed in by password"
    ),
    Column("token_digest", Text, comment="of the token that they signed in with: with it the session ends"),
    Column("begun_at", Instant, nullable=False),
    Column("last_used_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
)

# Keys under which a request may come twice, and what was answered to the first.
repeatable_requests = Table(
    "repeatable_requests",
    metadata,
    Column("key", Text, primary_key=True, comment="SHA-256 of whose it is and the key itself, hex"),
    Column("claim_id", Uuid, nullable=False, unique=True),
    Column("fingerprint", Text, nullable=False, comment="SHA-256 of the request, hex"),
    Column("begun_at", Instant, nullable=False, index=True),
    Column("stand", Text, nullable=False, comment="under_way, answered, withheld or unclear"),
    Column("status", Integer),
    Column("headers", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("body", LargeBinary, comment="of the answer; never one that holds a secret"),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False, comment="cli, api, file or system"),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Index(None, "at"),
    Index(None, "target", "at"),
)
