"""The shape in which what falls with an incident's checks is read, to be drawn."""

from __future__ import annotations

from healthmgr.views import View


class BlastNode(View):
    """A check in the picture of what falls."""

    slug: str
    name: str
    is_paused: bool
    status: str


class BlastLine(View):
    """A check hangs on its parent; those of one redundancy group stand in for each other."""

    parent: str
    check: str
    redundancy_group: str


class BlastView(View):
    """What falls, in columns: what failed, what is one step away, and so on; `left_out` found no room in its column."""

    columns: list[list[BlastNode]]
    left_out: list[int]
    lines: list[BlastLine]
