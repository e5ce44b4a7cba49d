"""What pictures are drawn from: short texts that the browser turns into bars, so that little travels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from healthmgr.domain.check import Status
from healthmgr.domain.phrasing import took
from healthmgr.views_board import BeatView

_LETTERS = {Status.HEALTHY: "h", Status.DEGRADED: "d", Status.UNHEALTHY: "u", Status.UNKNOWN: "n"}


@dataclass(frozen=True, slots=True)
class Picture:
    """`text` for the browser's drawing (`hm-beats`, `hm-spark`), `words` for those who do not see it."""

    text: str
    words: str


def beats_of(beats: Sequence[BeatView]) -> Picture:
    """The results as "status letter:epoch seconds:milliseconds:seconds late", one after another."""
    text = " ".join(
        f"{_LETTERS[Status(beat.status)]}:{beat.at.timestamp():.0f}:{beat.took * 1000:.0f}:"
        f"{'' if beat.late is None else format(beat.late, '.1f')}"
        for beat in beats
    )
    if not beats:
        return Picture("", "no results yet")
    well = sum(beat.status == "healthy" for beat in beats)
    return Picture(text, f"the last {len(beats)} results: {well} healthy, {len(beats) - well} not")


def spark_of(means: Sequence[float | None]) -> Picture:
    """Mean response times, hour by hour, as whole microseconds; a dash where nothing was measured."""
    known = [mean for mean in means if mean is not None]
    if not known:
        return Picture("", "nothing measured in the last day")
    text = " ".join("-" if mean is None else format(mean * 1_000_000, ".0f") for mean in means)
    least, most = took(min(known)), took(max(known))
    return Picture(text, f"response time by the hour: {least if least == most else f'{least} to {most}'}")


def share_words(share: float | None) -> str:
    """A share in percent; what is not whole is never rounded up to it."""
    if share is None:
        return ""
    percent = math.floor(share * 10_000) / 100
    return f"{percent:.0f} %" if share == 1 else f"{percent:.2f} %"
