"""A database as it was before anything was put into it."""

from __future__ import annotations

from sqlalchemy import Connection, text

# Looks which tables hold anything and empties those: to truncate all of them takes a hundred times as long. What a test
# has filled with very much is truncated all the same, so that the next one does not wade through what is dead.
_EMPTY = text("""
DO $$
DECLARE
    one regclass; is_used boolean; size bigint := 0; used regclass[] := '{}';
BEGIN
    FOR one IN
        SELECT oid::regclass FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
          AND relname <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', one) INTO is_used;
        IF is_used THEN used := used || one; END IF;
        size := size + pg_total_relation_size(one);
    END LOOP;
    SET LOCAL session_replication_role = replica;
    FOREACH one IN ARRAY used LOOP
        IF size > 64 * 1024 * 1024 THEN EXECUTE format('TRUNCATE %s CASCADE', one);
        ELSE EXECUTE format('DELETE FROM %s', one); END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
""")


def empty(connection: Connection) -> None:
    """Remove every row, and let numbers begin anew."""
    connection.execute(_EMPTY)
