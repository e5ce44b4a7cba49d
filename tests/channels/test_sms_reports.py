"""Twilio's reports are believed when they are signed, and never turn back what is known already."""

from __future__ import annotations

import random
from urllib.parse import parse_qsl, urlencode

import pytest
from twilio.request_validator import RequestValidator

from healthmgr.channels.sms_delivery import parse_delivery
from healthmgr.channels.sms_signature import validate_signature

TOKEN = "b3c1d2e4f5a697887766554433221100"
URL = "https://health.example.com/hooks/twilio/019ab3c0-1111-7000-8000-00000000000a?channel=pager"
SID = "SM" + "0123456789abcdef" * 2
PARAMS = {"MessageSid": SID, "MessageStatus": "delivered", "To": "+491511234567", "AccountSid": "AC1", "Body": "ü €"}
# openssl dgst -sha1 -hmac TOKEN -binary | base64, of the URL and "AccountSidAC1", "Bodyü €", "MessageSid" ... "To" ...
SIGNATURE = "gouaTk3Tqfa+0EKfrs+bVaQjm28="


def test_the_published_rule_gives_this_signature():
    assert validate_signature(TOKEN, URL, PARAMS, SIGNATURE)
    assert validate_signature(TOKEN, URL, list(reversed(PARAMS.items())), SIGNATURE)


@pytest.mark.parametrize(
    ("token", "url", "params", "signature"),
    [
        ("another", URL, PARAMS, SIGNATURE),
        (TOKEN, URL.replace("pager", "other"), PARAMS, SIGNATURE),
        (TOKEN, URL.replace("https", "http"), PARAMS, SIGNATURE),
        (TOKEN, URL, {**PARAMS, "MessageStatus": "failed"}, SIGNATURE),
        (TOKEN, URL, {**PARAMS, "Extra": "1"}, SIGNATURE),
        (TOKEN, URL, {}, SIGNATURE),
        (TOKEN, URL, PARAMS, ""),
        (TOKEN, URL, PARAMS, SIGNATURE.lower()),
        (TOKEN, URL, PARAMS, "ü\ud800"),
        (TOKEN, "https://[", PARAMS, SIGNATURE),
    ],
)
def test_anything_else_is_not_signed(token, url, params, signature):
    assert not validate_signature(token, url, params, signature)


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://h.example.com/x?y=1", "https://h.example.com:443/x?y=1"),
        ("https://h.example.com:443/x?y=1", "https://h.example.com/x?y=1"),
        ("http://h.example.com:80/x", "http://h.example.com/x"),
        ("https://h.example.com/x", "https://h.example.com:8443/x"),
        ("https://u:p@h.example.com/x", "https://u:p@h.example.com:443/x"),
    ],
)
def test_a_port_that_twilio_leaves_out_or_adds_does_no_harm(signed, seen):
    signature = RequestValidator(TOKEN).compute_signature(signed, PARAMS)
    assert validate_signature(TOKEN, seen, PARAMS, signature)


def test_twilios_own_library_judges_alike():
    chosen = random.Random(7)
    letters = "aZ09 +&=%ü€\U0001f4a5"
    for _ in range(300):
        params = {
            "".join(chosen.choices(letters, k=chosen.randint(1, 8))): "".join(
                chosen.choices(letters, k=chosen.randint(0, 20))
            )
            for _ in range(chosen.randint(0, 8))
        }
        url = URL + "&" + urlencode({"q": chosen.choice(letters)})
        signature = RequestValidator(TOKEN).compute_signature(url, params)
        carried = parse_qsl(urlencode(params), keep_blank_values=True)
        assert validate_signature(TOKEN, url, carried, signature)
        assert RequestValidator(TOKEN).validate(url, params, signature)
        assert not validate_signature(TOKEN, url, [*carried, ("a", "b")], signature)


def report(status: str, **params: str):
    return parse_delivery({"MessageSid": SID, "MessageStatus": status, **params})


def test_a_report_tells_sid_status_and_error():
    failed = report("undelivered", ErrorCode="30003")
    assert (failed.sid, failed.status, failed.error_code) == (SID, "undelivered", "30003")
    assert failed.is_failure
    assert failed.is_final
    assert str(failed) == "undelivered: error 30003: the phone is switched off or out of reach"
    assert str(report("delivered", ErrorCode="0")) == "delivered"
    assert str(report("failed", ErrorCode="39999")) == "failed: error 39999"


def test_the_old_names_of_the_fields_do_as_well():
    assert parse_delivery({"SmsSid": SID, "SmsStatus": "sent"}).status == "sent"


def test_the_life_of_a_message_only_goes_forward():
    order = ["scheduled", "accepted", "queued", "sending", "sent", "delivered", "read"]
    ranks = [report(status).rank for status in order]
    assert ranks == sorted(set(ranks))
    assert [report(status).is_final for status in order] == [False] * 5 + [True] * 2


@pytest.mark.parametrize("end", ["delivered", "undelivered", "failed"])
def test_reports_out_of_order_end_the_same(end):
    statuses = ["queued", "sending", "sent", end]
    for seed in range(20):
        known, rank = "", None
        for status in random.Random(seed).sample(statuses * 2, 8):
            if report(status).supersedes(rank):
                known, rank = status, report(status).rank
        assert known == end


def test_the_end_that_was_reported_first_stays():
    assert not report("failed").supersedes(report("delivered").rank)
    assert report("read").supersedes(report("delivered").rank)
    assert report("queued").supersedes(None)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"MessageSid": SID},
        {"MessageStatus": "sent"},
        {"MessageSid": "SM1", "MessageStatus": "sent"},
        {"MessageSid": SID, "MessageStatus": "received"},
        {"MessageSid": SID, "MessageStatus": "x" * 5000},
        {"MessageSid": SID, "MessageStatus": "failed", "ErrorCode": "DROP TABLE"},
    ],
)
def test_what_is_no_report_is_refused(params):
    with pytest.raises(ValueError, match=r".") as caught:
        parse_delivery(params)
    assert len(str(caught.value)) < 150
