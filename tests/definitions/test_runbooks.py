"""Runbooks as people write them: in full, in short, and in the words of the procedures that they had before."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthmgr.definitions.definition import Definitions, RunbookDefinition, Snapshot, Stored
from healthmgr.definitions.describing import facts_of
from healthmgr.definitions.difference import compare
from healthmgr.definitions.formatting import format_text
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.runbook import (
    ApprovalRule,
    Automation,
    BlastRadius,
    OnFailure,
    Rails,
    Runbook,
    Step,
    Trigger,
)
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from tests.definitions.plugins import TestRegistry
from tests.domain.runbook_strategies import lines, runbooks, values

REST = """\
version: 1
channels: {post: {kind: letter, config: {host: h}}, bell: {kind: bell, config: {host: h}}}
people: {ann: {contacts: {post: a@b}}, bob: {contacts: {post: b@b}}}
teams: {web: [ann, bob]}
routing: {default: {to: ann, via: post}}
"""
SHOP = "checks: {shop: {kind: door, config: {url: x}, recovery_procedure: restart-shop}}\n"


def read(path: Path, text: str, stored: Snapshot | None = None, registry: Any = None) -> Definitions:
    """A text beside what is stored."""
    path.write_text(text, encoding="utf-8")
    registry = registry or TestRegistry()
    return complete(read_draft(path, registry, {}, Fallbacks()), stored or Snapshot(), registry)


def book(path: Path, text: str, name: str = "restart-shop") -> Runbook:
    """The one runbook of a text."""
    return read(path, text).runbooks[name].runbook


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "f.yaml"


def test_a_runbook_says_all_that_it_can(path: Path) -> None:
    text = (
        REST
        + SHOP
        + """\
runbooks:
  restart-shop:
    name: Restart the shop
    description: Drains it first.
    automation: fully_automated
    team: web
    trigger: {checks: [shop], match: 'location=~"eu.*"', severity: [critical, high], on: soft 2}
    approval: {needed: 2, by: [team:web, ann], expires_after: 15m}
    limits:
      attempts: 3
      most: 5
      per: 1h
      cool_down: 5m
      target_cool_down: 2m
      breaker: 4
      blast_radius: {by: [service], most: 25%, keep_healthy: 1, canary: true}
    target: "{{ labels.host }}"
    parameters: {lever: main, force: 3}
    timeout: 5m
    verify: false
    steps:
      - id: drain
        name: Drain it
        kind: lever
        config: {name: "{{ parameters.lever }}", force: 2}
        timeout: 1m
        retries: 2
        retry_after: 10s
        on_failure: rollback
        when: severity == "critical"
        idempotent: true
        rollback:
          - {id: undrain, kind: lever, config: {name: up}}
      - {id: settle, kind: wait, config: {length: 10s}, on_failure: continue}
"""
    )
    assert book(path, text) == Runbook(
        name="restart-shop",
        title="Restart the shop",
        description="Drains it first.",
        automation=Automation.FULLY_AUTOMATED,
        team="web",
        trigger=Trigger(
            ("shop",), (Matcher("location", Operator.REGEX, "eu.*"),), (Severity.CRITICAL, Severity.HIGH), 2
        ),
        approval=ApprovalRule(2, ("team:web", "ann"), timedelta(minutes=15)),
        rails=Rails(
            3, 5, timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=2), 4,
            BlastRadius(("service",), None, 25.0, 1, is_canary_first=True),
        ),
        target="{{ labels.host }}",
        parameters={"lever": "main", "force": 3},
        timeout=timedelta(minutes=5),
        verifies=False,
        steps=(
            Step(
                "drain", "lever", "Drain it", {"name": "{{ parameters.lever }}", "force": 2}, timedelta(minutes=1), 2,
                timedelta(seconds=10), OnFailure.ROLLBACK, 'severity == "critical"', is_idempotent=True,
                rollback=(Step("undrain", "lever", config={"name": "up"}),),
            ),
            Step("settle", "wait", config={"length": "10s"}, on_failure=OnFailure.CONTINUE),
        ),
    )  # fmt: skip


def test_a_runbook_of_two_lines_asks_before_it_does_anything(path: Path) -> None:
    found = book(path, REST + SHOP + "runbooks:\n  restart-shop:\n    steps: [{lever: main}]\n")
    assert found == Runbook("restart-shop", (Step("lever", "lever", config={"name": "main"}),))
    assert found.automation is Automation.SEMI_AUTOMATED


def test_steps_are_written_in_short(path: Path) -> None:
    text = """\
