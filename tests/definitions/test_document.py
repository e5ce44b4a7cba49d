from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.definitions.document import MAX_BYTES, parse_document, read_document
from healthmgr.errors import DefinitionError


def refusal(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        parse_document(text, "f.yaml")
    return str(caught.value)


def test_values_are_plain_and_have_their_lines() -> None:
    document = parse_document("version: 1\nchecks:\n  a:\n    n: [1, 2.5, ~, true]\n    t: x\n", "f.yaml")
    assert document.root.data == {"version": 1, "checks": {"a": {"n": [1, 2.5, None, True], "t": "x"}}}
    assert document.line_of(("checks", "a", "t")) == 5
    assert document.line_of(("checks", "a", "n", 3)) == 4
    assert document.line_of(("checks", "a", "missing")) == 3


def test_words_and_dates_stay_text() -> None:
    document = parse_document("a: [yes, off, 2026-01-01, 12:30, 0644, '5']", "f.yaml")
    assert document.root.data["a"] == ["yes", "off", "2026-01-01", "12:30", "0644", "5"]


def test_anchors_and_merges_are_followed() -> None:
    document = parse_document("b: &b {i: 10s, k: x}\nc: {<<: *b, k: y}\nd: *b\n", "f.yaml")
    assert document.root.data["c"] == {"i": "10s", "k": "y"}
    assert document.root.data["d"] == {"i": "10s", "k": "x"}
    assert document.line_of(("c", "i")) == 1


def test_a_duplicate_key_is_said_with_both_lines_and_its_path() -> None:
    (problem,) = parse_document("checks:\n  a:\n    k: 1\n    k: 2\n", "f.yaml").problems
    assert (problem.path, problem.line) == ("checks.a.k", 4)
    assert "line 3" in problem.message


def test_tags_construct_nothing() -> None:
    document = parse_document("a: !!python/object/apply:os.system ['touch /tmp/never']", "f.yaml")
    assert "tags are not used" in document.problems[0].message
    assert document.root.data == {"a": ["touch /tmp/never"]}


def test_aliases_cannot_explode() -> None:
    bomb = "x: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
        f"x{i}: &a{i} [{', '.join(['*a' + str(i - 1 if i else '')] * 10)}]" for i in range(12)
    )
    assert "once its aliases are followed" in refusal(bomb)


def test_aliases_cannot_hide_depth() -> None:
    deep = "x: &a [1]\n" + "\n".join(f"x{i}: &a{i} [*a{i - 1 if i else ''}]" for i in range(40))
    assert "nested deeper" in refusal(deep)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("a: &x [*x]", "refers to itself"),
        ("a: *nowhere", "nowhere"),
        ("a: " + "[" * 5000, "nested deeper"),
        ("a: {url: ${DATABASE_URL}}", 'write "${VAR}" in quotes'),
        ("a:\n\tb: 1", "f.yaml:2: is not valid YAML"),
        ("a: 1\n---\nb: 2", "second document"),
        ("? [a]\n: 1", "as a key"),
        ("a: 1\nb: \x07", "f.yaml:2: holds a character"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(text: str, words: str) -> None:
    assert words in refusal(text)


def test_what_cannot_be_stored_is_a_problem() -> None:
    document = parse_document('a: "x\\0y"\nb: 1e999', "f.yaml")
    assert ["NUL" in document.problems[0].message, "too large" in document.problems[1].message] == [True, True]


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path: Path) -> None:
    huge, latin = tmp_path / "huge.yaml", tmp_path / "latin.yaml"
    huge.write_bytes(b"#" * (MAX_BYTES + 1))
    latin.write_bytes("version: 1\nname: Café".encode("latin-1"))
    for path, words in (
        (tmp_path / "none.yaml", "No such file"),
        (tmp_path, "directory"),
        (huge, "larger than 5 MiB"),
        (latin, "latin.yaml:2: is not UTF-8"),
    ):
        with pytest.raises(DefinitionError, match=words):
            read_document(path)
