"""The migrations make what the tables say, and can be taken back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, make_url, text

from healthmgr.storage.database import connect, downgrade, schema_revisions, upgrade
from healthmgr.storage.tables import metadata
from tests.conftest import Servers


@pytest.fixture
def empty(servers: Servers) -> Iterator[Engine]:
    """An engine on a database without tables."""
    name = f"healthmgr_test_{uuid.uuid4().hex[:12]}"
    admin = connect(servers.database_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = connect(make_url(servers.database_url).set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    return not (kind == "table" and str(name).startswith(("results_", "metric_minutes_", "alembic_")))


def test_all_migrations_together_equal_the_tables(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
    present, wanted = schema_revisions(empty)
    assert present == wanted


def test_migrations_can_be_taken_back_to_nothing_and_made_again(empty: Engine) -> None:
    upgrade(empty)
    downgrade(empty, "base")
    assert inspect(empty).get_table_names() == ["alembic_version"]
    upgrade(empty)
    assert "checks" in inspect(empty).get_table_names()


def test_migrating_twice_changes_nothing(empty: Engine) -> None:
    upgrade(empty)
    upgrade(empty)
    assert schema_revisions(empty)[0] == schema_revisions(empty)[1]
