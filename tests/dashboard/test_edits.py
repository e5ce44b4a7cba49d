"""What travels to a page that is open: what has changed, and nothing else."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from healthmgr.dashboard.edits import Edits, Sheet, edits

HTML = st.lists(st.sampled_from(['<a href="/x">', "one ", "two ", "three", "\n", '"', "<", "é😀 ", ""])).map("".join)
BEATS = [f"h:{1_795_000_000 + 60 * number}:24:0.1" for number in range(60)]


def line_of(first: int, took: str) -> str:
    """A line as the board has it, its row of results beginning with this one."""
    data = " ".join(BEATS[first : first + 50])
    return f'<article class="line">\n  <hm-beats data="{data}" role="img"></hm-beats>\n  <b>{took} ms</b>\n</article>\n'


def edited(old: str, made: Edits) -> str:
    """What pieces.js does."""
    parts = re.findall(r"[^ \n<>\"]*[ \n<>\"]|[^ \n<>\"]+$", old)
    assert made[0] == len(parts)
    at, new = 0, ""
    for kept, left_out, put_in in zip(made[1::3], made[2::3], made[3::3], strict=True):
        assert isinstance(kept, int)
        assert isinstance(left_out, int)
        assert isinstance(put_in, str)
        new += "".join(parts[at : at + kept]) + put_in
        at += kept + left_out
    return new + "".join(parts[at:])


@given(HTML, HTML)
def test_edits_make_the_new_text_of_the_old_one(old: str, new: str) -> None:
    assert edited(old, edits(old, new)) == new


def test_two_more_results_in_a_line_of_fifty_take_little() -> None:
    old, new = line_of(0, "24.1"), line_of(2, "31")
    made = edits(old, new)
    assert edited(old, made) == new
    assert len(json.dumps(made)) < 140 < len(new) / 7


def test_a_sheet_tells_only_what_is_not_as_before() -> None:
    before = Sheet([("a", "<p>one two three four five six seven eight</p>"), ("b", "<p>kept</p>")])
    after = Sheet([("a", "<p>one two three four five six seven nine</p>"), ("b", "<p>kept</p>")])
    assert json.loads(after.since(before)) == [None, [["a", [11, 9, 1, "nine<"]]]]
    assert Sheet(after.pieces.items()).since(after) == ""
    assert json.loads(Sheet([("b", "<p>kept</p>"), ("c", "<p>new</p>")]).since(after)) == [
        ["b", "c"],
        [["c", "<p>new</p>"]],
    ]


def test_what_changed_is_put_together_once_for_all_who_were_shown_the_same() -> None:
    before, after = Sheet([("a", "<p>one</p>")]), Sheet([("a", "<p>two</p>")])
    assert after.since(before) is after.since(before)
