"""A timeline in sentences, the same on every screen: what happened, who did it, and why somebody was not told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.phrasing import absolute, listing
from healthmgr.domain.timeline import EntryKind
from healthmgr.domain.timeline_command_words import COMMAND_SENTENCES
from healthmgr.domain.timeline_recovery_words import RECOVERY_SENTENCES

_MOST_NAMED = 5
_BY_A_PERSON = "by_a_person"

_REASONS: Mapping[str, str] = {
    Reason.FIRST: "it is new",
    Reason.REOPENED: "it is broken again",
    Reason.NEW_ALERTS: "more alerts have joined",
    Reason.SEVERITY_ROSE: "its severity rose",
    Reason.WORSENED: "it became worse",
    Reason.FLAPPING_STARTED: "it began to flap",
    Reason.FLAPPING_ENDED: "it has stopped flapping",
    Reason.SOME_RESOLVED: "a part of it is over",
    Reason.ALL_RESOLVED: "all of it is over",
    Reason.REPEAT: "nobody has answered since they were told",
    Reason.ESCALATED: "nobody answered the level before",
    Reason.FIRST_LEVEL_WAITS: "the first level of its policy waits for its time",
    Reason.FIRST_LEVEL_DUE: "nobody has answered by the time of the first level",
    Reason.ESCALATED_BY_HAND: "somebody asked for the next level",
    Reason.DECLINED: "nobody at the level before can take it",
    Reason.ASKED: "somebody asked for them by name",
    Reason.ASSIGNED: "it is theirs now",
    Reason.HANDED_OVER: "it was handed over",
    Reason.ROLE_GIVEN: "a role was given",
    Reason.STATUS_UPDATE: "they asked to hear how it stands",
    Reason.RECOVERY_FAILED: "a runbook did not mend it",
    Reason.APPROVAL_ASKED: "a runbook asks whether it may go on",
    Reason.TOLD_BY_RUNBOOK: "a runbook tells them",
    Reason.SWAP_ASKED: "somebody asks to swap shifts",
    Reason.SWAP_ANSWERED: "the swap of shifts that was asked for is answered",
    Reason.SWAP_NEAR: "a swap waits for its answer and its shift is near",
    Reason.TOLD_ELSEWHERE: "another contact of the same person took it",
    Reason.MERGED: "it went into another incident",
    Reason.FALLBACK: "an earlier channel failed",
    Reason.NOBODY_REACHED: "nobody was reached so far",
    Reason.NOTHING_TOLD: "nobody had been told of it",
    Reason.UNCHANGED: "there is nothing new",
    Reason.ACKNOWLEDGED: "somebody is on it",
    Reason.ACKNOWLEDGEMENT_LAPSED: "the acknowledgement's time is over",
    Reason.UNACKNOWLEDGED: "the acknowledgement was taken back",
    Reason.SNOOZED: "it is snoozed",
    Reason.SNOOZE_ENDED: "the snooze is over",
    Reason.RESOLVED: "it is over",
    Reason.SILENCED: "it is silenced",
    Reason.IN_MAINTENANCE: "it is in maintenance",
    Reason.INHIBITED: "another alert that fires inhibits it",
    Reason.OUTSIDE_HOURS: "its route is quiet at this hour",
    Reason.GROUP_INTERVAL: "they were told a moment ago; news waits for the group interval",
    Reason.BUNDLED: "there are too many messages at once; it goes into a digest",
    Reason.DIGEST: "a digest told of it",
    Reason.ALERTING_OFF: "alerting is switched off",
    Reason.UNREACHABLE: "what it depends on is down",
    Reason.PARENT_WAVERS: "what it depends on may be down; that is awaited",
    Reason.ROOT_JUST_RESOLVED: "its cause has just ended; a fresh result is awaited",
    Reason.TOO_EARLY: "it is not due yet",
    Reason.WAITS_ITS_TURN: "an earlier message to the same address is under way",
    Reason.REFUSED: "it was refused for good",
    Reason.GAVE_UP: "it was tried for too long",
    "accepted": "it was accepted",
    "retry": "it is tried again",
    "unknown": "nobody knows whether it arrived; it is tried again",
    "reported_undelivered": "the provider took it, and reports that it did not arrive",
    "nobody_answered": "nobody answered for so long",
    "nobody_on_call": "nobody is on call for it",
    "not_for_this_severity": "it is not for this severity",
    "not_at_this_time": "it is not for this hour",
    "too_few_alerts": "too few alerts fire",
    "nobody_has_a_contact": "nobody at it can be reached over its channels",
}

_TOLD: Mapping[str, str] = {
    MessageKind.PROBLEM: " of the problem",
    MessageKind.UPDATE: " what is new",
    MessageKind.RESOLUTION: " that it is over",
    MessageKind.ACKNOWLEDGEMENT: " that it is in hand",
    MessageKind.DIGEST: " in a digest",
}

Detail = Mapping[str, Any]


def because(reason: str) -> str:
    """A named reason in words, to stand behind "because"; one without words of its own as it is named."""
    return _REASONS.get(reason, reason.replace("_", " "))


def sentence(kind: str, reason: str, actor: str, detail: Detail) -> str:
    """One line of a timeline as a sentence without a full stop; a kind without words of its own is named."""
    speak = _SENTENCES.get(kind)
    return speak(reason, actor, detail) if speak else _plain(kind, reason, actor)


def _plain(kind: str, reason: str, actor: str) -> str:
    said = kind.replace("_", " ").capitalize()
    by = f" by {actor}" if actor else ""
    return f"{said}{by}{_why(reason)}"


def _opened(_reason: str, _actor: str, detail: Detail) -> str:
    severity, route = detail.get("severity"), detail.get("route")
    return "Opened" + (f" as {severity}" if severity else "") + (f", by the route {route}" if route else "")


def _reopened(reason: str, actor: str, detail: Detail) -> str:
    if reason == _BY_A_PERSON:
        return f"{actor} opened {_alerts(detail) or 'it'} again{_comment(detail)}"
    return f"Opened again{_why(reason)}"


def _joined(_reason: str, _actor: str, detail: Detail) -> str:
    return f"Broken: {_alerts(detail)}"


def _over(reason: str, actor: str, detail: Detail) -> str:
    if reason == _BY_A_PERSON:
        return f"{actor} closed {_alerts(detail) or 'all of it'} by hand{_comment(detail)}"
    if reason == "resolved_by_itself":
        return "What is no longer bad was closed by itself, as its time was over"
    return f"Over: {_alerts(detail)}"


def _told(reason: str, actor: str, detail: Detail) -> str:
    what = _TOLD.get(str(detail.get("kind")), "")
    by = f" by {actor}" if actor and detail.get("kind") == MessageKind.ACKNOWLEDGEMENT else ""
    why = "" if by or reason == Reason.ALL_RESOLVED else _why(reason)
    return f"To be told{what}{by}: {listing([*detail.get('to', ())], _MOST_NAMED)}{why}"


def _not_told(reason: str, _actor: str, detail: Detail) -> str:
    who = _over_channel(detail)
    return f"{who} is not told yet{_why(reason)}" if who else f"Nobody was told{_why(reason)}"


def _sent(_reason: str, _actor: str, detail: Detail) -> str:
    attempt, said = detail.get("attempt", 1), detail.get("detail")
    tries = f" at attempt {attempt}" if attempt > 1 else ""
    return f"Told {_over_channel(detail)}{tries}" + (f" ({said})" if said else "")


def _not_sent(reason: str, _actor: str, detail: Detail) -> str:
    said = detail.get("detail")
    return f"{_over_channel(detail)} was not reached{_why(reason)}" + (f" ({said})" if said else "")


def _fell_back(_reason: str, _actor: str, detail: Detail) -> str:
    to = listing([*detail.get("to", ())], _MOST_NAMED)
    return f"In place of {detail.get('from', 'a channel that failed')}: {to}"


def _passed(reason: str, _actor: str, detail: Detail) -> str:
    return f"{_level(detail)} was passed{_why(reason)}"


def _exhausted(_reason: str, _actor: str, detail: Detail) -> str:
    return f"Every level of the policy {detail.get('policy', '')} was told: the people of the default route are told"


def _escalated(reason: str, actor: str, detail: Detail) -> str:
    by = f" by {actor}" if actor else ""
    level = _level(detail)
    return f"Escalated to {level[0].lower()}{level[1:]}{by}{_why(reason)}{_comment(detail)}"


def _acknowledged(reason: str, actor: str, detail: Detail) -> str:
    if reason == "nobody_answered":
        return f"Paused by itself{_until(detail)}{_why(reason)}"
    of = f" for {_alerts(detail)}" if detail.get("alerts") else ""
    return f"{actor} is on it{of}{_until(detail)}{_comment(detail)}"


def _unacknowledged(reason: str, actor: str, detail: Detail) -> str:
    if reason == _BY_A_PERSON:
        of = f" of {_alerts(detail)}" if detail.get("alerts") else ""
        return f"{actor} took the acknowledgement{of} back{_comment(detail)}"
    return f"Nobody is on it any more{_why(reason)}"


def _snoozed(_reason: str, actor: str, detail: Detail) -> str:
    return f"{actor} snoozed it{_until(detail)}{_comment(detail)}"


def _muted(reason: str, actor: str, detail: Detail) -> str:
    how = "in maintenance" if reason == Reason.IN_MAINTENANCE else "silenced"
    by = f" by {actor}" if actor else ""
    return f"{_alerts(detail) or 'It'}: {how}{by}{_until(detail)}{_comment(detail)}"


def _unmuted(reason: str, actor: str, detail: Detail) -> str:
    how = "in maintenance" if reason == Reason.IN_MAINTENANCE else "silenced"
    by = f", by {actor}" if actor else ""
    return f"{_alerts(detail) or 'It'}: not {how} any more{by}"


def _assigned(_reason: str, actor: str, detail: Detail) -> str:
    person = detail.get("person")
    done = f"gave it to {person}" if person else "took it from whoever had it"
    return f"{actor} {done}{_comment(detail)}"


def _commented(_reason: str, actor: str, detail: Detail) -> str:
    return f"{actor} said: {detail.get('comment', '')}"


def _resolved(reason: str, actor: str, detail: Detail) -> str:
    by = f" by {actor}" if actor else ""
    return f"Resolved{by}{'' if reason == Reason.ALL_RESOLVED else _why(reason)}{_comment(detail)}"


_SENTENCES: Mapping[str, Callable[[str, str, Detail], str]] = {
    EntryKind.OPENED: _opened,
    EntryKind.REOPENED: _reopened,
    EntryKind.ALERTS_JOINED: _joined,
    EntryKind.ALERTS_RESOLVED: _over,
    EntryKind.TOLD: _told,
    EntryKind.NOT_TOLD: _not_told,
    EntryKind.SENT: _sent,
    EntryKind.NOT_SENT: _not_sent,
    EntryKind.FELL_BACK: _fell_back,
    EntryKind.LEVEL_PASSED: _passed,
    EntryKind.EXHAUSTED: _exhausted,
    EntryKind.ESCALATED: _escalated,
    EntryKind.ACKNOWLEDGED: _acknowledged,
    EntryKind.UNACKNOWLEDGED: _unacknowledged,
    EntryKind.SNOOZED: _snoozed,
    EntryKind.MUTED: _muted,
    EntryKind.UNMUTED: _unmuted,
    EntryKind.ASSIGNED: _assigned,
    EntryKind.COMMENTED: _commented,
    EntryKind.RESOLVED: _resolved,
    **COMMAND_SENTENCES,
    **RECOVERY_SENTENCES,
}


def _why(reason: str) -> str:
    return f", because {because(reason)}" if reason and reason != _BY_A_PERSON else ""


def _alerts(detail: Detail) -> str:
    names = [str(name) for name in detail.get("alerts", ())]
    hidden = max(0, int(detail.get("count", 0)) - len(names))
    return listing([*names, *[""] * hidden], min(len(names), _MOST_NAMED))


def _over_channel(detail: Detail) -> str:
    recipient, channel = detail.get("recipient"), detail.get("channel")
    return f"{recipient} over {channel}" if recipient else ""


def _level(detail: Detail) -> str:
    number, name = detail.get("level"), detail.get("name")
    numbered = f"Level {number + 1}" if isinstance(number, int) else "The next level"
    return f"{numbered} ({name})" if name else numbered


def _comment(detail: Detail) -> str:
    comment = str(detail.get("comment") or "").strip()
    return f": {comment}" if comment else ""


def _until(detail: Detail) -> str:
    until = detail.get("until")
    return f" until {absolute(datetime.fromisoformat(until))}" if until else ""
