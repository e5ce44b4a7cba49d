from __future__ import annotations

from healthmgr.definitions.graph import find_cycles, find_too_deep


def test_a_cycle_is_printed_back_to_its_start() -> None:
    assert find_cycles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [("a", "b", "c", "a")]


def test_a_check_that_depends_on_itself_is_a_cycle() -> None:
    assert find_cycles({"a": ["a"]}) == [("a", "a")]


def test_a_diamond_is_no_cycle() -> None:
    assert find_cycles({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == []


def test_every_knot_is_found() -> None:
    assert len(find_cycles({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"]})) == 2


def test_long_chains_are_found_at_the_limit_and_cost_no_recursion() -> None:
    def chain(length: int) -> dict[str, list[str]]:
        return {f"c{n}": [f"c{n + 1}"] for n in range(length)} | {f"c{length}": []}

    assert find_too_deep(chain(256)) == []
    assert find_too_deep(chain(257)) == ["c0"]
    assert find_cycles(chain(20_000)) == []
    assert find_too_deep(chain(20_000)) == ["c19743"]
