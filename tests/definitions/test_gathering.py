"""Folders, includes, templates: one document out of many, with every place kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from healthmgr.definitions.definition import Definitions
from healthmgr.errors import DefinitionError
from healthmgr.services.defining import Defining
from tests.definitions.plugins import ROUTED, TestRegistry

Write = Callable[[Mapping[str, str]], Path]

MAIN = f"version: 1\n{ROUTED}\n"


def door(name: str, rest: str = "") -> str:
    return f"version: 1\nchecks:\n  {name}: {{kind: door, config: {{url: x}}{rest}}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def files(texts: Mapping[str, str]) -> Path:
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return files


def read(path: Path, **environ: str) -> Definitions:
    return Defining(None, TestRegistry(), environ).validate(path)


def refused(path: Path) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        read(path)
    root = path if path.is_dir() else path.parent
    return [str(problem).replace(f"{root}/", "") for problem in caught.value.problems]


def test_a_folder_is_one_definition(write: Write) -> None:
    folder = write({"a.yaml": MAIN, "b.yml": door("one"), "c.yaml": door("two", ", depends_on: one"), ".d.yaml": "["})
    definitions = read(folder)
    assert set(definitions.checks) == {"one", "two"}
    assert definitions.source == f"file:{folder.name}"


def test_files_are_included_by_name_and_by_pattern(write: Write) -> None:
    folder = write(
        {
            "main.yaml": MAIN + "include: [conf.d/*.yaml, other/base.yaml]",
            "conf.d/a.yaml": door("a").replace("checks:", "include: ../other/base.yaml\nchecks:"),
            "conf.d/b.yaml": door("b"),
            "other/base.yaml": door("base"),
        }
    )
    definitions = read(folder / "main.yaml")
    assert set(definitions.checks) == {"a", "b", "base"}, "what is included twice is read once"
    assert definitions.source == "file:main.yaml"


def test_defaults_hold_for_every_file(write: Write) -> None:
    folder = write({"a.yaml": MAIN + "defaults: {interval: 20s}", "b.yaml": door("one")})
    assert read(folder).checks["one"].interval == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "holds no *.yaml file"),
        ({"b.yaml": "checks: {}"}, "b.yaml:1: version: every file begins with `version: 1`"),
        ({"b.yaml": door("a"), "c.yaml": "\n" + door("a")}, "c.yaml:4: checks.a: is written twice, first in b.yaml:3"),
        ({"b.yaml": "version: 1\nchecks: [a"}, "b.yaml:3: is not valid YAML"),
        ({"b.yaml": "- a"}, "b.yaml:1: should be a mapping"),
        ({"b.yaml": door("a", ", intervall: 5s")}, "b.yaml:3: checks.a.intervall: is not a field"),
        (
            {"b.yaml": door("a", ", depends_on: b"), "c.yaml": door("b", ", depends_on: a")},
            "checks.a.depends_on: depends",
        ),
        ({"b.yaml": "version: 1\nchecks: 5", "c.yaml": door("a")}, "b.yaml:2: checks: expected a mapping"),
        ({"b.yaml": "version: 1\ninclude: nowhere.yaml"}, "b.yaml:2: include: there is no file nowhere.yaml"),
        ({"b.yaml": "version: 1\ninclude: [no*.yaml]"}, "b.yaml:2: include[0]: no *.yaml file matches 'no*.yaml'"),
        ({"b.yaml": "version: 1\ninclude: [/etc/*.yaml]"}, "b.yaml:2: include[0]: must be relative"),
        ({"b.yaml": "version: 1\ninclude: {a: b}"}, "b.yaml:2: include: expected a list"),
        ({"b.yaml": "version: 1\ninclude: [5]"}, "b.yaml:2: include[0]: expected the name of a file"),
        ({"b.yaml": "version: 1\ninclude: [sub]", "sub/x": ""}, "include[0]: is a folder: write sub/*.yaml"),
        ({"b.yaml": "version: 1\ninclude: [b.yaml]"}, "b.yaml:2: include[0]: includes itself: b.yaml -> b.yaml"),
        (
            {"b.yaml": "version: 1\ninclude: [c.yaml]", "c.yaml": "version: 1\n\ninclude: [b.yaml]"},
            "c.yaml:3: include[0]: includes itself: b.yaml -> c.yaml -> b.yaml",
        ),
        (
            {"b.yaml": "version: 1\ninclude: [sub/c.yaml]", "sub/c.yaml": "version: 1\nchecks: {a: 5}"},
            "sub/c.yaml:2: checks.a",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_file_in_which_it_stands(
    write: Write, files: dict[str, str], expected: str
) -> None:
    folder = write({**({"a.yaml": MAIN} if files else {}), **files})
    said = refused(folder)
    assert any(expected in line for line in said), said


TEMPLATED = """
templates:
  site:
    kind: door
    config: {url: "https://{{ host }}/health", port: "{{ port }}"}
    interval: 30s
    labels: {team: core, site: "{{ name }}"}
