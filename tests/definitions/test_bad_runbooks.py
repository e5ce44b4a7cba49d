"""Bad runbooks, one kind after the other: refused, or warned of, with line, field and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.definitions.definition import Definitions, Snapshot
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.errors import DefinitionError
from tests.definitions.plugins import TestRegistry

REST = """\
channels: {post: {kind: letter, config: {host: h}}, bell: {kind: bell, config: {host: h}}}
people: {ann: {contacts: {post: a@b}}, bob: {contacts: {post: b@b}}}
teams: {web: [ann, bob]}
routing: {default: {to: ann, via: post}}
checks: {shop: {kind: door, config: {url: x}}}
"""
BOOK = "runbooks:\n  fix:\n    automation: manual\n    "
STEPS = BOOK + "parameters: {service: shop}\n    steps:\n    - lever: up\n    - "
ONE = "    steps: [{lever: up}]\n"

AUTO = BOOK.replace("manual", "fully_automated")
NAMED = "checks: {{shop: {{kind: door, config: {{url: x}}, recovery_procedure: {}}}}}\n"

# what is written, the line, the field, and the message
KINDS: dict[str, tuple[str, int, str, str]] = {
    # the runbook
    "runbook that is text": ("runbooks:\n  fix: x\n", 3, "runbooks.fix", "expected a mapping (name: value), found 'x'"),
    "runbook in capitals": (
        "runbooks: {Fix: {}}\n",
        2,
        "runbooks.Fix",
        "should be lower-case letters, digits and hyphens, 63 at most, not beginning with a hyphen, found 'Fix'",
    ),
    "runbooks that are text": ("runbooks: x\n", 2, "runbooks", "expected a mapping (name: value), found 'x'"),
    "procedure without an id": (
        "recoveryProcedures:\n- {name: Fix, steps: [{lever: up}]}\n",
        3,
        "recoveryProcedures[0]",
        "needs an id, by which checks and people name it",
    ),
    "procedure twice": (
        (
            "recoveryProcedures:\n- {id: fix, automationLevel: manual, steps: [{lever: up}]}\n- {id: fix, steps: "
            "[{lever: up}]}\n"
        ),
        4,
        "recoveryProcedures[1]",
        "has the same id as the one in line 3: keep one of them",
    ),
    "both sections": (
        "runbooks: {}\nrecovery_procedures: []\n",
        3,
        "recovery_procedures",
        "says the same as runbooks: keep one of them",
    ),
    "unknown field": (
        BOOK + "trigers: {}\n" + ONE,
        5,
        "runbooks.fix.trigers",
        "is not a field here; did you mean 'trigger'?",
    ),
    "no steps": (BOOK + "steps: []\n", 5, "runbooks.fix.steps", "is empty: write at least one step, as {wait: 10s}"),
    "no steps at all": ("runbooks:\n  fix: {}\n", 3, "runbooks.fix.steps", "is required"),
    "automation": (
        BOOK.replace("manual", "magic") + "steps: [{lever: up}]\n",
        4,
        "runbooks.fix.automation",
        "expected manual, semi_automated or fully_automated, found 'magic'",
    ),
    "team": (BOOK + "team: wob\n" + ONE, 5, "runbooks.fix.team", "there is no team 'wob'; did you mean 'web'?"),
    "timeout without a unit": (
        BOOK + "timeout: 30\n" + ONE,
        5,
        "runbooks.fix.timeout",
        "needs a unit, found 30: write 30s for seconds, or 5m, 2h, 250ms",
    ),
    "verify": (BOOK + "verify: maybe\n" + ONE, 5, "runbooks.fix.verify", "expected true or false, found 'maybe'"),
    # trigger
    "trigger's unknown check": (
        BOOK + "trigger: {checks: [shpo]}\n" + ONE,
        5,
        "runbooks.fix.trigger.checks[0]",
        "there is no check 'shpo'; did you mean 'shop'?",
    ),
    "trigger's matcher": (
        BOOK + "trigger: {match: severity}\n" + ONE,
        5,
        "runbooks.fix.trigger.match",
        "'severity', character 9: write one of = != =~ !~ after the name of the label",
    ),
    "trigger's severity": (
        BOOK + "trigger: {severity: grave}\n" + ONE,
        5,
        "runbooks.fix.trigger.severity",
        "expected critical, high, medium or low, found 'grave'",
    ),
    "trigger's state": (
        BOOK + "trigger: {on: soft}\n" + ONE,
        5,
        "runbooks.fix.trigger.on",
        "expected hard, or the soft attempt as \"soft 2\", found 'soft'",
    ),
    "trigger's attempt": (
        BOOK + "trigger: {on: 2}\n" + ONE,
        5,
        "runbooks.fix.trigger.on",
        "expected hard, or the soft attempt as \"soft 2\", found '2'",
    ),
    "trigger's words": (
        BOOK + "trigger: {check: shop}\n" + ONE,
        5,
        "runbooks.fix.trigger.check",
        "is not a field here; did you mean 'checks'?",
    ),
    # approval
    "approval by a stranger": (
        BOOK + "approval: {by: [anne]}\n" + ONE,
        5,
        "runbooks.fix.approval.by[0]",
        "there is no recipient 'anne'; did you mean 'ann'?",
    ),
    "approval by an unknown team": (
        BOOK + "approval: {by: ['team:wob']}\n" + ONE,
        5,
        "runbooks.fix.approval.by[0]",
        "there is no team 'wob'; did you mean 'web'?",
    ),
    "approval by a schedule": (
        BOOK + "approval: {by: ['schedule:primary']}\n" + ONE,
        5,
        "runbooks.fix.approval.by[0]",
        "is a schedule: people and teams approve, written as ada and team:web",
    ),
    "approval by nonsense": (
        BOOK + "approval: {by: ['crew:web']}\n" + ONE,
        5,
        "runbooks.fix.approval.by[0]",
        (
            "'crew:web' is no target: write a person's name, or one of person, team, schedule, channel with a "
            "name, as team:web"
        ),
    ),
    "approval by too few": (
        BOOK + "approval: {needed: 3, by: ['team:web', ann]}\n" + ONE,
        5,
        "runbooks.fix.approval.needed",
        "needs 3 to agree, and only 2 may: name more, or need fewer",
    ),
    "approval by nobody": (
        BOOK + "approval: {needed: 0}\n" + ONE,
        5,
        "runbooks.fix.approval.needed",
        "must be at least 1, found 0",
    ),
    # limits
    "limits' share": (
        BOOK + "limits: {blast_radius: {most: 120%}}\n" + ONE,
        5,
        "runbooks.fix.limits.blast_radius.most",
        "expected a count such as 2, or a share of the group as \"25%\", found '120%'",
    ),
    "limits' words": (
        BOOK + "limits: {attempt: 3}\n" + ONE,
        5,
        "runbooks.fix.limits.attempt",
        "is not a field here; did you mean 'attempts'?",
    ),
    "limits' count": (
        BOOK + "limits: {attempts: 0}\n" + ONE,
        5,
        "runbooks.fix.limits.attempts",
        "must be at least 1, found 0",
    ),
    # parameters
    "parameter's name": (
        BOOK + "parameters: {'a b': 1}\n" + ONE,
        5,
        "runbooks.fix.parameters",
        "a parameter's name is letters, digits, _ and -, 63 at most, beginning with a letter or _, found 'a b'",
    ),
    "parameter without a value": (
        BOOK.replace("manual", "semi_automated") + "parameters: {service: }\n" + ONE,
        5,
        "runbooks.fix.parameters.service",
        "has no value, and nobody gives one when the runbook starts by itself: give it one here",
    ),
    "parameter that is a secret": (
        BOOK + 'parameters: {service: ["${SECRET}"]}\n' + ONE,
        5,
        "runbooks.fix.parameters.service[0]",
        "stays text when it is filled in: write placeholders and ${VAR} in the step's own config",
    ),
    "parameter that is a placeholder": (
        BOOK + 'parameters: {service: "{{ labels.host }}"}\n' + ONE,
        5,
        "runbooks.fix.parameters.service",
        "stays text when it is filled in: write placeholders and ${VAR} in the step's own config",
    ),
    # target
    "target's placeholder": (
        BOOK + 'target: "{{ host }}"\n' + ONE,
        5,
        "runbooks.fix.target",
        "nothing fills in {{ host }}: there is check, severity, labels, parameters, steps",
    ),
    "target of a step": (
        BOOK + 'target: "{{ steps.lever.x }}"\n' + ONE,
        5,
        "runbooks.fix.target",
        "speaks of step 'lever', which is not done by then: only earlier steps are known",
    ),
    # steps
    "step that is text": (
        STEPS + "lever\n",
        8,
        "runbooks.fix.steps[1]",
        "expected a mapping (name: value), found 'lever'",
    ),
    "step of an unknown kind": (
        STEPS + "{kind: leaver}\n",
        8,
        "runbooks.fix.steps[1].kind",
        "There is no plugin 'leaver'.",
    ),
    "short step of an unknown kind": (
        STEPS + "leaver: up\n",
        8,
        "runbooks.fix.steps[1].kind",
        "There is no plugin 'leaver'.",
    ),
    "step without a kind": (STEPS + "{name: x}\n", 8, "runbooks.fix.steps[1].kind", "is required"),
    "step's unknown field": (
        STEPS + "{kind: lever, retry: 1}\n",
        8,
        "runbooks.fix.steps[1].retry",
        "is not a field here; did you mean 'retries'?",
    ),
    "step with two kinds": (STEPS + "{lever: up, wait: 3s}\n", 8, "runbooks.fix.steps[1].kind", "is required"),
    "step's id": (
        STEPS + "{id: a b, lever: up}\n",
        8,
        "runbooks.fix.steps[1].id",
        "should be letters, digits, hyphens and underscores, 63 at most, found 'a b'",
    ),
    "step's id twice": (
        STEPS + "{id: lever, lever: up}\n",
        8,
        "runbooks.fix.steps[1].id",
        "is the id of the step in line 7 already: choose another",
    ),
    "step's settings": (
        STEPS + "{kind: lever, config: {force: 0}}\n",
        8,
        "runbooks.fix.steps[1].config.force",
        "must be at least 1, found 0",
    ),
    "step's unknown setting": (
        STEPS + "{kind: lever, config: {forse: 1}}\n",
        8,
        "runbooks.fix.steps[1].config.forse",
        "is not a field here; did you mean 'force'?",
    ),
    "short step's settings": (
        STEPS + "lever: {force: strong}\n",
        8,
        "runbooks.fix.steps[1].config.force",
        "expected a whole number, found 'strong'",
    ),
    "step's parameters": (
        STEPS + "{type: lever, parameters: {force: strong}}\n",
        8,
        "runbooks.fix.steps[1].parameters.force",
        "expected a whole number, found 'strong'",
    ),
    "step's action": (
        STEPS + "{kind: wait, action: [1]}\n",
        8,
        "runbooks.fix.steps[1].action",
        "expected text, found a list",
    ),
    "step's action twice": (
        STEPS + "{kind: lever, action: up, config: {name: up}}\n",
        8,
        "runbooks.fix.steps[1].action",
        "says the same as name: keep one of them",
    ),
    "step's config twice": (
        STEPS + "{kind: lever, config: {name: up}, parameters: {force: 1}}\n",
        8,
        "runbooks.fix.steps[1].parameters",
        "says the same as config: keep one of them",
    ),
    "step's missing setting": (
        STEPS + "{kind: notification}\n",
        8,
        "runbooks.fix.steps[1].config.message",
        "is required",
    ),
    "step's secret": (
        STEPS + '{kind: lever, action: "${LEVER}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "needs LEVER (or LEVER_FILE), which this environment does not set",
    ),
    "step's timeout": (
        STEPS + "{lever: up, timeout: 11m}\n",
        8,
        "runbooks.fix.steps[1].timeout",
        (
            "may take 11m, and the whole run 10m (the installation's timeout): shorten it, or give the runbook a "
            "longer one"
        ),
    ),
    "step's timeout above the run's": (
        "runbooks:\n  fix:\n    automation: manual\n    timeout: 20s\n    steps:\n    - {lever: up}\n",
        7,
        "runbooks.fix.steps[0].timeout",
        "may take 30s, and the whole run 20s (the runbook's timeout): shorten it, or give the runbook a longer one",
    ),
    "step's failure": (
        STEPS + "{lever: up, on_failure: retry}\n",
        8,
        "runbooks.fix.steps[1].on_failure",
        "expected stop, continue or rollback, found 'retry'",
    ),
    "step's retries": (
        STEPS + "{lever: up, retries: 11}\n",
        8,
        "runbooks.fix.steps[1].retries",
        "must be at most 10, found 11",
    ),
    "destructive step retried": (
        STEPS + "{lever: up, retries: 1}\n",
        8,
        "runbooks.fix.steps[1].retries",
        (
            "would do 'lever' twice after a failure, which can do harm: write `idempotent: true` beside it if "
            "that is safe, else leave it out"
        ),
    ),
    "rollback of a rollback": (
        STEPS + "{lever: up, rollback: [{lever: down, rollback: [{lever: up}]}]}\n",
        8,
        "runbooks.fix.steps[1].rollback[0].rollback",
        "stands within a rollback: what undoes a step is not undone itself",
    ),
    "rollback of an unknown kind": (
        STEPS + "{lever: up, rollback: [{kind: leaver}]}\n",
        8,
        "runbooks.fix.steps[1].rollback[0].kind",
        "There is no plugin 'leaver'.",
    ),
    # placeholders
    "placeholder in a fixed field": (
        STEPS + '{kind: lever, config: {statement: "{{ check }}"}}\n',
        8,
        "runbooks.fix.steps[1].config.statement",
        "may hold no placeholder: what is run is what stands in the definition, word by word",
    ),
    "placeholder in a name": (
        STEPS + '{kind: lever, config: {payload: {"{{ check }}": 1}}}\n',
        8,
        "runbooks.fix.steps[1].config.payload.{{ check }}",
        "a name may hold no placeholder: put it into a value",
    ),
    "placeholder with an expression": (
        STEPS + '{lever: "{{ check | upper }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "'{{ check | upper }}' is no placeholder: write a name such as {{ labels.host }}, without expressions",
    ),
    "placeholder that is not closed": (
        STEPS + '{lever: "{{ check"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "'{{' is not closed",
    ),
    "placeholder of nothing": (
        STEPS + '{lever: "{{ host }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "nothing fills in {{ host }}: there is check, severity, labels, parameters, steps",
    ),
    "placeholder of a map": (
        STEPS + '{lever: "{{ labels }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "{{ labels }} is many values: name one, as {{ labels.host }}",
    ),
    "placeholder with too much": (
        STEPS + '{lever: "{{ check.name }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "{{ check.name }} has no parts: write {{ check }}",
    ),
    "placeholder of an unknown parameter": (
        STEPS + '{type: lever, parameters: {names: [a, "{{ parameters.servce }}"]}}\n',
        8,
        "runbooks.fix.steps[1].parameters.names[1]",
        "there is no parameter 'servce'; did you mean 'service'?",
    ),
    "placeholder of an unknown step": (
        STEPS + '{lever: "{{ steps.levre.x }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "there is no step 'levre'; did you mean 'lever'?",
    ),
    "placeholder of a later step": (
        STEPS + '{lever: "{{ steps.last.x }}"}\n    - {id: last, lever: up}\n',
        8,
        "runbooks.fix.steps[1].action",
        "speaks of step 'last', which is not done by then: only earlier steps are known",
    ),
    "placeholder of itself": (
        STEPS + '{id: own, lever: "{{ steps.own.x }}"}\n',
        8,
        "runbooks.fix.steps[1].action",
        "speaks of step 'own', which is not done by then: only earlier steps are known",
    ),
    # conditions
    "condition that is none": (
        STEPS + '{lever: up, when: "severity labels"}\n',
        8,
        "runbooks.fix.steps[1].when",
        "'severity labels' is not an expression in CEL: extraneous input 'labels' expecting <EOF> (column 10)",
    ),
    "condition over nothing": (
        STEPS + '{lever: up, when: "state == 1"}\n',
        8,
        "runbooks.fix.steps[1].when",
        "there is no 'state' in 'state == 1'; there is check, labels, parameters, severity, steps",
    ),
    "condition over an unknown parameter": (
        STEPS + "{lever: up, when: \"parameters.servce == 'x'\"}\n",
        8,
        "runbooks.fix.steps[1].when",
        "there is no parameter 'servce'; did you mean 'service'?",
    ),
    "condition over a later step": (
        STEPS + "{lever: up, when: \"steps['last'].x == 1\"}\n    - {id: last, lever: up}\n",
        8,
        "runbooks.fix.steps[1].when",
        "speaks of step 'last', which is not done by then: only earlier steps are known",
    ),
    "condition that is too long": (
        STEPS + '{lever: up, when: "' + "severity == 'x' || " * 120 + 'true"}\n',
        8,
        "runbooks.fix.steps[1].when",
        "the expression has 2284 characters: 2048 at most",
    ),
    # what steps name
    "notification over an unknown channel": (
        STEPS + "{notification: x, parameters: {channels: [pots]}}\n",
        8,
        "runbooks.fix.steps[1].parameters.channels",
        "there is no channel of the name or kind 'pots'; did you mean 'post'?",
    ),
    "notification to a stranger": (
        STEPS + "{notification: x, parameters: {recipients: [anne]}}\n",
        8,
        "runbooks.fix.steps[1].parameters.recipients",
        "there is no recipient 'anne'; did you mean 'ann'?",
    ),
}

WARNINGS: dict[str, tuple[str, int, str, str]] = {
    "nothing starts it": (
        AUTO + "steps: [{lever: up}]\n",
        3,
        "runbooks.fix",
        (
            "starts by itself, but nothing starts it: name checks or labels under `trigger`, or say "
            "`recovery_procedure: fix` at a check"
        ),
    ),
    "manual with a trigger": (
        BOOK + "trigger: {checks: shop}\n" + ONE,
        5,
        "runbooks.fix.trigger",
        "starts nothing, for this runbook is manual: people start it",
    ),
    "nobody undoes": (
        BOOK + "steps: [{lever: up, on_failure: rollback}]\n",
        5,
        "runbooks.fix.steps[0].on_failure",
        "asks for a rollback, and no step says how it is undone: write `rollback` at one",
    ),
    "retries beyond the run": (
        BOOK + "timeout: 1m\n    steps: [{lever: up, idempotent: true, retries: 2}]\n",
        6,
        "runbooks.fix.steps[0].retries",
        "with 2 retries may take longer than the whole run, 1m",
    ),
    "soft attempt too late": (
        AUTO + "trigger: {checks: shop, on: soft 3}\n" + ONE,
        5,
        "runbooks.fix.trigger.on",
        "never starts it at soft attempt 3, for check 'shop' is hard at attempt 3: it starts when the state is hard",
    ),
    "soft attempt too late by name": (
        AUTO + "trigger: {on: Soft 3}\n" + ONE + NAMED.format("fix"),
        5,
        "runbooks.fix.trigger.on",
        "never starts it at soft attempt 3, for check 'shop' is hard at attempt 3: it starts when the state is hard",
    ),
    "trigger's misspelt label": (
        AUTO + "trigger: {match: servise=shop}\n" + ONE,
        5,
        "runbooks.fix.trigger.match",
        "no check has a label 'servise'; did you mean 'service'?",
    ),
    "radius by a misspelt label": (
        BOOK + "limits: {blast_radius: {by: servise}}\n" + ONE,
        5,
        "runbooks.fix.limits.blast_radius.by",
        "no check has a label 'servise'; did you mean 'service'?",
    ),
    "check that names no runbook": (
        BOOK + "steps: [{lever: up}]\n" + NAMED.format("fx"),
        6,
        "checks.shop.recovery_procedure",
        "no runbook 'fx' is defined; did you mean 'fix'?",
    ),
    "check that names no runbook at all": (
        NAMED.format("by-hand"),
        2,
        "checks.shop.recovery_procedure",
        "no runbook 'by-hand' is defined: people carry it out",
    ),
}


def judged(text: str, tmp_path: Path) -> Definitions:
    """A text beside an empty database."""
    sections = {line.split(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    rest = "".join(line + "\n" for line in REST.splitlines() if line.split(":")[0] not in sections)
    path = tmp_path / "f.yaml"
    path.write_text(f"version: 1\n{text}{rest}", encoding="utf-8")
    return complete(read_draft(path, TestRegistry(), {}, Fallbacks()), Snapshot(), TestRegistry())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.replace(" ", "-"))
def test_a_bad_runbook_is_refused_with_its_place_and_what_was_expected(kind: str, tmp_path: Path) -> None:
    text, line, field, message = KINDS[kind]
    with pytest.raises(DefinitionError) as caught:
        judged(text, tmp_path)
    said = [(problem.line, problem.path, problem.message) for problem in caught.value.problems]
    assert said[0] == (line, field, message)


@pytest.mark.parametrize("kind", WARNINGS, ids=lambda kind: kind.replace(" ", "-"))
def test_what_is_most_likely_not_meant_is_warned_of(kind: str, tmp_path: Path) -> None:
    text, line, field, message = WARNINGS[kind]
    warnings = [(problem.line, problem.path, problem.message) for problem in judged(text, tmp_path).warnings]
    assert warnings == [(line, field, message)]


def test_what_the_bad_ones_are_made_of_is_good(tmp_path: Path) -> None:
    good = (
        STEPS
        + '{lever: "{{ parameters.service }}", timeout: 5m, when: "severity == \'critical\'"}\n'
        + NAMED.format("fix")
    )
    assert judged(good, tmp_path).warnings == ()


def test_a_fault_of_one_runbook_hides_none_of_another(tmp_path: Path) -> None:
    text = "runbooks:\n  one: {steps: [{leaver: up}], team: wob}\n  two: {steps: []}\n"
    with pytest.raises(DefinitionError) as caught:
        judged(text, tmp_path)
    assert [problem.path for problem in caught.value.problems] == [
        "runbooks.one.steps[0].kind",
        "runbooks.one.team",
        "runbooks.two.steps",
    ]
