"""What a runbook asks, in every channel: buttons that act for whoever presses them, links for one reader alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from healthmgr.channels.payload import encode
from healthmgr.channels.rendering import render
from healthmgr.channels.slack_blocks import news, payload
from healthmgr.channels.sms_text import compose
from healthmgr.domain.message import Asking, Choice, MessageKind
from healthmgr.testing import make_message
from tests.domain.making import uid

APPROVE, DENY = "https://hm.example.com/approval/abc/approve", "https://hm.example.com/approval/abc/deny"
ASKED = replace(
    make_message(),
    reason="approval_asked",
    words="May runbook restart (run 3) go ahead on shop?",
    approval=Asking(uid(9), 4, (Choice("Approve", APPROVE), Choice("Deny", DENY))),
)


def ids(document: object) -> list[str]:
    return [word.split('"')[0] for word in json.dumps(document).split('"action_id": "')[1:]]


def test_slack_has_buttons_that_say_which_approval_they_answer() -> None:
    document = payload(ASKED, with_actions=True)
    assert ids(document)[:2] == ["healthmgr.approve", "healthmgr.deny"]
    assert json.dumps(document).count(str(uid(9))) == 2
    assert "May runbook restart" in json.dumps(document)


def test_the_thread_keeps_the_buttons_when_the_message_above_has_moved_on() -> None:
    assert ids(news(ASKED, with_actions=True)) == ["healthmgr.approve", "healthmgr.deny"]
    assert "May runbook restart" in news(ASKED, with_actions=True)["text"]
    assert "blocks" not in news(ASKED)


@pytest.mark.parametrize("with_actions", [True, False])
def test_slack_has_no_link_that_votes_for_somebody_else(with_actions: bool) -> None:
    shown = json.dumps([payload(ASKED, with_actions=with_actions), news(ASKED, with_actions=with_actions)])
    assert "/approval/" not in shown


def test_what_is_over_or_a_test_has_no_buttons() -> None:
    over = replace(ASKED, kind=MessageKind.RESOLUTION)
    for message in (over, replace(ASKED, is_test=True)):
        assert not {"healthmgr.approve", "healthmgr.deny"} & set(ids(payload(message, with_actions=True)))


def test_a_mail_has_links_that_say_what_they_answer_and_asks_in_its_subject() -> None:
    mail = render(ASKED)
    assert mail.subject == f"May it be repaired? {render(make_message()).subject}"
    assert [" ".join(line.split()) for line in mail.text.splitlines() if "/approval/" in line] == [
        f"Approve: {APPROVE}",
        f"Deny: {DENY}",
    ]
    for address in (APPROVE, DENY):
        assert address in mail.text
        assert address in mail.html


def test_a_text_message_says_how_to_answer() -> None:
    assert "Reply APPROVE 4 or DENY 4" in compose(ASKED, replies=True).body
    assert APPROVE in compose(ASKED).body
    assert "Reply APPROVE" not in compose(replace(ASKED, approval=None), replies=True).body


def test_a_program_reads_which_approval_is_asked_for_and_gets_no_link_that_votes() -> None:
    document = json.loads(encode(ASKED))
    assert document["data"]["approval"] == {"id": str(uid(9)), "number": 4}
    assert "/approval/" not in json.dumps(document)
    assert json.loads(encode(replace(ASKED, approval=None)))["data"]["approval"] is None
