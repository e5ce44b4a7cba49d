"""A Prometheus and an amtool that nobody has modified, at the doors of a whole installation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.doors.prometheus import Amtool, address, make_token, needs_prometheus, watching
from tests.faults.installation import definitions, installed
from tests.faults.outside import Outside, eventually, outside_world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300), needs_prometheus]

REPEATED_EVERY = 4  # seconds: the first look at which strictly more than the repeat_interval has passed


def document(outside: Outside) -> dict[str, Any]:
    """No check of our own: what comes in is told at once, and again and again."""
    found = definitions(outside, [])
    pages = {"name": "pages", "matchers": ["severity = critical"], "to": ["ops"], "via": ["hook"], "group_wait": "0s"}
    pages |= {"group_interval": "2s", "repeat_interval": "2s"}
    found["routing"] = {"routes": [pages], "default": {"to": ["ops"], "via": ["mail"]}}
    return found


def told(outside: Outside, kind: str) -> int:
    """How many messages of a kind have arrived."""
    return [body["type"] for _, body in list(outside.hooks)].count(f"incident.{kind}")


def let_pass(seconds: float) -> None:
    """Time in which something should not happen."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > until, seconds + 5, f"{seconds} s have passed")


def test_prometheus_pages_amtool_silences_and_the_ends_are_told(tmp_path: Path) -> None:
    with outside_world() as outside, installed(tmp_path, outside, document(outside)) as installation:
        url = address(installation)
        amtool = Amtool(tmp_path, url, make_token(installation, "amtool", "admin"))
        with watching(tmp_path, outside, f"{url}/alertmanager", make_token(installation, "prometheus", "ingest")):
            a_rule_that_fires_pages_and_repeats(outside)
            amtool_sees_the_alert_and_the_routes(amtool)
            a_silence_stops_the_pages_and_its_end_is_told(outside, amtool)
            the_end_of_what_the_rule_found_is_told(outside, amtool)
        an_alert_of_amtool_pages_as_well(outside, amtool)


def a_rule_that_fires_pages_and_repeats(outside: Outside) -> None:
    outside.broken.add("shop")
    eventually(lambda: told(outside, "problem") >= 1, 30, "the page about what Prometheus found")
    (alert,) = outside.hooks[0][1]["data"]["alerts"]
    assert (alert["check_name"], alert["severity"], alert["service"]) == ("ShopDown", "critical", "shop")
    assert (alert["summary"], alert["runbook_url"]) == ("The shop does not answer", "https://wiki/shop")
    assert "/graph?g0.expr=up" in alert["source_url"]
    eventually(lambda: told(outside, "problem") >= 2, 30, "the page again, for nobody has answered")


def amtool_sees_the_alert_and_the_routes(amtool: Amtool) -> None:
    (alert,) = amtool.json("alert", "query", "service=shop", "severity=critical")
    assert alert["labels"]["alertname"] == "ShopDown"
    assert alert["receivers"] == [{"name": "ops via hook"}]
    assert amtool.json("alert", "query", "service=blog") == []
    assert 'severity="critical"' in amtool("config", "routes", "show")
    assert amtool("config", "routes", "test", "severity=critical").strip() == "ops via hook"
    assert amtool("config", "routes", "test", "severity=low").strip() == "ops via mail"


def a_silence_stops_the_pages_and_its_end_is_told(outside: Outside, amtool: Amtool) -> None:
    silence = amtool("silence", "add", "--duration=10m", "--author=alice", "--comment=on it", "service=shop").strip()
    (kept,) = amtool.json("silence", "query")
    assert (kept["id"], kept["createdBy"], kept["comment"]) == (silence, "alice", "on it")
    assert amtool.json("alert", "query") == []
    (alert,) = amtool.json("alert", "query", "--silenced")
    assert (alert["status"]["state"], alert["status"]["silencedBy"]) == ("suppressed", [silence])
    assert silence in amtool("silence", "update", "--duration=20m", silence), "the same silence, for longer"
    let_pass(1.5)  # what was being sent while the silence came may still arrive
    settled = told(outside, "problem")
    let_pass(2.5 * REPEATED_EVERY)
    assert told(outside, "problem") == settled, "it is silenced"
    amtool("silence", "expire", silence)
    eventually(lambda: told(outside, "problem") > settled, 20, "what is still broken when the silence ends is told")
    assert amtool.json("silence", "query") == []
    (over,) = amtool.json("silence", "query", "--expired")
    assert over["status"]["state"] == "expired"


def the_end_of_what_the_rule_found_is_told(outside: Outside, amtool: Amtool) -> None:
    outside.broken.clear()
    eventually(lambda: told(outside, "resolution") == 1, 30, "that it is over")
    assert amtool.json("alert", "query") == []


def an_alert_of_amtool_pages_as_well(outside: Outside, amtool: Amtool) -> None:
    before = told(outside, "problem")
    amtool("alert", "add", "--annotation=summary=by hand", "alertname=ByHand", "service=blog", "severity=critical")
    eventually(lambda: told(outside, "problem") > before, 20, "the page about what amtool brought")
    (alert,) = outside.hooks[-1][1]["data"]["alerts"]
    assert (alert["check_name"], alert["summary"]) == ("ByHand", "by hand")
    refused = amtool.attempt("silence", "add", "--comment=all", "alertname=~.*")
    assert refused.returncode != 0
    assert "mute everything" in refused.stderr, "amtool shows what we say"
