"""What is installed, and what each kind can be told."""

from __future__ import annotations

import yaml

from healthmgr.registry import Registry
from tests.cli.conftest import Terminal


def test_every_installed_kind_is_listed(bare_terminal: Terminal) -> None:
    said = bare_terminal("kinds")
    assert said.code == 0
    registry = Registry.load()
    listed = {line.split()[0] for line in said.out.splitlines()[1:] if line.strip()}
    assert listed >= {*registry.check_kinds(), *registry.channel_kinds(), *registry.step_kinds()}


def test_a_kind_shows_its_fields_those_that_are_required_first(bare_terminal: Terminal) -> None:
    (kind,) = bare_terminal("kinds", "tcp", "--json").json["items"]
    assert [field["name"] for field in kind["fields"]][:2] == ["host", "port"]
    assert [field["is_required"] for field in kind["fields"]] == sorted(
        (field["is_required"] for field in kind["fields"]), reverse=True
    )
    assert all(field["about"] for field in kind["fields"])
    assert "required" in bare_terminal("kinds", "tcp").out


def test_every_field_of_every_kind_is_told_in_words(bare_terminal: Terminal) -> None:
    for kind in bare_terminal("kinds", "--json").json["items"]:
        for field in kind["fields"]:
            assert field["type"], (kind["kind"], field)
            assert "typing" not in field["type"], (kind["kind"], field)


def test_a_kind_that_is_not_installed_is_said_so(bare_terminal: Terminal) -> None:
    said = bare_terminal("kinds", "nope")
    assert said.code == 1
    assert "healthmgr kinds" in said.err


def test_a_kind_shows_examples_in_yaml_beside_what_its_fields_mean(bare_terminal: Terminal) -> None:
    (kind,) = bare_terminal("kinds", "http", "--json").json["items"]
    examples = {field["name"]: field["examples"] for field in kind["fields"] if field["examples"]}
    assert {"assertions", "metrics", "expected_status"} <= examples.keys()
    shown = bare_terminal("kinds", "http").out.partition("\nexamples\n")[2]
    rows = [line.split(maxsplit=1) for line in shown.splitlines()[1:] if line.strip()]
    read = [(name, yaml.safe_load(text)) for name, text in rows]
    for name, values in examples.items():
        for value in values:
            for item in value if isinstance(value, list) else [value]:
                assert (name, item) in read


def test_a_kind_without_examples_shows_none(bare_terminal: Terminal) -> None:
    assert "examples" not in bare_terminal("kinds", "tcp").out


def test_a_name_that_checks_and_steps_share_shows_both(bare_terminal: Terminal) -> None:
    found = bare_terminal("kinds", "redis", "--json").json["items"]
    assert [kind["is_for"] for kind in found] == ["check", "step"]
