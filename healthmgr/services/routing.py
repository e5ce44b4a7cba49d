"""From alerts to notifications: what is due for a group is judged, and who is told is written down.

One commit takes the dispatch row, judges its alerts (muted? explained by another? anything new?), opens or closes
the incident, and inserts one notification a recipient and channel.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import to_group
from healthmgr.domain.notification import Decision, Drop, Hold, Pace, Reason, Send, decide
from healthmgr.services.routing_judging import judge_members
from healthmgr.services.routing_ports import RoutingStore, RoutingTransaction
from healthmgr.services.routing_telling import Teller

log = structlog.get_logger(__name__)


class Routing:
    """Judges groups that are due."""

    def __init__(self, store: RoutingStore, rules: AlertingRules | None = None) -> None:
        self._store = store
        self._rules = rules or AlertingRules()

    def dispatch(self, group_key: str, token: int, now: datetime) -> tuple[Decision, list[Due]]:
        """Judge one group; what was decided, and the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            if not transaction.take(group_key, token, now):
                return Drop(Reason.NOT_MINE), []
            decision, again, dues = self._judge(transaction, group_key, now)
            dues += transaction.finish(group_key, again.until if again else None, (again or decision).reason.value, now)
        log.info(
            "group_judged", group=group_key, decision=type(decision).__name__.lower(), reason=decision.reason.value
        )
        return decision, dues

    def _judge(
        self, transaction: RoutingTransaction, group_key: str, now: datetime
    ) -> tuple[Decision, Hold | None, list[Due]]:
        """What was decided, when the group is looked at again, and the reminders."""
        incident = transaction.incident(group_key)
        transaction.lapse(group_key, now)
        members = transaction.members(group_key, incident.id if incident else None)
        interval = incident.course.group_interval if incident else self._rules.group_interval
        judged = judge_members(transaction, members, incident, interval, now)
        group = to_group(members, judged.waiting, judged.muted, judged.answered)
        told, pace = (incident.told, incident.pace) if incident else (None, Pace())
        decision = decide(group, told, bool(incident and incident.acknowledged_at), pace, now)
        teller = Teller(transaction, self._rules, group_key, members, group, now)
        dues: list[Due] = []
        if isinstance(decision, Send):
            incident, send = (incident, decision) if incident else teller.begin(decision)
            decision, dues = teller.tell(incident, send)
        elif incident is not None:
            teller.leave_untold(incident, judged.hold or decision)
        holds = [hold for hold in (judged.hold, decision) if isinstance(hold, Hold)]
        again = min(holds, key=lambda hold: hold.until, default=None)
        return again if again and isinstance(decision, Drop) else decision, again, dues
