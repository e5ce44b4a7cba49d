"""Whether a failing check is merely unreachable: all of its parents must be available, alternatives one of them."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Status
from healthmgr.domain.dependency import (
    Ancestry,
    Dependency,
    Parent,
    Reachability,
    Reachable,
    Undecided,
    Unreachable,
    judge_reachability,
)
from tests.domain.making import NOW, uid

CHECK = uid(999)
BEFORE, LATER = NOW - timedelta(seconds=20), NOW + timedelta(seconds=2)


def alert_of(parent: int) -> UUID:
    return uid(100 + parent)


def parent(number: int = 1, kind: str = "down", **over: object) -> Parent:
    """A parent by its number: down, up, degraded, soft, lost (unknown) or new (never probed)."""
    status, is_hard, has_alert = {
        "down": (Status.UNHEALTHY, True, True),
        "up": (Status.HEALTHY, True, False),
        "degraded": (Status.DEGRADED, True, True),
        "lost": (Status.UNKNOWN, True, True),
        "soft": (Status.UNHEALTHY, False, False),
        "new": (Status.UNKNOWN, True, False),
    }[kind]
    given = {
        "id": uid(number),
        "status": status,
        "is_hard": is_hard,
        "last_result_at": None if kind == "new" else LATER,
        "open_alert_id": alert_of(number) if has_alert else None,
    }
    return Parent(**(given | over))


def judge(*parents: Parent | tuple[Parent, str]) -> Reachability:
    """The verdict on a check that failed now and hangs on these; a pair names a redundancy group."""
    pairs = [p if isinstance(p, tuple) else (p, "") for p in parents]
    dependencies = [Dependency(p.id, group) for p, group in pairs]
    return judge_reachability(CHECK, Ancestry({CHECK: dependencies}, {p.id: p for p, _ in pairs}), NOW)


def judge_chain(*parents: Parent) -> Reachability:
    """The verdict on a check that hangs on the first, which hangs on the second, and so on."""
    below = [CHECK, *(p.id for p in parents)]
    hangs = {child: [Dependency(p.id)] for child, p in zip(below, parents, strict=False)}
    return judge_reachability(CHECK, Ancestry(hangs, {p.id: p for p in parents}), NOW)


def test_a_check_that_hangs_on_nothing_is_reachable():
    assert judge() == Reachable()


def test_a_parent_that_is_down_explains_the_failure():
    assert judge(parent()) == Unreachable(alert_of(1))


@pytest.mark.parametrize("kind", ["up", "degraded", "lost", "new"])
def test_a_parent_that_is_not_known_to_be_down_suppresses_nobody(kind):
    assert judge(parent(kind=kind)) == Reachable()


def test_a_parent_that_is_softly_down_leaves_it_undecided():
    assert judge(parent(kind="soft")) == Undecided()


def test_a_parent_that_relapses_softly_while_its_alert_is_open_is_waited_for_like_any_other():
    assert judge(parent(kind="soft", open_alert_id=alert_of(1))) == Undecided()


@pytest.mark.parametrize("kind", ["down", "soft"])
def test_a_parent_that_was_never_probed_is_available_whatever_its_row_says(kind):
    assert judge(parent(kind=kind, last_result_at=None)) == Reachable()


@pytest.mark.parametrize("kind", ["down", "soft", "up"])
@pytest.mark.parametrize("seen_at", [BEFORE, LATER])
def test_a_parent_that_is_paused_disabled_or_muted_suppresses_nobody_and_is_not_waited_for(kind, seen_at):
    assert judge(parent(kind=kind, can_suppress=False, last_result_at=seen_at)) == Reachable()


def test_a_parent_whose_alert_a_person_resolved_suppresses_nobody():
    assert judge(parent(open_alert_id=None)) == Reachable()


# ---- results that are older than the failure --------------------------------------------------------


@pytest.mark.parametrize("kind", ["up", "degraded", "lost"])
def test_a_parent_that_was_not_looked_at_since_the_failure_is_waited_for(kind):
    assert judge(parent(kind=kind, last_result_at=BEFORE)) == Undecided()


def test_a_parent_that_is_known_to_be_down_need_not_be_looked_at_again():
    assert judge(parent(last_result_at=BEFORE)) == Unreachable(alert_of(1))


def test_a_parent_that_was_looked_at_in_the_same_moment_is_fresh():
    assert judge(parent(kind="up", last_result_at=NOW)) == Reachable()
    assert judge(parent(kind="up", last_result_at=NOW - timedelta(microseconds=1))) == Undecided()


# ---- several parents --------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["up", "degraded", "soft", "new", "lost"])
@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_parents_one_that_is_down_is_enough(other, is_first):
    pair = [parent(1), parent(2, other)]
    assert judge(*(pair if is_first else reversed(pair))) == Unreachable(alert_of(1))


def test_of_several_parents_one_that_wavers_is_waited_for():
    assert judge(parent(1, "up"), parent(2, "soft")) == Undecided()


@pytest.mark.parametrize("kind", ["up", "degraded", "new", "lost"])
def test_alternatives_are_as_good_as_the_best_of_them(kind):
    assert judge((parent(1), "dns"), (parent(2, kind), "dns")) == Reachable()


def test_when_all_alternatives_are_down_the_check_is_unreachable():
    assert judge((parent(1), "dns"), (parent(2), "dns")) == Unreachable(alert_of(1))


def test_a_single_member_of_a_redundancy_group_is_a_parent_like_any_other():
    assert judge((parent(1), "dns"), parent(2, "up")) == Unreachable(alert_of(1))


def test_alternatives_waver_while_the_last_hope_does():
    assert judge((parent(1), "dns"), (parent(2, "soft"), "dns")) == Undecided()
    assert judge((parent(1), "dns"), (parent(2, "up", last_result_at=BEFORE), "dns")) == Undecided()
    assert judge((parent(1, "soft"), "dns"), (parent(2, "up"), "dns")) == Reachable()


def test_each_redundancy_group_must_have_a_member_that_is_available():
    dns, disk = [(parent(1), "dns"), (parent(2, "up"), "dns")], [(parent(3), "disk"), (parent(4), "disk")]
    assert judge(*dns, *disk) == Unreachable(alert_of(3))
    assert judge(*dns, *disk[:1], (parent(4, "up"), "disk")) == Reachable()


def test_a_paused_alternative_counts_as_available():
    assert judge((parent(1), "dns"), (parent(2, can_suppress=False), "dns")) == Reachable()


# ---- chains -----------------------------------------------------------------------------------------


def test_the_root_of_a_chain_is_its_outermost_alert():
    assert judge_chain(parent(2), parent(1)) == Unreachable(alert_of(1))
    assert judge_chain(parent(3, "soft"), parent(2), parent(1)) == Unreachable(alert_of(1))


@pytest.mark.parametrize("kind", ["up", "degraded", "lost", "soft", "new"])
def test_a_parent_that_is_itself_unreachable_does_not_count_as_available_whatever_it_says(kind):
    assert judge_chain(parent(2, kind), parent(1)) == Unreachable(alert_of(1))


def test_an_alternative_that_is_itself_unreachable_does_not_count_as_available():
    hangs = {CHECK: [Dependency(uid(2), "dns"), Dependency(uid(3), "dns")], uid(2): [Dependency(uid(1))]}
    believed = {p.id: p for p in (parent(1), parent(2, "up"), parent(3))}
    assert judge_reachability(CHECK, Ancestry(hangs, believed), NOW) == Unreachable(alert_of(1))


def test_a_wavering_grandparent_holds_nobody_whose_parent_answers():
    assert judge_chain(parent(2, "up"), parent(1, "soft")) == Reachable()


def test_a_wide_and_deep_ancestry_is_judged_in_a_moment():
    layers = [[uid(10 * depth + side) for side in range(3)] for depth in range(60)]
    hangs = {CHECK: [Dependency(i) for i in layers[0]]}
    for lower, upper in itertools.pairwise(layers):
        hangs |= {child: [Dependency(i) for i in upper] for child in lower}
    believed = {i: parent(0, "up", id=i) for layer in layers for i in layer}
    assert judge_reachability(CHECK, Ancestry(hangs, believed), NOW) == Reachable()


# ---- always -----------------------------------------------------------------------------------------

kinds = st.lists(st.sampled_from(["down", "up", "degraded", "lost", "soft", "new"]), min_size=1, max_size=5)


@given(kinds)
def test_without_groups_every_parent_has_to_be_available(parents):
    verdict = judge(*(parent(i, kind) for i, kind in enumerate(parents)))
    if "down" in parents:
        assert verdict == Unreachable(alert_of(parents.index("down")))
    else:
        assert verdict == (Undecided() if "soft" in parents else Reachable())


@given(kinds)
def test_in_one_group_every_parent_has_to_be_down(parents):
    verdict = judge(*((parent(i, kind), "group") for i, kind in enumerate(parents)))
    if set(parents) == {"down"}:
        assert verdict == Unreachable(alert_of(0))
    else:
        assert verdict == (Undecided() if set(parents) <= {"down", "soft"} else Reachable())
