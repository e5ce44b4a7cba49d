"""Incident command: who holds which role, when a commander is wanted, and what follows when somebody declines."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Named, TargetKind

COMMANDER = "commander"
# What a person has told by name is at this level, beyond those of every policy: neither a failure nor a success of it
# says anything of the climb.
BY_NAME = 1000

MOST_WORDS = 10_000  # characters of a status update, a task or a comment
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class CommandRule:
    """Who commands incidents of these severities, from their beginning: a person, a team's first, or who is on call."""

    commander: Named
    severities: tuple[Severity, ...] = (Severity.CRITICAL,)

    def concerns(self, severity: Severity) -> bool:
        """Whether an incident of this severity wants a commander."""
        return severity in self.severities

    @classmethod
    def parse(cls, commander: str, severities: tuple[str, ...]) -> CommandRule:
        """From what the settings say; raises ValueError."""
        named = Named.parse(commander)
        if named.kind is TargetKind.CHANNEL:
            raise ValueError("a channel commands nothing: name a person, team:NAME or schedule:NAME")
        return cls(named, tuple(Severity(severity.strip().lower()) for severity in severities))


class AfterDecline(StrEnum):
    """What follows when somebody says that he cannot take an incident."""

    NEXT_LEVEL = "next_level_at_once"
    OTHERS_ASKED = "others_of_the_level_were_asked"
    NOT_ASKED = "was_not_asked"
    IN_HAND = "somebody_else_has_it"


def after_decline(who: str, asked: Set[str], *, in_hand_of: str | None) -> AfterDecline:
    """The next level is told at once when nobody is left who may still answer at the present one.

    `asked` are those whom the present level has told, without those who declined before. Whoever has it in hand may
    give it back the same way; of somebody else's incident, a refusal is only written down.
    """
    if in_hand_of is not None:
        return AfterDecline.NEXT_LEVEL if in_hand_of == who else AfterDecline.IN_HAND
    if who not in asked:
        return AfterDecline.NOT_ASKED
    return AfterDecline.OTHERS_ASKED if asked - {who} else AfterDecline.NEXT_LEVEL


def role_name(text: str) -> str:
    """A role as it is stored: "Scribe" is scribe; raises ValueError."""
    role = "_".join(text.strip().lower().split())
    if not _ROLE.fullmatch(role):
        raise ValueError(f"{text!r} is no role: use letters, such as commander, communications or scribe")
    return role
