"""What healthmgr promises of itself, measured on stories that were really played."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.domain.delivery_time import Percentiles
from healthmgr.domain.promises import Figure, PromiseName
from healthmgr.services.promising import Report
from tests.stories.harness import Story, check


def report(story: Story) -> Report:
    return story.healthmgr.promising.report(story.now, timedelta(days=1))


def figure(story: Story, name: PromiseName) -> Figure:
    return next(one for one in report(story).figures if one.name is name)


def test_a_detection_counts_from_the_last_good_probe_to_the_alert(story: Story) -> None:
    story.given(check("api", severity="critical"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=60)
    ((opened_at,),) = story.rows("SELECT opened_at FROM alerts")
    results = story.rows("SELECT started_at, status FROM results WHERE started_at < (SELECT opened_at FROM alerts)")
    last_good = max(at for at, status in results if status == "healthy")
    found = figure(story, PromiseName.DETECTION)
    assert (found.count, found.missed, found.is_kept) == (1, 0, True)
    assert found.value == (opened_at - last_good).total_seconds()
    first_bad = report(story).from_first_bad
    assert first_bad == Percentiles(6, 6, 6), "two more looks, 3 s apart"
    assert found.value is not None
    assert found.value > 6


def test_only_critical_problems_are_promised_to_be_detected_so_soon(story: Story) -> None:
    story.given(check("api", severity="high", interval="5m"))
    story.all_is_well(400)
    story.check_fails("api")
    story.fast_forward(minutes=10)
    assert story.rows("SELECT 1 FROM alerts")
    assert figure(story, PromiseName.DETECTION).value is None


def test_what_is_opened_again_because_it_was_closed_too_early_detected_nothing(story: Story) -> None:
    story.given(check("api", severity="critical"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=60)
    ((alert,),) = story.rows("SELECT id FROM alerts")
    story.healthmgr.responding.resolve(alert, actor="alice", origin="test", now=story.now)
    story.fast_forward(hours=2)
    assert len(story.rows("SELECT 1 FROM alerts")) == 2
    assert figure(story, PromiseName.DETECTION).count == 1


def test_what_heals_by_itself_at_once_is_a_candidate_until_somebody_marks_it(story: Story) -> None:
    story.given(check("api", max_attempts=1), check("web", max_attempts=1))
    story.all_is_well()
    story.check_fails("api")
    story.check_fails("web")
    story.fast_forward(seconds=20)
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    found = report(story)
    assert [(one.check, one.is_flapping) for one in found.candidates] == [("api", False)]
    assert found.candidates[0].lasted_for is not None
    assert found.candidates[0].lasted_for < 60
    assert figure(story, PromiseName.FALSE_ALARMS).value == 0
    story.healthmgr.promising.mark_false(
        found.candidates[0].id, why="a switch was slow", actor="alice", origin="test", now=story.now
    )
    assert report(story).candidates == []
    marked = figure(story, PromiseName.FALSE_ALARMS)
    assert (marked.value, marked.count, marked.missed, marked.is_kept) == (0.5, 2, 1, False)


def test_urgent_problems_are_told_within_what_is_promised(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=60)
    found = figure(story, PromiseName.DELIVERY)
    assert (found.value, found.count, found.is_kept) == (6, 1, True)


def test_a_promise_that_is_not_kept_is_an_alert_like_any_until_it_is_kept_again(story: Story) -> None:
    slugs = [f"c-{number}" for number in range(20)]
    story.given(*(check(slug, max_attempts=1) for slug in slugs))
    story.all_is_well()
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=30)
    ((alert,),) = story.rows("SELECT id FROM alerts ORDER BY id LIMIT 1")
    promising = story.healthmgr.promising
    promising.mark_false(alert, why="a slow switch", actor="alice", origin="test", now=story.now)
    for _ in range(2):
        promising.review(story.now)
    query = "SELECT severity, labels, resolved_at IS NULL FROM alerts WHERE origin = 'promises'"
    assert story.rows(query) == [("low", {"service": "healthmgr", "promise": "false_positive_rate"}, True)]
    promising.unmark(alert, actor="alice", origin="test", now=story.now)
    promising.review(story.now)
    assert story.rows(query) == [("low", {"service": "healthmgr", "promise": "false_positive_rate"}, False)]
