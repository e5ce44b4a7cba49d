"""Parameters of runs as people type them."""

from __future__ import annotations

from typing import Any

import pytest

from healthmgr.domain.run_values import read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("shop", "shop"),
        ("3", 3),
        ("true", True),
        ('["a", 1]', ["a", 1]),
        ("", ""),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[" * 2000, "[" * 2000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_what_is_no_value_as_in_json_is_the_text_that_it_is(text: str, value: Any) -> None:
    assert read_value(text) == value
