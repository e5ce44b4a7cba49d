"""Silences: a person's wish that some alerts be quiet for a while, and what becomes of one that is changed.

The rules are Alertmanager's (silence/silence.go: Set, canUpdate, expire): what mutes something else than before is
another silence, so that the history of who silenced what stays true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, Operator, match_all, parse_matchers
from healthmgr.errors import Conflict, DefinitionError, Problem

MOST_MATCHERS = 100
MOST_COMMENT = 10_000  # characters
MOST_AUTHOR = 200
KEPT_FOR = timedelta(days=5)  # after its end
_NAMES = ("check", "alertname")  # what an alert is called, by where it comes from
_SAYS_LITTLE = ("severity", "origin")  # what half of all alerts have in common
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAME_START = timedelta(seconds=1)  # what is sent back may have lost its fractions on the way


class SilenceState(StrEnum):
    """Where a silence is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence as it is stored. It holds from `starts_at` up to, not including, `ends_at`."""

    id: UUID
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    created_at: datetime
    updated_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)

    def state(self, now: datetime) -> SilenceState:
        """Whether it is still to come, holds, or is over."""
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts_at else SilenceState.PENDING

    def expired(self, now: datetime) -> Silence:
        """The same, over from now on; one that has not begun never does. Raises Conflict for one that is over."""
        if self.state(now) is SilenceState.EXPIRED:
            raise Conflict(f"The silence {self.id} is over already.")
        return replace(self, starts_at=min(self.starts_at, now), ends_at=now, updated_at=now)


@dataclass(frozen=True, slots=True)
class Draft:
    """The silence that somebody wants. With an `id`, that one is meant to become so.

    `starts_at` None: now, or when the one that is changed starts.
    """

    matchers: tuple[Matcher, ...]
    ends_at: datetime
    created_by: str
    comment: str
    starts_at: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    id: UUID | None = None


class Verdict(StrEnum):
    """What becomes of a draft."""

    CREATED = "created"
    CHANGED = "changed"
    REPLACED = "replaced"  # the old one is over, and this is another
    CREATED_AGAIN = "created_again"  # the old one was over before


@dataclass(frozen=True, slots=True)
class Saving:
    """What to store: `silence` in any case, and the old one that is over because of it."""

    verdict: Verdict
    silence: Silence
    over: Silence | None = None


def decide(draft: Draft, stored: Silence | None, new_id: UUID, now: datetime) -> Saving:
    """What a draft makes of the silence that it means (None: of none). `new_id` is taken where another one is needed.

    Raises DefinitionError naming all that is wrong with the draft.
    """
    wanted = _to_silence(draft, stored, new_id, now)
    problems = list(_problems(wanted, now))
    if problems:
        raise DefinitionError(problems)
    if stored is None:
        return Saving(Verdict.CREATED, wanted)
    if _can_become(stored, wanted, now):
        starts_at = stored.starts_at if stored.state(now) is SilenceState.ACTIVE else wanted.starts_at
        changed = replace(wanted, id=stored.id, starts_at=starts_at, created_at=stored.created_at)
        return Saving(Verdict.CHANGED, changed)
    wanted = replace(wanted, starts_at=max(wanted.starts_at, now))
    if stored.state(now) is SilenceState.EXPIRED:
        return Saving(Verdict.CREATED_AGAIN, wanted)
    return Saving(Verdict.REPLACED, wanted, stored.expired(now))


def order(silences: Sequence[Silence], now: datetime) -> list[Silence]:
    """As people look for them: those that hold, the next to end first; then those to come; then what is over."""
    return sorted(silences, key=lambda one: place(one, now))


def place(silence: Silence, now: datetime) -> tuple[int, int, str]:
    """Where a silence stands among others at this instant: the least comes first."""
    match silence.state(now):
        case SilenceState.ACTIVE:
            return 0, _microseconds(silence.ends_at), str(silence.id)
        case SilenceState.PENDING:
            return 1, _microseconds(silence.starts_at), str(silence.id)
        case SilenceState.EXPIRED:
            return 2, -_microseconds(silence.ends_at), str(silence.id)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def mentions(silence: Silence, wanted: Sequence[Matcher]) -> bool:
    """Whether what it matches meets these demands, as Alertmanager filters silences: by names and values as written."""
    return match_all(wanted, {matcher.name: matcher.value for matcher in silence.matchers})


def for_incident(number: int, labels: Mapping[str, str], alerts: Sequence[Mapping[str, str]]) -> tuple[Matcher, ...]:
    """What mutes an incident and the alerts that may still join it, but nothing that is worse than it is now.

    `labels` are those that it is grouped by, `alerts` the labels of its open alerts, severity among them. An incident
    that is grouped by nothing is matched by what its alerts have in common, or else by their names.
    Raises Conflict where they have neither.
    """
    common = {name: value for name, value in labels.items() if value and name != "severity"} or _in_common(alerts)
    if common:
        equal = (Matcher(name, Operator.EQUAL, value) for name, value in sorted(common.items()))
        return (*equal, *_no_worse(alerts))
    for name in _NAMES:
        values = sorted({alert.get(name, "") for alert in alerts})
        if values and values[0]:
            return Matcher(name, Operator.REGEX, "|".join(re.escape(value) for value in values)), *_no_worse(alerts)
    raise Conflict(f"The alerts of incident #{number} have no label in common: silence them by matchers of your own.")


def _no_worse(alerts: Sequence[Mapping[str, str]]) -> Iterator[Matcher]:
    """Up to the worst severity of these; nothing where that is the worst there is."""
    known = list(Severity)
    place = min((known.index(Severity(alert["severity"])) for alert in alerts), default=0)
    if place:
        yield Matcher("severity", Operator.REGEX, "|".join(known[place:]))


def _in_common(alerts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not alerts:
        return {}
    shared = set.intersection(*(set(alert.items()) for alert in alerts))
    return {name: value for name, value in shared if value and name not in _SAYS_LITTLE}


def _to_silence(draft: Draft, stored: Silence | None, new_id: UUID, now: datetime) -> Silence:
    starts_at = max(draft.starts_at or now, now) if stored is None else draft.starts_at or stored.starts_at
    return Silence(
        id=new_id,
        matchers=draft.matchers,
        starts_at=starts_at,
        ends_at=draft.ends_at,
        created_by=draft.created_by.strip(),
        comment=draft.comment.strip(),
        created_at=now,
        updated_at=now,
        annotations=dict(draft.annotations),
    )


def _can_become(stored: Silence, wanted: Silence, now: datetime) -> bool:
    if set(stored.matchers) != set(wanted.matchers):
        return False
    match stored.state(now):
        case SilenceState.ACTIVE:
            return abs(wanted.starts_at - stored.starts_at) < _SAME_START
        case SilenceState.PENDING:
            return wanted.starts_at >= now
        case SilenceState.EXPIRED:
            return False


def _problems(silence: Silence, now: datetime) -> Iterator[Problem]:
    yield from matcher_problems(silence.matchers)
    if silence.ends_at <= now:
        yield Problem("a silence cannot end in the past: expire it to end it now", path="ends_at")
    elif silence.ends_at <= silence.starts_at:
        yield Problem("a silence has to end after it starts", path="ends_at")
    yield from text_problems("created_by", silence.created_by, MOST_AUTHOR, "who wants it")
    yield from text_problems("comment", silence.comment, MOST_COMMENT, "why, for those who wonder about the quiet")
    for name, value in silence.annotations.items():
        if not (_can_be_kept(name) and _can_be_kept(value)):
            yield Problem("holds what is no text", path="annotations")


def read_matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """The matchers that people wrote, one or more in each text. Raises DefinitionError naming all that is wrong."""
    found: list[Matcher] = []
    problems = []
    for written in texts:
        try:
            found += parse_matchers(written)
        except ValueError as error:
            problems.append(Problem(str(error), path="matchers"))
    if problems:
        raise DefinitionError(problems)
    return tuple(dict.fromkeys(found))


def matcher_problems(matchers: Sequence[Matcher]) -> Iterator[Problem]:
    """What is wrong with matchers that say what shall be quiet: what matches an alert without labels matches all."""
    if len(matchers) > MOST_MATCHERS:
        yield Problem(f"{len(matchers)} matchers are too many: {MOST_MATCHERS} are allowed", path="matchers")
    if all(matcher.matches_empty() for matcher in matchers):
        yield Problem("these would mute everything: write at least one that an empty label does not match, "
                      "such as service=shop", path="matchers")  # fmt: skip


def text_problems(path: str, text: str, most: int, meaning: str) -> Iterator[Problem]:
    """What is wrong with a text that has to be there; `meaning` is what it should say."""
    if not text:
        yield Problem(f"is missing: say {meaning}", path=path)
    elif len(text) > most:
        yield Problem(f"has {len(text)} characters: {most} are allowed", path=path)
    elif not _can_be_kept(text):
        yield Problem("holds what is no text", path=path)


def _can_be_kept(text: str) -> bool:
    """Whether it can be stored: neither NUL nor half a character."""
    return "\0" not in text and text.encode("utf-8", "replace").decode() == text
