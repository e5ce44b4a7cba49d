"""The graph over real rows: what falls, who would hear, what is learned, and what people decide."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.cofailure import SuggestionState
from healthmgr.errors import Conflict, NotFound
from healthmgr.settings import Settings

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class World:
    def __init__(self, healthmgr: Healthmgr, engine: Engine, folder: Path) -> None:
        self.healthmgr, self.engine, self.folder = healthmgr, engine, folder

    @property
    def charting(self) -> Any:
        return self.healthmgr.insight.charting

    def define(self, **depends_on: Any) -> None:
        """Checks by name with what they hang on; "-" in a name is "_" here."""
        checks = {
            name.replace("_", "-"): {
                "kind": "tcp",
                "config": {"host": "127.0.0.1", "port": 1},
                "service": f"s-{name[:3]}",
                "depends_on": parents,
            }
            for name, parents in depends_on.items()
        }
        document = {
            "version": 1,
            "channels": {"post": {"kind": "loopback"}},
            "recipients": {"ann": {"contacts": {"post": "a"}}, "bob": {"contacts": {"post": "b"}}},
            "teams": {"web": {"members": ["bob"]}},
            "routing": {
                "routes": [{"matchers": ["service=s-api"], "to": "bob", "via": "post"}],
                "default": {"to": "ann", "via": "post"},
            },
            "checks": checks,
        }
        path = self.folder / "healthmgr.yaml"
        path.write_text(yaml.safe_dump(document))
        self.healthmgr.defining.apply(path, actor="test", origin="file", now=NOW)

    def execute(self, sql: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def fail(self, slug: str, at: datetime) -> None:
        self.execute(
            "INSERT INTO transitions (id, check_id, at, sequence, old_status, new_status, is_hard, attempt, reason,"
            " message) SELECT gen_random_uuid(), id, :at, 1, 'healthy', 'unhealthy', false, 1, '', '' FROM checks"
            " WHERE slug = :slug",
            at=at,
            slug=slug,
        )

    def fail_together(self, parent: str, child: str, times: int = 5) -> None:
        for number in range(1, times + 1):
            self.fail(parent, NOW - number * 30 * HOUR)
            self.fail(child, NOW - number * 30 * HOUR + timedelta(seconds=20))

    def suggested(self, **options: Any) -> list[tuple[str, str, str]]:
        found = self.charting.suggestions(**options)
        return [(each.suggestion.child, each.suggestion.parent, each.state.value) for each in found]

    def accept(self, child: str, parent: str) -> None:
        self.charting.accept(child, parent, actor="ann", origin="test", now=NOW, comment="they share a disk")

    def edges(self) -> set[tuple[str, str, bool]]:
        graph = self.charting.chart().graph
        return {(child, edge.parent, edge.is_learned) for child, edges in graph.parents.items() for edge in edges}


@pytest.fixture
def world(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[World]:
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}))
    yield World(healthmgr, engine, tmp_path)
    healthmgr.close()


def test_impact_names_checks_services_and_people(world):
    world.define(database=[], api=["database"], web=["api"], mail=[])
    found = world.charting.impact("database")
    assert [each.slug for each in found.impact.fallen] == ["api", "web"]
    assert found.impact.words == "2 checks in 2 services"
    assert dict(found.hearers.people) == {"ann": 1}
    assert dict(found.hearers_of_fallen.people) == {"bob": 1, "ann": 1}
    assert found.hearers_of_fallen.teams == ("web",)
    with pytest.raises(NotFound, match="no check 'nowhere'"):
        world.charting.impact("nowhere")


def test_single_points_respect_redundancy(world):
    pool = [{"check": "one", "redundancy_group": "pool"}, {"check": "two", "redundancy_group": "pool"}]
    world.define(database=[], one=["database"], two=["database"], api=pool)
    assert [(each.slug, each.checks) for each in world.charting.single_points()] == [("database", 3)]
    assert world.charting.chart().critical_path[0] == "database"


def test_what_is_learned_is_suggested_once_and_refreshed(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    assert world.charting.learn(NOW) == 1
    assert world.charting.learn(NOW + MINUTE) == 0
    assert world.suggested() == [("api", "database", "open")]


def test_what_is_not_learned_any_more_goes_unless_somebody_decided(world):
    world.define(database=[], api=[], web=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.execute("DELETE FROM transitions")
    world.charting.learn(NOW + HOUR)
    assert world.suggested(all_states=True) == []


def test_an_accepted_dependency_holds_as_a_defined_one_does(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.accept("api", "database")
    assert world.edges() == {("api", "database", True)}
    assert world.suggested() == []
    assert world.suggested(all_states=True) == [("api", "database", "accepted")]
    with world.engine.connect() as connection:
        query = "SELECT actor, action, target, detail FROM audit_entries WHERE action LIKE 'dependency.%'"
        row = connection.execute(text(query)).one()
    assert tuple(row) == ("ann", "dependency.accepted", "api", {"parent": "database", "comment": "they share a disk"})
    with pytest.raises(Conflict, match="accepted already"):
        world.accept("api", "database")


def test_applying_a_file_leaves_what_people_accepted(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.accept("api", "database")
    world.define(database=[], api=[], web=["api"])
    assert world.edges() == {("api", "database", True), ("web", "api", False)}
    world.define(database=[], api=["database"])
    assert world.edges() == {("api", "database", False)}


def test_a_file_that_says_the_opposite_wins(world):
    world.define(database=[], api=[], web=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.accept("api", "database")
    world.define(api=[], web=["api"], database=["web"])
    assert world.edges() == {("web", "api", False), ("database", "web", False)}
    ((child, parent, state),) = world.suggested(all_states=True)
    assert (child, parent, state) == ("api", "database", "dismissed")


def test_nothing_is_accepted_that_would_close_a_circle(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.define(database=["api"], api=[])
    with pytest.raises(Conflict, match="would be a circle"):
        world.accept("api", "database")


def test_a_dismissed_one_is_not_suggested_again_and_an_accepted_one_can_be_taken_back(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.charting.learn(NOW)
    world.accept("api", "database")
    decided = world.charting.dismiss("api", "database", actor="bob", origin="test", now=NOW)
    assert decided.state is SuggestionState.DISMISSED
    assert world.edges() == set()
    world.charting.learn(NOW + HOUR)
    assert world.suggested() == []
    with pytest.raises(Conflict, match="dismissed already"):
        world.charting.dismiss("api", "database", actor="bob", origin="test", now=NOW)
    with pytest.raises(NotFound, match="Nobody suggested"):
        world.charting.accept("database", "api", actor="bob", origin="test", now=NOW)


def test_what_fails_in_maintenance_teaches_nothing(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.execute(
        'INSERT INTO maintenance_windows (name, matchers, "window", is_enabled, managed_by, updated_at)'
        " VALUES ('move', CAST(:matchers AS jsonb), CAST(:window AS jsonb), true, 'x', :now)",
        matchers='[{"name": "check", "operator": "=", "value": "api"}]',
        window='{"starts_at": "2026-03-01T00:00:00+00:00", "ends_at": "2026-03-20T08:00:00+00:00"}',
        now=NOW,
    )
    assert world.charting.learn(NOW) == 0


def test_what_fails_right_after_an_outage_of_the_monitor_teaches_nothing(world):
    world.define(database=[], api=[])
    world.fail_together("database", "api")
    world.execute(
        "INSERT INTO metric_series (check_id, metric) SELECT id, 'response_time' FROM checks WHERE slug = 'api'"
    )
    for number in range(1, 6):
        for minutes in (-40, -39, 0, 1):
            world.execute(
                "INSERT INTO metric_minutes (series_id, at, is_planned, amount, total, lowest, highest)"
                " SELECT id, :at, false, 1, 1, 1, 1 FROM metric_series",
                at=NOW - number * 30 * HOUR + minutes * MINUTE,
            )
    assert world.charting.learn(NOW) == 0