runbooks:
  restart-shop:
    steps:
    - notification: Restarting {{ check }}
    - lever: {name: main, force: 2}
    - lever: main
      parameters: {force: 2}
      when: severity == "critical"
    - wait: 10s
    - {name: Pull it once more, lever: main}
"""
    steps = book(path, REST + SHOP + text).steps
    assert [(step.id, step.kind, step.config) for step in steps] == [
        ("notification", "notification", {"message": "Restarting {{ check }}"}),
        ("lever", "lever", {"name": "main", "force": 2}),
        ("lever-2", "lever", {"force": 2, "name": "main"}),
        ("wait", "wait", {"length": "10s"}),
        ("pull-it-once-more", "lever", {"name": "main"}),
    ]
    assert steps[2].when == 'severity == "critical"'


PROCEDURES = """\
version: 1
channels: {ops-slack: {kind: slack, config: {webhook_url: "https://hooks.slack.com/services/T/B/x"}}}
people: {ops: {contacts: {ops-slack: ""}}}
routing: {default: {to: ops, via: ops-slack}}
checks: {shop: {kind: tcp, config: {host: h, port: 80}, recoveryProcedure: service-restart}}
recoveryProcedures:
  - id: service-restart
    name: Service Restart Procedure
    description: Restart service and validate health
    automationLevel: semi_automated
    steps:
      - id: notify-restart
        name: Notify Restart
        type: notification
        action: Service restart initiated
        parameters: {channels: [slack]}
      - id: graceful-shutdown
        name: Graceful Shutdown
        type: api_call
        action: /api/service/shutdown
        parameters: {graceful: true, timeout: 30000}
      - id: restart-service
        name: Restart Service
        type: service_restart
        action: service-name
        parameters: {wait: true, expectedStatus: 1}
