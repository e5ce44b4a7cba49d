"""What people are told about swaps: whoever is asked, whoever asked, and both when an answer is long in coming."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from healthmgr.domain.check import Severity
from healthmgr.domain.notice import Notice
from healthmgr.domain.notification import Reason
from healthmgr.domain.person import Person
from healthmgr.domain.roster import KeptSwap
from healthmgr.domain.swap import Stretch, SwapState
from healthmgr.services.climbing import due_over_contacts

NEAR = timedelta(days=1)
_FORM = "%A %Y-%m-%d %H:%M"


def near_at(kept: KeptSwap) -> datetime:
    """From when on a swap that nobody answered is near its shift: a day before, or half of the time that there was."""
    stretches = [kept.swap.given, *([kept.swap.taken] if kept.swap.taken else [])]
    begins_at = min(stretch.starts_at for stretch in stretches)
    return begins_at - min(NEAR, (begins_at - kept.note.created_at) / 2)


def asked(kept: KeptSwap, people: Mapping[str, Person], location: ZoneInfo, now: datetime) -> list[Notice]:
    """The question to the other person, over one contact after the other until he answers."""
    swap = kept.swap
    summary = f"{swap.proposed_by} asks whether you {_what(kept, 'take', location)}{_said(kept)} {_how(kept)}"
    title = f"{swap.proposed_by} asks you to swap shifts in {kept.schedule}"
    return _notices(kept, Reason.SWAP_ASKED, {swap.proposed_to: (title, summary)}, people, now, asks=True)


def answered(kept: KeptSwap, people: Mapping[str, Person], location: ZoneInfo, now: datetime) -> list[Notice]:
    """The answer to whoever asked; that he asks no more to the other one."""
    swap, is_withdrawn = kept.swap, kept.swap.state is SwapState.WITHDRAWN
    actor, told = (swap.proposed_by, swap.proposed_to) if is_withdrawn else (swap.proposed_to, swap.proposed_by)
    title = f"{actor} has {swap.state.value} the swap in {kept.schedule}"
    then = {
        SwapState.ACCEPTED: f"it holds: {swap.proposed_to} {_what(kept, 'takes', location)}",
        SwapState.DECLINED: f"{swap.proposed_by} stays on call {_times(swap.given, location)}.",
    }.get(swap.state, f"nothing changes, and nobody has to answer ({_times(swap.given, location)}).")
    summary = f"{title}: {then}"
    return _notices(kept, Reason.SWAP_ANSWERED, {told: (title, summary)}, people, now)


def near(kept: KeptSwap, people: Mapping[str, Person], location: ZoneInfo, now: datetime) -> list[Notice]:
    """That nobody has answered, to both; until somebody does, all stays as it is."""
    swap = kept.swap
    title = f"A swap in {kept.schedule} waits for its answer, and its shift is near"
    ask = f"{swap.proposed_by} asks whether you {_what(kept, 'take', location)} {_how(kept)}"
    say = f"{swap.proposed_to} has not said whether he {_what(kept, 'takes', location)} Until then you stay on call."
    own = _notices(kept, Reason.SWAP_NEAR, {swap.proposed_to: (title, ask)}, people, now, asks=True)
    return [*own, *_notices(kept, Reason.SWAP_NEAR, {swap.proposed_by: (title, say)}, people, now)]


def _notices(
    kept: KeptSwap,
    reason: Reason,
    told: Mapping[str, tuple[str, str]],
    people: Mapping[str, Person],
    now: datetime,
    *,
    asks: bool = False,
) -> list[Notice]:
    notices = []
    for name, (title, summary) in told.items():
        person = people.get(name)
        due_at = due_over_contacts(person, Severity.LOW, now) if person else {}
        if due_at:
            notices.append(Notice(kept.id, reason, due_at, title, summary, asks))
    return notices


def _what(kept: KeptSwap, verb: str, location: ZoneInfo) -> str:
    given = f"{verb} {_times(kept.swap.given, location)} on call in {kept.schedule}"
    back = f", for {_times(kept.swap.taken, location)}" if kept.swap.taken else ""
    return f"{given} from {kept.swap.proposed_by}{back}."


def _times(stretch: Stretch, location: ZoneInfo) -> str:
    begin, end = (at.astimezone(location).strftime(_FORM) for at in (stretch.starts_at, stretch.ends_at))
    return f"{begin} to {end} ({location.key})"


def _said(kept: KeptSwap) -> str:
    return f' "{kept.note.comment}"' if kept.note.comment else ""


def _how(kept: KeptSwap) -> str:
    return f"In a terminal: healthmgr oncall swap accept {str(kept.id)[-8:]}, or decline."
