"""What Slack and Twilio call back with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
import requests
from pytest_httpserver import HTTPServer
from sqlalchemy import select

from healthmgr.api.interactions import post_answer
from healthmgr.storage.tables import deliveries, notifications
from tests.api.conftest import Whole
from tests.builders import make_channel, make_delivery, make_notification, make_recipient

SLACK, STATUS, REPLY = (f"/api/v1/interactions/{name}" for name in ("slack", "twilio/status", "twilio/reply"))
SID = "SM" + "0123456789abcdef" * 2
TOKEN = "twilio-token"
ALICE, STRANGER = "+491511234567", "+15005550006"


# ---- Slack -----------------------------------------------------------------------------------------


def press(whole: Whole, action: str, incident_id: UUID | None = None, secret: str = "shhh", **over: Any) -> Any:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "alice"},
        "actions": [{"action_id": f"healthmgr.{action}", "value": str(incident_id or whole.incident_id)}],
    }
    return send(whole, urlencode({"payload": json.dumps(payload | over)}).encode(), secret)


def send(whole: Whole, body: bytes, secret: str = "shhh", age: int = 0) -> requests.Response:
    stamp = str(int(whole.healthmgr.now().timestamp()) - age)
    signature = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature,
    }
    return whole.client().post(SLACK, data=body, headers=headers)


def test_a_button_acknowledges_in_the_name_of_whoever_pressed_it(whole: Whole) -> None:
    answer = press(whole, "acknowledge")
    assert answer.status_code == 200
    assert answer.json()["response_type"] == "ephemeral"
    assert answer.json()["replace_original"] is False
    assert answer.json()["text"].startswith("You have it in hand")
    assert whole.incident().acknowledged_by == "slack:alice"
    assert whole.audit() == [("slack:alice", "slack", "incident.acknowledge", "U1")]


def test_a_button_pressed_twice_says_who_was_first(whole: Whole) -> None:
    press(whole, "acknowledge")
    assert "slack:alice" in press(whole, "acknowledge", user={"id": "U2", "username": "bob"}).json()["text"]
    assert len(whole.audit()) == 1


def test_a_button_escalates(whole: Whole) -> None:
    press(whole, "acknowledge")
    assert press(whole, "escalate").json()["text"].startswith("Escalated: ")
    assert whole.incident().state == "firing", "it is in nobody's hands any more"
    assert whole.audit()[-1] == ("slack:alice", "slack", "incident.escalate", "U1")


def test_a_button_silences_and_another_one_resolves(whole: Whole) -> None:
    assert press(whole, "silence").json()["text"].startswith("Silenced until ")
    (silence,) = whole.healthmgr.silencing.find(whole.healthmgr.now())
    assert silence.created_by == "slack:alice"
    assert press(whole, "resolve").json()["text"].startswith("Resolved")
    assert [member.state for member in whole.incident().members] == ["resolved"]


def test_an_incident_that_is_not_there_is_said_so(whole: Whole) -> None:
    answer = press(whole, "acknowledge", uuid4())
    assert answer.status_code == 200, "Slack would tell its user that the app is broken"
    assert "There is no incident" in answer.json()["text"]


def test_nothing_is_done_for_whoever_did_not_sign_it(whole: Whole) -> None:
    body = urlencode({"payload": "{}"}).encode()
    for answer in (
        press(whole, "acknowledge", secret="guessed"),
        press(whole, "acknowledge", secret=""),
        send(whole, body, age=301),
        whole.client().post(SLACK, data={"payload": "{}"}),
    ):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert whole.audit() == []


def test_the_signing_secret_of_a_channel_counts_as_well(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    make_channel(whole.engine, "chat", kind="slack", config={"signing_secret": "of-the-channel"})
    make_channel(whole.engine, "broken", kind="slack", config={"signing_secret": "${NOT_SET_ANYWHERE}"})
    assert press(whole, "acknowledge", secret="of-the-channel").status_code == 200
    assert press(whole, "acknowledge", secret="${NOT_SET_ANYWHERE}").status_code == 401


def test_what_slack_never_sends_is_refused_and_a_link_that_was_opened_is_nothing(whole: Whole) -> None:
    for payload in ("no json", "[]", json.dumps({"type": "block_actions"})):
        assert send(whole, urlencode({"payload": payload}).encode()).status_code == 400
    assert send(whole, b"&".join([b"a=b"] * 500)).status_code == 400
    assert press(whole, "elsewhere").status_code == 200
    assert whole.audit() == []


def test_the_answer_goes_to_the_address_that_slack_gave_and_a_refusal_harms_nobody(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/answer", json={"text": "done"}).respond_with_data("ok")
    post_answer(httpserver.url_for("/answer"), {"text": "done"})
    post_answer(httpserver.url_for("/elsewhere"), {"text": "done"})
    assert [request.path for request, _ in httpserver.log] == ["/answer", "/elsewhere"]


# ---- Twilio ----------------------------------------------------------------------------------------


@pytest.fixture
def phones(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """Alice has a phone and a mailbox; a text message was sent to her. The notification's id."""
    make_channel(whole.engine, "phone", kind="sms", config={"auth_token": TOKEN, "account_sid": "AC" + "0" * 32})
    make_channel(whole.engine, "inbox")
    make_recipient(whole.engine, "alice", phone="+49 151 1234567", inbox="alice@example.com")
    content = {"firing": [str(whole.alert_id)], "resolved": []}
    notification = make_notification(
        whole.engine, whole.incident_id, recipient="alice", channel="phone", address=ALICE, attempts=1, content=content
    )
    make_delivery(whole.engine, notification, provider_id=SID)
    return notification


