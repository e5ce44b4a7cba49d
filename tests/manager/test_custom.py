"""Checks written in Python: what the decorator keeps, and how modules become checks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from sqlalchemy import Engine

from healthmgr import custom
from healthmgr.bootstrap import Healthmgr
from healthmgr.checks.python import PythonCheck, PythonConfig
from healthmgr.custom import checks_of, health_check, load_module, module_names
from healthmgr.domain.check import Status
from healthmgr.errors import DefinitionError
from healthmgr.ports import ProbeContext
from healthmgr.services.registering import Listing, unlisted
from healthmgr.settings import Settings
from healthmgr.storage.registering_rows import RegisteringRows
from tests.builders import NOW
from workers.app import app
from workers.liveness import LivenessStep
from workers.process import Process

SOURCE = """
import time
from healthmgr.custom import HealthStatus, health_check
from tests.manager.test_custom import elsewhere

@health_check(id="queue-depth", name="Queue depth", service="Orders", category="application", interval=60000,
              timeout="5s", retries=2, thresholds={"critical": {"depth": 500, "responseTime": 5000}},
              severity="critical", recovery_procedure="restart-orders")
def queue_depth():
    return {"status": HealthStatus.HEALTHY, "message": "working", "metrics": {"depth": 3}}

@health_check(id="queue-age", dependencies=["queue-depth"], enabled=False)
async def queue_age():
    return HealthStatus.DEGRADED, "old"
"""


@health_check(id="elsewhere")
def elsewhere() -> bool:
    return True


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The module `shop_health` on the path, its file given."""
    path = tmp_path / "shop_health.py"
    path.write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    sys.modules.pop("shop_health", None)


def rewrite(path: Path, source: str) -> None:
    sys.modules.pop("shop_health", None)
    path.write_text(source, encoding="utf-8")
    for compiled in path.parent.glob("__pycache__/*"):
        compiled.unlink()


def register(healthmgr: Healthmgr, *names: str) -> None:
    healthmgr.registering.register_modules(names, actor="test", origin="module", now=healthmgr.now())


def test_a_decorated_function_stays_what_it_was() -> None:
    assert elsewhere() is True


def test_only_a_modules_own_checks_are_found(shop: Path) -> None:
    assert [check.slug for check in load_module("shop_health")] == ["queue-depth", "queue-age"]


def test_a_module_becomes_checks_and_its_functions_are_probed(shop: Path, healthmgr: Healthmgr) -> None:
    register(healthmgr, "shop_health")
    depth = healthmgr.reading.check("queue-depth")
    assert (depth.name, depth.service, depth.interval, depth.timeout) == ("Queue depth", "Orders", 60.0, 5.0)
    assert (depth.max_attempts, depth.severity, depth.kind) == (3, "critical", "python")
    assert depth.thresholds == {"critical": {"depth": "> 500", "response_time": "> 5000ms"}}
    age = healthmgr.reading.check("queue-age")
    assert (age.depends_on, age.is_enabled) == (["queue-depth"], False)
    context = ProbeContext("x", timedelta(seconds=5), datetime.now(UTC))
    found = [PythonCheck().probe(PythonConfig(function=c.function), context) for c in load_module("shop_health")]
    assert [(outcome.status, outcome.message) for outcome in found] == [
        (Status.HEALTHY, "working"),
        (Status.DEGRADED, "old"),
    ]


def test_what_a_module_no_longer_defines_is_disabled(shop: Path, healthmgr: Healthmgr) -> None:
    register(healthmgr, "shop_health")
    rewrite(shop, SOURCE[: SOURCE.index('@health_check(id="queue-age"')])
    register(healthmgr, "shop_health")
    assert healthmgr.reading.check("queue-depth").is_enabled
    rewrite(shop, "")
    register(healthmgr, "shop_health")
    assert not healthmgr.reading.check("queue-depth").is_enabled


