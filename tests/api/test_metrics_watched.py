"""Metrics of what is watched: bounded, the worst first; and what the dashboard and rules ask for exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from healthmgr.api.metrics_watched import WatchedCollector
from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.slo import Slo
from healthmgr.storage.reading_watched import WatchedReading
from tests.api.conftest import Whole
from tests.builders import NOW, make_alert, make_channel, make_check, make_delivery, make_incident, make_notification
from tests.serving import Client

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy/grafana/healthmgr.json"
RULES = ROOT / "deploy/prometheus/rules.yaml"
SCRAPE = ROOT / "deploy/prometheus/prometheus.yaml"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(client_as: Client, path: str = "/metrics/checks") -> Samples:
    families = text_string_to_metric_families(client_as("viewer").get(path).text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def names(client_as: Client, path: str) -> set[str]:
    """The names of all samples, by what a scrape says of its families."""
    found = set()
    for family in text_string_to_metric_families(client_as("viewer").get(path).text):
        found |= {family.name, f"{family.name}_total", *(sample.name for sample in family.samples)}
    return found


def make_slo(engine: Engine, name: str) -> None:
    standing = {"level": 0.995, "budget_left": -4.0, "rates": {"1h": 14.0, "5m": None}, "is_burning": False}
    document = Slo(name, 0.999, timedelta(days=30), service="shop").to_document()
    with engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO slos (name, document, managed_by, updated_at, standing, judged_at)
                    VALUES (:name, :document, 'test', now(), :standing, now())"""),
            {"name": name, "document": json.dumps(document), "standing": json.dumps(standing)},
        )


def test_each_check_tells_its_state_and_how_long_it_took(engine: Engine, client_as: Client) -> None:
    make_check(engine, "shop", service="web", status="unhealthy", last_response_time=0.25)
    make_check(engine, "cart", service="web", is_paused=True)
    make_slo(engine, "works")
    found = samples(client_as)

    def value(name: str, **labels: str) -> float | None:
        return found.get(("healthmgr_" + name, frozenset(labels.items())))

    shop: dict[str, Any] = {"check": "shop", "service": "web"}
    assert value("check_state", **shop, state="unhealthy") == 1
    assert value("check_state", **shop, state="healthy") == 0
    assert value("check_state", check="cart", service="web", state="healthy") == 0
    assert value("check_response_seconds", **shop) == 0.25
    assert value("slo_budget_left", slo="works") == -4
    assert value("slo_burn_rate", slo="works", window="1h") == 14
    assert value("slo_burn_rate", slo="works", window="5m") is None
    assert value("checks_left_out") == value("slos_left_out") == 0


def test_there_are_never_more_series_than_may_be_and_the_worst_are_among_them(engine: Engine) -> None:
    for number in range(8):
        make_check(engine, f"check-{number}", status="unhealthy" if number == 6 else "healthy")
        make_slo(engine, f"slo-{number}")
    watched = WatchedReading(engine).watched(most_checks=3, most_slos=2)
    assert [check.slug for check in watched.checks] == ["check-6", "check-0", "check-1"]
    assert (watched.checks_left_out, watched.slos_left_out) == (5, 6)
    families = {family.name: len(family.samples) for family in WatchedCollector(watched).collect()}
    assert families["healthmgr_check_state"] == 3 * 4
    assert families["healthmgr_slo_level"] == 2


def test_metrics_say_how_far_rolling_up_lags(whole: Whole) -> None:
    healthmgr: Healthmgr = whole.healthmgr
    healthmgr.measuring.rolling.roll(healthmgr.now())
    text_of = whole.client("viewer").get("/metrics").text
    (lag,) = re.findall(r"^healthmgr_rollup_lag_seconds (\S+)$", text_of, re.MULTILINE)
    assert 0 <= float(lag) < 60


def _asked(expression: str) -> set[str]:
    return set(re.findall(r"\bhealthmgr_[a-z0-9_]+", expression))


def _expressions(node: Any) -> set[str]:
    """Every expression below a panel, a variable or a rule."""
    if isinstance(node, dict):
        own = {node[key] for key in ("expr", "query", "definition") if isinstance(node.get(key), str)}
        return own.union(*(_expressions(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_expressions(value) for value in node))
    return set()


@pytest.mark.parametrize("path", [DASHBOARD, RULES], ids=lambda path: path.name)
def test_what_dashboard_and_rules_ask_for_is_told(engine: Engine, client_as: Client, path: Path) -> None:
    incident = make_incident(engine)
    make_alert(engine, make_check(engine, "shop"))
    make_channel(engine, "mail", kind="email")
    told = make_notification(engine, incident, channel="mail", state="sent", sent_at=NOW - timedelta(minutes=5))
    make_delivery(engine, told)
    make_slo(engine, "works")
    content = path.read_text(encoding="utf-8")
    document = json.loads(content) if path.suffix == ".json" else yaml.safe_load(content)
    asked = set().union(*(_asked(expression) for expression in _expressions(document)))
    known = names(client_as, "/metrics") | names(client_as, "/metrics/checks")
    assert len(asked) >= 8
    assert asked <= known


def test_both_addresses_are_scraped_with_a_token() -> None:
    jobs = yaml.safe_load(SCRAPE.read_text(encoding="utf-8"))["scrape_configs"]
    assert {job["metrics_path"] for job in jobs} == {"/metrics", "/metrics/checks"}
    assert all(job["authorization"]["credentials_file"] for job in jobs)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus is not installed")
@pytest.mark.parametrize("words", [("rules", RULES), ("config", "--syntax-only", SCRAPE)], ids=["rules", "config"])
def test_prometheus_itself_takes_the_files(words: tuple[str | Path, ...]) -> None:
    said = subprocess.run(["promtool", "check", *words], capture_output=True, text=True, check=False, timeout=30)
    assert said.returncode == 0, said.stdout + said.stderr


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
