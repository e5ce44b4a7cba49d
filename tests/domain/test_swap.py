"""Swaps of shifts: what each gets, what is no swap, and who may answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.schedule import FixedShift, Layer, Override, Schedule, Temporary
from healthmgr.domain.swap import Stretch, Swap, SwapState, accept, decline, propose, withdraw
from healthmgr.errors import Conflict, NotPermitted


def on(hour: int) -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=hour)


NOW = on(0)
PLATFORM = Schedule(
    "platform",
    (
        Layer(
            "kept",
            shifts=(
                FixedShift("ada", on(24), on(48)),
                FixedShift("bob", on(48), on(72)),
                FixedShift("ada", on(72), on(96)),
                FixedShift("cleo", on(24), on(96)),
            ),
        ),
    ),
)


def swap(given: tuple[int, int] = (24, 48), taken: tuple[int, int] | None = (48, 72), **over: object) -> Swap:
    fine = Swap("ada", "bob", Stretch(*map(on, given)), Stretch(*map(on, taken)) if taken else None)
    return replace(fine, **over)


def after(schedule: Schedule, overrides: tuple[Override, ...]) -> Schedule:
    return replace(schedule, overrides=(*schedule.overrides, *overrides))


def test_an_accepted_swap_puts_each_in_the_others_place_and_nobody_else():
    proposed = propose(swap(), PLATFORM, NOW)
    accepted, overrides = accept(proposed, PLATFORM, "bob", NOW)
    assert accepted == replace(proposed, state=SwapState.ACCEPTED)
    shifts = after(PLATFORM, overrides).shifts(on(24), on(96))
    assert [shift for shift in shifts if shift.person != "cleo"] == [
        FixedShift("bob", on(24), on(48)),
        FixedShift("ada", on(48), on(96)),
    ]
    assert [shift for shift in shifts if shift.person == "cleo"] == [FixedShift("cleo", on(24), on(96))]


def test_a_shift_can_be_given_without_one_in_return_and_in_part():
    _, overrides = accept(swap((30, 40), None), PLATFORM, "bob", NOW)
    assert overrides == (Override(on(30), on(40), add="bob", remove="ada"),)


def test_of_a_shift_that_has_begun_only_the_rest_changes_hands():
    _, overrides = accept(swap(), PLATFORM, "bob", on(30))
    assert overrides == (
        Override(on(30), on(48), add="bob", remove="ada"),
        Override(on(48), on(72), add="ada", remove="bob"),
    )


def test_a_swap_can_be_swapped_back():
    _, overrides = accept(swap(), PLATFORM, "bob", NOW)
    swapped = after(PLATFORM, overrides)
    back = Swap("ada", "bob", Stretch(on(48), on(72)), Stretch(on(24), on(48)))
    _, more = accept(back, swapped, "bob", NOW)
    assert after(swapped, more).shifts(on(24), on(96)) == PLATFORM.shifts(on(24), on(96))


@pytest.mark.parametrize(
    ("wrong", "now", "why"),
    [
        (swap((48, 60), None), NOW, "ada is not on call in platform from 2026-06-03T00:00"),
        (swap((24, 60), None), NOW, "ada is not on call"),
        (swap((20, 30), None), NOW, "ada is not on call"),
        (swap((24, 48), (72, 96)), NOW, "bob is not on call"),
        (swap(proposed_to="cleo", taken=None), NOW, "cleo is on call himself"),
        (swap(proposed_to="cleo", taken=(50, 60)), NOW, "cleo is on call himself"),
        (swap(), on(48), "is over"),
        (swap((72, 96), (48, 72)), on(72), "is over"),
    ],
)
def test_a_swap_that_would_leave_somebody_missing_is_no_swap(wrong, now, why):
    with pytest.raises(Conflict, match=why):
        propose(wrong, PLATFORM, now)
    with pytest.raises(Conflict, match=why):
        accept(wrong, PLATFORM, wrong.proposed_to, now)


def test_within_a_temporary_schedule_nothing_is_swapped_because_it_would_not_hold():
    temporary = Temporary(on(30), on(40), (FixedShift("ada", on(30), on(40)),))
    schedule = replace(PLATFORM, temporaries=(temporary,))
    with pytest.raises(Conflict, match="temporary schedule holds in platform from 2026-06-02T06:00"):
        propose(swap(), schedule, NOW)


def test_a_schedule_that_changed_since_is_noticed_when_the_swap_is_accepted():
    proposed = propose(swap(), PLATFORM, NOW)
    changed = after(PLATFORM, (Override(on(24), on(36), add="dan", remove="ada"),))
    with pytest.raises(Conflict, match="ada is not on call"):
        accept(proposed, changed, "bob", NOW)


def test_only_the_person_it_was_proposed_to_answers_and_only_who_proposed_it_takes_it_back():
    for by in ("ada", "cleo", ""):
        with pytest.raises(NotPermitted, match="by bob alone"):
            accept(swap(), PLATFORM, by, NOW)
        with pytest.raises(NotPermitted, match="by bob alone"):
            decline(swap(), by)
    for by in ("bob", "cleo", ""):
        with pytest.raises(NotPermitted, match="by ada alone"):
            withdraw(swap(), by)
    assert decline(swap(), "bob").state is SwapState.DECLINED
    assert withdraw(swap(), "ada").state is SwapState.WITHDRAWN


@pytest.mark.parametrize("state", [SwapState.ACCEPTED, SwapState.DECLINED, SwapState.WITHDRAWN])
def test_what_was_answered_is_answered(state):
    answered = swap(state=state)
    for move in (
        lambda: accept(answered, PLATFORM, "bob", NOW),
        lambda: decline(answered, "bob"),
        lambda: withdraw(answered, "ada"),
    ):
        with pytest.raises(Conflict, match=f"was {state} already"):
            move()


def test_a_swap_with_oneself_and_a_stretch_without_length_cannot_be():
    with pytest.raises(ValueError, match="proposed_to: "):
        swap(proposed_to="ada")
    with pytest.raises(ValueError, match="ends_at: "):
        Stretch(on(2), on(2))
