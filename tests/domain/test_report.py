"""The report that is drafted from a timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from healthmgr.domain.report import Affected, Facts, Happened, Sent, Task, draft, plain

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def section(text: str, heading: str) -> str:
    return text.split(f"\n## {heading}\n\n", 1)[1].split("\n\n## ", 1)[0]


FACTS = Facts(
    number=12,
    title="Shop and 1 more",
    severity="critical",
    opened_at=START,
    now=at(90),
    resolved_at=at(62),
    assignee="carol",
    began_at=at(-7),
    alerts=(
        Affected("Shop", "critical", "503 | Service *Unavailable*", START, at(62), service="shop"),
        Affected("Cart", "high", "", at(1), at(60), service="cart", is_impact=True),
    ),
    timeline=(
        Happened(START, "opened", detail={"severity": "critical", "route": "critical"}),
        Happened(at(0), "told", "first_notification", "", {"kind": "problem", "to": ["alice over mail"]}),
        Happened(at(0.1), "sent", "accepted", "", {"recipient": "alice", "channel": "mail"}),
        Happened(at(15), "level_passed", "nobody_on_call", "", {"level": 1, "name": "L2"}),
        Happened(at(16), "acknowledged", "by_a_person", "carol", {"comment": "looking"}),
        Happened(at(62), "resolved", "all_resolved"),
    ),
    sent=(
        Sent("alice", "mail", "problem", START, at(0.5)),
        Sent("bob", "sms", "problem", at(15), None, "refused_for_good"),
    ),
    changes=((at(-9), "ci: change.record shop 2.4"),),
    roles=(("commander", "carol"),),
    tasks=(Task("Add an index", "dave"), Task("Call the vendor", is_done=True)),
    linked=("It caused incident #13 (Cart)",),
)


def test_the_lengths_are_counted_from_the_first_failure_and_from_the_alert() -> None:
    assert section(draft(FACTS), "How long it took").splitlines() == [
        "- Detection (the first failure until the alert): 7 min",
        "- Telling (the alert until the first message was accepted): 30 s",
        "- Answer (the alert until somebody had it in hand): 16 min",
        "- Repair (the alert until all of it was over): 1 h 02 min",
    ]


def test_the_summary_says_how_bad_how_long_and_what_came_first() -> None:
    said = section(draft(FACTS), "Summary")
    assert "critical. It lasted 1 h 02 min, 2026-03-02 09:00 to 10:02 UTC. It is made of 1 alert." in said
    assert r"Shop: 503 \| Service \*Unavailable\*" in said


def test_the_timeline_is_in_sentences_and_leaves_the_sending_to_its_own_section() -> None:
    text = draft(FACTS)
    lines = section(text, "Timeline").splitlines()
    assert "- 09:16:00 carol is on it: looking" in lines
    assert not any("Told alice" in line for line in lines)
    assert section(text, "Who was told what, and when").splitlines() == [
        "- 09:00:30 alice over mail: problem",
        "- 09:15:00 bob over sms: problem, not sent: refused for good",
    ]


def test_who_did_what_what_changed_and_what_is_left_to_do() -> None:
    text = draft(FACTS)
    people = section(text, "Who did what").splitlines()
    assert people == ["- Commander: carol", "- Whose it was: carol", "- carol: 09:16:00 acknowledged"]
    assert section(text, "Causes and changes").splitlines() == [
        r"- It caused incident \#13 (Cart)",
        "- 08:51:00 ci: change.record shop 2.4",
    ]
    assert section(text, "Tasks").splitlines() == ["- [ ] Add an index (dave)", "- [x] Call the vendor"]


def test_it_asks_what_it_cannot_know() -> None:
    asked = section(draft(FACTS), "Open questions")
    assert "What caused it?" in asked
    assert "Why did it take 7 min until an alert was raised?" in asked
    assert "Why could bob over sms not be reached?" in asked
    assert "Why was nobody on call at one of the levels?" in asked
    assert "Why did nobody say" not in asked


def test_of_an_incident_that_has_just_begun_nothing_is_made_up() -> None:
    text = draft(Facts(number=1, title="Shop", severity="low", opened_at=START, now=at(1)))
    assert "is not over" in section(text, "Summary")
    assert section(text, "How long it took").splitlines()[0].endswith("not known")
    assert section(text, "How long it took").splitlines()[-1].endswith("did not happen")
    assert section(text, "Who did what") == "Nobody acted on it."
    assert section(text, "Who was told what, and when") == "Nobody was told anything."
    assert "Why did nobody say that he had it in hand?" in section(text, "Open questions")


def test_nothing_that_a_check_says_becomes_markup() -> None:
    assert plain("# <img src=x>\n[a](b) `c`") == r"\# \<img src=x\> \[a\](b) \`c\`"
