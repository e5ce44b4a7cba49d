"""What stops runbooks until a person lets them go on: kill switches and breakers. All of it is on the audit log."""

from __future__ import annotations

import structlog

from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act
from healthmgr.services.recovering_ports import RecoveringStore

log = structlog.get_logger(__name__)

_TEAM = "team:"


class Restraining:
    """Throws and releases kill switches, closes breakers. Raises NotFound, and Conflict for an illegal move."""

    def __init__(self, store: RecoveringStore) -> None:
        self._store = store

    def throw(self, scope: str, act: Act) -> None:
        """From this commit on no run of this scope starts, and none goes on with a step that can do harm.

        `scope` is "" for all recovery, or "team:NAME" for the runbooks of a team.
        """
        with self._store.begin() as transaction:
            if scope and not (scope.startswith(_TEAM) and transaction.is_team(scope.removeprefix(_TEAM))):
                raise NotFound(
                    f"{scope!r} is no scope: leave it out for all recovery, or write team: and a team's name"
                )
            if not transaction.throw(scope, act.actor, act.comment, act.now):
                raise Conflict(f"The kill switch {switch_words(scope)} is thrown already.")
            transaction.audit(act.actor, act.origin, "recovery.stop", scope, {"comment": act.comment}, act.now)
        log.info("kill_switch_thrown", scope=scope, actor=act.actor)

    def release(self, scope: str, act: Act) -> None:
        """Runs of this scope may start again."""
        with self._store.begin() as transaction:
            if not transaction.release(scope):
                raise Conflict(f"The kill switch {switch_words(scope)} is not thrown.")
            transaction.audit(act.actor, act.origin, "recovery.resume", scope, {"comment": act.comment}, act.now)
        log.info("kill_switch_released", scope=scope, actor=act.actor)

    def close_breaker(self, runbook: str, act: Act) -> None:
        """A runbook that failed too often may run again; its failures are counted anew."""
        with self._store.begin() as transaction:
            if not transaction.close_breaker(runbook, act.actor, act.now):
                raise Conflict(f"The breaker of runbook {runbook!r} is not open.")
            transaction.audit(act.actor, act.origin, "breaker.close", runbook, {"comment": act.comment}, act.now)
        log.info("breaker_closed", runbook=runbook, actor=act.actor)


def switch_of(team: str) -> str:
    """The scope of the kill switch of a team; without one, that of all recovery."""
    return f"{_TEAM}{team}" if team else ""


def switch_words(scope: str) -> str:
    """Which kill switch, for people."""
    return f"of {scope.replace(':', ' ', 1)}" if scope else "for all recovery"
