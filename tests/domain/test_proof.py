"""Whether what was repaired works, by the probes that came back since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.proof import (
    LOOK_EVERY,
    Awaits,
    Disproved,
    Proof,
    Proved,
    Seen,
    judge,
    not_probed,
    ordered,
    proof_of_effect,
    proof_of_step,
)
from healthmgr.domain.step import Verify
from tests.domain.test_rails import NOW

CHECK = Check(
    id=UUID(int=1),
    slug="api",
    name="API",
    kind="tcp",
    interval=timedelta(seconds=10),
    timeout=timedelta(seconds=3),
    retry_interval=timedelta(seconds=3),
    severity=Severity.HIGH,
    degraded_severity=Severity.MEDIUM,
    max_attempts=3,
    success_threshold=2,
)
WELL, BAD = Seen(8, Status.HEALTHY, "fine"), Seen(9, Status.UNHEALTHY, "refused")


def proof() -> Proof:
    return ordered(proof_of_effect(CHECK, NOW), 7, NOW).proof


def test_a_probe_is_ordered_at_once_and_then_looked_for() -> None:
    found = ordered(proof_of_effect(CHECK, NOW), 7, NOW)
    assert (found.proof.after, found.proof.order_at, found.at) == (7, None, NOW + LOOK_EVERY)
    assert judge(found.proof, [], NOW) == Awaits(found.proof, NOW + LOOK_EVERY)


def test_it_is_proved_by_as_many_good_results_as_end_the_alert() -> None:
    once = judge(proof(), [WELL], NOW)
    assert isinstance(once, Awaits)
    assert once.proof.order_at == NOW + CHECK.retry_interval
    twice = judge(once.proof, [WELL], NOW)
    assert twice == Proved("api was probed and is healthy 2 times in a row")


def test_a_bad_result_between_begins_the_count_anew() -> None:
    found = judge(proof(), [WELL, BAD, WELL], NOW)
    assert isinstance(found, Awaits)
    assert (found.proof.healthy, found.proof.bad) == (1, 1)


def test_it_is_disproved_by_as_many_bad_results_as_open_the_alert() -> None:
    assert isinstance(judge(proof(), [BAD, BAD], NOW), Awaits)
    assert judge(proof(), [BAD, BAD, BAD], NOW) == Disproved("api is not healthy: unhealthy: refused")


def test_what_could_not_be_told_is_no_proof() -> None:
    unknown = replace(BAD, status=Status.UNKNOWN, message="")
    assert judge(proof(), [unknown] * 3, NOW) == Disproved("api is not healthy: unknown")


def test_where_nothing_probes_it_is_not_proved() -> None:
    late = proof()
    assert judge(late, [], late.until) == Disproved("nothing has probed api since")
    assert not_probed("api", "it is paused").words == "api cannot be probed: it is paused"


def test_a_step_has_its_own_patience_and_only_time_ends_it() -> None:
    asked = proof_of_step(Verify(times=1, every=timedelta(seconds=5)), "api", NOW + timedelta(minutes=1), NOW)
    found = judge(asked, [BAD] * 50, NOW)
    assert isinstance(found, Awaits)
    assert found.at == NOW + timedelta(seconds=5)
    assert isinstance(judge(found.proof, [], NOW + timedelta(minutes=1)), Disproved)


def test_it_is_kept_without_loss() -> None:
    kept = replace(proof(), said="x", bad=2, order_at=datetime(2026, 3, 2, 9, 1, tzinfo=UTC))
    assert Proof.from_document(kept.to_document()) == kept
    assert Proof.from_document(proof().to_document()) == proof()
