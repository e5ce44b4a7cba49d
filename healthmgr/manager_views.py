"""What a HealthManager answers with, where that differs from what the API does."""

from __future__ import annotations

from datetime import datetime

from pydantic import computed_field

from healthmgr.views import AlertView, StatusView, View


class HealthDetails(View):
    """How many checks are watched, and in which state; `by_status` counts paused ones, too."""

    total_checks: int
    healthy_checks: int
    by_status: dict[str, int]
    open_alerts: dict[str, int]
    unacknowledged_alerts: int


class SystemHealth(View):
    """The whole at a glance: the worst hard status of all checks that are watched."""

    status: str
    message: str
    timestamp: datetime
    details: HealthDetails


class ManagedAlert(AlertView):
    """An alert with a title, as a list of alerts shows it."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def title(self) -> str:
        """One line: what, and how bad."""
        return f"{self.check_name} is {'flapping' if self.is_flapping else self.status}"


def managed_alert(view: AlertView) -> ManagedAlert:
    """The alert with its title."""
    return ManagedAlert.model_validate(view.model_dump())


def system_health(view: StatusView) -> SystemHealth:
    """The status in the words of a HealthManager; paused checks are not counted among the total."""
    total = view.total_checks - view.checks.get("paused", 0)
    healthy = view.checks.get("healthy", 0)
    return SystemHealth(
        status=view.status,
        message=f"{healthy} of {total} checks are healthy",
        timestamp=view.at,
        details=HealthDetails(
            total_checks=total,
            healthy_checks=healthy,
            by_status=view.checks,
            open_alerts=view.open_alerts,
            unacknowledged_alerts=view.unacknowledged_alerts,
        ),
    )
