"""Text messages are short and whole, whatever is in them, and are counted as networks count them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthmgr.channels.sms_segments import folded, segments
from healthmgr.channels.sms_text import MOST_SEGMENTS, compose
from healthmgr.channels.text import web_address
from healthmgr.domain.message import Links, MessageKind
from healthmgr.testing import make_alert, make_message, make_whole_message


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # each takes an escape as well
        ("€" * 81, 2),
        ("a" + "€" * 152, 2),
        ("€" * 153, 3),  # 306 places, but an escape and its sign are not divided: 76 pairs fit into a part
        ("ä" * 160, 1),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("\U0001f4a5" * 35, 1),
        ("\U0001f4a5" * 36, 2),
        ("\U0001f4a5" * 67, 3),  # 134 places, but 33 whole ones fit into a part
        ("á", 1),
        ("á" + "a" * 70, 2),
    ],
)
def test_segments_are_counted_as_networks_do(text, count):
    assert segments(text) == count


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Größe” – 7 µs…", '"Größe" - 7 us...'),
        ("Dvořák, Łódź, façade, œuvre", "Dvorák, Lódz, facade, oeuvre".replace("á", "a").replace("ó", "o")),
        ("queue ≥ 500 → ⚠️ 45\u202f°C", "queue >= 500 -> ! 45 degC"),
        ("é è à ù ñ å ß Ç", "é è à ù ñ å ß Ç"),
        ("disk \U0001f4a5 full", "disk ? full"),
        ("ﬁle № ½", "file No 1/2"),
        ("Очередь – полна…", "Очередь – полна…"),
        ("磁盘已满 – 95%", "磁盘已满 – 95%"),
        ("Δ grows", "Δ grows"),
    ],
)
def test_signs_become_plain_where_that_is_harmless(text, plain):
    assert folded(text) == plain


@given(st.text(max_size=300))
def test_a_fold_is_stable_and_needs_no_other_alphabet_afterwards(text):
    once = folded(text)
    assert folded(once) == once
    assert once == text or segments(once + "\U0001f4a5") >= segments(once)


def test_a_problem_says_what_since_when_and_how_to_answer():
    text = compose(make_message(), replies=True)
    assert text.body.split("\n") == [
        "CRITICAL #12: Session manager is unhealthy",
        "answers in 7.2 s, sign-ins time out",
        "Since 2026-11-24 03:12 UTC",
        "Failing with it: security-manager and account-health",
        "Reply ACK 12",
        "https://health.example.com/incidents/12",
    ]
    assert text.headline == "CRITICAL #12: Session manager is unhealthy"


def test_an_answer_by_text_is_asked_for_only_where_it_is_understood():
    assert "Reply" not in compose(make_message()).body
    for kind in (MessageKind.ACKNOWLEDGEMENT, MessageKind.RESOLUTION, MessageKind.DIGEST):
        assert "Reply" not in compose(make_message(kind), replies=True).body


def test_where_replies_are_not_understood_a_short_link_acknowledges():
    message = make_whole_message()
    assert f"\nAcknowledge: {message.links.acknowledge}" in compose(message).body
    long = replace(message, links=replace(message.links, acknowledge="https://h.example.com/" + "x" * 200))
    assert compose(long).body.endswith("\nhttps://health.example.com/incidents/12")


def test_reminders_updates_tests_and_ends_say_so():
    def headline(kind: MessageKind, **changes: object) -> str:
        return compose(make_message(kind, **changes)).headline

    problem, update = MessageKind.PROBLEM, MessageKind.UPDATE
    assert headline(problem, round=3) == "CRITICAL #12 reminder 3: Session manager is unhealthy"
    rose = headline(update, reason="severity_rose")
    assert rose == "CRITICAL #12 update (severity rose): Session manager is unhealthy"
    assert headline(problem, is_test=True).startswith("TEST CRITICAL #12: ")
    assert headline(MessageKind.ACKNOWLEDGEMENT, actor="bob") == "ACKNOWLEDGED #12: Session manager, by bob"
    resolved = compose(make_message(MessageKind.RESOLUTION))
    assert resolved.headline == "RESOLVED #12: Session manager"
    assert "Lasted 1 h 04 min" in resolved.body


def test_a_digest_names_the_incidents():
    digest = make_message(MessageKind.DIGEST)
    text = compose(replace(digest, alerts=()))
    assert text.headline.startswith(f"{len(digest.held_back)} more incidents: #{digest.held_back[0].incident_number}")
    assert digest.held_back[0].title in text.body


def test_a_long_summary_is_cut_and_what_matters_stays():
    alert = make_alert(summary="the database refuses connections because of " + "x" * 2000)
    text = compose(make_message(alerts=(alert,)), replies=True)
    lines = text.body.split("\n")
    assert segments(text.body) == MOST_SEGMENTS
    assert len(text.body) > 440
    assert lines[1].startswith("the database refuses connections because of xx")
    assert lines[1].endswith("x...")
    assert lines[-2:] == ["Reply ACK 12", "https://health.example.com/incidents/12"]


def test_what_is_worth_least_goes_first():
    alert = make_alert(check_name="Сервис сессий", summary="не отвечает " * 60)
    body = compose(make_message(alerts=(alert,), url="https://health.example.com/" + "x" * 60), replies=True).body
    assert segments(body) <= MOST_SEGMENTS
    assert "Failing with it" not in body
    assert body.startswith("CRITICAL #12: Сервис сессий is unhealthy\nне отвечает не отвечает")
    assert "Reply ACK 12" in body


_TEXT = st.text(max_size=600) | st.sampled_from(["я" * 500, "\U0001f4a5" * 300, "^€" * 400, "\r\n\x00" * 50, "…" * 500])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(MessageKind), name=_TEXT, said=_TEXT, url=_TEXT, reason=_TEXT, number=st.integers(1, 10**9),
    impacted=st.lists(_TEXT, max_size=5), replies=st.booleans(),
)  # fmt: skip
def test_no_content_breaks_a_message(kind, name, said, url, reason, number, impacted, replies):
    alert = make_alert(check_name=name, summary=said, resolution=said, impacted=tuple(impacted))
    links = Links(incident=f"https://h.example.com/{url}", acknowledge=f"https://h.example.com/a/{url[:100]}")
    message = make_message(kind, alerts=(alert,), links=links, reason=reason, incident_number=number, actor=name)
    text = compose(message, replies=replies)
    assert 1 <= segments(text.body) <= MOST_SEGMENTS
    assert len(text.body) <= 1600
    assert text.body.startswith(text.headline)
    assert kind is MessageKind.DIGEST or f"#{number}" in text.headline
    assert not any(ord(character) < 32 and character != "\n" for character in text.body)
    text.body.encode()
    if replies and kind in (MessageKind.PROBLEM, MessageKind.UPDATE):
        assert f"\nReply ACK {number}" in text.body
    for line in text.body.split("\n"):
        assert not line.startswith("https://") or line in (web_address(links.incident), message.url)
