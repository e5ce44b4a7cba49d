"""Runbooks: what starts them, and their form in storage."""

from __future__ import annotations

import json

from hypothesis import given

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.runbook import Runbook, Trigger
from healthmgr.domain.runbook_document import runbook_from_document, runbook_to_document
from tests.domain.runbook_strategies import runbooks

_WEB = Matcher("service", Operator.EQUAL, "web")


@given(runbooks)
def test_a_runbook_is_read_back_as_it_was_stored(runbook: Runbook) -> None:
    stored = json.loads(json.dumps(runbook_to_document(runbook)))
    assert runbook_from_document(stored) == runbook


def test_a_trigger_asks_for_all_that_it_names() -> None:
    trigger = Trigger(checks=("shop", "pay"), matchers=(_WEB,), severities=(Severity.CRITICAL,))
    assert trigger.fits("shop", {"service": "web"}, Severity.CRITICAL)
    assert not trigger.fits("other", {"service": "web"}, Severity.CRITICAL)
    assert not trigger.fits("shop", {"service": "db"}, Severity.CRITICAL)
    assert not trigger.fits("shop", {"service": "web"}, Severity.HIGH)


def test_a_trigger_that_names_nothing_starts_nothing() -> None:
    assert not Trigger().fits("shop", {"service": "web"}, Severity.CRITICAL)
    assert not Trigger(severities=(Severity.CRITICAL,)).fits("shop", {}, Severity.CRITICAL)


def test_a_check_that_names_the_runbook_starts_it_at_its_severities() -> None:
    trigger = Trigger(severities=(Severity.CRITICAL,))
    assert trigger.fits("shop", {}, Severity.CRITICAL, is_named=True)
    assert not trigger.fits("shop", {}, Severity.HIGH, is_named=True)
