"""What is filled into a step's settings is looked up, kept as data, and never looked at again."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.placeholder import MOST_BYTES, fill, fill_text, placeholders_in, refuse_placeholders
from healthmgr.errors import StepError

VALUES = {
    "check": "shop",
    "labels": {"host": "web-1", "app.kubernetes.io/name": "shop"},
    "parameters": {"count": 3, "graceful": True, "names": ["a", "b"], "nothing": None},
    "steps": {"restart": {"pid": 4711}},
}
HOSTILE = ["it's", 'a"b', "x\ny", "$(reboot)", "`reboot`", "{{ check }}", "${HOME}", "%s %(x)s", "‮gpj.exe", "../../etc"]


def test_names_are_looked_up_dot_by_dot() -> None:
    filled = fill(
        {"text": "{{check}} on {{ labels.host }} was {{ steps.restart.pid }}", "deep": [{"x": "{{ labels.host }}!"}]},
        VALUES,
    )
    assert filled == {"text": "shop on web-1 was 4711", "deep": [{"x": "web-1!"}]}


def test_a_label_with_dots_in_its_name_is_found() -> None:
    assert fill_text("{{ labels.app.kubernetes.io/name }}", VALUES) == "shop"


def test_a_placeholder_alone_keeps_the_sort_of_its_value() -> None:
    config = {"n": "{{ parameters.count }}", "b": "{{ parameters.graceful }}", "l": "{{ parameters.names }}", "k": 5}
    assert fill(config, VALUES) == {"n": 3, "b": True, "l": ["a", "b"], "k": 5}


def test_within_text_values_are_written_as_yaml_would() -> None:
    text = "{{ parameters.count }} {{ parameters.graceful }} [{{ parameters.nothing }}]"
    assert fill_text(text, VALUES) == "3 true []"


def test_a_list_within_text_is_refused() -> None:
    with pytest.raises(StepError, match="one value"):
        fill({"text": "all: {{ parameters.names }}"}, VALUES)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_never_looked_at_again(value: str) -> None:
    def literal(text: str) -> str:
        return text.replace("${SECRET}", "s3cret").replace("${HOME}", "resolved")

    filled = fill({"a": "{{ v }}", "b": "${SECRET} <{{ v }}>"}, {"v": value, "check": "shop"}, literal=literal)
    assert filled == {"a": value, "b": f"s3cret <{value}>"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_any_text_passes_unchanged_and_is_one_part_of_a_url(value: str) -> None:
    assert fill({"a": "<{{ v }}>"}, {"v": value}) == {"a": f"<{value}>"}
    try:
        url = fill({"url": "https://example.com/hosts/{{ v }}/restart?by={{ v }}"}, {"v": value}, url_fields={"url"})
    except StepError:
        assert value in (".", "..")
        return
    parts = urlsplit(url["url"])
    assert parts.netloc == "example.com"
    assert [unquote(part) for part in parts.path.split("/")] == ["", "hosts", value, "restart"]
    assert unquote(parts.query) == f"by={value}"


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_does_not_climb_in_a_path(value: str) -> None:
    with pytest.raises(StepError, match="another path"):
        fill({"url": "https://example.com/a/{{ v }}/b"}, {"v": value}, url_fields={"url"})
    halves = {"v": value[: len(value) // 2 or 1]}
    with pytest.raises(StepError, match="another path"):
        fill({"url": "https://example.com/a/{{ v }}{{ v }}/b"}, halves, url_fields={"url"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ labels.rack }}", "url: needs 'labels.rack', which this run does not have: labels has app.kub"),
        ("{{ lables.host }}", "there are check, labels, parameters, steps"),
        ("{{ check.more }}", "needs 'check.more'"),
        ("{{ labels.host | upper }}", "is no placeholder"),
        ("{{ labels['host'] }}", "is no placeholder"),
        ("{{ }}", "is no placeholder"),
        ("{{ labels.host", "not closed"),
        ("{{ {{ check }} }}", "is no placeholder"),
    ],
)
def test_what_cannot_be_filled_is_a_clear_error(text: str, said: str) -> None:
    with pytest.raises(StepError) as caught:
        fill({"url": text}, VALUES)
    assert said in str(caught.value)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("value", "said"),
    [("a\0b", "NUL"), ("x" * (MOST_BYTES + 1), "8193 bytes"), ("ä" * MOST_BYTES, "16384 bytes"), ("\ud800", "no text")],
)
@pytest.mark.parametrize("shape", ["{{ v }}", "a {{ v }}", "{{ many }}"])
def test_values_that_no_target_takes_are_refused(value: str, said: str, shape: str) -> None:
    values = {"v": value, "many": [{"deep": value}]}
    with pytest.raises(StepError, match=said):
        fill({"text": shape}, values)


def test_eight_kilobytes_pass() -> None:
    assert fill_text("{{ v }}", {"v": "x" * MOST_BYTES}) == "x" * MOST_BYTES


def test_a_fixed_field_may_hold_no_placeholder() -> None:
    config = {"statement": "DELETE FROM {{ labels.host }}", "values": {"host": "{{ labels.host }}"}}
    found = refuse_placeholders(config, {"statement"})
    assert [place for place, _ in found] == [("statement",)]
    assert "no placeholder" in found[0][1]


def test_the_first_of_a_list_can_be_fixed_alone() -> None:
    assert refuse_placeholders({"command": ["/bin/restart", "{{ labels.host }}"]}, {"command.0"}) == []
    assert [p for p, _ in refuse_placeholders({"command": ["{{ x }}", "y"]}, {"command.0"})] == [("command", 0)]
    assert [p for p, _ in refuse_placeholders({"command": "{{ x }}"}, {"command.0"})] == [("command",)]


def test_malformed_placeholders_and_marked_names_are_told_when_definitions_load() -> None:
    config = {"a": ["{{ 1 + 1 }}", "{{ open"], "json": {"{{ check }}": 1}, "fine": "{{ check }}"}
    assert [place for place, _ in refuse_placeholders(config)] == [("a", 0), ("a", 1), ("json", "{{ check }}")]


def test_placeholders_are_listed_with_their_places() -> None:
    found = list(placeholders_in({"a": "{{ check }} {{ labels.host }}", "b": [1, "{{ steps.x.y }}"]}))
    assert found == [(("a",), "check"), (("a",), "labels.host"), (("b", 1), "steps.x.y")]


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("{{ parameters.url }}", True),
        ("{{ labels.scheme }}://example.com/", True),
        ("https://{{ labels.host }}:9000/restart", False),
        ("/hosts/{{ labels.host }}", False),
        ("https://example.com/", False),
    ],
)
def test_an_address_says_itself_how_it_begins(url: str, is_refused: bool) -> None:
    found = refuse_placeholders({"url": url, "body": url}, url_fields={"url"})
    assert [place for place, _ in found] == ([("url",)] if is_refused else [])
