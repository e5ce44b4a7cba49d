"""Service levels over real rollups: how they stand, and the alert that comes and goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.errors import NotFound
from healthmgr.settings import Settings
from tests.measuring.making import NOW, Made, store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FILE = """
version: 1
channels: {{inbox: {{kind: email, config: {{host: 127.0.0.1, from: a@example.com}}}}}}
people: {{alice: {{contacts: {{inbox: alice@example.com}}}}}}
routing: {{default: {{to: alice, via: inbox}}}}
checks:
  shop: {{kind: tcp, service: shop, interval: 1m, config: {{host: 127.0.0.1, port: 1}}}}
  cart: {{kind: tcp, service: shop, interval: 1m, config: {{host: 127.0.0.1, port: 1}}}}
{maintenance}
slos:
  works: {{service: shop, objective: 99%}}
  strict: {{service: shop, objective: 99%, counts_maintenance: true, degraded_is_bad: true, alerting: false}}
  fast: {{checks: shop, objective: 90%, window: 7d, kind: latency, threshold: "< 500ms"}}
"""


@pytest.fixture
def healthmgr(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Healthmgr]:
    built = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}))
    yield built
    built.close()


def given(healthmgr: Healthmgr, tmp_path: Path, maintenance: str = "") -> dict[str, object]:
    """The definitions, and the ids of the checks."""
    path = tmp_path / "healthmgr.yaml"
    path.write_text(FILE.format(maintenance=maintenance))
    healthmgr.defining.apply(path, actor="test", origin="test", now=NOW)
    with healthmgr.engine.connect() as connection:
        return {row.slug: row.id for row in connection.execute(text("SELECT slug, id FROM checks"))}


def looks(healthmgr: Healthmgr, check_id: object, *statuses: tuple[int, str], took: float = 0.1) -> None:
    """A look a minute up to now; from so many minutes ago on each said this."""
    with healthmgr.engine.begin() as connection:
        made = []
        for index, (ago, status) in enumerate(statuses):
            until = statuses[index + 1][0] if index + 1 < len(statuses) else 0
            made += [
                Made(NOW - MINUTE * n, status=status, took=took, sequence=10_000 - n) for n in range(ago, until, -1)
            ]
        store(connection, check_id, *made)  # type: ignore[arg-type]
    healthmgr.measuring.rolling.roll(NOW)


def alerts(healthmgr: Healthmgr) -> list[tuple[str, str, bool]]:
    """Severity, summary and whether it is open, of each alert of a service level."""
    query = "SELECT severity, summary, resolved_at IS NULL FROM alerts WHERE origin = 'slo' ORDER BY opened_at"
    with healthmgr.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_a_burning_budget_opens_one_alert_which_ends_when_it_burns_no_more(
    healthmgr: Healthmgr, tmp_path: Path
) -> None:
    checks, upholding = given(healthmgr, tmp_path), healthmgr.measuring.upholding
    looks(healthmgr, checks["shop"], (1500, "healthy"), (30, "unhealthy"))
    looks(healthmgr, checks["cart"], (1500, "healthy"))
    assert upholding.uphold(NOW), "its group is due"
    upholding.uphold(NOW)
    ((severity, summary, is_open),) = alerts(healthmgr)
    assert (severity, is_open) == ("high", True)
    assert summary.startswith("works: the error budget is used up 25 times too fast over 1h (50 times over 5m)")
    assert upholding.uphold(NOW + 2 * HOUR)
    ((_, _, is_open),) = alerts(healthmgr)
    assert not is_open


def test_a_level_that_is_no_longer_defined_leaves_no_alert(healthmgr: Healthmgr, tmp_path: Path) -> None:
    checks, upholding = given(healthmgr, tmp_path), healthmgr.measuring.upholding
    looks(healthmgr, checks["shop"], (1500, "healthy"), (60, "unhealthy"))
    upholding.uphold(NOW)
    path = tmp_path / "healthmgr.yaml"
    path.write_text(path.read_text().replace("  works:", "  other:").replace("objective: 99%}", "objective: 50%}"))
    healthmgr.defining.apply(path, actor="test", origin="test", now=NOW)
    upholding.uphold(NOW)
    assert [is_open for *_, is_open in alerts(healthmgr)] == [False]


def test_a_level_tells_what_was_good_and_what_is_left(healthmgr: Healthmgr, tmp_path: Path) -> None:
    checks = given(healthmgr, tmp_path)
    looks(healthmgr, checks["shop"], (1000, "healthy"), (10, "degraded"), (5, "unhealthy"), took=0.7)
    looks(healthmgr, checks["cart"], (1000, "healthy"), (20, "unknown"))
    found = {one.slo.name: one for one in healthmgr.measuring.upholding.standings(NOW)}
    assert found["works"].level == pytest.approx(1 - 5 / 1980)
    assert found["works"].budget_left == pytest.approx(1 - 5 / 1980 / 0.01)
    assert found["strict"].level == pytest.approx(1 - 10 / 1980)
    assert found["fast"].level == 0
    assert found["fast"].budget_left == pytest.approx(-9)
    with pytest.raises(NotFound, match="healthmgr slo list"):
        healthmgr.measuring.upholding.standing("other", NOW)


def test_maintenance_is_left_out_where_it_does_not_count(healthmgr: Healthmgr, tmp_path: Path) -> None:
    begin, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (NOW - HOUR, NOW + HOUR))
    window = f"maintenance: {{move: {{matchers: [check=shop], starts_at: {begin}, ends_at: {end}}}}}"
    checks = given(healthmgr, tmp_path, window)
    looks(healthmgr, checks["shop"], (1000, "healthy"), (50, "unhealthy"))
    looks(healthmgr, checks["cart"], (1000, "healthy"))
    found = {one.slo.name: one for one in healthmgr.measuring.upholding.standings(NOW)}
    assert found["works"].level == 1
    assert found["strict"].level == pytest.approx(1 - 50 / 2000)
    points = healthmgr.measuring.series.latest("shop", "response_time", 100, before=NOW)
    assert [point.is_planned for point in points] == [False] * 40 + [True] * 60
