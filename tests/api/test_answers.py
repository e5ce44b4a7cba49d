"""The pages that the links of messages lead to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import requests

from healthmgr.domain.links import GOOD_FOR, Claim, sign
from tests.api.conftest import Whole
from tests.serving import SECRET_KEY

PREFETCH = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Moz": "prefetch"}


def link(whole: Whole, verb: str = "acknowledge", recipient: str = "alice") -> str:
    links = whole.healthmgr.settings.public_url
    token = sign(Claim(whole.incident_id, recipient, whole.now + GOOD_FOR), SECRET_KEY)
    assert links
    return f"/answer/{token}/{verb}"


def words(answer: requests.Response) -> str:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL).split())


@pytest.mark.parametrize("verb", ["acknowledge", "silence"])
def test_looking_changes_nothing_however_often_and_whoever_looks(verb: str, whole: Whole) -> None:
    client = whole.client()
    for _ in range(2):
        assert client.get(link(whole, verb)).status_code == 200
        assert client.head(link(whole, verb)).status_code == 200
        assert client.get(link(whole, verb), headers=PREFETCH).status_code == 200
        assert client.options(link(whole, verb)).status_code == 405
    assert whole.incident().state == "firing"
    assert whole.audit() == []
    assert whole.healthmgr.silencing.find(whole.healthmgr.now()) == []


def test_the_page_says_what_it_is_about_before_anything_is_done(whole: Whole) -> None:
    said = words(whole.client().get(link(whole)))
    for part in ("Are you on incident #1?", "The shop", "critical", "5 min ago", "503 Service Unavailable", "alice"):
        assert part in said, part
    assert "<button>I am on it</button>" in whole.client().get(link(whole)).text


def test_the_page_may_run_nothing_load_nothing_and_be_kept_by_nobody(whole: Whole) -> None:
    answer = whole.client().get(link(whole))
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert "http" not in re.sub(r"<!doctype html>", "", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]


def test_the_button_acknowledges_in_the_name_of_whom_the_link_was_sent_to(whole: Whole) -> None:
    answer = whole.client().post(link(whole))
    assert answer.status_code == 200
    assert "You have it in hand" in words(answer)
    assert (whole.incident().state, whole.incident().acknowledged_by) == ("acknowledged", "alice")
    assert whole.audit() == [("alice", "link", "incident.acknowledge", "127.0.0.1")]


def test_whoever_comes_second_is_told_who_was_first(whole: Whole) -> None:
    client = whole.client()
    client.post(link(whole))
    again = client.post(link(whole, recipient="bob"))
    assert "alice is on it already" in words(again)
    assert "<button>" not in again.text
    assert "You are on it already" in words(client.get(link(whole)))
    assert len(whole.audit()) == 1


@pytest.mark.parametrize(("chosen", "hours"), [("1h", 1), ("4h", 4), ("12h", 12), (None, 1)])
def test_the_button_silences_for_as_long_as_was_chosen(chosen: str | None, hours: int, whole: Whole) -> None:
    answer = whole.client().post(link(whole, "silence"), data={"for": chosen} if chosen else {})
    assert answer.status_code == 200
    assert "Silenced until" in words(answer)
    (silence,) = whole.healthmgr.silencing.find(whole.healthmgr.now())
    assert silence.created_by == "alice"
    assert abs(silence.ends_at - whole.now - timedelta(hours=hours)) < timedelta(minutes=1)
    assert whole.audit()[0][:2] == ("alice", "link")


def test_the_page_offers_every_answer_and_each_asks_before_it_is_carried_out(whole: Whole) -> None:
    client = whole.client()
    page = client.get(link(whole))
    for verb, asks in (
        ("escalate", "Tell the next level of incident #1 now?"),
        ("decline", "You cannot take incident #1?"),
        ("resolve", "Is incident #1 over?"),
    ):
        assert f'<a href="{verb}">' in page.text
        assert asks in words(client.get(link(whole, verb)))
    assert (whole.incident().state, whole.audit()) == ("firing", [])


def test_a_link_escalates_declines_and_resolves_in_the_name_of_whom_it_was_sent_to(whole: Whole) -> None:
    client = whole.client()
    assert "The next level is told" in words(client.post(link(whole, "escalate")))
    assert "Noted: you cannot take it" in words(client.post(link(whole, "decline")))
    assert "It is closed" in words(client.post(link(whole, "resolve")))
    actions = [f"incident.{verb}" for verb in ("escalate", "decline", "resolve")]
    assert [(actor, origin, action) for actor, origin, action, _ in whole.audit()] == [
        ("alice", "link", action) for action in actions
    ]


def test_a_length_that_was_not_offered_silences_nothing(whole: Whole) -> None:
    answer = whole.client().post(link(whole, "silence"), data={"for": "9999h"})
    assert "It can be silenced for 1 hour, for 4 hours and for 12 hours" in words(answer)
    assert whole.healthmgr.silencing.find(whole.healthmgr.now()) == []


def test_what_is_over_needs_no_answer(whole: Whole) -> None:
    whole.healthmgr.answering.resolve(whole.incident_id, actor="bob", origin="test", now=whole.now)
    due = whole.healthmgr.now()
    with whole.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE incidents SET resolved_at = %s", (due,))
    for verb in ("acknowledge", "silence", "escalate", "decline", "resolve"):
        for answer in (whole.client().get(link(whole, verb)), whole.client().post(link(whole, verb))):
            assert "It is over" in words(answer)
            assert "<button>" not in answer.text


def test_a_link_that_is_too_old_says_until_when_it_was_good(whole: Whole) -> None:
    token = sign(Claim(whole.incident_id, "alice", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)), SECRET_KEY)
    for answer in (
        whole.client().get(f"/answer/{token}/acknowledge"),
        whole.client().post(f"/answer/{token}/acknowledge"),
    ):
        assert answer.status_code == 410
        assert "It was good until 2026-01-02 03:04 UTC" in words(answer)
    assert whole.incident().state == "firing"


def test_a_link_that_was_not_made_here_leads_nowhere_and_says_nothing(whole: Whole) -> None:
    good = link(whole)
    token = good.split("/")[2]
    foreign = sign(Claim(whole.incident_id, "alice", whole.now + GOOD_FOR), "another secret")
    tampered = sign(Claim(whole.incident_id, "mallory", whole.now + GOOD_FOR), "x")
    for bad in (foreign, tampered, token[:-4], "x" + token[1:], "%ff%fe", "é", "a" * 3000):
        answer = whole.client().post(f"/answer/{bad}/acknowledge")
        assert answer.status_code == 404, bad
        assert "This link is not one of ours" in words(answer)
        assert "The shop" not in answer.text
    assert whole.incident().state == "firing"


def test_an_incident_that_is_gone_is_said_so(whole: Whole) -> None:
    token = sign(Claim(uuid4(), "alice", whole.now + GOOD_FOR), SECRET_KEY)
    answer = whole.client().get(f"/answer/{token}/acknowledge")
    assert answer.status_code == 404
    assert "not known any more" in words(answer)


def test_what_others_wrote_into_an_alert_is_shown_and_never_run(whole: Whole) -> None:
    with whole.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alerts SET summary = '<script>alert(1)</script>'")
        connection.exec_driver_sql("UPDATE checks SET name = '<img src=x onerror=alert(1)>'")
    page = whole.client().get(link(whole, recipient="<b>eve</b>")).text
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>eve" not in page
    assert "&lt;script&gt;" in page


def test_the_link_of_an_incident_leads_to_the_page(whole: Whole) -> None:
    answer = whole.client().get("/incidents/12", allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/incidents/12")
    assert whole.client().get("/incidents/twelve").status_code == 422
