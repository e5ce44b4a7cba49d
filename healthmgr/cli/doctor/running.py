"""What runs: beats, sweeps, workers and queues, by their last signs of life."""

from __future__ import annotations

import re
from collections.abc import Iterator

from healthmgr.cli.doctor.finding import Finding, Installation, fail, warn, well
from healthmgr.views import PartView

_MESSAGE = re.compile(r"(.*?)(?:: (.*?))?( \((?:silent|no sign)[^()]*\))?", re.DOTALL)


def examine_running(installation: Installation) -> Iterator[Finding]:
    """Whether every part of healthmgr gave a sign of life in time."""
    healthmgr = installation.healthmgr
    parts = healthmgr.reading.health(healthmgr.clock.now()).parts
    unwell = [part for part in parts if not part.is_well]
    alive = [part for part in parts if part.is_well]
    if unwell and not alive:
        yield fail(
            "nothing runs: no part of healthmgr gives a sign of life", "run `make run` here, or start beats and workers"
        )
        return
    if alive:
        yield well("alive: " + ", ".join(part.name for part in alive))
    yield from (_found(part) for part in unwell)


def _found(part: PartView) -> Finding:
    said, fix, silence = _advice(part.message)
    # A silent worker was perhaps taken away on purpose; whether its work is done is told by the queues.
    judge = warn if part.name.startswith("worker ") else fail
    return judge(f"{part.name}: {said}{silence}", fix or "look at its log, and start it again")


def _advice(message: str) -> tuple[str, str, str]:
    """What is, what to do, and since when it is so, out of "what is: what to do (silent for 41s)"."""
    found = _MESSAGE.fullmatch(message)
    return (found[1], found[2] or "", found[3] or "") if found else (message, "", "")
