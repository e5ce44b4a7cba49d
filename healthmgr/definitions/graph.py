"""Who hangs on whom: cycles, and chains that are too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from healthmgr.domain.dependency import MAX_DEPTH


def find_cycles(parents: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Cycles, each from its first name back to it ("a", "b", "a"): at least one for every knot there is."""
    cycles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in parents:
        if start in done:
            continue
        trail: list[str] = [start]
        positions = {start: 0}
        ahead = [iter(parents[start])]
        while ahead:
            parent = next(ahead[-1], None)
            if parent is None:
                ahead.pop()
                name = trail.pop()
                del positions[name]
                done.add(name)
            elif parent in positions:
                cycles.append((*trail[positions[parent] :], parent))
            elif parent in parents and parent not in done:
                positions[parent] = len(trail)
                trail.append(parent)
                ahead.append(iter(parents[parent]))
    return cycles


def find_too_deep(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """The names at which a chain of parents first exceeds the limit. There must be no cycle."""
    heights: dict[str, int] = {}
    waiting = list(parents)
    while waiting:
        name = waiting[-1]
        above = [parent for parent in parents[name] if parent in parents]
        unknown = [parent for parent in above if parent not in heights]
        if unknown:
            waiting.extend(unknown)
        else:
            heights[name] = 1 + max((heights[parent] for parent in above), default=-1)
            waiting.pop()
    return [name for name, height in heights.items() if height == MAX_DEPTH + 1]
