"""Files that were damaged at random: they are refused with a place, or formatted without losing a comment."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from healthmgr.definitions.definition import Snapshot
from healthmgr.definitions.formatting import format_text
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.errors import DefinitionError, Problem
from tests.definitions.plugins import ROUTED, TestRegistry

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
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
people:
  ann: {{contacts: [{{via: post, to: a@b, after: 120000}}], quietHours: [{{hours: [night]}}], timeZone: UTC}}
teams: {{web: [ann, ops]}}
schedules:
  primary:
    # in turn
    layers:
    - rotation: {{type: weekly, start: "2026-01-05 09:00", members: [ann, ops]}}
    - {{people: ops, from: "2026-01-01"}}
escalation:
  std:
    levels: [{{to: [schedule:primary, team:web], delay: 5m, when: {{alerts: ">= 3"}}}}, {{to: ann}}]
escalationRules:
- {{severity: critical, level: L1_SUPPORT, delayMinutes: 5, channels: [LETTER], recipients: [ann, a@b]}}
recoveryProcedures:
- id: fix
  automationLevel: semi_automated
  triggers: {{checks: shop, match: 'team="core"', on: soft 2}}
  parameters: {{unit: x}}
  limits: {{per: 3600000, blastRadius: {{most: 25%}}}}
  steps:
  # first
  - {{id: a, type: lever, action: "{{{{ parameters.unit }}}}", parameters: {{force: 2, timeout: 30000}}}}
  - {{wait: 10s, when: steps.a.x == 1, onFailure: rollback, rollbackSteps: [{{lever: up}}]}}
time_windows: {{night: [{{times: [{{start_time: "22:00", end_time: "24:00"}}]}}]}}
{ROUTED}
"""
WORDS = (
    "{{ host }}", "[", "]", "{", "}", ":", "- ", "5", "null", "&a", "*site", "<<", "'", '"', "|", "\n", "  ",
    "for_each", "with", "template", "checks", "true", "1e400", "#", "!!x", "interval", "thresholds", "\t",
    "responseTime", "version", "people", "levels", "to", "members", "team:web", "after", "hours",
    "steps", "lever", "action", "when", "rollback", "{{ steps.a.x }}", "soft", "config",
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
        complete(read_draft(path, TestRegistry(), {}, Fallbacks()), Snapshot(), TestRegistry(), now=NOW)
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
