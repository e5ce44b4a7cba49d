"""Examples in the OpenAPI document: every body has one, it is as its schema says, and what is sent so is understood."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from sqlalchemy import Engine

from healthmgr.api.app import document
from healthmgr.api.example_values import BY_NAME
from tests.api.furnished import Furnished, furnished
from tests.serving import ServedApp


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp, tmp_path: Path) -> Iterator[Furnished]:
    with furnished(engine, database_url, tmp_path, served) as made:
        yield made


def contents(said: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where each body is, its media type, and what is said of it: of all that is sent, and of all that is answered."""
    for path, item in said["paths"].items():
        for method, operation in item.items():
            place = f"{method.upper()} {path}"
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{place} sent", kind, content
            for status, answer in operation["responses"].items():
                if status.startswith("2"):
                    yield from (
                        (f"{place} {status}", kind, content) for kind, content in answer.get("content", {}).items()
                    )


def test_every_body_has_an_example_that_is_as_its_schema_says() -> None:
    said = document()
    found = list(contents(said))
    assert len(found) > 150
    assert [place for place, _, content in found if "example" not in content and "examples" not in content] == []
    wrong = []
    for place, kind, content in found:
        if kind != "application/json":
            continue
        validator = jsonschema_rs.validator_for(
            {**content["schema"], "components": said["components"]}, validate_formats=True
        )
        shown = [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
        wrong += [f"{place}: {error}" for example in shown for error in validator.iter_errors(example)]
    assert wrong == []


def test_what_is_sent_as_in_an_example_is_understood(whole: Furnished) -> None:
    """It may be somebody else's, of what there is not, or not possible now: never that it cannot be used."""
    admin = whole.client("root", "admin")
    asked = [
        (place.split()[0], place.split()[1], content["example"])
        for place, kind, content in contents(whole.document)
        if place.endswith("sent") and kind == "application/json" and "example" in content
    ]
    assert len(asked) > 40
    wrong = []
    for method, path, example in asked:
        answer = admin.request(method, whole.fill(path), json=example)
        if answer.status_code not in (200, 201, 202, 204, 403, 404, 409):
            wrong.append((method, path, example, answer.status_code, answer.text[:300]))
    assert wrong == []


def test_every_value_of_the_table_is_shown_somewhere() -> None:
    said = document()
    fields = {name for schema in said["components"]["schemas"].values() for name in schema.get("properties", {})} | {
        f"{title}.{name}"
        for title, schema in said["components"]["schemas"].items()
        for name in schema.get("properties", {})
    }
    assert set(BY_NAME) - fields == set()
