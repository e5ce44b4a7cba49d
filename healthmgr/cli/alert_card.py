"""All that `healthmgr alerts show` knows of one alert: what a person needs at three in the morning."""

from __future__ import annotations

from datetime import datetime

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
from healthmgr.views import AlertView, CheckView, NotificationView, View

_NOTIFICATIONS = 50


class AlertCard(View):
    """An alert with its check as it is now, the limits that are crossed, and who was told."""

    alert: AlertView
    check: CheckView
    breaches: list[str]
    notifications: list[NotificationView]


def alert_card_of(healthmgr: Healthmgr, alert: AlertView) -> AlertCard:
    """Everything about the alert."""
    check = healthmgr.reading.check(alert.check)
    return AlertCard(
        alert=healthmgr.reading.alert(alert.id),
        check=check,
        breaches=breaches(check) if alert.resolved_at is None else [],
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
            ("check", f"{alert.check_name} ({alert.check})"),
            ("service", alert.service),
            ("incident", incident_name(alert.incident_number)),
            ("state", alert_state(alert)),
            ("flapping", "yes" if alert.is_flapping else ""),
            ("since", moment(alert.opened_at, now)),
            ("acknowledged", _acknowledgement(alert, now)),
            ("resolved", _resolution(alert, now)),
            ("breaches", ", ".join(card.breaches)),
            ("check now", check_state(check)),
            ("says", check.last_message),
            ("measured", pairs(check.last_metrics)),
            ("depends on", ", ".join(check.depends_on)),
            ("labels", pairs(alert.labels)),
            ("runbook", alert.runbook_url),
            ("alert id", str(alert.id)),
        )
    )
    _print_actions(alert, now)
    _print_told(card, now)
    if alert.resolved_at is None:
        _print_answers(alert)


def _print_answers(alert: AlertView) -> None:
    print_heading("What you can do")
    answers = (
        (f"healthmgr alerts ack {alert.check}", "say that you are on it"),
        (f"healthmgr alerts resolve {alert.check}", "close it by hand"),
        (f"healthmgr checks run {alert.check} --wait", "probe it again now"),
    )
    print_facts(answers[1:] if alert.acknowledged_at else answers)


def _acknowledgement(alert: AlertView, now: datetime) -> str:
    if alert.acknowledged_at is None:
        return ""
    return f"{moment(alert.acknowledged_at, now)} by {alert.acknowledged_by}"


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
