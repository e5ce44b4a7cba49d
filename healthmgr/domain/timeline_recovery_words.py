"""What runbooks did about an incident, in sentences: the part of `timeline_words` that is of recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from healthmgr.domain.run_state import RunState, StepState
from healthmgr.domain.timeline import EntryKind

Detail = Mapping[str, Any]

_ENDS: Mapping[str, str] = {
    RunState.SUCCEEDED: "has done its work",
    RunState.FAILED: "failed",
    RunState.ROLLED_BACK: "failed, and what it did was undone",
    RunState.CANCELLED: "was cancelled",
    RunState.ABANDONED: "was abandoned: nobody knows how its last step ended",
}

_STEPS: Mapping[str, str] = {
    StepState.SUCCEEDED: "done",
    StepState.SKIPPED: "left out",
    StepState.FAILED: "failed",
    StepState.TIMED_OUT: "took too long",
    StepState.ABANDONED: "nobody saw it end",
    StepState.WAITING: "awaited",
}


def _started(_reason: str, actor: str, detail: Detail) -> str:
    by = f" by {actor}" if actor else " by itself"
    return f"{_run(detail)} was started{by} on {detail.get('target', 'its target')}"


def _waits(_reason: str, _actor: str, detail: Detail) -> str:
    return f"{_run(detail)} waits{_because(detail)}"


def _refused(_reason: str, _actor: str, detail: Detail) -> str:
    return f"{_run(detail)} was not started{_because(detail)}"


def _step(_reason: str, _actor: str, detail: Detail) -> str:
    undoing = "undoing step" if detail.get("is_rollback") else "step"
    came = _STEPS.get(str(detail.get("state")), str(detail.get("state", "")))
    return f"{_run(detail)}: {undoing} {detail.get('step', '')} {came}{_words(detail)}"


def _ended(_reason: str, actor: str, detail: Detail) -> str:
    came = _ENDS.get(str(detail.get("state")), "ended")
    by = f" by {actor}" if actor else ""
    return f"{_run(detail)} {came}{by}{_words(detail)}"


def _undone(_reason: str, actor: str, detail: Detail) -> str:
    comment = str(detail.get("comment") or "").strip()
    return f"{actor} has what {_run(detail)[0].lower()}{_run(detail)[1:]} left behind undone" + (
        f": {comment}" if comment else ""
    )


def _asked(_reason: str, _actor: str, detail: Detail) -> str:
    return f"{_run(detail)} asks: {detail.get('question', 'may it go on?')}"


def _voted(reason: str, actor: str, detail: Detail) -> str:
    said = {"approved": "approved", "denied": "denied"}.get(reason, "answered")
    who = actor or "Somebody"
    comment = str(detail.get("comment") or "").strip()
    return f"{who} {said} what {_run(detail)[0].lower()}{_run(detail)[1:]} asked" + (f": {comment}" if comment else "")


def _run(detail: Detail) -> str:
    number = detail.get("number")
    return f"Runbook {detail.get('runbook', '')}" + (f" (run {number})" if number else "")


def _because(detail: Detail) -> str:
    words = str(detail.get("words") or "").strip()
    return f", because {words}" if words else ""


def _words(detail: Detail) -> str:
    words = str(detail.get("words") or "").strip()
    return f": {words}" if words else ""


RECOVERY_SENTENCES: Mapping[str, Callable[[str, str, Detail], str]] = {
    EntryKind.RUN_STARTED: _started,
    EntryKind.RUN_WAITS: _waits,
    EntryKind.RUN_REFUSED: _refused,
    EntryKind.RUN_STEP: _step,
    EntryKind.RUN_ENDED: _ended,
    EntryKind.RUN_UNDONE: _undone,
    EntryKind.APPROVAL_ASKED: _asked,
    EntryKind.APPROVAL_VOTED: _voted,
}
