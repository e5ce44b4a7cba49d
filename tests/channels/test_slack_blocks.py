"""What Slack shows of a message: the facts, within every limit, whatever is in them, and never as markup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from slack_limits import assert_within_limits, buttons, details, length, shown

from healthmgr.channels.slack_blocks import news, payload, plain
from healthmgr.channels.slack_text import escaped
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import Breach, ChangeFacts, HeldBack, Links, Message, MessageKind, ResultFacts
from healthmgr.testing import make_whole_message

HOSTILE = "<!channel> <@U1> @here &<https://evil.example.com|click> *b* `c` ```\n\r\x00\u202e \U0001f4a5" * 400


def test_a_resolution_says_how_long_it_lasted_and_asks_nothing(compose_message):
    document = payload(compose_message(MessageKind.RESOLUTION))
    said = shown(document)
    assert document["blocks"][0]["text"]["text"] == "Resolved: Session manager"
    assert "recovered: 2 good results in a row" in said
    assert "*Lasted*\n1 h 04 min: 2026-11-24 03:12 to 04:16 UTC" in said
    assert "*Problem was*\nanswers in 7.2 s" in said
    assert "Acknowledge" not in said
    assert "Last results" not in said
    assert buttons(document) == {"Open incident #12": "https://health.example.com/incidents/12"}


def test_an_update_says_what_is_new_and_a_reminder_that_it_is_one(compose_message):
    assert "*Severity rose*" in shown(payload(compose_message(MessageKind.UPDATE)))
    assert "*Reminder 3*" in shown(payload(compose_message(round=3)))


def test_problems_updates_and_resolutions_differ_in_colour(compose_message):
    colours = [payload(compose_message(kind))["attachments"][0]["color"] for kind in MessageKind]
    by_severity = [payload(compose_message(severity=severity))["attachments"][0]["color"] for severity in Severity]
    assert len({*colours, *by_severity}) == len(MessageKind) + len(Severity) - 1
    assert colours[0] == by_severity[0]


def test_further_alerts_of_the_incident_are_named_and_counted(compose_message, compose_alert):
    many = tuple(compose_alert(check_name=f"Check {n}") for n in range(40))
    said = shown(payload(compose_message(alerts=many)))
    assert "• *Check 1* is unhealthy: answers in 7.2 s" in said
    assert "and 27 more" in said
    assert "Check 39" not in said


def hostile_message(compose_message, compose_alert, kind: MessageKind, *, is_test: bool = False) -> Message:
    alert = compose_alert(
        check_slug=HOSTILE, check_name=HOSTILE, summary=HOSTILE, resolution=HOSTILE, service=HOSTILE,
        runbook_url="https://" + "a" * 1900, labels={f"{n}{HOSTILE}": HOSTILE for n in range(50)},
        breaches=tuple(Breach(HOSTILE, HOSTILE, HOSTILE, Status.UNHEALTHY) for _ in range(50)),
        dependents=(HOSTILE,) * 500, impacted=(HOSTILE,) * 500, origin=HOSTILE, source_url="https://" + "b" * 1900,
        annotations={f"{n}{HOSTILE}": HOSTILE for n in range(50)},
    )  # fmt: skip
    results = tuple(replace(result, message=HOSTILE, response_time=float("nan")) for result in alert.last_results * 20)
    alert = replace(alert, last_results=results, resolved_at=compose_message(MessageKind.RESOLUTION).composed_at)
    return compose_message(
        kind, alerts=(alert,) * 200, reason=HOSTILE, recipient=HOSTILE, how_to_acknowledge=HOSTILE, round=10**9,
        url="https://health.example.com/" + "x" * 1900, actor=HOSTILE, told=(HOSTILE,) * 90,
        changes=(ChangeFacts(alert.opened_at - timedelta(days=3), HOSTILE),) * 90,
        held_back=(HeldBack(10**9, Severity.CRITICAL, HOSTILE, alert.opened_at),) * 90,
        links=Links(*("https://health.example.com/" + "y" * 1900,) * 3), is_test=is_test,
    )  # fmt: skip


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("with_actions", [False, True])
def test_hostile_content_stays_within_every_limit_and_is_only_text(compose_message, compose_alert, kind, with_actions):
    message = hostile_message(compose_message, compose_alert, kind, is_test=not with_actions)
    document = payload(message, with_actions=with_actions)
    assert_within_limits(document)
    json.dumps(document).encode()
    assert max(length(told["text"]) for told in (plain(message), news(message))) <= 1200
    for text in [document["text"], news(message)["text"], shown(document)]:
        assert "<" not in text.replace("&lt;", "")
        assert ">" not in text.replace("&gt;", "")
        assert not any(ord(character) < 32 and character != "\n" for character in text)
        assert "\u202e" not in text


@pytest.mark.parametrize("kind", MessageKind)
def test_no_text_of_the_details_makes_mentions_of_its_own(compose_message, kind):
    document = payload(compose_message(kind, recipient="@channel"))
    for block in details(document):
        objects = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        for found in filter(None, objects):
            assert found["type"] in ("button", "mrkdwn")
            assert found["type"] == "button" or found["verbatim"] is True
    assert (document["unfurl_links"], document["unfurl_media"]) == (False, False)


def test_a_cut_divides_no_escape_and_no_character():
    for most in range(2, 40):
        kept = escaped("a<b>&\U0001f4a5" * 20, most)
        assert length(kept) <= most
        assert kept.endswith("…")
        body = kept[:-1]
        assert body.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").count("&") == 0
    assert escaped("a < b", 8) == "a &lt; b"


def test_an_address_that_is_no_link_becomes_words_and_not_a_button(compose_message, compose_alert):
    alert = compose_alert(runbook_url="see wiki, page 4")
    document = payload(compose_message(alerts=(alert,), url="javascript:alert(1)"))
    assert buttons(document) == {}
    assert "Runbook: see wiki, page 4" in shown(document)
    assert "javascript" not in json.dumps(document)


def test_little_content_makes_a_valid_message_too(compose_message, compose_alert):
    alert = compose_alert(
        summary="", service="", runbook_url="", labels={}, breaches=(), last_results=(), dependents=(), impacted=()
    )
    document = payload(compose_message(alerts=(alert,), url="", how_to_acknowledge=""))
    assert_within_limits(document)
    assert "No details are known." in shown(document)


def test_old_results_are_told_with_their_day(compose_message, compose_alert):
    old = ResultFacts(compose_message().composed_at - timedelta(days=2), Status.UNKNOWN, "no answer", 1.0)
    said = shown(payload(compose_message(alerts=(compose_alert(last_results=(old,)),))))
    assert "11-22 03:24:10 · unknown · 1.00 s · no answer" in said


@pytest.mark.parametrize("kind", MessageKind)
@pytest.mark.parametrize("with_actions", [False, True])
def test_a_whole_message_of_every_kind_is_one_that_slack_takes(kind, with_actions):
    assert_within_limits(payload(make_whole_message(kind), with_actions=with_actions))


def test_it_says_what_else_changed_and_who_is_told():
    said = shown(payload(make_whole_message()))
    assert "*What else changed*\n03:12:45 · check account-health became unhealthy" in said
    assert "Also told: Bob Okafor over pager and identity on-call over slack" in said


def test_links_that_act_are_buttons():
    named = buttons(payload(make_whole_message()))
    base = "https://health.example.com"
    assert named["Acknowledge"] == f"{base}/act/acknowledge/c2lnbmVk"
    assert named["Silence"] == f"{base}/act/silence/c2lnbmVk"
    assert named["Open incident #12"] == f"{base}/incidents/12"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (MessageKind.PROBLEM, {"Acknowledge", "Escalate", "Silence 1h", "Resolve"}),
        (MessageKind.UPDATE, {"Acknowledge", "Escalate", "Silence 1h", "Resolve"}),
        (MessageKind.ACKNOWLEDGEMENT, {"Silence 1h", "Resolve"}),
        (MessageKind.RESOLUTION, set()),
        (MessageKind.DIGEST, set()),
    ],
)
def test_buttons_offer_what_can_still_be_done(kind, names):
    message = make_whole_message(kind)
    offered = [
        element
        for block in details(payload(message, with_actions=True))
        if block["type"] == "actions"
        for element in block["elements"]
        if "value" in element
    ]
    assert {element["text"]["text"] for element in offered} == names
    assert {element["value"] for element in offered} <= {str(message.incident_id)}
    assert [element["action_id"] for element in offered if "confirm" in element] == ["healthmgr.resolve"][
        : len(offered)
    ]


def test_a_test_offers_nothing_to_do_and_says_that_it_is_one():
    document = payload(make_whole_message(is_test=True), with_actions=True)
    assert "*This is a test. Nothing is wrong, and nobody has to do anything.*" in shown(document)
    assert document["blocks"][0]["text"]["text"].startswith("Test: ")
    assert "Resolve" not in buttons(document)


def test_an_acknowledgement_says_whose_it_is(compose_message):
    document = payload(compose_message(MessageKind.ACKNOWLEDGEMENT, actor="Bob"))
    assert document["blocks"][0]["text"]["text"] == "Acknowledged: Session manager"
    assert "*Acknowledged by Bob*" in shown(document)
    assert "healthmgr alerts ack" not in shown(document)


def test_an_alert_from_a_door_tells_where_it_came_from(compose_message, compose_alert):
    alert = compose_alert(
        check_slug="", origin="alertmanager", source_url="http://prometheus/graph",
        annotations={"summary": "told already", "dashboard": "https://grafana/d/1"},
    )  # fmt: skip
    document = payload(compose_message(alerts=(alert,)))
    assert "*From*\nalertmanager" in shown(document)
    assert "*Annotations*\ndashboard: https://grafana/d/1" in shown(document)
    assert "*Check*" not in shown(document)
    assert buttons(document)["Source"] == "http://prometheus/graph"


def test_a_digest_lists_its_incidents_and_counts_the_rest(compose_message):
    opened_at = compose_message().opened_at
    held = tuple(HeldBack(n, Severity.HIGH, f"High: Check {n} is down", opened_at, n == 2) for n in range(1, 31))
    document = payload(compose_message(MessageKind.DIGEST, alerts=(), held_back=held))
    said = shown(document)
    assert document["blocks"][0]["text"]["text"] == "30 more incidents"
    assert "• *#1* high · High: Check 1 is down · since 2026-11-24 03:12 UTC" in said
    assert "• *#2* resolved · High: Check 2 is down" in said
    assert "#20" in said
    assert "#21" not in said
    assert "and 10 more" in said
    assert document["text"].startswith("30 more incidents\nHigh: Check 1 is down")


def test_alerts_that_are_not_listed_are_counted(compose_message):
    assert "*With it*\nand 7 more" in shown(payload(compose_message(more_alerts=7)))