def test_one_module_at_fault_keeps_no_other_from_being_registered(shop: Path, healthmgr: Healthmgr) -> None:
    with pytest.raises(DefinitionError, match=r"module no_such_module: HEALTHMGR_MODULES: cannot be imported: Module"):
        register(healthmgr, "no_such_module", "shop_health")
    assert healthmgr.reading.check("queue-depth").is_enabled


def test_a_fault_is_said_with_its_module_and_field_and_changes_nothing(shop: Path, healthmgr: Healthmgr) -> None:
    rewrite(shop, SOURCE.replace('category="application"', 'category="Tier #1"'))
    with pytest.raises(DefinitionError, match=r"^module shop_health: checks\.queue-depth\.category: expected lower"):
        register(healthmgr, "shop_health")
    assert healthmgr.reading.checks().items == []


def test_two_functions_with_one_id_are_refused(shop: Path, healthmgr: Healthmgr) -> None:
    rewrite(shop, SOURCE.replace('"queue-age", dependencies=["queue-depth"]', '"queue-depth"'))
    with pytest.raises(DefinitionError, match="given twice"):
        register(healthmgr, "shop_health")


def test_a_function_within_a_function_is_refused_where_it_stands() -> None:
    with pytest.raises(DefinitionError, match="at the top of a module"):

        @health_check(id="inner")
        def inner() -> None: ...


