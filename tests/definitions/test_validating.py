from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from healthmgr.definitions.definition import CheckDefinition, Definitions
from healthmgr.domain.check import Severity
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.defining import Defining
from tests.definitions.plugins import ROUTED, TestRegistry

Read = Callable[..., Definitions]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Validates a text without a database; routed unless it routes itself."""

    def validate(text: str, **environ: str) -> Definitions:
        path = tmp_path / "f.yaml"
        path.write_text("version: 1\n" + text + ("" if "routing:" in text else ROUTED), encoding="utf-8")
        return Defining(None, TestRegistry(), environ).validate(path)

    return validate


@pytest.fixture
def problems(read: Read) -> Callable[..., dict[str, Problem]]:
    """Everything that is wrong with a text, by path."""

    def refuse(text: str, **environ: str) -> dict[str, Problem]:
        with pytest.raises(DefinitionError) as caught:
            read(text, **environ)
        return {problem.path: problem for problem in caught.value.problems}

    return refuse


def one(definitions: Definitions) -> CheckDefinition:
    (check,) = definitions.checks.values()
    return check


def test_a_check_that_says_little_gets_the_rest(read: Read) -> None:
    check = one(read("checks:\n  session-manager: {kind: door, config: {url: x}}"))
    assert check.name == "Session manager"
    assert (check.interval, check.timeout, check.retry_interval) == (
        timedelta(seconds=60),
        timedelta(seconds=10),
        timedelta(seconds=15),
    )
    assert (check.max_attempts, check.success_threshold, check.detects_flapping) == (3, 1, True)
    assert (check.severity, check.degraded_severity) == (Severity.HIGH, Severity.MEDIUM)


def test_a_critical_check_is_told_within_half_a_minute(read: Read) -> None:
    check = one(read("checks:\n  a: {kind: door, config: {url: x}, severity: critical}"))
    assert check.interval + (check.max_attempts - 1) * check.retry_interval + check.timeout < timedelta(seconds=30)
    assert check.degraded_severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("options", "timeout", "retry_interval"),
    [
        ("interval: 10s", 8.0, 10.0),
        ("interval: 5m", 10.0, 15.0),
        ("interval: 5s, retry_interval: 2s", 4.0, 2.0),
        ("severity: critical, interval: 2m", 10.0, 3.0),
        ("severity: critical, interval: 2s", 1.6, 2.0),
        ("severity: low, timeout: 59s", 59.0, 15.0),
    ],
)
def test_inherited_lengths_fit_the_interval(read: Read, options: str, timeout: float, retry_interval: float) -> None:
    check = one(read(f"checks:\n  a: {{kind: door, config: {{url: x}}, {options}}}"))
    assert (check.timeout.total_seconds(), check.retry_interval.total_seconds()) == (timeout, retry_interval)


def test_defaults_hold_where_a_check_says_nothing(read: Read) -> None:
    definitions = read(
        """
defaults: {interval: 20s, timeout: 30s, retries: 4, severity: low, labels: {team: core, zone: a}, category: service}
checks:
  a: {kind: door, config: {url: x}}
  b: {kind: door, config: {url: x}, max_attempts: 1, severity: CRITICAL, labels: {zone: b}, interval: 2m}
"""
    )
    a, b = definitions.checks["a"], definitions.checks["b"]
    assert (a.max_attempts, a.severity, a.labels, a.category) == (
        5,
        Severity.LOW,
        {"team": "core", "zone": "a"},
        "service",
    )
    assert a.timeout == timedelta(seconds=16), "a default that is too long is clamped"
    assert (b.max_attempts, b.severity, b.labels) == (1, Severity.CRITICAL, {"team": "core", "zone": "b"})
    assert b.timeout == timedelta(seconds=30)


def test_thresholds_are_kept_in_one_form(read: Read) -> None:
    check = one(
        read(
            "checks:\n  a: {kind: door, config: {url: x}, "
            "thresholds: {warning: {response_time: 1s, depth: 80}, critical: {response_time: '> 5s', hits: '< 60%'}}}"
        )
    )
    assert check.thresholds == {
        "warning": {"response_time": "> 1s", "depth": "> 80"},
        "critical": {"response_time": "> 5s", "hits": "< 60%"},
    }


def test_dependencies_may_be_alternatives(read: Read) -> None:
    definitions = read(
        """