def twilio(
    whole: Whole, path: str, form: Mapping[str, str], token: str = TOKEN, base: str = "https://hm.example.com"
) -> requests.Response:
    signed = f"{base}{path}" + "".join(name + value for name, value in sorted(form.items()))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    return whole.client().post(path, data=form, headers={"X-Twilio-Signature": signature})


def report(whole: Whole, status: str, path: str = STATUS, **more: str) -> None:
    answer = twilio(whole, path, {"MessageSid": SID, "MessageStatus": status, **more})
    assert answer.status_code == 204, answer.text


def told(whole: Whole) -> list[tuple[str, str, str]]:
    """Every notification: over which channel, its state and why."""
    query = select(notifications.c.channel, notifications.c.state, notifications.c.state_reason)
    with whole.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(notifications.c.position))]


def reported(whole: Whole) -> str:
    with whole.engine.connect() as connection:
        return str(connection.execute(select(deliveries.c.reported)).scalar_one())


def test_a_report_is_written_down_and_never_goes_back(whole: Whole, phones: UUID) -> None:
    report(whole, "sent")
    report(whole, "delivered")
    report(whole, "sent")
    report(whole, "queued")
    assert reported(whole) == "delivered"
    assert told(whole) == [("phone", "sent", "")]
    (notification,) = whole.healthmgr.reading.notifications().items
    assert notification.deliveries[0].reported == "delivered"
    assert notification.deliveries[0].reported_at is not None


def test_what_is_reported_lost_is_told_over_the_next_channel_at_once_and_once(whole: Whole, phones: UUID) -> None:
    for _ in range(2):
        report(whole, "undelivered", ErrorCode="30003")
    report(whole, "failed")
    assert reported(whole).startswith("undelivered: error 30003: the phone is switched off")
    assert told(whole) == [("phone", "failed", "reported_undelivered"), ("inbox", "pending", "")]
    kinds = [entry.kind for entry in whole.incident().timeline]
    assert kinds == ["not_sent", "fell_back"]


def test_what_is_lost_while_somebody_is_on_it_disturbs_nobody_else(whole: Whole, phones: UUID) -> None:
    whole.healthmgr.answering.acknowledge(whole.incident_id, actor="bob", origin="test", now=whole.now)
    report(whole, "failed")
    assert told(whole) == [("phone", "failed", "reported_undelivered")]


def test_a_report_that_is_faster_than_our_own_record_finds_its_message(whole: Whole, phones: UUID) -> None:
    with whole.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET provider_id = '', outcome = 'started'")
        connection.exec_driver_sql("UPDATE notifications SET state = 'sending', lease_until = now(), due_at = now()")
    report(whole, "failed")
    assert reported(whole) == "", "by the provider's name alone it is not known yet"
    report(whole, "failed", path=f"{STATUS}?notification={phones}")
    assert reported(whole) == "failed"
    assert told(whole) == [("phone", "failed", "reported_undelivered"), ("inbox", "pending", "")]


