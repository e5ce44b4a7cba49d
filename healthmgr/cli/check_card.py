"""All that `healthmgr checks show` knows of one check."""

from __future__ import annotations

from datetime import datetime

from healthmgr.bootstrap import Healthmgr
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
from healthmgr.cli.unmeasured import unmeasured
from healthmgr.cli.wording import alert_state, check_state, incident_name, pairs
from healthmgr.domain.alert import REOPENS_AFTER
from healthmgr.domain.threshold import Thresholds
from healthmgr.services.pinging import ping_key
from healthmgr.settings import Settings
from healthmgr.views import AlertView, CheckView, ResultView, TransitionView, View

_RECENT = 5


class CheckCard(View):
    """A check, the limits it crosses now, its latest results and changes, and its ping address.

    `unmeasured` are metrics that its thresholds name and that no result ever had.
    """

    check: CheckView
    breaches: list[str]
    open_alert: AlertView | None
    closed_by_hand: AlertView | None
    results: list[ResultView]
    transitions: list[TransitionView]
    ping_url: str | None
    unmeasured: list[str]


def card_of(healthmgr: Healthmgr, slug: str) -> CheckCard:
    """Everything about the check; raises NotFound."""
    reading, check = healthmgr.reading, healthmgr.reading.check(slug)
    return CheckCard(
        check=check,
        breaches=breaches(check),
        open_alert=reading.alert(check.open_alert_id) if check.open_alert_id else None,
        closed_by_hand=_closed_by_hand(healthmgr, check),
        results=reading.results(slug, limit=_RECENT).items,
        transitions=reading.transitions(slug, limit=_RECENT).items,
        ping_url=ping_url(healthmgr.settings, check),
        unmeasured=unmeasured(healthmgr.engine, slug).get(slug, []),
    )


def _closed_by_hand(healthmgr: Healthmgr, check: CheckView) -> AlertView | None:
    """The alert that a person closed although its check still fails, while that holds."""
    if check.open_alert_id is not None or check.status == "healthy" or not check.is_hard:
        return None
    latest = healthmgr.reading.alerts(state="all", check=check.slug, limit=1).items
    return latest[0] if latest and latest[0].resolved_by else None


def breaches(check: CheckView) -> list[str]:
    """Every limit that the latest measurements cross, critical ones first."""
    took = check.last_response_time if check.last_response_time is not None else float("nan")
    return [
        f"{crossing} ({'critical' if crossing.is_critical else 'warning'})"
        for crossing in Thresholds.parse(check.thresholds).crossings(took, check.last_metrics)
    ]


def ping_url(settings: Settings, check: CheckView) -> str | None:
    """Where a heartbeat's job reports to; None for other kinds, and where no key signs such addresses."""
    if check.kind != "heartbeat" or not settings.secret_key:
        return None
    base = (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")
    return f"{base}/ping/{check.slug}/{ping_key(settings.secret_key, check.id)}"


def print_card(card: CheckCard, now: datetime) -> None:
    """The card for people."""
    check = card.check
    print_lines(check.name)
    print_facts(
        (
            ("state", check_state(check)),
            ("since", moment(check.since_at, now)),
            ("says", check.last_message),
            ("measured", pairs(check.last_metrics)),
            ("breaches", ", ".join(card.breaches)),
            ("alert", _alert_words(card.open_alert) or _quiet_words(card.closed_by_hand, now)),
            ("slug", check.slug),
            ("kind", check.kind),
            ("service", check.service),
            ("category", check.category),
            ("severity", styled(check.severity)),
            (
                "probed",
                f"every {duration(check.interval)}, timeout {duration(check.timeout)}, {check.max_attempts} tries",
            ),
            ("last result", moment(check.last_result_at, now)),
            ("next due", ago(check.next_due_at, now) if not check.is_paused else "when resumed"),
            *(
                (f"{level} at", ", ".join(f"{metric} {text}" for metric, text in limits.items()))
                for level, limits in check.thresholds.items()
            ),
            ("depends on", ", ".join(check.depends_on)),
            ("not measured", "; ".join(card.unmeasured)),
            ("labels", pairs(check.labels)),
            ("runbook", check.runbook_url),
            ("recovery", check.recovery_procedure),
            ("about", check.description),
            ("ping", _ping_words(card)),
        )
    )
    if card.results:
        _print_results(card.results, now)
    if card.transitions:
        _print_transitions(card.transitions, now)


def _alert_words(alert: AlertView | None) -> str:
    if alert is None:
        return ""
    said = f"{alert_state(alert).plain}, incident {incident_name(alert.incident_number)}"
    return f"{said}: healthmgr alerts show {alert.check}"


def _quiet_words(alert: AlertView | None, now: datetime) -> str:
    if alert is None or alert.resolved_at is None:
        return ""
    again_at = alert.resolved_at + REOPENS_AFTER
    return f"closed by {alert.resolved_by}; told again {ago(again_at, now)} if it still fails, or when it changes"


def _ping_words(card: CheckCard) -> str:
    if card.check.kind != "heartbeat":
        return ""
    return (
        f"curl -fsS -m 10 --retry 5 {card.ping_url}" if card.ping_url else "set HEALTHMGR_SECRET_KEY to see the address"
    )


def _print_results(results: list[ResultView], now: datetime) -> None:
    columns = (
        Column("started"),
        Column("status"),
        Column("took", is_number=True),
        Column("message", is_flexible=True),
    )
    print_heading("Latest results")
    rows = ((ago(r.started_at, now), styled(r.status), duration(r.response_time), r.message) for r in results)
    print_table(columns, rows)


def _print_transitions(transitions: list[TransitionView], now: datetime) -> None:
    columns = (Column("at"), Column("from"), Column("to"), Column("confirmed"), Column("message", is_flexible=True))
    print_heading("Latest changes")
    rows = (
        (
            ago(t.at, now),
            styled(t.old_status),
            styled(t.new_status),
            "yes" if t.is_hard else f"try {t.attempt}",
            t.message,
        )
        for t in transitions
    )
    print_table(columns, rows)