checks:
  site-{{ name }}:
    template: site
    with: {port: 443}
    labels: {zone: a}
    for_each:
      - {name: shop, host: shop.example.com}
      - {name: blog, host: blog.example.com, port: 8443}
  docs:
    template: site
    with: {name: docs, host: docs.example.com, port: 80}
    interval: 5m
  ping-{{ item }}:
    for_each: [a, b]
    kind: door
    config: {url: "{{ item }}"}
    depends_on: [docs]
  plain: {kind: door, config: {url: "{{ kept as it is }}"}}
"""


def test_a_template_and_a_list_of_targets_make_many_checks(write: Write) -> None:
    checks = read(write({"a.yaml": MAIN + TEMPLATED}) / "a.yaml").checks
    assert list(checks) == ["site-shop", "site-blog", "docs", "ping-a", "ping-b", "plain"]
    assert checks["site-shop"].config == {"url": "https://shop.example.com/health", "port": 443}
    assert checks["site-blog"].config["port"] == 8443
    assert checks["site-shop"].labels == {"team": "core", "site": "shop", "zone": "a"}
    assert (checks["docs"].interval, checks["site-shop"].interval) == (timedelta(minutes=5), timedelta(seconds=30))
    assert checks["ping-b"].config == {"url": "b"}
    assert checks["ping-b"].dependencies == {"docs": ""}
    assert checks["plain"].config == {"url": "{{ kept as it is }}"}


def test_faults_of_a_template_are_said_once_and_those_of_a_target_where_it_stands(write: Write) -> None:
    text = TEMPLATED.replace("interval: 30s", "intervall: 30s").replace("port: 8443", "port: high")
    said = refused(
        write(
            {
                "a.yaml": MAIN + TEMPLATED.split("checks:")[0],
                "b.yaml": "version: 1\n"
                + text.replace("site:", "place:", 1).replace("template: site", "template: place"),
            }
        )
    )
    assert said == [
        "b.yaml:7: checks.site-shop.intervall: is not a field here; did you mean 'interval'?",
        "b.yaml:16: checks.site-blog.config.port: expected a whole number, found 'high'",
    ]


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ("a: {template: sight}", "a.yaml:2: checks.a.template: there is no template 'sight'; did you mean 'site'?"),
        ("a: {template: [x]}", "there is no template a list"),
        ("a: {template: site}", "a.yaml:2: checks.a: needs 'host', which is not given here"),
        ("a: {template: site, with: {hots: x}}", "checks.a.with: needs 'host'"),
        ("a: {template: site, with: {host: x, q: 1}}", "checks.a.with.q: is used nowhere; there is host"),
        ("a: {template: site, with: [x]}", "checks.a.with: expected a mapping"),
        ("a: {template: site, for_each: [{host: x}]}", "needs a placeholder in its name"),
        ("'a-{{ host }}': {template: site, for_each: []}", "for_each: expected a list of targets"),
        ("'a-{{ host }}': {template: site, for_each: [{host: [1]}]}", "'host' stands within text"),
        (
            "'a-{{ host }}': {template: site, for_each: [{host: b}, {host: b}]}",
            "for_each[1]: makes check 'a-b' a second",
        ),
        ("'a-{{ host }}': {template: site, for_each: [{host: UPPER}]}", "checks.a-UPPER: should be lower-case"),
        (
            "a-b: {kind: door, config: {url: x}}, 'a-{{ host }}': {template: site, for_each: [{host: b}]}",
            "a second time",
        ),
        ("a: {template: odd}", "templates.odd: expected a mapping"),
    ],
)
def test_bad_uses_of_templates_are_refused(write: Write, checks: str, expected: str) -> None:
    text = (
        "version: 1\nchecks: {"
        + checks
        + "}\ntemplates: {site: {kind: door, config: {url: 'https://{{ host }}'}}, odd: 5}\n"
    )
    said = refused(write({"a.yaml": text + ROUTED}) / "a.yaml")
    assert any(expected in line for line in said), said


def test_aliases_and_templates_cannot_blow_up(write: Write) -> None:
    items = ", ".join(f"t{n}" for n in range(3000))
    big = ", ".join(str(n) for n in range(1000))
    check = f"'c-{{{{ item }}}}': {{kind: door, config: {{url: x, codes: [{big}]}}, for_each: [{items}]}}"
    text = f"version: 1\nchecks:\n  {check}\n"
    assert "makes too many checks" in refused(write({"a.yaml": text + ROUTED}) / "a.yaml")[-1]