checks:
  a: {kind: door, config: {url: x}, depends_on: [b, {check: c, redundancy_group: spare}]}
  b: {kind: door, config: {url: x}}
  c: {kind: door, config: {url: x}, depends_on: b}
"""
    )
    assert definitions.checks["a"].dependencies == {"b": "", "c": "spare"}
    assert definitions.checks["c"].dependencies == {"b": ""}


def test_routes_wait_by_severity_and_a_bell_needs_no_address(read: Read) -> None:
    definitions = read(
        """
channels: {post: {kind: letter, config: {host: h}}, door: {kind: bell, config: {host: h}}}
recipients: {ops: {name: Operations, contacts: {post: "ops@${DOMAIN}"}}}
routing:
  critical: {to: ops, via: [post, door]}
  high: {to: ops, via: post, group_wait: 1m, repeat_interval: 15m}
  default: {to: ops, via: post}
""",
        DOMAIN="example.com",
    )
    waits = {name: definition.route.options.group_wait for name, definition in definitions.routes.items()}
    assert waits == {"critical": None, "high": timedelta(seconds=60), "default": None}, "unset: by the alert's severity"
    assert definitions.routes["default"].route.options.cadence == timedelta(hours=4, minutes=5)
    assert definitions.recipients["ops"].contacts == {"post": "ops@example.com", "door": ""}


def test_references_are_stored_as_written_and_judged_as_resolved(read: Read) -> None:
    text = "checks:\n  a: {kind: door, config: {url: '${URL}', port: '${PORT:-1025}'}}"
    check = one(read(text, URL="http://x"))
    assert check.config == {"url": "${URL}", "port": "${PORT:-1025}"}


def test_a_secret_may_lie_in_a_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("8080\n")
    assert read(
        "checks:\n  a: {kind: door, config: {url: x, port: '${PORT}'}}", PORT_FILE=str(tmp_path / "port")
    ).checks


BROKEN = """
defaults: {intervall: 5s, severity: urgent}
channels:
  Post: {kind: letter, config: {host: h}}
  tin: {kind: leter}
  post: {kind: letter, config: {host: h, port: abc, form: x}}
recipients:
  ops: {name: 5, contacts: {post: ""}}
routing:
  urgent: {to: ops, via: post}
  high: {to: [], via: post}
  low: {to: ops, via: post, group_wait: -5s}
  medium: {to: ops}
checks:
  Bad_Slug: {kind: door, config: {url: x}}
  a:
    kind: door
    config: {url: x, port: 70000, codes: [1, x], extra: 1}
    interval: 60
    severity: hihg
    labels: {team: 5, check: x}
    runbook: wiki
    enabled: maybe
    success_threshold: 0
    category: Mixed Case
  b:
    kind: door
    config: {url: "${NOWHERE}"}
    interval: 10s
    timeout: 10s
    max_attempts: 3
    retries: 2
    thresholds: {critical: {response_time: "> 5", depth: much, responseTime: 5s}, fatal: {x: 1}}
    depends_on: [c, c]
  c: {config: {url: x}, depends_on: [b]}
  d: {kind: nothing}
  e: {kind: door, config: {url: x}, depends_on: [e]}
  f: 7
