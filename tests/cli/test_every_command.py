"""What holds of every command: it explains itself, speaks JSON where it prints data, and fails in one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.main import get_command

from healthmgr.cli.main import app
from tests.cli.conftest import AWAY, Terminal, Trouble

# Every command that answers with data: how it is typed, and the exit code it has in a troubled installation.
WITH_DATA = (
    (("status",), 1),
    (("checks", "list"), 0),
    (("checks", "show", "session-manager"), 0),
    (("checks", "results", "session-manager"), 0),
    (("checks", "run", "session-manager"), 0),
    (("checks", "pause", "database"), 0),
    (("graph", "show"), 0),
    (("graph", "impact", "session-manager"), 0),
    (("graph", "spof"), 0),
    (("graph", "suggestions"), 0),
    (("forecast", "session-manager"), 0),
    (("anomaly", "list"), 0),
    (("anomaly", "show", "session-manager"), 0),
    (("changes", "list"), 0),
    (("alerts", "list"), 0),
    (("alerts", "show", "session-manager"), 0),
    (("alerts", "ack", "session-manager"), 0),
    (("alerts", "resolve", "session-manager"), 0),
    (("incidents", "list"), 0),
    (("incidents", "show", "1"), 0),
    (("incidents", "ack", "1"), 0),
    (("incidents", "snooze", "1", "--for", "1h"), 0),
    (("incidents", "assign", "1", "bob"), 0),
    (("incidents", "comment", "1", "looking"), 0),
    (("incidents", "escalate", "1"), 0),
    (("incidents", "decline", "1"), 0),
    (("incidents", "task", "1", "call"), 0),
    (("incidents", "resolve", "1"), 0),
    (("escalate", "simulate", "service=api"), 0),
    (("notifications", "list"), 0),
    (("notify", "preview"), 0),
    (("channels", "list"), 0),
    (("route", "show"), 0),
    (("route", "test", "service=api"), 0),
    (("oncall", "list"), 0),
    (("oncall", "who", "shop"), 0),
    (("oncall", "swap", "list"), 0),
    (("contacts", "list"), 0),
    (("silence", "add", "service=shop", "--comment", "calm"), 0),
    (("silence", "list"), 0),
    (("announce", "list"), 0),
    (("users", "list"), 0),
    (("users", "add", "ada"), 0),
    (("webhooks", "list"), 0),
    (("webhooks", "add", "https://hooks.example.com/"), 0),
    (("silence", "preview", "check=session-manager"), 0),
    (("maintenance", "add", "move", "--matchers", "service=shop", "--for", "2h", "--comment", "rack"), 0),
    (("maintenance", "list"), 0),
    (("maintenance", "preview", "check=session-manager"), 0),
    (("lb", "list"), 0),
    (("promises",), 0),
    (("checks", "uptime", "session-manager"), 0),
    (("runbooks", "list"), 0),
    (("runs", "list"), 0),
    (("approvals", "list"), 0),
    (("recovery", "status"), 0),
    (("recovery", "stop"), 0),
    (("slo", "list"), 0),
    (("slo", "times"), 0),
    (("slo", "uptime"), 0),
    (("alerts", "mark", "session-manager", "--false", "a slow switch"), 0),
    (("tokens", "list"), 0),
    (("tokens", "create", "grafana"), 0),
    (("tokens", "ensure-admin"), 0),
    (("db", "current"), 0),
    (("db", "upgrade"), 0),
    (("doctor",), 1),
)
WITHOUT_DATABASE = (
    *(words for words, _ in WITH_DATA if words != ("doctor",)),
    ("checks", "resume", "x"),
    ("tokens", "revoke", "x"),
    ("oncall", "show", "x"),
    ("oncall", "override", "x", "--add", "y", "--to", "18:00"),
    ("oncall", "temporary", "x", "--to", "18:00"),
    ("oncall", "changes", "x"),
    ("oncall", "remove", "x", "abcd"),
    ("oncall", "export", "x"),
    ("oncall", "swap", "propose", "x", "--with", "y", "--from", "18:00", "--to", "19:00"),
    ("oncall", "swap", "accept", "abcd"),
    ("contacts", "verify", "x", "y"),
    ("contacts", "confirm", "x", "y", "123456"),
    ("silence", "show", "abcd"),
    ("silence", "expire", "abcd"),
    ("maintenance", "show", "x"),
    ("maintenance", "end", "x"),
    ("maintenance", "delete", "x"),
    ("lb", "drain", "shop/web-1"),
    ("checks", "metrics", "x"),
    ("slo", "show", "x"),
    ("runbooks", "show", "x"),
    ("runbooks", "dry-run", "x"),
    ("runbooks", "run", "x", "--yes"),
    ("runbooks", "close", "x"),
    ("recovery", "start"),
    ("runs", "show", "1"),
    ("runs", "cancel", "1"),
    ("runs", "undo", "1"),
    ("approvals", "approve", "1"),
    ("approvals", "deny", "1"),
    ("lb", "enable", "shop/web-1"),
    ("channels", "test", "inbox"),
)
GROUPS = (
    "checks",
    "alerts",
    "incidents",
    "notifications",
    "notify",
    "channels",
    "route",
    "oncall",
    "contacts",
    "silence",
    "maintenance",
    "runbooks",
    "runs",
    "approvals",
    "recovery",
    "slo",
    "lb",
    "tokens",
    "db",
)
PROCESSES = (("worker",), ("beat",), ("api",))


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, (*words, name))


COMMANDS = tuple(walk(get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...], bare_terminal: Terminal) -> None:
    said = bare_terminal(*words, "--help")
    assert said.code == 0
    assert "Usage: " in said.out
    assert len(said.out.splitlines()) > 5


def test_the_first_help_says_of_each_command_what_the_command_says_itself() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        first, *_ = command.loaded.help.split("\n\n")
        assert command.help == " ".join(first.split()), name
        assert command.name == command.loaded.name == name


def test_the_commands_that_are_promised_are_there() -> None:
    promised = {
        *(words for words, _ in WITH_DATA), *WITHOUT_DATABASE, *PROCESSES,
        ("up",), ("demo",), ("validate",), ("apply",),
        ("db", "downgrade"),
    }  # fmt: skip
    names = {words[:2] if words[0] in GROUPS else words[:1] for words in promised}
    assert names <= set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "code"), WITH_DATA, ids=lambda words: " ".join(words) if isinstance(words, tuple) else ""
)
def test_with_json_a_command_prints_one_document_and_nothing_else(
    words: tuple[str, ...], code: int, terminal: Terminal, trouble: Trouble
) -> None:
    said = terminal(*words, "--json")
    assert said.code == code, said.err
    assert isinstance(said.json, dict)
    assert not said.err


@pytest.mark.parametrize(
    ("words", "code"), WITH_DATA, ids=lambda words: " ".join(words) if isinstance(words, tuple) else ""
)
def test_for_people_a_command_fits_80_columns(
    words: tuple[str, ...], code: int, terminal: Terminal, trouble: Trouble
) -> None:
    terminal.set(COLUMNS="80")
    said = terminal(*words)
    assert said.code == code, said.err
    assert said.out.strip()
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert "\x1b" not in said.out


@pytest.mark.parametrize("words", WITHOUT_DATABASE, ids=" ".join)
def test_a_database_that_is_away_is_said_in_one_line(words: tuple[str, ...], bare_terminal: Terminal) -> None:
    bare_terminal.set(DATABASE_URL=AWAY)
    said = bare_terminal(*words, "--json")
    assert said.code == 3
    assert not said.out
    assert len(said.err.strip().splitlines()) == 1
    assert "PostgreSQL does not answer" in said.err
    assert "DATABASE_URL" in said.err
    assert "hunter2" not in said.err


@pytest.mark.parametrize("words", [*WITHOUT_DATABASE, *PROCESSES], ids=" ".join)
def test_without_a_database_the_way_to_one_is_said(words: tuple[str, ...], bare_terminal: Terminal) -> None:
    said = bare_terminal(*words)
    assert (said.code, said.out) == (3, "")
    assert said.err == "No database: run `make run` here or set DATABASE_URL.\n"


def test_an_environment_that_cannot_be_used_is_bad_input(bare_terminal: Terminal) -> None:
    bare_terminal.set(HEALTHMGR_PORT="eighty")
    said = bare_terminal("status")
    assert said.code == 2
    assert "HEALTHMGR_PORT" in said.err


def test_a_database_url_of_another_sort_is_bad_input(bare_terminal: Terminal) -> None:
    bare_terminal.set(DATABASE_URL="not a url")
    said = bare_terminal("status")
    assert said.code == 2
    assert "postgresql://" in said.err


def test_a_traceback_is_shown_to_those_who_ask_for_it(bare_terminal: Terminal) -> None:
    environ = {**os.environ, "DATABASE_URL": AWAY, "LOG_LEVEL": "debug"}
    command = [sys.executable, "-m", "healthmgr.cli.main", "status"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_second_terminal_finds_what_a_running_up_left(
    bare_terminal: Terminal, engine: Engine, database_url: str, tmp_path: Path
) -> None:
    run_dir = tmp_path / "data" / "run"
    run_dir.mkdir(parents=True)
    (run_dir / "environment.json").write_text(json.dumps({"DATABASE_URL": database_url, "HOOK": "http://127.0.0.1:1/"}))
    bare_terminal.set(HOOK="mine")  # what is set here goes before; its restoration is the monkeypatch's
    assert bare_terminal("tokens", "list").out.startswith("There are no tokens")
    assert os.environ["DATABASE_URL"] == database_url
    assert os.environ["HOOK"] == "mine"


def test_a_wrong_word_is_bad_usage(terminal: Terminal) -> None:
    assert terminal("checks", "list", "--status", "purple").code == 2
    assert terminal("chekcs").code == 2
    assert terminal("checks", "list", "--cursor", "nonsense").code == 2


def heavy_modules_after(program: str, *heavy: str) -> str:
    look = f"import sys; {program}; print(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_command_line_starts_without_what_only_other_processes_need() -> None:
    program = "from typer.main import get_command; from healthmgr.cli.main import app"
    program += "; [command.loaded for command in get_command(app).commands.values()]"
    assert heavy_modules_after(program, "uvicorn", "fastapi", "aiohttp", "flower", "celery.app", "celery.worker") == ""


def test_help_needs_no_driver_and_no_model() -> None:
    program = "from typer.testing import CliRunner; from healthmgr.cli.main import app"
    program += "; assert CliRunner().invoke(app, ['--help']).exit_code == 0"
    assert heavy_modules_after(program, "sqlalchemy", "redis", "kombu", "alembic", "pydantic", "structlog") == ""
