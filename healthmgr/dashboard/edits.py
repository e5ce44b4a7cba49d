"""What has changed between two texts of HTML, so that little travels where much stays as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

# The browser (pieces.js) takes texts apart in the same way: edits count these parts, not characters, which the two
# sides count differently.
_PARTS = re.compile(r"[^ \n<>\"]*[ \n<>\"]|[^ \n<>\"]+$")
_FARTHEST = 16  # parts of both texts together that are looked through for where they meet again

Edits = list[int | str]


def edits(old: str, new: str) -> Edits:
    """How `new` is made of `old`: the number of parts of `old`, then threes of parts kept, parts left out, text put in.

    What comes after the last three is kept.
    """
    before, after = _PARTS.findall(old), _PARTS.findall(new)
    made: Edits = [len(before)]
    ends = _common_end(before, after)
    at, to, kept = 0, 0, 0
    while at < len(before) - ends or to < len(after) - ends:
        if at < len(before) - ends and to < len(after) - ends and before[at] == after[to]:
            at, to, kept = at + 1, to + 1, kept + 1
            continue
        left_out, put_in = _until_they_meet(before[at : len(before) - ends], after[to : len(after) - ends])
        made += [kept, left_out, "".join(after[to : to + put_in])]
        at, to, kept = at + left_out, to + put_in, 0
    return made


def _common_end(before: Sequence[str], after: Sequence[str]) -> int:
    most = min(len(before), len(after))
    return next((n for n in range(most) if before[-1 - n] != after[-1 - n]), most)


def _until_they_meet(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many parts of each come before they go on alike; all of them where that is too far away to look for."""
    for far in range(1, _FARTHEST + 1):
        for left_out in range(far, -1, -1):
            put_in = far - left_out
            if left_out < len(before) and put_in < len(after) and before[left_out] == after[put_in]:
                return left_out, put_in
    return len(before), len(after)


class Sheet:
    """Pieces of HTML in their order, each with a key; many who are shown the same share one.

    What takes those who were shown another sheet to this one is put together for the first of them.
    """

    def __init__(self, pieces: Iterable[tuple[str, str]] = ()) -> None:
        self.pieces = dict(pieces)
        self._since: WeakKeyDictionary[Sheet, str] = WeakKeyDictionary()

    def since(self, shown: Sheet) -> str:
        """The arguments of the browser's `show` as JSON; "" where both sheets are alike.

        They are the keys in their order (null: as before), and for each piece that is not as before its key and either
        its HTML or its edits.
        """
        found = self._since.get(shown)
        if found is None:
            found = self._since[shown] = self._put_together(shown.pieces)
        return found

    def _put_together(self, before: dict[str, str]) -> str:
        is_in_order = list(before) == list(self.pieces)
        changed = [
            (key, _shorter(before.get(key, ""), html)) for key, html in self.pieces.items() if before.get(key) != html
        ]
        if is_in_order and not changed:
            return ""
        order = None if is_in_order else list(self.pieces)
        return json.dumps([order, changed], ensure_ascii=False, separators=(",", ":"))


def _shorter(old: str, new: str) -> str | Edits:
    if not old:
        return new
    made = edits(old, new)
    inserted = sum(len(part) for part in made if isinstance(part, str))
    return made if inserted + 8 * len(made) < len(new) else new
