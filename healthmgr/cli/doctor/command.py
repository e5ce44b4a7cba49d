"""The examinations in their order, and what is printed of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import redis
import typer
from kombu.exceptions import KombuError
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from healthmgr.bootstrap import build
from healthmgr.cli.doctor import (
    answering,
    broker,
    checking,
    definitions,
    machine,
    measuring,
    muting,
    oncall,
    plugins,
    postgres,
    running,
    telling,
)
from healthmgr.cli.doctor.finding import Examination, Finding, Ground, Installation, Level, fail, skip
from healthmgr.cli.explaining import explain
from healthmgr.cli.failing import ExitCode
from healthmgr.cli.opening import NO_DATABASE, load_settings
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, clean, print_json, print_lines, print_table, styled
from healthmgr.errors import HealthmgrError
from healthmgr.settings import Settings
from healthmgr.telemetry import mask

_MISHAPS = (HealthmgrError, SQLAlchemyError, redis.RedisError, KombuError, OSError)

EXAMINATIONS = (
    Examination("python", machine.examine_python),
    Examination("settings", machine.examine_settings),
    Examination("disk", machine.examine_disk),
    Examination("admin token", machine.examine_token_file),
    Examination("database", postgres.examine_database, proves=Ground.DATABASE),
    Examination("schema", postgres.examine_schema, needs=Ground.DATABASE, proves=Ground.SCHEMA),
    Examination("clock", postgres.examine_clock, needs=Ground.DATABASE),
    Examination("partitions", postgres.examine_partitions, needs=Ground.SCHEMA),
    Examination("redis", broker.examine_redis),
    Examination("broker", broker.examine_broker),
    Examination("running", running.examine_running, needs=Ground.SCHEMA),
    Examination("plugins", plugins.examine_plugins, needs=Ground.SCHEMA),
    Examination("definitions", definitions.examine_definitions, needs=Ground.SCHEMA),
    Examination("secrets", definitions.examine_secrets, needs=Ground.SCHEMA),
    Examination("secret key", machine.examine_secret_key, needs=Ground.SCHEMA),
    Examination("channels", definitions.examine_channels, needs=Ground.SCHEMA),
    Examination("catch-all", definitions.examine_catch_all, needs=Ground.SCHEMA),
    Examination("checks", checking.examine_checks, needs=Ground.SCHEMA),
    Examination("metrics", measuring.examine_rollups, needs=Ground.SCHEMA),
    Examination("muting", muting.examine_mutes, needs=Ground.SCHEMA),
    Examination("on call", oncall.examine_oncall, needs=Ground.SCHEMA),
    Examination("contacts", oncall.examine_contacts, needs=Ground.SCHEMA),
    Examination("sending", telling.examine_sending, needs=Ground.SCHEMA),
    Examination("escalation", answering.examine_escalation, needs=Ground.SCHEMA),
    Examination("recovery", answering.examine_recovery, needs=Ground.SCHEMA),
)


def doctor(as_json: Json = False) -> None:
    """Say what is wrong with this installation, and how to mend it.

    Exits 1 when anything has failed; warnings alone do not count.
    """
    findings = list(examine())
    has_failed = any(finding.level is Level.FAILED for finding in findings)
    if as_json:
        print_json({"is_well": not has_failed, "findings": findings})
    else:
        _print_findings(findings)
    raise typer.Exit(ExitCode.WRONG if has_failed else ExitCode.OK)


def examine() -> Iterator[Finding]:
    """Every examination's findings, in order, whatever each of them meets."""
    try:
        settings = load_settings()
    except HealthmgrError as error:
        yield fail(str(error), "correct the environment: nothing else can be looked at before").named("settings")
        return
    installation = _open(settings)
    try:
        yield from _run(EXAMINATIONS, installation)
    finally:
        if installation.opened is not None:
            installation.opened.close()


def _open(settings: Settings) -> Installation:
    if not settings.database_url:
        return Installation(settings, os.environ, why_not_opened=NO_DATABASE)
    try:
        return Installation(settings, os.environ, build(settings))
    except _MISHAPS as error:
        return Installation(settings, os.environ, why_not_opened=explain(error)[1])


def _run(examinations: Iterable[Examination], installation: Installation) -> Iterator[Finding]:
    """The findings, the examinations whose ground has failed left out and said so."""
    lacking: set[Ground] = set()
    for examination in examinations:
        if examination.needs in lacking:
            findings = [skip(f"cannot be looked at without the {examination.needs}")]
        else:
            findings = _examine(examination, installation)
        if examination.proves and any(finding.level in (Level.FAILED, Level.SKIPPED) for finding in findings):
            lacking.add(examination.proves)
        yield from (finding.named(examination.name) for finding in findings)


def _examine(examination: Examination, installation: Installation) -> list[Finding]:
    findings = []
    try:
        for finding in examination.examine(installation):
            findings.append(finding)  # noqa: PERF402 - what was found before a mishap is kept
    except _MISHAPS as error:
        said, _, fix = mask(explain(error)[1]).partition(": ")
        findings.append(fail(said, fix))
    return findings


def _print_findings(findings: list[Finding]) -> None:
    rows = ((styled(f.level.value), f.examination, _words(f)) for f in findings)
    print_table((Column(""), Column("what"), Column("finding", is_flexible=True, is_wrapped=True)), rows)
    failed, warned = (sum(f.level is level for f in findings) for level in (Level.FAILED, Level.WARNING))
    if failed:
        print_lines("", styled("failed", f"{failed} failed, {warned} warnings"))
    else:
        print_lines("", styled("ok", f"Nothing is wrong{f', {warned} warnings' if warned else ''}."))


def _words(finding: Finding) -> Text:
    words = Text(clean(finding.message), style="dim" if finding.level is Level.SKIPPED else "")
    if finding.fix:
        words.append(f" -> {clean(finding.fix)}", style="bold")
    return words