"""

EXPECTED = {
    "defaults.intervall": (3, "is not a field here; did you mean 'interval'?"),
    "defaults.severity": (3, "found 'urgent'"),
    "channels.Post": (5, "lower-case"),
    "channels.tin.kind": (6, "no plugin 'leter'"),
    "channels.post.config.port": (7, "expected a whole number, found 'abc'"),
    "channels.post.config.form": (7, "did you mean 'from'?"),
    "recipients.ops.name": (9, "expected text, found 5 (write it in quotes)"),
    "routing": (10, "catch-all"),
    "routing.urgent": (11, "is no severity"),
    "routing.high.to": (12, "reaches nobody"),
    "routing.low.group_wait": (13, "not a duration"),
    "routing.low.via": (13, "'ops' has no contact for channel 'post'"),
    "routing.medium.via": (14, "is required"),
    "checks.Bad_Slug": (16, "lower-case"),
    "checks.a.config.port": (19, "must be at most 65535, found 70000"),
    "checks.a.config.codes[1]": (19, "expected a whole number, found 'x'"),
    "checks.a.config.extra": (19, "is not a field here"),
    "checks.a.interval": (20, "write 60s"),
    "checks.a.severity": (21, "did you mean 'high'?"),
    "checks.a.labels.team": (22, "expected text, found 5"),
    "checks.a.labels.check": (22, "sets itself"),
    "checks.a.runbook": (23, "https://"),
    "checks.a.enabled": (24, "expected true or false, found 'maybe'"),
    "checks.a.success_threshold": (25, "must be at least 1, found 0"),
    "checks.a.category": (26, "lower-case"),
    "checks.b.config.url": (29, "needs NOWHERE (or NOWHERE_FILE)"),
    "checks.b.timeout": (31, "must be less than the interval of 10s, found 10s"),
    "checks.b.retries": (33, "keep one of them"),
    "checks.b.thresholds.critical.response_time": (34, 'write "5s"'),
    "checks.b.thresholds.critical.depth": (34, "'much' is not an amount"),
    "checks.b.thresholds.critical.responseTime": (34, "says the same as response_time"),
    "checks.b.thresholds.fatal": (34, "is not a field here"),
    "checks.b.depends_on[1]": (35, "names 'c' twice"),
    "checks.c.kind": (36, "is required"),
    "checks.d.kind": (37, "no plugin 'nothing'"),
    "checks.e.depends_on": (38, "depends on itself: e -> e"),
    "checks.f": (39, "expected a mapping"),
}


def test_everything_that_is_wrong_is_said_at_once_with_its_line(problems: Callable[..., dict[str, Problem]]) -> None:
    found = problems(BROKEN)
    assert {path: found[path].line if path in found else None for path in EXPECTED} == {
        path: line for path, (line, _) in EXPECTED.items()
    }
    for path, (_, words) in EXPECTED.items():
        assert words in found[path].message, path
    assert set(found) - set(EXPECTED) == set()
    assert all(problem.file.endswith("f.yaml") for problem in found.values())


def test_what_is_wrong_is_said_in_the_order_of_lines(read: Read) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(BROKEN)
    lines = [problem.line or 0 for problem in caught.value.problems]
    assert lines == sorted(lines)


def test_no_secret_is_ever_quoted(problems: Callable[..., dict[str, Problem]]) -> None:
    found = problems(
        "checks:\n"
        "  a: {kind: door, config: {url: x, port: '${PIN}', password: 12345678}}\n"
        "  b: {kind: door, config: {url: 5, codes: 'postgresql://u:hunter22@h/x'}}\n",
        PIN="topsecret",
    )
    told = "\n".join(str(problem) for problem in found.values())
    assert len(found) == 4
    assert "${PIN}" in told
    for secret in ("topsecret", "12345678", "hunter22"):
        assert secret not in told


def test_cycles_are_printed(problems: Callable[..., dict[str, Problem]]) -> None:
    found = problems(
        "checks:\n"
        "  a: {kind: door, config: {url: x}, depends_on: b}\n"
        "  b: {kind: door, config: {url: x}, depends_on: c}\n"
        "  c: {kind: door, config: {url: x}, depends_on: a}\n"
    )
    assert found["checks.a.depends_on"].message == "depends on itself: a -> b -> c -> a"


def test_chains_that_are_too_deep_are_refused(problems: Callable[..., dict[str, Problem]]) -> None:
    links = "".join(f"  c{n}: {{kind: door, config: {{url: x}}, depends_on: c{n + 1}}}\n" for n in range(257))
    found = problems(f"checks:\n{links}  c257: {{kind: door, config: {{url: x}}}}\n")
    assert "more than 256" in found["checks.c0.depends_on"].message


def test_without_a_database_other_files_names_are_warned_of(read: Read) -> None:
    definitions = read(
        "routing: {default: {to: elsewhere, via: there}}\n"
        "checks: {a: {kind: door, config: {url: x}, depends_on: network}}\n"
    )
    assert {warning.path for warning in definitions.warnings} == {
        "routing.default.to",
        "routing.default.via",
        "checks.a.depends_on[0]",
    }


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("version: 2\n")
    with pytest.raises(DefinitionError, match=r"f\.yaml:1: version: expected 1, found 2"):
        Defining(None, TestRegistry(), {}).validate(path)


@pytest.mark.parametrize("text", ["[]", "hello", "7"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError, match="should be a mapping"):
        Defining(None, TestRegistry(), {}).validate(path)