"""


def test_procedures_are_taken_over_as_they_are_written_elsewhere(path: Path) -> None:
    text = PROCEDURES.replace(", expectedStatus: 1", "")
    definitions = read(path, text, registry=Registry.load())
    found = definitions.runbooks["service-restart"].runbook
    assert (found.title, found.automation) == ("Service Restart Procedure", Automation.SEMI_AUTOMATED)
    assert [(step.id, step.name, step.kind, step.config) for step in found.steps] == [
        (
            "notify-restart",
            "Notify Restart",
            "notification",
            {"channels": ["ops-slack"], "message": "Service restart initiated"},  # the channels of the kind slack
        ),
        (
            "graceful-shutdown",
            "Graceful Shutdown",
            "api_call",
            {"parameters": {"graceful": True}, "timeout": 30000, "url": "/api/service/shutdown"},
        ),
        ("restart-service", "Restart Service", "service_restart", {"wait": True, "service": "service-name"}),
    ]
    assert found.steps[1].timeout == timedelta(seconds=35)  # milliseconds of the call, and a little more for the step
    assert [problem.message for problem in definitions.warnings] == [
        "calls a path of no address: say `base_url` in its config, as https://shop.example.com"
    ]


def test_what_a_kind_does_not_take_is_refused_where_it_is_written(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(path, PROCEDURES, registry=Registry.load())
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (26, "runbooks.service-restart.steps[2].parameters.expectedStatus")
    assert problem.message.startswith("is not a field here; there is ca_file, command, driver, ")


def test_procedures_of_several_files_stand_beside_each_other(tmp_path: Path) -> None:
    one = "recoveryProcedures:\n- {id: restart-shop, automationLevel: MANUAL, steps: [{lever: up}]}\n"
    two = "version: 1\nrecoveryProcedures:\n- {id: other, automation_level: manual, steps: [{lever: up}]}\n"
    (tmp_path / "one.yaml").write_text(REST + one)
    (tmp_path / "two.yaml").write_text(two)
    draft = read_draft(tmp_path, TestRegistry(), {}, Fallbacks())
    assert set(complete(draft, Snapshot(), TestRegistry()).runbooks) == {"restart-shop", "other"}


def test_what_is_filled_in_when_a_step_runs_is_not_judged_before(path: Path) -> None:
    step = '{kind: lever, config: {force: "{{ labels.force }}", name: "{{ steps.first.name }}-x"}}'
    text = f"runbooks:\n  restart-shop:\n    steps:\n    - {{id: first, lever: up}}\n    - {step}\n"
    assert book(path, REST + SHOP + text).steps[1].config["force"] == "{{ labels.force }}"


def test_a_rollback_speaks_of_its_own_step(path: Path) -> None:
    rollback = 'rollback: [{id: back, lever: "{{ steps.first.name }}"}, {lever: "{{ steps.back.name }}"}]'
    text = f"runbooks:\n  restart-shop:\n    steps:\n    - {{id: first, lever: up, {rollback}}}\n"
    assert [step.id for step in book(path, REST + SHOP + text).steps[0].rollback] == ["back", "lever"]


def test_a_check_may_name_a_runbook_of_another_file(path: Path) -> None:
    other = RunbookDefinition(Runbook("restart-shop", (Step("up", "lever"),)))
    stored = Snapshot(runbooks={"restart-shop": Stored(other, "file:other.yaml")})
    assert read(path, REST + SHOP, stored).warnings == ()


def test_a_runbook_belongs_to_the_file_that_defines_it(path: Path) -> None:
    other = RunbookDefinition(Runbook("restart-shop", (Step("up", "lever"),)))
    stored = Snapshot(runbooks={"restart-shop": Stored(other, "file:other.yaml")})
    with pytest.raises(DefinitionError, match=r"belongs to file:other\.yaml"):
        read(path, REST + SHOP + "runbooks: {restart-shop: {steps: [{lever: up}]}}\n", stored)


def test_a_team_stays_while_a_runbook_of_another_file_names_it(path: Path) -> None:
    other = RunbookDefinition(
        Runbook("fix", (Step("up", "lever"),), approval=ApprovalRule(approvers=("team:db",)), team="web")
    )
    stored = Snapshot(runbooks={"fix": Stored(other, "file:other.yaml")})
    with pytest.raises(DefinitionError) as caught:
        read(path, REST, stored)
    assert [problem.message for problem in caught.value.problems] == [
        "no longer defines 'db', which runbook 'fix' of file:other.yaml names"
    ]


def test_a_change_is_shown_field_by_field_in_the_words_of_the_file(path: Path) -> None:
    text = REST + SHOP + "runbooks: {restart-shop: {steps: [{id: pull, lever: {force: 1}}]}}\n"
    stored = Snapshot(runbooks={"restart-shop": Stored(read(path, text).runbooks["restart-shop"], "file:f.yaml")})
    changed = text.replace("force: 1", "force: 2").replace("restart-shop: {", "restart-shop: {limits: {per: 2h}, ")
    difference = compare(read(path, changed), stored)
    (change,) = [change for change in difference.changes if change.name == "runbooks.restart-shop"]
    assert [(field.field, field.old, field.new) for field in change.fields] == [
        ("steps.pull.config.force", "1", "2"),
        ("limits.per", "1h", "2h"),
    ]


def written(runbook: Runbook) -> dict[str, Any]:
    """A runbook as a file would say it."""

    def plain(value: Any) -> Any:
        if isinstance(value, timedelta):
            return format_duration(value)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if item is not None or key in runbook.parameters}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    def listed(steps: dict[str, Any]) -> list[Any]:
        return [
            {"id": step_id, **step, "rollback": listed(step["rollback"])} if step["rollback"]
            else {"id": step_id, **{key: value for key, value in step.items() if key != "rollback"}}
            for step_id, step in steps.items()
        ]  # fmt: skip

    facts = dict(facts_of(RunbookDefinition(runbook)))
    facts["steps"] = listed(facts["steps"])
    found: dict[str, Any] = plain(facts)
    return found


def _is_plain(value: Any) -> bool:
    text = json.dumps(value, ensure_ascii=False)
    return "{{" not in text and "${" not in text and "null" not in text


words = lines.filter(lambda text: _is_plain(text) and text == text.strip())
settings_of_levers = st.fixed_dictionaries(
    {"name": words, "force": st.integers(1, 9), "payload": st.dictionaries(words, values.filter(_is_plain), max_size=2)}
)


@st.composite
def sound(draw: Any) -> Runbook:
    """A runbook in which every step can be carried out, and that names nobody who is not there."""
    runbook: Runbook = draw(runbooks)

    def mended(step: Step, number: str) -> Step:
        undoing = tuple(mended(each, f"{number}-{index}") for index, each in enumerate(step.rollback))
        return replace(
            step, id=f"s{number}", kind="lever", name=draw(words), config=draw(settings_of_levers), is_idempotent=True,
            timeout=min(step.timeout, timedelta(seconds=9)), rollback=undoing,
        )  # fmt: skip

    share = draw(st.none() | st.integers(1, 400).map(lambda quarters: quarters / 4))
    radius = replace(runbook.rails.blast_radius, most_percent=share, most=None if share else 2)
    return replace(
        runbook,
        rails=replace(runbook.rails, blast_radius=radius),
        steps=tuple(mended(step, str(index)) for index, step in enumerate(runbook.steps)),
        title=draw(words),
        description=draw(words),
        trigger=replace(runbook.trigger, checks=()),
        parameters=draw(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), values.filter(_is_plain))),
        target=draw(words),
        timeout=draw(st.none() | st.just(timedelta(minutes=7))),
        approval=replace(runbook.approval, needed=1, approvers=draw(st.sampled_from([(), ("ann", "team:web")]))),
        team=draw(st.sampled_from(["", "web"])),
    )


@given(sound())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_file_says_of_a_runbook_is_the_runbook_also_once_it_is_formatted(
    tmp_path: Path, runbook: Runbook
) -> None:
    text = REST + "runbooks:\n  " + json.dumps({runbook.name: written(runbook)}, ensure_ascii=False)[1:-1] + "\n"
    path = tmp_path / "f.yaml"
    assert book(path, text, runbook.name) == runbook
    usual = format_text(text, "f.yaml")
    assert book(path, usual, runbook.name) == runbook
    assert format_text(usual, "f.yaml") == usual


def test_the_usual_form_keeps_what_a_plugin_is_told_as_it_is(path: Path) -> None:
    text = """\
