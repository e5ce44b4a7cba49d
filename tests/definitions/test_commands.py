from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from healthmgr.cli.definitions import apply, diff, validate

GOOD = """version: 1
channels:
  post: {kind: email, config: {host: localhost, port: "${SMTP_PORT:-1025}", from: healthmgr@localhost}}
recipients:
  ops: {contacts: {post: ops@example.com}}
routing:
  default: {to: ops, via: post}
checks:
  door: {kind: tcp, config: {host: 127.0.0.1, port: 1}}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    app = typer.Typer()
    app.command()(validate)
    app.command()(apply)
    app.command()(diff)
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEALTHMGR_DATA", str(tmp_path / "data"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD.replace("tcp", "tpc").replace("port: 1}", "port: 1, hots: x}"))
    return path


def test_a_valid_file_is_said_to_be_so_without_a_database(run: Any, good: Path) -> None:
    result = run("validate", str(good))
    assert result.exit_code == 0
    assert "is valid: 1 channels, 1 recipients, 1 routes, 1 checks" in result.stdout


def test_every_problem_is_listed_with_file_line_and_field(run: Any, bad: Path) -> None:
    result = run("validate", str(bad))
    assert result.exit_code == 2
    assert f"{bad}:9: checks.door.kind: There is no check type 'tpc'." in " ".join(result.stdout.split())
    assert "1 problem: nothing was changed" in result.stdout


def test_problems_are_one_json_document(run: Any, bad: Path) -> None:
    result = run("validate", str(bad), "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 2
    assert document["valid"] is False
    (problem,) = document["problems"]
    assert (problem["file"], problem["line"], problem["path"]) == (str(bad), 9, "checks.door.kind")


def test_a_file_is_applied_and_told(
    run: Any, good: Path, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    result = run("apply", str(good), "--as", "ada")
    assert result.exit_code == 0, result.output
    assert "+ checks.door" in result.stdout
    assert "4 created, 0 updated, 0 unchanged, 0 disabled" in result.stdout
    again = json.loads(run("apply", str(good), "--json").stdout)
    assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 4, "disabled": 0}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT actor FROM audit_entries ORDER BY at LIMIT 1")).scalar() == "ada"


def test_a_difference_is_shown_before_it_is_applied(
    run: Any, good: Path, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    fresh = run("diff", str(good))
    assert fresh.exit_code == 1
    assert "+ checks.door" in fresh.stdout
    run("apply", str(good))
    same = run("diff", str(good))
    assert (same.exit_code, same.stdout) == (
        0,
        f"{good} is what is applied: 0 created, 0 updated, 0 disabled, 4 unchanged\n",
    )
    door = "door: {kind: tcp, config: {host: 127.0.0.1, port: 1}}"
    assert door in GOOD
    changed = "door: {kind: tcp, interval: 90s, labels: {team: core}, config: {host: 127.0.0.1, port: 2}}"
    good.write_text(GOOD.replace(door, changed))
    other = run("diff", str(good))
    assert other.exit_code == 1
    assert other.stdout.splitlines() == [
        "~ checks.door",
        "    config.port: 1 -> 2",
        "    interval: 1m -> 1m30s",
        "    labels.team: nothing -> 'core'",
        f"{good} differs from what is applied: 0 created, 1 updated, 0 disabled, 3 unchanged",
    ]
    document = json.loads(run("diff", str(good), "--json").stdout)
    assert document["differs"] is True
    assert document["changes"][0]["fields"][0] == {"field": "config.port", "old": "1", "new": "2"}
    good.write_text(GOOD.split("checks:")[0])
    assert "- checks.door" in run("diff", str(good)).stdout
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM checks WHERE is_enabled")).scalar() == 1


def test_a_difference_of_a_bad_file_is_refused(
    run: Any, bad: Path, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run("diff", str(bad)).exit_code == 2


def test_a_bad_file_is_not_applied(
    run: Any, bad: Path, engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run("apply", str(bad)).exit_code == 2
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_entries")).scalar() == 0


def test_the_quickstart_and_the_demo_are_valid(run: Any, project_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SESSION_MANAGER", "SECURITY_MANAGER", "CACHE_MANAGER", "ACCOUNT_HEALTH"):
        monkeypatch.setenv(f"DEMO_{name}_URL", "http://127.0.0.1:8080")
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "HEALTHMGR_URL"):
        monkeypatch.setenv(name, {"DATABASE_URL": "postgresql://h/x"}.get(name, "redis://h:6379/0"))
    monkeypatch.setenv("HEALTHMGR_URL", "http://127.0.0.1:8300")
    for path in (project_root / "healthmgr.yaml", project_root / "healthmgr" / "demo" / "demo.yaml"):
        result = run("validate", str(path))
        assert result.exit_code == 0, result.output


def test_where_a_database_answers_a_name_that_nobody_defines_is_an_error_for_validate_too(
    run: Any, good: Path, database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good.write_text(GOOD.replace("to: ops", "to: opps"))
    assert run("validate", str(good)).exit_code == 0, "without a database another file may define it"
    monkeypatch.setenv("DATABASE_URL", database_url)
    found = run("validate", str(good))
    assert found.exit_code == 2
    assert "did you mean 'ops'" in found.output
    assert "opps" in found.output


def test_a_database_that_does_not_answer_keeps_no_file_from_being_validated(
    run: Any, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = run("validate", str(good))
    assert result.exit_code == 0
    assert "does not answer" in result.stderr
