"""People, teams, schedules and policies: what they are read as, stored as, and shown as."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.definitions.definition import Definitions, Snapshot
from healthmgr.definitions.formatting import format_text
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Conditions, Level, Named, Policy, TargetKind
from healthmgr.domain.person import Contact
from healthmgr.errors import DefinitionError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining
from healthmgr.storage.climbing_rows import ClimbingRows
from healthmgr.storage.definition_repository import DefinitionRepository
from healthmgr.storage.directory_rows import read_directory

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday
CHANNELS = """
channels:
  mail: {kind: email, config: {host: mail.example.com, from: alerts@example.com}}
  chat: {kind: slack, config: {url: "https://hooks.slack.com/services/T0/B0/x"}}
  pager: {kind: pagerduty, config: {integration_key: 0123456789abcdef0123456789abcdef}}
"""
WHOLE = f"""version: 1
{CHANNELS}
people:
  alice:
    name: Alice
    timezone: Europe/Berlin
    contacts:
    - {{via: chat, to: "@alice"}}
    - {{via: mail, to: alice@example.com, after: 2m}}
    - {{via: mail, to: alice@home.example.com, after: 5m}}
    quiet_hours:
    - {{hours: [{{times: [{{start_time: "22:00", end_time: "24:00"}}]}}, weekend], severities: [low, medium]}}
  bob: {{contacts: {{mail: bob@example.com}}}}
recipients:
  ops: {{contacts: {{mail: ops@example.com}}}}
teams:
  web: [alice, bob]
  everybody: {{members: [alice, bob, ops]}}
schedules:
  primary:
    timezone: Europe/Berlin
    layers:
    - name: weekly
      rotation: {{type: weekly, start: "2026-01-05 09:00", members: [alice, bob]}}
    - {{name: weekend, priority: 2, people: ops, hours: {{weekdays: ["saturday:sunday"]}}, from: "2026-01-01"}}
  calendar: {{ical: {{primary: "https://calendar.example.com/${{CALENDAR}}.ics"}}}}
escalation_policies:
  standard:
    levels:
    - {{name: L1, to: schedule:primary}}
    - to: [team:web, channel:chat]
      after: 5m
      via: mail
      when: {{severity: [critical], during: weekend, alerts: "> 2"}}
    - {{to: alice}}
    repeat: 2
time_windows:
  weekend: {{weekdays: ["saturday:sunday"]}}
receivers:
  shop: {{to: ops, via: mail, escalation: standard}}
routing:
  routes:
  - {{matchers: service=shop, receiver: shop}}
  - {{matchers: service=web, escalation: standard}}
  default: {{to: ops, via: mail}}
"""
SPEC = f"""
{CHANNELS}
recipients: {{ops: {{contacts: {{mail: ops@example.com}}}}}}
escalationRules:
- id: critical-escalation-l3
  severity: critical
  level: L3_SENIOR
  delayMinutes: 15
  channels: [PAGERDUTY]
  recipients: [senior-engineering@company.com]
- id: critical-immediate
  severity: CRITICAL
  level: L2_ENGINEERING
  delayMinutes: 0
  channels: [EMAIL, PAGERDUTY]
  recipients: [engineering-oncall@company.com]
