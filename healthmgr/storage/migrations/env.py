"""Alembic's entry: runs the migrations on the engine that storage/database.py hands over."""

from __future__ import annotations

from alembic import context

from healthmgr.storage.tables import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
