"""What is muted goes on being watched, and is told when the mute ends while it is still broken."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.harness import START, Story, check

MINUTE = timedelta(minutes=1)
SHOP = {"service": "shop", "severity": "critical"}


def broken(story: Story, *slugs: str, seconds: float = 30) -> None:
    """These checks fail, and that is believed."""
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=seconds)


def mended(story: Story, *slugs: str, seconds: float = 30) -> None:
    """These checks are healthy again."""
    for slug in slugs:
        story.check_recovers(slug)
    story.fast_forward(seconds=seconds)


# ---- silences ---------------------------------------------------------------------------------------


def test_what_breaks_in_a_silence_is_told_when_it_ends(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.silence("check=api", minutes=30)
    ends_at = story.after(minutes=30)
    broken(story, "api", seconds=60)
    story.let_pass(minutes=28)
    story.expect_silence()
    ((reason, by),) = story.rows("SELECT mute_reason, muted_by FROM alerts")
    assert reason == "silenced"
    assert by
    story.let_pass(minutes=2)
    told = story.expect_notification("alice", about="api")
    assert told.at == ends_at
    assert told.message.reason == "first_notification"
    story.expect_silence()
    assert [row.mute_reason for row in story.rows("SELECT mute_reason FROM alerts")] == [""]


def test_what_breaks_and_is_mended_in_a_silence_is_told_to_nobody(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.silence("check=api", minutes=30)
    broken(story, "api")
    mended(story, "api")
    story.let_pass(hours=1)
    story.expect_silence()
    assert story.rows("SELECT 1 FROM alerts WHERE resolved_at IS NOT NULL"), "it was watched all the same"


def test_a_silence_that_is_expired_before_its_time_lets_the_alert_be_told_at_once(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    silence = story.silence("check=api", minutes=600)
    broken(story, "api")
    story.let_pass(minutes=2)
    story.expect_silence()
    story.expire(silence)
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_a_silence_that_has_not_begun_keeps_nothing(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.silence("check=api", minutes=30, starts_in=10)
    broken(story, "api")
    story.expect_notification("alice", about="api")


def test_a_problem_that_was_told_before_the_silence_is_not_repeated_in_it_and_gets_its_resolution(
    story: Story,
) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    story.silence("check=api", minutes=120)
    story.let_pass(minutes=90)
    story.expect_silence()
    assert [entry.reason for entry in story.timeline("not_told")] == ["silenced"]
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_a_problem_that_was_told_before_the_silence_is_told_again_at_its_end(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    story.silence("check=api", minutes=60)
    ends_at = story.after(minutes=60)
    story.let_pass(minutes=61)
    again = story.expect_notification("alice", about="api")
    assert again.at == ends_at
    assert again.message.reason == "repeat_interval_passed"
    story.let_pass(minutes=30)
    story.expect_silence()


def test_a_message_that_waits_when_the_silence_is_made_is_not_sent_until_its_end(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    broken(story, "api", seconds=20)
    story.silence("check=api", minutes=30)
    story.channel_works("email")
    ends_at = story.after(minutes=30)
    story.let_pass(minutes=29)
    story.expect_silence()
    story.let_pass(minutes=2)
    assert story.expect_notification("alice", about="api").at == ends_at
    story.expect_silence()


def test_whoever_a_silence_kept_the_problem_from_is_not_told_of_its_end(story: Story) -> None:
    routing = {"default": {"to": ["alice"], "via": ["mail", "hook"], "group_wait": "0s"}}
    story.given(check("api"), routing=routing)
    story.all_is_well()
    # Made while the first of the two messages is being sent: the other is held back.
    story.answers["email"] = lambda message: story.silence("check=api", minutes=30)
    broken(story, "api")
    story.expect_notification("alice", via="mail", about="api")
    story.channel_works("email")
    mended(story, "api")
    story.expect_notification("alice", via="mail", about="api", kind="resolution")
    story.let_pass(hours=2)
    story.expect_silence()
    states = story.rows("SELECT kind, channel, state FROM notifications ORDER BY channel, position")
    assert [tuple(row) for row in states] == [
        ("problem", "hook", "superseded"),
        ("problem", "mail", "sent"),
        ("resolution", "mail", "sent"),
    ]


def test_a_silence_of_one_alert_of_a_group_lets_the_other_be_told(story: Story) -> None:
    story.given(check("api", **SHOP), check("web", **SHOP))
    story.all_is_well()
    story.silence("check=api", minutes=30)
    broken(story, "api", "web")
    told = story.expect_notification("alice", about="web")
    assert [alert.check_slug for alert in told.message.alerts] == ["web"]
    story.expect_silence()
    story.let_pass(minutes=31)
    both = story.expect_notification("alice", about="api")
    assert both.message.reason == "new_alerts_in_group"
    assert {alert.check_slug for alert in both.message.alerts} == {"api", "web"}


def test_a_severity_that_rises_in_a_silence_is_told_at_its_end(story: Story) -> None:
    story.given(check("api", degraded_severity="medium", service="shop"))
    story.all_is_well()
    story.silence("severity=critical", minutes=30)
    broken(story, "api")
    story.expect_silence()
    story.let_pass(minutes=31)
    story.expect_notification("alice", about="api")


def test_an_acknowledgement_in_a_silence_holds_after_it(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.silence("check=api", minutes=30)
    broken(story, "api")
    story.acknowledge("api")
    story.let_pass(hours=2)
    story.expect_silence()


# ---- maintenance ------------------------------------------------------------------------------------


def once(minutes: float, matchers: str, **over: object) -> dict[str, object]:
    """A window from 09:00 on."""
    until = START + minutes * MINUTE
    return {"matchers": [matchers], "starts_at": START.isoformat(), "ends_at": until.isoformat(), **over}


def test_a_maintenance_window_holds_what_breaks_in_it_until_its_end(story: Story) -> None:
    story.given(check("api"), check("web"), maintenance={"upgrade": once(30, "check=api")})
    story.all_is_well()
    broken(story, "api", "web")
    story.expect_notification("alice", about="web")
    story.let_pass(minutes=28)
    story.expect_silence()
    story.let_pass(minutes=2)
    assert story.expect_notification("alice", about="api").at == START + 30 * MINUTE
    story.expect_silence()


def test_what_is_mended_within_a_maintenance_window_is_told_to_nobody(story: Story) -> None:
    story.given(check("api"), maintenance={"upgrade": once(30, "check=api")})
    story.all_is_well()
    broken(story, "api")
    mended(story, "api")
    story.let_pass(hours=1)
    story.expect_silence()


def test_a_window_that_is_taken_out_of_the_definitions_lets_the_alert_be_told_at_once(story: Story) -> None:
    story.given(check("api"), maintenance={"upgrade": once(600, "check=api")})
    story.all_is_well()
    broken(story, "api")
    story.expect_silence()
    story.given(check("api"))
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="api")


def test_a_recurring_window_holds_each_time_and_not_between(story: Story) -> None:
    hourly = {"matchers": ["check=api"], "cron": "10 * * * *", "duration": "20m"}
    story.given(check("api"), maintenance={"hourly": hourly})
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.let_pass(minutes=12)
    broken(story, "api")
    story.expect_silence()
    story.let_pass(minutes=20)
    assert story.expect_notification("alice", about="api").at == START + 30 * MINUTE
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.let_pass(minutes=40)
    broken(story, "api")
    story.expect_silence()


def test_a_window_that_covers_what_hangs_on_its_check_keeps_that_quiet_too(story: Story) -> None:
    window = once(30, "check=database", covers_dependents=True)
    story.given(check("database"), check("api", depends_on=["database"]), maintenance={"upgrade": window})
    story.all_is_well()
    broken(story, "database", "api", seconds=120)
    story.expect_silence()
    mended(story, "database", "api")
    story.let_pass(hours=1)
    story.expect_silence()


def test_a_window_that_covers_its_check_alone_lets_what_hangs_on_it_be_told(story: Story) -> None:
    window = once(30, "check=database")
    story.given(check("database"), check("api", depends_on=["database"]), maintenance={"upgrade": window})
    story.all_is_well()
    broken(story, "database", "api", seconds=120)
    story.expect_notification("alice", about="api")
    story.expect_silence()


# ---- inhibition -------------------------------------------------------------------------------------

INHIBITION = {"outage": {"source": ["severity=critical"], "target": ["severity=low"], "equal": ["service"]}}
CALM = {"service": "shop", "severity": "low"}


def test_an_alert_is_not_told_while_another_mutes_it_and_is_once_that_is_over(story: Story) -> None:
    story.given(check("api", **SHOP), check("cart", **CALM), inhibitions=INHIBITION)
    story.all_is_well()
    broken(story, "api", "cart")
    story.expect_notification("alice", about="api")
    story.let_pass(minutes=20)
    story.expect_silence()
    assert [row.mute_reason for row in story.rows("SELECT mute_reason FROM alerts ORDER BY severity")] == [
        "",
        "inhibited_by_another_alert",
    ]
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.fast_forward(minutes=5)
    story.expect_notification("bob", about="cart")
    story.expect_silence()


def test_an_alert_of_another_service_is_told_all_the_same(story: Story) -> None:
    story.given(check("api", **SHOP), check("other", service="bank", severity="low"), inhibitions=INHIBITION)
    story.all_is_well()
    broken(story, "api", "other", seconds=60)
    story.expect_notification("alice", about="api")
    story.expect_notification("bob", about="other")
    story.expect_silence()


def test_an_alert_that_is_mended_while_another_mutes_it_is_told_to_nobody(story: Story) -> None:
    story.given(check("api", **SHOP), check("cart", **CALM), inhibitions=INHIBITION)
    story.all_is_well()
    broken(story, "api", "cart")
    story.expect_notification("alice", about="api")
    mended(story, "cart")
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.let_pass(hours=1)
    story.expect_silence()


# ---- the hours of a route ---------------------------------------------------------------------------


def routing(**hours: object) -> dict[str, object]:
    calm = {"matchers": ["severity=low"], "to": ["alice"], "via": ["mail"], "repeat_interval": "30m", **hours}
    return {"routes": [calm], "default": {"to": ["bob"], "via": ["mail"]}}


WINDOWS = {
    "morning": [{"times": [{"start_time": "09:00", "end_time": "10:00"}]}],
    "late": [{"times": [{"start_time": "10:00", "end_time": "11:00"}]}],
}


def test_a_route_that_is_mute_tells_when_its_hours_begin(story: Story) -> None:
    story.given(check("api", severity="low"), routing=routing(mute_during=["morning"]), time_windows=WINDOWS)
    story.all_is_well()
    broken(story, "api", seconds=90)
    story.let_pass(minutes=50)
    story.expect_silence()
    assert {entry.reason for entry in story.timeline("not_told")} == {"outside_the_hours_of_its_route"}
    story.let_pass(minutes=10)
    assert story.expect_notification("alice", about="api").at == START + 60 * MINUTE
    story.expect_silence()


def test_a_route_tells_again_within_its_hours_alone_and_of_the_end_at_any_time(story: Story) -> None:
    story.given(check("api", severity="low"), routing=routing(active_during=["morning"]), time_windows=WINDOWS)
    story.all_is_well()
    broken(story, "api", seconds=90)
    first = story.expect_notification("alice", about="api")
    story.let_pass(hours=3)
    assert story.expect_notification("alice", about="api").at == first.at + 35 * MINUTE
    story.expect_silence()
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_what_breaks_and_is_mended_outside_the_hours_of_its_route_is_told_to_nobody(story: Story) -> None:
    story.given(check("api", severity="low"), routing=routing(active_during=["late"]), time_windows=WINDOWS)
    story.all_is_well()
    broken(story, "api", seconds=90)
    mended(story, "api")
    story.let_pass(hours=3)
    story.expect_silence()
    assert story.rows("SELECT count(*) FROM incidents WHERE resolved_at IS NULL")[0][0] == 0


def test_a_leg_that_is_mute_catches_up_when_its_hours_begin_and_the_other_is_told_at_once(story: Story) -> None:
    tree = {
        "routes": [
            {"to": ["bob"], "via": ["mail"], "continue": True, "active_during": ["late"], "name": "log"},
            {"matchers": ["severity=low"], "to": ["alice"], "via": ["mail"]},
        ],
        "default": {"to": ["bob"], "via": ["mail"]},
    }
    story.given(check("api", severity="low"), routing=tree, time_windows=WINDOWS)
    story.all_is_well()
    broken(story, "api", seconds=90)
    story.expect_notification("alice", about="api")
    story.expect_silence()
    story.let_pass(hours=1)
    assert story.expect_notification("bob", about="api").at == START + 60 * MINUTE
    story.expect_silence()