"""
DEFAULT = "routing: {default: {to: ops, via: mail}}\n"

Read = Callable[..., Definitions]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def complete_text(content: str, *, delay: timedelta = timedelta(minutes=10)) -> Definitions:
        path = tmp_path / "f.yaml"
        path.write_text(content if content.startswith("version") else f"version: 1\n{content}", encoding="utf-8")
        draft = read_draft(path, Registry.load(), {"CALENDAR": "x"}, Fallbacks(escalation_delay=delay))
        return complete(draft, Snapshot(), Registry.load(), default_delay=delay, now=NOW)

    return complete_text


@pytest.fixture
def defining(engine: Engine) -> Defining:
    return Defining(DefinitionRepository(engine), Registry.load(), {"CALENDAR": "x"})


def person(name: str) -> Named:
    return Named(TargetKind.PERSON, name)


def test_a_person_has_contacts_in_their_order_and_the_first_of_each_channel_for_routes(read: Read) -> None:
    alice = read(WHOLE).recipients["alice"]
    assert alice.contact_plan == (
        Contact("chat", "@alice"),
        Contact("mail", "alice@example.com", timedelta(minutes=2)),
        Contact("mail", "alice@home.example.com", timedelta(minutes=5)),
    )
    assert alice.contacts == {"chat": "@alice", "mail": "alice@example.com"}
    assert read(WHOLE).recipients["bob"].contact_plan == ()


def test_quiet_hours_are_in_the_persons_zone_and_time_windows_keep_their_own(read: Read) -> None:
    found = read(WHOLE)
    (quiet,) = found.recipients["alice"].quiet
    assert quiet.severities == (Severity.LOW, Severity.MEDIUM)
    assert quiet.windows == ("weekend",), "by name: who edits the window edits these hours"
    own, window = quiet.within({"weekend": found.time_windows["weekend"].intervals}).hours
    assert (str(own.location), str(window.location)) == ("Europe/Berlin", "UTC")
    assert quiet.until(Severity.LOW, datetime(2026, 11, 24, 21, 30, tzinfo=UTC)) == datetime(
        2026, 11, 24, 23, 0, tzinfo=UTC
    )
    assert quiet.until(Severity.HIGH, datetime(2026, 11, 24, 21, 30, tzinfo=UTC)) is None


def test_a_policys_levels_wait_as_they_say_or_as_the_settings_do(read: Read) -> None:
    policy = read(WHOLE, delay=timedelta(minutes=7)).escalation_policies["standard"].policy
    assert (policy.repeat, [level.delay for level in policy.levels]) == (
        2,
        [timedelta(minutes=7), timedelta(minutes=5), timedelta(minutes=7)],
    )
    second = policy.levels[1]
    assert [str(named) for named in second.targets] == ["team:web", "channel:chat"]
    assert second.when == Conditions((Severity.CRITICAL,), ("weekend",), 3)
    assert [level.name for level in policy.levels] == ["L1", "level 2", "level 3"]


def test_the_specs_rules_become_a_policy_on_the_routes_of_their_severity(read: Read) -> None:
    found = read(SPEC + DEFAULT)
    assert found.escalation_policies["rules-critical"].policy == Policy(
        "rules-critical",
        (
            Level(
                "critical-immediate",
                (person("engineering-oncall-company-com"), Named(TargetKind.CHANNEL, "pager")),
                timedelta(minutes=10),
                ("mail",),
            ),
            Level("critical-escalation-l3", (Named(TargetKind.CHANNEL, "pager"),), timedelta(minutes=15)),
        ),
    )
    made = found.recipients["engineering-oncall-company-com"]
    assert (made.display_name, made.contacts) == (
        "engineering-oncall@company.com",
        {"mail": "engineering-oncall@company.com"},
    )
    critical = found.routes["critical"].route
    assert (critical.escalation, [str(matcher) for matcher in critical.matchers]) == (
        "rules-critical",
        ['severity="critical"'],
    )
    assert found.routes["default"].route.escalation == ""
    assert found.warnings == ()


def test_rules_are_hung_beside_whom_a_route_tells_and_never_over_its_own_policy(read: Read) -> None:
    routes = """
routing:
  routes:
  - {matchers: [service=shop, severity=critical], to: ops, via: mail}
  - {matchers: [service=web, severity=critical], escalation: own}
  - {matchers: [service=bank], routes: [{matchers: severity=critical}, {matchers: severity=high}]}
  critical: {to: ops, via: mail}
  default: {to: ops, via: mail}
