"""Channels that need no definitions file: what the settings say is defined beside every file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import definition_validator
from healthmgr.definitions.provided import Wishes
from healthmgr.domain.directory import Directory
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining
from healthmgr.services.defining_ports import Applied
from healthmgr.settings import Settings
from healthmgr.storage.definition_repository import DefinitionRepository
from healthmgr.storage.directory_rows import read_directory

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MAIL = {"SMTP_HOST": "mail.example.com", "ALERT_EMAIL_FROM": "alerts@example.com"}
HOOK = {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/hush"}
PAGER = {"PAGERDUTY_INTEGRATION_KEY": "0123456789abcdef0123456789abcdef"}
ALL = MAIL | HOOK | PAGER
OPS = Wishes(mail_to=("ops@example.com",), slack_username="Health")
ROUTED = "recipients: {ada: {contacts: {email: ada@example.com}}}\nrouting: {default: {to: ada, via: email}}\n"

Apply = Callable[..., Applied]


@pytest.fixture
def apply(engine: Engine, tmp_path: Path) -> Apply:
    """Applies a text with these settings and variables."""

    def apply_text(content: str, wishes: Wishes = OPS, *, name: str = "f.yaml", **environ: str) -> Applied:
        path = tmp_path / name
        path.write_text(f"version: 1\n{content}", encoding="utf-8")
        defining = Defining(DefinitionRepository(engine), Registry.load(), environ, wishes=wishes)
        before = {change.name for change in defining.diff(path).changes}
        applied = defining.apply(path, actor="ada", origin="cli", now=NOW)
        assert before == {*applied.created, *applied.updated, *applied.disabled}, "diff says what apply does"
        assert defining.diff(path).changes == ()
        return applied

    return apply_text


@pytest.fixture
def directory(engine: Engine) -> Callable[[], Directory]:
    def read() -> Directory:
        with engine.begin() as connection:
            return read_directory(connection)

    return read


def owners(engine: Engine) -> dict[str, tuple[str, bool]]:
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT name, managed_by, is_enabled FROM channels"))
        return {row.name: (row.managed_by, row.is_enabled) for row in rows}


def told(directory: Directory) -> set[tuple[str, str, str]]:
    leg = directory.plan({"severity": "high"}).default
    return {(target.recipient, target.channel, target.address) for target in leg.targets}


def test_a_file_without_channels_tells_over_those_of_the_settings(
    apply: Apply, directory: Callable[[], Directory]
) -> None:
    applied = apply("", **ALL)
    assert applied.created == (
        "channels.email",
        "channels.slack",
        "channels.pagerduty",
        "recipients.default",
        "routing.default",
    )
    assert told(directory()) == {
        ("default", "email", "ops@example.com"),
        ("default", "slack", ""),
        ("default", "pagerduty", ""),
    }


def test_no_secret_of_the_settings_is_stored(apply: Apply, engine: Engine) -> None:
    apply("", **ALL)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT name, config FROM channels"))
        configs: dict[str, Any] = {row.name: row.config for row in rows}
    assert configs["slack"]["username"] == "Health"
    assert "${SLACK_WEBHOOK_URL}" in configs["slack"].values()
    assert "hush" not in str(configs)
    assert configs["email"] == {"host": "${SMTP_HOST}", "from": "${ALERT_EMAIL_FROM}"}
    assert PAGER["PAGERDUTY_INTEGRATION_KEY"] not in str(configs)


def test_each_mailbox_is_a_recipient_of_its_own(apply: Apply, directory: Callable[[], Directory]) -> None:
    apply("", Wishes(mail_to=("a@example.com", "b@example.com")), **MAIL, **HOOK)
    found = told(directory())
    assert {("default", "email", "a@example.com"), ("default-2", "email", "b@example.com")} < found
    assert len([target for target in found if target[1] == "slack"]) == 1, "Slack is told once"


@pytest.mark.parametrize(
    ("wishes", "environ", "channels"),
    [
        (OPS, {"SMTP_HOST": "127.0.0.1"}, set()),
        (OPS, MAIL, {"email"}),
        (Wishes(enabled=frozenset({"slack"})), ALL, {"slack"}),
        (Wishes(enabled=frozenset()), ALL, set()),
        (Wishes(), MAIL, {"email"}),
    ],
)
def test_a_channel_needs_all_that_it_hangs_on_and_may_be_left_out(
    apply: Apply, engine: Engine, wishes: Wishes, environ: dict[str, str], channels: set[str]
) -> None:
    path_of_its_own = "channels: {in: {kind: email, config: {host: h, from: a@b.example}}}\n"
    rest = "recipients: {x: {contacts: {in: x@example.com}}}\nrouting: {default: {to: x, via: in}}\n"
    apply(path_of_its_own + rest, wishes, **environ)
    assert set(owners(engine)) - {"in"} == channels


def test_mail_without_anybody_to_get_it_is_no_catch_all(apply: Apply) -> None:
    with pytest.raises(DefinitionError, match="no catch-all"):
        apply("", Wishes(), **MAIL)


def test_a_file_takes_names_over_and_gives_them_back(
    apply: Apply, engine: Engine, directory: Callable[[], Directory]
) -> None:
    apply("", **ALL)
    own = "channels: {email: {kind: email, config: {host: other.example.com, from: a@example.com}}}\n"
    applied = apply(own + ROUTED, **ALL)
    assert "channels.email" in applied.updated
    assert "routing.default" in applied.updated
    assert "channels.email" not in applied.disabled
    assert owners(engine)["email"] == ("file:f.yaml", True)
    assert told(directory()) == {("ada", "email", "ada@example.com")}
    apply("", **ALL)
    assert owners(engine)["email"] == ("settings", True)
    assert ("default", "email", "ops@example.com") in told(directory())


def test_what_another_file_defines_is_left_to_it(apply: Apply, engine: Engine) -> None:
    own = "channels: {email: {kind: email, config: {host: other.example.com, from: a@example.com}}}\n"
    apply(own + ROUTED, name="first.yaml", **ALL)
    applied = apply("checks: {a: {kind: tcp, config: {host: x, port: 1}}}\n", name="second.yaml", **ALL)
    assert (applied.created, applied.updated) == (("checks.a",), ())
    assert owners(engine)["email"] == ("file:first.yaml", True)
    assert owners(engine)["slack"] == ("settings", True)


def test_a_variable_that_is_gone_takes_its_channel_with_it(apply: Apply, engine: Engine) -> None:
    apply("", **ALL)
    apply("", **MAIL)
    assert owners(engine) == {
        "email": ("settings", True),
        "slack": ("settings", False),
        "pagerduty": ("settings", False),
    }


def test_a_file_that_leans_on_the_settings_is_refused_whole_without_them(apply: Apply, engine: Engine) -> None:
    apply("", **ALL)
    with pytest.raises(DefinitionError, match="catch-all"):
        apply("", OPS)
    assert owners(engine)["email"] == ("settings", True), "nothing was changed"


def test_code_that_registers_checks_leaves_the_settings_alone(apply: Apply, engine: Engine, tmp_path: Path) -> None:
    apply("", **ALL)
    path = tmp_path / "code.yaml"
    path.write_text("version: 1\nchecks: {a: {kind: tcp, config: {host: x, port: 1}}}\n", encoding="utf-8")
    bare = Defining(DefinitionRepository(engine), Registry.load(), {}, wishes=OPS)
    bare.apply(path, actor="worker", origin="code", now=NOW, source="module:shop")
    assert owners(engine)["slack"] == ("settings", True)


def test_a_bad_value_is_said_to_be_the_settings(apply: Apply) -> None:
    with pytest.raises(DefinitionError) as caught:
        apply("", **MAIL | {"ALERT_EMAIL_FROM": "nobody"})
    (problem,) = caught.value.problems
    assert (problem.file, problem.path, problem.line) == ("the settings", "channels.email.config.from", None)


def test_without_a_database_the_settings_still_stand_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("version: 1\nrouting: {critical: {to: default, via: slack}}\n", encoding="utf-8")
    definitions = Defining(None, Registry.load(), HOOK, wishes=Wishes()).validate(path)
    assert set(definitions.routes) == {"critical"}
    assert definitions.warnings == ()
    tree = Defining(None, Registry.load(), HOOK, wishes=Wishes()).tree(path)
    assert tree.sources == {"critical": "file:f.yaml", "default": "settings"}


def test_a_settings_file_names_channels_and_may_leave_one_out(tmp_path: Path) -> None:
    keys = tmp_path / "settings.yaml"
    keys.write_text(
        "alerting:\n  channels:\n"
        "    email: {smtpHost: mail.example.com, from: a@example.com, "
        "defaultRecipients: 'x@example.com,y@example.com'}\n"
        "    slack: {enabled: false, webhookUrl: 'https://hooks.slack.com/services/T0/B0/hush'}\n"
        "escalation: {defaultEscalationDelay: 25}\n",
        encoding="utf-8",
    )
    path = tmp_path / "f.yaml"
    policy = "escalation_policies: {std: {levels: [{to: default}, {to: default-2}]}}\n"
    path.write_text(f"version: 1\n{policy}", encoding="utf-8")
    settings = Settings.load({"HEALTHMGR_SETTINGS": str(keys), "HEALTHMGR_DATA": str(tmp_path)})
    validator = definition_validator(settings)
    definitions = validator.validate(path)
    assert [level.delay for level in definitions.escalation_policies["std"].policy.levels] == [
        timedelta(minutes=25)
    ] * 2
    assert definitions.warnings == ()
    directory = validator.tree(path).directory
    assert directory.channels == {"email"}
    assert told(directory) == {("default", "email", "x@example.com"), ("default-2", "email", "y@example.com")}
