"""Files that were damaged at random: they are refused with a place, or formatted without losing a comment."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from healthmgr.definitions.formatting import format_text
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.defining import Defining
from tests.definitions.plugins import ROUTED, TestRegistry

WHOLE = f"""# of it all
version: 1
include: [nowhere*.yaml]
use:
  twikit: {{session_manager_url: http://x, interval: 30s}}
templates:
  site: &site {{kind: door, config: {{url: "{{{{ host }}}}"}}}}
defaults: {{interval: 60000, labels: {{team: core}}}}
checks:
  # a shop
  shop:
    thresholds: {{warning: {{responseTime: 2000}}}}
    kind: door  # of a kind
    config:
      url: |
        # no comment
        x
  site-{{{{ item }}}}:
    template: site
    for_each: [{{host: a}}, b]
{ROUTED}
"""
WORDS = (
    "{{ host }}", "[", "]", "{", "}", ":", "- ", "5", "null", "&a", "*site", "<<", "'", '"', "|", "\n", "  ",
    "for_each", "with", "template", "checks", "true", "1e400", "#", "!!x", "interval", "thresholds", "\t",
    "responseTime", "version",
)  # fmt: skip


def damaged(dice: random.Random) -> str:
    text = WHOLE
    for _ in range(dice.randint(1, 4)):
        place, way = dice.randrange(len(text)), dice.random()
        if way < 0.4:
            text = text[:place] + dice.choice(WORDS) + text[place:]
        elif way < 0.7:
            text = text[:place] + text[place + dice.randint(1, 12) :]
        else:
            lines = text.split("\n")
            one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            text = "\n".join(lines)
    return text


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        Defining(None, TestRegistry(), {}).validate(path)
    except DefinitionError as error:
        return error.problems
    return ()


def comments(text: str) -> list[str]:
    return sorted(line.strip() for line in text.split("\n") if line.strip().startswith("#"))


@pytest.mark.parametrize("seed", range(5))
def test_damage_is_refused_with_a_place_and_formatting_loses_nothing(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    path = tmp_path / "f.yaml"
    formatted = refused = 0
    for _ in range(60):
        text = damaged(dice)
        path.write_text(text, encoding="utf-8")
        problems = problems_of(path)
        refused += bool(problems)
        assert all(problem.file for problem in problems)
        try:
            done = format_text(text, "f.yaml")
        except DefinitionError:
            continue
        formatted += 1
        assert format_text(done, "f.yaml") == done
        assert comments(done) == comments(text)
    assert refused > 30
    assert formatted > 5