escalation_policies: {own: {levels: [{to: ops}]}}
"""
    found = read(SPEC + routes).routes
    policies = {name: definition.route.escalation for name, definition in found.items()}
    assert policies == {
        "service-shop-severity-critical": "rules-critical",
        "service-web-severity-critical": "own",
        "service-bank": "",
        "critical": "rules-critical",
        "default": "",
    }
    assert found["critical"].route.to == ("ops",)
    below = found["service-bank"].route.routes
    assert [route.escalation for route in below] == ["rules-critical", ""]


def test_a_rules_address_is_whoever_has_it_already(read: Read) -> None:
    found = read(SPEC.replace("engineering-oncall@company.com", "ops@example.com") + DEFAULT)
    assert set(found.recipients) == {"ops"}
    assert found.escalation_policies["rules-critical"].policy.levels[0].targets[0] == person("ops")


def test_rules_may_name_teams_and_schedules(read: Read) -> None:
    rest = "teams: {web: [ops]}\nschedules: {primary: {layers: {people: ops}}}\n"
    named = SPEC.replace("[engineering-oncall@company.com]", "[web, 'schedule:primary', ops]")
    level = read(named + rest + DEFAULT).escalation_policies["rules-critical"].policy.levels[0]
    assert [str(target) for target in level.targets[:3]] == ["team:web", "schedule:primary", "person:ops"]


def test_the_first_rule_waits_its_delay_as_the_others_do(read: Read) -> None:
    later = SPEC.replace("delayMinutes: 0", "delayMinutes: 5")
    found = read(later + DEFAULT)
    policy = found.escalation_policies["rules-critical"].policy
    assert (policy.begins_after, policy.levels[1].delay) == (timedelta(minutes=5), timedelta(minutes=10))
    assert found.warnings == ()


def test_a_first_level_waits_only_where_its_policy_says_so(read: Read) -> None:
    levels = "escalation_policies: {calm: {levels: [{to: ops, after: 5m}], repeat: 1}, prompt: {levels: [{to: ops}]}}\n"
    found = read(CHANNELS + "recipients: {ops: {contacts: {mail: ops@example.com}}}\n" + levels + DEFAULT)
    calm, prompt = (found.escalation_policies[name].policy for name in ("calm", "prompt"))
    assert (calm.begins_after, calm.lap_delay) == (timedelta(minutes=5), timedelta(minutes=5))
    assert (prompt.begins_after, prompt.lap_delay) == (timedelta(0), timedelta(minutes=10))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("{people: ops}", None),
        ("{type: weekly, start: '2026-01-05 09:00', members: [ops]}", None),
        (
            "{people: ops, hours: {weekdays: ['monday:saturday']}}",
            "from 2026-11-29 00:00 to 2026-11-30 00:00 (Europe/Berlin), and 3 more times",
        ),
        (
            "{type: weekly, start: '2026-12-01 09:00', members: [ops]}",
            "nobody on call from 2026-11-24 10:00 to 2026-12-01 09:00 (Europe/Berlin)",
        ),
        ("{people: ops, to: '2026-12-20'}", "from 2026-12-20 00:00 to 2026-12-24 10:00"),
        ("[{people: ops, hours: {weekdays: ['monday:saturday']}}, {people: ops, weekdays: [sunday]}]", None),
    ],
)
def test_a_gap_of_the_coming_month_is_warned_of(read: Read, layers: str, words: str | None) -> None:
    schedule = f"schedules: {{primary: {{timezone: Europe/Berlin, layers: {layers}}}}}\n"
    warnings = read(CHANNELS + schedule + "recipients: {ops: {contacts: {mail: a@b.example}}}\n" + DEFAULT).warnings
    assert [(w.path, words in w.message) for w in warnings if words] == ([("schedules.primary", True)] if words else [])
    assert len(warnings) == (words is not None)


def test_somebody_whom_a_level_misses_is_warned_of(read: Read) -> None:
    text = "teams: {web: [ops, ann]}\nescalation_policies: {std: {levels: [{to: team:web, via: mail}]}}\n"
    people = "people: {ann: {contacts: {chat: ''}}, ops: {contacts: {mail: a@b.example}}}\n"
    (warning,) = read(CHANNELS + people + text + DEFAULT).warnings
    assert (warning.path, warning.message) == (
        "escalation_policies.std.levels[0]",
        "does not reach 'ann', who cannot be reached over mail",
    )


def test_critical_things_that_wait_for_the_morning_are_warned_of(read: Read) -> None:
    quiet = "quietHours: {hours: {weekdays: [sunday]}, severities: critical}"
    people = f"people: {{ops: {{contacts: {{mail: a@b.example}}, {quiet}}}}}"
    (warning,) = read(CHANNELS + people + "\n" + DEFAULT).warnings
    assert (warning.path, "critical things wait" in warning.message) == ("people.ops.quiet_hours[0].severities", True)


def test_what_is_applied_is_stored_whole_and_the_same_file_changes_nothing(
    defining: Defining, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    applied = defining.apply(path, actor="ada", origin="cli", now=NOW)
    assert {"teams.web", "schedules.primary", "escalation_policies.standard", "recipients.alice"} < {*applied.created}
    again = defining.apply(path, actor="ada", origin="cli", now=NOW)
    assert (again.created, again.updated, again.disabled) == ((), (), ())
    assert defining.diff(path).changes == ()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT feeds FROM schedules WHERE name = 'calendar'")).scalar_one() == {
            "primary": "https://calendar.example.com/${CALENDAR}.ics"
        }
        rows = ClimbingRows(connection)
        on_call = rows.who_is(Named.parse("schedule:primary"), NOW)
        assert on_call == ("alice",) or on_call == ("bob",)
        assert rows.who_is(Named.parse("schedule:primary"), datetime(2026, 11, 28, 12, tzinfo=UTC)) == ("ops",)
        assert rows.who_is(Named.parse("team:web"), NOW) == ("alice", "bob")
        alice = rows.people(["alice"])["alice"]
        directory = read_directory(connection)
    assert [contact.address for contact in alice.contacts] == [
        "@alice",
        "alice@example.com",
        "alice@home.example.com",
    ]
    assert alice.quiet_until(Severity.LOW, datetime(2026, 11, 24, 22, 30, tzinfo=UTC)) is not None
    for service in ("shop", "web"):
        leg = directory.course({"service": service, "severity": "high"}).legs[-1]
        assert leg.policy == directory.policies["standard"]
        assert bool(leg.targets) == (service == "shop"), "a route with a policy alone tells nobody besides"
    tree = defining.tree()
    assert tree.directory.policies == directory.policies
    assert tree.directory.receivers == directory.receivers


def test_what_a_file_gives_up_is_gone_and_what_others_name_may_not_go(defining: Defining, tmp_path: Path) -> None:
    path, other = tmp_path / "f.yaml", tmp_path / "other.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    defining.apply(path, actor="ada", origin="cli", now=NOW)
    other.write_text("version: 1\nteams: {night: [bob]}\nescalation_policies: {n: {levels: [{to: team:web}]}}\n")
    defining.apply(other, actor="ada", origin="cli", now=NOW)
    without = WHOLE.replace("  web: [alice, bob]\n", "").replace("team:web", "team:everybody")
    path.write_text(without, encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"no longer defines 'web', which policy 'n' of file:other\.yaml names"):
        defining.apply(path, actor="ada", origin="cli", now=NOW)
    other.write_text("version: 1\n")
    assert defining.apply(other, actor="ada", origin="cli", now=NOW).disabled == (
        "teams.night",
        "escalation_policies.n",
    )
    assert defining.apply(path, actor="ada", origin="cli", now=NOW).disabled == ("teams.web",)


def test_a_difference_is_shown_in_the_words_of_the_file(defining: Defining, tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    defining.apply(path, actor="ada", origin="cli", now=NOW)
    changed = (
        WHOLE.replace("after: 2m", "after: 3m").replace("repeat: 2", "repeat: 3").replace("[alice, bob]\n", "[bob]\n")
    )
    path.write_text(changed, encoding="utf-8")
    fields = {(change.name, f.field): (f.old, f.new) for change in defining.diff(path).changes for f in change.fields}
    assert fields[("escalation_policies.standard", "repeat")] == ("2", "3")
    assert fields[("teams.web", "members")] == ("'alice', 'bob'", "'bob'")
    old, new = fields[("recipients.alice", "contacts")]
    assert ("after 2m" in old, "after 3m" in new) == (True, True)


def test_fmt_puts_people_and_policies_into_their_usual_words_and_keeps_what_they_mean(read: Read) -> None:
    written = (
        """version: 1
