"""Text messages reach a Twilio that is strict about its rules; its answers, and its silence, are understood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from twilio_server import SID, TOKEN, TwilioServer

from healthmgr.channels.sms import SmsChannel, SmsConfig, phone_number
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError

NUMBER = "+491511234567"
SERVICE = "MG" + "0" * 32


@pytest.fixture
def twilio() -> Iterator[TwilioServer]:
    with TwilioServer() as server:
        yield server


def config(server: TwilioServer | None = None, **options: object) -> SmsConfig:
    values = {"account_sid": SID, "auth_token": TOKEN, "url": server.url if server else "https://api.twilio.com"}
    sender = {} if "messaging_service_sid" in options else {"from": "+15005550006"}
    return SmsConfig.model_validate({**values, **sender, **options})


def send(server: TwilioServer, message: Message, address: str = NUMBER, timeout: float = 5, **options: object):
    return SmsChannel().send(config(server, **options), message, address, timedelta(seconds=timeout))


def failure(server: TwilioServer, message: Message, **arguments: object) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(server, message, **arguments)
    assert "hidden" not in str(caught.value)
    return caught.value


def test_a_problem_is_taken_and_its_sid_is_the_receipt(twilio, compose_message):
    receipt = send(twilio, compose_message())
    assert receipt.provider_id == twilio.messages[0]["sid"]
    assert receipt.detail == "201 queued, 2 segments"
    (form,) = twilio.forms
    assert set(form) == {"To", "From", "Body"}
    assert (form["To"], form["From"]) == (NUMBER, "+15005550006")
    assert form["Body"].startswith("CRITICAL #12: Session manager is unhealthy\n")
    assert twilio.queries == []


def test_a_messaging_service_may_choose_the_sender(twilio, compose_message):
    send(twilio, compose_message(), messaging_service_sid=SERVICE)
    assert twilio.forms[0]["MessagingServiceSid"] == SERVICE


def test_twilio_is_told_where_to_report_to(twilio, compose_message):
    address = "https://health.example.com/hooks/twilio/{notification_id}?channel=pager"
    message = compose_message()
    send(twilio, message, callback_url=address)
    send(twilio, message, callback_url=address, status_callback=False)
    with_callback, without = twilio.forms
    wanted = f"https://health.example.com/hooks/twilio/{message.notification_id}?channel=pager"
    assert with_callback["StatusCallback"] == wanted
    assert "StatusCallback" not in without


@pytest.mark.parametrize("kind", MessageKind)
def test_every_kind_of_message_keeps_twilios_rules(twilio, compose_message, kind):
    send(twilio, compose_message(kind), replies=True)
    assert len(twilio.forms) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (21211, "correct the recipient's contact"),
        (21408, "geographic permissions"),
        (21610, "START"),
        (21614, "mobile phone"),
        (21606, "a number of this account"),
        (29999, "29999"),
    ],
)
def test_a_refusal_is_permanent_and_says_what_to_do(twilio, compose_message, code, advice):
    twilio.tempers.append((400, {"code": code, "message": f"No, {TOKEN}.", "status": 400}))
    error = failure(twilio, compose_message())
    assert (error.permanent, error.is_ambiguous) == (True, False)
    assert f"400 error {code}: No, ***." in str(error)
    assert advice in str(error)


def test_a_wrong_password_is_said_without_repeating_it(twilio, compose_message):
    error = failure(twilio, compose_message(), auth_token="hidden-wrong")
    assert error.permanent
    assert "see `account_sid` and `auth_token`" in str(error)


def test_too_many_messages_wait_as_long_as_twilio_wishes(twilio, compose_message):
    twilio.tempers.append((429, {"code": 20429, "message": "Too Many Requests", "status": 429}, {"Retry-After": "7"}))
    error = failure(twilio, compose_message())
    assert (error.permanent, error.retry_after, error.is_ambiguous) == (False, timedelta(seconds=7), False)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"code": 20500, "message": "Internal Server Error", "status": 500}),
        (503, "<html>busy</html>"),
        (400, {"code": 21611, "message": "This 'From' number has exceeded its queue", "status": 400}),
    ],
)
def test_what_passes_by_itself_is_temporary(twilio, compose_message, answer):
    twilio.tempers.append(answer)
    error = failure(twilio, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)


def test_a_message_that_fails_at_once_goes_to_the_next_channel(twilio, compose_message):
    document = {"sid": "SM1", "status": "failed", "error_code": 30007, "error_message": "filtered"}
    twilio.tempers.append((201, document))
    error = failure(twilio, compose_message())
    assert error.permanent
    assert "error 30007: filtered" in str(error)


@pytest.mark.parametrize("answer", [(200, "<html>sign in</html>"), (202, {"ok": True}), (204, "")])
def test_only_twilios_own_acceptance_counts(twilio, compose_message, answer):
    twilio.tempers.append(answer)
    error = failure(twilio, compose_message())
    assert error.permanent
    assert "as Twilio does" in str(error)


def test_an_acceptance_that_broke_off_is_one_all_the_same(twilio, compose_message):
    twilio.tempers.append("break")
    receipt = send(twilio, compose_message())
    assert receipt.provider_id == ""
    assert len(twilio.messages) == 1


def test_a_connection_that_is_reset_may_have_carried_the_message(twilio, compose_message):
    twilio.tempers.append("reset")
    error = failure(twilio, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, True)


@pytest.mark.parametrize("temper", ["hang", "lose", "reset"])
def test_after_a_silence_the_message_is_sent_once_in_all(twilio, compose_message, temper):
    message = compose_message()
    twilio.tempers.append(temper)
    started = time.monotonic()
    error = failure(twilio, message, timeout=0.5)
    assert time.monotonic() - started < 2
    assert (error.permanent, error.is_ambiguous) == (False, True)
    receipt = send(twilio, replace(message, attempt=2, composed_at=message.composed_at + timedelta(minutes=1)))
    assert receipt.provider_id == twilio.messages[0]["sid"]
    assert len(twilio.messages) == 1
    assert ("earlier attempt" in receipt.detail) == (temper == "lose")


def test_an_earlier_attempt_is_known_although_its_facts_have_moved_on(twilio, compose_message, compose_alert):
    message = compose_message()
    send(twilio, message)
    twilio.messages[0]["body"] = "Sent from your Twilio trial account - " + twilio.messages[0]["body"]
    later = replace(message, attempt=2, alerts=(compose_alert(summary="answers in 9.9 s"),))
    assert "earlier attempt" in send(twilio, later).detail
    assert len(twilio.messages) == 1


def another(message: Message, **changes: object) -> Message:
    made_at = int(datetime.now(UTC).timestamp() * 1000)
    fresh = UUID(int=(made_at << 80) | (message.notification_id.int & ((1 << 80) - 1)))
    return replace(message, notification_id=fresh, attempt=2, **changes)


def test_what_was_sent_before_this_notification_was_made_is_another_message(twilio, compose_message):
    twilio.clock = lambda: datetime.now(UTC) - timedelta(minutes=1)
    send(twilio, compose_message())
    receipt = send(twilio, another(compose_message()))
    assert len(twilio.messages) == 2
    assert receipt.provider_id == twilio.messages[0]["sid"]


@pytest.mark.parametrize(
    "changes",
    [
        {"round": 1},
        {"kind": MessageKind.UPDATE},
        {"kind": MessageKind.RESOLUTION},
        {"incident_number": 13},
        {"is_test": True},
    ],
)
def test_another_message_of_the_same_minute_is_not_taken_for_it(twilio, compose_message, changes):
    send(twilio, compose_message())
    send(twilio, another(compose_message(), **changes))
    assert len(twilio.messages) == 2


def test_an_earlier_attempt_to_somebody_else_or_one_that_failed_does_not_count(twilio, compose_message):
    message = compose_message()
    send(twilio, message, address="+491700000000")
    send(twilio, replace(message, attempt=2))
    twilio.messages[0]["status"] = "undelivered"
    send(twilio, replace(message, attempt=3))
    assert len(twilio.messages) == 3


@pytest.mark.parametrize("temper", ["hang", (403, {"code": 20003, "message": "no"}), (200, "what?"), (200, [1])])
def test_where_twilio_cannot_be_asked_twice_is_better_than_never(twilio, compose_message, temper):
    message = compose_message()
    send(twilio, message)
    twilio.tempers.append(temper)
    receipt = send(twilio, replace(message, attempt=2), timeout=2)
    assert len(twilio.messages) == 2
    assert receipt.detail.startswith("201 queued")


def test_an_id_that_tells_no_time_is_not_looked_for(twilio, compose_message):
    receipt = send(twilio, compose_message(notification_id=uuid4(), attempt=2))
    assert twilio.queries == []
    assert "cannot be told" in receipt.detail


@pytest.mark.parametrize("written", ["+491511234567", " +49 151 1234567", "+49 (151) 123-45.67", "+49/151/1234567"])
def test_numbers_may_be_written_as_people_do(written):
    assert phone_number(written) == NUMBER


@pytest.mark.parametrize(
    "wrong", ["", "0151 1234567", "+49 (0)151 1234567", "+4", "+4915112345678901", "alice", "+٤٩١٥١١"]
)
def test_a_number_that_is_not_international_is_refused_for_good_and_clearly(twilio, compose_message, wrong):
    error = failure(twilio, compose_message(), address=wrong)
    assert error.permanent
    assert "such as +491511234567" in str(error)
    assert twilio.forms == []


def test_a_message_without_alerts_is_refused_for_good(twilio, compose_message):
    assert failure(twilio, compose_message(alerts=())).permanent
    assert twilio.forms == []


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"from": ""}, "a sender is needed"),
        ({"from": "+15005550006", "messaging_service_sid": SERVICE}, "not both"),
        ({"from": "Healthmgr", "replies": True}, "nobody can reply to a name"),
        ({"from": "a name that is too long"}, "international form"),
        ({"account_sid": SERVICE}, "begin with AC"),
        ({"account_sid": "AC1"}, "no SID"),
        ({"callback_url": "health.example.com"}, "not an address"),
        ({"url": "ftp://x"}, "not an address"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(options, advice):
    with pytest.raises(ValidationError, match=advice):
        config(**options)


@pytest.mark.parametrize("sender", ["+1 500 555 0006", "12345", "Healthmgr 1", "${TWILIO_FROM}"])
def test_senders_are_numbers_short_codes_names_or_references(sender):
    assert config(**{"from": sender}).sender


def test_a_preview_shows_what_is_sent_and_what_it_costs(twilio, compose_message):
    message = compose_message()
    shown = SmsChannel().preview(config(twilio), message, "+49 151 1234567")
    send(twilio, message)
    assert shown == f"To: {NUMBER}\nFrom: +15005550006\nSegments: 2\n\n{twilio.forms[0]['Body']}\n"
    assert "To: nobody" in SmsChannel().preview(config(), message, "")
    with pytest.raises(ValueError, match="international form"):
        SmsChannel().preview(config(), message, "alice")
