"""Making runs: which runbooks answer a failing, and what a run is about."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from uuid_utils.compat import uuid7

from healthmgr.domain.incident import all_labels
from healthmgr.domain.placeholder import fill_text
from healthmgr.domain.rails import RefusalReason, Refuse
from healthmgr.domain.run import Progress
from healthmgr.domain.run_values import values_of
from healthmgr.domain.runbook import Automation, Runbook
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem, StepError
from healthmgr.services.evaluating import ORIGIN
from healthmgr.services.recovering_ports import Called, RecoveringTransaction, Run, Trigger

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it, and no text that only looks like it
_MOST_BYTES = 65_536  # of one parameter, as JSON


def answers(runbook: Runbook, called: Called, is_named: bool) -> bool:
    """Whether a runbook starts by itself at this failing."""
    if runbook.automation is Automation.MANUAL or (runbook.trigger.attempt or 0) != called.attempt:
        return False
    labels = all_labels(called.labels, called.severity, ORIGIN)
    return runbook.trigger.fits(called.check.slug, labels, called.severity, is_named=is_named)


def called_by_hand(transaction: RecoveringTransaction, runbook: Runbook, check: str, now: datetime) -> Called:
    """What a run that a person wants is about: the check that is named, or the only one that the runbook names.

    Raises NotFound, and Conflict where none can be told.
    """
    if not check:
        if len(runbook.trigger.checks) != 1:
            raise Conflict(f"Say which check runbook {runbook.name} is to mend: it proves what came of it.")
        check = runbook.trigger.checks[0]
    called = transaction.called(check, now)
    if called is None:
        raise NotFound(f"There is no check {check!r}: `healthmgr checks list` shows those that exist")
    return called


def refuse_unknown(runbook: Runbook, parameters: Mapping[str, Any]) -> None:
    """Raises Conflict for a parameter that the runbook does not have, DefinitionError for one that cannot be kept."""
    unknown = sorted(set(parameters) - set(runbook.parameters))
    if unknown:
        takes = ", ".join(sorted(runbook.parameters)) or "none"
        raise Conflict(f"Runbook {runbook.name} takes no parameter {unknown[0]!r}: it takes {takes}.")
    problems = [
        Problem(fault, f"parameters.{name}") for name in sorted(parameters) if (fault := _fault(parameters[name]))
    ]
    if problems:
        raise DefinitionError(problems)


def _fault(value: Any) -> str:
    """Why a row cannot keep a parameter's value, or no step could be given it; "" where nothing is wrong with it."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        length = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        return "cannot be kept: give text, numbers, yes or no, lists or mappings of these"
    if _NUL.search(text):
        return "holds a NUL character"
    return f"is {length} bytes long: {_MOST_BYTES} at most" if length > _MOST_BYTES else ""


def make_run(
    runbook: Runbook,
    called: Called,
    trigger: Trigger,
    parameters: Mapping[str, Any],
    now: datetime,
    *,
    started_by: str = "",
) -> tuple[Run, Refuse | None]:
    """A run that is yet to be judged, with what is wrong with it."""
    given = {**runbook.parameters, **parameters}
    check = called.check
    wrong: Refuse | None = None
    target = check.slug
    missing = sorted(name for name, value in given.items() if value is None)
    try:
        if runbook.target:
            values = values_of(check.slug, called.severity, called.labels, given, {})
            target = fill_text(runbook.target, values)
    except StepError as error:
        wrong = Refuse(RefusalReason.INCOMPLETE, f"its target cannot be told: {error}")
    if missing:
        wrong = Refuse(RefusalReason.INCOMPLETE, f"the parameter {missing[0]} has to be given")
    run = Run(
        id=uuid7(),
        progress=Progress(runbook),
        trigger=trigger,
        target=target or runbook.name,
        severity=called.severity,
        problem_at=called.problem_at,
        created_at=now,
        started_by=started_by,
        check_id=check.id,
        check=check.slug,
        alert_id=called.alert_id,
        labels=called.labels,
        parameters=given,
        reason="triggered",
        due_at=now,
    )
    return run, wrong
