"""Where the checks that fall are put in a picture, and the lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from healthmgr.views_blast import BlastNode, BlastView

_WIDTH, _HEIGHT = 176, 34  # of a box
_APART, _BELOW = 62, 10  # between columns, and between boxes
_EDGE = 6
_LETTERS = 22  # that find room in a box


@dataclass(frozen=True, slots=True)
class Box:
    """A check with its place; `words` are what of its name finds room."""

    check: BlastNode
    x: int
    y: int
    words: str


@dataclass(frozen=True, slots=True)
class More:
    """So many more found no room."""

    count: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Path:
    """A line, as SVG draws it; dashed where others stand in for its parent."""

    d: str
    is_dashed: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it."""

    width: int = 0
    height: int = 0
    boxes: Sequence[Box] = ()
    more: Sequence[More] = ()
    paths: Sequence[Path] = ()
    box_width: int = _WIDTH
    box_height: int = _HEIGHT


def plot(found: BlastView) -> Picture:
    """From the left, what failed, to the right, what falls last; columns are centred."""
    if not found.columns:
        return Picture()
    sizes = [len(column) + bool(left) for column, left in zip(found.columns, found.left_out, strict=True)]
    height = max(sizes) * (_HEIGHT + _BELOW) - _BELOW + 2 * _EDGE
    boxes: list[Box] = []
    more: list[More] = []
    for place, (column, left) in enumerate(zip(found.columns, found.left_out, strict=True)):
        x = _EDGE + place * (_WIDTH + _APART)
        y = (height - sizes[place] * (_HEIGHT + _BELOW) + _BELOW) // 2
        for check in column:
            boxes.append(Box(check, x, y, _short(check.name)))
            y += _HEIGHT + _BELOW
        if left:
            more.append(More(left, x, y))
    places = {box.check.slug: box for box in boxes}
    paths = [
        Path(_curve(places[line.parent], places[line.check]), bool(line.redundancy_group))
        for line in found.lines
        if line.parent in places and line.check in places
    ]
    width = 2 * _EDGE + len(found.columns) * (_WIDTH + _APART) - _APART
    return Picture(width, height, boxes, more, paths)


def _curve(parent: Box, child: Box) -> str:
    x1, y1 = parent.x + _WIDTH, parent.y + _HEIGHT // 2
    x2, y2 = child.x, child.y + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}"


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
