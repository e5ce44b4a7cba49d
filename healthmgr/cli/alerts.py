"""`healthmgr alerts`: what is wrong, who was told, and the answers to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.alert_card import AlertCard, alert_card_of, print_alert_card
from healthmgr.cli.alert_choice import SELECTOR_HELP, choose_alerts
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.lasting import For, Until, end_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Cursor, Json, Limit, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_page_end, print_table, styled
from healthmgr.cli.wording import alert_name, incident_name
from healthmgr.domain.check import Severity
from healthmgr.errors import Conflict, DefinitionError, Problem
from healthmgr.views import AlertView

alerts_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="What is wrong, and who was told.", epilog=EXIT_CODES
)

Selector = Annotated[str, typer.Argument(metavar="ALERT", help=SELECTOR_HELP)]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Kept with the action, for those who come later.")]


class AlertState(StrEnum):
    """Which alerts `alerts list` shows."""

    OPEN = "open"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"
    ALL = "all"


@alerts_app.command("list")
def list_alerts(
    state: Annotated[
        AlertState, typer.Option(help="Which alerts; open is everything that is not resolved.")
    ] = AlertState.OPEN,
    severity: Annotated[Severity | None, typer.Option(help="Only alerts of this severity.")] = None,
    check: Annotated[str | None, typer.Option(metavar="SLUG", help="Only this check's alerts.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List alerts, newest first."""
    with opened() as healthmgr:
        page = healthmgr.reading.alerts(
            state=state.value, severity=severity.value if severity else None, check=check, cursor=cursor, limit=limit
        )
        now = healthmgr.clock.now()
    if as_json:
        print_json(page)
        return
    if not page.items:
        print_lines("No open alerts." if state is AlertState.OPEN else "No alert fits.")
        return
    print_alert_table(page.items, now, with_ids=state in (AlertState.RESOLVED, AlertState.ALL))
    print_page_end(page.next_cursor, len(page.items), "alerts")


def print_alert_table(alerts: list[AlertView], now: datetime, with_ids: bool = False) -> None:
    """Alerts below each other. Open ones are named by their check; only among closed ones are ids needed."""
    columns = [
        Column("inc", is_number=True),
        Column("severity"),
        Column("state"),
        Column("opened"),
        Column("check", max_width=20),
        Column("summary", is_flexible=True, is_wrapped=True),
    ]
    rows: list[list[str | Text]] = [
        [
            incident_name(alert.incident_number),
            styled(alert.severity),
            styled(alert.state),
            ago(alert.opened_at, now),
            alert_name(alert),
            alert.summary,
        ]
        for alert in alerts
    ]
    if with_ids:
        columns.insert(0, Column("id"))
        rows = [[short_id(alert), *row] for alert, row in zip(alerts, rows, strict=True)]
    print_table(columns, rows)


def short_id(alert: AlertView) -> str:
    """The end of an alert's id: the part that differs between alerts of the same minute."""
    return str(alert.id)[-6:]


@alerts_app.command("show")
def show_alert(selector: Selector, as_json: Json = False) -> None:
    """Show all that a person needs to act: what broke, since when, what it measured, who was told."""
    with opened() as healthmgr:
        cards = [alert_card_of(healthmgr, alert) for alert in choose_alerts(healthmgr, selector)]
        now = healthmgr.clock.now()
    if as_json:
        print_json({"items": cards})
        return
    _print_cards(cards, now)


def _print_cards(cards: list[AlertCard], now: datetime) -> None:
    for position, card in enumerate(cards):
        if position:
            print_lines("")
        print_alert_card(card, now)


@alerts_app.command("ack")
def acknowledge(
    selector: Selector,
    lasts_for: For = "",
    until: Until = "",
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that you are on it: nobody is told of these alerts again until something changes, or the time is over."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        end = end_of(lasts_for, until, now)

        def act(alert: AlertView) -> None:
            healthmgr.responding.acknowledge(
                alert.id, actor=person(actor), origin=origin(), now=now, comment=comment, until=end
            )

        _act_on(
            healthmgr, selector, act, "Acknowledged", lambda alert: _is_open(alert) and not _is_in_hand(alert), as_json
        )


@alerts_app.command("unack")
def unacknowledge(selector: Selector, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Take an acknowledgement back: people are told again at once."""
    with opened() as healthmgr:

        def act(alert: AlertView) -> None:
            healthmgr.responding.unacknowledge(
                alert.id, actor=person(actor), origin=origin(), now=healthmgr.clock.now(), comment=comment
            )

        _act_on(
            healthmgr, selector, act, "Unacknowledged", lambda alert: _is_open(alert) and _is_in_hand(alert), as_json
        )


@alerts_app.command("resolve")
def resolve(selector: Selector, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Close an alert by hand; it stays closed until its check changes, or for an hour while that is still bad."""
    with opened() as healthmgr:

        def act(alert: AlertView) -> None:
            healthmgr.responding.resolve(
                alert.id, actor=person(actor), origin=origin(), now=healthmgr.clock.now(), comment=comment
            )

        _act_on(healthmgr, selector, act, "Resolved", _is_open, as_json)


@alerts_app.command("reopen")
def reopen(selector: Selector, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Say that it was not over: the alert is open again, and is told; its check's next good result closes it."""
    with opened() as healthmgr:

        def act(alert: AlertView) -> None:
            healthmgr.responding.reopen(
                alert.id, actor=person(actor), origin=origin(), now=healthmgr.clock.now(), comment=comment
            )

        _act_on(healthmgr, selector, act, "Opened again", lambda alert: not _is_open(alert), as_json)


@alerts_app.command("mark")
def mark(
    selector: Selector,
    why: Annotated[str, typer.Option("--false", metavar="WHY", help="It was none, and why.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take that back.")] = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that an alert was none, open or over: it counts among the false ones, and nobody is told."""
    if bool(why.strip()) is undo:
        raise DefinitionError([Problem("say either why it was none, or --undo", path="--false")])
    with opened() as healthmgr:

        def act(alert: AlertView) -> None:
            now = healthmgr.clock.now()
            if undo:
                healthmgr.promising.unmark(alert.id, actor=person(actor), origin=origin(), now=now)
            else:
                healthmgr.promising.mark_false(alert.id, why=why, actor=person(actor), origin=origin(), now=now)

        _act_on(healthmgr, selector, act, "No longer false" if undo else "Marked as false", lambda _: True, as_json)


def _is_open(alert: AlertView) -> bool:
    return alert.resolved_at is None


def _is_in_hand(alert: AlertView) -> bool:
    return alert.acknowledged_at is not None


def _act_on(
    healthmgr: Healthmgr,
    selector: str,
    act: Callable[[AlertView], None],
    done: str,
    is_wanted: Callable[[AlertView], bool],
    as_json: bool,
) -> None:
    chosen = choose_alerts(healthmgr, selector)
    # Of an incident, those that are left; a single alert goes to the service, which says why it cannot be done.
    targets = [alert for alert in chosen if is_wanted(alert)] if len(chosen) > 1 else chosen
    if not targets:
        raise Conflict(f"All {len(chosen)} alerts of {selector} are {done.lower()} already, or past that.")
    for alert in targets:
        act(alert)
    if as_json:
        print_json({"items": [healthmgr.reading.alert(alert.id) for alert in targets]})
        return
    for alert in targets:
        print_lines(
            f"{done}: {alert_name(alert)} ({incident_name(alert.incident_number)}, {short_id(alert)}) {alert.summary}"
        )
