"""Stories of people who ask for quiet: silences of incidents, changed silences, maintenance that ends early."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.domain.maintenance import from_document
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.silence import Draft
from healthmgr.services.maintaining import Plan
from tests.stories.harness import START, Story, check

SHOP = {"service": "shop"}
WHO = {"actor": "alice", "origin": "cli"}


def broken(story: Story, *slugs: str) -> None:
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=60)


def maintenance(story: Story, matchers: str, **window: object) -> None:
    plan = Plan("move", parse_matchers(matchers), from_document(window), "a new rack")
    story.healthmgr.maintaining.add(plan, now=story.now, **WHO)


def test_a_silenced_incident_stays_quiet_also_of_what_joins_it_until_the_silence_ends(story: Story) -> None:
    story.given(check("till", **SHOP), check("stock", **SHOP))
    story.all_is_well()
    broken(story, "till")
    story.expect_notification("alice", about="till")
    until = story.after(hours=2)
    story.healthmgr.silencing.silence_incident(story.incident("till"), until=until, now=story.now, **WHO)
    broken(story, "stock")
    story.let_pass(minutes=110)
    story.expect_silence()
    story.let_pass(minutes=20)
    told = story.expect_notification("alice", about="stock")
    assert told.at >= until


def test_a_silenced_incident_that_grows_worse_is_told_all_the_same(story: Story) -> None:
    story.given(
        check("till", severity="low", **SHOP),
        check("stock", severity="critical", **SHOP),
        routing={"default": {"to": ["bob"], "via": ["mail"], "group_by": ["service"]}},
    )
    story.all_is_well()
    broken(story, "till")
    story.fast_forward(minutes=5)
    story.expect_notification("bob", about="till")
    until = story.after(hours=2)
    story.healthmgr.silencing.silence_incident(story.incident("till"), until=until, now=story.now, **WHO)
    broken(story, "stock")
    story.fast_forward(minutes=5)
    assert story.expect_notification("bob", about="stock").at < until


def test_an_incident_that_is_silenced_twice_has_one_silence_with_the_later_end(story: Story) -> None:
    story.given(check("till", **SHOP))
    story.all_is_well()
    broken(story, "till")
    story.expect_notification("alice", about="till")
    silence = story.healthmgr.silencing.silence_incident
    first = silence(story.incident("till"), until=story.after(hours=1), now=story.now, **WHO)
    second = silence(story.incident("till"), until=story.after(hours=2), now=story.now, **WHO)
    third = silence(story.incident("till"), until=story.after(hours=1), now=story.now, **WHO)
    assert first.id == second.id == third.id
    assert third.ends_at == story.after(hours=2)
    assert [row.n for row in story.rows("SELECT count(*) AS n FROM silences")] == [1]


def test_a_silence_that_is_made_for_something_else_lets_what_it_held_back_be_told_at_once(story: Story) -> None:
    story.given(check("till", **SHOP), check("mail", service="post"))
    story.all_is_well()
    silence_id = story.silence("service=shop", minutes=600)
    broken(story, "till")
    story.expect_silence()
    draft = Draft(parse_matchers("service=post"), story.after(hours=5), "alice", "the other one", id=silence_id)
    assert story.healthmgr.silencing.save(draft, now=story.now, **WHO).id != silence_id
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="till")
    broken(story, "mail")
    story.expect_silence()


def test_a_silence_that_is_shortened_ends_at_its_new_end(story: Story) -> None:
    story.given(check("till", **SHOP))
    story.all_is_well()
    silence_id = story.silence("service=shop", minutes=600)
    broken(story, "till")
    end = story.after(minutes=10)
    draft = Draft(parse_matchers("service=shop"), end, "alice", "nearly done", id=silence_id)
    assert story.healthmgr.silencing.save(draft, now=story.now, **WHO).id == silence_id
    story.let_pass(minutes=9)
    story.expect_silence()
    story.let_pass(minutes=1)
    assert story.expect_notification("alice", about="till").at == end


def test_the_timeline_tells_of_a_silence_of_its_end_and_of_who_wanted_it(story: Story) -> None:
    story.given(check("till", **SHOP))
    story.all_is_well()
    broken(story, "till")
    story.expect_notification("alice", about="till")
    silence_id = story.silence("service=shop", minutes=60)
    story.expire(silence_id)
    kinds = [(entry.kind, entry.reason, entry.actor) for entry in story.timeline() if entry.kind.endswith("muted")]
    assert kinds == [("muted", "silenced", "alice"), ("unmuted", "silenced", "alice")]


def test_maintenance_that_is_done_sooner_lets_what_is_still_broken_be_told_then(story: Story) -> None:
    story.given(check("till", **SHOP))
    story.all_is_well()
    maintenance(story, "service=shop", starts_at=START, ends_at=START + timedelta(hours=4))
    broken(story, "till")
    story.let_pass(minutes=30)
    story.expect_silence()
    story.healthmgr.maintaining.end("move", now=story.now, **WHO)
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="till")


def test_a_nightly_window_that_was_ended_early_holds_again_the_next_time(story: Story) -> None:
    story.given(check("till", **SHOP))
    story.all_is_well()
    maintenance(story, "service=shop", cron="0 * * * *", duration="30m")
    story.healthmgr.maintaining.end("move", now=story.now, **WHO)
    broken(story, "till")
    story.expect_notification("alice", about="till")
    story.check_recovers("till")
    story.fast_forward(seconds=60)
    story.expect_notification("alice", about="till", kind="resolution")
    story.let_pass(minutes=58)
    broken(story, "till")
    story.expect_silence()
    story.let_pass(minutes=40)
    assert story.expect_notification("alice", about="till").at == START + timedelta(minutes=90)


def test_a_window_of_a_file_that_was_ended_is_open_again_once_the_file_changes_it(story: Story) -> None:
    def window(hours: int) -> dict[str, object]:
        end = START + timedelta(hours=hours)
        return {"move": {"matchers": ["service=shop"], "starts_at": START.isoformat(), "ends_at": end.isoformat()}}

    story.given(check("till", **SHOP), maintenance=window(4))
    story.all_is_well()
    story.healthmgr.maintaining.end("move", now=story.now, **WHO)
    story.given(check("till", **SHOP), maintenance=window(4))
    assert story.healthmgr.maintaining.get("move").open_at(story.now) is None
    story.given(check("till", **SHOP), maintenance=window(5))
    broken(story, "till")
    story.let_pass(minutes=10)
    story.expect_silence()
