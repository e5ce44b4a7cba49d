"""A check that flaps while no alert of it is open: a person resolved it, or it was paused meanwhile."""

from __future__ import annotations

from tests.stories.harness import Story, check


def flap(story: Story, probes: int) -> None:
    """So many probes, of which every other one finds the check down."""
    for number in range(probes):
        (story.check_recovers if number % 2 else story.check_fails)("api")
        story.healthmgr.responding.run("api", actor="story", origin="cli", now=story.now)
        story.fast_forward(seconds=2)


def is_flapping(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    flap(story, 14)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_a_check_that_flapped_when_it_was_paused_is_told_when_it_still_does_afterwards(story: Story) -> None:
    is_flapping(story)
    story.healthmgr.responding.pause("api", actor="alice", origin="cli", now=story.now)
    story.fast_forward(seconds=20)
    story.expect_notification("alice", about="api", kind="resolution")
    story.healthmgr.responding.resume("api", actor="alice", origin="cli", now=story.now)
    flap(story, 10)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_flapping_that_a_person_resolved_stays_quiet(story: Story) -> None:
    is_flapping(story)
    story.resolve("api")
    flap(story, 30)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()
