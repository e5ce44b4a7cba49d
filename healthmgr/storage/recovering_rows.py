"""All that recovery reads and writes, within one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.alert import alert_labels, fingerprint
from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.proof import Seen
from healthmgr.domain.runbook import Runbook
from healthmgr.services.recovering_ports import Asked, Called, RecoveringTransaction, Run
from healthmgr.storage.alert_rows import APPROVAL, RECOVERY, AlertRows, NewAlert
from healthmgr.storage.approval_rows import ApprovalRows
from healthmgr.storage.check_rows import CHECK_COLUMNS, to_check
from healthmgr.storage.commanding_rows import CommandingRows
from healthmgr.storage.dispatch_rows import request_dispatches
from healthmgr.storage.rail_rows import RailRows
from healthmgr.storage.run_rows import RunRows
from healthmgr.storage.runbook_rows import RunbookRows

# Whoever is paged answers or resolves it; nobody has to remember to close it.
_LASTS_FOR = timedelta(hours=12)
_SKEW = timedelta(seconds=5)

_TAKE_CALL = text("DELETE FROM recovery_calls WHERE id = :id RETURNING check_id, attempt, at")

_CALLED = f"""
SELECT {CHECK_COLUMNS}, c.recovery_procedure, st.status, st.since_at,
       a.id AS alert_id, a.severity AS alert_severity, a.started_at AS alert_started_at
FROM checks c JOIN check_states st ON st.check_id = c.id
LEFT JOIN alerts a ON a.check_id = c.id AND a.resolved_at IS NULL
"""  # noqa: S608 - composed of constants alone
_BY_ID = text(f"{_CALLED} WHERE c.id = :id AND c.is_enabled")
_BY_SLUG = text(f"{_CALLED} WHERE c.slug = :slug AND c.is_enabled")

_CHECK = text(f"SELECT {CHECK_COLUMNS} FROM checks c WHERE c.slug = :slug AND c.is_enabled")  # noqa: S608

_ORDER = text("""
UPDATE check_schedules s SET next_due_at = LEAST(s.next_due_at, :now), cause = 'request'
FROM checks c WHERE c.id = s.check_id AND c.slug = :slug AND s.is_active
RETURNING s.sequence
""")
_WHY_NOT = text("SELECT is_enabled, is_paused FROM checks WHERE slug = :slug")

# The bound on started_at spares the older day tables; workers carry the clock forward to the millisecond.
_SEEN = text("""
SELECT r.sequence, r.status, r.message
FROM results r JOIN checks c ON c.id = r.check_id JOIN check_states st ON st.check_id = c.id
WHERE c.slug = :slug AND r.started_at >= :since AND r.sequence > :after AND r.sequence <= st.last_sequence
ORDER BY r.sequence
""")

_CHANNELS = text("""
SELECT name, kind FROM channels WHERE is_enabled AND (name = ANY(:names) OR lower(kind) = ANY(:kinds)) ORDER BY name
""").bindparams(bindparam("names", type_=ARRAY(Text)), bindparam("kinds", type_=ARRAY(Text)))


class RecoveringRows(RunRows, RailRows, ApprovalRows, CommandingRows, RecoveringTransaction):
    """Runs, and all that is around them. `needs_address` says it of a kind of channel."""

    def __init__(
        self, connection: Connection, needs_address: Callable[[str], bool], *, will_remind: bool = True
    ) -> None:
        super().__init__(connection)
        self._needs_address = needs_address
        self.will_remind = will_remind

    # ---- What runs are about ---------------------------------------------------------------------

    def take_call(self, call_id: UUID) -> Called | None:
        call = self._connection.execute(_TAKE_CALL, {"id": call_id}).one_or_none()
        row = self._connection.execute(_BY_ID, {"id": call.check_id}).mappings().one_or_none() if call else None
        if call is None or row is None:
            return None
        concerned = RunbookRows(self._connection).concerned(row["slug"], row["recovery_procedure"])
        named = row["recovery_procedure"]
        runbooks = [(runbook, runbook.name == named) for runbook in concerned]
        return _to_called(row, call.attempt, call.at, runbooks)

    def called(self, check: str, now: datetime) -> Called | None:
        row = self._connection.execute(_BY_SLUG, {"slug": check}).mappings().one_or_none()
        return _to_called(row, 0, now, ()) if row else None

    def runbook(self, name: str) -> Runbook | None:
        return RunbookRows(self._connection).named(name)

    def check(self, slug: str) -> Check | None:
        row = self._connection.execute(_CHECK, {"slug": slug}).mappings().one_or_none()
        return to_check(row) if row else None

    # ---- Proof -----------------------------------------------------------------------------------

    def order_probe(self, check: str, now: datetime) -> int | str:
        sequence = self._connection.execute(_ORDER, {"slug": check, "now": now}).scalar()
        if sequence is not None:
            return int(sequence)
        row = self._connection.execute(_WHY_NOT, {"slug": check}).one_or_none()
        if row is None:
            return "there is no such check"
        return "it is paused" if row.is_paused else "it is disabled"

    def seen(self, check: str, after: int, since: datetime) -> list[Seen]:
        rows = self._connection.execute(_SEEN, {"slug": check, "after": after, "since": since - _SKEW})
        return [Seen(row.sequence, Status(row.status), row.message) for row in rows]

    # ---- Who hears of it -------------------------------------------------------------------------

    def open_alert(self, run: Run, name: str, words: str, now: datetime, asked: Asked | None = None) -> list[Due]:
        kind = "approval" if asked else "run"
        labels = {"service": run.labels.get("service") or "recovery", "kind": f"recovery-{kind}", "check": run.check}
        labels |= {"runbook": run.runbook.name, "target": run.target}
        labels = {label: value for label, value in labels.items() if value}
        new = NewAlert(
            fingerprint=fingerprint(RECOVERY, labels),
            labels=labels,
            severity=run.severity,
            status=Status.UNHEALTHY,
            summary=words,
            origin=RECOVERY,
            name=name,
            annotations={APPROVAL: f"{asked.number} {asked.id}"} if asked else {},
            ends_at=now + _LASTS_FOR,
        )
        _, dues = AlertRows(self._connection).open(new, "hard_change", now)
        # A person is to hear of it now: no company is waited for.
        wanted = [(due.key, now, "hard_change") for due in dues]
        return request_dispatches(self._connection, wanted, now, will_remind=self.will_remind)

    def channels_like(self, names: Sequence[str]) -> Mapping[str, bool]:
        values = {"names": list(names), "kinds": [name.lower() for name in names]}
        return {row.name: self._needs_address(row.kind) for row in self._connection.execute(_CHANNELS, values)}


def _to_called(row: RowMapping, attempt: int, at: datetime, runbooks: Sequence[tuple[Runbook, bool]]) -> Called:
    check = to_check(row)
    status = Status(row["status"])
    bad = status if status.is_bad else Status.UNHEALTHY
    severity = Severity(row["alert_severity"]) if row["alert_severity"] else check.severity_of(bad)
    problem_at = row["alert_started_at"] or row["since_at"] or at
    return Called(check, status, attempt, problem_at, row["alert_id"], severity, alert_labels(check), tuple(runbooks))
