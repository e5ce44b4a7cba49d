"""The status page in a file: what is understood, what is refused with place and advice, and that it is applied."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import build, definition_validator
from healthmgr.definitions.definition import Definitions
from healthmgr.domain.status_page import Component
from healthmgr.errors import DefinitionError
from healthmgr.settings import Settings

HEAD = """version: 1
channels: {inbox: {kind: email, config: {host: 127.0.0.1, from: a@example.com}}}
people: {alice: {contacts: {inbox: alice@example.com}}}
routing: {default: {to: alice, via: inbox}}
checks: {shop: {kind: tcp, service: shop, config: {host: 127.0.0.1, port: 1}}}
"""
PAGE = """status_page:
  title: Shop status
  groups:
    - {name: Ordering, checks: [shop, {check: shop, name: The shop}]}
    - {name: Web, services: shop, match: 'team="web"'}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(HEAD + text)
    return path


def read(tmp_path: Path, text: str) -> Definitions:
    return definition_validator(Settings.load({"HEALTHMGR_DATA": str(tmp_path)})).validate(written(tmp_path, text))


def test_a_page_is_read_with_its_defaults(tmp_path: Path) -> None:
    page = read(tmp_path, PAGE).status_pages["public"].page
    ordering, web = page.groups
    assert (page.title, page.shows_history, page.shows_uptime) == ("Shop status", True, True)
    assert ordering.checks == (Component("shop"), Component("shop", "The shop"))
    assert (web.services, [str(matcher) for matcher in web.matchers], web.slug) == (("shop",), ['team="web"'], "web")


GROUPS = "  title: A\n  groups: "


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("  groups: [{name: A, checks: [shop]}]\n", "title", "is required"),
        ("  title: A\n", "groups", "is required"),
        (GROUPS + "[]\n", "groups", ""),
        (GROUPS + "[{name: A}]\n", "groups[0]", "is empty"),
        (GROUPS + "[{name: A B, checks: shop}, {name: a-b, checks: shop}]\n", "groups[1]", "of another"),
        (GROUPS + "[{name: A, checks: [shop]}]\n  colour: red\n", "colour", "is not a field here"),
        (GROUPS + "[{name: A, match: ['x=~\"[\"']}]\n", "groups[0].match[0]", "regular expression"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, path: str, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(tmp_path, "status_page:\n" + text)
    (problem,) = caught.value.problems
    assert problem.path == f"status_page.{path}"
    assert said in problem.message
    assert problem.line is not None


def test_what_the_page_names_has_to_be_there(tmp_path: Path) -> None:
    warnings = read(
        tmp_path, "status_page: {title: A, groups: [{name: A, checks: [shopp], services: [shoop]}]}\n"
    ).warnings
    assert {(w.path, w.message) for w in warnings} == {
        ("status_page.groups[0].checks[0]", "check 'shopp' is not in this file: another file must define it"),
        ("status_page.groups[0].services", "no check is of service 'shoop'; did you mean 'shop'?"),
    }


def test_a_page_is_applied_changed_and_taken_away(tmp_path: Path, engine: Engine, database_url: str) -> None:
    healthmgr = build(Settings(database_url=database_url))
    try:

        def apply(text: str) -> None:
            healthmgr.defining.apply(written(tmp_path, text), actor="ada", origin="test", now=healthmgr.now())

        apply(PAGE)
        page = healthmgr.public.announcing.page()
        assert page is not None
        assert page.to_document() == read(tmp_path, PAGE).status_pages["public"].page.to_document()
        difference = healthmgr.defining.diff(written(tmp_path, PAGE.replace("Shop status", "All of it")))
        assert [(change.sort, change.name) for change in difference.changes] == [("updated", "status_page.public")]
        assert [(f.field, f.old, f.new) for f in difference.changes[0].fields] == [
            ("title", "'Shop status'", "'All of it'")
        ]
        apply("")
        assert healthmgr.public.announcing.page() is None
    finally:
        healthmgr.close()