def test_a_report_about_an_attempt_that_was_followed_by_another_changes_nothing(whole: Whole, phones: UUID) -> None:
    with whole.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notifications SET attempts = 2")
    report(whole, "failed")
    assert reported(whole) == "failed"
    assert told(whole) == [("phone", "sent", "")]


def test_a_report_about_a_message_that_is_not_ours_is_taken_and_forgotten(whole: Whole, phones: UUID) -> None:
    form = {"MessageSid": "SM" + "f" * 32, "MessageStatus": "failed"}
    assert twilio(whole, STATUS, form).status_code == 204
    assert told(whole) == [("phone", "sent", "")]


def test_nobody_but_twilio_can_report_or_reply(whole: Whole, phones: UUID) -> None:
    form = {"MessageSid": SID, "MessageStatus": "failed", "From": ALICE, "Body": "ACK 1"}
    for path in (STATUS, REPLY):
        assert twilio(whole, path, form, token="guessed").status_code == 401
        assert twilio(whole, path, form, base="https://elsewhere.example.com").status_code == 401
        assert whole.client().post(path, data=form).status_code == 401
    assert told(whole) == [("phone", "sent", "")]
    assert whole.incident().state == "firing"


def test_what_is_no_report_is_refused(whole: Whole, phones: UUID) -> None:
    assert twilio(whole, STATUS, {"MessageSid": "x", "MessageStatus": "failed"}).status_code == 400
    assert twilio(whole, STATUS, {"MessageSid": SID, "MessageStatus": "eaten"}).status_code == 400


def reply(whole: Whole, body: str, number: str = ALICE) -> str:
    answer = twilio(whole, REPLY, {"From": number, "Body": body, "MessageSid": SID})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    return answer.text.removeprefix('<?xml version="1.0" encoding="UTF-8"?>')


@pytest.mark.parametrize("said", ["ACK 1", "ack 1", " Ack #1. ", "acknowledge 1\n"])
def test_a_text_message_acknowledges(said: str, whole: Whole, phones: UUID) -> None:
    assert reply(whole, said).startswith("<Response><Message>You have incident 1 in hand.")
    assert whole.incident().acknowledged_by == "alice"
    assert whole.audit() == [("alice", "sms", "incident.acknowledge", ALICE)]


def test_a_text_message_resolves(whole: Whole, phones: UUID) -> None:
    assert "Incident 1 is resolved" in reply(whole, "RESOLVE 1")
    assert [member.state for member in whole.incident().members] == ["resolved"]


@pytest.mark.parametrize("said", ["ESC 1", "escalate #1"])
def test_a_text_message_escalates(said: str, whole: Whole, phones: UUID) -> None:
    assert "Incident 1 goes on" in reply(whole, said)
    assert whole.audit()[-1] == ("alice", "sms", "incident.escalate", ALICE)


def test_a_text_message_declines(whole: Whole, phones: UUID) -> None:
    assert "goes on" in reply(whole, "DECLINE 1"), "alice alone was told"
    assert "Noted" in reply(whole, "DECLINE 1"), "she declined before"
    assert [entry.kind for entry in whole.incident().timeline].count("declined") == 2


@pytest.mark.parametrize("said", ["HELP", "", "ACK", "ACK one", "stack 1", "ACK 1 and 2", "<b>"])
def test_a_text_message_that_is_not_understood_is_told_what_would_be(said: str, whole: Whole, phones: UUID) -> None:
    assert reply(whole, said).startswith("<Response><Message>Reply ACK 12")
    assert whole.audit() == []


def test_a_text_message_about_nothing_or_too_late_says_so(whole: Whole, phones: UUID) -> None:
    assert "There is no incident 99." in reply(whole, "ACK 99")
    reply(whole, "ACK 1")
    assert "was acknowledged by alice" in reply(whole, "ACK 1")


def test_a_stranger_is_not_answered(whole: Whole, phones: UUID) -> None:
    assert reply(whole, "ACK 1", STRANGER) == "<Response></Response>"
    assert reply(whole, "HELP", "not a number") == "<Response></Response>"
    assert whole.incident().state == "firing"