escalation:
  std:
    repeat: 1   # once more
    levels:
    - {to: ops, delay: 600000, when: {atLeast: 3}}
people:
  ops:
    quietHours: {hours: {weekdays: [sunday]}}
    timeZone: Europe/Berlin
    contacts: [{via: mail, to: a@b.example, after: 120000}]
"""
        + CHANNELS
        + DEFAULT
    )
    formatted = format_text(written, "f.yaml")
    for words in ("escalation_policies:", "after: 10m", "at_least: 3", "# once more", "quiet_hours:", "after: 2m"):
        assert words in formatted
    for words in ("timeZone", "delay:", "quietHours"):
        assert words not in formatted
    assert formatted.index("people:") < formatted.index("escalation_policies:") < formatted.index("routing:")
    before, after = read(written), read(formatted)
    assert (before.recipients, before.escalation_policies) == (after.recipients, after.escalation_policies)
    assert format_text(formatted, "f.yaml") == formatted


def test_files_share_people_under_either_name_and_their_rules_follow_each_other(read: Read, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        "version: 1\npeople: {ann: {contacts: {mail: ann@example.com}}}\n"
        "escalation_rules: [{severity: high, level: l1_support, channels: email, recipients: ann}]\n",
        encoding="utf-8",
    )
    spec = SPEC.replace("escalationRules", "escalation_rules")
    found = read("include: [more.yaml]\n" + spec + DEFAULT)
    assert {"ops", "ann"} < set(found.recipients)
    assert set(found.escalation_policies) == {"rules-critical", "rules-high"}


def test_the_same_policy_is_read_whichever_way_it_is_written(read: Read) -> None:
    long = "escalation_policies: {std: {levels: [{to: [ops], when: {severity: [high], at_least: 3}}]}}\n"
    short = "escalationPolicies: {std: {levels: [{to: ops, when: {severity: HIGH, alerts: '>= 3'}}]}}\n"
    people = "recipients: {ops: {contacts: {mail: a@b.example}}}\n"
    one, other = (read(CHANNELS + people + text + DEFAULT).escalation_policies for text in (long, short))
    assert one == other


def test_the_example_of_the_readme_is_valid(project_root: Path, read: Read) -> None:
    section = (project_root / "README.md").read_text(encoding="utf-8").split("## Who is on call\n")[1].split("\n## ")[0]
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)]
    blocks = [block for block in blocks if not block.startswith("healthmgr ")]  # those are for a terminal
    channels = """
channels:
  inbox: {kind: email, config: {host: mail.example.com, from: alerts@example.com}}
  chat: {kind: slack, config: {url: "https://hooks.slack.com/services/T0/B0/x"}}
  text: {kind: sms, config: {account_sid: ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, auth_token: x, from: "+15005550006"}}
recipients: {operations: {contacts: {inbox: operations@example.com}}}
"""
    found = read(channels + "".join(blocks))
    assert set(found.escalation_policies) == {"standard", "rules-critical"}
    assert {"alice", "bob", "operations", "oncall-example-com"} == set(found.recipients)
    assert found.warnings == ()
