"""`healthmgr fmt`: order, spelling and lengths, with every comment kept and nothing meant differently."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from healthmgr.cli.main import app
from healthmgr.definitions.document import parse_document
from healthmgr.definitions.formatting import format_text
from healthmgr.errors import DefinitionError

UNTIDY = """# The whole of it.

checks:
  # the shop
  shop:
    # how often
    interval: 60000
    timeout: "90s"   # long
    recoveryProcedure: restart
    kind: http
    config:
      # where
      url: http://x
      body: |
        # no comment

        interval: 60000
    thresholds:
      warning: {responseTime: 2000, errorRate: 5}


    name: Shop

    # at the end

  # b is b
  b: {timeout: 5000, kind: http, config: {url: "http://x"}}
  # the end

routing:
  default: {to: ops, via: post, repeat_interval: 3600s}
  # pages
  critical:
    via: post
    to: ops
version: 1
"""

TIDY = """# The whole of it.

version: 1

routing:
  # pages
  critical:
    to: ops
    via: post
  default: {to: ops, via: post, repeat_interval: 1h}

checks:
  # the shop
  shop:
    name: Shop
    kind: http
    config:
      # where
      url: http://x
      body: |
        # no comment

        interval: 60000
    # how often
    interval: 1m
    timeout: 1m30s   # long
    thresholds:
      warning: {response_time: 2s, error_rate: 5}
    recovery_procedure: restart

    # at the end

  # b is b
  b: {timeout: 5s, kind: http, config: {url: "http://x"}}
  # the end
"""


def test_a_file_gets_its_usual_form() -> None:
    assert format_text(UNTIDY, "f.yaml") == TIDY


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1", "version: 1\n"),
        ("version: 1\r\nchecks: {}\r\n", "version: 1\nchecks: {}\n"),
        ("version: 1   \n\n\n\nchecks: {}\n\n\n", "version: 1\n\nchecks: {}\n"),
        ("{checks: {}, version: 1}", "{checks: {}, version: 1}\n"),
        (
            "checks:\n  a: &a\n    kind: x\n    name: y\nversion: 1\ntemplates:\n  b: *a\n",
            "checks:\n  a: &a\n    kind: x\n    name: y\nversion: 1\ntemplates:\n  b: *a\n",
        ),
        (
            "version: 1\nchecks:\n  a:\n    interval: 30\n    timeout: soon\n    interval_: 60000\n",
            "version: 1\n\nchecks:\n  a:\n    interval: 30\n    timeout: soon\n    interval_: 60000\n",
        ),
        (
            "version: 1\nchecks:\n  a: {retryInterval: 5s, retry_interval: 6s}\n",
            "version: 1\n\nchecks:\n  a: {retryInterval: 5s, retry_interval: 6s}\n",
        ),
    ],
    ids=[
        "no end",
        "windows",
        "empty lines",
        "flow",
        "anchor before its alias",
        "what is wrong stays",
        "both spellings",
    ],
)
def test_what_cannot_be_moved_or_is_wrong_is_left_as_it_is(text: str, expected: str) -> None:
    assert format_text(text, "f.yaml") == expected


def test_formatting_twice_changes_nothing_and_keeps_every_comment_in_whatever_order_it_was_written() -> None:
    fields = [
        "name: A  # one", "kind: http", "interval: 60000", "# two\n    timeout: 5s", "severity: low", "labels: {a: b}",
        "config:\n      # three\n      url: http://x\n\n      body: >\n        x # no\n\n        y", "retries: 2\n",
        "depends_on:\n    - b\n    # four\n    - c", "description: |2\n       text\n      # no\n", "enabled: true",
    ]  # fmt: skip
    dice = random.Random(5)
    wanted = None
    for _ in range(60):
        dice.shuffle(fields)
        text = "# zero\nchecks:\n  a:\n" + "".join(f"    {field}\n" for field in fields) + "version: 1\n"
        done = format_text(text, "f.yaml")
        assert format_text(done, "f.yaml") == done
        data = parse_document(done, "f.yaml").root.data
        before = parse_document(text, "f.yaml").root.data
        before["checks"]["a"]["interval"] = "1m"
        assert data == before
        assert all(done.count(f"# {word}") == 1 for word in ("zero", "one", "two", "three", "four"))
        wanted = wanted or list(data["checks"]["a"])
        assert list(data["checks"]["a"]) == wanted


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"f\.yaml:2: is not valid YAML"):
        format_text("checks: [a\n", "f.yaml")
    with pytest.raises(DefinitionError, match="is written twice"):
        format_text("a: 1\na: 2\n", "f.yaml")


def test_the_command_formats_a_folder_and_checks_without_changing(tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["fmt", *words])

    (tmp_path / "a.yaml").write_text(UNTIDY, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(TIDY, encoding="utf-8")
    checked = run(str(tmp_path), "--check")
    assert checked.exit_code == 1
    assert checked.stdout == f"{tmp_path}/a.yaml would be changed\n1 of 2 files were in order\n"
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == UNTIDY
    assert run(str(tmp_path)).exit_code == 0
    assert (tmp_path / "a.yaml").read_text(encoding="utf-8") == TIDY
    assert run(str(tmp_path), "--check").exit_code == 0
    (tmp_path / "c.yaml").write_text("a: [", encoding="utf-8")
    assert run(str(tmp_path)).exit_code == 2