version: 1

recovery_procedures:
  fix:
    steps:
      - type: lever   # the big one
        parameters: {timeout: 60000, graceOnly: 5, retryAfter: 1}
        retryAfter: 90s
        onFailure: continue
    automationLevel: manual
    timeout: 300000
"""
    assert format_text(text, "f.yaml") == (
        """\
version: 1

runbooks:
  fix:
    automation: manual
    timeout: 5m
    steps:
      - kind: lever   # the big one
        parameters: {timeout: 60000, graceOnly: 5, retryAfter: 1}
        retry_after: 1m30s
        on_failure: continue
"""
    )


def test_the_runbook_of_the_readme_is_sound(path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Runbooks\n", 1)[1].split("\n## ", 1)[0]
    example = section[section.index("    runbooks:") :].split("\n\n", 1)[0]
    text = (
        "version: 1\n"
        'channels: {chat: {kind: slack, config: {webhook_url: "https://hooks.slack.com/services/T/B/x"}}}\n'
        'people: {ada: {contacts: {chat: ""}}}\nteams: {web: [ada]}\nrouting: {default: {to: ada, via: chat}}\n'
        "checks: {shop: {kind: tcp, config: {host: h, port: 80}, recovery_procedure: restart-shop}}\n"
    )
    definitions = read(path, text + textwrap.dedent(example) + "\n", registry=Registry.load())
    assert definitions.warnings == ()
    found = definitions.runbooks["restart-shop"].runbook
    assert (found.trigger.attempt, found.approval.approvers) == (2, ("team:web", "ada"))
    assert [step.kind for step in found.steps] == [
        "notification",
        "load_balancer",
        "service_restart",
        "verify",
        "load_balancer",
    ]
