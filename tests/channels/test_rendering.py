"""Subject, text and HTML tell the facts, the essential first, whatever they are made of."""

from __future__ import annotations

import time
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from healthmgr.channels.rendering import Rendered, render
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import Breach, ChangeFacts, HeldBack, Links, MessageKind, ResultFacts
from healthmgr.testing import make_whole_message


class Seen(HTMLParser):
    """What a reader of the HTML sees, and which tags and addresses it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name == "href"]
        self.loads += [value for name, value in attrs if name in ("src", "background", "srcset")]

    def handle_data(self, data):
        self.words.append(data)


def both(rendered: Rendered) -> list[str]:
    return [" ".join(rendered.text.split()), Seen(rendered.html).text]


def test_a_subject_says_how_bad_what_and_which_incident(compose_message):
    assert render(compose_message()).subject == "Critical: Session manager is unhealthy (#12)"
    assert render(compose_message(MessageKind.RESOLUTION)).subject == "Resolved: Session manager (#12)"


@pytest.mark.parametrize(
    "fact",
    [
        "Session manager is unhealthy",
        "Critical · incident #12",
        "answers in 7.2 s, sign-ins time out",
        "Since 2026-11-24 03:12 UTC (12 min ago)",
        "response time 7.2 s, unhealthy at > 5 s",
        "security-manager and account-health",
        "security-manager, cache-manager and account-health",
        "session-manager (service accounts, category core)",
        "team=identity, region=eu-1",
        "Keeps the sessions of all signed-in users.",
        "https://wiki.example.com/runbooks/session-manager",
        "healthmgr alerts ack 12",
        "03:24:10 unhealthy 7.20 s HTTP 200 in 7.2 s",
        "11-23 22:12:05 healthy 41 ms HTTP 200",
        "Sent to Alice Meyer at 2026-11-24 03:24 UTC: first notification.",
        "019ab3c0-1111-7000-8000-00000000000a",
    ],
)
def test_a_problem_tells_this_in_text_and_in_html(compose_message, fact):
    text, html = both(render(compose_message()))
    assert fact.lower() in text.lower()
    assert fact in html


def test_the_first_lines_tell_the_essential(compose_message):
    first = "\n".join(render(compose_message()).text.splitlines()[:7])
    for essential in (
        "CRITICAL",
        "#12",
        "Session manager is unhealthy",
        "7.2 s",
        "12 min ago",
        "healthmgr alerts ack 12",
    ):
        assert essential in first


def test_the_incident_and_the_runbook_are_links(compose_message):
    links = Seen(render(compose_message()).html).links
    assert links == ["https://health.example.com/incidents/12", "https://wiki.example.com/runbooks/session-manager"]


def test_a_resolution_says_how_long_it_lasted_and_why_it_ended(compose_message):
    for form in both(render(compose_message(MessageKind.RESOLUTION))):
        assert "Lasted 1 h 04 min: 2026-11-24 03:12 to 04:16 UTC" in form
        assert "recovered: 2 good results in a row" in form
        assert "answers in 7.2 s, sign-ins time out" in form
        assert "alerts ack" not in form


def test_an_update_says_what_is_new_and_which_reminder_it_is(compose_message):
    for form in both(render(compose_message(MessageKind.UPDATE, round=2))):
        assert "severity rose" in form.lower()
        assert "reminder 2" in form.lower()


def test_a_flapping_check_is_called_flapping(compose_message, compose_alert):
    assert "is flapping" in render(compose_message(alerts=(compose_alert(is_flapping=True),))).subject


def test_several_alerts_are_told_one_by_one_and_the_rest_counted(compose_message, compose_alert):
    alerts = tuple(
        compose_alert(check_name=f"Shard {n}", status=Status.DEGRADED, severity=Severity.HIGH, summary=f"lag {n} s")
        for n in range(30)
    )
    for form in both(render(compose_message(alerts=alerts))):
        assert all(f"Shard {n}" in form and f"lag {n} s" in form for n in range(20))
        assert "Shard 20" not in form
        assert "and 10 more" in form


def test_a_message_of_bare_facts_has_no_empty_rows(compose_message, compose_alert):
    bare = compose_alert(
        service="",
        category="",
        description="",
        runbook_url="",
        labels={},
        breaches=(),
        last_results=(),
        dependents=(),
        impacted=(),
    )
    rendered = render(compose_message(alerts=(bare,), url="", how_to_acknowledge=""))
    for form in both(rendered):
        for label in (
            "Measured",
            "Depends on it",
            "Labels",
            "Runbook",
            "Last results",
            "Acknowledge",
            "Description",
            "None",
        ):
            assert label not in form
    assert "\n\n\n" not in rendered.text


def test_markup_in_facts_stays_text(compose_message, compose_alert):
    evil = "<script>alert(1)</script><img src=http://evil.example/x onerror=a>\"'{{ 7*7 }}"
    alert = compose_alert(
        check_name=evil, summary=evil, description=evil, service=evil, labels={evil: evil}, dependents=(evil,),
        resolution=evil, breaches=(Breach(evil, evil, evil, Status.UNHEALTHY),), runbook_url=f"https://x/{evil}",
        origin=evil, source_url=f"https://x/{evil}", annotations={evil: evil},
    )  # fmt: skip
    for kind in MessageKind:
        message = compose_message(
            kind, alerts=(alert,), recipient=evil, url="javascript:alert(1)", how_to_acknowledge=evil, actor=evil,
            links=Links("javascript:alert(1)", "javascript:alert(2)", f"https://x/{evil}"), told=(evil,), reason=evil,
            changes=(ChangeFacts(alert.opened_at, evil),),
            held_back=(HeldBack(1, Severity.LOW, evil, alert.opened_at),),
        )  # fmt: skip
        rendered = render(message)
        seen = Seen(rendered.html)
        assert not seen.tags & {"script", "img"}
        assert seen.links == []
        assert "{{ 7*7 }}" in seen.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "https://a b", 'https://x/"onclick', "wiki/page"]
)
def test_only_a_web_address_becomes_a_link(compose_message, compose_alert, address):
    rendered = render(compose_message(url=address, alerts=(compose_alert(runbook_url=address),)))
    assert Seen(rendered.html).links == []


def test_the_html_loads_nothing_from_elsewhere(compose_message):
    html = render(compose_message()).html
    seen = Seen(html)
    assert seen.loads == []
    assert not seen.tags & {"link", "script", "iframe", "object", "base", "form"}
    assert "url(" not in html
    assert "@import" not in html


def test_control_characters_do_not_reach_any_form(compose_message, compose_alert):
    nasty = "a\x00b\r\nBcc: x@evil.example\x1b[31m\u202egnp\ud800z\u2028\x85"
    alert = compose_alert(check_name=nasty, summary=nasty, description=nasty, labels={nasty: nasty}, resolution=nasty)
    for kind in MessageKind:
        rendered = render(compose_message(kind, alerts=(alert,), recipient=nasty, reason=nasty))
        for form in (rendered.subject, rendered.text, rendered.html):
            assert not set(form) & set("\x00\r\x1b\u202e\ud800\u2028\x85")
            form.encode()
        assert "\n" not in rendered.subject


@pytest.mark.parametrize("count", [1, 2, 4, 50])
def test_huge_texts_are_cut_with_a_mark_and_quickly(compose_message, compose_alert, count):
    huge = "größe <b>" * 20_000
    alert = compose_alert(
        check_name=huge, summary=huge, description=huge, labels={str(n): huge for n in range(100)},
        dependents=tuple(huge for _ in range(500)), annotations={f"{n}{huge}": f"{n}{huge}" for n in range(50)},
        breaches=(Breach(huge, huge, huge, Status.UNHEALTHY),) * 20, runbook_url=f"https://x/{'y' * 1900}",
        last_results=(ResultFacts(compose_message().composed_at, Status.UNHEALTHY, huge, 7.2),) * 10,
    )  # fmt: skip
    changes = (ChangeFacts(alert.opened_at, huge),) * 50
    started_at = time.perf_counter()
    rendered = render(compose_message(alerts=(alert,) * count, changes=changes, told=(huge,) * 100))
    assert time.perf_counter() - started_at < 2
    assert len(rendered.subject) < 200
    assert "…" in rendered.subject
    assert len(rendered.html.encode()) < 100_000  # Gmail clips what is longer than about 102 kB
    assert len(rendered.text) < 60_000


def test_a_typical_message_takes_milliseconds(compose_message):
    message = compose_message()
    render(message)
    started_at = time.perf_counter()
    for _ in range(20):
        render(message)
    assert (time.perf_counter() - started_at) / 20 < 0.05


def test_an_incident_that_ended_by_hand_lasts_until_its_last_alert(compose_message, compose_alert):
    message = compose_message(MessageKind.RESOLUTION)
    opened_at = message.opened_at
    alerts = tuple(
        compose_alert(resolved_at=opened_at + timedelta(minutes=minutes), resolution="resolved by bob")
        for minutes in (5, 42)
    )
    text = render(compose_message(MessageKind.RESOLUTION, alerts=alerts)).text
    assert "Lasted 42 min" in text
    assert "resolved by bob" in text


def test_a_message_without_alerts_is_refused(compose_message):
    with pytest.raises(ValueError, match="no alert"):
        render(compose_message(alerts=()))
    with pytest.raises(ValueError, match="no alert"):
        render(compose_message(MessageKind.DIGEST, held_back=()))


@pytest.mark.parametrize(
    "fact",
    [
        "https://health.example.com/act/acknowledge/c2lnbmVk",
        "https://health.example.com/act/silence/c2lnbmVk",
        "https://health.example.com/incidents/12",
        "03:09:05 3 min before check session-manager was redefined: timeout, thresholds",
        "03:12:45 40 s after check account-health became unhealthy",
        "Bob Okafor over pager and identity on-call over slack",
    ],
)
def test_a_message_tells_what_changed_who_is_told_and_where_to_answer(fact):
    rendered = render(make_whole_message())
    text, html = both(rendered)
    assert fact in text
    assert fact in html or fact in Seen(rendered.html).links


def test_the_first_button_is_the_answer_and_a_terminal_is_offered_beside_it():
    message = make_whole_message()
    links = Seen(render(message).html).links
    assert links[:3] == [message.links.acknowledge, message.links.silence, message.links.incident]
    assert "Or acknowledge in a terminal healthmgr alerts ack 12" in Seen(render(message).html).text


def test_html_has_the_last_ten_results_and_text_the_newest_five(compose_message, compose_alert):
    at = compose_message().composed_at
    results = tuple(
        ResultFacts(at - timedelta(minutes=n), Status.UNHEALTHY, f"result number {n}.", 0.2) for n in range(12)
    )
    rendered = render(compose_message(alerts=(compose_alert(last_results=results),)))
    text, html = both(rendered)
    assert [n for n in range(12) if f"result number {n}." in html] == list(range(10))
    assert [n for n in range(12) if f"result number {n}." in text] == list(range(5))


def test_an_acknowledgement_says_who_is_on_it_and_asks_nobody_to_answer():
    rendered = render(make_whole_message(MessageKind.ACKNOWLEDGEMENT))
    assert rendered.subject == "Acknowledged: Session manager (#12)"
    for form in both(rendered):
        assert "Acknowledged by Bob Okafor" in form
        assert "healthmgr alerts ack" not in form
    assert not any("acknowledge" in link for link in Seen(rendered.html).links)


def test_a_resolution_by_hand_says_by_whom_once(compose_message, compose_alert):
    ended = compose_message(MessageKind.RESOLUTION).composed_at
    for said in ("closed by Carol", "recovered"):
        alert = compose_alert(resolved_at=ended, resolution=said)
        text = render(compose_message(MessageKind.RESOLUTION, alerts=(alert,), actor="Carol")).text
        assert text.lower().count("closed by carol") == 1


def test_a_digest_lists_every_incident_that_was_held_back():
    rendered = render(make_whole_message(MessageKind.DIGEST))
    assert rendered.subject == "3 more incidents (#15, #14 and #13)"
    for form in both(rendered):
        assert "#15 critical 03:16:25 Payments is unhealthy" in form
        assert "#14 high 03:16:16 Search and 2 more are degraded" in form
        assert "#13 resolved 03:16:09 Image resizer" in form


def test_a_digest_of_hundreds_is_counted(compose_message):
    at = compose_message().opened_at
    held = tuple(HeldBack(n, Severity.LOW, f"Low: Shard {n} is degraded", at) for n in range(300, 0, -1))
    for form in both(render(compose_message(MessageKind.DIGEST, held_back=held))):
        assert "Shard 251 is degraded" in form
        assert "Shard 250 is degraded" not in form
        assert "and 250 more" in form


def test_a_test_message_cannot_be_taken_for_a_real_one(compose_message):
    rendered = render(compose_message(is_test=True))
    assert rendered.subject == "Test: Session manager is unhealthy"
    for form in both(rendered):
        assert "Nothing is wrong, and nobody has to do anything." in form
        assert "#12, notification" not in form
    assert "#b3261e;color" not in rendered.html, "no red band"
    assert "Nothing is wrong" not in render(compose_message()).text


def test_an_alert_from_a_door_tells_where_it_came_from_and_what_its_sender_wrote(compose_message, compose_alert):
    alert = compose_alert(
        check_slug="", check_name="KubePodCrashLooping", service="", category="", runbook_url="", origin="alertmanager",
        source_url="https://prometheus.example.com/graph?g0.expr=up", summary="cart is crash looping",
        annotations={
            "summary": "cart is crash looping", "grafana_dashboard": "https://grafana.example.com/d/abc",
            "impact": "baskets",
        },
    )  # fmt: skip
    rendered = render(compose_message(alerts=(alert,)))
    for form in both(rendered):
        assert "Came in by" in form
        assert "alertmanager" in form
        assert "Grafana dashboard" in form
        assert "Impact" in form
        assert "https://grafana.example.com/d/abc" in form
        assert "Where" not in form
        assert form.count("cart is crash looping") == (1 if form == both(rendered)[0] else 2)  # HTML: preview line, too
    links = Seen(rendered.html).links
    assert alert.source_url in links
    assert "https://grafana.example.com/d/abc" in links
