"""The step `sql` in a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg2
import pytest
from pydantic import ValidationError

from healthmgr.errors import StepError


@pytest.fixture
def jobs(database_url: str) -> Iterator[psycopg2.extensions.connection]:
    """A table of five jobs."""
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS jobs")
        cursor.execute("CREATE TABLE jobs (id integer PRIMARY KEY, host text)")
        cursor.execute("INSERT INTO jobs SELECT n, 'web-' || n FROM generate_series(1, 5) n")
    yield connection
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE jobs")
    connection.close()


def left(connection: psycopg2.extensions.connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM jobs")
        return cursor.fetchone()[0]


def test_a_statement_is_run_with_its_values_and_committed(run, jobs, database_url):
    config = {"url": database_url, "statement": "DELETE FROM jobs WHERE host = %(host)s", "values": {"host": "web-1"}}
    outcome = run("sql", config)
    assert (outcome.message, outcome.facts["rows"]) == ("1 rows", 1)
    assert left(jobs) == 4


@pytest.mark.parametrize(("least", "most", "is_run"), [(0, 4, False), (6, None, False), (5, 5, True), (0, None, True)])
def test_what_touches_too_few_or_too_many_rows_is_rolled_back(run, jobs, database_url, least, most, is_run):
    config = {"url": database_url, "statement": "DELETE FROM jobs", "min_rows": least, "max_rows": most}
    if is_run:
        run("sql", config)
        assert left(jobs) == 0
        return
    with pytest.raises(StepError, match=r"it would touch 5 rows.*rolled back") as caught:
        run("sql", config)
    assert caught.value.permanent
    assert left(jobs) == 5


def test_what_is_read_is_shown(run, jobs, database_url):
    outcome = run("sql", {"url": database_url, "statement": "SELECT id, host FROM jobs WHERE id < 3 ORDER BY id"})
    assert outcome.output == '[1, "web-1"]\n[2, "web-2"]'
    assert outcome.facts == {"rows": 2, "first": {"id": 1, "host": "web-1"}}


def test_a_list_is_an_array_and_values_keep_their_sort(run, jobs, database_url):
    config = {"url": database_url, "statement": "DELETE FROM jobs WHERE id = ANY(%(ids)s)", "values": {"ids": [1, 3]}}
    assert run("sql", config).facts["rows"] == 2
    typed = "SELECT pg_typeof(%(n)s)::text AS n, pg_typeof(%(b)s)::text AS b"
    values = {"n": 5, "b": True}
    first = run("sql", {"url": database_url, "statement": typed, "values": values}).facts["first"]
    assert first == {"n": "integer", "b": "boolean"}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DELETE FROM jobs",
        "DELETE FROM jobs; COMMIT",
        "COMMIT",
        " begin",
        "SELECT ';'; SELECT 2",
        "-- x\n; ; ;",
    ],
)
def test_more_than_one_statement_and_transactions_are_refused(registry, statement):
    with pytest.raises(ValidationError, match="statement"):
        registry.step_type("sql").Config(url="postgresql://x/y", statement=statement)


@pytest.mark.parametrize("statement", ["SELECT 'a;b';", 'SELECT 1 AS "a;b"', "SELECT $x$;$x$ -- ;", "SELECT 1 /* ; */"])
def test_a_semicolon_in_a_text_is_none(registry, statement):
    registry.step_type("sql").Config(url="postgresql://x/y", statement=statement)


def test_names_and_values_have_to_fit(registry):
    model = registry.step_type("sql").Config
    for statement, values in (
        ("SELECT %(a)s", {}),
        ("SELECT 1", {"a": 1}),
        ("SELECT %(a)s LIKE 'x%'", {"a": 1}),
        ("SELECT %s", {"a": 1}),
    ):
        with pytest.raises(ValidationError):
            model(url="postgresql://x/y", statement=statement, values=values)
    model(url="postgresql://x/y", statement="SELECT %(a)s LIKE 'x%%'", values={"a": 1})


def test_what_the_server_refuses_is_permanent_and_changes_nothing(run, jobs, database_url):
    for statement in ("DELETE FROM no_such_table", "SELEC", "INSERT INTO jobs VALUES (1, 'again')"):
        with pytest.raises(StepError, match="nothing was changed") as caught:
            run("sql", {"url": database_url, "statement": statement})
        assert caught.value.permanent


def test_a_statement_that_waits_is_ended_by_the_server_before_its_time_is_up(run, jobs, database_url):
    with jobs.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE jobs")
        started = time.monotonic()
        with pytest.raises(StepError, match="nothing was changed") as caught:
            run("sql", {"url": database_url, "statement": "DELETE FROM jobs"}, seconds=3)
        assert time.monotonic() - started < 4
        assert (caught.value.permanent, caught.value.is_timeout) == (False, False)
        cursor.execute("ROLLBACK")
    assert left(jobs) == 5


def test_a_connection_that_is_lost_has_changed_nothing(run, jobs, database_url):
    def end_it() -> None:
        asked = time.monotonic() + 10
        with jobs.cursor() as cursor:
            while time.monotonic() < asked:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'healthmgr step' AND query LIKE '%%pg_sleep%%'"
                )
                if cursor.rowcount:
                    return
                time.sleep(0.05)

    ending = threading.Thread(target=end_it)
    ending.start()
    with pytest.raises(StepError, match="nothing was changed") as caught:
        run("sql", {"url": database_url, "statement": "DELETE FROM jobs WHERE pg_sleep(20) IS NOT NULL"})
    ending.join()
    assert not caught.value.permanent
    assert left(jobs) == 5
