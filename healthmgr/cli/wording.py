"""The words in which commands speak of checks and alerts, the same in every table."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from healthmgr.cli.printing import clean, styled
from healthmgr.views import AlertView, CheckLine, CheckView
from healthmgr.views_incidents import IncidentLine

STATUS_HELP = "Only checks in this state."


def check_state(check: CheckView | CheckLine) -> Text:
    """A check's state as one word, with what qualifies it: a try that is not confirmed yet, flapping, paused."""
    if isinstance(check, CheckView) and not check.is_enabled:
        return styled("skipped", "disabled")
    if check.is_paused:
        return styled("paused")
    if check.last_result_at is None:
        return styled("unknown", "not probed")
    extras = []
    if not check.is_hard:
        extras.append(f"try {check.attempt}/{check.max_attempts}")
    if check.is_flapping:
        extras.append("flapping")
    return styled(check.status, f"{check.status} ({', '.join(extras)})" if extras else "")


def state_words(status: str, sentence: str) -> Text:
    """A sentence in the colour of a status."""
    return styled(status, sentence)


def incident_name(number: int | None) -> str:
    """How people call an incident: "#12"; a dash while there is none."""
    return f"#{number}" if number is not None else "-"


def incident_state(incident: IncidentLine) -> Text:
    """An incident's state, with who has it in hand."""
    if incident.state in ("acknowledged", "snoozed") and incident.acknowledged_by:
        return styled(incident.state, f"{incident.state} by {incident.acknowledged_by}")
    return styled(incident.state)


def alert_name(alert: AlertView) -> str:
    """What people call an alert: its check's slug; where it came through a door, its own name."""
    return alert.check or alert.check_name


def alert_state(alert: AlertView) -> Text:
    """An alert's state, with who acknowledged it or what suppressed it."""
    if alert.state == "acknowledged" and alert.acknowledged_by:
        return styled(alert.state, f"acknowledged by {alert.acknowledged_by}")
    if alert.state == "suppressed" and alert.suppressed_by:
        return styled(alert.state, f"suppressed by {alert.suppressed_by}")
    return styled(alert.state)


def pairs(values: Mapping[str, object]) -> str:
    """A mapping as "key=value, key=value"; numbers in their shortest form."""
    return ", ".join(
        f"{clean(key)}={value:g}" if isinstance(value, float) else f"{clean(key)}={value}"
        for key, value in values.items()
    )
