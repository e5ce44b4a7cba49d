"""When what the auditor found, or that it finds nothing any more, is told to the emergency channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from healthmgr.domain.phrasing import lasted

# What the sweep and the auditor cannot repair in this time needs a person.
UNREPAIRED_AFTER = timedelta(minutes=2)
# The auditor looks every 15 s; when it does not, beats run and nothing consumes its queue.
AUDITED_WITHIN = timedelta(minutes=2)
ALARMED_AGAIN_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Audited:
    """The last look of the auditor; `since` is from when on it has found something, without a break."""

    at: datetime
    findings: Sequence[str] = ()
    since: datetime | None = None


def found_since(before: Audited | None, findings: Sequence[str], now: datetime) -> datetime | None:
    """From when on something has been found, with this look; None when nothing was."""
    if not findings:
        return None
    return before.since if before is not None and before.since is not None else now


def alarm_text(audited: Audited | None, now: datetime) -> str | None:
    """What a person has to be told; None while there is nothing, or the repairs still have their time.

    Before the auditor has looked for the first time, nothing is known and nothing told.
    """
    if audited is None:
        return None
    if now - audited.at > AUDITED_WITHIN:
        return f"the auditor has not looked for lost work for {lasted(now - audited.at)}: see `healthmgr doctor`"
    if audited.since is not None and now - audited.since >= UNREPAIRED_AFTER:
        return f"for {lasted(now - audited.since)}: {'; '.join(audited.findings)}"
    return None
