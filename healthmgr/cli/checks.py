"""`healthmgr checks`: what is watched, what is believed of it, and orders to probe, pause and resume."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Annotated

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.check_card import card_of, print_card
from healthmgr.cli.failing import EXIT_CODES, ExitCode, SpeakingGroup
from healthmgr.cli.metrics import COMMANDS
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Cursor, Json, Limit, Slug, origin, person
from healthmgr.cli.printing import Column, ago, duration, print_json, print_lines, print_page_end, print_table, styled
from healthmgr.cli.wording import STATUS_HELP, check_state, state_words
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import Unavailable
from healthmgr.views import CheckView, ResultView

checks_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="What is watched, and what is believed of it.", epilog=EXIT_CODES
)

_FIRST_LOOK, _LONGEST_LOOK = 0.1, 2.0  # seconds between two looks for a result


@checks_app.command("list")
def list_checks(
    status: Annotated[Status | None, typer.Option(help=STATUS_HELP)] = None,
    service: Annotated[str | None, typer.Option(help="Only this service's checks.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only checks of this kind (http, tcp, postgres, ...).")] = None,
    search: Annotated[str | None, typer.Option(help="Only checks with this text in their slug or name.")] = None,
    include_disabled: Annotated[bool, typer.Option("--all", help="Also those that are no longer defined.")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List the checks with their states."""
    with opened() as healthmgr:
        page = healthmgr.reading.checks(
            status=status.value if status else None,
            service=service,
            kind=kind,
            search=search,
            include_disabled=include_disabled,
            cursor=cursor,
            limit=limit,
        )
        now = healthmgr.clock.now()
    if as_json:
        print_json(page)
        return
    if not page.items:
        print_lines(
            "No check fits."
            if status or service or kind or search
            else "No checks are defined: write healthmgr.yaml and run `healthmgr apply`."
        )
        return
    print_check_table(page.items, now)
    print_page_end(page.next_cursor, len(page.items), "checks")


def print_check_table(checks: list[CheckView], now: datetime) -> None:
    """Checks below each other, one a line."""
    columns = (
        Column("check", max_width=28),
        Column("status"),
        Column("for"),
        Column("message", is_flexible=True),
    )
    print_table(
        columns,
        (
            (
                check.slug,
                check_state(check),
                duration((now - check.since_at).total_seconds()) if check.since_at else "-",
                check.last_message,
            )
            for check in checks
        ),
    )


@checks_app.command("show")
def show_check(slug: Slug, as_json: Json = False) -> None:
    """Show all about one check: state, limits, last results, dependencies, and its ping address if it has one."""
    with opened() as healthmgr:
        card = card_of(healthmgr, slug)
        now = healthmgr.clock.now()
    if as_json:
        print_json(card)
        return
    print_card(card, now)


@checks_app.command("results")
def list_results(slug: Slug, limit: Limit = 20, cursor: Cursor = None, as_json: Json = False) -> None:
    """List a check's stored results, newest first."""
    with opened() as healthmgr:
        page = healthmgr.reading.results(slug, cursor=cursor, limit=limit)
        now = healthmgr.clock.now()
    if as_json:
        print_json(page)
        return
    if not page.items:
        print_lines(f"{slug} has no stored results yet.")
        return
    print_results(page.items, now)
    print_page_end(page.next_cursor, len(page.items), "results")


def print_results(results: list[ResultView], now: datetime) -> None:
    """Results below each other, one a line."""
    columns = (
        Column("started"),
        Column("status"),
        Column("took", is_number=True),
        Column("cause"),
        Column("message", is_flexible=True),
    )
    rows = ((ago(r.started_at, now), styled(r.status), duration(r.response_time), r.cause, r.message) for r in results)
    print_table(columns, rows)


@checks_app.command("run")
def run_check(
    slug: Slug,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the result and print it; exits 1 when it is not healthy.")
    ] = False,
    timeout: Annotated[str, typer.Option(metavar="DURATION", help="How long --wait waits, such as 30s or 2m.")] = "30s",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Order a probe of a check now."""
    patience = _patience(timeout)
    with opened() as healthmgr:
        ordered_at = healthmgr.clock.now()
        healthmgr.responding.run(slug, actor=person(actor), origin=origin(), now=ordered_at)
        if not wait:
            _say_what_was_done(healthmgr, slug, "A probe is ordered", as_json)
            return
        result = _wait_for_result(healthmgr, slug, ordered_at, patience)
    if as_json:
        print_json(result)
    else:
        print_lines(
            state_words(
                result.status, f"{slug} is {result.status}: {result.message} ({duration(result.response_time)})"
            )
        )
    raise typer.Exit(ExitCode.WRONG if Status(result.status).is_bad else ExitCode.OK)


@checks_app.command("pause")
def pause_check(slug: Slug, actor: Actor = "", as_json: Json = False) -> None:
    """Stop probing a check until it is resumed; its open alert is closed."""
    with opened() as healthmgr:
        healthmgr.responding.pause(slug, actor=person(actor), origin=origin(), now=healthmgr.clock.now())
        _say_what_was_done(healthmgr, slug, "Paused", as_json)


@checks_app.command("resume")
def resume_check(slug: Slug, actor: Actor = "", as_json: Json = False) -> None:
    """Probe a paused check again, at once."""
    with opened() as healthmgr:
        healthmgr.responding.resume(slug, actor=person(actor), origin=origin(), now=healthmgr.clock.now())
        _say_what_was_done(healthmgr, slug, "Resumed", as_json)


def _say_what_was_done(healthmgr: Healthmgr, slug: str, done: str, as_json: bool) -> None:
    if as_json:
        print_json(healthmgr.reading.check(slug))
    else:
        print_lines(f"{done}: {slug}")


def _patience(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _wait_for_result(healthmgr: Healthmgr, slug: str, ordered_at: datetime, patience: timedelta) -> ResultView:
    """The first result of a probe that began after the order. Raises Unavailable when none came in time."""
    ends_at, pause = time.monotonic() + patience.total_seconds(), _FIRST_LOOK
    while True:
        newest = healthmgr.reading.results(slug, limit=1).items
        if newest and newest[0].started_at >= ordered_at:
            return newest[0]
        left = ends_at - time.monotonic()
        if left <= 0:
            raise Unavailable(
                f"No result of {slug} within {duration(patience.total_seconds())}: "
                "the order stands, but nothing carried it out yet. "
                "`healthmgr doctor` says what is not running."
            )
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_LOOK)


for _name, _command in COMMANDS:
    checks_app.command(_name)(_command)
