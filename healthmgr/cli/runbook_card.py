"""What a run of a runbook would do, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from healthmgr.cli.printing import Column, moment, print_facts, print_heading, print_lines, print_table, styled
from healthmgr.domain.quantity import format_duration
from healthmgr.views_runbooks import RehearsalView, RehearsedStepView

_COLUMNS = (Column("step"), Column(""), Column("what it would do", is_flexible=True, is_wrapped=True))


def print_rehearsal(found: RehearsalView, now: datetime) -> None:
    """Whether it would start, whom it would ask, and what each step would do."""
    parameters = ", ".join(f"{name}={value}" for name, value in found.parameters.items() if value is not None)
    print_facts(
        [
            ("runbook", found.runbook),
            ("check", found.check),
            ("severity", styled(found.severity)),
            ("target", found.target),
            ("parameters", parameters),
            ("to be given", ", ".join(found.missing_parameters)),
            ("would start", _verdict(found, now)),
            ("would ask", _approval(found)),
        ]
    )
    print_heading("steps")
    print_table(_COLUMNS, _steps(found.steps))
    print_lines("", "Nothing was touched.")


def _verdict(found: RehearsalView, now: datetime) -> str | Text:
    if found.missing_parameters and found.may_start is not None:
        return styled("refused", f"no: {' and '.join(found.missing_parameters)} has to be given")
    if found.may_start is None:
        return "say for which check (--check), for the rails judge by it"
    if found.may_start:
        return styled("well", "yes, by hand" if found.automation == "manual" else "yes")
    until = f", until {moment(found.until, now)}" if found.until else ""
    return styled("refused", f"no: {found.words}{until}")


def _approval(found: RehearsalView) -> str:
    asked = found.approval
    if asked is None:
        return "nobody"
    who = ", ".join(asked.approvers) or "whoever may respond"
    return f"{asked.needed} of {who}, within {format_duration(asked.expires_after)}"


def _steps(steps: list[RehearsedStepView], indent: str = "") -> Iterator[tuple[str | Text, ...]]:
    for step in steps:
        yield indent + step.id, _taken(step), _words(step)
        yield from _steps(step.rollback, f"{indent}undone by ")


def _taken(step: RehearsedStepView) -> Text:
    if step.fault:
        return styled("failed", "would fail")
    if step.is_taken is None:
        return styled("pending", "perhaps")
    return styled("well", "yes") if step.is_taken else styled("skipped", "passed over")


def _words(step: RehearsedStepView) -> str:
    return "; ".join(part for part in (step.fault or step.does, step.why) if part)