def test_modules_are_named_once_each_with_those_of_packages_last(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        value = "packaged.health"

    monkeypatch.setattr(custom, "offered", lambda group: [Point()] if group == "healthmgr.modules" else [])
    assert module_names(["b.health", "a.health", "b.health"]) == ["b.health", "a.health", "packaged.health"]


def test_a_worker_registers_what_its_environment_names_once(
    shop: Path, healthmgr: Healthmgr, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("HEALTHMGR_MODULES", "shop_health")
    process = Process(app)
    try:
        process.register_modules(healthmgr.now())
        assert healthmgr.reading.check("queue-depth").is_enabled
        rewrite(shop, "this is no Python")
        process.register_modules(healthmgr.now())
    finally:
        process.close()
    assert healthmgr.reading.check("queue-depth").is_enabled


# ---- modules that are given up -----------------------------------------------------------------------


def listing(last: float, since: float | None, *modules: str, tells: bool = True) -> Listing:
    """A worker heard of `last` seconds ago that began `since` minutes ago."""
    began = None if since is None else NOW - timedelta(minutes=since)
    return Listing(NOW - timedelta(seconds=last), began, frozenset(modules) if tells else None)


@pytest.mark.parametrize(
    ("listings", "gone"),
    [
        ([listing(5, 30, "shop")], ["bank"]),
        ([listing(5, 30), listing(5, 30, "shop")], ["bank"]),
        ([listing(5, 30), listing(5, 2, "shop", "bank")], []),  # a worker that has just been told of both
        ([listing(5, 30, "shop"), listing(300, 60, "bank")], []),  # one that may be on its way back
        ([listing(5, 30, "shop"), listing(601, 60, "bank")], ["bank"]),
        ([listing(5, 2, "shop")], []),  # the first one up after a rest
        ([listing(5, 9.9, "shop")], []),
        ([listing(5, 10, "shop")], ["bank"]),
        ([listing(60, 30, "shop")], []),  # nobody who is alive says so
        ([listing(5, 30, "shop"), listing(5, None, tells=False)], []),  # an older version does not tell
        ([], []),
    ],
)
def test_a_module_is_given_up_when_nobody_can_have_it_any_more(listings: list[Listing], gone: list[str]) -> None:
    sources = ["module:bank", "module:shop"]
    assert unlisted(sources, listings, NOW) == [f"module:{name}" for name in gone]


def worker_says(healthmgr: Healthmgr, now: datetime, since: datetime, *modules: str, name: str = "w@host") -> None:
    detail = {"queues": ["checks"], "since": since.isoformat(), "modules": list(modules)}
    healthmgr.upkeep.pulse("worker", name, detail, now)


def is_enabled(healthmgr: Healthmgr) -> bool:
    return healthmgr.reading.check("queue-depth").is_enabled


def test_the_checks_of_a_module_that_no_worker_lists_any_more_are_disabled(shop: Path, healthmgr: Healthmgr) -> None:
    register(healthmgr, "shop_health")
    began = healthmgr.now()
    worker_says(healthmgr, began, began)
    healthmgr.registering.retire_unlisted(actor="w", now=began)
    assert is_enabled(healthmgr)
    later = began + timedelta(minutes=10)
    worker_says(healthmgr, later, began)
    (applied,) = healthmgr.registering.retire_unlisted(actor="w", now=later)
    assert applied.disabled == ("checks.queue-depth",)
    assert not is_enabled(healthmgr)
    assert healthmgr.registering.retire_unlisted(actor="w", now=later) == []


def test_a_worker_of_another_queue_says_nothing_about_modules(shop: Path, healthmgr: Healthmgr) -> None:
    register(healthmgr, "shop_health")
    began = healthmgr.now() - timedelta(minutes=30)
    detail = {"queues": ["notifications"], "since": began.isoformat(), "modules": []}
    healthmgr.upkeep.pulse("worker", "n@host", detail, healthmgr.now())
    healthmgr.registering.retire_unlisted(actor="w", now=healthmgr.now())
    assert is_enabled(healthmgr)


def test_checks_of_files_and_of_programs_are_not_given_up(shop: Path, healthmgr: Healthmgr) -> None:
    now = healthmgr.now()
    healthmgr.registering.register("code:shop", load_module("shop_health"), actor="test", origin="code", now=now)
    worker_says(healthmgr, now, now - timedelta(minutes=30))
    assert healthmgr.registering.retire_unlisted(actor="w", now=now) == []
    assert is_enabled(healthmgr)


def test_a_worker_that_was_taken_for_gone_registers_its_module_again(
    shop: Path, healthmgr: Healthmgr, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("HEALTHMGR_MODULES", "shop_health")
    process = Process(app)
    now = healthmgr.now()
    try:
        process.register_modules(now)
        worker_says(healthmgr, now, now - timedelta(minutes=30), name="other@host")
        healthmgr.registering.retire_unlisted(actor="other", now=now)
        assert not is_enabled(healthmgr)
        worker_says(healthmgr, now, now, "shop_health")
        process.register_modules(now)
    finally:
        process.close()
    assert is_enabled(healthmgr)


def test_a_worker_tells_which_modules_it_knows_and_since_when_it_runs(
    healthmgr: Healthmgr, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("HEALTHMGR_MODULES", "shop_health, bank_health")
    process = Process(app)
    step, once = LivenessStep(None), Event()
    step._turned_at = time.monotonic()
    once.set()
    try:
        step._tell(process, "w@host", ["checks"], once)
    finally:
        process.close()
    (listing,) = RegisteringRows(engine).listings(healthmgr.now() - timedelta(minutes=1))
    assert listing.modules == {"shop_health", "bank_health"}
    assert listing.since == listing.at


def test_a_module_that_defines_nothing_has_no_checks() -> None:
    assert checks_of(ModuleType("empty")) == []


def spelt_otherwise() -> dict[str, object]:
    return {
        "status": "HEALTHY",
        "message": "fine",
        "timestamp": datetime.now(UTC),
        "responseTime": 150,
        "metrics": {"a": 1},
    }


def test_a_result_in_the_older_spelling_is_understood() -> None:
    context = ProbeContext("x", timedelta(seconds=5), datetime.now(UTC))
    found = PythonCheck().probe(PythonConfig(function="tests.manager.test_custom:spelt_otherwise"), context)
    assert (found.status, found.response_time, dict(found.metrics)) == (Status.HEALTHY, 0.15, {"a": 1.0})
