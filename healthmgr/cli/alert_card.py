"""All that `healthmgr alerts show` knows of one alert: what a person needs at three in the morning."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.check_card import breaches
from healthmgr.cli.notification_table import print_notification_table
from healthmgr.cli.printing import (
    Column,
    ago,
    duration,
    moment,
    print_facts,
    print_heading,
    print_lines,
    print_table,
    styled,
)
from healthmgr.cli.wording import alert_state, check_state, incident_name, pairs
from healthmgr.domain.timeline_words import because
from healthmgr.views import AlertView, CheckView, NotificationView, View

_NOTIFICATIONS = 50


class AlertCard(View):
    """An alert with its check as it is now, the limits that are crossed, and who was told.

    One that came through a door has no check.
    """

    alert: AlertView
    check: CheckView | None
    breaches: list[str]
    notifications: list[NotificationView]


def alert_card_of(healthmgr: Healthmgr, alert: AlertView) -> AlertCard:
    """Everything about the alert."""
    check = healthmgr.reading.check(alert.check) if alert.check else None
    return AlertCard(
        alert=healthmgr.reading.alert(alert.id),
        check=check,
        breaches=breaches(check) if check and alert.resolved_at is None else [],
        notifications=healthmgr.reading.notifications(alert_id=alert.id, limit=_NOTIFICATIONS).items,
    )


def print_alert_card(card: AlertCard, now: datetime) -> None:
    """The card for people."""
    alert, check = card.alert, card.check
    print_lines(
        styled(alert.severity if alert.resolved_at is None else "resolved", f"{alert.severity}: {alert.summary}")
    )
    print_facts(
        (
            ("check", f"{alert.check_name} ({alert.check})" if check else ""),
            ("alert", "" if check else f"{alert.check_name} (from {alert.origin})"),
            ("service", alert.service),
            ("incident", incident_name(alert.incident_number)),
            ("state", alert_state(alert)),
            ("held back", _held_back(alert)),
            ("flapping", "yes" if alert.is_flapping else ""),
            ("since", moment(alert.opened_at, now)),
            ("acknowledged", _acknowledgement(alert, now)),
            ("resolved", _resolution(alert, now)),
            ("breaches", ", ".join(card.breaches)),
            *_facts_of_check(check),
            ("labels", pairs(alert.labels)),
            ("says besides", pairs(alert.annotations)),
            ("source", alert.source_url),
            ("runbook", alert.runbook_url),
            ("alert id", str(alert.id)),
        )
    )
    _print_actions(alert, now)
    _print_told(card, now)
    if alert.resolved_at is None:
        _print_answers(alert)


def _facts_of_check(check: CheckView | None) -> tuple[tuple[str, str | Text], ...]:
    if check is None:
        return ()
    return (
        ("check now", check_state(check)),
        ("says", check.last_message),
        ("measured", pairs(check.last_metrics)),
        ("depends on", ", ".join(check.depends_on)),
    )


def _held_back(alert: AlertView) -> str:
    """Why nobody is told of it at present."""
    if not alert.mute_reason or alert.resolved_at is not None:
        return ""
    return because(alert.mute_reason) + (f" ({alert.muted_by})" if alert.muted_by else "")


def _print_answers(alert: AlertView) -> None:
    print_heading("What you can do")
    name, has_it = alert.check or str(alert.id), alert.acknowledged_at is not None
    answers = (
        (f"healthmgr alerts ack {name}", "" if has_it else "say that you are on it"),
        (f"healthmgr alerts unack {name}", "have people told again" if has_it else ""),
        (f"healthmgr alerts resolve {name}", "close it by hand"),
        (f"healthmgr checks run {name} --wait", "probe it again now" if alert.check else ""),
    )
    print_facts(answers)


def _acknowledgement(alert: AlertView, now: datetime) -> str:
    if alert.acknowledged_at is None:
        return ""
    until = f", until {moment(alert.acknowledged_until, now)}" if alert.acknowledged_until else ""
    return f"{moment(alert.acknowledged_at, now)} by {alert.acknowledged_by}{until}"


def _print_actions(alert: AlertView, now: datetime) -> None:
    if not alert.actions:
        return
    print_heading("What people did")
    columns = (Column("when"), Column("who"), Column("did"), Column("said", is_flexible=True))
    print_table(columns, ((ago(a.at, now), a.actor, a.action, a.comment) for a in alert.actions))


def _resolution(alert: AlertView, now: datetime) -> str:
    if alert.resolved_at is None:
        return ""
    by = f" by {alert.resolved_by}" if alert.resolved_by else ""
    lasted = duration((alert.resolved_at - alert.opened_at).total_seconds())
    return f"{moment(alert.resolved_at, now)}{by} after {lasted}{': ' + alert.resolution if alert.resolution else ''}"


def _print_told(card: AlertCard, now: datetime) -> None:
    print_heading("Who was told")
    if not card.notifications:
        waits = "  nobody yet: its route waits a little for other alerts to be told with it"
        print_lines("  nobody" if card.alert.resolved_at else waits)
        return
    print_notification_table(card.notifications, now)
