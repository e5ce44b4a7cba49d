"""No step of a runbook is done twice, and every run ends in a true state, whatever dies.

HEALTHMGR_SOAK_SECONDS makes it longer: so many seconds in which the worker is killed and the broker flushed at random.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
import structlog

from tests.faults.installation import Installation, definitions, installed
from tests.faults.outside import Outside, eventually, outside_world
from tests.faults.repairs import Repairs, Replay, definitions_with, run_states
from tests.faults.test_climbing_faults import flush

SECONDS = float(os.environ.get("HEALTHMGR_SOAK_SECONDS", "0"))
SLOW = ("command", "python", "service_restart")
ENDS = {"succeeded", "failed", "rolled_back", "cancelled", "abandoned", "refused"}

_PAGED = """
SELECT DISTINCT r.check_slug FROM runs r JOIN alerts a ON a.id = r.alert_id
JOIN notifications n ON n.incident_id = a.incident_id AND n.reason = 'recovery_failed'
WHERE n.state = 'sent'
"""

_ATTEMPTS = "SELECT step, count(*) AS n FROM run_steps WHERE state <> 'skipped' GROUP BY step"

pytestmark = [pytest.mark.processes, pytest.mark.timeout(SECONDS * 2 + 300)]
log = structlog.get_logger(__name__)


def begun(repairs: Repairs) -> Counter[str]:
    return Counter(line.removeprefix("begin ") for line in repairs.lines() if line.startswith("begin "))


def test_no_step_is_done_twice_and_every_run_ends_in_a_true_state(tmp_path: Path) -> None:
    """The worker is killed in a step of every kind, every message comes twice and late, the broker loses everything."""
    repairs = Repairs(tmp_path)
    quick = ["quick-0", "quick-1", "quick-2"]
    runbooks = {kind.replace("_", "-"): [repairs.step(kind, kind, 40.0), repairs.step("command", f"after-{kind}", 0.0)]
                for kind in SLOW}  # fmt: skip
    runbooks |= {
        slug: [
            {"id": "tell", "kind": "notification", "config": {"message": f"repairing {slug}"}},
            repairs.step("command", f"{slug}-first", 0.3),
            {"wait": "1s"},
            repairs.step("python", f"{slug}-second", 0.3),
            {"id": "verify", "kind": "verify", "timeout": "60s", "config": {"every": "1s"}},
            repairs.step("service_restart", f"{slug}-third", 0.3),
        ]
        for slug in quick
    }
    with outside_world() as outside:
        base = definitions(outside, list(runbooks), degraded_severity="high", interval="5s")
        for check in base["checks"].values():
            check["severity"] = "high"
        base["routing"]["default"]["group_wait"] = "0s"
        document = definitions_with(base, runbooks)
        with installed(tmp_path, outside, document, environ=repairs.environ) as installation:
            healthy = "SELECT count(*) AS n FROM check_states WHERE status = 'healthy'"
            eventually(lambda: installation.rows(healthy)[0].n == len(runbooks), 60, "all checks are healthy")
            replay = Replay(installation)
            with replay.going():
                outside.broken |= {kind.replace("_", "-") for kind in SLOW}
                eventually(lambda: set(SLOW) <= set(begun(repairs)), 60, "a step of every kind is under way")
                installation.kill("upkeep")
                broken_at = time.monotonic()
                outside.broken |= set(quick)
                mends = {f"{slug}-second": slug for slug in quick}
                flushed = 0

                def all_are_over() -> bool:
                    nonlocal flushed
                    for name, slug in mends.items():
                        if f"end {name}" in repairs.lines():
                            outside.broken.discard(slug)
                    if time.monotonic() - broken_at > 4 * (flushed + 1) and flushed < 4:
                        flush(installation)
                        flushed += 1
                    states = run_states(installation)
                    return set(states) == set(runbooks) and all(state in ENDS for state, _ in states.values())

                eventually(all_are_over, 120, f"every run is over: {run_states(installation)}")
            states = run_states(installation)
            log.info("recovery_faults", replayed=replay.sent, seconds_from_kill_to_end=time.monotonic() - broken_at)
            abandoned = {kind.replace("_", "-"): ("abandoned", "worker_lost") for kind in SLOW}
            assert {slug: states[slug] for slug in abandoned} == abandoned
            assert {states[slug] for slug in quick} == {("succeeded", "check_is_healthy")}, states
            _nothing_was_done_twice(repairs)
            assert not [name for name in begun(repairs) if name.startswith("after-")]
            assert replay.sent > 100
            eventually(lambda: set(installation.rows(_PAGED)) == {(slug,) for slug in abandoned}, 30, "people are told")


def _nothing_was_done_twice(repairs: Repairs) -> None:
    assert {name: times for name, times in begun(repairs).items() if times > 1} == {}


@pytest.mark.skipif(not SECONDS, reason="make soak asks for it")
def test_runs_end_in_true_states_while_everything_dies_at_random(tmp_path: Path) -> None:
    """Checks break over and over; the worker is killed and the broker flushed at random moments."""
    repairs = Repairs(tmp_path)
    slugs = [f"s{i}" for i in range(10)]
    runbooks = {slug: [repairs.step("command", slug, 0.5)] for slug in slugs}
    with outside_world() as outside:
        base = definitions(outside, slugs)
        for check in base["checks"].values():
            check["severity"] = "high"
        document = definitions_with(base, runbooks)
        with installed(tmp_path, outside, document, environ=repairs.environ) as installation:
            _break_at_random(installation, outside, slugs)
            over = "SELECT count(*) AS n FROM runs WHERE ended_at IS NULL"
            eventually(lambda: installation.rows(over)[0].n == 0, 180, "every run is over")
            attempts = {row.step: row.n for row in installation.rows(_ATTEMPTS)}
            log.info(
                "recovery_soak", attempts=sum(attempts.values()), states=Counter(s for s, _ in _states(installation))
            )
            assert attempts
            assert {name: times for name, times in begun(repairs).items() if times > attempts.get(name, 0)} == {}
            assert installation.rows("SELECT 1 FROM run_steps WHERE state IN ('running', 'waiting')") == []


def _states(installation: Installation) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in installation.rows("SELECT state, reason FROM runs")]


def _break_at_random(installation: Installation, outside: Outside, slugs: list[str]) -> None:
    chance = random.Random(4711)
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        slug = chance.choice(slugs)
        if slug not in outside.broken:
            outside.broken.add(slug)
        elif chance.random() < 0.25:
            outside.broken.discard(slug)
        if chance.random() < 0.1:
            # It may be on its way back from the last time.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                installation.kill("upkeep")
        if chance.random() < 0.1:
            flush(installation)
        time.sleep(1.0)  # the pace of the world
    outside.broken.clear()
