"""What is logged: for people at a terminal, for machines as JSON, never with secrets."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest
import structlog

from healthmgr.settings import Settings
from healthmgr.telemetry import configure_as_guest, configure_logging, mask


@pytest.fixture(autouse=True)
def bound() -> object:
    """The ids that a worker binds while a task runs."""
    with structlog.contextvars.bound_contextvars(task="healthmgr.checks.probe", task_id="1f2e"):
        yield


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """What is set up for the whole process is put back."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def say(capsys: pytest.CaptureFixture[str], **environ: str) -> str:
    configure_logging(Settings.load(environ))
    structlog.get_logger("test").warning("connected", to="redis://:s3cret@h:6379/0", token="hm_abcdefghijklmnop")
    structlog.get_logger("test").debug("details")
    return capsys.readouterr().err


def test_machines_are_given_everything_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = say(capsys, LOG_FORMAT="json").splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["task_id"]) == ("connected", "warning", "1f2e")
    assert said["to"] == "redis://:***@h:6379/0"
    assert said["token"] == "hm_***"


def test_people_are_spared_the_ids_unless_they_look_for_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert "1f2e" not in say(capsys)
    assert "1f2e" in say(capsys, LOG_LEVEL="debug")


def test_the_level_decides_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, LOG_LEVEL="error") == ""
    assert "details" in say(capsys, LOG_LEVEL="DEBUG")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://user:pw@host/db", "postgresql://user:***@host/db"),
        ("amqp://guest:guest@h//", "amqp://guest:***@h//"),
        ("key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "key whsec_***"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def crash() -> None:
    password = "s3cret-" + "word"
    raise RuntimeError(f"refused by redis://:{password}@h:6379/0")


def test_in_somebody_elses_program_a_crash_is_told_without_the_variables_of_its_frames(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    configure_as_guest()
    try:
        crash()
    except RuntimeError:
        structlog.get_logger("healthmgr.test").exception("callback_failed", slug="shop")
    (record,) = caplog.records
    assert record.name == "healthmgr.test"
    assert "slug=shop" in record.message
    assert "RuntimeError: refused by redis://:***@h:6379/0" in record.message
    assert "s3cret" not in caplog.text + "".join(capsys.readouterr())


def test_a_program_that_has_set_its_logging_up_keeps_it() -> None:
    heard: list[str] = []
    structlog.configure(processors=[lambda _, name, event: heard.append(name) or str(event)])
    configure_as_guest()
    structlog.get_logger("healthmgr.test").warning("hello")
    assert heard == ["warning"]


def test_a_long_word_is_looked_through_in_no_time() -> None:
    text = "x" * 1_000_000
    started = time.process_time()
    assert mask(text) == text
    assert time.process_time() - started < 5
