"""What pictures are drawn from: short texts that the browser turns into bars, so that little travels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from healthmgr.domain.check import Status
from healthmgr.views_board import BeatView

_LETTERS = {Status.HEALTHY: "h", Status.DEGRADED: "d", Status.UNHEALTHY: "u", Status.UNKNOWN: "n"}


@dataclass(frozen=True, slots=True)
class Beats:
    """A row of results for the browser's `hm-beats`: `text` for the drawing, `words` for those who do not see it."""

    text: str
    words: str


def beats_of(beats: Sequence[BeatView]) -> Beats:
    """The results as "status letter:epoch seconds:milliseconds:seconds late", one after another."""
    text = " ".join(
        f"{_LETTERS[Status(beat.status)]}:{beat.at.timestamp():.0f}:{beat.took * 1000:.0f}:"
        f"{'' if beat.late is None else format(beat.late, '.1f')}"
        for beat in beats
    )
    if not beats:
        return Beats("", "no results yet")
    well = sum(beat.status == "healthy" for beat in beats)
    return Beats(text, f"the last {len(beats)} results: {well} healthy, {len(beats) - well} not")
