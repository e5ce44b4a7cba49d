"""What the settings say, in the words of those who need it."""

from __future__ import annotations

from healthmgr.definitions.provided import EMAIL, PAGERDUTY, SLACK, Wishes
from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.alerting import AlertingRules
from healthmgr.services.synthesizing import Synthesis
from healthmgr.settings import Settings


def alerting_rules(settings: Settings) -> AlertingRules:
    """What the settings say of alerting, in the words of the domain."""
    alerting, escalation = settings.advanced.alerting, settings.advanced.escalation
    return AlertingRules(
        is_telling=alerting.enabled,
        group_interval=alerting.aggregation_window,
        reopens_within=alerting.deduplication_window,
        most_per_minute=alerting.max_alerts_per_minute,
        most_per_hour=alerting.max_alerts_per_hour,
        acknowledges_after=escalation.auto_acknowledge_after,
        resolves_after=escalation.auto_resolve_after,
        command=settings.advanced.incident_command.rule(),
    )


def synthesis(settings: Settings) -> Synthesis:
    """What the settings say of the synthetic notification."""
    if not settings.synthetic_to:
        return Synthesis(settings.synthetic_interval)
    recipient, channel = settings.synthetic_to.split("/")
    return Synthesis(settings.synthetic_interval, recipient, channel)


def fallbacks(settings: Settings) -> Fallbacks:
    """What the settings say of checks and policies whose definitions leave it unsaid."""
    return Fallbacks(
        interval=settings.check_interval,
        timeout=settings.default_timeout,
        escalation_delay=settings.advanced.escalation.default_escalation_delay,
        recovery_timeout=settings.advanced.recovery.recovery_timeout,
    )


def wishes(settings: Settings) -> Wishes:
    """What the settings say of channels."""
    channels = settings.advanced.alerting.channels
    enabled = {EMAIL: channels.email.enabled, SLACK: channels.slack.enabled, PAGERDUTY: channels.pagerduty.enabled}
    return Wishes(
        enabled=frozenset(kind for kind, is_enabled in enabled.items() if is_enabled),
        slack_username=channels.slack.username,
        mail_to=channels.email.default_recipients,
    )
