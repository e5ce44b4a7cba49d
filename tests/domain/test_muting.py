"""What keeps an alert from being told: the cases that Alertmanager publishes with its inhibition, and silences."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.muting import ActiveMaintenance, ActiveSilence, Inhibition, Muted, Mutes, Subject
from healthmgr.domain.notification import Reason
from tests.domain.making import NOW, uid

HOUR = timedelta(hours=1)


def alert(number: int = 1, **labels: str) -> Subject:
    return Subject(uid(number), labels, uid(100 + number))


def rule(source: str, target: str, *equal: str) -> Inhibition:
    return Inhibition("rule", tuple(parse_matchers(source)), tuple(parse_matchers(target)), equal)


# ---- Alertmanager's TestInhibitRuleHasEqual: only what fires is asked --------------------------------


@pytest.mark.parametrize(
    ("equal", "firing", "target", "is_muted"),
    [
        ((), [], {"a": "b"}, False),
        ((), [{"s": "1"}, {"s": "1", "x": "y"}], {"a": "b"}, True),
        (("a", "b"), [{"s": "1", "a": "1", "b": "2"}], {"a": "1", "b": "2"}, True),
        (("a", "b"), [{"s": "1", "a": "1", "b": "3"}, {"s": "1", "a": "2", "b": "2"}], {"a": "1", "b": "2"}, False),
        (("a",), [{"s": "1", "c": "3"}], {"a": "1"}, False),
        # A label that both lack is the same, and so is an empty one.
        (("a",), [{"s": "1"}], {"x": "1"}, True),
        (("a",), [{"s": "1", "a": ""}], {"x": "1"}, True),
        (("a",), [{"s": "1"}], {"a": "", "x": "1"}, True),
    ],
)
def test_a_source_mutes_only_where_all_equal_labels_are_the_same(equal, firing, target, is_muted):
    sources = [alert(2 + number, **labels) for number, labels in enumerate(firing)]
    subject = alert(1, **target)
    found = Inhibition("rule", tuple(parse_matchers('s="1"')), tuple(parse_matchers('s=""')), equal)
    assert (found.inhibitor(subject, [*sources, subject]) is not None) is is_muted


# ---- Alertmanager's TestInhibitRuleMatches: two rules, and a source that matches both sides ----------

RULES = (rule('s1="1"', 't1="1"', "e"), rule('s2="1"', 't2="1"', "e"))
FIRING = (alert(11, s1="1", t1="2", e="1"), alert(12, s2="1", t2="1", e="1"))


@pytest.mark.parametrize(
    ("labels", "is_muted"),
    [
        ({"t1": "1", "e": "1"}, True),
        ({"t2": "1", "e": "1"}, True),
        # It matches both sides, its source does not.
        ({"s1": "1", "t1": "1", "e": "1"}, True),
        # It matches both sides, and so does its source.
        ({"s2": "1", "t2": "1", "e": "1"}, False),
        ({"t1": "1", "e": "0"}, False),
        ({"t1": "0", "e": "1"}, False),
        ({}, False),
    ],
)
def test_one_that_matches_both_sides_mutes_no_other_that_does(labels, is_muted):
    subject = alert(1, **labels)
    muted = Mutes(inhibitions=RULES, firing=(*FIRING, subject)).judge(subject)
    assert muted == (Muted(Reason.INHIBITED, "rule") if is_muted else None)


def test_an_alert_never_mutes_itself():
    subject = alert(1, a="1")
    assert rule('a="1"', 'a="1"').inhibitor(subject, [subject]) is None
    assert rule('a="1"', 'a=~".*"').inhibitor(subject, [subject]) is None


def test_two_alerts_that_match_both_sides_are_both_told():
    one, other = alert(1, a="1"), alert(2, a="1")
    mutes = Mutes(inhibitions=(rule('a="1"', 'a="1"'),), firing=(one, other))
    assert [mutes.judge(subject) for subject in (one, other)] == [None, None]


# ---- silences and maintenance -----------------------------------------------------------------------


def silence(number: int, matchers: str, hours: float = 1) -> ActiveSilence:
    return ActiveSilence(uid(number), tuple(parse_matchers(matchers)), NOW + hours * HOUR)


def window(name: str, matchers: str, hours: float = 1, *covered: int) -> ActiveMaintenance:
    covering = frozenset(uid(100 + number) for number in covered)
    return ActiveMaintenance(name, tuple(parse_matchers(matchers)), NOW + hours * HOUR, covering)


@pytest.mark.parametrize(
    ("matchers", "is_muted"),
    [
        ('service="shop"', True),
        ('service="shop", env="prod"', False),
        ('env=""', True),
        ('service!="bank"', True),
        ('service=~"sh"', False),
        ('service=~"sh.*"', True),
    ],
)
def test_all_matchers_of_a_silence_have_to_fit(matchers, is_muted):
    assert (Mutes(silences=(silence(5, matchers),)).judge(alert(service="shop")) is not None) is is_muted


def test_of_several_silences_the_longest_is_named():
    mutes = Mutes(silences=(silence(5, 'a="1"', 1), silence(6, 'a="1"', 3), silence(7, 'a="1"', 2)))
    assert mutes.judge(alert(a="1")) == Muted(Reason.SILENCED, str(uid(6)), NOW + 3 * HOUR)


def test_a_silence_is_named_before_a_window_and_that_before_another_alert():
    subject, source = alert(1, a="1"), alert(2, b="1")
    inhibition = rule('b="1"', 'a="1"')
    everything = Mutes((silence(5, 'a="1"'),), (window("w", 'a="1"', 9),), (inhibition,), (source,))
    assert everything.judge(subject) == Muted(Reason.SILENCED, str(uid(5)), NOW + HOUR)
    windows = Mutes((), (window("w", 'a="1"', 9),), (inhibition,), (source,))
    assert windows.judge(subject) == Muted(Reason.IN_MAINTENANCE, "w", NOW + 9 * HOUR)
    assert Mutes((), (), (inhibition,), (source,)).judge(subject) == Muted(Reason.INHIBITED, "rule")


def test_a_window_covers_what_hangs_on_the_checks_that_it_names():
    mutes = Mutes(maintenance=(window("w", 'check="database"', 1, 1),))
    assert mutes.judge(alert(1, check="api")) == Muted(Reason.IN_MAINTENANCE, "w", NOW + HOUR)
    assert mutes.judge(alert(2, check="web")) is None


def test_a_window_that_covers_checks_does_not_mute_alerts_that_have_none():
    assert Mutes(maintenance=(window("w", 'check="database"', 1, 1),)).judge(Subject(uid(1), {}, None)) is None


# ---- roots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mutes", "suppresses"),
    [
        (Mutes(), True),
        (Mutes(silences=(silence(5, 'check="database"'),)), False),
        (Mutes(silences=(silence(5, 'check="other"'),)), True),
        (Mutes(maintenance=(window("w", 'check="database"'),)), False),
        (Mutes(maintenance=(window("w", 'check="database"', 1, 7),)), True),
    ],
)
def test_a_root_that_is_muted_explains_nothing_unless_its_window_covers_what_hangs_on_it(mutes, suppresses):
    assert mutes.suppresses_below(alert(1, check="database")) is suppresses


def test_nothing_that_mutes_is_known_to_be_nothing():
    assert Mutes(firing=FIRING).are_none
    assert not Mutes(inhibitions=RULES).are_none
