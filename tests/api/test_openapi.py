"""The OpenAPI document: what a maker of clients needs to find in it."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from typer.testing import CliRunner

import healthmgr.api.app
from healthmgr.api.app import document
from healthmgr.api.idempotency import holds_secret
from healthmgr.api.openapi import ERRORS, TAGS
from healthmgr.cli.main import app


@pytest.fixture(scope="module")
def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def test_the_command_prints_it_without_an_installation() -> None:
    result = CliRunner().invoke(app, ["openapi"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["openapi"].startswith("3.1")
    assert "/api/v1/checks" in said["paths"]


def test_every_operation_has_a_name_of_its_own_that_is_a_word_in_any_language(
    operations: dict[str, dict[str, Any]],
) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and "api_v1" not in name for name in names)


def test_every_operation_says_what_it_is_and_belongs_to_a_part_that_is_described(
    operations: dict[str, dict[str, Any]],
) -> None:
    described = {tag["name"] for tag in TAGS}
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert set(operation["tags"]) <= described, name


def test_every_operation_announces_its_errors_as_problems(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        if "/api/v1/" not in name:
            continue
        for status in ERRORS:  # with the schema that they have, and no other media type
            content = operation["responses"][str(status)]["content"]
            assert set(content) == {"application/problem+json"}, (name, status)
            assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/ProblemView"}


def test_every_operation_says_which_headers_it_knows(operations: dict[str, dict[str, Any]]) -> None:
    components = document()["components"]
    for name, operation in operations.items():
        if " /api/v1/" not in name:
            continue
        named = {each.get("$ref", each.get("name", "")).rpartition("/")[2] for each in operation.get("parameters", [])}
        answers = operation["responses"]
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(answers["429"]["headers"]), name
        assert (name.startswith("GET ")) == ("If-None-Match" in named and "304" in answers), name
        by_token = operation.get("security") == [{"token": []}]
        assert (name.startswith("POST ") and by_token) == ("Idempotency-Key" in named), name
        assert ("if-match" in named) == ("412" in answers), name
    assert {"Idempotency-Key", "If-None-Match"} == set(components["parameters"])


def test_answers_that_hold_a_secret_are_kept_nowhere() -> None:
    modules = [value for value in vars(healthmgr.api.app).values() if inspect.ismodule(value)]
    routes = [route for module in modules if hasattr(module, "router") for route in module.router.routes]
    found = set()
    for route in routes:
        fields = getattr(route.response_model, "model_fields", {})
        if {"token", "secret", "password"} & set(fields):
            assert any(each.dependency is holds_secret for each in route.dependencies), route.path
            found.add(route.path)
    assert {"/tokens", "/webhooks"} <= found
