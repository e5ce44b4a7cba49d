"""Bad definitions, one kind after the other: each is refused with file, line, field, and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining
from tests.definitions.frame import Bad, assert_refused, file_of
from tests.definitions.plugins import TestRegistry

# Every definition is put where %s stands in its frame; its first line is line 2 of the file.
CHECK = "checks:\n  a:\n    kind: door\n    config: {url: x}\n    "

KINDS: dict[str, Bad] = {
    # YAML
    "unclosed list": ("checks: [a\n", 3, "", "is not valid YAML"),
    "unclosed quote": ("checks: {a: 'x}\n", 6, "", "is not valid YAML"),
    "tab": ("checks:\n\ta: {}\n", 3, "", "indent with spaces"),
    "bad indentation": ("checks:\n   a: {}\n  b: {}\n", 4, "", "is not valid YAML"),
    "reference in braces": ("checks: {a: ${X}}\n", 2, "", 'write "${VAR}" in quotes'),
    "second document": ("---\nchecks: {}\n", 2, "", "second document"),
    "tag": ("checks: !!python/object:os.system {}\n", 2, "checks", "tags are not used here"),
    "unknown anchor": ("checks: *nobody\n", 2, "", "*nobody refers to"),
    "alias to itself": ("checks: &a {b: *a}\n", 2, "", "refers to itself"),
    "mapping as a key": ("checks: {{a: b}: c}\n", 2, "", "a key is one word"),
    "merge of text": ("checks: {<<: x}\n", 2, "checks.<<", "takes a mapping"),
    "control character": ("checks: \x07\n", 2, "", "does not allow"),
    "nul": ('checks: {a: {kind: "d\\0"}}\n', 2, "checks.a.kind", "cannot be stored"),
    "huge number": (CHECK + "max_attempts: 1e999\n", 6, "checks.a.max_attempts", "too large a number"),
    "key twice": (CHECK + "name: x\n    name: y\n", 7, "checks.a.name", "is written twice, first in line 6"),
    "check twice": ("checks:\n  a: {kind: door, config: {url: x}}\n  a: {}\n", 4, "checks.a", "is written twice"),
    "nested too deep": ("checks: " + "[" * 40 + "]" * 40 + "\n", 2, "", "nested deeper than 32"),
    # the file
    "unknown section": ("chekcs: {}\n", 2, "chekcs", "did you mean 'checks'?"),
    "section that is a list": ("checks: [a]\n", 2, "checks", "expected a mapping"),
    "section that is text": ("checks: all\n", 2, "checks", "expected a mapping"),
    "defaults as a list": ("defaults: [a]\n", 2, "defaults", "expected a mapping"),
    "include of nothing": ("include: nowhere.yaml\n", 2, "include", "there is no file"),
    "unknown set": ("use: {twikitt: {}}\n", 2, "use.twikitt", "did you mean 'twikit'?"),
    # checks
    "no kind": ("checks:\n  a: {config: {url: x}}\n", 3, "checks.a.kind", "is required"),
    "unknown kind": ("checks:\n  a: {kind: dor}\n", 3, "checks.a.kind", "There is no plugin 'dor'"),
    "check that is text": ("checks:\n  a: door\n", 3, "checks.a", "expected a mapping"),
    "upper-case name": ("checks:\n  Shop: {kind: door}\n", 3, "checks.Shop", "should be lower-case"),
    "long name": (f"checks:\n  {'a' * 64}: {{kind: door}}\n", 3, f"checks.{'a' * 64}", "63 at most"),
    "unknown field": (CHECK + "intervall: 5s\n", 6, "checks.a.intervall", "did you mean 'interval'?"),
    "setting that is missing": (
        "checks:\n  a:\n    kind: door\n    config: {}\n",
        5,
        "checks.a.config.url",
        "is required",
    ),
    "unknown setting": (CHECK.replace("x}", "x, ulr: y}") + "\n", 5, "checks.a.config.ulr", "is not a field here"),
    "setting out of bounds": (
        CHECK.replace("x}", "x, port: 0}") + "\n",
        5,
        "checks.a.config.port",
        "at least 1, found 0",
    ),
    "setting of a wrong sort": (
        CHECK.replace("x}", "x, codes: 5}") + "\n",
        5,
        "checks.a.config.codes",
        "expected a list",
    ),
    "reference that is not set": (CHECK.replace("x}", "'${NONE}'}") + "\n", 5, "checks.a.config.url", "needs NONE"),
    "config as a list": (
        "checks:\n  a:\n    kind: door\n    config: [x]\n",
        5,
        "checks.a.config",
        "expected a mapping",
    ),
    "length without a unit": (CHECK + "interval: 60\n", 6, "checks.a.interval", "write 60s for seconds"),
    "length in words": (CHECK + "interval: often\n", 6, "checks.a.interval", "such as 30s, 5m"),
    "interval too short": (CHECK + "interval: 100ms\n", 6, "checks.a.interval", "1s at least"),
    "interval too long": (CHECK + "interval: 400d\n", 6, "checks.a.interval", "366d at most"),
    "negative length": (CHECK + "timeout: -5s\n", 6, "checks.a.timeout", "is not a duration"),
    "timeout beyond interval": (
        CHECK + "interval: 5s\n    timeout: 5s\n",
        7,
        "checks.a.timeout",
        "must be less than the interval of 5s",
    ),
    "no attempts": (CHECK + "max_attempts: 0\n", 6, "checks.a.max_attempts", "at least 1, found 0"),
    "attempts in words": (CHECK + "max_attempts: three\n", 6, "checks.a.max_attempts", "expected a whole number"),
    "half an attempt": (CHECK + "max_attempts: 1.5\n", 6, "checks.a.max_attempts", "whole number"),
    "attempts and retries": (CHECK + "max_attempts: 3\n    retries: 2\n", 7, "checks.a.retries", "keep one of them"),
    "unknown severity": (CHECK + "severity: urgent\n", 6, "checks.a.severity", "critical, high, medium or low"),
    "enabled in words": (CHECK + "enabled: perhaps\n", 6, "checks.a.enabled", "expected true or false"),
    "two lines for one": (CHECK + 'name: "a\\nb"\n', 6, "checks.a.name", "one line of text"),
    "number for text": (CHECK + "name: 5\n", 6, "checks.a.name", "write it in quotes"),
    "label of our own": (CHECK + "labels: {severity: x}\n", 6, "checks.a.labels.severity", "choose another name"),
    "bad label": (CHECK + "labels: {a b: x}\n", 6, "checks.a.labels.a b", "a label's name is"),
    "runbook that is no address": (CHECK + "runbook: wiki\n", 6, "checks.a.runbook", "https://"),
    "category": (CHECK + "category: My Own\n", 6, "checks.a.category", "lower-case words"),
    "limit in words": (
        CHECK + "thresholds: {warning: {x: much}}\n",
        6,
        "checks.a.thresholds.warning.x",
        "is not an amount",
    ),
    "limit without a unit": (
        CHECK + "thresholds: {warning: {response_time: 5}}\n",
        6,
        "checks.a.thresholds.warning.response_time",
        'write "5s"',
    ),
    "limit with a strange unit": (
        CHECK + "thresholds: {critical: {x: 5 parsecs}}\n",
        6,
        "checks.a.thresholds.critical.x",
        "is not an amount",
    ),
    "unknown level": (
        CHECK + "thresholds: {fatal: {x: 1}}\n",
        6,
        "checks.a.thresholds.fatal",
        "there is critical, warning",
    ),
    "warning behind critical": (
        CHECK + "thresholds: {warning: {x: 10}, critical: {x: 5}}\n",
        6,
        "checks.a.thresholds.warning.x",
        "can never be reached: critical (> 5)",
    ),
    "hit rate the wrong way round": (
        CHECK + "thresholds: {warning: {hit_rate: 80}, critical: {hit_rate: 60}}\n",
        6,
        "checks.a.thresholds.warning.hit_rate",
        'where a low value is bad, write "< ..." for both',
    ),
    "dependency on nobody": (CHECK + "depends_on: 5\n", 6, "checks.a.depends_on", "expected a list"),
    "dependency twice": (
        CHECK + "depends_on: [b, b]\n  b: {kind: door, config: {url: x}}\n",
        6,
        "checks.a.depends_on[1]",
        "twice",
    ),
    "dependency on itself": (CHECK + "depends_on: a\n", 6, "checks.a.depends_on", "a -> a"),
    "cycle": (
        CHECK + "depends_on: b\n  b: {kind: door, config: {url: x}, depends_on: a}\n",
        6,
        "checks.a.depends_on",
        "a -> b -> a",
    ),
    "dependency with an unknown field": (
        CHECK + "depends_on: [{check: b, group: g}]\n  b: {kind: door, config: {url: x}}\n",
        6,
        "checks.a.depends_on[0].group",
        "there is check, redundancy_group",
    ),
    # the other spelling
    "both spellings": (
        CHECK + "retryInterval: 5s\n    retry_interval: 5s\n",
        6,
        "checks.a.retryInterval",
        "the same as",
    ),
    "function in a file": (CHECK + "checkFunction: f\n", 6, "checks.a.checkFunction", "use `kind: python`"),
    "id": (CHECK + "id: a\n", 6, "checks.a.id", "the name above the check is its id"),
    "milliseconds or seconds": (CHECK + "timeout: 500\n", 6, "checks.a.timeout", "needs a unit"),
    # who is told
    "unknown channel kind": ("channels: {x: {kind: leter}}\n", 2, "channels.x.kind", "no plugin 'leter'"),
    "channel setting": (
        "channels: {x: {kind: letter, config: {hots: h}}}\n",
        2,
        "channels.x.config.hots",
        "is not a field",
    ),
    "channel in no time": (
        "channels: {x: {kind: letter, config: {host: h}, max_concurrency: 0}}\n",
        2,
        "channels.x.max_concurrency",
        "at least 1",
    ),
    "recipient that is text": ("recipients: {x: me}\n", 2, "recipients.x", "expected a mapping"),
    "address that is not set": (
        "recipients: {x: {contacts: {post: '${NONE}'}}}\n",
        2,
        "recipients.x.contacts.post",
        "needs NONE",
    ),
    "address that is a list": (
        "recipients: {x: {contacts: {post: [a]}}}\n",
        2,
        "recipients.x.contacts.post",
        "expected text",
    ),
    "unknown severity to route": ("routing: {urgent: {to: ops, via: post}}\n", 2, "routing.urgent", "is no severity"),
    "nobody to route to": ("routing: {default: {to: [], via: post}}\n", 2, "routing.default.to", "reaches nobody"),
    "no way to route over": ("routing: {default: {to: ops}}\n", 2, "routing.default.via", "is required"),
    "no catch-all": ("routing: {high: {to: ops, via: post}}\n", 2, "routing", "add routing.default"),
    "repeat without a unit": (
        "routing: {default: {to: ops, via: post, repeat_interval: 30}}\n",
        2,
        "routing.default.repeat_interval",
        "needs a unit",
    ),
    "route that is a list": ("routing: {default: [ops]}\n", 2, "routing.default", "expected a mapping"),
}


def test_there_are_at_least_sixty_kinds() -> None:
    assert len(KINDS) >= 60


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.replace(" ", "-"))
def test_a_bad_definition_is_refused_with_its_place_and_what_was_expected(kind: str, tmp_path: Path) -> None:
    assert_refused(KINDS[kind], tmp_path / "f.yaml")


def test_what_the_bad_ones_are_made_of_is_good(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(file_of(CHECK + "interval: 5s\n"), encoding="utf-8")
    assert set(Defining(None, TestRegistry(), {}).validate(path).checks) == {"a"}


BARE_LENGTHS = {
    "period": ("kind: heartbeat\n    config:\n      period: 60\n", 6, "needs a unit, found 60: write 60s"),
    "grace": ("kind: heartbeat\n    config: {period: 1h, grace: 5000}\n", 5, "needs a unit, found 5000: write 5000s"),
    "gap": ("kind: icmp\n    config: {host: example.com, gap: 0.5}\n", 5, "needs a unit, found 0.5: write 0.5s"),
    "ping_timeout": (
        "kind: celery\n    config: {broker_url: 'redis://x/0', ping_timeout: 2}\n",
        5,
        "needs a unit, found 2",
    ),
}


@pytest.mark.parametrize("field", BARE_LENGTHS)
def test_a_length_of_a_built_in_kind_needs_its_unit_as_every_length_does(field: str, tmp_path: Path) -> None:
    text, line, words = BARE_LENGTHS[field]
    path = tmp_path / "f.yaml"
    path.write_text(file_of(f"checks:\n  a:\n    {text}"), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        Defining(None, Registry.load(), {}).validate(path)
    found = [p for p in caught.value.problems if p.path == f"checks.a.config.{field}"]
    assert [(p.line, words in p.message) for p in found] == [(line, True)], caught.value.problems
