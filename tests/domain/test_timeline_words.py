"""A timeline in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from healthmgr.domain.escalation import Passed
from healthmgr.domain.notification import Reason
from healthmgr.domain.timeline import EntryKind
from healthmgr.domain.timeline_words import because, sentence

TO = ["alice over mail", "bob over phone"]
SENTENCES = [
    ("opened", "", "", {"severity": "high", "route": "default/web"}, "Opened as high, by the route default/web"),
    ("opened", "", "", {}, "Opened"),
    ("reopened", "broken_again", "", {}, "Opened again, because it is broken again"),
    ("reopened", "by_a_person", "bob", {"alerts": ["shop"], "comment": "no"}, "bob opened shop again: no"),
    ("alerts_joined", "", "", {"alerts": ["a", "b"], "count": 30}, "Broken: a, b and 28 more"),
    ("alerts_joined", "", "", {"alerts": list("abcdefg"), "count": 7}, "Broken: a, b, c, d, e and 2 more"),
    ("alerts_resolved", "", "", {"alerts": ["a"], "count": 1}, "Over: a"),
    ("alerts_resolved", "by_a_person", "bob", {"alerts": ["a"]}, "bob closed a by hand"),
    ("alerts_resolved", "by_a_person", "bob", {"comment": "gone"}, "bob closed all of it by hand: gone"),
    (
        "told",
        "first_notification",
        "",
        {"kind": "problem", "to": TO},
        "To be told of the problem: alice over mail and bob over phone, because it is new",
    ),
    ("told", "all_resolved", "", {"kind": "resolution", "to": TO[:1]}, "To be told that it is over: alice over mail"),
    (
        "told",
        "acknowledged",
        "bob",
        {"kind": "acknowledgement", "to": ["chat over chat"]},
        "To be told that it is in hand by bob: chat over chat",
    ),
    ("not_told", "in_maintenance", "", {}, "Nobody was told, because it is in maintenance"),
    (
        "not_told",
        "too_many_messages",
        "",
        {"recipient": "alice", "channel": "mail"},
        "alice over mail is not told yet, because there are too many messages at once; it goes into a digest",
    ),
    (
        "sent",
        "accepted",
        "",
        {"recipient": "alice", "channel": "mail", "detail": "250 OK", "attempt": 3},
        "Told alice over mail at attempt 3 (250 OK)",
    ),
    (
        "not_sent",
        "refused_for_good",
        "",
        {"recipient": "alice", "channel": "mail", "detail": "550 no such user"},
        "alice over mail was not reached, because it was refused for good (550 no such user)",
    ),
    (
        "fell_back",
        "earlier_channel_failed",
        "",
        {"from": TO[0], "to": TO[1:]},
        "In place of alice over mail: bob over phone",
    ),
    (
        "level_passed",
        "nobody_on_call",
        "",
        {"level": 0, "name": "L1"},
        "Level 1 (L1) was passed, because nobody is on call for it",
    ),
    (
        "exhausted",
        "policy_exhausted",
        "",
        {"policy": "night"},
        "Every level of the policy night was told: the people of the default route are told",
    ),
    (
        "acknowledged",
        "by_a_person",
        "bob",
        {"until": "2026-03-01T12:00:00+00:00", "comment": "on it"},
        "bob is on it until 2026-03-01 12:00 UTC: on it",
    ),
    ("acknowledged", "by_a_person", "bob", {"alerts": ["shop"], "comment": ""}, "bob is on it for shop"),
    ("acknowledged", "nobody_answered", "healthmgr", {}, "Paused by itself, because nobody answered for so long"),
    ("unacknowledged", "by_a_person", "bob", {}, "bob took the acknowledgement back"),
    ("unacknowledged", "snooze_ended", "", {}, "Nobody is on it any more, because the snooze is over"),
    (
        "snoozed",
        "by_a_person",
        "bob",
        {"until": "2026-03-01T12:00:00+00:00"},
        "bob snoozed it until 2026-03-01 12:00 UTC",
    ),
    (
        "muted",
        "silenced",
        "bob",
        {"alerts": ["shop"], "count": 1, "until": "2026-03-01T12:00:00+00:00", "comment": "known"},
        "shop: silenced by bob until 2026-03-01 12:00 UTC: known",
    ),
    ("unmuted", "in_maintenance", "", {"alerts": ["shop"], "count": 1}, "shop: not in maintenance any more"),
    ("assigned", "by_a_person", "bob", {"person": "alice"}, "bob gave it to alice"),
    ("assigned", "by_a_person", "bob", {"person": None}, "bob took it from whoever had it"),
    ("commented", "", "bob", {"comment": "the pool is full"}, "bob said: the pool is full"),
    ("resolved", "all_resolved", "", {}, "Resolved"),
    ("resolved", "nothing_was_told", "", {}, "Resolved, because nobody had been told of it"),
]


@pytest.mark.parametrize(("kind", "reason", "actor", "detail", "said"), SENTENCES)
def test_an_entry_is_told_in_a_sentence(kind: str, reason: str, actor: str, detail: dict[str, Any], said: str) -> None:
    assert sentence(kind, reason, actor, detail) == said


@pytest.mark.parametrize("kind", list(EntryKind))
def test_every_kind_of_entry_has_a_sentence_even_without_any_detail(kind: EntryKind) -> None:
    said = sentence(kind.value, "", "bob", {})
    assert said
    assert "None" not in said
    assert "_" not in said


@pytest.mark.parametrize("reason", [*Reason, *Passed])
def test_every_reason_has_words_of_its_own(reason: Reason | Passed) -> None:
    if reason != Reason.NOT_MINE:  # never told to anybody
        assert " " in because(reason)
        assert because(reason) != reason.value.replace("_", " ") or reason in (Reason.ESCALATED, Reason.ALERTING_OFF)


def test_what_has_no_words_yet_is_named_as_it_is() -> None:
    assert sentence("eaten_by_a_bear", "it_was_hungry", "bob", {}) == "Eaten by a bear by bob, because it was hungry"
