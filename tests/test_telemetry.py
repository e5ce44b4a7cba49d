"""What is logged: for people at a terminal, for machines as JSON, never with secrets."""

from __future__ import annotations

import json

import pytest
import structlog

from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging, mask


@pytest.fixture(autouse=True)
def bound() -> object:
    """The ids that a worker binds while a task runs."""
    with structlog.contextvars.bound_contextvars(task="healthmgr.checks.probe", task_id="1f2e"):
        yield


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
