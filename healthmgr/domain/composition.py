"""One status out of several: how many of them have to be good, and what follows when some cannot tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from healthmgr.domain.check import Status

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Need:
    """How many of the members have to be good: a share of them, or a number."""

    share: Fraction | None = None
    count: int = 1

    @classmethod
    def parse(cls, value: str | int) -> Need:
        """From all, any, a number from 1 on, or a percentage such as "60%". Raises ValueError."""
        if value == "all":
            return cls(share=Fraction(1))
        if value == "any":
            return cls(count=1)
        text = str(value).strip()
        percent = _PERCENT.fullmatch(text)
        if percent and 0 < (share := Fraction(percent[1]) / 100) <= 1:
            return cls(share=share)
        if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d{0,5}", text):
            raise ValueError(
                f"{value!r} is no number of members: write all, any, a number such as 2, or a share: '60%'"
            )
        return cls(count=int(text))

    def of(self, total: int) -> int:
        """The number that is needed of so many; a share is rounded up."""
        return self.count if self.share is None else -(-self.share.numerator * total // self.share.denominator)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What a member that is degraded, or that cannot tell, counts as."""

    degraded: Status = Status.DEGRADED
    unknown: Status = Status.UNKNOWN

    def of(self, status: Status) -> Status:
        """What this status counts as."""
        return {Status.DEGRADED: self.degraded, Status.UNKNOWN: self.unknown}.get(status, status)


@dataclass(frozen=True, slots=True)
class Composed:
    """The one status and its reason for people; `counts` is how many members, or groups, count as each status."""

    status: Status
    reason: str
    counts: Mapping[Status, int]


def compose(members: Mapping[str, Status], need: Need, treatment: Treatment | None = None) -> Composed:
    """The status of the whole.

    Healthy members and degraded ones are good. With enough good ones the whole is healthy, or degraded when
    the degraded ones are needed to make up the number. Without them it is unhealthy, unless those that cannot
    tell could make up the number: then the whole cannot tell either.
    """
    counted = {name: (treatment or Treatment()).of(status) for name, status in members.items()}
    counts = {status: list(counted.values()).count(status) for status in Status}
    needed = need.of(len(counted))
    good = counts[Status.HEALTHY] + counts[Status.DEGRADED]
    if counts[Status.HEALTHY] >= needed:
        status = Status.HEALTHY
    elif good >= needed:
        status = Status.DEGRADED
    elif good + counts[Status.UNKNOWN] >= needed:
        status = Status.UNKNOWN
    else:
        status = Status.UNHEALTHY
    reason = f"{good} of {len(counted)} are up, {needed} {'is' if needed == 1 else 'are'} needed"
    told = [f"{s.value}: {_names(names)}" for s in _WORST_FIRST if (names := [n for n, c in counted.items() if c is s])]
    return Composed(status, "; ".join([reason, *told]), counts)


def compose_groups(
    members: Mapping[str, Status],
    groups: Mapping[str, str],
    need: Need,
    within: Need,
    treatment: Treatment | None = None,
) -> Composed:
    """The status of the whole where groups of members are counted rather than members.

    `groups` says which group a member is in. Each group is composed of its own members, of which `within` have
    to be good, and the whole then of the groups, of which `need` have to be. Raises ValueError when more groups
    are needed than there are.
    """
    parts: dict[str, dict[str, Status]] = {}
    for name, status in members.items():
        parts.setdefault(groups[name], {})[name] = status
    if need.of(len(parts)) > len(parts):
        raise ValueError(f"{need.of(len(parts))} groups are needed, and there are only {len(parts)}")
    found = {}
    for group, part in parts.items():
        status = compose(part, within, treatment).status
        others = [name for name, own in part.items() if (treatment or Treatment()).of(own) is not Status.HEALTHY]
        found[group if status is Status.HEALTHY else f"{group} ({_names(others)})"] = status
    return compose(found, need)


_WORST_FIRST = (Status.UNHEALTHY, Status.UNKNOWN, Status.DEGRADED)


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
